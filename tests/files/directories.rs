//! Directories: obstacles to opening one, who may use it, and what is found in it.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use file_backed::fbstore::{FBStore, PreparedPath, RESERVED, key_path, sanitize_path};
use file_backed::uuid::Uuid;
use file_backed::{BackingStore, FBPool};
use tokio::runtime::Runtime;

use super::conformance::saved_by_an_earlier_run;

use super::on_disk::{OnDisk, files_below, prepared};
use super::own_codec::Inverted;
use super::session::{Session, Subject as _, sorted};
use super::values::Sample as _;
use crate::support::logged;
use crate::support::scratch;

type Bytes = OnDisk<Vec<u8>, Inverted>;
type Store = Arc<BackingStore<FBStore<Inverted>>>;
type Pool = Arc<FBPool<Vec<u8>, FBStore<Inverted>>>;

fn program(runtime: &Runtime, cache: PathBuf, mem_size: usize) -> (Store, Pool) {
    let files = FBStore::open(Inverted, prepared(cache)).unwrap();
    let store = Arc::new(BackingStore::new(files, runtime.handle().clone()));
    (store.clone(), Arc::new(FBPool::new(store, mem_size)))
}

#[test]
fn a_file_in_the_way_is_an_error_with_its_path() {
    let dir = scratch();
    let file = dir.path().join("file");
    fs::write(&file, "in the way").unwrap();
    let below = file.join("below");
    let shard = dir.path().join("items").join("7f");
    fs::create_dir(dir.path().join("items")).unwrap();
    fs::write(&shard, "in the way").unwrap();
    let dangling = dir.path().join("dangling");
    #[cfg(unix)]
    std::os::unix::fs::symlink(dir.path().join("nowhere"), &dangling).unwrap();
    #[cfg(not(unix))]
    fs::write(&dangling, "in the way").unwrap();

    let runtime = Runtime::new().unwrap();
    for (path, culprit) in [
        (&file, &file),
        (&below, &below),
        (&dir.path().join("items"), &shard),
        (&dangling, &dangling),
    ] {
        let error = PreparedPath::blocking_open(path.clone()).unwrap_err();
        assert_eq!(error.path(), Some(&**culprit), "{error}");
        assert_eq!(error.key(), None);
        let text = error.to_string();
        let awaited = runtime.block_on(PreparedPath::open(path.clone()));
        assert_eq!(awaited.unwrap_err().to_string(), text);

        let new = || drop(PreparedPath::blocking_new(path.clone(), vec![]));
        let panic = catch_unwind(new).unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&text));
        let new = || runtime.block_on(PreparedPath::new(path.clone(), vec![]));
        let panic = catch_unwind(AssertUnwindSafe(|| drop(new()))).unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&text));
    }
    assert_eq!(fs::read(&file).unwrap(), b"in the way");
    assert_eq!(fs::read(&shard).unwrap(), b"in the way");
}

#[test]
fn a_directory_that_is_opened_for_reading_must_exist() {
    let dir = scratch();
    let missing = dir.path().join("missing");
    for opened in [
        PreparedPath::blocking_open_read_only(missing.clone()),
        PreparedPath::blocking_open_import(missing.clone(), 1 << 20),
    ] {
        let error = opened.unwrap_err();
        assert!(error.is_not_found(), "{error}");
        assert_eq!(error.path(), Some(&*missing));
    }
    assert!(!missing.exists());
    // Without its shards it is an empty one.
    let read_only = PreparedPath::blocking_open_read_only(dir.path()).unwrap();
    assert!(sanitize_path(&read_only).unwrap().is_empty());
    assert_eq!(
        fs::read_dir(dir.path()).unwrap().count(),
        0,
        "nothing is made"
    );
    let error = FBStore::open(Inverted, read_only).unwrap_err();
    assert_eq!(error.path(), Some(dir.path()), "{error}");
}

#[cfg(unix)]
#[test]
fn a_directory_without_permission_is_an_error_with_its_path() {
    use std::os::unix::fs::PermissionsExt as _;

    let dir = scratch();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let path = dir.path().join("items");
    if fs::create_dir(&path).is_ok() {
        println!("skipped: this user may write everywhere");
        return;
    }
    let error = PreparedPath::blocking_open(path.clone()).unwrap_err();
    assert_eq!(error.path(), Some(&*path), "{error}");
    assert!(!error.is_not_found() && !error.is_in_use());
}

