//! Registering all keys of a tracked path at once.

use uuid::Uuid;

use crate::support::{Fault, MemPath, On, Op, Pool, Tracked, World, test};

fn saved(world: &World, count: usize) -> (Pool, Tracked, Vec<Uuid>) {
    let (pool, path) = (world.pool(1), MemPath::default());
    let tracked = world.track(&path);
    let items: Vec<_> = (0..count).map(|n| pool.insert(n.to_string())).collect();
    for item in &items {
        item.blocking_persist(&tracked).expect("it is saved");
    }
    let keys = items.iter().map(|item| item.key()).collect();
    drop(items);
    world.assert_empty(&pool);
    world.mem.forget_calls();
    (pool, tracked, keys)
}

#[test]
fn registered_tokens_keep_their_files() {
    test(|| {
        let world = World::new();
        let (pool, tracked, keys) = saved(&world, 20);
        let tokens = world
            .store
            .blocking_register_all(&tracked)
            .expect("registered");
        assert_eq!((tokens.len(), tokens.is_empty()), (20, false));
        assert_eq!(world.mem.count(Op::RegisterMany), 1);
        let links = world.mem.count(Op::Register);
        let items: Vec<_> = keys
            .iter()
            .map(|key| pool.blocking_register(&tracked, *key).expect("registered"))
            .collect();
        assert_eq!(world.mem.count(Op::Register), links, "no file is touched");
        drop(tokens);
        world.settle();
        for (n, item) in items.iter().enumerate() {
            assert_eq!(*item.blocking_load(), n.to_string());
        }
        drop(items);
        world.assert_empty(&pool);
        assert_eq!(tracked.all_keys().len(), 20);
    });
}

#[test]
fn files_without_an_item_are_deleted_with_their_tokens() {
    test(|| {
        let world = World::new();
        let (pool, tracked, keys) = saved(&world, 3);
        let item = pool
            .blocking_register(&tracked, keys[0])
            .expect("registered");
        let tokens = world
            .store
            .blocking_register_all(&tracked)
            .expect("registered");
        assert_eq!(world.mem.files().len(), 3);
        drop(tokens);
        world.settle();
        assert_eq!(world.mem.files(), [keys[0]].into());
        drop(item);
        world.assert_empty(&pool);
    });
}

#[test]
fn a_failed_registration_of_all_keys_registers_none() {
    test(|| {
        for fault in [Fault::NotFound, Fault::Panic] {
            let world = World::new();
            let (pool, tracked, keys) = saved(&world, 5);
            world.mem.fail(On::nth(Op::Register, 3), fault);
            let error = world.store.blocking_register_all(&tracked);
            let error = error.expect_err("one of them fails");
            assert_eq!(error.is_panic(), matches!(fault, Fault::Panic));
            world.assert_empty(&pool);
            let item = pool
                .blocking_register(&tracked, keys[4])
                .expect("it works now");
            assert_eq!(*item.blocking_load(), "4");
        }
    });
}

#[test]
fn registering_all_keys_of_an_empty_path_gives_no_tokens() {
    test(|| {
        let world = World::new();
        let tracked = world.track(&MemPath::default());
        let tokens = world
            .store
            .blocking_register_all(&tracked)
            .expect("registered");
        assert!(tokens.is_empty());
    });
}

/// The last handle of an item is dropped, and its file is being deleted, when all keys
/// are registered. The link used to find the old file and take it for success, so the
/// token was for a file that the deletion then removed.
#[test]
fn registering_all_keys_links_a_key_after_its_running_deletion() {
    test(|| {
        let world = World::new();
        let (pool, tracked, keys) = saved(&world, 3);
        let item = pool
            .blocking_register(&tracked, keys[1])
            .expect("registered");
        let gate = world.mem.gate(Op::Delete, keys[1]);
        drop(item);
        gate.wait_for(1);
        let (store, place) = (world.store.clone(), tracked.clone());
        let registering = std::thread::spawn(move || store.blocking_register_all(&place));
        // It waits, or has gone wrong already.
        for _ in 0..1000 {
            std::thread::yield_now();
        }
        gate.open();
        let tokens = registering.join().expect("no panic").expect("registered");
        world.settle();
        assert_eq!(world.mem.files().len(), 3);
        let item = pool
            .blocking_register(&tracked, keys[1])
            .expect("registered");
        assert_eq!(*item.blocking_read().expect("its file is there"), "1");
        drop((tokens, item));
        world.assert_empty(&pool);
    });
}

/// A caller that wants one of the keys while all are being registered waits, and takes no
/// share of a link that fails.
#[test]
fn a_key_of_a_failing_registration_is_never_seen_as_registered() {
    test(|| {
        let world = World::new();
        let (pool, tracked, keys) = saved(&world, 1);
        let gate = world.mem.gate(Op::RegisterMany, None);
        world.mem.fail(On::next(Op::RegisterMany), Fault::Error);
        let (store, place) = (world.store.clone(), tracked.clone());
        let registering = std::thread::spawn(move || store.blocking_register_all(&place).is_err());
        gate.wait_for(1);
        let mut register = crate::support::ByHand::new(pool.register(&tracked, keys[0]));
        let early = register.poll();
        gate.open();
        assert!(registering.join().expect("no panic"));
        let item = match early {
            std::task::Poll::Ready(item) => item,
            std::task::Poll::Pending => register.finish(),
        };
        assert_eq!(
            *item
                .expect("registered")
                .blocking_read()
                .expect("its file is there"),
            "0"
        );
    });
}
