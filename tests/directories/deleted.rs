//! Directories that are deleted, or partly deleted, while they are in use.
#![cfg(unix)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use file_backed::fbstore::{FBStore, PreparedPath, key_path};
use file_backed::{BackingStore, FBPool};

use super::{Places, Pool, Store, is_free, prepared, track};
use crate::support::{LockedElsewhere, Plain, test};

fn items_below(root: &Path) -> usize {
    let shards = (0..=u8::MAX).map(|shard| root.join(format!("{shard:02x}")));
    shards
        .map(|shard| fs::read_dir(shard).map_or(0, Iterator::count))
        .sum()
}

/// A pool that keeps nothing in memory, and its temporary cache.
fn on_a_temporary_cache(places: &Places) -> (PathBuf, Store, Pool) {
    let path = PreparedPath::blocking_temp().expect("it is made");
    let root = path.path().to_owned();
    let files = FBStore::open(Plain, path).expect("it is new");
    let runtime = places.world.runtime().handle().clone();
    let store = Arc::new(BackingStore::new(files, runtime));
    (root, store.clone(), Arc::new(FBPool::new(store, 0)))
}

fn wait_until(is_so: impl Fn() -> bool) {
    while !is_so() {
        std::thread::yield_now();
    }
}

/// The cache of a running program was deleted with `rm -rf`, and another process opened
/// the same path. The program used to go on writing by path, into a directory that it had
/// not locked, so a third process swept 296 of 300 values.
#[test]
fn values_stay_in_memory_while_another_process_has_the_new_directory() {
    test(|| {
        let places = Places::new();
        let pool = places.pool();
        // All shards are open by then.
        let before: Vec<_> = (0..2000)
            .map(|n| pool.insert(format!("before {n}")))
            .collect();
        pool.store().blocking_finished();
        drop(before);
        pool.store().blocking_finished();

        fs::remove_dir_all(&places.cache).expect("it is ours");
        fs::create_dir(&places.cache).expect("it is free");
        let lock = File::create(places.cache.join("file_backed.lock")).expect("it is new");
        let lock = LockedElsewhere::new(lock);
        let items: Vec<_> = (0..300)
            .map(|n| pool.insert(format!("value {n}")))
            .collect();
        wait_until(|| pool.stats().store_failing);
        let error = pool.blocking_reserve().expect_err("it cannot be written");
        assert!(error.is_in_use(), "{error}");
        assert_eq!(items_below(&places.cache), 0, "it is another's");
        for (n, item) in items.iter().enumerate() {
            assert_eq!(
                *item.blocking_read().expect("in memory"),
                format!("value {n}")
            );
        }

        // It goes; ours has the directory from then on.
        drop(lock);
        wait_until(|| !pool.stats().store_failing && pool.stats().writes_waiting == 0);
        assert!(!is_free(&places.cache), "its lock is taken");
        assert_eq!(
            fs::read_to_string(places.cache.join("file_backed.role")).expect("it is marked"),
            "cache\n"
        );
        pool.store().blocking_finished();
        assert_eq!(items_below(&places.cache), 300);
        for (n, item) in items.iter().enumerate() {
            assert_eq!(
                *item.blocking_read().expect("written"),
                format!("value {n}")
            );
        }
    });
}

/// A deleted directory used not to begin an outage, so each of 3 000 values was tried in
/// each round: 18 000 failed writes in four seconds.
#[test]
fn a_deleted_cache_is_an_outage_that_ends_when_it_is_made_again() {
    test(|| {
        let places = Places::new();
        let pool = places.pool();
        fs::remove_dir_all(&places.cache).expect("it is ours");
        let items: Vec<_> = (0..3000).map(|n| pool.insert(n.to_string())).collect();
        wait_until(|| pool.stats().write_failures >= 5);
        let stats = pool.stats();
        assert!(
            stats.store_failing && stats.writes_waiting >= 2990,
            "{stats:?}"
        );
        // A write on each thread before the outage was seen, and then one at a time.
        assert!(stats.write_failures < 20, "{stats:?}");
        assert!(
            !places.cache.exists(),
            "it may have been unmounted: it is not made"
        );
        let error = items[0]
            .blocking_write_now()
            .expect_err("there is no place");
        assert_eq!(error.path(), Some(&*places.cache));

        drop(prepared(&places.cache));
        wait_until(|| !pool.stats().store_failing && pool.stats().writes_waiting == 0);
        assert!(!is_free(&places.cache));
        for (n, item) in items.iter().enumerate() {
            assert_eq!(*item.blocking_read().expect("it is there"), n.to_string());
        }
    });
}

