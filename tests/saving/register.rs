//! Registering items of persisted files.

use uuid::Uuid;

use crate::support::{ByHand, Fault, MemPath, On, Op, Pool, Tracked, World, test};

/// A pool, and a place with one saved item whose handle is gone.
fn saved(world: &World) -> (Pool, Tracked, Uuid) {
    let (pool, path) = (world.pool(1), MemPath::default());
    let tracked = world.track(&path);
    let item = pool.insert("a".to_owned());
    item.blocking_persist(&tracked).expect("it is saved");
    let key = item.key();
    drop(item);
    world.assert_empty(&pool);
    world.mem.forget_calls();
    (pool, tracked, key)
}

#[test]
fn registering_revives_a_key_with_a_pending_delete() {
    test(|| {
        let world = World::narrow();
        let (pool, tracked, key) = saved(&world);
        let first = pool.blocking_register(&tracked, key).expect("registered");
        let clog = world.clog();
        drop(first);
        let registered = ByHand::new(pool.register(&tracked, key)).poll();
        let std::task::Poll::Ready(again) = registered else {
            panic!("there is nothing to wait for")
        };
        clog.clear();
        world.settle();
        assert_eq!(*again.expect("registered").blocking_load(), "a");
        world.assert_empty(&pool);
        assert_eq!(
            world.mem.calls_on(key),
            [Op::Register, Op::Load, Op::Delete]
        );
    });
}

#[test]
fn registering_waits_for_a_running_deletion_and_links_again() {
    test(|| {
        let world = World::new();
        let (pool, tracked, key) = saved(&world);
        let first = pool.blocking_register(&tracked, key).expect("registered");
        let gate = world.mem.gate(Op::Delete, key);
        drop(first);
        gate.wait_for(1);
        let register = ByHand::waiting(pool.register(&tracked, key));
        gate.open();
        let again = register.finish().expect("registered");
        assert_eq!(*again.blocking_load(), "a");
        assert_eq!(world.mem.count(Op::Register), 2);
        drop(again);
        world.assert_empty(&pool);
    });
}

#[test]
fn registering_an_untracked_key_is_not_found() {
    test(|| {
        let world = World::new();
        let (pool, tracked, _) = saved(&world);
        let key = Uuid::new_v4();
        let errors = [
            pool.blocking_register(&tracked, key).err(),
            world.block_on(pool.register(&tracked, key)).err(),
        ];
        for error in errors {
            let error = error.expect("nothing is there");
            assert!(error.is_not_found(), "{error}");
            assert_eq!(error.key(), Some(key));
        }
        assert_eq!(world.mem.count(Op::Register), 0);
        world.assert_empty(&pool);
    });
}

#[test]
fn a_failed_registration_leaves_nothing_and_can_be_repeated() {
    test(|| {
        let world = World::new();
        let (pool, tracked, key) = saved(&world);
        for fault in [Fault::NotFound, Fault::Panic, Fault::Error] {
            world.mem.fail(On::nth(Op::Register, 0).of(key), fault);
            let error = world
                .block_on(pool.register(&tracked, key))
                .expect_err("it fails");
            assert_eq!(error.key(), Some(key));
            assert_eq!(error.is_not_found(), matches!(fault, Fault::NotFound));
            assert_eq!(error.is_panic(), matches!(fault, Fault::Panic));
            world.assert_empty(&pool);
        }
        let item = pool.blocking_register(&tracked, key).expect("it works now");
        assert_eq!(*item.blocking_load(), "a");
    });
}

#[test]
fn a_mutation_of_a_registered_item_leaves_the_saved_file() {
    test(|| {
        let world = World::new();
        let (pool, tracked, key) = saved(&world);
        let mut item = pool.blocking_register(&tracked, key).expect("registered");
        item.blocking_load_mut().push('!');
        world.settle();
        assert!(!world.mem.has(key));
        let path = tracked.path();
        assert_eq!(path.get::<String>(key).as_deref(), Some("a"));
        drop(item);
        world.assert_empty(&pool);
    });
}

#[test]
fn a_registered_item_of_another_type_is_an_error_of_the_load() {
    test(|| {
        let world = World::new();
        let (_pool, tracked, key) = saved(&world);
        let numbers = world.pool::<u64>(1);
        let item = numbers
            .blocking_register(&tracked, key)
            .expect("registered");
        let error = item.blocking_read().expect_err("it is a word");
        assert_eq!(error.key(), Some(key));
        drop(item);
        world.assert_empty(&numbers);
    });
}
