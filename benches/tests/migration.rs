//! Directories that the published crate has written, and that it reads. These
//! tests stand here because a package that depends on both crates of the name
//! would make `cargo -p file_backed` ambiguous, and would build the published one
//! and its old runtime for every test of ours.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use ancestor::fbstore as old;
use file_backed::fbstore::{BinCodec, PreparedPath, RESERVED, key_path};
use file_backed::uuid::Uuid;
use file_backed::{BackingStore, FBPool};
use tokio::runtime::Runtime;

use watchdog::test;

#[path = "../../tests/support/watchdog.rs"]
mod watchdog;

type Value = BTreeMap<String, Vec<u64>>;

fn value(n: u64) -> Value {
    BTreeMap::from([(format!("value {n}"), (0..n * 100).collect())])
}

/// The published crate at work in one directory.
struct Published {
    runtime: Runtime,
    store: Arc<ancestor::BackingStore<old::FBStore<old::BinCodec>>>,
    pool: Arc<ancestor::FBPool<Value, old::FBStore<old::BinCodec>>>,
    tracked: Arc<ancestor::backing_store::TrackedPath<old::PreparedPath>>,
}

impl Published {
    fn new(root: &Path) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let cache = old::PreparedPath::blocking_new(root.join("cache of 0.6"), vec![]);
        let files = old::FBStore::new(old::BinCodec, cache);
        let store = ancestor::BackingStore::new(files, runtime.handle().clone());
        let store = Arc::new(store);
        let saved = old::PreparedPath::blocking_new(root.join("saved"), RESERVED.to_vec());
        let tracked = Arc::new(store.blocking_track_path(saved));
        let pool = Arc::new(ancestor::FBPool::new(store.clone(), 10));
        Self {
            runtime,
            store,
            pool,
            tracked,
        }
    }

    fn persist(&self, n: u64) -> Uuid {
        let item = self.pool.insert(value(n));
        item.blocking_persist(&self.tracked);
        item.key()
    }

    fn close(self) {
        self.store.blocking_sync(self.tracked.path());
        let Self {
            runtime,
            store,
            pool,
            tracked,
        } = self;
        drop((pool, tracked));
        runtime.block_on(store.finished());
    }
}

/// This crate at work beside it.
struct Today {
    _runtime: Runtime,
    store: Arc<BackingStore<file_backed::fbstore::FBStore<BinCodec>>>,
    pool: Arc<FBPool<Value, file_backed::fbstore::FBStore<BinCodec>>>,
}

impl Today {
    fn new(root: &Path) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let cache = PreparedPath::blocking_open(root.join("cache")).expect("a cache");
        let files = file_backed::fbstore::FBStore::open(BinCodec, cache).expect("a store");
        let store = Arc::new(BackingStore::new(files, runtime.handle().clone()));
        Self {
            _runtime: runtime,
            pool: Arc::new(FBPool::new(store.clone(), 10)),
            store,
        }
    }
}

#[test]
fn what_the_published_crate_has_persisted_is_read_and_moved() {
    test(|| {
        let dir = tempfile::tempdir().expect("a directory");
        let published = Published::new(dir.path());
        let keys = [1, 2, 3].map(|n| (n, published.persist(n)));
        published.close();

        let today = Today::new(dir.path());
        let saved = dir.path().join("saved");
        let import = PreparedPath::blocking_open_import(saved, 1 << 20).expect("it is there");
        let import = today.store.blocking_track_read_only(import);
        let import = import.expect("it is readable");
        assert_eq!(import.all_keys().len(), keys.len());
        let moved = PreparedPath::blocking_open(dir.path().join("moved"));
        let moved = today.store.blocking_track_path(moved.expect("a directory"));
        let moved = moved.expect("nobody has it");
        let mut new_keys = Vec::new();
        for (n, key) in keys {
            let item = today.pool.blocking_register(&import, key).expect("tracked");
            let read = item.blocking_read().expect("it is of the published form");
            assert_eq!(*read, value(n));
            let new = today.pool.insert(read.clone());
            new.blocking_persist(&moved).expect("it is persisted");
            new_keys.push((n, new.key()));
        }
        today.store.blocking_sync(&moved).expect("it is synced");
        drop((moved, import, today));

        // After a restart the old directory is not needed.
        fs::remove_dir_all(dir.path().join("saved")).expect("it is deleted");
        let today = Today::new(dir.path());
        let moved = PreparedPath::blocking_open(dir.path().join("moved"));
        let moved = today.store.blocking_track_path(moved.expect("a directory"));
        let moved = moved.expect("nobody has it");
        for (n, key) in new_keys {
            let item = today.pool.blocking_register(&moved, key).expect("tracked");
            assert_eq!(*item.blocking_read().expect("it is read"), value(n));
        }
    });
}

/// bincode reads what it needs, and takes no notice of the footer behind it.
#[test]
fn the_published_crate_reads_what_this_one_has_persisted() {
    test(|| {
        let dir = tempfile::tempdir().expect("a directory");
        let today = Today::new(dir.path());
        let path = dir.path().join("saved");
        let saved = PreparedPath::blocking_open(path.clone()).expect("a directory");
        let saved = today.store.blocking_track_path(saved).expect("it is free");
        let item = today.pool.insert(value(5));
        item.blocking_persist(&saved).expect("it is persisted");
        let key = item.key();
        let marks = || RESERVED.map(|name| path.join(name).exists());
        let before = marks();
        assert!(before.contains(&true), "the library marks its directories");
        drop((item, saved, today));

        let published = Published::new(dir.path());
        assert_eq!(published.tracked.all_keys(), [key]);
        let item = published.pool.blocking_register(&published.tracked, key);
        let item = item.expect("it is tracked");
        assert_eq!(*item.blocking_load(), value(5));
        drop(item);
        // It deletes names that it was not told of.
        assert_eq!(marks(), before);
        published.close();
        assert!(key_path(&path, key).exists());
    });
}
