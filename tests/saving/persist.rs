//! Persisting saves the value at the time of the call.

use crate::support::{ByHand, MemPath, Op, World, test};

#[test]
fn persisting_twice_links_once() {
    test(|| {
        let world = World::new();
        let (pool, path) = (world.pool(1), MemPath::default());
        let tracked = world.track(&path);
        let item = pool.insert("a".to_owned());
        item.blocking_persist(&tracked).expect("it is saved");
        item.blocking_persist(&tracked).expect("it is there");
        let task = world.block_on(item.spawn_persist(&tracked));
        task.wait().expect("it is there");
        assert_eq!(world.mem.calls_on(item.key()), [Op::Store, Op::Persist]);
        assert_eq!(tracked.all_keys(), [item.key()]);
        assert_eq!(path.get::<String>(item.key()).as_deref(), Some("a"));
        let key = item.key();
        drop(item);
        world.assert_empty(&pool);
        assert_eq!(path.keys(), [key], "the saved file stays");
    });
}

#[test]
fn concurrent_persists_write_the_value_once() {
    test(|| {
        let world = World::new();
        let (pool, path) = (world.pool(1), MemPath::default());
        let tracked = [world.track(&path), world.track(&MemPath::default())];
        let item = pool.insert("a".to_owned());
        let gate = world.mem.gate(Op::Store, None);
        let tasks = [&tracked[0], &tracked[1], &tracked[0]]
            .map(|tracked| world.block_on(item.spawn_persist(tracked)));
        gate.wait_for(1);
        gate.open();
        for task in tasks {
            task.wait().expect("it is saved");
        }
        assert_eq!(world.mem.calls(Op::Store), [item.key()]);
        assert_eq!(world.mem.count(Op::Persist), 2, "one a place");
        drop(item);
        world.assert_empty(&pool);
    });
}

#[test]
fn a_later_mutation_does_not_change_the_persisted_value() {
    test(|| {
        for held in [Op::Store, Op::Persist] {
            let world = World::new();
            let (pool, path) = (world.pool(1), MemPath::default());
            let tracked = world.track(&path);
            let mut item = pool.insert("a".to_owned());
            let before = item.key();
            let gate = world.mem.gate(held, None);
            let task = world.block_on(item.spawn_persist(&tracked));
            gate.wait_for(1);
            let mut change = ByHand::new(async { item.load_mut().await.push('!') });
            // Waits for the write, but not for the link.
            assert_eq!(change.poll().is_pending(), held == Op::Store);
            gate.open();
            match held {
                Op::Store => change.finish(),
                _ => drop(change),
            }
            task.wait().expect("it is saved");
            assert_eq!(path.keys(), [before]);
            assert_eq!(path.get::<String>(before).as_deref(), Some("a"));
            item.blocking_persist(&tracked).expect("it is saved");
            assert_eq!(path.get::<String>(item.key()).as_deref(), Some("a!"));
            drop(item);
            world.assert_empty(&pool);
        }
    });
}

#[test]
fn a_persist_outlives_its_handle() {
    test(|| {
        for held in [Op::Store, Op::Persist] {
            let world = World::new();
            let (pool, path) = (world.pool(0), MemPath::default());
            let tracked = world.track(&path);
            let gate = world.mem.gate(held, None);
            let item = pool.insert("a".to_owned());
            let key = item.key();
            let task = world.block_on(item.spawn_persist(&tracked));
            drop(item);
            gate.open();
            task.wait().expect("it is saved");
            assert_eq!(path.get::<String>(key).as_deref(), Some("a"));
            world.assert_empty(&pool);
        }
    });
}

#[test]
fn an_absent_item_is_persisted_without_being_loaded() {
    test(|| {
        let world = World::new();
        let (pool, path) = (world.pool(1), MemPath::default());
        let tracked = world.track(&path);
        let item = world.absent(&pool, "a");
        item.blocking_persist(&tracked).expect("it is saved");
        let gate = world.mem.gate(Op::Load, None);
        let read = ByHand::waiting(item.read());
        let task = world.block_on(item.spawn_persist(&world.track(&MemPath::default())));
        task.wait().expect("it is saved while it loads");
        gate.open();
        drop(read);
        assert_eq!(world.mem.calls(Op::Persist).len(), 2);
        assert_eq!(path.get::<String>(item.key()).as_deref(), Some("a"));
    });
}

#[test]
fn a_failed_persist_leaves_the_value_and_can_be_repeated() {
    use crate::support::{Fault, On};
    test(|| {
        let world = World::new();
        let (pool, path) = (world.pool(1), MemPath::default());
        let tracked = world.track(&path);
        let item = pool.insert("a".to_owned());
        for (op, fault) in [(Op::Store, Fault::Full), (Op::Persist, Fault::Error)] {
            world.mem.fail(On::every(op).of(item.key()), fault);
            let errors = [
                item.blocking_persist(&tracked),
                world.block_on(async { item.spawn_persist(&tracked).await.await }),
            ];
            for error in errors.map(|result| result.expect_err("it fails")) {
                assert_eq!(error.key(), Some(item.key()));
                assert_eq!(error.is_storage_full(), op == Op::Store);
            }
            assert!(!tracked.contains_key(item.key()));
            assert_eq!(item.try_load().as_deref().map(String::as_str), Some("a"));
            world.mem.heal();
        }
        item.blocking_persist(&tracked).expect("it works now");
        assert!(tracked.contains_key(item.key()));
        drop(item);
        world.assert_empty(&pool);
    });
}
