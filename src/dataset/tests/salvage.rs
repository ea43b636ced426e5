//! Salvaging, and datasets of items that were there before, with a fault at each file
//! operation and a power cut at each point. No whole item is lost.

use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Runtime;
use uuid::Uuid;

use super::super::{Dataset, Key, OpenOptions, Salvaged, VerifyOptions};
use super::faults::{Places, Pool, Root, Store, commit, open};
use crate::fbstore::files::Files;
use crate::fbstore::real_files::RealFiles;
use crate::fbstore::{FBStore, PreparedPath, key_path, keys_in};
use crate::testing::errno::{EACCES, EIO, EMFILE, ENOSPC};
use crate::testing::{Cut, Fault, FaultyFiles, Links, Plain, at_each_power_cut, runtime};
use crate::{BackingStore, FBPool, Result};

type Opened = Dataset<Root, FBStore<Plain>>;

const ITEMS: u8 = 3;

/// Persists items, and makes them durable.
fn persist(store: &Store, pool: &Pool, path: PreparedPath) -> Vec<Uuid> {
    let tracked = store.blocking_track_path(path).expect("it is ours");
    let mut keys = Vec::new();
    for n in 0..ITEMS {
        let item = pool.insert(vec![n; 100]);
        item.blocking_persist(&tracked).expect("nothing fails yet");
        keys.push(item.key());
    }
    store.blocking_sync(&tracked).expect("nothing fails yet");
    drop(tracked);
    store.blocking_finished();
    keys.sort_unstable();
    keys
}

/// The store of a program that keeps all of its files below `root`, and the place of its
/// items.
fn store_and_place(
    machine: &Runtime,
    root: &Path,
    files: impl Fn() -> Arc<dyn Files>,
) -> (Store, PreparedPath) {
    let open = |name: &str| PreparedPath::open_with(root.join(name), files()).expect("it is made");
    let files = FBStore::open(Plain, open("cache")).expect("no store has it");
    let store = BackingStore::new(files, machine.handle().clone());
    (Arc::new(store), open("saved"))
}

fn with_existing(store: &Store, path: PreparedPath) -> Result<Opened> {
    OpenOptions::new()
        .with_existing_items()
        .blocking_open(store, path)
}

fn assert_whole(dataset: &Opened, keys: &[Uuid]) {
    assert_eq!(dataset.all_keys(), keys);
    let verified = dataset.blocking_verify(VerifyOptions::all());
    assert!(verified.expect("it reads").is_whole());
}

#[test]
fn a_directory_that_fails_to_become_a_dataset_keeps_its_items() {
    let places = Places::new();
    let mut runs = 0..;
    for (lasts, number) in [
        (1, ENOSPC),
        (1, EIO),
        (2, EIO),
        (usize::MAX, ENOSPC),
        (1, EMFILE),
    ] {
        for after in 0.. {
            let saved = places.saved(runs.next().expect("there are many"));
            let (store, pool) = places.store();
            let files = FaultyFiles::default();
            let path = PreparedPath::open_with(saved.clone(), Arc::new(files.clone()));
            let path = path.expect("it is made");
            let keys = persist(&store, &pool, path.clone());
            files.plan(after, lasts, Fault::Errno(number));
            let opened = with_existing(&store, path);
            let was_met = !files.lift().is_empty();
            if let Ok(dataset) = opened {
                assert_whole(&dataset, &keys);
            }
            store.blocking_finished();
            let path = PreparedPath::open_with(saved.clone(), Arc::new(RealFiles));
            let dataset = with_existing(&store, path.expect("it is there"));
            assert_whole(&dataset.expect("nothing fails any more"), &keys);
            store.blocking_finished();
            std::fs::remove_dir_all(saved).expect("it is there");
            if !was_met {
                assert!(after > 5, "{after}");
                break;
            }
        }
    }
}

