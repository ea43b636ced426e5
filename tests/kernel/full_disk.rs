//! Full disks.

use crate::machine::{Mount, may_run};
use crate::program::{Item, Program, files_in, is_word, word};

/// Inserts until the disk is full, looks that nothing is lost, makes room, and
/// waits until all is written.
fn fill(mount: &Mount, len: usize) {
    let program = Program::open(mount.path()).expect("it is prepared");
    let store = program.pool.store();
    let mut written: Vec<Item> = Vec::new();
    let error = loop {
        let item = program.pool.insert(word(len));
        match item.blocking_write_now() {
            Ok(()) => written.push(item),
            Err(error) => {
                assert!(is_word(&item.blocking_read().expect("it is in memory")));
                break error;
            }
        }
    };
    assert!(error.is_storage_full(), "{error}");
    assert!(error.key().is_some() && error.path().is_some(), "{error}");
    assert!(written.len() > 4, "there was room before");

    // What is inserted now stays in memory, and pushes back.
    let waiting: Vec<_> = (0..3).map(|n| program.pool.insert(word(len + n))).collect();
    store.blocking_finished();
    let stats = program.pool.stats();
    assert!(stats.store_failing && stats.write_failures > 0, "{stats:?}");
    let refused = program.pool.blocking_reserve().err();
    assert!(refused.is_some_and(|error| error.is_storage_full()));
    for item in written.iter().chain(&waiting) {
        assert!(is_word(&item.blocking_read().expect("nothing is lost")));
    }
    let left = files_in(&mount.path().join("cache"));
    assert_eq!(left, written.len(), "nothing torn is left");

    // There is room again, and nobody says so.
    written.truncate(1);
    while program.pool.stats().writes_waiting > 0 || program.pool.stats().store_failing {
        std::thread::yield_now();
    }
    store.blocking_finished();
    assert_eq!(files_in(&mount.path().join("cache")), 1 + waiting.len());
    for item in &waiting {
        assert!(is_word(&item.blocking_read().expect("it is written")));
        item.blocking_persist(&program.tracked)
            .expect("there is room");
    }
    program.check_saved(|_| false);
}

#[test]
fn a_disk_without_free_bytes_loses_no_value() {
    if may_run(&["mount"])
        && let Some(mount) = Mount::memory("size=1m")
    {
        fill(&mount, 60_000);
        let path =
            file_backed::fbstore::PreparedPath::blocking_open_read_only(mount.path().join("cache"));
        let free = path.expect("it is there").free_space();
        assert!(free.expect("the system tells") <= 1 << 20);
    }
}

#[test]
fn a_disk_without_free_inodes_loses_no_value() {
    if may_run(&["mount"])
        // Two directories of 257, the two names beside the items in each, and a
        // few.
        && let Some(mount) = Mount::memory("size=64m,nr_inodes=530")
    {
        fill(&mount, 100);
    }
}
