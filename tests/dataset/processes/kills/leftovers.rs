//! What a killed process leaves goes with the next commits, and what readers have pinned stays.

use file_backed::dataset::Inspection;

use super::*;

const CYCLES: u64 = 5;

/// In each cycle. The readers that have begun in it stay until its end.
const KILLS: u64 = 10;

/// Pins a commit, and reads it again once it is told to end.
#[test]
fn child_that_pins() {
    let Some(places) = place() else { return };
    let user = places.reader();
    let n = number(&user);
    tell("pinned");
    drop(std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    check_pinned(user, n);
}

fn pin(places: &Places) -> Process {
    let child = "dataset::processes::kills::leftovers::child_that_pins";
    let mut child = Process::start(child, &places.saved);
    child.expect("pinned");
    child
}

/// Opens the dataset once, so that what the last base has replaced is removed, and asserts that
/// each file is one of a generation that is current or pinned.
fn assert_nothing_is_left(places: &Places) {
    end(places.user());
    let found = Inspection::blocking_open(&places.saved).expect("it is a dataset");
    let unused = found.blocking_unused().expect("it reads");
    assert!(unused.is_empty(), "{unused:?}");
    // Names of items only.
    places.files();
    for file in fs::read_dir(places.saved.join("file_backed.manifest")).expect("it is there") {
        let name = file.expect("an entry").file_name();
        let name = name.to_str().expect("hex digits");
        let is_hex = name.bytes().all(|byte| byte.is_ascii_hexdigit());
        assert!(is_hex && matches!(name.len(), 16 | 32), "{name}");
    }
}

#[test]
fn two_commits_after_a_kill_leave_nothing_but_what_is_current_or_pinned() {
    let places = Places::new();
    end(places.user());
    let mut commits = Commits::beginning_at(0);
    let mut is_kept = 0;
    for _ in 0..CYCLES {
        let user = places.user();
        let n = commits.check(&user);
        // One without names.
        let next = n + 1 + n % 2;
        (n + 1..=next).for_each(|n| commit(&user, n));
        end(user);
        old::make_old(&places);
        commits.acknowledged = next;
        let mut readers = vec![pin(&places)];
        for kill in 0..KILLS {
            commits.kill_one(&places);
            let user = places.user();
            let found = commits.check(&user);
            for n in [found + 1, found + 2] {
                commit(&user, n);
            }
            commits.acknowledged = found + 2;
            is_kept += places.files().len() - user.library.all_keys().len();
            end(user);
            assert_nothing_is_left(&places);
            if kill % 3 == 0 {
                readers.push(pin(&places));
            }
        }
        readers.into_iter().for_each(Process::finish);
        assert_nothing_is_left(&places);
        let keys = places.reader().library.all_keys();
        assert_eq!(places.files(), keys);
    }
    assert!(is_kept > 0, "readers had items that the commits removed");
}
