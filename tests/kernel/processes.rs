//! Two processes on one directory.

use file_backed::fbstore::{FBStore, PreparedPath};
use uuid::Uuid;

use crate::child::Other;
use crate::plain::Plain;
use crate::program::{Program, files_in, is_word};

#[test]
fn a_second_process_may_only_read_until_the_first_is_killed() {
    let dir = tempfile::tempdir().expect("a directory");
    let (cache, saved) = (dir.path().join("cache"), dir.path().join("saved"));
    let mut other = Other::start("hold", dir.path(), &[]);
    let key: Uuid = other.hear_of("synced").parse().expect("a key");

    let open = |path| PreparedPath::blocking_open(path).expect("it is prepared");
    let error = FBStore::open(Plain, open(cache.clone())).expect_err("it is taken");
    assert!(error.is_in_use(), "{error}");
    assert_eq!(error.path(), Some(&*cache));
    let own = dir.path().join("own");
    let error = Program::on(&own, &saved).err().expect("it is taken");
    assert!(error.is_in_use(), "{error}");
    assert_eq!(error.path(), Some(&*saved));

    let program = Program::on(&own, &dir.path().join("other")).expect("nobody has it");
    let path = PreparedPath::blocking_open_read_only(saved).expect("it is there");
    let reading = program.pool.store().blocking_track_read_only(path);
    let reading = std::sync::Arc::new(reading.expect("reading is free"));
    let item = program
        .pool
        .blocking_register(&reading, key)
        .expect("it is there");
    assert!(is_word(&item.blocking_read().expect("it is whole")));
    drop((item, reading, program));

    assert!(files_in(&cache) > 0);
    other.kill();
    let program = Program::open(dir.path()).expect("nobody has it any more");
    assert_eq!(files_in(&cache), 0, "what the dead left is swept");
    assert_eq!(program.tracked.all_keys(), [key]);
    program.check_saved(|_| false);
}
