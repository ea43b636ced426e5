//! Directories that are kept open.
//!
//! A directory of items stays open, and so does each shard from its first use on. No
//! path is resolved for each file. Whatever happens to the path, an operation reaches
//! the directory that was opened and locked, or fails. The number of open shards is
//! limited by the [`descriptor_budget`](super::descriptor_budget).

#[cfg(not(unix))]
pub(super) use by_path::Handles;
#[cfg(unix)]
pub(super) use open::{Handles, OpenShards};

#[cfg(unix)]
mod open {
    use std::io;
    use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    use arc_swap::{ArcSwap, ArcSwapOption};
    #[cfg(all(target_os = "linux", target_pointer_width = "64"))]
    use file_backed_codecs::frame::CachedReads;
    use rustix::fs::{CWD, Mode, OFlags, fstat, openat};
    use rustix::process::geteuid;

    use crate::fbstore::descriptor_budget::{self, KeptOpen};
    #[cfg(all(target_os = "linux", target_pointer_width = "64"))]
    use crate::fbstore::file_systems::cached_reads;
    use crate::fbstore::files::Identity;
    use crate::fbstore::layout::shard_name;

    /// Other systems have no reads that do not wait.
    #[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
    enum CachedReads {}

    #[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
    fn cached_reads(_: BorrowedFd<'_>) -> Option<CachedReads> {
        None
    }

    /// `O_PATH` suffices to look up names in the directory. It does not allow reading
    /// it.
    #[cfg(target_os = "linux")]
    const FLAGS: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
    #[cfg(not(target_os = "linux"))]
    const FLAGS: OFlags = OFlags::RDONLY
        .union(OFlags::DIRECTORY)
        .union(OFlags::CLOEXEC);

    /// One directory of items, and its open shards.
    pub(in crate::fbstore) struct Handles {
        root: ArcSwap<Opened>,
        shards: Arc<OpenShards>,
        /// The process writes to the directory, so other users must not be able to.
        is_claimed: AtomicBool,
        /// The group may write to the directory, or to a shard that was opened.
        is_group_writable: AtomicBool,
        replacements: Arc<AtomicU64>,
    }

