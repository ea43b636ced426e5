//! Commits that write parts: of manifests that others build on, and of bases.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::{Dataset, Snapshot, VerifyOptions};
use super::assert_no_manifest_is_left;
use super::chains::{Program, THREADS, root_of};
use crate::fbstore::files::Files;
use crate::fbstore::real_files::RealFiles;
use crate::fbstore::{FBStore, PreparedPath};
use crate::testing::errno::{EIO, ENOSPC};
use crate::testing::{Fault, FaultyFiles, Plain, runtime, scratch};
use crate::{BackingStore, Error, Result};

pub(super) fn put(program: &Program, n: u8, root: Option<u64>) -> Result<()> {
    let item = program.pool.insert(vec![n; 100]);
    let committed = program.dataset.blocking_edit(|edit| {
        edit.put(&item)?;
        if let Some(root) = root {
            edit.set_root(root_of(root));
        }
        Ok::<_, Error>(())
    });
    committed.map(drop)
}

pub(super) fn numbers(program: &Program) -> Vec<u8> {
    let verified = program.dataset.blocking_verify(VerifyOptions::all());
    assert!(verified.expect("it reads").is_whole());
    let numbers = program.numbers().into_iter().map(|(_, number)| number);
    let mut numbers: Vec<_> = numbers.collect();
    numbers.sort_unstable();
    numbers
}

/// What the failed commit has written of the manifest that it builds on does not stop the next
/// one, which builds on it too.
#[test]
fn a_commit_that_fails_to_build_on_the_current_manifest_leaves_it() {
    let machine = runtime(THREADS);
    for (lasts, number) in [(1, ENOSPC), (1, EIO), (2, EIO), (3, EIO)] {
        for after in 0.. {
            let place = scratch();
            let start =
                |files: &dyn Fn() -> Arc<dyn Files>| Program::start(&machine, place.path(), files);
            let files = FaultyFiles::default();
            let program = start(&|| Arc::new(files.clone()));
            // The root is too long to be written again.
            put(&program, 1, Some(1)).expect("nothing fails yet");
            files.plan(after, lasts, Fault::Errno(number));
            let second = put(&program, 2, None);
            let was_met = !files.lift().is_empty();
            let mut expected = vec![1];
            expected.extend(second.is_ok().then_some(2));
            assert_eq!(numbers(&program), expected);
            for n in 3..6 {
                if put(&program, n, None).is_ok() {
                    expected.push(n);
                }
            }
            assert!(expected.ends_with(&[4, 5]), "{expected:?} after {after}");
            assert_eq!(numbers(&program), expected);
            program.end();
            let program = start(&|| Arc::new(RealFiles));
            assert_eq!(numbers(&program), expected);
            assert_eq!(*program.dataset.root(), root_of(1));
            program.end();
            check_files(place.path());
            if !was_met {
                assert!(after > 20, "each operation fails once");
                break;
            }
        }
    }
}

/// The first commit's manifest is a part, and the last one is the only other.
fn check_files(root: &Path) {
    assert_no_manifest_is_left(&root.join("saved"));
    let names = std::fs::read_dir(root.join("saved").join(super::DIRECTORY));
    assert_eq!(names.expect("it is there").count(), 2);
}

/// The process that has committed has removed the manifest that this commit would build on.
#[test]
fn a_commit_whose_manifest_to_build_on_is_gone_is_a_conflict() {
    let machine = runtime(THREADS);
    let place = scratch();
    let program = Program::start(&machine, place.path(), || Arc::new(RealFiles));
    put(&program, 1, Some(1)).expect("nothing fails");
    let manifest = |n: u64| {
        let directory = place.path().join("saved").join(super::DIRECTORY);
        directory.join(format!("{n:016x}"))
    };
    std::fs::rename(manifest(1), manifest(2)).expect("it is there");
    for n in 2..4 {
        let error = put(&program, n, None).expect_err("it is overtaken");
        assert!(error.is_conflict(), "{error}");
    }
    std::fs::rename(manifest(2), manifest(1)).expect("it is there");
    program.end();
}

/// Commits until a base is written, and returns the bytes of the manifest before, with its
/// generation.
fn commit_until_a_base(program: &Program, saved: &Path) -> (Vec<u8>, u64) {
    for n in 1.. {
        let before = Snapshot::blocking_open(saved).expect("it is a dataset");
        let file = before.files().last().expect("the manifest");
        let bytes = std::fs::read(saved.join(file)).expect("it is there");
        let generation = before.generation();
        drop(before);
        let has_root = n % 2 == 1;
        put(program, n, has_root.then_some(n.into())).expect("nothing fails");
        let now = Snapshot::blocking_open(saved).expect("it is a dataset");
        let chain = now.pinned.chain.as_ref();
        if chain.is_some_and(|chain| chain.base().is_some()) {
            return (bytes, generation);
        }
    }
    unreachable!("a base is written")
}

fn files_in(dir: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(dir).expect("it is there");
    files.map(|file| file.expect("a name").path()).collect()
}

