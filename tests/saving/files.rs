//! Real directories: what was persisted can be registered after a restart.

use std::sync::Arc;

use file_backed::fbstore::{FBStore, PreparedPath};
use file_backed::{BackingStore, FBPool};

use crate::support::{Plain, World, test};

#[test]
fn a_persisted_item_can_be_registered_after_a_restart() {
    test(|| {
        let world = World::new();
        let dir = tempfile::tempdir().expect("a directory");
        let (cache, saved) = (dir.path().join("cache"), dir.path().join("saved"));
        let mut keys = Vec::new();
        for restart in 0..3 {
            let cache = PreparedPath::blocking_open(cache.clone()).expect("a cache");
            let files = FBStore::open(Plain, cache.clone()).expect("a store");
            let handle = world.runtime().handle().clone();
            let store = Arc::new(BackingStore::new(files, handle));
            let pool: Arc<FBPool<String, _>> = Arc::new(FBPool::new(store.clone(), 1));
            let saved = PreparedPath::blocking_open(saved.clone()).expect("a place");
            let tracked = store.blocking_track_path(saved).expect("it is tracked");
            for (n, key) in keys.iter().enumerate() {
                let item = pool.blocking_register(&tracked, *key).expect("registered");
                assert_eq!(*item.blocking_load(), n.to_string());
            }
            let item = pool.insert(restart.to_string());
            item.blocking_persist(&tracked).expect("it is saved");
            keys.push(item.key());
            drop(item);
            store.blocking_finished();
            assert_eq!(tracked.all_keys().len(), keys.len());
            let left = file_backed::fbstore::sanitize_path(&cache).expect("it is read");
            assert!(left.is_empty(), "the cache is empty");
        }
    });
}
