//! Persists items, with a power cut at each point: nothing that `sync` acknowledged is
//! lost, and no torn file is accepted.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Runtime;
use uuid::Uuid;

use super::super::files::Files;
use super::super::real_files::RealFiles;
use super::super::{FBStore, PreparedPath};
use crate::backing_store::TrackedPath;
use crate::testing::errno::EXDEV;
use crate::testing::{Cut, Links, Plain, Recorder, at_each_power_cut, runtime};
use crate::{BackingStore, FBPool};

/// A result that the program got, or a step that it is about to take.
enum Told {
    /// The only value that this key ever has.
    Value(Uuid, Vec<u8>),
    /// A sync succeeded: the first keys exist, and the second do not.
    Synced { there: Vec<Uuid>, gone: Vec<Uuid> },
    /// From now on this key may be missing.
    Deletes(Uuid),
}

const THREADS: &str = "before a power cut";

struct Program {
    store: Arc<BackingStore<FBStore<Plain>>>,
    pool: Arc<FBPool<Vec<u8>, FBStore<Plain>>>,
    tracked: Arc<TrackedPath<PreparedPath>>,
}

impl Program {
    fn start(runtime: &Runtime, root: &Path, files: impl Fn() -> Arc<dyn Files>) -> Self {
        // In parent directories that do not exist yet either.
        let open = |name: &str| {
            let path = root.join("some").join("where").join(name);
            PreparedPath::open_with(path, files()).expect("it is opened")
        };
        let store = FBStore::open(Plain, open("cache")).expect("nobody has it");
        let store = Arc::new(BackingStore::new(store, runtime.handle().clone()));
        let tracked = store.blocking_track_path(open("saved"));
        Self {
            pool: Arc::new(FBPool::new(store.clone(), 1)),
            tracked: Arc::new(tracked.expect("it is tracked")),
            store,
        }
    }
}

/// Persists items with and without a sync after it, and deletes one.
fn save(recorder: &Recorder<Told>, root: &Path, items: u8) {
    let runtime = runtime(THREADS);
    let program = Program::start(&runtime, root, || Arc::new(recorder.clone()));
    let insert = |n: u8| {
        let value = vec![n | 1; if n.is_multiple_of(3) { 70_000 } else { 200 }];
        let item = program.pool.insert(value.clone());
        recorder.tell(Told::Value(item.key(), value));
        item
    };
    let persist = |item: &crate::Fb<_, _>| {
        item.blocking_persist(&program.tracked)
            .expect("it is saved");
        item.key()
    };
    let sync = |there: Vec<Uuid>, gone: Vec<Uuid>| {
        let synced = program.store.blocking_sync(&program.tracked);
        synced.expect("it is synced");
        recorder.tell(Told::Synced { there, gone });
    };
    let first: Vec<_> = (0..items).map(insert).collect();
    let keys: Vec<_> = first.iter().map(persist).collect();
    sync(keys.clone(), vec![]);

    let second = insert(items);
    let second_key = persist(&second);
    recorder.tell(Told::Deletes(keys[0]));
    let deleted = (program.store).blocking_delete_persisted(&program.tracked, keys[0]);
    deleted.expect("it is deleted");
    let there = keys[1..].iter().copied().chain([second_key]).collect();
    sync(there, vec![keys[0]]);

    let third = insert(items + 1);
    persist(&third);
    drop((first, second, third));
    program.store.blocking_finished();
    let again = program.pool.blocking_register(&program.tracked, second_key);
    drop(again.expect("it is there"));
    program.store.blocking_finished();
}

fn check(runtime: &Runtime, cut: Cut<'_, Told>) {
    let mut values = HashMap::new();
    let (mut there, mut gone): (Vec<Uuid>, &[Uuid]) = (vec![], &[]);
    for told in cut.told {
        match told {
            Told::Value(key, value) => drop(values.insert(*key, value)),
            Told::Synced {
                there: now,
                gone: no,
            } => (there, gone) = (now.clone(), no),
            Told::Deletes(key) => there.retain(|kept| kept != key),
        }
    }
    let program = Program::start(runtime, cut.root, || Arc::new(RealFiles));
    let found = program.tracked.all_keys();
    for key in &there {
        assert!(found.contains(key), "{key} was acknowledged, and is lost");
    }
    for key in gone {
        assert!(!found.contains(key), "{key} was deleted, and is back");
    }
    for key in found {
        let item = program.pool.blocking_register(&program.tracked, key);
        let item = item.expect("it was found");
        match item.blocking_read() {
            Ok(read) => assert!(*read == *values[&key], "{key} is torn, and was loaded"),
            Err(error) => {
                assert!(error.is_damaged(), "{error}");
                assert!(!there.contains(&key), "it was acknowledged: {error}");
            }
        }
    }
    program.store.blocking_finished();
    let synced = program.store.blocking_sync(&program.tracked);
    synced.expect("a restart works");
}

fn at_each_cut(links: Links, items: u8) -> usize {
    let runtime = runtime(THREADS);
    at_each_power_cut(
        links,
        |recorder, root| save(recorder, root, items),
        |cut| check(&runtime, cut),
    )
}

#[test]
fn a_power_cut_loses_no_synced_link() {
    assert!(at_each_cut(Links::AsTheMachine, 3) > 300);
}

/// Enough files that one call syncs them all.
#[test]
fn a_power_cut_loses_none_of_many_synced_files() {
    assert!(at_each_cut(Links::AsTheMachine, 130) > 200);
}

/// The cache is on another file system.
#[test]
fn a_power_cut_loses_no_synced_copy() {
    assert!(at_each_cut(Links::Refused(EXDEV), 2) > 300);
}
