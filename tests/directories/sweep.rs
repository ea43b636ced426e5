//! The next start removes what a crashed process left in its cache, and nothing else.

use std::fs;
use std::path::{Path, PathBuf};

use file_backed::fbstore::key_path;
use uuid::Uuid;

use super::{Places, is_free, prepared, track};
use crate::support::{logged, test};

const KEY: Uuid = Uuid::from_u128(0xab << 120 | 7);

/// A name such as the library gives to a file that is not finished.
fn temporary(root: &Path, process: &str) -> PathBuf {
    let mut path = key_path(root, KEY).into_os_string();
    path.push(format!(".{process}.file_backed"));
    path.into()
}

/// What a process that died may have left.
fn debris(root: &Path) -> Vec<PathBuf> {
    let files: Vec<_> = (0..300)
        .map(|n| key_path(root, Uuid::from_u128(n << 119 | n)))
        .chain([temporary(root, "0123456789abcdef")])
        .collect();
    for file in &files {
        fs::write(file, "left").expect("it is written");
    }
    files
}

/// What is not the library's, though it may look so.
fn foreign(root: &Path) -> Vec<PathBuf> {
    let name = KEY.simple().to_string();
    let directory = key_path(root, Uuid::from_u128(0xcd << 120));
    fs::create_dir(&directory).expect("it is made");
    let files = [
        root.join("notes"),
        root.join(&name),
        root.join("00").join(&name),
        root.join("ab").join("notes"),
        root.join("ab").join(format!("{name}.tmp")),
        root.join("ab").join(name.to_uppercase()),
        root.join("ab").join(&name[..31]),
        temporary(root, "0123456789ABCDEF"),
        temporary(root, "0123"),
        directory.join("inside"),
    ];
    for file in &files {
        fs::write(file, "mine").expect("it is written");
    }
    files.into_iter().chain([directory]).collect()
}

#[test]
fn a_marked_cache_is_swept_and_foreign_files_are_reported_and_kept() {
    test(|| {
        let places = Places::new();
        drop(places.store());
        let (debris, foreign) = (debris(&places.cache), foreign(&places.cache));
        let (store, lines) = logged(|| places.store());
        assert!(debris.iter().all(|file| !file.exists()), "it is swept");
        assert!(foreign.iter().all(|file| file.exists()), "it is left");
        let warned = lines.iter().filter(|line| line.starts_with("WARN"));
        // What is inside a foreign directory is nobody's business.
        assert_eq!(warned.count(), foreign.len() - 1, "{lines:#?}");
        drop(store);
    });
}

/// Its files are no leftovers.
#[test]
fn a_cache_is_not_swept_while_the_process_uses_it() {
    test(|| {
        let places = Places::new();
        let kept = prepared(&places.cache);
        drop(places.store());
        let debris = debris(&places.cache);
        drop(places.store());
        assert!(debris.iter().all(|file| file.exists()));
        drop(kept);
        drop(places.store());
        assert!(debris.iter().all(|file| !file.exists()));
    });
}

#[test]
fn links_to_persisted_files_are_swept_and_the_files_stay() {
    test(|| {
        let places = Places::new();
        let pool = places.pool();
        let key = places.persist_one(&pool);
        pool.store().blocking_finished();
        drop(pool);
        // A job that has just ended may have the store for a moment.
        while !is_free(&places.cache) {
            std::thread::yield_now();
        }
        fs::hard_link(key_path(&places.saved, key), key_path(&places.cache, key))
            .expect("it was deleted with the item");

        let pool = places.pool();
        assert!(!key_path(&places.cache, key).exists());
        let tracked = track(pool.store(), &places.saved).expect("nobody has it");
        let item = pool.blocking_register(&tracked, key).expect("it is there");
        assert_eq!(*item.blocking_read().expect("it is whole"), "a");
    });
}

#[test]
fn a_sweep_of_a_persisted_directory_deletes_only_unfinished_files() {
    test(|| {
        let places = Places::new();
        let store = places.store();
        drop(track(&store, &places.saved).expect("nobody has it"));
        let mut debris = debris(&places.saved);
        let unfinished = debris.pop().expect("there is one");
        let read_only = store.blocking_track_read_only(prepared(&places.saved));
        drop(read_only.expect("it is read"));
        assert!(unfinished.exists(), "who only reads deletes nothing");
        let tracked = track(&store, &places.saved).expect("nobody has it");
        assert!(!unfinished.exists());
        assert_eq!(tracked.all_keys().len(), debris.len());
        assert!(debris.iter().all(|file| file.exists()));
    });
}

#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_swept_is_reported_and_the_cache_opens() {
    use std::os::unix::fs::PermissionsExt as _;
    test(|| {
        let places = Places::new();
        drop(places.store());
        let file = key_path(&places.cache, KEY);
        fs::write(&file, "left").expect("it is written");
        let shard = file.parent().expect("it has a shard");
        let set = |mode| fs::set_permissions(shard, fs::Permissions::from_mode(mode));
        set(0o555).expect("it is ours");
        let (store, lines) = logged(|| places.store());
        set(0o755).expect("it is ours");
        if file.exists() {
            assert!(lines.iter().any(|line| line.contains("ab")), "{lines:?}");
        } else {
            println!("skipped: this user may delete everywhere");
        }
        drop(store);
    });
}
