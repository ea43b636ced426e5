//! What other users and special files cannot do to a directory.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use file_backed::FBPool;
use file_backed::fbstore::{PreparedPath, Readers, key_path};
use uuid::Uuid;

use super::{Places, prepared, track};
use crate::support::test;

fn mode_of(path: &Path) -> u32 {
    let metadata = fs::symlink_metadata(path).expect("it is there");
    metadata.permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
}

fn make_pipe(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.expect("there is mkfifo").success());
}

/// An attacker could prepare a cache whose shards lead to a directory of the user. The
/// sweep used to delete the items there.
#[test]
fn shards_that_are_symbolic_links_are_refused() {
    test(|| {
        let places = Places::new();
        drop(prepared(&places.saved));
        let precious = key_path(&places.saved, Uuid::from_u128(7));
        fs::write(&precious, "precious").expect("it is written");
        fs::create_dir(&places.cache).expect("it is made");
        fs::write(places.cache.join("file_backed.role"), "cache\n").expect("it is made");
        for shard in 0..=u8::MAX {
            let name = format!("{shard:02x}");
            symlink(places.saved.join(&name), places.cache.join(&name)).expect("it is made");
        }
        let error = PreparedPath::blocking_open(places.cache.clone()).unwrap_err();
        assert_eq!(error.path(), Some(&*places.cache.join("00")), "{error}");
        assert!(precious.exists());

        // One that became a link later.
        for shard in 0..=u8::MAX {
            let shard = places.cache.join(format!("{shard:02x}"));
            fs::remove_file(&shard).expect("it is a link");
        }
        let pool = places.pool();
        let shard = places.cache.join("00");
        fs::remove_dir(&shard).expect("it is empty");
        symlink(places.saved.join("00"), &shard).expect("it is made");
        let item = loop {
            let item = pool.insert("value".to_owned());
            if item.key().as_bytes()[0] == 0 {
                break item;
            }
        };
        item.blocking_write_now()
            .expect_err("it would be written elsewhere");
        assert_eq!(
            fs::read_dir(places.saved.join("00"))
                .expect("there")
                .count(),
            1
        );
        assert_eq!(*item.blocking_read().expect("it is in memory"), "value");
    });
}

/// For each file that the library makes in a cache, a cache that lacks it.
fn places_without_a_file() -> impl Iterator<Item = (&'static str, Places)> {
    let names = [
        "file_backed.lock",
        "file_backed.role",
        "file_backed.foreign",
    ];
    names.into_iter().map(|name| {
        let places = Places::new();
        drop(prepared(&places.cache));
        if name == "file_backed.foreign" {
            let role = places.cache.join("file_backed.role");
            fs::write(role, "cache\n").expect("it is made");
        }
        (name, places)
    })
}

/// Opening a lock file through a symbolic link used to make a file elsewhere.
#[test]
fn files_of_the_library_that_are_symbolic_links_are_refused() {
    test(|| {
        for (name, places) in places_without_a_file() {
            let elsewhere = places.cache.with_file_name("elsewhere");
            symlink(&elsewhere, places.cache.join(name)).expect("it is made");
            let error = places.open(&places.cache).unwrap_err();
            assert_eq!(error.path(), Some(&*places.cache.join(name)), "{error}");
            assert!(!elsewhere.exists(), "{name}");
        }
    });
}

/// A pipe under a name of the library used to make its opener wait forever.
#[test]
fn pipes_in_place_of_files_of_the_library_are_errors() {
    test(|| {
        for (name, places) in places_without_a_file() {
            let pipe = places.cache.join(name);
            make_pipe(&pipe);
            let error = places.open(&places.cache).unwrap_err();
            assert_eq!(error.path(), Some(&*pipe), "{error}");
            assert!(error.to_string().contains("not a regular file"), "{error}");
        }
    });
}

#[test]
fn pipes_and_links_in_place_of_items_are_errors() {
    test(|| {
        let places = Places::new();
        let pool = places.pool();
        let tracked = track(pool.store(), &places.saved).expect("it is new");
        let items = ["one", "two", "three"].map(|text| pool.insert(text.to_owned()));
        for item in &items {
            item.blocking_persist(&tracked).expect("it is saved");
        }
        let keys = items.each_ref().map(|item| item.key());
        drop(items);
        pool.store().blocking_finished();

        let file = |n: usize| key_path(&places.saved, keys[n]);
        let whole = places.saved.with_file_name("whole");
        fs::rename(file(1), &whole).expect("it is ours");
        symlink(&whole, file(1)).expect("it is made");
        fs::remove_file(file(0)).expect("it is ours");
        make_pipe(&file(0));
        for key in &keys[..2] {
            // Where a link can be made of it, loading tells.
            let read = pool.blocking_register(&tracked, *key);
            let error = match read {
                Ok(item) => item.blocking_read().map(drop).unwrap_err(),
                Err(error) => error,
            };
            assert!(error.path().is_some(), "{error}");
        }
        // Neither does reading in place wait.
        let read_only = PreparedPath::blocking_open_read_only(places.saved.clone());
        let read_only = read_only.expect("it is there");
        let other = places
            .open(&places.cache.with_file_name("spare"))
            .expect("it is new");
        let pool: Arc<FBPool<String, _>> = Arc::new(FBPool::new(other.clone(), 1));
        let tracked = other
            .blocking_track_read_only(read_only)
            .expect("it is there");
        let keys_found = tracked.all_keys();
        assert_eq!(keys_found, [keys[2]], "others are no items");
        assert_eq!(
            *pool
                .blocking_register(&tracked, keys[2])
                .expect("it is there")
                .blocking_read()
                .expect("whole"),
            "three"
        );
    });
}