/// A program that deletes old files also deletes the lock file and the mark. Another
/// process must not get the directory because of that.
#[test]
fn the_lock_and_the_mark_are_made_again_with_a_deleted_shard() {
    test(|| {
        let places = Places::new();
        let pool = places.pool();
        let item = pool.insert("value".to_owned());
        let file = key_path(&places.cache, item.key());
        pool.store().blocking_finished();
        for name in ["file_backed.lock", "file_backed.role"] {
            fs::remove_file(places.cache.join(name)).expect("it is there");
        }
        let directory = File::open(&places.cache).expect("it is there");
        assert!(
            directory.try_lock().is_err(),
            "the directory is locked itself"
        );

        let shard = file.parent().expect("a shard");
        fs::remove_dir_all(shard).expect("it is ours");
        let other = loop {
            let other = pool.insert("another".to_owned());
            if key_path(&places.cache, other.key()).parent() == Some(shard) {
                break other;
            }
        };
        other.blocking_write_now().expect("the shard is made again");
        assert!(key_path(&places.cache, other.key()).exists());
        assert!(!is_free(&places.cache));
        assert!(places.cache.join("file_backed.role").exists());
    });
}

/// No other process has the name of a temporary directory, so it is made again at once.
#[test]
fn a_deleted_temporary_cache_is_made_again() {
    test(|| {
        let places = Places::new();
        let (root, store, pool) = on_a_temporary_cache(&places);
        pool.insert("before".to_owned())
            .blocking_write_now()
            .expect("written");
        store.blocking_finished();
        fs::remove_dir_all(&root).expect("it is ours");
        let item = pool.insert("value".to_owned());
        item.blocking_write_now().expect("it is made again");
        store.blocking_finished();
        assert_eq!(*item.blocking_read().expect("it is there"), "value");
        assert!(key_path(&root, item.key()).exists() && !is_free(&root));
        drop((item, pool, store));
        assert!(!root.exists(), "it is still deleted with its store");
    });
}

/// A sweep on another thread used to claim the new directory before it was locked, so the
/// write was refused.
#[test]
fn a_deleted_temporary_cache_is_made_again_during_a_sweep() {
    test(|| {
        let places = Places::new();
        let (root, store, pool) = on_a_temporary_cache(&places);
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    drop(PreparedPath::blocking_temp().expect("it is made"));
                }
            });
            let written = (0..15).try_for_each(|_| {
                store.blocking_finished();
                fs::remove_dir_all(&root).map_err(|error| error.to_string())?;
                let item = pool.insert("value".to_owned());
                item.blocking_write_now().map_err(|error| error.to_string())
            });
            is_over.store(true, Ordering::Relaxed);
            written.expect("it is made again");
        });
    });
}

/// Something else that has the name of a temporary cache does not belong to the store.
#[test]
fn a_deleted_temporary_cache_waits_until_its_name_is_free() {
    test(|| {
        let places = Places::new();
        let (root, store, pool) = on_a_temporary_cache(&places);
        fs::remove_dir_all(&root).expect("it is ours");
        fs::create_dir(&root).expect("it is free");
        fs::write(root.join("notes"), "precious").expect("it is made");
        let item = pool.insert("value".to_owned());
        let error = item.blocking_write_now().expect_err("the name is taken");
        assert!(
            error
                .to_string()
                .contains("something else now has its name")
        );
        assert_eq!(error.path(), Some(&*root), "{error}");
        wait_until(|| pool.stats().store_failing);
        let left = fs::read_dir(&root).expect("it is there").count();
        assert_eq!(left, 1, "nothing of it was touched");

        fs::remove_dir_all(&root).expect("it is ours");
        wait_until(|| !pool.stats().store_failing);
        store.blocking_finished();
        assert!(key_path(&root, item.key()).exists());
        assert!(!is_free(&root));
        drop((item, pool, store));
        assert!(!root.exists(), "it is still deleted with its store");
    });
}

/// A persisted directory is not made again silently: its items are gone, and the program
/// has to know.
#[test]
fn a_deleted_persisted_directory_is_an_error_and_never_written_by_path() {
    test(|| {
        let places = Places::new();
        let pool = places.pool();
        let tracked = track(pool.store(), &places.saved).expect("it is new");
        let item = pool.insert("value".to_owned());
        item.blocking_persist(&tracked).expect("it is saved");
        fs::remove_dir_all(&places.saved).expect("it is ours");
        drop(prepared(&places.saved));
        let other = pool.insert("another".to_owned());
        let error = other.blocking_persist(&tracked).expect_err("it is gone");
        assert_eq!(error.path(), Some(&*places.saved), "{error}");
        let error = pool.store().blocking_sync(&tracked).expect_err("gone");
        assert_eq!(error.path(), Some(&*places.saved), "{error}");
        assert_eq!(items_below(&places.saved), 0, "nothing locked it");
        // As the error says.
        let again = track(pool.store(), &places.saved).expect("it is made again");
        assert!(again.all_keys().is_empty());
        for item in [&item, &other] {
            item.blocking_persist(&again).expect("it is saved");
        }
        pool.store().blocking_sync(&again).expect("it is there");
    });
}