#[test]
fn a_power_cut_while_a_directory_becomes_a_dataset_keeps_its_items() {
    let machine = runtime("before a power cut");
    let points = at_each_power_cut(
        Links::AsTheMachine,
        |recorder, root| {
            let (store, saved) = store_and_place(&machine, root, || Arc::new(recorder.clone()));
            let pool = Arc::new(FBPool::new(store.clone(), 1));
            let keys = persist(&store, &pool, saved.clone());
            recorder.tell((keys.clone(), false));
            let dataset = with_existing(&store, saved).expect("nothing fails");
            assert_whole(&dataset, &keys);
            recorder.tell((keys, true));
            drop(dataset);
            store.blocking_finished();
        },
        |cut: Cut<'_, (Vec<Uuid>, bool)>| {
            let Some((keys, is_dataset)) = cut.told.last() else {
                return;
            };
            let (store, saved) = store_and_place(&machine, cut.root, || Arc::new(RealFiles));
            let dataset: Opened = match is_dataset {
                true => Dataset::blocking_open(&store, saved).expect("it was acknowledged"),
                false => with_existing(&store, saved).expect("they are durable"),
            };
            assert_whole(&dataset, keys);
        },
    );
    assert!(points > 50, "{points}");
}

fn salvage(store: &Store, path: PreparedPath) -> Result<(Opened, Salvaged)> {
    OpenOptions::new().blocking_salvage(store, path, VerifyOptions::all())
}

/// A dataset of some items, one of which is damaged. Returns the keys of the others.
fn make_damaged(store: &Store, pool: &Pool, saved: &Path) -> (Vec<Uuid>, Uuid) {
    let dataset = open(store, saved, RealFiles).expect("nothing fails");
    commit(&dataset, pool, &[], &[1, 2, 3]).expect("nothing fails");
    let mut keys = dataset.all_keys();
    let named = dataset.blocking_edit(|edit| {
        let mut keys = keys.iter();
        keys.try_for_each(|key| {
            let item = Key::<Vec<u8>>::from_uuid(*key);
            edit.set_name(&key.to_string(), item).map(drop)
        })
    });
    named
        .map_err(|error: crate::Error| error)
        .expect("nothing fails");
    drop(dataset);
    store.blocking_finished();
    let damaged = keys.remove(1);
    let path = key_path(saved, damaged);
    std::fs::remove_file(&path).expect("it is there");
    std::fs::write(&path, "damaged").expect("it is ours");
    (keys, damaged)
}

/// Until a commit has succeeded, everything can be salvaged again, with its names.
#[test]
fn a_salvage_that_fails_to_commit_has_deleted_nothing() {
    let places = Places::new();
    let mut runs = 0..;
    for (lasts, number) in [
        (1, ENOSPC),
        (1, EIO),
        (3, EIO),
        (usize::MAX, ENOSPC),
        (1, EMFILE),
    ] {
        for after in 0.. {
            let saved = places.saved(runs.next().expect("there are many"));
            let (store, pool) = places.store();
            let (whole, damaged) = make_damaged(&store, &pool, &saved);
            let files = FaultyFiles::default();
            let path = PreparedPath::open_with(saved.clone(), Arc::new(files.clone()));
            let (dataset, _) = salvage(&store, path.expect("it is there")).expect("it is whole");
            files.plan(after, lasts, Fault::Errno(number));
            let committed = dataset.blocking_edit(|_| Ok::<_, crate::Error>(()));
            let was_met = !files.lift().is_empty();
            assert_whole(&dataset, &whole);
            let is_first = !saved.join("file_backed.manifest/0000000000000003").exists();
            if committed.is_err() && is_first {
                let found =
                    keys_in(&PreparedPath::blocking_open_read_only(&*saved).expect("it is there"));
                assert!(found.expect("it is read").contains(&damaged));
            }
            drop(dataset);
            store.blocking_finished();
            let path = PreparedPath::open_with(saved.clone(), Arc::new(RealFiles));
            let (dataset, salvaged) =
                salvage(&store, path.expect("it is there")).expect("it is whole");
            assert_whole(&dataset, &whole);
            assert_eq!(dataset.names().len(), whole.len() as u64);
            assert!(salvaged.is_whole() || committed.is_err());
            let committed = dataset.blocking_edit(|_| Ok::<_, crate::Error>(()));
            committed.expect("nothing fails any more");
            drop(dataset);
            store.blocking_finished();
            let dataset = open(&store, &saved, RealFiles).expect("nothing is wrong any more");
            assert_whole(&dataset, &whole);
            drop(dataset);
            store.blocking_finished();
            std::fs::remove_dir_all(saved).expect("it is there");
            if !was_met {
                assert!(after > 5, "{after}");
                break;
            }
        }
    }
}

