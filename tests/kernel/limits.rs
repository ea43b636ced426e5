//! Limits and permissions that the system enforces.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use file_backed::fbstore::{FBStore, PreparedPath};

use crate::child::Other;
use crate::machine::{AS_NOBODY, is_open_to_all, may_run, run, skip};
use crate::plain::Plain;
use crate::program::{Program, word};

/// `RLIMIT_FSIZE`: the write that crosses the limit is short, and the next one fails.
#[test]
fn a_value_over_the_file_size_limit_stays_in_memory() {
    let dir = tempfile::tempdir().expect("a directory");
    // The signal that goes with it would end the process.
    let limited = "trap '' XFSZ; ulimit -f 128; exec \"$@\"";
    let child = Other::start("large", dir.path(), &["sh", "-c", limited, "sh"]);
    let (code, said) = child.end();
    assert_eq!(code, Some(0), "{said:?}");
}

/// Half of the descriptors used to be kept for shards, even when none was left for the
/// files themselves, so all of 2 000 loads failed.
#[test]
fn descriptors_of_shards_are_closed_when_none_are_left() {
    let dir = tempfile::tempdir().expect("a directory");
    let limited = "ulimit -n 600; exec \"$@\"";
    let child = Other::start("starve", dir.path(), &["sh", "-c", limited, "sh"]);
    let (code, said) = child.end();
    assert_eq!(
        (code, &said[..]),
        (Some(0), &["loaded 1000".to_owned()][..])
    );
}

/// Files of another user cannot be linked (`fs.protected_hardlinks`).
#[test]
fn files_of_another_user_are_copied() {
    if !may_run(&["setpriv"]) {
        return;
    }
    let protected = std::fs::read_to_string("/proc/sys/fs/protected_hardlinks");
    if !protected.is_ok_and(|on| on.trim() == "1") {
        return skip("fs.protected_hardlinks is off");
    }
    let dir = tempfile::tempdir().expect("a directory");
    let program = Program::open(dir.path()).expect("nobody has it");
    for len in [100, 200] {
        let item = program.pool.insert(word(len));
        item.blocking_persist(&program.tracked)
            .expect("it is saved");
    }
    program.pool.store().blocking_finished();
    drop(program);

    // The directories are the other user's; the items stay root's, who lets all read.
    let change = |kind: &str, command: &[&str]| {
        let root = dir.path().to_str().expect("a plain name");
        let mut find = std::process::Command::new("find");
        find.args([root, "-type", kind, "-exec"]).args(command);
        run(find.args(["{}", "+"])).expect("it is root's");
    };
    change("d", &["chown", "65534:65534"]);
    change("f", &["chmod", "0444"]);
    for place in ["cache", "saved"] {
        let lock = dir.path().join(place).join("file_backed.lock");
        std::os::unix::fs::chown(&lock, Some(65534), None).expect("it is root's");
        set_mode(&lock, 0o600);
    }
    // The test binary must be reachable too.
    let own = std::env::current_exe().expect("this binary");
    if !own.ancestors().skip(1).all(is_open_to_all) {
        return skip("another user may not run this binary where it is");
    }
    let (code, said) = Other::start("register", dir.path(), &AS_NOBODY).end();
    assert_eq!(
        (code, &*said),
        (Some(0), &["links 0 copies 2".to_owned()][..])
    );
}

/// As for a volume of another user that a container runs on as root.
#[test]
fn a_directory_of_another_user_is_used_only_with_any_owner() {
    if !may_run(&[]) {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let volume = dir.path().join("volume");
    std::fs::create_dir(&volume).expect("it is made");
    std::os::unix::fs::chown(&volume, Some(65534), None).expect("it is root's");
    let open = |path| FBStore::open(Plain, path).map(drop);
    let path = PreparedPath::blocking_open(volume.clone());
    let error = open(path.expect("it is made ready")).expect_err("it is another's");
    assert_eq!(error.path(), Some(&*volume));
    assert!(error.to_string().contains("any_owner"), "{error}");
    let path = PreparedPath::builder().any_owner().blocking_open(&volume);
    open(path.expect("it is made ready")).expect("the program says so");
}

fn set_mode(path: &Path, mode: u32) {
    let permissions = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(path, permissions).expect("it is ours");
}