/// A disk that loses what it has reported as durable may lose the new base. The files that it
/// has replaced were removed at once, so that there was nothing to fall back on.
#[test]
fn what_a_base_replaces_stays_for_one_commit() {
    let machine = runtime(THREADS);
    let place = scratch();
    let saved = place.path().join("saved");
    let program = Program::start(&machine, place.path(), || Arc::new(RealFiles));
    let (manifest, generation) = commit_until_a_base(&program, &saved);
    let directory = saved.join(super::DIRECTORY);
    let parts = files_in(&directory);
    let read = |path: &PathBuf| std::fs::read(path).expect("it is there");
    assert!(parts.iter().any(|part| read(part) == manifest));

    let copy = scratch();
    let to = copy.path().join(super::DIRECTORY);
    std::fs::create_dir(&to).expect("it is made");
    for part in parts
        .iter()
        .filter(|part| !read(part).starts_with(b"\x89fbbase"))
    {
        let name = part.file_name().expect("it has one");
        if name.len() == 32 {
            std::fs::copy(part, to.join(name)).expect("it is copied");
        }
    }
    std::fs::write(to.join(format!("{generation:016x}")), manifest).expect("it is written");
    let earlier = Snapshot::blocking_open(copy.path()).expect("it needs no base");
    assert_eq!(earlier.generation(), generation);
    assert_eq!(earlier.pinned.contents.len(), generation);

    put(&program, 0, None).expect("nothing fails");
    assert_no_manifest_is_left(&saved);
    program.end();
}

/// An open reads the new base before it removes what that has replaced.
#[test]
fn what_a_base_replaces_stays_until_an_open_has_read_the_base() {
    let machine = runtime(THREADS);
    let place = scratch();
    let saved = place.path().join("saved");
    let start = || Program::start(&machine, place.path(), || Arc::new(RealFiles));
    let program = start();
    commit_until_a_base(&program, &saved);
    program.end();
    let before = files_in(&saved.join(super::DIRECTORY));
    let is_base = |path: &&PathBuf| {
        let bytes = std::fs::read(path).expect("it is there");
        bytes.starts_with(b"\x89fbbase")
    };
    let base = before.iter().find(is_base).expect("there is one");
    let whole = std::fs::read(base).expect("it is there");
    std::fs::write(base, &whole[1..]).expect("it is written");
    let path = PreparedPath::blocking_open(saved.clone()).expect("it is opened");
    let store = FBStore::open(
        Plain,
        PreparedPath::blocking_open(place.path().join("other")).expect("it is made"),
    );
    let store = Arc::new(BackingStore::new(
        store.expect("nobody has it"),
        machine.handle().clone(),
    ));
    let opened = Dataset::<String, _>::blocking_open(&store, path);
    opened.map(drop).expect_err("the base is damaged");
    store.blocking_finished();
    assert_eq!(files_in(&saved.join(super::DIRECTORY)).len(), before.len());
    std::fs::write(base, whole).expect("it is written");
    start().end();
    assert_no_manifest_is_left(&saved);
}

/// A manifest that could not be removed kept all lower manifests and all bases.
#[test]
fn a_file_that_cannot_be_removed_keeps_no_other() {
    let machine = runtime(THREADS);
    let mut most = 0;
    for after in 0..6 {
        let place = scratch();
        let saved = place.path().join("saved");
        let files = FaultyFiles::default();
        let program = Program::start(&machine, place.path(), || Arc::new(files.clone()));
        commit_until_a_base(&program, &saved);
        files.plan_on("remove", after, 1, Fault::Errno(EIO));
        // It removes a manifest, and the parts that the base has replaced.
        put(&program, 0, None).expect("nothing else fails");
        files.lift();
        let now = Snapshot::blocking_open(&*saved).expect("it is a dataset");
        let needed = now
            .files()
            .filter(|file| file.starts_with(super::DIRECTORY));
        let left = files_in(&saved.join(super::DIRECTORY)).len() - needed.count();
        assert!(left <= 1, "{left} files are left");
        most = most.max(left);
        drop(now);
        put(&program, 0, None).expect("nothing fails");
        assert_no_manifest_is_left(&saved);
        program.end();
    }
    assert_eq!(most, 1);
}

/// Long changes are not written again by the next commit, neither with its own nor as a part.
#[test]
fn a_small_commit_after_a_large_one_writes_at_most_16_kib() {
    let machine = runtime(THREADS);
    let place = scratch();
    let saved = place.path().join("saved");
    let program = Program::start(&machine, place.path(), || Arc::new(RealFiles));
    let put_many = |count: u64| {
        let items = (0..count).map(|n| program.pool.insert(n.to_le_bytes().to_vec()));
        let items: Vec<_> = items.collect();
        let committed = program.dataset.blocking_edit(|edit| {
            items.iter().try_for_each(|item| edit.put(item).map(drop))?;
            Ok::<_, Error>(())
        });
        committed.expect("nothing fails");
    };
    let directory = saved.join(super::DIRECTORY);
    put_many(500);
    for many in [1, 500, 500, 1] {
        let before = files_in(&directory);
        put_many(many);
        let mut new = files_in(&directory);
        new.retain(|file| !before.contains(file));
        let lens = new
            .iter()
            .map(|file| file.metadata().expect("it is there").len());
        let written: u64 = lens.sum();
        let most = if many == 1 { 16 << 10 } else { 30 << 10 };
        assert!(written <= most, "{many} items: {written}");
        drop(Snapshot::blocking_open(&*saved).expect("it is whole"));
    }
    program.end();
    let program = Program::start(&machine, place.path(), || Arc::new(RealFiles));
    assert_no_manifest_is_left(&saved);
    let verified = program.dataset.blocking_verify(VerifyOptions::all());
    assert_eq!(verified.expect("it reads").files, 1502);
    program.end();
}
