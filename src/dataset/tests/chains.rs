//! Power cuts while commits build on each other and write bases.

use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Runtime;

use super::super::{Dataset, Key, VerifyOptions};
use super::assert_no_manifest_is_left;
use crate::fbstore::files::Files;
use crate::fbstore::real_files::RealFiles;
use crate::fbstore::{FBStore, PreparedPath};
use crate::testing::{Cut, Links, Plain, at_each_power_cut, runtime};
use crate::{BackingStore, Error, FBPool};

pub(super) const THREADS: &str = "commits of chains";

/// The commits of the program. The fourth writes a base: the manifests of the first and of
/// the third together are too long.
pub(super) const COMMITS: u64 = 5;

/// The root of a commit. It is long, and so is not written again by a commit that has the
/// same one; that commit builds on the one before.
pub(super) fn root_of(n: u64) -> String {
    match n {
        0 => String::new(),
        _ => (n.div_ceil(2)).to_string().repeat(40_000),
    }
}

/// Whether the program is about to make a commit, or has made it.
#[derive(Clone, Copy)]
pub(super) enum Told {
    Begins(u64),
    Committed(u64),
}

pub(super) struct Program {
    pub(super) dataset: Dataset<String, FBStore<Plain>>,
    pub(super) pool: Arc<FBPool<Vec<u8>, FBStore<Plain>>>,
}

impl Program {
    pub(super) fn start(
        runtime: &Runtime,
        root: &Path,
        files: impl Fn() -> Arc<dyn Files>,
    ) -> Self {
        let open =
            |name: &str| PreparedPath::open_with(root.join(name), files()).expect("it is opened");
        let store = FBStore::open(Plain, open("cache")).expect("nobody has it");
        let store = Arc::new(BackingStore::new(store, runtime.handle().clone()));
        let dataset = Dataset::blocking_open(&store, open("saved"));
        Self {
            dataset: dataset.expect("it is found, or made"),
            pool: Arc::new(FBPool::new(store, 1)),
        }
    }

    pub(super) fn end(self) {
        let store = self.dataset.store().clone();
        drop(self);
        store.blocking_finished();
    }

    /// Commit `n` has one item of its own, and that of the commit before.
    pub(super) fn commit(&self, n: u64) {
        let item = self.pool.insert(vec![n as u8; 100]);
        let committed = self.dataset.blocking_edit(|edit| {
            for (key, number) in self.numbers() {
                if number + 1 < n as u8 {
                    edit.remove(key)?;
                }
            }
            edit.put(&item)?;
            if *edit.root() != root_of(n) {
                edit.set_root(root_of(n));
            }
            Ok::<_, Error>(())
        });
        committed.expect("nothing fails");
    }

    pub(super) fn numbers(&self) -> Vec<(Key<Vec<u8>>, u8)> {
        let keys = self.dataset.all_keys().into_iter().map(Key::from_uuid);
        let number = |key| {
            let item = self.dataset.blocking_get(&self.pool, key);
            let item = item.expect("it is committed");
            (key, item.blocking_read().expect("it is whole")[0])
        };
        keys.map(number).collect()
    }
}

pub(super) fn check(runtime: &Runtime, cut: Cut<'_, Told>) {
    let (mut committed, mut begun) = (0, 0);
    for told in cut.told {
        match told {
            Told::Begins(n) => begun = *n,
            Told::Committed(n) => committed = *n,
        }
    }
    let program = Program::start(runtime, cut.root, || Arc::new(RealFiles));
    let found = program.dataset.generation();
    assert!(
        found == committed || found == begun,
        "commit {found} was found, {committed} was acknowledged and {begun} in flight"
    );
    assert_eq!(*program.dataset.root(), root_of(found));
    let verified = program.dataset.blocking_verify(VerifyOptions::all());
    assert!(verified.expect("it reads").is_whole());
    let mut numbers: Vec<_> = program.numbers().into_iter().map(|(_, n)| n).collect();
    numbers.sort_unstable();
    let expected = (found.max(2) as u8 - 1)..=(found as u8);
    assert!(
        numbers.iter().copied().eq(expected),
        "{numbers:?} of {found}"
    );
    program.commit(found + 1);
    program.end();
    // An open removes what a new base has replaced.
    Program::start(runtime, cut.root, || Arc::new(RealFiles)).end();
    assert_no_manifest_is_left(&cut.root.join("saved"));
}

#[test]
fn a_power_cut_leaves_the_last_commit_of_a_chain_and_its_bases() {
    let machine = runtime(THREADS);
    let points = at_each_power_cut(
        Links::AsTheMachine,
        |recorder, root| {
            let runtime = runtime(THREADS);
            let program = Program::start(&runtime, root, || Arc::new(recorder.clone()));
            for n in 1..=COMMITS {
                recorder.tell(Told::Begins(n));
                program.commit(n);
                recorder.tell(Told::Committed(n));
                let snapshot = program.dataset.blocking_snapshot();
                let pinned = &snapshot.expect("it is pinned").pinned;
                let chain = pinned.chain.as_ref().expect("it is of version 2");
                // The base is the fourth's, and the second and the third build on the first.
                let builds_on = (chain.base().is_some(), chain.deltas().count() - 1);
                let expected = match n {
                    1 => (false, 0),
                    2 | 3 => (false, 1),
                    4 => (true, 0),
                    _ => (true, builds_on.1),
                };
                assert_eq!(builds_on, expected, "commit {n}");
            }
        },
        |cut| check(&machine, cut),
    );
    assert!(points > 300);
}
