//! One system call fails, or kills the process.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::child::{Other, TOLD, acknowledged};
use crate::machine::may_run;
use crate::program::{Program, files_in};
use crate::scratch::scratch;

/// Plays a role in a child, while `strace` does `what` at the `n`th `call` of a thread.
/// The child's end, what it said, and whether it was done.
fn play(
    role: &str,
    root: &Path,
    call: &str,
    what: &str,
    n: u32,
) -> (Option<i32>, Vec<String>, bool) {
    let mut child = Other::start(role, root, &[]);
    child.hear_of("ready");
    let log = root.join("strace");
    let mut tracer = attach(
        &child,
        &log,
        call,
        Some(&format!("inject={call}:{what}:when={n}")),
    );
    child.go_on();
    let (code, said) = child.end();
    tracer.wait().expect("it has ended");
    let log = std::fs::read_to_string(&log).expect("it is text");
    let was_done = log.contains("INJECTED") || log.contains("killed by SIGKILL");
    (code, said, was_done)
}

/// Starts `strace` of these calls on a child that waits, and returns when it has it.
pub(crate) fn attach(child: &Other, log: &Path, calls: &str, inject: Option<&str>) -> Child {
    let (id, trace) = (child.id().to_string(), format!("trace={calls}"));
    let mut tracer = Command::new("strace")
        .args(["-f", "-e", &trace, "-p", &id, "-o"])
        .arg(log)
        .args(inject.into_iter().flat_map(|inject| ["-e", inject]))
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    let mut said = BufReader::new(tracer.stderr.take().expect("it is piped"));
    said.read_line(&mut line).expect("it is text");
    assert!(line.contains("attached"), "{line}");
    // It says little more: when the child ends.
    tracer.stderr = Some(said.into_inner());
    tracer
}

/// The next start: what was acknowledged is there, and the cache is empty.
fn check(root: &Path, said: &[String], how: &str) {
    let program = Program::open(root).unwrap_or_else(|error| panic!("{how}: {error}"));
    for key in acknowledged(said) {
        assert!(
            program.tracked.contains_key(key),
            "{how}: {key} was acknowledged"
        );
    }
    assert_eq!(
        files_in(&root.join("cache")),
        0,
        "{how}: the cache is swept"
    );
    program.check_saved(|_| false);
}

/// Writes also go to the parent and between threads, so `full_disk` and `limits` test those
/// of files.
#[test]
fn a_failed_system_call_loses_nothing_acknowledged() {
    if !may_run(&["strace"]) {
        return;
    }
    for (call, number) in [
        ("openat", "EMFILE"),
        ("openat", "ENOSPC"),
        ("linkat", "EIO"),
        ("linkat", "EXDEV"),
        ("unlinkat", "EIO"),
        ("fsync", "EIO"),
        ("pread64", "EIO"),
        ("close", "EIO"),
    ] {
        let mut ever = false;
        for n in 1.. {
            let root = scratch();
            let how = format!("{call} {n} fails with {number}");
            let what = format!("error={number}");
            let (code, said, was_done) = play("save", root.path(), call, &what, n);
            assert!(matches!(code, Some(0 | TOLD)), "{how}: {code:?}, {said:?}");
            check(root.path(), &said, &how);
            if !was_done {
                break;
            }
            ever = true;
        }
        assert!(
            ever || matches!(call, "pread64" | "close"),
            "no {call} was met"
        );
    }
}

/// Kills a child at each such call in turn, until it ends before it is killed. Returns the
/// number of kills.
fn kill_at_each(role: &str, call: &str, check: impl Fn(&Path, &[String], &str)) -> u32 {
    for n in 1.. {
        let root = scratch();
        let how = format!("killed at {call} {n}");
        let (code, said, _) = play(role, root.path(), call, "signal=KILL", n);
        assert!(matches!(code, None | Some(0)), "{how}: {code:?}, {said:?}");
        check(root.path(), &said, &how);
        if code.is_some() {
            return n - 1;
        }
    }
    unreachable!("a child ends")
}

#[test]
fn a_kill_at_any_system_call_loses_nothing_acknowledged() {
    if !may_run(&["strace"]) {
        return;
    }
    for call in [
        "openat", "write", "linkat", "unlinkat", "fsync", "close", "futex",
    ] {
        let kills = kill_at_each("save", call, check);
        assert!(kills > 0 || call == "futex", "no {call} was met");
    }
}

#[cfg(feature = "dataset")]
#[test]
fn a_kill_at_any_system_call_leaves_the_last_commit_or_the_one_in_flight() {
    if !may_run(&["strace"]) {
        return;
    }
    for call in [
        "openat",
        "write",
        "linkat",
        "renameat2",
        "unlinkat",
        "fsync",
        "close",
        "futex",
    ] {
        let kills = kill_at_each("commit", call, crate::commits::check);
        assert!(kills > 0 || call == "futex", "no {call} was met");
    }
}
