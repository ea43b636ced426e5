//! A function call in a forked child.

#![cfg(unix)]

use std::io::{Read as _, Write as _, pipe};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

/// Far more than any child takes: it only keeps one that hangs from hanging the
/// whole run.
const SECONDS: libc::c_uint = 60;

/// One fork at a time: a child has only the thread that forked, and waits for
/// ever for what another one has locked.
static TURN: Mutex<()> = Mutex::new(());

/// Runs a test's body while no other one forks.
pub fn alone(body: impl FnOnce()) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    body();
}

/// Forks, and runs `body` in the child, which ends then. The parent's threads are
/// idle at the fork, or what they have locked stays locked in the child.
///
/// # Panics
///
/// In the parent, if the child has panicked, hung or died.
#[track_caller]
pub fn in_a_fork(body: impl FnOnce()) {
    let (mut reader, writer) = pipe().expect("a pipe");
    // SAFETY: the child runs Rust code that allocates, which glibc and macOS allow
    // after a fork, since they give back the locks of the allocator; what else the
    // parent's threads have locked is only waited for, at worst until the alarm.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "the system has no room for a process");
    if child == 0 {
        drop(reader);
        run(body, writer);
    }
    drop(writer);
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("the pipe is ours");
    let mut status = 0;
    // SAFETY: `status` is a place for the status, and outlives the call.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(waited, child, "the child is ours");
    assert_eq!((status, &*text), (0, ""), "the child has failed, or hung");
}

fn run(body: impl FnOnce(), mut writer: std::io::PipeWriter) -> ! {
    // SAFETY: it takes a number, and its signal ends this process.
    unsafe { libc::alarm(SECONDS) };
    let result = catch_unwind(AssertUnwindSafe(body));
    if let Err(panic) = &result {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        let _ = writer.write_all(text.unwrap_or("it panicked").as_bytes());
    }
    // SAFETY: it ends this process at once, without the handlers of the parent's.
    unsafe { libc::_exit(i32::from(result.is_err())) }
}
