//! How often this process was forked, without a system call.

use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

static FORKS: AtomicU32 = AtomicU32::new(0);

/// How many forks lie between this process and the ancestor that called this
/// first. Two calls that give different numbers are of different processes: the
/// later one is of a child that was forked without an `exec`.
///
/// It costs an atomic load. Where there are no forks it is 0.
pub fn forks() -> u32 {
    static COUNTED: Once = Once::new();
    COUNTED.call_once(count);
    FORKS.load(Ordering::Relaxed)
}

#[cfg(unix)]
fn count() {
    extern "C" fn forked() {
        FORKS.fetch_add(1, Ordering::Relaxed);
    }
    // SAFETY: `forked` may run in a child that has only one of its parent's threads,
    // since it takes no lock and allocates nothing, and it never unwinds.
    let error = unsafe { libc::pthread_atfork(None, None, Some(forked)) };
    assert_eq!(error, 0, "the system has no memory for a handler of forks");
}

#[cfg(not(unix))]
fn count() {}
