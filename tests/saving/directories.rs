//! Real directories: in use, reopened and damaged.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use file_backed::fbstore::{FBStore, PreparedPath, key_path};
use file_backed::{BackingStore, FBPool};
use uuid::Uuid;

use crate::support::{Plain, World, test};

type Pool = Arc<FBPool<String, FBStore<Plain>>>;

fn pool(world: &World, path: &Path) -> file_backed::Result<Pool> {
    let prepared = PreparedPath::blocking_open(path.to_owned())?;
    let files = FBStore::open(Plain, prepared)?;
    let store = Arc::new(BackingStore::new(files, world.runtime().handle().clone()));
    Ok(Arc::new(FBPool::new(store, 0)))
}

#[test]
fn a_cache_can_be_reopened_right_after_its_last_item_was_dropped() {
    test(|| {
        let world = World::new();
        let dir = tempfile::tempdir().expect("a directory");
        for _ in 0..20 {
            let pool = pool(&world, dir.path()).expect("nobody has it");
            let items: Vec<_> = (0..10).map(|n| pool.insert(n.to_string())).collect();
            pool.store().blocking_finished();
            drop(items);
        }
        let prepared = PreparedPath::blocking_open(dir.path().to_owned());
        let left = file_backed::fbstore::sanitize_path(&prepared.expect("it is opened"));
        assert!(left.expect("it is read").is_empty());
    });
}

#[test]
fn a_cache_with_live_items_is_in_use() {
    test(|| {
        let world = World::new();
        let dir = tempfile::tempdir().expect("a directory");
        let first = pool(&world, dir.path()).expect("nobody has it");
        let item = first.insert("a".to_owned());
        item.blocking_write_now().expect("it is written");
        let error = pool(&world, dir.path()).expect_err("there is an item");
        assert!(error.is_in_use(), "{error}");
        assert!(error.path().is_some());
        assert_eq!(*item.blocking_read().expect("it is loaded"), "a");
        drop(item);
        let second = pool(&world, dir.path()).expect("nobody has it any more");
        let late = first.insert("b".to_owned());
        let error = late.blocking_write_now().expect_err("it is the other's");
        assert!(error.is_in_use(), "{error}");
        assert_eq!(*late.blocking_read().expect("it is in memory"), "b");
        second
            .insert("c".to_owned())
            .blocking_write_now()
            .expect("it is written");
    });
}

#[test]
fn persisting_to_the_cache_is_refused() {
    test(|| {
        let world = World::new();
        let dir = tempfile::tempdir().expect("a directory");
        let pool = pool(&world, dir.path()).expect("nobody has it");
        let prepared = PreparedPath::blocking_open(dir.path().to_owned());
        let tracked = pool
            .store()
            .blocking_track_path(prepared.expect("it is opened"));
        assert!(tracked.expect_err("it is the cache").is_in_use());
    });
}

#[test]
fn a_path_that_is_no_directory_is_an_error_with_its_path() {
    test(|| {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("file");
        fs::write(&file, "").expect("it is written");
        let below = file.join("below");
        for path in [&file, &below] {
            let error = PreparedPath::blocking_open(path.clone()).expect_err("no directory");
            assert!(
                error.path().is_some_and(|path| path.starts_with(&file)),
                "{error}"
            );
        }
        let missing = dir.path().join("missing");
        let error = PreparedPath::blocking_open_read_only(missing.clone()).expect_err("missing");
        assert!(error.is_not_found());
        assert_eq!(error.path(), Some(&*missing));
        assert!(!missing.exists());
    });
}

/// Damages the only persisted file in many ways. Each error is of the right kind.
#[test]
fn a_damaged_file_is_a_typed_error_with_key_and_path() {
    test(|| {
        let world = World::new();
        let dir = tempfile::tempdir().expect("a directory");
        let saved = dir.path().join("saved");
        let pool = pool(&world, &dir.path().join("cache")).expect("nobody has it");
        let prepared = PreparedPath::blocking_open(saved.clone()).expect("opened");
        let tracked = pool.store().blocking_track_path(prepared).expect("tracked");
        let item = pool.insert("some words".to_owned());
        item.blocking_persist(&tracked).expect("it is saved");
        let key = item.key();
        drop(item);
        pool.store().blocking_finished();
        let path = key_path(&saved, key);
        let whole = fs::read(&path).expect("it is there");
        let mut flipped = whole.clone();
        flipped[3] ^= 1;
        for damaged in [
            &whole[..0],
            &whole[..5],
            &whole[..whole.len() - 1],
            &flipped,
        ] {
            fs::remove_file(&path).expect("it is there");
            fs::write(&path, damaged).expect("it is written");
            let item = pool.blocking_register(&tracked, key).expect("it is linked");
            let error = item.blocking_read().expect_err("it is damaged");
            assert!(error.is_damaged(), "{error}");
            assert_eq!(error.key(), Some(key));
            assert!(
                error
                    .path()
                    .is_some_and(|path| path.ends_with(key.simple().to_string()))
            );
            drop(item);
            pool.store().blocking_finished();
        }
        fs::remove_file(&path).expect("it is there");
        let error = pool
            .blocking_register(&tracked, key)
            .expect_err("it is gone");
        assert!(error.is_not_found(), "{error}");
        assert_eq!((error.key(), error.path()), (Some(key), Some(&*path)));
    });
}

#[test]
fn foreign_files_in_a_persisted_directory_are_kept() {
    test(|| {
        let world = World::new();
        let dir = tempfile::tempdir().expect("a directory");
        let saved = dir.path().join("saved");
        let pool = pool(&world, &dir.path().join("cache")).expect("nobody has it");
        let prepared = PreparedPath::builder()
            .ignore("notes")
            .blocking_open(saved.clone())
            .expect("opened");
        let foreign = ["notes", "other", "ab/other", "ab/cd"].map(|name| saved.join(name));
        for path in &foreign {
            fs::write(path, "mine").expect("it is written");
        }
        fs::create_dir(
            saved
                .join("ab")
                .join(Uuid::from_u128(0xab << 120).simple().to_string()),
        )
        .expect("a directory with the name of an item");
        let tracked = pool.store().blocking_track_path(prepared).expect("tracked");
        assert!(tracked.all_keys().is_empty());
        assert!(foreign.iter().all(|path| path.exists()));
    });
}
