//! Copies of datasets that other programs make, file by file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::runtime::Runtime;

use super::super::{Dataset, Snapshot};
use super::Told;
use super::chains::{Program, THREADS, check, root_of};
use super::{DIRECTORY, assert_no_manifest_is_left};
use crate::Error;
use crate::fbstore::file_ref::FileRef;
use crate::fbstore::files::Files;
use crate::fbstore::real_files::RealFiles;
use crate::fbstore::{Manifests, PreparedPath, Readers};
use crate::testing::{Links, at_each_power_cut, runtime, scratch};

/// A dataset whose generations have an item for each commit.
struct Original {
    place: tempfile::TempDir,
    program: Program,
    _runtime: Runtime,
}

impl Original {
    fn new() -> Self {
        let (runtime, place) = (runtime(THREADS), scratch());
        let program = Program::start(&runtime, place.path(), || Arc::new(RealFiles));
        Self {
            place,
            program,
            _runtime: runtime,
        }
    }

    fn dir(&self) -> PathBuf {
        self.place.path().join("saved")
    }

    /// Commits one more item. A commit with a root is one that later ones build on.
    fn put(&self, n: u8, root: Option<u64>) {
        let item = self.program.pool.insert(vec![n; 100]);
        let committed = self.program.dataset.blocking_edit(|edit| {
            edit.put(&item)?;
            if let Some(root) = root {
                edit.set_root(root_of(root));
            }
            Ok::<_, Error>(())
        });
        committed.expect("nothing fails");
    }

    /// Copies a file, unless it is gone.
    fn copy(&self, file: &Path, to: &Path) {
        let to = to.join(file);
        std::fs::create_dir_all(to.parent().expect("it has one")).expect("it is made");
        let _ = std::fs::copy(self.dir().join(file), to);
    }
}

/// The files below a directory, relative to it.
fn files_in(dir: &Path) -> Vec<PathBuf> {
    let names = |dir: &Path| -> Vec<_> {
        let names = std::fs::read_dir(dir).expect("it is there");
        names.map(|name| name.expect("a name").path()).collect()
    };
    let (dirs, mut files): (Vec<_>, Vec<_>) =
        names(dir).into_iter().partition(|path| path.is_dir());
    files.extend(dirs.iter().flat_map(|dir| names(dir)));
    let relative = |file: PathBuf| file.strip_prefix(dir).expect("it is below").to_owned();
    files.into_iter().map(relative).collect()
}

/// `cp -r` lists the manifests, and copies those that are still there when it gets to them. A
/// copy that misses the current manifest, because a commit replaced it meanwhile, once had one
/// that the missing one built on. It was opened as that earlier generation, and the items of
/// all commits since then were deleted.
#[test]
fn a_copy_that_misses_the_current_manifest_is_not_opened_as_an_earlier_generation() {
    let original = Original::new();
    original.put(1, Some(1));
    (2..=9).for_each(|n| original.put(n, None));
    let listed = files_in(&original.dir().join(DIRECTORY));
    original.put(10, None);
    let copies = scratch();
    let to = copies.path().join("saved");
    for name in listed {
        original.copy(&Path::new(DIRECTORY).join(name), &to);
    }
    let is_manifest = |file: &PathBuf| file.starts_with(DIRECTORY);
    let items = files_in(&original.dir());
    let items = items.into_iter().filter(|file| !is_manifest(file));
    items.for_each(|item| original.copy(&item, &to));
    let before = files_in(&to);
    let path = PreparedPath::open_with(to.clone(), Arc::new(RealFiles)).expect("it is opened");
    let opened = Dataset::<String, _>::blocking_open(original.program.dataset.store(), path);
    opened.expect_err("its manifest is missing");
    let after = files_in(&to);
    let is_there = |file: &PathBuf| after.contains(file);
    assert!(before.iter().all(is_there), "nothing is deleted");
}

