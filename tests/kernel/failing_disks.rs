//! Disks that stop working.

use std::process::Command;

use file_backed::fbstore::PreparedPath;

use crate::machine::{Disk, Mount, may_run, run, skip};
use crate::program::{Program, is_word, word};

#[test]
fn a_disk_that_becomes_read_only_can_still_be_read() {
    if may_run(&["mount", "mkfs.ext4"])
        && let Some(disk) = Disk::format("ext4", 32)
        && let Some(mount) = disk.mount()
    {
        let (cache, saved) = (mount.path().join("cache"), mount.path().join("saved"));
        let program = Program::on(&cache, &saved).expect("it is prepared");
        let item = program.pool.insert(word(100));
        let key = item.key();
        item.blocking_persist(&program.tracked)
            .expect("it is saved");
        program.sync().expect("it is durable");
        drop(item);
        program.pool.store().blocking_finished();
        drop(program);

        while mount.try_remount("ro").is_err() {
            // The last job may have a file for a moment.
            std::thread::yield_now();
        }
        let error = Program::on(&cache, &saved).err().expect("it is read-only");
        assert!(
            error.path().is_some_and(|path| path.starts_with(&cache)),
            "{error}"
        );
        // What is saved there can be read from elsewhere.
        let elsewhere = tempfile::tempdir().expect("a directory");
        let program = Program::open(elsewhere.path()).expect("it is prepared");
        let path = PreparedPath::blocking_open_read_only(saved.clone()).expect("it is there");
        let reading = program.pool.store().blocking_track_read_only(path);
        let reading = std::sync::Arc::new(reading.expect("reading writes nothing"));
        let item = program
            .pool
            .blocking_register(&reading, key)
            .expect("it is there");
        assert!(is_word(&item.blocking_read().expect("it is whole")));
        drop((item, reading, program));

        mount.remount("rw");
        let program = Program::on(&cache, &saved).expect("it can be written to");
        assert_eq!(program.tracked.all_keys(), [key]);
        program.check_saved(|_| false);
    }
}

/// Cuts the power, as far as the file system is concerned: what is not on the
/// disk by now never comes there.
fn shut_down(mount: &Mount) -> bool {
    let down = run(Command::new("xfs_io")
        .args(["-x", "-c", "shutdown"])
        .arg(mount.path()));
    if let Err(why) = &down {
        skip(why);
    }
    down.is_ok()
}

fn loses_its_power(kind: &str, mib: u64) {
    if !may_run(&["mount", "xfs_io"]) {
        return;
    }
    let Some(disk) = Disk::format(kind, mib) else {
        return;
    };
    // Few files are synced one by one, many with one call.
    for items in [3, 200] {
        let Some(mount) = disk.mount() else { return };
        let program = Program::open(mount.path()).expect("it is prepared");
        let insert = |n: usize| program.pool.insert(word(100 + 97 * n));
        let synced: Vec<_> = (0..items).map(insert).collect();
        let unsynced: Vec<_> = (items..items + 5).map(insert).collect();
        for item in &synced {
            item.blocking_persist(&program.tracked)
                .expect("it is saved");
        }
        program.sync().expect("it is durable");
        for item in &unsynced {
            item.blocking_persist(&program.tracked)
                .expect("it is saved");
        }
        if !shut_down(&mount) {
            return;
        }
        program.sync().expect_err("the disk is gone");
        let late = program.pool.insert(word(300));
        late.blocking_write_now().expect_err("the disk is gone");
        assert!(is_word(&late.blocking_read().expect("it is in memory")));
        let keys: Vec<_> = synced.iter().map(|item| item.key()).collect();
        drop((late, synced, unsynced));
        program.pool.store().blocking_finished();
        drop((program, mount));

        let Some(mount) = disk.mount() else { return };
        let program = Program::open(mount.path()).expect("the next start works");
        for key in &keys {
            assert!(program.tracked.contains_key(*key), "{key} was acknowledged");
        }
        program.check_saved(|key| !keys.contains(&key));
        for key in program.tracked.all_keys() {
            let store = program.pool.store();
            store
                .blocking_delete_persisted(&program.tracked, key)
                .expect("it is deleted");
        }
        program.sync().expect("it works again");
    }
}

#[test]
fn a_power_cut_on_ext4_loses_no_synced_item() {
    loses_its_power("ext4", 64);
}

#[test]
fn a_power_cut_on_xfs_loses_no_synced_item() {
    loses_its_power("xfs", 400);
}