#[test]
fn foreign_files_are_reported_and_kept() {
    let subject = Bytes::new(Inverted);
    let key = saved_by_an_earlier_run(&subject, &[1])[0];
    let root = subject.saved_path();
    let name = key.simple().to_string();
    let shard = root.join(&name[..2]);
    let other_shard = root.join(if name.starts_with("00") { "01" } else { "00" });

    let mut foreign = vec![
        root.join("notes"),
        root.join("0"),
        root.join("AB"),
        root.join(&name),
        shard.join("notes"),
        shard.join(&name[..31]),
        shard.join(format!("{name}.tmp")),
        shard.join(key.hyphenated().to_string()),
        other_shard.join(&name),
    ];
    for file in &foreign {
        fs::write(file, "foreign").unwrap();
    }
    let directory = shard.join(format!("{}{}", &name[..2], "0".repeat(30)));
    fs::create_dir(&directory).unwrap();
    foreign.push(directory);
    let mine = [root.join("mine"), shard.join("mine")];
    for file in &mine {
        fs::write(file, "known").unwrap();
    }
    let reserved = RESERVED.iter().map(|name| root.join(name));
    let silent: Vec<_> = reserved.chain(mine).collect();
    fs::write(root.join("file_backed.manifest"), "a dataset's").unwrap();
    fs::write(root.join("file_backed.packs"), "a dataset's").unwrap();
    fs::write(root.join("file_backed.foreign"), "a cache's").unwrap();
    fs::write(root.join("file_backed.temporary"), "").unwrap();

    let saved = || {
        PreparedPath::builder()
            .ignore("mine")
            .blocking_open(root.clone())
            .unwrap()
    };
    assert_eq!(saved().ignored(), ["mine"]);
    let session = Session::open(&subject, 1);
    let scan = || {
        let (tracked, lines) = logged(|| session.store.blocking_track_path(saved()).unwrap());
        assert_eq!(tracked.all_keys(), [key]);
        lines
    };
    let lines = scan();
    assert_eq!(lines, scan(), "nothing was changed");
    assert_eq!(lines.len(), foreign.len(), "{lines:#?}");
    for file in &foreign {
        assert!(file.exists());
        let path = format!("path={}", file.display());
        let line = lines
            .iter()
            .find(|line| line.strip_suffix(&path).is_some() || line.contains(&format!("{path} ")));
        assert!(line.is_some_and(|line| line.starts_with("WARN")), "{path}");
    }
    assert!(silent.iter().all(|file| file.exists()));
    let (keys, lines) = logged(|| sanitize_path(&saved()).unwrap());
    assert_eq!((keys.as_slice(), lines.len()), (&[key][..], foreign.len()));
    session.close(&subject);
}

/// It keeps the name by which it was opened first, whatever names it is opened by later.
#[cfg(unix)]
#[test]
fn a_directory_is_the_same_under_each_of_its_names() {
    let dir = scratch();
    let runtime = Runtime::new().unwrap();
    let cache = dir.path().join("cache");
    let (store, pool) = program(&runtime, cache.clone(), 1);
    let item = pool.insert(Vec::sample(1));
    item.blocking_write_now().unwrap();

    let link = dir.path().join("link");
    std::os::unix::fs::symlink(&cache, &link).unwrap();
    fs::create_dir(dir.path().join("beside")).unwrap();
    let roundabout = dir.path().join("beside").join("..").join("cache");
    let slash = PathBuf::from(format!("{}/", cache.display()));
    for name in [&cache, &link, &roundabout, &slash] {
        let again = prepared(name.clone());
        assert_eq!(again.path(), cache);
        let error = FBStore::open(Inverted, again.clone()).unwrap_err();
        assert!(error.is_in_use(), "{error}");
        assert_eq!(error.path(), Some(&*cache));
        let panic = catch_unwind(AssertUnwindSafe(|| drop(FBStore::new(Inverted, again))));
        assert_eq!(panic.unwrap_err().downcast_ref(), Some(&error.to_string()));
        let pool = runtime.block_on(FBPool::<Vec<u8>, _>::open(Inverted, name, 1));
        assert!(pool.unwrap_err().is_in_use());

        // The store's own cache is no place to save to.
        for tracked in [
            store.blocking_track_path(prepared(name.clone())),
            store.blocking_track_read_only(prepared(name.clone())),
            runtime.block_on(store.track_path(prepared(name.clone()))),
            store.blocking_track_path(PreparedPath::blocking_open_read_only(name.clone()).unwrap()),
        ] {
            let error = tracked.unwrap_err();
            assert!(error.is_in_use(), "{error}");
            assert_eq!(error.path(), Some(&*cache));
        }
    }
    item.blocking_read().unwrap().assert_is(1);
    drop(item);
    FBStore::open(Inverted, prepared(link)).unwrap();
    drop((store, pool));
}

