//! Commits with a power cut at each point. The next open finds the last acknowledged
//! commit or the one in flight, whole.

use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Runtime;

use super::super::manifest::Manifest;
use super::super::{Dataset, Key, OpenOptions, Snapshot, VerifyOptions};
use super::{Told, count_packs, last_told, start, start_with, write_old};
use crate::fbstore::files::Files;
use crate::fbstore::real_files::RealFiles;
use crate::fbstore::{FBStore, PreparedPath};
use crate::testing::errno::EXDEV;
use crate::testing::{Cut, Links, Plain, at_each_power_cut, runtime};
use crate::{Error, FBPool};

/// The number of a commit, and its items.
type Root = (u64, Vec<Key<Vec<u8>>>);

const THREADS: &str = "before a power cut";

struct Program {
    dataset: Dataset<Root, FBStore<Plain>>,
    pool: Arc<FBPool<Vec<u8>, FBStore<Plain>>>,
}

impl Program {
    fn start(runtime: &Runtime, root: &Path, files: impl Fn() -> Arc<dyn Files>) -> Self {
        let (dataset, pool) = start(runtime, root, files);
        Self { dataset, pool }
    }

    /// With a program that puts all items into packs.
    fn start_packing(runtime: &Runtime, root: &Path, files: impl Fn() -> Arc<dyn Files>) -> Self {
        let options = OpenOptions::new().pack_all().pack_size(1000);
        let (dataset, pool) = start_with(&options, runtime, root, files);
        Self { dataset, pool }
    }

    /// Commit `n` consists of new items and, from the second commit on, of one item of
    /// the previous commit.
    fn commit(&self, n: u64, items: usize) {
        let before = self.dataset.root();
        let items: Vec<_> = (0..items).map(|_| self.pool.insert(value(n))).collect();
        let committed = self.dataset.blocking_commit(|saver| {
            let mut keys = Vec::new();
            for item in &items {
                keys.push(saver.save(item)?);
            }
            if let Some(kept) = before.1.first() {
                saver.keep(*kept)?;
                keys.push(*kept);
            }
            Ok::<_, Error>((n, keys))
        });
        committed.expect("nothing fails");
    }
}

fn value(n: u64) -> Vec<u8> {
    vec![n as u8; if n.is_multiple_of(2) { 70_000 } else { 200 }]
}

fn check(runtime: &Runtime, cut: Cut<'_, Told>, items: usize) {
    let (committed, begun) = last_told(cut.told);
    let program = Program::start(runtime, cut.root, || Arc::new(RealFiles));
    let root = program.dataset.root();
    let (found, keys) = &*root;
    assert!(
        *found == committed || *found == begun,
        "commit {found} was found, {committed} was acknowledged and {begun} in flight"
    );
    let expected = match *found {
        0 => 0,
        1 => items,
        _ => items + 1,
    };
    assert_eq!(keys.len(), expected);
    let verified = program.dataset.blocking_verify(VerifyOptions::all());
    let verified = verified.expect("it reads");
    assert!(verified.is_whole(), "{:?}", verified.damaged);
    for (n, key) in keys.iter().enumerate() {
        let item = program.dataset.blocking_get(&program.pool, *key);
        let item = item.expect("it is committed");
        let own = n < items;
        let read = item.blocking_read().expect("it is whole");
        assert!(if own {
            *read == value(*found)
        } else {
            *read == value(found - 1)
        });
    }
    program.commit(found + 1, 1);
    count_packs(&cut.root.join("saved"));
}

/// What the program does.
#[derive(Clone, Copy)]
struct Plan {
    links: Links,
    items: usize,
    commits: u64,
    /// The dataset has a manifest of version 1.
    begins_old: bool,
    /// All items are in packs.
    packs: bool,
}

impl Plan {
    fn new(links: Links, items: usize, commits: u64) -> Self {
        Self {
            links,
            items,
            commits,
            begins_old: false,
            packs: false,
        }
    }
}