/// The manifest that the current one builds on was listed after it, so that a copy without it
/// did not open.
#[test]
fn an_interrupted_update_of_a_backup_leaves_the_earlier_one_or_the_later_one() {
    let original = Original::new();
    let files = || -> Vec<_> {
        let snapshot = Snapshot::blocking_open(original.dir()).expect("it is pinned");
        snapshot.files().collect()
    };
    let backup = scratch();
    let to = backup.path().join("backup");
    original.put(1, Some(1));
    files().iter().for_each(|file| original.copy(file, &to));
    original.put(2, Some(3));
    original.put(3, None);
    let files = files();
    for n in 0..=files.len() {
        files[..n].iter().for_each(|file| original.copy(file, &to));
        let opened = Snapshot::blocking_open(&to);
        let opened =
            opened.unwrap_or_else(|error| panic!("after {n} of {} files: {error}", files.len()));
        let expected = if n == files.len() { 3 } else { 1 };
        assert_eq!(opened.generation(), expected);
    }
}

/// What copies that were interrupted before their manifest was written have left.
fn leave_parts(to: &Path) {
    let path = PreparedPath::open_with(to.to_owned(), Arc::new(RealFiles)).expect("it is made");
    path.claim_to_persist().expect("it is ours");
    for n in 0..2 {
        let id = uuid::Uuid::from_u128(n);
        let written = Manifests::of(&path).write_part(id, b"a base");
        written.expect("nothing fails");
    }
}

/// Each attempt left a base, and nobody removed any.
#[test]
fn the_next_copy_removes_what_interrupted_ones_have_written() {
    let original = Original::new();
    original.put(1, Some(1));
    let snapshot = Snapshot::blocking_open(original.dir()).expect("it is pinned");
    let copies = scratch();
    let to = copies.path().join("copy");
    leave_parts(&to);
    snapshot.blocking_copy_to(&*to).expect("nothing fails");
    assert_no_manifest_is_left(&to);
}

#[test]
fn a_dataset_that_is_created_where_a_copy_was_interrupted_removes_its_parts() {
    let place = scratch();
    let to = place.path().join("saved");
    leave_parts(&to);
    let machine = runtime(THREADS);
    let program = Program::start(&machine, place.path(), || Arc::new(RealFiles));
    program.commit(1);
    assert_no_manifest_is_left(&to);
}

/// A commit makes the items durable that it finds, because the program that put them there may
/// not have. It builds on parts that it finds too.
#[test]
fn a_power_cut_after_the_first_commit_to_a_plain_copy_leaves_that_commit() {
    let original = Original::new();
    let has_base_and_parent = |n: &u64| {
        original.program.commit(*n);
        let snapshot = Snapshot::blocking_open(original.dir()).expect("it is pinned");
        let chain = snapshot.pinned.chain.as_ref();
        chain.is_some_and(|chain| chain.base().is_some() && chain.parts().count() == 2)
    };
    let last = (1..50)
        .find(has_base_and_parent)
        .expect("it is written at last");
    let snapshot = Snapshot::blocking_open(original.dir()).expect("it is pinned");
    let files: Vec<_> = snapshot.files().collect();
    let machine = runtime(THREADS);
    let points = at_each_power_cut(
        Links::AsTheMachine,
        |recorder, root| {
            // Without a sync.
            for file in &files {
                let to = root.join("saved").join(file);
                let dir = FileRef::Path(to.parent().expect("it has one"));
                let made = recorder.create_dir(&dir, Readers::default());
                made.expect("it is made");
                let mut copy = recorder.create(&FileRef::Path(&to)).expect("it is made");
                let bytes = std::fs::read(original.dir().join(file)).expect("it is there");
                copy.write_all(&bytes).expect("it is written");
            }
            let runtime = runtime(THREADS);
            let program = Program::start(&runtime, root, || Arc::new(recorder.clone()));
            program.commit(last + 1);
            recorder.tell(Told::Committed(last + 1));
        },
        |cut| {
            if !cut.told.is_empty() {
                check(&machine, cut);
            }
        },
    );
    assert!(points > 100);
}
