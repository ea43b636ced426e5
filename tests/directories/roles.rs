//! A directory is either a cache or a persisted directory, and never becomes the other.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use file_backed::fbstore::{PreparedPath, key_path};
use file_backed::{Error, FBPool};
use uuid::Uuid;

use super::{Places, prepared, track};
use crate::support::{logged, test};

fn mark(directory: &Path) -> Option<String> {
    fs::read_to_string(directory.join("file_backed.role")).ok()
}

fn assert_refused(error: &Error, directory: &Path) {
    assert!(error.is_wrong_role() && !error.is_in_use(), "{error}");
    assert_eq!(error.path(), Some(directory), "{error}");
}

/// Also after a restart.
#[test]
fn a_directory_used_in_one_role_is_refused_for_the_other() {
    test(|| {
        let places = Places::new();
        let spare = places.cache.with_file_name("spare");
        for _ in 0..2 {
            let store = places.store();
            let tracked = track(&store, &places.saved).expect("nobody has it");
            // Once while the first use lasts, and once after it.
            assert_refused(&places.open(&places.saved).unwrap_err(), &places.saved);
            drop(tracked);
            assert_refused(&places.open(&places.saved).unwrap_err(), &places.saved);
            drop(store);

            let other = places.open(&spare).expect("nobody has it");
            assert_refused(&track(&other, &places.cache).unwrap_err(), &places.cache);
            for path in [
                prepared(&places.cache),
                PreparedPath::blocking_open_read_only(places.cache.clone()).expect("it is there"),
            ] {
                let error = other.blocking_track_read_only(path).unwrap_err();
                assert_refused(&error, &places.cache);
            }
        }
        assert_eq!(mark(&places.cache).as_deref(), Some("cache\n"));
        assert_eq!(mark(&places.saved).as_deref(), Some("persisted\n"));
    });
}

#[test]
fn a_directory_that_is_only_prepared_or_read_gets_no_mark() {
    test(|| {
        let places = Places::new();
        let store = places.store();
        let read_only = store.blocking_track_read_only(prepared(&places.saved));
        drop(read_only.expect("it is read"));
        assert_eq!(mark(&places.saved), None);
    });
}

/// A directory that 0.6 or a copy had filled, or that lost its mark in a power cut, used
/// to stay without a mark. So it was never swept, and each crash left all its files
/// there.
#[test]
fn a_cache_keeps_earlier_items_and_sweeps_its_own() {
    test(|| {
        for left in [None, Some("")] {
            let places = Places::new();
            drop(prepared(&places.cache));
            if let Some(text) = left {
                let mark = places.cache.join("file_backed.role");
                fs::write(mark, text).expect("it is written");
            }
            let file_of = |n| key_path(&places.cache, Uuid::from_u128(n));
            fs::write(file_of(7), "of 0.6, without a footer").expect("it is written");
            for crash in 100..103 {
                let (store, lines) = logged(|| places.store());
                let warned = lines.iter().filter(|line| line.starts_with("WARN"));
                assert_eq!(warned.count(), 1, "{lines:?}");
                drop(store);
                assert_eq!(mark(&places.cache).as_deref(), Some("cache\n"));
                assert!(file_of(7).exists(), "it is not swept");
                for earlier in 100..crash {
                    assert!(!file_of(earlier).exists(), "a leftover is swept");
                }
                fs::write(file_of(crash), "left by a crash").expect("it is written");
            }
        }
    });
}

/// When an item is registered, an earlier item of the same key in the cache must not be
/// taken for a leftover.
#[test]
fn registering_does_not_replace_an_earlier_item_of_the_same_key() {
    test(|| {
        let places = Places::new();
        let spare = places.cache.with_file_name("spare");
        let other = places.open(&spare).expect("it is new");
        let tracked = track(&other, &places.saved).expect("it is new");
        let pool = Arc::new(FBPool::new(other.clone(), 1));
        let item = pool.insert("value".to_owned());
        item.blocking_persist(&tracked).expect("it is saved");
        let key = item.key();
        drop((item, pool, tracked, other));

        drop(prepared(&places.cache));
        let before = key_path(&places.cache, key);
        fs::write(&before, "precious").expect("it is written");
        let store = places.store();
        let tracked = track(&store, &places.saved).expect("it is free");
        let pool: Arc<FBPool<String, _>> = Arc::new(FBPool::new(store, 1));
        let error = pool.blocking_register(&tracked, key).unwrap_err();
        assert!(error.is_conflict(), "{error}");
        assert_eq!(fs::read(&before).expect("it is there"), b"precious");
        // The other items of the failed call are deleted again, and not this one.
        pool.store().blocking_register_all(&tracked).unwrap_err();
        assert_eq!(fs::read(&before).expect("it is there"), b"precious");
        // One file of two names, as persisting by a link makes them.
        fs::remove_file(&before).expect("it is there");
        fs::hard_link(key_path(&places.saved, key), &before).expect("one file system");
        let item = pool
            .blocking_register(&tracked, key)
            .expect("it is the same");
        assert_eq!(*item.blocking_read().expect("it is whole"), "value");
        drop(item);
        pool.store().blocking_finished();
        assert!(before.exists(), "it may be the last name");
    });
}

