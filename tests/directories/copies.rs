//! A cache and a persisted directory on different file systems.

use std::fs;
use std::path::Path;

use file_backed::fbstore::{PreparedPath, key_path};

use super::{Places, track};
use crate::support::test;

fn are_one_file_system(one: &Path, other: &Path) -> bool {
    let (from, to) = (one.join("probe"), other.join("probe"));
    fs::write(&from, "").expect("it is written");
    fs::hard_link(&from, &to).is_ok()
}

#[test]
fn files_are_copied_between_file_systems_and_counted() {
    test(|| {
        let places = Places::new();
        let elsewhere = tempfile::tempdir().expect("a directory");
        let pool = places.pool();
        if are_one_file_system(&places.cache, elsewhere.path()) {
            println!("skipped: the temporary directory and /dev/shm are one file system");
            return;
        }
        let tracked = track(pool.store(), elsewhere.path()).expect("nobody has it");
        let item = pool.insert("a".to_owned());
        let key = item.key();
        item.blocking_persist(&tracked).expect("it is copied");
        item.blocking_persist(&tracked).expect("it is there");
        pool.store().blocking_sync(&tracked).expect("it is durable");
        let stats = pool.stats();
        assert_eq!((stats.links, stats.clones + stats.copies), (0, 1));
        let saved = key_path(elsewhere.path(), key);
        assert!(saved.exists());

        drop(item);
        pool.store().blocking_finished();
        assert!(!key_path(&places.cache, key).exists());
        let item = pool.blocking_register(&tracked, key).expect("it is copied");
        assert_eq!(*item.blocking_read().expect("it is whole"), "a");
        fs::remove_file(&saved).expect("it is there");
        drop(item);
        assert_eq!(pool.stats().clones + pool.stats().copies, 2);
    });
}

#[test]
fn links_of_files_are_counted() {
    test(|| {
        let places = Places::new();
        let pool = places.pool();
        let tracked = track(pool.store(), &places.saved).expect("nobody has it");
        let items: Vec<_> = (0..3).map(|n| pool.insert(n.to_string())).collect();
        for item in &items {
            item.blocking_persist(&tracked).expect("it is linked");
        }
        drop(items);
        pool.store().blocking_finished();
        let tokens = pool.store().blocking_register_all(&tracked);
        drop(tokens.expect("they are linked"));
        let stats = pool.stats();
        assert_eq!((stats.links, stats.clones, stats.copies), (6, 0, 0));
    });
}

#[test]
fn free_space_is_reported_for_an_existing_directory() {
    let path = PreparedPath::blocking_temp().expect("it is made");
    assert!(path.free_space().expect("the system tells") > 0);
    fs::remove_dir_all(path.path()).expect("it is there");
    let error = path.free_space().expect_err("it is gone");
    assert_eq!(error.path(), Some(path.path()), "{error}");
}
