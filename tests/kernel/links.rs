//! Links, reflinks and copies between mounts.

use crate::machine::{Disk, Mount, may_run};
use crate::program::{Program, word};

/// Persists to a directory that is seen through another mount, which no link
/// crosses; gives how many were cloned and copied.
fn across(cache: &Mount, saved: &Mount) -> (u64, u64) {
    let program = Program::on(&cache.path().join("cache"), &saved.path().join("saved"));
    let program = program.expect("they are prepared");
    for len in [100, 50_000] {
        let item = program.pool.insert(word(len));
        item.blocking_persist(&program.tracked)
            .expect("it is saved");
        item.blocking_persist(&program.tracked)
            .expect("it is there");
    }
    program.sync().expect("it is durable");
    program.pool.store().blocking_finished();
    let stats = program.pool.stats();
    assert_eq!(stats.links, 0);
    program.check_saved(|_| false);
    (stats.clones, stats.copies)
}

#[test]
fn files_are_copied_between_two_file_systems() {
    if may_run(&["mount"])
        && let Some(cache) = Mount::memory("size=8m")
        && let Some(saved) = Mount::memory("size=8m")
    {
        assert_eq!(across(&cache, &saved), (0, 2));
    }
}

#[test]
fn files_are_copied_between_two_mounts_of_one_file_system() {
    if may_run(&["mount"])
        && let Some(cache) = Mount::memory("size=8m")
        && let Some(saved) = Mount::bind(cache.path())
    {
        assert_eq!(across(&cache, &saved), (0, 2));
    }
}

#[test]
fn files_are_cloned_where_there_are_reflinks() {
    if may_run(&["mount", "mkfs.xfs"])
        && let Some(disk) = Disk::format("xfs", 400)
        && let Some(cache) = disk.mount()
        && let Some(saved) = Mount::bind(cache.path())
    {
        assert_eq!(across(&cache, &saved), (2, 0));
    }
}