/// The list used to be lost with the mark, because only the mark was made again.
#[test]
fn the_list_of_foreign_items_is_made_again_with_the_mark() {
    test(|| {
        let places = Places::new();
        drop(prepared(&places.cache));
        let before = key_path(&places.cache, Uuid::from_u128(7));
        fs::write(&before, "precious").expect("it is written");
        let pool = places.pool();
        for name in [
            "file_backed.lock",
            "file_backed.role",
            "file_backed.foreign",
        ] {
            fs::remove_file(places.cache.join(name)).expect("it is there");
        }
        fs::remove_dir(places.cache.join("ff")).expect("it is empty");
        let in_it = std::iter::repeat_with(|| pool.insert("value".to_owned()))
            .find(|item| item.key().as_bytes()[0] == 0xff);
        in_it
            .expect("there is one")
            .blocking_write_now()
            .expect("it is made again");
        drop(pool);
        drop(places.store());
        assert_eq!(fs::read(&before).expect("it is not swept"), b"precious");
    });
}

/// The list of foreign items used to outlive them, although the user had moved them away,
/// as the warning says.
#[test]
fn a_directory_that_becomes_a_cache_again_has_no_outdated_list() {
    test(|| {
        let places = Places::new();
        drop(prepared(&places.cache));
        let before = key_path(&places.cache, Uuid::from_u128(7));
        fs::write(&before, "precious").expect("it is written");
        drop(places.store());
        fs::remove_file(&before).expect("it is there");
        fs::remove_file(places.cache.join("file_backed.role")).expect("it is there");
        drop(places.store());
        assert!(!places.cache.join("file_backed.foreign").exists());
    });
}

/// A store whose cache another store of the process had taken over used to delete files
/// of that store when its own call failed.
#[test]
fn a_store_that_has_lost_its_cache_deletes_nothing_there() {
    test(|| {
        let places = Places::new();
        let old = places.store();
        let tracked = track(&old, &places.saved).expect("it is new");
        let saver: Arc<FBPool<String, _>> = Arc::new(FBPool::new(old.clone(), 1));
        let item = saver.insert("value".to_owned());
        item.blocking_persist(&tracked).expect("it is saved");
        let key = item.key();
        drop(item);
        old.blocking_finished();
        let new = places.store();
        let pool: Arc<FBPool<String, _>> = Arc::new(FBPool::new(new, 0));
        let item = pool.blocking_register(&tracked, key).expect("it is there");
        old.blocking_register_all(&tracked).unwrap_err();
        old.blocking_finished();
        assert_eq!(*item.blocking_read().expect("it is there"), "value");
    });
}

/// A cache is not used if it is not known what may be swept.
#[test]
fn a_damaged_list_of_foreign_items_is_an_error() {
    test(|| {
        let places = Places::new();
        drop(prepared(&places.cache));
        fs::write(key_path(&places.cache, Uuid::from_u128(7)), "precious").expect("written");
        drop(places.store());
        let list = places.cache.join("file_backed.foreign");
        fs::remove_file(&list).expect("it was written");
        fs::write(&list, "half of a ke").expect("it is written");
        let error = places.open(&places.cache).unwrap_err();
        assert!(error.is_damaged(), "{error}");
        assert_eq!(error.path(), Some(&*list));
        assert!(key_path(&places.cache, Uuid::from_u128(7)).exists());
    });
}

#[test]
fn an_unknown_mark_is_an_error_and_is_kept() {
    test(|| {
        let places = Places::new();
        let store = places.store();
        drop(prepared(&places.saved));
        let file = places.saved.join("file_backed.role");
        fs::write(&file, "something new\n").expect("it is written");
        for error in [
            places.open(&places.saved).unwrap_err(),
            track(&store, &places.saved).unwrap_err(),
        ] {
            assert_refused(&error, &file);
        }
        assert_eq!(mark(&places.saved).as_deref(), Some("something new\n"));
    });
}
