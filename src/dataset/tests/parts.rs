//! Commits that build on the current manifest, with a fault at each file operation.

use std::path::Path;
use std::sync::Arc;

use super::super::VerifyOptions;
use super::assert_no_manifest_is_left;
use super::chains::{Program, THREADS, root_of};
use crate::fbstore::files::Files;
use crate::fbstore::real_files::RealFiles;
use crate::testing::errno::{EIO, ENOSPC};
use crate::testing::{Fault, FaultyFiles, runtime, scratch};
use crate::{Error, Result};

fn put(program: &Program, n: u8, root: Option<u64>) -> Result<()> {
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

fn numbers(program: &Program) -> Vec<u8> {
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
            end(program);
            let program = start(&|| Arc::new(RealFiles));
            assert_eq!(numbers(&program), expected);
            assert_eq!(*program.dataset.root(), root_of(1));
            end(program);
            check_files(place.path());
            if !was_met {
                assert!(after > 20, "each operation fails once");
                break;
            }
        }
    }
}

fn end(program: Program) {
    let store = program.dataset.store().clone();
    drop(program);
    store.blocking_finished();
}

/// The first commit's manifest is a part, and the last one is the only other.
fn check_files(root: &Path) {
    assert_no_manifest_is_left(&root.join("saved"));
    let names = std::fs::read_dir(root.join("saved").join(super::DIRECTORY));
    assert_eq!(names.expect("it is there").count(), 2);
}
