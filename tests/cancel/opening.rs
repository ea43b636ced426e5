//! Dropped openings of real directories.

use std::sync::Arc;

use file_backed::FBPool;
use file_backed::fbstore::{FBStore, PreparedPath};

use crate::support::{Plain, World, each_stop, test};

#[test]
fn a_path_can_be_opened_after_a_dropped_opening() {
    test(|| {
        each_stop(|stop| {
            let dir = tempfile::tempdir().expect("a directory");
            let path = dir.path().join("items");
            let ended = stop.drop_there(PreparedPath::open(path.clone()), || ());
            let prepared = PreparedPath::blocking_open(path).expect("it is opened");
            assert!(prepared.join("ff").is_dir());
            ended
        });
    });
}

#[test]
fn a_pool_can_be_opened_after_a_dropped_opening() {
    test(|| {
        let world = World::new();
        let _in_runtime = world.runtime().enter();
        each_stop(|stop| {
            let dir = tempfile::tempdir().expect("a directory");
            let path = dir.path().join("cache");
            let ended = stop.drop_there(FBPool::<String, _>::open(Plain, &path, 0), || ());
            let pool: Arc<FBPool<String, FBStore<Plain>>> = world
                .block_on(FBPool::open(Plain, &path, 0))
                .expect("it is opened");
            let item = pool.insert("a".to_owned());
            assert_eq!(*item.blocking_read().expect("it is loaded"), "a");
            ended
        });
    });
}

#[test]
fn the_opening_of_a_temporary_pool_can_be_dropped() {
    test(|| {
        let world = World::new();
        let _in_runtime = world.runtime().enter();
        each_stop(|stop| stop.drop_there(FBPool::<String, _>::temp(Plain, 0), || ()));
    });
}
