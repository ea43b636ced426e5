//! Counting the forks of this process, without a system call.

use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

static FORKS: AtomicU32 = AtomicU32::new(0);

/// The number of forks between this process and the ancestor that first called this
/// function. If two calls return different numbers, they ran in different processes, and
/// the later one ran in a child that was forked without an `exec`.
///
/// A call costs one atomic load. On platforms without `fork` the number is always 0.
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
    // because it takes no lock and allocates nothing, and it never unwinds.
    let error = unsafe { libc::pthread_atfork(None, None, Some(forked)) };
    assert_eq!(error, 0, "the system has no memory for a fork handler");
}

#[cfg(not(unix))]
fn count() {}