/// As in a restart within one process: the last handle was dropped a moment before.
#[test]
fn a_cache_can_be_opened_again_right_after_its_last_handle() {
    let dir = scratch();
    let cache = dir.path().join("cache");
    let runtime = Runtime::new().unwrap();
    let mut earlier = None;
    for n in 0..100 {
        let path = runtime.block_on(PreparedPath::open(cache.clone())).unwrap();
        let files = FBStore::open(Inverted, path).unwrap();
        assert!(files_below(&cache).is_empty(), "the deletions came first");
        let store = Arc::new(BackingStore::new(files, runtime.handle().clone()));
        let pool: Pool = Arc::new(FBPool::new(store.clone(), 1));
        let items: Vec<_> = (n..n + 3).map(|n| pool.insert(Vec::sample(n))).collect();
        items[0].blocking_write_now().unwrap();
        items[0].blocking_read().unwrap().assert_is(n);
        drop(items);
        // Every other store is still there when the next one comes.
        earlier = (n % 2 == 0).then_some((store, pool));
    }
    drop(earlier);
}

#[test]
fn a_store_that_has_lost_its_cache_refuses_writes_and_keeps_its_values() {
    let dir = scratch();
    let cache = dir.path().join("cache");
    let runtime = Runtime::new().unwrap();
    let (_old_store, old) = program(&runtime, cache.clone(), 4);
    let item = old.insert(Vec::sample(1));
    let saved = _old_store
        .blocking_track_path(prepared(dir.path().join("saved")))
        .unwrap();

    let (store, new) = program(&runtime, cache.clone(), 0);
    for error in [
        item.blocking_write_now().unwrap_err(),
        item.blocking_persist(&saved).unwrap_err(),
    ] {
        assert!(error.is_in_use(), "{error}");
        assert_eq!(error.key(), Some(item.key()));
        assert_eq!(error.path(), Some(&*cache));
    }
    item.blocking_read().unwrap().assert_is(1);
    let other = new.insert(Vec::sample(2));
    store.blocking_finished();
    other.blocking_read().unwrap().assert_is(2);
    drop(item);
    other.blocking_read().unwrap().assert_is(2);
}

/// Two stores are opened before either is wrapped. The first has lost the cache by then,
/// and must not be taken for its owner.
#[test]
fn the_store_that_opened_a_cache_last_owns_it() {
    let dir = scratch();
    let cache = dir.path().join("cache");
    let runtime = Runtime::new().unwrap();
    let open = || FBStore::open(Inverted, prepared(cache.clone())).unwrap();
    let (first, second) = (open(), open());
    let second = Arc::new(BackingStore::new(second, runtime.handle().clone()));
    let _first = Arc::new(BackingStore::new(first, runtime.handle().clone()));
    let pool: Pool = Arc::new(FBPool::new(second, 1));
    let item = pool.insert(Vec::sample(1));
    item.blocking_write_now().unwrap();
    let error = FBStore::open(Inverted, prepared(cache.clone())).unwrap_err();
    assert!(error.is_in_use(), "{error}");
}

/// A moved directory and a new one in its old place are different directories while the
/// first is in use.
#[test]
fn a_moved_directory_is_found_under_its_new_name() {
    let subject = Bytes::new(Inverted);
    let key = saved_by_an_earlier_run(&subject, &[1])[0];
    let moved = subject.saved_path().with_file_name("moved");
    let session = Session::open(&subject, 1);
    let stale = subject.saved();
    fs::rename(subject.saved_path(), &moved).unwrap();

    let tracked = session.track(prepared(moved.clone()));
    assert_eq!(tracked.path().path(), moved);
    let item = session.pool.blocking_register(&tracked, key).unwrap();
    item.blocking_read().unwrap().assert_is(1);
    let empty = session.track(subject.saved());
    assert_eq!(empty.path().path(), subject.saved_path());
    assert!(empty.all_keys().is_empty());
    let new = session.insert(2);
    new.blocking_persist(&empty).unwrap();
    assert!(subject.saved_file(new.key()).exists());
    assert!(!key_path(&moved, new.key()).exists());
    drop((stale, item, new, tracked, empty));
    session.close(&subject);
}

