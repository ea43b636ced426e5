//! A directory belongs to one process.
//!
//! The lock of another process is simulated by a lock on another open file, which the
//! kernel treats in the same way. Real processes are in `tests/kernel`.

use std::fs::{self, File};
use std::path::Path;

use file_backed::fbstore::PreparedPath;
use file_backed::{Error, FBPool};

use super::{Places, is_free, prepared, track};
use crate::support::{LockedElsewhere, Plain, test};

/// Holds the directory's lock, as another process does.
fn lock(directory: &Path) -> LockedElsewhere {
    drop(prepared(directory));
    let file = File::create(directory.join("file_backed.lock")).expect("it is opened");
    LockedElsewhere::new(file)
}

fn assert_locked(error: &Error, directory: &Path) {
    assert!(error.is_in_use(), "{error}");
    assert_eq!(error.path(), Some(directory), "{error}");
    let text = error.to_string();
    assert!(text.contains("another process"), "{text}");
}

#[test]
fn a_cache_of_another_process_is_refused_until_that_ends() {
    test(|| {
        let places = Places::new();
        let other = lock(&places.cache);
        for _ in 0..2 {
            assert_locked(&places.open(&places.cache).unwrap_err(), &places.cache);
        }
        let opened = FBPool::<String, _>::open(Plain, &places.cache, 1);
        assert_locked(
            &places.world.block_on(opened).expect_err("it is taken"),
            &places.cache,
        );
        drop(other);
        let pool = places.pool();
        assert!(!is_free(&places.cache));
        let item = pool.insert("a".to_owned());
        item.blocking_write_now().expect("it is ours");
        drop((item, pool));
    });
}

#[test]
fn a_persisted_directory_of_another_process_can_only_be_read() {
    test(|| {
        let places = Places::new();
        let pool = places.pool();
        let key = places.persist_one(&pool);

        let other = lock(&places.saved);
        let error = track(pool.store(), &places.saved).unwrap_err();
        assert_locked(&error, &places.saved);
        let task = pool.store().track_path(prepared(&places.saved));
        let error = places.world.block_on(task).unwrap_err();
        assert_locked(&error, &places.saved);

        for path in [
            prepared(&places.saved),
            PreparedPath::blocking_open_read_only(places.saved.clone()).expect("it is there"),
        ] {
            let tracked = pool.store().blocking_track_read_only(path);
            let tracked = std::sync::Arc::new(tracked.expect("reading needs no lock"));
            let item = pool.blocking_register(&tracked, key).expect("it is there");
            assert_eq!(*item.blocking_read().expect("it is whole"), "a");
        }
        drop(other);
        track(pool.store(), &places.saved).expect("nobody has it any more");
    });
}

#[test]
fn a_directory_is_locked_from_its_first_use_to_its_last() {
    test(|| {
        let places = Places::new();
        let (cache, saved) = (prepared(&places.cache), prepared(&places.saved));
        for path in [&places.cache, &places.saved] {
            let file = path.join("file_backed.lock");
            assert!(!file.exists(), "a directory that is only prepared is free");
        }
        let store = places.store();
        let tracked = track(&store, &places.saved).expect("nobody has it");
        let again = track(&store, &places.saved).expect("it is ours");
        drop((cache, saved, tracked));
        assert!(!is_free(&places.cache) && !is_free(&places.saved));
        drop(again);
        assert!(is_free(&places.saved));
        let held = prepared(&places.cache);
        drop(store);
        assert!(!is_free(&places.cache));
        drop(held);
        assert!(is_free(&places.cache));
        assert!(places.cache.join("file_backed.lock").exists());
    });
}

/// One thread drops the last handle and releases the lock while another opens the
/// directory again. The process must not be reported as the other user of its directory.
#[test]
fn reopening_a_cache_during_its_last_drop_never_finds_it_in_use() {
    test(|| {
        let places = Places::new();
        let mut store = places.store();
        for _ in 0..200 {
            let start = std::sync::Barrier::new(2);
            store = std::thread::scope(|scope| {
                scope.spawn(|| {
                    start.wait();
                    drop(store);
                });
                start.wait();
                places.store()
            });
        }
        drop(store);
        assert!(is_free(&places.cache));
    });
}

/// The lock belongs to the file, so a directory that is moved while it is in use is the
/// same one under its new name.
#[test]
fn a_moved_directory_stays_locked_by_its_process() {
    test(|| {
        let places = Places::new();
        let store = places.store();
        let tracked = track(&store, &places.saved).expect("nobody has it");
        let moved = places.saved.with_file_name("moved");
        fs::rename(&places.saved, &moved).expect("it is moved");
        let again = track(&store, &moved).expect("it is ours");
        drop(tracked);
        assert!(!is_free(&moved));
        drop(again);
        assert!(is_free(&moved));
    });
}

#[test]
fn a_temporary_directory_holds_its_shards_a_lock_and_a_mark() {
    test(|| {
        let places = Places::new();
        let pool = places.world.block_on(FBPool::<String, _>::temp(Plain, 1));
        let pool = pool.expect("it is made");
        let path = PreparedPath::blocking_temp().expect("it is made");
        pool.store()
            .blocking_track_path(path.clone())
            .expect("it is ours");
        let names = fs::read_dir(path.path()).expect("it is there").count();
        assert_eq!(names, 256 + 2);
        assert!(!is_free(path.path()));
    });
}