fn at_each_cut(plan: Plan) -> usize {
    let machine = runtime(THREADS);
    at_each_power_cut(
        plan.links,
        |recorder, root| {
            let runtime = runtime(THREADS);
            if plan.begins_old {
                let path = PreparedPath::open_with(root.join("saved"), Arc::new(recorder.clone()));
                let empty = Manifest {
                    generation: 0,
                    root: serde_json::to_vec(&Root::default()).expect("it is JSON"),
                    entries: Vec::new(),
                };
                write_old(&path.expect("it is made"), &empty);
            }
            let files = || -> Arc<dyn Files> { Arc::new(recorder.clone()) };
            let program = match plan.packs {
                true => Program::start_packing(&runtime, root, files),
                false => Program::start(&runtime, root, files),
            };
            for n in 1..=plan.commits {
                recorder.tell(Told::Begins(n));
                program.commit(n, plan.items);
                recorder.tell(Told::Committed(n));
            }
        },
        |cut| check(&machine, cut, plan.items),
    )
}

#[test]
fn a_power_cut_leaves_the_last_commit_of_linked_files() {
    assert!(at_each_cut(Plan::new(Links::AsTheMachine, 2, 3)) > 300);
}

#[test]
fn a_power_cut_leaves_an_old_manifest_or_the_first_commit_after_it() {
    let plan = Plan {
        begins_old: true,
        ..Plan::new(Links::AsTheMachine, 1, 2)
    };
    assert!(at_each_cut(plan) > 200);
}

/// Enough files that one call syncs them all.
#[test]
fn a_power_cut_leaves_the_last_commit_of_many_files() {
    assert!(at_each_cut(Plan::new(Links::AsTheMachine, 130, 2)) > 200);
}

/// Of five items, in one or several packs, and one that is kept in the pack of the commit
/// before.
#[test]
fn a_power_cut_leaves_the_last_commit_of_packs() {
    let plan = Plan {
        packs: true,
        ..Plan::new(Links::AsTheMachine, 5, 3)
    };
    assert!(at_each_cut(plan) > 300);
}

/// The cache is on another file system.
#[test]
fn a_power_cut_leaves_the_last_commit_of_copied_files() {
    assert!(at_each_cut(Plan::new(Links::Refused(EXDEV), 2, 2)) > 300);
}

/// An acknowledged copy survives a power cut. Before that, there is no copy or a whole
/// one.
#[test]
fn a_power_cut_leaves_a_whole_copy_of_a_dataset_or_none() {
    let machine = runtime(THREADS);
    let original = tempfile::tempdir().expect("a temporary directory");
    let program = Program::start(&machine, original.path(), || Arc::new(RealFiles));
    program.commit(1, 3);
    let snapshot = program.dataset.blocking_snapshot().expect("it is pinned");
    let points = at_each_power_cut(
        Links::AsTheMachine,
        |recorder, root| {
            let to = root.join("copy");
            let to = PreparedPath::open_with(to, Arc::new(recorder.clone()));
            let copied = snapshot.copy_into(&to.expect("it is made"));
            assert_eq!(copied.expect("nothing fails").items, 3);
            recorder.tell(());
        },
        |cut| {
            let to = cut.root.join("copy");
            let copy = match to.exists().then(|| Snapshot::blocking_open(&*to)) {
                Some(Ok(copy)) => copy,
                none => {
                    assert!(cut.told.is_empty(), "it was acknowledged");
                    let error = none.and_then(Result::err);
                    assert!(error.is_none_or(|error| error.is_not_found()));
                    return;
                }
            };
            assert_eq!(copy.generation(), 1);
            let found = super::super::Inspection::blocking_open(&*to).expect("it is a dataset");
            let verified = found.blocking_verify(VerifyOptions::all());
            assert!(verified.is_whole(), "{:?}", verified.damaged);
            assert_eq!(verified.files, 3);
        },
    );
    assert!(points > 50);
}