    /// An open directory.
    struct Opened {
        directory: OwnedFd,
        facts: Facts,
        /// Its share of the budget, if it is kept open.
        _kept: Option<KeptOpen>,
        /// How files in it are read without waiting. Known of a root only.
        #[cfg_attr(
            not(all(target_os = "linux", target_pointer_width = "64")),
            expect(dead_code, reason = "it is always `None`")
        )]
        cached_reads: Option<Arc<CachedReads>>,
    }

    /// The identity, owner and permissions of a directory.
    #[derive(Clone, Copy)]
    struct Facts {
        device: u64,
        inode: u64,
        owner: u32,
        mode: Mode,
    }

    impl Facts {
        fn of(directory: BorrowedFd<'_>) -> io::Result<Self> {
            let stat = fstat(directory)?;
            Ok(Self {
                device: stat.st_dev as u64,
                inode: stat.st_ino as u64,
                owner: stat.st_uid,
                mode: Mode::from_raw_mode(stat.st_mode),
            })
        }
    }

    /// The shards of a directory that are kept open.
    pub(in crate::fbstore) struct OpenShards(Box<[ArcSwapOption<Opened>]>);

    impl Opened {
        fn new(directory: OwnedFd) -> io::Result<Self> {
            Ok(Self {
                facts: Facts::of(directory.as_fd())?,
                directory,
                _kept: None,
                cached_reads: None,
            })
        }

        fn is_same(&self, other: &Self) -> bool {
            let (one, other) = (self.facts, other.facts);
            (one.device, one.inode) == (other.device, other.inode)
        }
    }

    impl OpenShards {
        /// Closes up to `most` shards. A shard that is in use is closed at the end of
        /// that use.
        pub(in crate::fbstore) fn close(&self, most: usize) -> usize {
            let open = self.0.iter().filter_map(|slot| slot.swap(None));
            open.take(most).count()
        }
    }

    impl Handles {
        pub(in crate::fbstore) fn open(root: &Path) -> io::Result<Self> {
            let open = || Ok(openat(CWD, root, FLAGS, Mode::empty())?);
            let mut root = Opened::new(descriptor_budget::with_descriptors(open)?)?;
            // Asked here, where the caller may wait. The shards are on the same file system.
            root.cached_reads = cached_reads(root.directory.as_fd()).map(Arc::new);
            let shards = (0..256).map(|_| ArcSwapOption::empty()).collect();
            let shards = Arc::new(OpenShards(shards));
            descriptor_budget::enter(&shards);
            let is_group_writable = root.facts.mode.contains(Mode::WGRP);
            Ok(Self {
                root: ArcSwap::from_pointee(root),
                shards,
                is_claimed: AtomicBool::new(false),
                is_group_writable: AtomicBool::new(is_group_writable),
                replacements: Arc::default(),
            })
        }

        /// From now on, shards that every user may write to are refused.
        pub(in crate::fbstore) fn set_claimed(&self) {
            self.is_claimed.store(true, Ordering::Relaxed);
        }

        pub(in crate::fbstore) fn is_group_writable(&self) -> bool {
            self.is_group_writable.load(Ordering::Relaxed)
        }

        pub(in crate::fbstore) fn identity(&self, _: &Path) -> Identity {
            let Facts { device, inode, .. } = self.root.load().facts;
            Identity::Inode(device, inode)
        }

        /// Whether the directory was deleted.
        pub(in crate::fbstore) fn is_unlinked(&self, _: &Path) -> bool {
            fstat(&self.root.load().directory).is_ok_and(|stat| stat.st_nlink == 0)
        }

        /// How often the directory was replaced, which was deleted with all its files.
        pub(in crate::fbstore) fn replacements(&self) -> &Arc<AtomicU64> {
            &self.replacements
        }

        /// Switches to the directory that `other` has opened.
        pub(in crate::fbstore) fn replace(&self, other: &Self) {
            let is_group_writable = other.is_group_writable();
            (self.is_group_writable).store(is_group_writable, Ordering::Relaxed);
            // Before the switch: a caller that creates a file in the new directory sees that
            // those of the previous one are gone.
            self.replacements.fetch_add(1, Ordering::Relaxed);
            self.root.store(other.root.load_full());
            self.shards.close(usize::MAX);
        }

        /// Calls `call` with the directory itself.
        pub(in crate::fbstore) fn in_root<R>(
            &self,
            call: impl Fn(BorrowedFd<'_>) -> io::Result<R>,
        ) -> io::Result<R> {
            call(self.root.load().directory.as_fd())
        }

        /// Calls `call` with a directory next to the shards.
        pub(in crate::fbstore) fn below_root<R>(
            &self,
            directory: &str,
            call: impl Fn(BorrowedFd<'_>) -> io::Result<R>,
        ) -> io::Result<R> {
            call(self.open_below(directory)?.directory.as_fd())
        }

        /// Calls `call` with a shard.
        pub(in crate::fbstore) fn in_shard<R>(
            &self,
            shard: u8,
            call: impl Fn(BorrowedFd<'_>) -> io::Result<R>,
        ) -> io::Result<R> {
            let slot = &self.shards.0[usize::from(shard)];
            if let Some(kept) = &*slot.load() {
                match call(kept.directory.as_fd()) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        // The shard may have been replaced since it was opened.
                        let now = self.open_below(shard_name(shard).as_str())?;
                        if now.is_same(kept) {
                            return Err(error);
                        }
                        slot.store(None);
                    }
                    done => return done,
                }
            }
            let mut opened = self.open_below(shard_name(shard).as_str())?;
            let done = call(opened.directory.as_fd());
            opened._kept = descriptor_budget::take();
            if opened._kept.is_some() {
                slot.store(Some(Arc::new(opened)));
            }
            done
        }

        /// Calls `call` with a shard, if it is open, and if files in it can be read without
        /// waiting, with how.
        #[cfg(all(target_os = "linux", target_pointer_width = "64"))]
        pub(in crate::fbstore) fn in_open_shard<R>(
            &self,
            shard: u8,
            call: impl FnOnce(BorrowedFd<'_>) -> Option<R>,
        ) -> Option<(R, Arc<CachedReads>)> {
            let reads = self.root.load().cached_reads.clone()?;
            if !reads.are_possible() {
                return None;
            }
            let kept = self.shards.0[usize::from(shard)].load();
            let done = call(kept.as_ref()?.directory.as_fd())?;
            Some((done, reads))
        }

        /// Checks a directory in the root. It must be on the root's file system and
        /// belong to the root's owner or the current user, and after
        /// [`set_claimed`](Self::set_claimed) not every user may write to it.
        pub(in crate::fbstore) fn check_below(&self, directory: BorrowedFd<'_>) -> io::Result<()> {
            let (own, root) = (Facts::of(directory)?, self.root.load().facts);
            let is_ours = own.owner == root.owner || own.owner == geteuid().as_raw();
            if own.device != root.device || !is_ours {
                let text = "a subdirectory is on another file system, or belongs to another user: \
                            remove it, or use another path";
                return Err(io::Error::other(text));
            }
            if own.mode.contains(Mode::WOTH) && self.is_claimed.load(Ordering::Relaxed) {
                let text = "every user may write to a subdirectory and replace its contents: \
                            remove that permission (`chmod o-w`)";
                return Err(io::Error::other(text));
            }
            if own.mode.contains(Mode::WGRP) {
                self.is_group_writable.store(true, Ordering::Relaxed);
            }
            Ok(())
        }

        fn open_below(&self, name: &str) -> io::Result<Opened> {
            let flags = FLAGS | OFlags::NOFOLLOW;
            let opened = openat(&self.root.load().directory, name, flags, Mode::empty())?;
            self.check_below(opened.as_fd())?;
            Opened::new(opened)
        }
    }
}

/// On systems without these calls, names are reached by path.
#[cfg(not(unix))]
mod by_path {
    use std::io;
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use crate::fbstore::files::Identity;

    pub(in crate::fbstore) struct Handles {
        replacements: Arc<AtomicU64>,
    }

    impl Handles {
        pub(in crate::fbstore) fn open(root: &Path) -> io::Result<Self> {
            Identity::at(root)?;
            Ok(Self {
                replacements: Arc::default(),
            })
        }

        pub(in crate::fbstore) fn identity(&self, root: &Path) -> Identity {
            Identity::at(root).unwrap_or_else(|_| Identity::Path(root.to_owned()))
        }

        pub(in crate::fbstore) fn is_unlinked(&self, root: &Path) -> bool {
            !root.is_dir()
        }

        pub(in crate::fbstore) fn replacements(&self) -> &Arc<AtomicU64> {
            &self.replacements
        }

        pub(in crate::fbstore) fn replace(&self, _: &Self) {
            self.replacements.fetch_add(1, Ordering::Relaxed);
        }

        pub(in crate::fbstore) fn set_claimed(&self) {}

        pub(in crate::fbstore) fn is_group_writable(&self) -> bool {
            false
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::Handles;
    use crate::testing::scratch;

    /// A store forgets the files of the previous directory when the number has risen. If a
    /// file could be created in the new one before, it would forget that file too, which
    /// would not count against the quota.
    #[test]
    fn a_replacement_counts_before_it_can_be_seen() {
        let dir = scratch();
        let made = (0..200_u32).map(|n| {
            let root = dir.path().join(n.to_string());
            std::fs::create_dir(&root).expect("it is made");
            Handles::open(&root).expect("it is there")
        });
        let made: Vec<_> = made.collect();
        let handles = Handles::open(dir.path()).expect("it is there");
        let root = dir.path();
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let seen = handles.identity(root);
                    let counted = handles.replacements().load(Ordering::Relaxed);
                    let number = made.iter().position(|made| made.identity(root) == seen);
                    let replaced = number.map_or(0, |number| number + 1);
                    assert!(counted >= replaced as u64, "{counted} of {replaced}");
                }
            });
            for new in &made {
                handles.replace(new);
                std::thread::yield_now();
            }
            is_over.store(true, Ordering::Relaxed);
        });
        assert_eq!(handles.replacements().load(Ordering::Relaxed), 200);
    }
}
