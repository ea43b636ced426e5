//! Bases that are written in the background while commits go on.

use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Runtime;

use super::super::Dataset;
use super::Told;
use super::assert_no_manifest_is_left;
use super::chains::{self, Program, THREADS, check, root_of};
use super::parts::{numbers, put};
use crate::Error;
use crate::fbstore::files::Files;
use crate::fbstore::real_files::RealFiles;
use crate::testing::errno::{EIO, ENOSPC};
use crate::testing::{Fault, FaultyFiles, Gate, Links, at_each_power_cut, runtime, scratch};

/// A program whose bases are all written in the background.
fn program(machine: &Runtime, root: &Path, files: &Arc<dyn Files>) -> Program {
    let program = Program::start(machine, root, || files.clone());
    let history = program.dataset.shared.turn.try_lock();
    history.expect("nothing commits").bases.least_in_background = 0;
    program
}

/// The same, on files that can fail. Bases wait at the gate before they are written.
fn held_program(machine: &Runtime, root: &Path) -> (Program, FaultyFiles, Gate) {
    let files = FaultyFiles::default();
    let gate = files.hold_creations_elsewhere();
    let all: Arc<dyn Files> = Arc::new(files.clone());
    (program(machine, root, &all), files, gate)
}

/// Commits number `n`. Two of three have a long root, so that a base is soon due.
fn commit(program: &Program, n: u8) -> crate::Result<()> {
    put(program, n, (!n.is_multiple_of(3)).then_some(n.into()))
}

fn has_base(program: &Program) -> bool {
    let version = program.dataset.shared.current();
    let chain = version.chain.as_ref();
    chain.is_some_and(|chain| chain.base().is_some())
}

/// Opens the dataset twice: the second time removes what a new base has replaced.
fn assert_restart_finds(machine: &Runtime, root: &Path, expected: &[u8]) {
    for _ in 0..2 {
        let program = Program::start(machine, root, || Arc::new(RealFiles));
        assert_eq!(numbers(&program), expected);
        program.end();
    }
    assert_no_manifest_is_left(&root.join("saved"));
}

#[test]
fn commits_go_on_while_a_base_is_written_and_then_build_on_it() {
    let machine = runtime(THREADS);
    let place = scratch();
    let (program, _, gate) = held_program(&machine, place.path());
    for n in 1..20 {
        commit(&program, n).expect("nothing fails");
        assert!(!has_base(&program));
    }
    gate.wait_for(1);
    gate.open();
    program.dataset.store().blocking_finished();
    assert!(!has_base(&program));
    commit(&program, 20).expect("nothing fails");
    assert!(has_base(&program));
    let expected: Vec<_> = (1..=20).collect();
    assert_eq!(numbers(&program), expected);
    assert_eq!(*program.dataset.root(), root_of(20));
    program.end();
    assert_restart_finds(&machine, place.path(), &expected);
}

#[test]
fn what_was_removed_while_a_base_was_written_stays_removed() {
    let machine = runtime(THREADS);
    let place = scratch();
    let all: Arc<dyn Files> = Arc::new(RealFiles);
    let program = program(&machine, place.path(), &all);
    // Each removes all but two items.
    for n in (1..).take_while(|_| !has_base(&program)) {
        program.commit(n);
        program.dataset.store().blocking_finished();
    }
    let found = numbers(&program);
    assert_eq!(found.len(), 2);
    program.end();
    assert_restart_finds(&machine, place.path(), &found);
}

#[test]
fn a_dataset_that_is_dropped_while_a_base_is_written_can_be_opened_at_once() {
    let machine = runtime(THREADS);
    let place = scratch();
    let (first, _, gate) = held_program(&machine, place.path());
    for n in 1..8 {
        commit(&first, n).expect("nothing fails");
    }
    gate.wait_for(1);
    let store = first.dataset.store().clone();
    let path = first.dataset.path().clone();
    let Program { dataset, pool } = first;
    drop(dataset);
    let dataset = Dataset::blocking_open(&store, path).expect("no dataset commits to it");
    let again = Program { dataset, pool };
    commit(&again, 8).expect("nothing fails");
    gate.open();
    store.blocking_finished();
    let expected: Vec<_> = (1..=8).collect();
    assert_eq!(numbers(&again), expected);
    drop(store);
    again.end();
    assert_restart_finds(&machine, place.path(), &expected);
}

#[test]
fn a_fault_while_bases_are_written_in_the_background_loses_no_commit() {
    let machine = runtime(THREADS);
    for (lasts, number, stride) in [(1, ENOSPC, 2), (1, EIO, 1), (3, EIO, 5), (40, ENOSPC, 7)] {
        for after in (0..).step_by(stride) {
            let place = scratch();
            let files = FaultyFiles::default();
            let all: Arc<dyn Files> = Arc::new(files.clone());
            let program = program(&machine, place.path(), &all);
            files.plan(after, lasts, Fault::Errno(number));
            let mut expected = Vec::new();
            for n in 1..10 {
                expected.extend(commit(&program, n).is_ok().then_some(n));
                if after % 2 == 0 {
                    program.dataset.store().blocking_finished();
                }
            }
            let was_met = !files.lift().is_empty();
            assert_eq!(numbers(&program), expected);
            for n in 10..12 {
                let committed = commit(&program, n);
                expected.extend(committed.is_ok().then_some(n));
                let case = format!("after {after} operations, error {number}: {expected:?}");
                assert!(n == 10 || committed.is_ok(), "{case}: {committed:?}");
            }
            assert_eq!(numbers(&program), expected);
            program.end();
            assert_restart_finds(&machine, place.path(), &expected);
            if !was_met {
                assert!(after > 100, "each operation fails once");
                break;
            }
        }
    }
}