/// A file that cannot be opened now may be whole.
#[test]
fn an_error_of_the_system_is_not_taken_for_damage() {
    let places = Places::new();
    let mut runs = 0..;
    for number in [EACCES, EMFILE] {
        for after in 0.. {
            let saved = places.saved(runs.next().expect("there are many"));
            let (store, pool) = places.store();
            let (whole, damaged) = make_damaged(&store, &pool, &saved);
            let files = FaultyFiles::default();
            let path = PreparedPath::open_with(saved.clone(), Arc::new(files.clone()));
            let path = path.expect("it is there");
            files.plan(after, 1, Fault::Errno(number));
            let salvaged = salvage(&store, path);
            let was_met = !files.lift().is_empty();
            if let Ok((dataset, salvaged)) = salvaged {
                let keys: Vec<_> = salvaged.damaged.iter().map(|item| item.key).collect();
                assert_eq!(keys, [damaged]);
                assert_whole(&dataset, &whole);
                drop(dataset);
            }
            store.blocking_finished();
            std::fs::remove_dir_all(saved).expect("it is there");
            if !was_met {
                assert!(after > 5, "{after}");
                break;
            }
        }
    }
}

/// The first commit makes the directory of manifests after the directory that contains it was
/// synced.
#[test]
fn a_power_cut_after_the_first_commit_of_a_salvaged_directory_keeps_it() {
    let machine = runtime("before a power cut");
    let points = at_each_power_cut(
        Links::AsTheMachine,
        |recorder, root| {
            let (store, saved) = store_and_place(&machine, root, || Arc::new(recorder.clone()));
            let pool = Arc::new(FBPool::new(store.clone(), 1));
            let keys = persist(&store, &pool, saved.clone());
            let (dataset, _) = salvage(&store, saved).expect("nothing is damaged");
            let first = Key::<Vec<u8>>::from_uuid(keys[0]);
            let named = dataset.blocking_edit(|edit| edit.set_name("first", first));
            named.expect("nothing fails");
            recorder.tell(keys);
            drop(dataset);
            store.blocking_finished();
        },
        |cut: Cut<'_, Vec<Uuid>>| {
            let Some(keys) = cut.told.last() else {
                return;
            };
            let (store, saved) = store_and_place(&machine, cut.root, || Arc::new(RealFiles));
            let dataset: Opened =
                Dataset::blocking_open(&store, saved).expect("the commit was acknowledged");
            assert_whole(&dataset, keys);
            let first = dataset.key_named::<Vec<u8>>("first");
            assert_eq!(first.map(Key::uuid), Some(keys[0]));
        },
    );
    assert!(points > 50, "{points}");
}

/// The kernel reports a failed fsync once, and no commit has made the item durable before.
#[test]
fn an_item_whose_sync_fails_after_a_salvage_is_not_trusted() {
    let places = Places::new();
    let saved = places.saved(0);
    let (store, pool) = places.store();
    let files = FaultyFiles::default();
    let path = PreparedPath::open_with(saved.clone(), Arc::new(files.clone()));
    let path = path.expect("it is made");
    let tracked = store.blocking_track_path(path.clone()).expect("it is ours");
    let item = pool.insert(vec![1; 100]);
    item.blocking_persist(&tracked).expect("nothing fails yet");
    drop((item, tracked));
    store.blocking_finished();
    let (dataset, _) = salvage(&store, path).expect("nothing is damaged");
    let commit = || dataset.blocking_edit(|_| Ok::<_, crate::Error>(()));
    files.plan_on("sync", 0, 1, Fault::Errno(EIO));
    commit().expect_err("the item may be lost");
    assert_eq!(files.lift(), ["sync"]);
    commit().expect_err("the item may be lost");
}
