//! Tracked paths: tracking, deleting and syncing.

use crate::support::{Fault, MemPath, On, Op, World, test};

#[test]
fn tracking_a_path_finds_the_keys_that_are_there() {
    test(|| {
        let world = World::new();
        let (pool, path) = (world.pool(1), MemPath::default());
        let tracked = world.track(&path);
        assert!(tracked.all_keys().is_empty());
        let item = pool.insert("a".to_owned());
        item.blocking_persist(&tracked).expect("it is saved");
        let again = world.block_on(world.store.track_path(path.clone()));
        assert_eq!(again.expect("it is tracked").all_keys(), [item.key()]);
        world.mem.fail(On::every(Op::Track), Fault::Error);
        assert!(world.store.blocking_track_path(path.clone()).is_err());
        assert!(world.block_on(world.store.track_read_only(path)).is_err());
    });
}

#[test]
fn deleting_a_persisted_file_leaves_the_item_its_own() {
    test(|| {
        let world = World::new();
        let (pool, path) = (world.pool(0), MemPath::default());
        let tracked = world.track(&path);
        let item = pool.insert("a".to_owned());
        item.blocking_persist(&tracked).expect("it is saved");
        let deleted = world.store.delete_persisted(&tracked, item.key());
        world.block_on(deleted).expect("it is deleted");
        world
            .block_on(world.store.delete_persisted(&tracked, item.key()))
            .expect("no error");
        assert!(path.keys().is_empty() && !tracked.contains_key(item.key()));
        assert_eq!(*item.blocking_load(), "a");
        let error = pool
            .blocking_register(&tracked, item.key())
            .expect_err("it is gone");
        assert!(error.is_not_found());
        item.blocking_persist(&tracked).expect("it is saved again");
        assert_eq!(path.keys(), [item.key()]);
    });
}

#[test]
fn a_failed_deletion_leaves_the_key_tracked() {
    test(|| {
        let world = World::new();
        let (pool, path) = (world.pool(1), MemPath::default());
        let tracked = world.track(&path);
        let item = pool.insert("a".to_owned());
        item.blocking_persist(&tracked).expect("it is saved");
        for fault in [Fault::Error, Fault::Panic] {
            world.mem.fail(On::next(Op::DeletePersisted), fault);
            let error = world.store.blocking_delete_persisted(&tracked, item.key());
            let error = error.expect_err("it fails");
            assert_eq!(
                (error.key(), error.is_panic()),
                (Some(item.key()), matches!(fault, Fault::Panic))
            );
            assert_eq!(tracked.all_keys(), [item.key()]);
        }
        world
            .store
            .blocking_delete_persisted(&tracked, item.key())
            .expect("it works now");
        assert!(tracked.all_keys().is_empty());
    });
}

#[test]
fn a_path_tracked_read_only_is_not_changed() {
    test(|| {
        let world = World::new();
        let (pool, path) = (world.pool::<String>(1), MemPath::default());
        let writable = world.track(&path);
        let saved = pool.insert("a".to_owned());
        saved.blocking_persist(&writable).expect("it is saved");
        let tracked = world.block_on(world.store.track_read_only(path.clone()));
        let tracked = std::sync::Arc::new(tracked.expect("it is tracked"));
        assert!(tracked.is_read_only() && !writable.is_read_only());
        let item = pool.insert("b".to_owned());
        assert!(item.blocking_persist(&tracked).is_err());
        assert!(
            world
                .store
                .blocking_delete_persisted(&tracked, saved.key())
                .is_err()
        );
        assert_eq!(path.keys(), [saved.key()]);
        let registered = pool
            .blocking_register(&tracked, saved.key())
            .expect("registered");
        assert_eq!(*registered.blocking_load(), "a");
    });
}

#[test]
fn a_failed_sync_is_an_error_and_can_be_repeated() {
    test(|| {
        let world = World::new();
        let tracked = world.track(&MemPath::default());
        world.mem.fail(On::every(Op::Sync), Fault::Full);
        let error = world
            .block_on(world.store.sync(&tracked))
            .expect_err("it fails");
        assert!(error.is_storage_full());
        assert!(world.store.blocking_sync(&tracked).is_err());
        world.mem.heal();
        world.store.blocking_sync(&tracked).expect("it works now");
    });
}
