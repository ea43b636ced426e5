//! How many threads all stores of the process have for waiting.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use file_backed_codecs::STORE_THREADS;

use crate::process::Process;

/// The threads that there are, below the number of forks that led to their process: a
/// forked child has none of them.
static THREADS: AtomicU64 = AtomicU64::new(0);

/// The permission to start one thread, until it has ended.
pub(super) struct ThreadPermit(());

impl ThreadPermit {
    /// Returns `None` if the process has enough of them.
    pub(super) fn take() -> Option<Self> {
        let process = process();
        let more = |all| {
            let threads = threads_of(process, all);
            (threads < STORE_THREADS as u64).then_some(process << 32 | (threads + 1))
        };
        let taken = THREADS.fetch_update(Relaxed, Relaxed, more);
        taken.ok().map(|_| Self(()))
    }
}

impl Drop for ThreadPermit {
    fn drop(&mut self) {
        let process = process();
        let fewer = |all| Some(process << 32 | threads_of(process, all).saturating_sub(1));
        let _ = THREADS.fetch_update(Relaxed, Relaxed, fewer);
    }
}

fn process() -> u64 {
    u64::from(Process::current().forks())
}

fn threads_of(process: u64, all: u64) -> u64 {
    match all >> 32 == process {
        true => all & u64::from(u32::MAX),
        false => 0,
    }
}
