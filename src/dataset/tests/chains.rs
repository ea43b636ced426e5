//! Power cuts while commits build on each other and write bases.

use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Runtime;

use super::super::contents::Chain;
use super::super::{Dataset, Key, VerifyOptions};
use super::{Told, assert_no_manifest_is_left, last_told, start};
use crate::fbstore::FBStore;
use crate::fbstore::files::Files;
use crate::fbstore::real_files::RealFiles;
use crate::testing::{Cut, Links, Plain, at_each_power_cut, runtime};
use crate::{Error, FBPool};

pub(super) const THREADS: &str = "commits of chains";

/// The commits of the program. The fifth writes a base: its root and those of the first and
/// of the third together are too long.
pub(super) const COMMITS: u64 = 6;

/// The root of a commit. It is long, and so is not written again by a commit that has the
/// same one; that commit builds on the one before.
pub(super) fn root_of(n: u64) -> String {
    match n {
        0 => String::new(),
        _ => (n.div_ceil(2)).to_string().repeat(40_000),
    }
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
        let (dataset, pool) = start(runtime, root, files);
        Self { dataset, pool }
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
    let (committed, begun) = last_told(cut.told);
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
                let chain = pinned.chain.as_ref().expect("it is of version 3");
                // The second and the third build on the first, and the fourth on the third too.
                let builds_on = (chain.base().is_some(), chain.deltas().count() - 1);
                let expected = match n {
                    1 => (false, 0),
                    2 | 3 => (false, 1),
                    4 => (false, 2),
                    5 => (true, 0),
                    _ => (true, builds_on.1),
                };
                assert_eq!(builds_on, expected, "commit {n}");
            }
        },
        |cut| check(&machine, cut),
    );
    assert!(points > 300);
}

/// The snapshot of an open dataset used to read all that it has in memory again.
#[test]
fn a_snapshot_of_an_open_dataset_reads_nothing_and_has_the_files_that_one_of_its_path_has() {
    let machine = runtime(THREADS);
    let place = crate::testing::scratch();
    let files = crate::testing::FaultyFiles::default();
    let program = Program::start(&machine, place.path(), || Arc::new(files.clone()));
    for n in 1..=COMMITS {
        program.commit(n);
        let before = files.calls("open");
        let snapshot = program.dataset.blocking_snapshot().expect("it is pinned");
        assert_eq!(files.calls("open"), before);
        let read = super::super::Snapshot::blocking_open(place.path().join("saved"));
        let read = read.expect("it is there");
        assert!(snapshot.files().eq(read.files()), "of commit {n}");
        assert_eq!(snapshot.pinned.root, read.pinned.root);
    }
}

/// A reader that follows a dataset of many items read all of them again after each commit.
#[test]
fn a_reader_that_moves_on_reads_a_base_only_if_it_is_another_one() {
    let machine = runtime(THREADS);
    let place = crate::testing::scratch();
    let files = crate::testing::FaultyFiles::default();
    let program = Program::start(&machine, place.path(), || Arc::new(files.clone()));
    let base = || {
        let version = program.dataset.shared.current();
        version.chain.as_ref().and_then(Chain::base)
    };
    let mut reader = program.dataset.blocking_latest().expect("it is there");
    let (mut before, mut same) = (base(), 0);
    for n in 1..=COMMITS {
        program.commit(n);
        let opened = files.calls("open");
        let next = reader.blocking_latest().expect("it is there");
        let by_moving_on = files.calls("open") - opened;
        let store = program.dataset.store();
        let path = program.dataset.path().clone();
        let anew = Dataset::<String, _>::blocking_open_read_only(store, path);
        let anew = anew.expect("it is there");
        let by_opening = files.calls("open") - opened - by_moving_on;
        let is_same = before.is_some() && before == base();
        assert_eq!(
            by_opening - by_moving_on,
            usize::from(is_same),
            "commit {n}"
        );
        assert_eq!(next.all_keys(), anew.all_keys());
        same += usize::from(is_same);
        (reader, before) = (next, base());
    }
    assert!(same > 0);
}

/// A commit of many items wrote them as a delta, which takes 30 times as long to open as a
/// base of them. The next commit, however small, wrote all of them again as a base.
#[test]
fn a_commit_of_many_items_writes_a_base_and_the_next_one_only_what_it_changes() {
    let machine = runtime(THREADS);
    let place = crate::testing::scratch();
    let program = Program::start(&machine, place.path(), || Arc::new(RealFiles));
    let put = |count: u64| {
        let items: Vec<_> = (0..count)
            .map(|n| program.pool.insert(n.to_le_bytes().to_vec()))
            .collect();
        let committed = program.dataset.blocking_edit(|edit| {
            let mut items = items.iter();
            items.try_for_each(|item| edit.put(item).map(drop))
        });
        committed
            .map_err(|error: Error| error)
            .expect("nothing fails");
    };
    let files = || {
        let files = std::fs::read_dir(place.path().join("saved/file_backed.manifest"));
        let files = files.expect("it is there").map(|file| {
            let file = file.expect("a name");
            (
                file.file_name(),
                file.metadata().expect("it is there").len(),
            )
        });
        files.collect::<std::collections::BTreeMap<_, _>>()
    };
    put(2500);
    let before = files();
    // What the base replaces is kept for one commit.
    assert_eq!(
        before.len(),
        3,
        "a base, a manifest and the one before: {before:?}"
    );
    put(1);
    let mut new = files();
    new.retain(|name, _| !before.contains_key(name));
    assert!(new.values().sum::<u64>() <= 16 << 10, "{new:?}");
}

/// A long root that each commit changes made every second one write a base, which holds the
/// root too.
#[test]
fn a_long_root_that_each_commit_changes_is_written_once_by_each() {
    let machine = runtime(THREADS);
    let place = crate::testing::scratch();
    let program = Program::start(&machine, place.path(), || Arc::new(RealFiles));
    for n in ["a", "b", "c", "d", "e"] {
        let committed = program.dataset.blocking_edit(|edit| {
            edit.set_root(n.repeat(100_000));
            Ok::<_, Error>(())
        });
        committed.expect("nothing fails");
        let files = std::fs::read_dir(place.path().join("saved/file_backed.manifest"));
        assert_eq!(files.expect("it is there").count(), 1, "in commit {n}");
    }
}