#[test]
fn a_directory_that_every_user_may_write_to_is_refused() {
    test(|| {
        let places = Places::new();
        fs::create_dir(&places.cache).expect("it is made");
        set_mode(&places.cache, 0o777);
        let error = places.open(&places.cache).unwrap_err();
        assert_eq!(error.path(), Some(&*places.cache));
        assert!(error.to_string().contains("chmod o-w"), "{error}");
        set_mode(&places.cache, 0o755);
        let shard = places.cache.join("7f");
        set_mode(&shard, 0o777);
        let error = places.open(&places.cache).unwrap_err();
        assert_eq!(error.path(), Some(&*shard));
        assert!(error.to_string().contains("chmod o-w"), "{error}");
        set_mode(&shard, 0o755);
        drop(places.open(&places.cache).expect("as the error says"));
        assert_eq!(mode_of(&places.cache), 0o755, "what exists keeps its mode");
    });
}

/// Items used to be readable by all users: 0444, in directories of 0755.
#[test]
fn new_files_are_private_unless_the_program_names_readers() {
    test(|| {
        for (readers, directory, file) in [
            (None, 0o700, 0o400),
            (Some(Readers::Group), 0o750, 0o440),
            (Some(Readers::Everyone), 0o755, 0o444),
        ] {
            let places = Places::new();
            let pool = places.pool();
            let save = |readers: Option<Readers>, text: &str| {
                let mut builder = PreparedPath::builder();
                if let Some(readers) = readers {
                    builder = builder.readers(readers);
                }
                let saved = builder.blocking_open(&places.saved).expect("it is ours");
                let tracked = pool.store().blocking_track_path(saved).expect("it is free");
                let item = pool.insert(text.to_owned());
                item.blocking_persist(&tracked).expect("it is saved");
                item
            };
            let item = save(readers, "value");
            assert_eq!(mode_of(&places.saved), directory);
            assert_eq!(mode_of(&places.saved.join("00")), directory);
            assert_eq!(mode_of(&key_path(&places.saved, item.key())), file);
            assert_eq!(mode_of(&places.saved.join("file_backed.role")), file);
            assert_eq!(mode_of(&places.cache), 0o700, "a cache is nobody else's");
            let cached = pool.insert("cached".to_owned());
            cached.blocking_write_now().expect("it is written");
            assert_eq!(mode_of(&key_path(&places.cache, cached.key())), 0o400);
            // Opened again without a word, it stays as it was.
            let later = save(None, "later");
            assert_eq!(mode_of(&key_path(&places.saved, later.key())), file);
            pool.store().blocking_finished();
        }
    });
}

/// A group that may write to a directory may replace a file that is mapped.
#[cfg(feature = "bytescodec")]
#[test]
fn files_of_a_group_writable_directory_are_not_mapped() {
    use file_backed::BackingStore;
    use file_backed::fbstore::{BytesCodec, FBStore, MappedBytes};

    test(|| {
        for (mode, is_mapped) in [(0o770, false), (0o700, true)] {
            let places = Places::new();
            fs::create_dir(&places.cache).expect("it is made");
            set_mode(&places.cache, mode);
            // SAFETY: the directory is this test's alone, whatever its mode says.
            let codec = unsafe { BytesCodec::new() }.crossover(0);
            let files = FBStore::open(codec, prepared(&places.cache)).expect("it is ours");
            let runtime = places.world.runtime().handle().clone();
            let store = Arc::new(BackingStore::new(files, runtime));
            let pool: Arc<FBPool<MappedBytes, _>> = Arc::new(FBPool::new(store.clone(), 0));
            let item = pool.insert(MappedBytes::from(vec![7; 1 << 20]));
            store.blocking_finished();
            let (read, lines) =
                crate::support::logged(|| item.blocking_read().expect("it is written"));
            assert_eq!(read.is_mapped(), is_mapped);
            let warned = lines.iter().any(|line| line.contains("chmod g-w"));
            assert_eq!(warned, !is_mapped, "{lines:?}");
        }
    });
}

/// A process that was killed between linking an item and changing its mode used to leave
/// it closed to the readers.
#[test]
fn persisting_an_existing_item_gives_it_the_mode_for_its_readers() {
    test(|| {
        let places = Places::new();
        let pool = places.pool();
        let path = PreparedPath::builder().readers(Readers::Everyone);
        let path = path.blocking_open(&places.saved).expect("it is ours");
        let item = pool.insert("value".to_owned());
        item.blocking_write_now().expect("it is written");
        let file = key_path(&places.saved, item.key());
        let tracked = pool.store().blocking_track_path(path).expect("it is free");
        fs::hard_link(key_path(&places.cache, item.key()), &file).expect("one file system");
        assert_eq!(mode_of(&file), 0o400);
        item.blocking_persist(&tracked).expect("it is there");
        assert_eq!(mode_of(&file), 0o444);
    });
}
