//! All trackings of one directory share one view of it.

use std::fs;

use file_backed::fbstore::{PreparedPath, key_path};

use super::{Places, prepared, track};
use crate::support::test;

#[test]
fn all_trackings_of_a_directory_see_the_same_keys() {
    test(|| {
        let places = Places::new();
        let pool = places.pool();
        let one = track(pool.store(), &places.saved).expect("nobody has it");
        // Of another store too.
        let other_cache = places.cache.with_file_name("other");
        let other_store = places.open(&other_cache).expect("nobody has it");
        let other = track(&other_store, &places.saved).expect("it is ours");
        let read_only = PreparedPath::blocking_open_read_only(places.saved.clone());
        let read_only = read_only.expect("it is there");
        let read_only = pool.store().blocking_track_read_only(read_only);
        let read_only = read_only.expect("it is read");

        let item = pool.insert("a".to_owned());
        let key = item.key();
        item.blocking_persist(&one).expect("it is saved");
        for tracked in [&*one, &*other, &read_only] {
            assert!(tracked.contains_key(key));
            assert_eq!(tracked.all_keys(), [key]);
        }
        let deleted = other_store.blocking_delete_persisted(&other, key);
        deleted.expect("it is deleted");
        for tracked in [&*one, &*other, &read_only] {
            assert!(!tracked.contains_key(key));
        }
        // It is not taken for persisted already.
        item.blocking_persist(&one).expect("it is saved again");
        assert!(key_path(&places.saved, key).exists());
    });
}

/// The file was deleted by something other than the library.
#[test]
fn tracking_a_directory_again_notices_deleted_files() {
    test(|| {
        let places = Places::new();
        let pool = places.pool();
        let one = track(pool.store(), &places.saved).expect("nobody has it");
        let items: Vec<_> = (0..2).map(|n| pool.insert(n.to_string())).collect();
        for item in &items {
            item.blocking_persist(&one).expect("it is saved");
        }
        fs::remove_file(key_path(&places.saved, items[0].key())).expect("it is there");
        assert_eq!(one.all_keys().len(), 2);
        let other = pool.store().blocking_track_path(prepared(&places.saved));
        assert_eq!(other.expect("it is ours").all_keys(), [items[1].key()]);
        assert_eq!(one.all_keys(), [items[1].key()]);
    });
}

/// One tracking persists while another deletes.
#[test]
fn keys_match_files_after_concurrent_persists_and_deletions() {
    test(|| {
        let places = Places::new();
        let pool = places.pool();
        let one = track(pool.store(), &places.saved).expect("nobody has it");
        let other = track(pool.store(), &places.saved).expect("it is ours");
        let item = pool.insert("a".to_owned());
        item.blocking_write_now().expect("it is written");
        let (key, file) = (item.key(), key_path(&places.saved, item.key()));
        for _ in 0..200 {
            std::thread::scope(|scope| {
                scope.spawn(|| item.blocking_persist(&one).expect("it is saved"));
                scope.spawn(|| {
                    let deleted = pool.store().blocking_delete_persisted(&other, key);
                    deleted.expect("it is deleted");
                });
                scope.spawn(|| drop(track(pool.store(), &places.saved)));
            });
            assert_eq!(one.contains_key(key), file.exists());
        }
    });
}