/// The system reuses the inode number of a deleted directory for the next one, wherever
/// that is made.
#[test]
fn a_deleted_directory_is_not_taken_for_a_new_one() {
    // Not in memory, where numbers are not reused.
    let dir = tempfile::tempdir().unwrap();
    let opened = |path: &Path| {
        fs::create_dir(path).unwrap();
        PreparedPath::blocking_open_read_only(path).unwrap()
    };
    for n in 0..20 {
        let (old, new) = (
            dir.path().join(format!("old{n}")),
            dir.path().join(format!("new{n}")),
        );
        let stale = opened(&old);
        fs::remove_dir(&old).unwrap();
        let next = opened(&new);
        assert_eq!(next.path(), new);
        assert!(sanitize_path(&next).unwrap().is_empty());
        let error = sanitize_path(&stale).unwrap_err();
        assert!(error.is_not_found(), "{error}");
        assert_eq!(error.path(), Some(&*old));
    }
}

#[test]
fn persisting_does_not_replace_another_file() {
    let subject = Bytes::new(Inverted);
    let session = Session::open(&subject, 1);
    let tracked = session.track(subject.saved());
    let item = session.insert(1);
    let file = subject.saved_file(item.key());
    for other in [&b"another"[..], &file_of(2)] {
        fs::write(&file, other).unwrap();
        let error = item.blocking_persist(&tracked).unwrap_err();
        assert!(error.is_conflict(), "{error}");
        assert_eq!(
            (error.key(), error.path()),
            (Some(item.key()), Some(&*file))
        );
        assert_eq!(fs::read(&file).unwrap(), other);
        assert!(!tracked.contains_key(item.key()));
    }
    item.blocking_read().unwrap().assert_is(1);
    // The same content is what was asked for.
    fs::write(&file, file_of(1)).unwrap();
    item.blocking_persist(&tracked).unwrap();
    assert_eq!(tracked.all_keys(), [item.key()]);
    drop((item, tracked));
    session.close(&subject);
}

/// Files that a killed process left in the cache have no owner.
#[test]
fn registering_replaces_leftovers_in_the_cache() {
    let subject = Bytes::new(Inverted);
    let keys = saved_by_an_earlier_run(&subject, &[0, 1, 2]);
    fs::write(subject.cached_file(keys[0]), file_of(9)).unwrap();
    fs::write(subject.cached_file(keys[1]), "torn").unwrap();
    fs::hard_link(subject.saved_file(keys[2]), subject.cached_file(keys[2])).unwrap();
    let session = Session::open(&subject, 3);
    let tracked = session.track(subject.saved());
    let tokens = session.store.blocking_register_all(&tracked).unwrap();
    for (n, key) in (0..).zip(&keys) {
        let item = session.pool.blocking_register(&tracked, *key).unwrap();
        item.blocking_read().unwrap().assert_is(n);
    }
    drop((tokens, tracked));
    session.close(&subject);
    assert_eq!(sorted(subject.saved_keys()), sorted(keys));
}

fn file_of(n: u32) -> Vec<u8> {
    let mut file = Vec::new();
    file_backed::fbstore::frame::write_file(&Inverted, &Vec::sample(n), &mut file).unwrap();
    file
}

#[test]
fn sync_names_the_file_that_it_cannot_make_durable() {
    let subject = Bytes::new(Inverted);
    let session = Session::open(&subject, 1);
    let tracked = session.track(subject.saved());
    let (item, other) = (session.insert(1), session.insert(2));
    item.blocking_persist(&tracked).unwrap();
    session.store.blocking_sync(&tracked).unwrap();
    session.store.blocking_sync(&tracked).unwrap();

    other.blocking_persist(&tracked).unwrap();
    let file = subject.saved_file(other.key());
    fs::remove_file(&file).unwrap();
    for _ in 0..2 {
        let error = session.store.blocking_sync(&tracked).unwrap_err();
        assert_eq!(error.path(), Some(&*file), "{error}");
    }
    let error = session
        .runtime
        .block_on(session.store.sync(&tracked))
        .unwrap_err();
    assert_eq!(error.path(), Some(&*file), "{error}");
    // As the error says: delete it and persist it again.
    session
        .store
        .blocking_delete_persisted(&tracked, other.key())
        .unwrap();
    other.blocking_persist(&tracked).unwrap();
    session.store.blocking_sync(&tracked).unwrap();

    // Also when there is nothing to be synced: what was is gone.
    fs::remove_dir_all(subject.saved_path()).unwrap();
    let error = session.store.blocking_sync(&tracked).unwrap_err();
    assert_eq!(error.path(), Some(&*subject.saved_path()), "{error}");
    drop((item, other, tracked));
    session.close(&subject);
}

