//! How many shards the process keeps open.
//!
//! Each directory has 256 shards. Keeping a shard open saves resolving its path for
//! each file: 13 to 30 % of a load or a link. All directories of the process share one
//! budget. Shards beyond the budget are opened and closed for each operation, with no
//! other effect.
//!
//! When an operation of the library finds that the process or the system has run out of
//! descriptors, the library closes shards and tries the operation again. It cannot see
//! that other code of the program has run out: a program that needs most of its
//! descriptors itself should set a lower [limit](set_limit).
//!
//! On systems without Unix file descriptors no shard is kept open.
//!
//! ```
//! use file_backed::fbstore::descriptor_budget;
//!
//! descriptor_budget::set_limit(64);
//! assert_eq!(descriptor_budget::limit(), 64);
//! assert!(descriptor_budget::in_use() <= 64);
//! ```

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

#[cfg(unix)]
pub(super) use kept::{KeptOpen, enter, is_out_of_descriptors, take, with_descriptors};

static LIMIT: LazyLock<AtomicUsize> = LazyLock::new(|| AtomicUsize::new(default_limit()));
static IN_USE: AtomicUsize = AtomicUsize::new(0);

/// The maximum number of shards that the process keeps open. The default is half of the
/// process's descriptor limit (`ulimit -n`), which is queried once, at the first use.
pub fn limit() -> usize {
    LIMIT.load(Relaxed)
}

/// Sets the limit for the whole process, and closes the shards beyond it.
pub fn set_limit(shards: usize) {
    LIMIT.store(shards, Relaxed);
    #[cfg(unix)]
    kept::limit_was_set(shards);
}

/// The number of shards that are open now.
pub fn in_use() -> usize {
    IN_USE.load(Relaxed)
}

#[cfg(unix)]
fn default_limit() -> usize {
    use rustix::process::{Resource, getrlimit};
    let limit = getrlimit(Resource::Nofile).current;
    limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit / 2).unwrap_or(usize::MAX)
    })
}

#[cfg(not(unix))]
fn default_limit() -> usize {
    0
}

#[cfg(unix)]
mod kept {
    use std::io;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::sync::{Arc, Weak};

    use parking_lot::Mutex;
    use rustix::io::Errno;

    use super::{IN_USE, limit};
    use crate::fbstore::handles::OpenShards;

    /// The number of shards that are closed at once when descriptors run out.
    const GIVEN_BACK: usize = 64;

    /// The ceiling rises by one after this many operations that were refused by it.
    const REGAIN: usize = 64;

    /// The limit since descriptors ran out, if it is lower than the configured one.
    static CEILING: AtomicUsize = AtomicUsize::new(usize::MAX);

    /// The number of operations that opened a shard and could not keep it because of
    /// the ceiling.
    static TURNED_AWAY: AtomicUsize = AtomicUsize::new(0);

    static ALL: Mutex<Vec<Weak<OpenShards>>> = Mutex::new(Vec::new());

    /// One shard's share of the budget. Dropping it gives the share back.
    pub(in crate::fbstore) struct KeptOpen(());

    impl Drop for KeptOpen {
        fn drop(&mut self) {
            IN_USE.fetch_sub(1, Relaxed);
        }
    }

    /// The permission to keep one more shard open, if the budget allows it.
    pub(in crate::fbstore) fn take() -> Option<KeptOpen> {
        let most = limit().min(CEILING.load(Relaxed));
        let taken = IN_USE.fetch_update(Relaxed, Relaxed, |used| (used < most).then_some(used + 1));
        if taken.is_ok() {
            return Some(KeptOpen(()));
        }
        if most < limit() && TURNED_AWAY.fetch_add(1, Relaxed) % REGAIN == REGAIN - 1 {
            CEILING.fetch_add(1, Relaxed);
        }
        None
    }

    /// Registers a directory whose shards may be closed to free descriptors.
    pub(in crate::fbstore) fn enter(shards: &Arc<OpenShards>) {
        let mut all = ALL.lock();
        all.retain(|shards| shards.strong_count() > 0);
        all.push(Arc::downgrade(shards));
    }

    /// Runs `work`, which needs a descriptor. If none is left, closes open shards and
    /// tries again, until it succeeds or no shard is open.
    pub(in crate::fbstore) fn with_descriptors<R>(
        work: impl Fn() -> io::Result<R>,
    ) -> io::Result<R> {
        loop {
            let done = work();
            let has_run_out = matches!(&done, Err(error) if is_out_of_descriptors(error));
            if !has_run_out || !give_back() {
                return done;
            }
        }
    }

    pub(in crate::fbstore) fn is_out_of_descriptors(error: &io::Error) -> bool {
        let number = error.raw_os_error();
        [Errno::MFILE, Errno::NFILE]
            .iter()
            .any(|errno| number == Some(errno.raw_os_error()))
    }

    /// Closes some shards. Returns false if none was open.
    fn give_back() -> bool {
        let closed = close(GIVEN_BACK);
        CEILING.store(IN_USE.load(Relaxed), Relaxed);
        closed > 0
    }

    pub(super) fn limit_was_set(most: usize) {
        CEILING.store(usize::MAX, Relaxed);
        close(IN_USE.load(Relaxed).saturating_sub(most));
    }

    fn close(most: usize) -> usize {
        let all: Vec<_> = ALL.lock().iter().filter_map(Weak::upgrade).collect();
        let mut closed = 0;
        for shards in all {
            closed += shards.close(most - closed);
            if closed == most {
                break;
            }
        }
        closed
    }
}