#[test]
fn a_power_cut_while_bases_are_written_in_the_background_leaves_the_last_commit() {
    let machine = runtime(THREADS);
    for waits in [true, false] {
        let points = at_each_power_cut(
            Links::AsTheMachine,
            |recorder, root| {
                let runtime = runtime(THREADS);
                let all: Arc<dyn Files> = Arc::new(recorder.clone());
                let program = program(&runtime, root, &all);
                for n in 1..=chains::COMMITS + 2 {
                    recorder.tell(Told::Begins(n));
                    program.commit(n);
                    recorder.tell(Told::Committed(n));
                    if waits {
                        program.dataset.store().blocking_finished();
                    }
                }
                assert!(!waits || has_base(&program));
                program.end();
            },
            |cut| check(&machine, cut),
        );
        assert!(points > 300);
    }
}

/// A program that commits once in each run would write a base in each, and use none.
#[test]
fn programs_that_commit_once_use_the_bases_that_they_write() {
    let machine = runtime(THREADS);
    let place = scratch();
    let all: Arc<dyn Files> = Arc::new(RealFiles);
    let mut with_base = 0;
    for n in 1..30 {
        let program = program(&machine, place.path(), &all);
        commit(&program, n).expect("nothing fails");
        let history = program.dataset.shared.turn.try_lock();
        assert_eq!(history.expect("nothing commits").bases.part(), None);
        with_base += u32::from(has_base(&program));
        program.end();
    }
    assert!(with_base > 15);
    assert_restart_finds(&machine, place.path(), &(1..30).collect::<Vec<_>>());
}

/// Commits until a base is begun, while the creation of files is held back.
fn commit_until_a_base_is_begun(program: &Program) -> u8 {
    for n in 1.. {
        commit(program, n).expect("nothing fails");
        let history = program.dataset.shared.turn.try_lock();
        if history.expect("nothing commits").bases.part().is_some() {
            return n;
        }
    }
    unreachable!("a base is due")
}

/// What was written of it filled the disk until a commit could write its manifest.
#[test]
fn a_base_that_could_not_be_written_leaves_nothing() {
    let machine = runtime(THREADS);
    let place = scratch();
    let (program, files, gate) = held_program(&machine, place.path());
    let last = commit_until_a_base_is_begun(&program);
    gate.wait_for(1);
    files.fail("write", Fault::Errno(ENOSPC));
    gate.open();
    program.dataset.store().blocking_finished();
    assert_eq!(files.lift(), ["write"]);
    let names = std::fs::read_dir(place.path().join("saved").join(super::DIRECTORY));
    for name in names.expect("it is there") {
        let name = name.expect("a name").file_name();
        assert!(!name.to_string_lossy().starts_with("new"), "{name:?}");
    }
    let expected: Vec<_> = (1..=last).collect();
    assert_eq!(numbers(&program), expected);
    program.end();
    assert_restart_finds(&machine, place.path(), &expected);
}

/// A commit that could not build on a new base went on without one, and wrote another part
/// under the same id.
#[test]
fn a_long_commit_that_cannot_build_on_a_new_base_goes_on_without() {
    let machine = runtime(THREADS);
    for after in 0.. {
        let place = scratch();
        let (program, files, gate) = held_program(&machine, place.path());
        let last = commit_until_a_base_is_begun(&program);
        gate.wait_for(1);
        gate.open();
        program.dataset.store().blocking_finished();
        files.plan_on("sync", after, 1, Fault::Errno(EIO));
        let item = program.pool.insert(vec![last + 1; 100]);
        let committed = program.dataset.blocking_edit(|edit| {
            edit.put(&item)?;
            for name in 0..120 {
                edit.put_named(&format!("{name}{}", "x".repeat(200)), &item)?;
            }
            Ok::<_, Error>(())
        });
        drop(item);
        let was_met = !files.lift().is_empty();
        let text = committed.as_ref().map_err(ToString::to_string);
        assert!(
            !text.is_err_and(|text| text.contains("exists")),
            "{committed:?}"
        );
        let mut expected: Vec<_> = (1..=last).collect();
        expected.extend(committed.is_ok().then_some(last + 1));
        assert_eq!(numbers(&program), expected);
        commit(&program, last + 2).expect("nothing fails any more");
        expected.push(last + 2);
        program.end();
        assert_restart_finds(&machine, place.path(), &expected);
        if !was_met {
            assert!(after > 5, "each sync fails once");
            return;
        }
    }
}
