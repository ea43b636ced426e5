//! Temporary directories, and those that killed processes left.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use file_backed::fbstore::{FBStore, PreparedPath, key_path};
use uuid::Uuid;

use super::Places;
use crate::support::{LockedElsewhere, Plain, in_a_process_with, scratch, test};

/// What a process leaves that is killed: its locks go with it.
fn leftover(parent: &Path, name: &str) -> PathBuf {
    let root = parent.join(name);
    for shard in 0..=u8::MAX {
        fs::create_dir_all(root.join(format!("{shard:02x}"))).expect("it is made");
    }
    fs::write(root.join("file_backed.lock"), "").expect("it is made");
    fs::write(root.join("file_backed.temporary"), "").expect("it is made");
    fs::write(key_path(&root, Uuid::from_u128(7)), "an item").expect("it is made");
    root
}

/// Each run of a program that was killed used to leave a directory with its values.
#[test]
fn temporary_directories_of_killed_processes_are_swept_and_no_others() {
    let parent = scratch();
    let path = parent.path().to_str().expect("it is text").to_owned();
    let name =
        "directories::temporary::temporary_directories_of_killed_processes_are_swept_and_no_others";
    in_a_process_with(&[("TMPDIR", &path)], name, || {
        test(|| {
            let parent = std::env::temp_dir();
            let leftover = |name| leftover(&parent, name);
            // In use by this process, and by another.
            let own = PreparedPath::blocking_temp().expect("it is made");
            let another = leftover("file_backed-in_use");
            let locked = fs::File::open(another.join("file_backed.lock")).expect("it is there");
            let _locked = LockedElsewhere::new(locked);
            // Not a temporary directory of the library's.
            let marked = leftover("file_backed-marked");
            fs::write(marked.join("file_backed.role"), "persisted\n").expect("it is made");
            let foreign = leftover("file_backed-foreig");
            fs::write(foreign.join("notes"), "precious").expect("it is made");
            let other_name = leftover("file_backed-of-the-user");
            let link = parent.join("file_backed-linked");
            symlink(&other_name, &link).expect("it is made");
            // A directory of 0.6, and one of a dataset whose mark was lost.
            let backup = leftover("file_backed-backup");
            fs::remove_file(backup.join("file_backed.temporary")).expect("it is there");
            fs::remove_file(backup.join("file_backed.lock")).expect("it is there");
            let manifest = leftover("file_backed-datase");
            fs::create_dir(manifest.join("file_backed.manifest")).expect("it is made");
            let empty = parent.join("file_backed-cccccc");
            fs::create_dir(&empty).expect("it is made");
            let kept = [
                &another,
                &marked,
                &foreign,
                &other_name,
                &link,
                &backup,
                &manifest,
                &empty,
            ];

            let dead = ["file_backed-aaaaaa", "file_backed-bbbbbb"].map(leftover);
            let new = PreparedPath::blocking_temp().expect("it is made");
            for path in &dead {
                assert!(!path.exists(), "{}", path.display());
            }
            for path in kept {
                assert!(path.exists(), "{}", path.display());
            }
            for root in [&another, &marked, &foreign, &other_name, &backup, &manifest] {
                assert!(key_path(root, Uuid::from_u128(7)).exists());
            }
            assert!(own.exists() && new.exists());
        });
    });
}

/// Temporary directories used to be open to all users, who could read the cached values.
#[test]
fn a_temporary_directory_is_readable_only_by_its_owner() {
    let path = PreparedPath::blocking_temp().expect("it is made");
    for directory in [path.path().to_owned(), path.join("00"), path.join("ff")] {
        let mode = fs::metadata(&directory)
            .expect("it is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o700, "{}", directory.display());
    }
}

/// A sweep on another thread of the process used to take a directory that was just being
/// made, because both had the same lock.
#[test]
fn temporary_directories_made_at_once_do_not_sweep_each_other() {
    test(|| {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..25 {
                        let path = PreparedPath::blocking_temp().expect("it is made");
                        assert!(path.join("ff").is_dir());
                    }
                });
            }
        });
    });
}

/// The last store deletes the directory, even if it opened it by its path.
#[test]
fn a_temporary_directory_is_deleted_with_the_second_store_on_it() {
    test(|| {
        let places = Places::new();
        let path = PreparedPath::blocking_temp().expect("it is made");
        let root = path.path().to_owned();
        let first = FBStore::open(Plain, path).expect("it is new");
        let second = places.open(&root).expect("the first has no items");
        drop(first);
        assert!(root.exists(), "the second has it");
        drop(second);
        assert!(!root.exists());
    });
}