#[test]
fn a_directory_opened_read_only_is_not_written_to() {
    let subject = Bytes::new(Inverted);
    let key = saved_by_an_earlier_run(&subject, &[1])[0];
    let session = Session::open(&subject, 1);
    let read_only = PreparedPath::blocking_open_read_only(subject.saved_path()).unwrap();
    // As if it could be written to.
    let error = session
        .store
        .blocking_track_path(read_only.clone())
        .unwrap_err();
    assert_eq!(error.path(), Some(&*subject.saved_path()), "{error}");
    let tracked = session.store.blocking_track_read_only(read_only);
    let tracked = Arc::new(tracked.unwrap());
    let item = session.insert(2);
    let persist = item.blocking_persist(&tracked).unwrap_err();
    let delete = session
        .store
        .blocking_delete_persisted(&tracked, key)
        .unwrap_err();
    let sync = session.store.blocking_sync(&tracked).unwrap_err();
    assert_eq!(persist.key(), Some(item.key()));
    assert_eq!(delete.key(), Some(key));
    for error in [persist, delete, sync] {
        assert_eq!(error.path(), Some(&*subject.saved_path()), "{error}");
    }
    let saved = session.pool.blocking_register(&tracked, key).unwrap();
    saved.blocking_read().unwrap().assert_is(1);
    assert!(
        !subject.cached_file(key).exists(),
        "it is loaded where it is"
    );
    // From there it can be persisted elsewhere.
    let other = session.track(subject.other());
    saved.blocking_persist(&other).unwrap();
    drop((item, saved, other, tracked));
    session.close(&subject);
}

/// A part of the cache is deleted while the store uses it.
#[test]
fn a_deleted_shard_is_made_again() {
    let subject = Bytes::new(Inverted);
    let key = saved_by_an_earlier_run(&subject, &[1])[0];
    let session = Session::open(&subject, 1);
    let tracked = session.track(subject.saved());
    let cached = subject.cached_file(key);
    fs::remove_dir(cached.parent().unwrap()).unwrap();
    let item = session.pool.blocking_register(&tracked, key).unwrap();
    item.blocking_read().unwrap().assert_is(1);
    drop((item, tracked));
    session.close(&subject);
}

#[test]
fn the_path_of_a_key_is_fixed() {
    let key = Uuid::from_u128(0x0a);
    let path = Path::new("root")
        .join("00")
        .join("0000000000000000000000000000000a");
    assert_eq!(key_path(Path::new("root"), key), path);
}

/// The first store used to delete the directory when it was dropped, although a second
/// one used it.
#[test]
fn a_temporary_directory_is_deleted_with_its_last_store() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let path = PreparedPath::blocking_temp().unwrap();
    let open = || {
        let files = FBStore::open(Inverted, path.clone()).unwrap();
        Arc::new(BackingStore::new(files, runtime.handle().clone()))
    };
    let first = open();
    let second = open();
    drop(first);
    let pool = Arc::new(FBPool::new(second, 0));
    let item = pool.insert(Vec::sample(1));
    item.blocking_write_now().unwrap();
    pool.store().blocking_finished();
    assert!(*item.blocking_read().unwrap() == Vec::<u8>::sample(1));
    drop((item, pool));
    assert!(!path.path().exists());
}

/// Two wrappers would delete each other's files, so neither may write. Only a store that
/// opens the directory later may.
#[test]
fn a_store_that_is_wrapped_twice_refuses_writes() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let path = PreparedPath::blocking_temp().unwrap();
    let wrap = |files: Arc<FBStore<Inverted>>| {
        let store = BackingStore::new(files, runtime.handle().clone());
        Arc::new(FBPool::new(Arc::new(store), 1))
    };
    let twice = Arc::new(FBStore::open(Inverted, path.clone()).unwrap());
    let (one, other) = (wrap(twice.clone()), wrap(twice.clone()));
    for pool in [&one, &other] {
        let error = pool
            .insert(Vec::sample(1))
            .blocking_write_now()
            .unwrap_err();
        assert!(error.is_in_use(), "{error}");
    }
    let last = wrap(Arc::new(FBStore::open(Inverted, path.clone()).unwrap()));
    let third = wrap(twice);
    last.insert(Vec::sample(1)).blocking_write_now().unwrap();
    drop((one, other, third));
    last.insert(Vec::sample(1)).blocking_write_now().unwrap();
}
