//! Shards that are kept open.
//!
//! A directory keeps up to 256 descriptors, opened when a shard is first used.
//! All directories of the process together keep at most half of those that the
//! process may have; what is beyond goes by paths.

#[cfg(not(unix))]
pub(super) use by_path::Handles;
#[cfg(unix)]
pub(super) use open::Handles;

#[cfg(unix)]
mod open {
    use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
    use std::path::Path;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{LazyLock, OnceLock};

    use rustix::fs::{CWD, Mode, OFlags, openat};
    use rustix::process::{Resource, getrlimit};

    use crate::fbstore::layout::shard_path;

    /// How many the process keeps open.
    static OPEN: AtomicUsize = AtomicUsize::new(0);

    /// How many it may keep open: the other half is the program's.
    static MOST: LazyLock<usize> = LazyLock::new(|| {
        let limit = getrlimit(Resource::Nofile).current;
        limit.map_or(usize::MAX, |limit| (limit / 2) as usize)
    });

    /// To find names in it; it cannot be read.
    #[cfg(target_os = "linux")]
    const FLAGS: OFlags = OFlags::PATH;
    #[cfg(not(target_os = "linux"))]
    const FLAGS: OFlags = OFlags::RDONLY;

    /// The shards of one directory that are open.
    pub(in crate::fbstore) struct Handles(Box<[OnceLock<OwnedFd>]>);

    impl Handles {
        pub(in crate::fbstore) fn new() -> Self {
            Self((0..256).map(|_| OnceLock::new()).collect())
        }

        /// The open shard; `None` if it cannot be kept open.
        pub(in crate::fbstore) fn get(&self, root: &Path, shard: u8) -> Option<BorrowedFd<'_>> {
            let slot = &self.0[usize::from(shard)];
            if slot.get().is_none() {
                Self::open(slot, root, shard);
            }
            slot.get().map(|shard| shard.as_fd())
        }

        #[cold]
        fn open(slot: &OnceLock<OwnedFd>, root: &Path, shard: u8) {
            let taken = OPEN.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |open| {
                (open < *MOST).then_some(open + 1)
            });
            if taken.is_err() {
                return;
            }
            let flags = FLAGS | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let opened = openat(CWD, shard_path(root, shard), flags, Mode::empty());
            // Of two threads one comes second.
            let is_kept = opened.is_ok_and(|opened| slot.set(opened).is_ok());
            if !is_kept {
                OPEN.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }

    impl Drop for Handles {
        fn drop(&mut self) {
            let open = self.0.iter().filter(|slot| slot.get().is_some());
            OPEN.fetch_sub(open.count(), Ordering::Relaxed);
        }
    }
}

/// Where there are no such calls, names are reached by their paths.
#[cfg(not(unix))]
mod by_path {
    pub(in crate::fbstore) struct Handles;

    impl Handles {
        pub(in crate::fbstore) fn new() -> Self {
            Self
        }
    }
}
