//! A directory is a cache or holds what was persisted, and never becomes the
//! other.

use std::fs;
use std::path::Path;

use file_backed::Error;
use file_backed::fbstore::{PreparedPath, key_path};
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

#[test]
fn each_use_refuses_the_other_also_after_a_restart() {
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
fn what_is_only_prepared_or_read_gets_no_mark() {
    test(|| {
        let places = Places::new();
        let store = places.store();
        let read_only = store.blocking_track_read_only(prepared(&places.saved));
        drop(read_only.expect("it is read"));
        assert_eq!(mark(&places.saved), None);
    });
}

/// A directory that an earlier version, or a copy, has filled: nobody knows what
/// for.
#[test]
fn a_directory_without_a_mark_that_holds_items_never_becomes_a_cache() {
    test(|| {
        let places = Places::new();
        drop(prepared(&places.cache));
        let file = key_path(&places.cache, Uuid::from_u128(7));
        fs::write(&file, "precious").expect("it is written");
        for _ in 0..3 {
            let (store, lines) = logged(|| places.store());
            assert_eq!(lines.len(), 1, "{lines:?}");
            assert!(lines[0].starts_with("WARN"), "{lines:?}");
            drop(store);
            assert_eq!(mark(&places.cache), None);
            assert!(file.exists(), "it is not swept");
        }
        let store = places.open(&places.cache.with_file_name("spare"));
        let store = store.expect("nobody has it");
        let tracked = track(&store, &places.cache).expect("it may be persisted to");
        assert!(tracked.contains_key(Uuid::from_u128(7)));
        drop(tracked);
        assert_eq!(mark(&places.cache).as_deref(), Some("persisted\n"));
        assert_refused(&places.open(&places.cache).unwrap_err(), &places.cache);
    });
}

#[test]
fn a_mark_that_nobody_knows_is_an_error_and_is_kept() {
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
