//! The lock of a directory, which only one process has.
//!
//! The lock file is never unlinked. Otherwise a process could lock a file that another
//! process has just removed, and no third process would see that lock. The kernel
//! releases the lock when a process dies, for whatever reason.
//!
//! A forked child inherits the open lock file, but not the lock: it neither releases
//! the lock nor treats it as its own.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError, Weak};

use fs4::FileExt;

use super::directory::at;
use super::file_ref::{FileRef, Shards};
use super::files::{Files, Identity};
use crate::error::{Cause, StoreError};
use crate::process::Process;

/// The name of the lock file.
const NAME: &str = "file_backed.lock";

/// The locks by which this process has a directory: the lock of the lock file, and that
/// of the directory itself if the file system supports it. The second one still
/// protects the directory when the lock file is deleted. It also signals programs that
/// delete old files, such as `systemd-tmpfiles`, to leave the directory alone.
#[derive(Clone)]
pub(super) struct Locks {
    file: Arc<Lock>,
    /// Kept for its `Drop`.
    _directory: Option<Arc<Lock>>,
    is_shared: bool,
}

impl Locks {
    /// Takes the locks of a directory for this process.
    pub(super) fn take(files: &dyn Files, shards: &Shards) -> Result<Self, StoreError> {
        let directory = Self::lock_directory(files, shards)?;
        Self::with_file(files, shards, directory)
    }

    /// Takes the locks of an unused directory. Returns `None` if this process already
    /// has them. Creates no lock file in a directory that is locked: its owner may be
    /// deleting it.
    pub(super) fn take_unused(
        files: &dyn Files,
        shards: &Shards,
    ) -> Result<Option<Self>, StoreError> {
        let directory = Self::lock_directory(files, shards)?;
        if directory.as_ref().is_some_and(|taken| taken.is_shared) {
            return Ok(None);
        }
        let locks = Self::with_file(files, shards, directory)?;
        Ok((!locks.is_shared).then_some(locks))
    }

    fn lock_directory(files: &dyn Files, shards: &Shards) -> Result<Option<Acquired>, StoreError> {
        match Lock::take(files, &FileRef::Root(shards), shards.root()) {
            Err(error) if is_unsupported(&error) => Ok(None),
            taken => taken.map(Some),
        }
    }

    fn with_file(
        files: &dyn Files,
        shards: &Shards,
        directory: Option<Acquired>,
    ) -> Result<Self, StoreError> {
        let file = Lock::take(files, &shards.beside(NAME), shards.root())?;
        // The lock file may have been deleted and created again by a sweep, while the
        // lock of the directory was kept.
        let is_shared = file.is_shared || directory.as_ref().is_some_and(|taken| taken.is_shared);
        Ok(Self {
            file: file.lock,
            _directory: directory.map(|taken| taken.lock),
            is_shared,
        })
    }

    /// Whether another entry of this process has the locks too.
    pub(super) fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// Whether the lock file still has its name.
    pub(super) fn are_in_place(&self, files: &dyn Files, shards: &Shards) -> bool {
        let now = files.identity(&shards.beside(NAME));
        now.is_ok_and(|now| now == *self.file.identity())
    }
}

/// Whether the file system cannot lock directories.
fn is_unsupported(error: &StoreError) -> bool {
    let error = error.get_ref().downcast_ref::<io::Error>();
    error.is_some_and(|error| {
        error.kind() == io::ErrorKind::Unsupported || is_refused_by_number(error)
    })
}

/// The errors of `flock` on a directory on network file systems.
#[cfg(unix)]
fn is_refused_by_number(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let number = error.raw_os_error();
    [Errno::BADF, Errno::NOLCK, Errno::INVAL, Errno::OPNOTSUPP]
        .iter()
        .any(|errno| number == Some(errno.raw_os_error()))
}

#[cfg(not(unix))]
fn is_refused_by_number(_: &io::Error) -> bool {
    false
}

/// A lock that this process has. Dropping the last owner releases it.
pub(super) struct Lock {
    file: File,
    identity: Identity,
    process: Process,
}

/// The locks of this process, by the identity of the locked file.
static LOCKS: LazyLock<LockTable> = LazyLock::new(LockTable::default);

#[derive(Default)]
struct LockTable {
    held: Mutex<HashMap<Identity, Holder>>,
    changed: Condvar,
}

/// The state of the lock of one file.
struct Holder {
    /// In a forked child, the entries of its parent are still in the table.
    process: Process,
    /// Dead while the lock is being acquired or released.
    lock: Weak<Lock>,
}

/// A lock, and whether it was shared.
pub(super) struct Acquired {
    pub(super) lock: Arc<Lock>,
    /// This process already had the lock.
    pub(super) is_shared: bool,
}

impl Lock {
    /// Takes the lock of the directory `root` for this process. The lock is on the file
    /// or directory `file_ref`.
    pub(super) fn take(
        files: &dyn Files,
        file_ref: &FileRef<'_>,
        root: &Path,
    ) -> Result<Acquired, StoreError> {
        let path = &*file_ref.path();
        let file = files.open_lock(file_ref).map_err(|error| at(path, error))?;
        let identity = Identity::of(&file, path).map_err(|error| at(path, error))?;
        if let Some(lock) = LOCKS.share_or_begin(&identity) {
            return Ok(Acquired {
                lock,
                is_shared: true,
            });
        }
        let begun = Acquisition(&identity);
        if !files.try_lock(&file).map_err(|error| at(path, error))? {
            return Err(at(root, Cause::Locked));
        }
        let lock = Arc::new(Self {
            file,
            identity: identity.clone(),
            process: Process::current(),
        });
        LOCKS.set(&identity, Some(&lock));
        std::mem::forget(begun);
        Ok(Acquired {
            lock,
            is_shared: false,
        })
    }
}

impl Lock {
    /// The identity of the locked file or directory.
    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if self.process.is_forked() {
            return;
        }
        // Closing the file would not release the lock while a child process has briefly
        // inherited the descriptor.
        if let Err(error) = FileExt::unlock(&self.file) {
            tracing::warn!(%error, "could not release the lock of a directory");
        }
        LOCKS.set(&self.identity, None);
    }
}

impl LockTable {
    /// Returns a lock that the process already has, or `None` if the caller is the one
    /// to acquire it. Waits while another thread acquires or releases it.
    fn share_or_begin(&self, identity: &Identity) -> Option<Arc<Lock>> {
        let process = Process::current();
        let mut held = self.held();
        while let Some(known) = held.get(identity).filter(|known| known.process == process) {
            if let Some(lock) = known.lock.upgrade() {
                return Some(lock);
            }
            let waited = self.changed.wait(held);
            held = waited.unwrap_or_else(PoisonError::into_inner);
        }
        let lock = Weak::new();
        held.insert(identity.clone(), Holder { process, lock });
        None
    }

    fn set(&self, identity: &Identity, lock: Option<&Arc<Lock>>) {
        let holder = lock.map(|lock| Holder {
            process: lock.process,
            lock: Arc::downgrade(lock),
        });
        let mut held = self.held();
        match holder {
            Some(holder) => held.insert(identity.clone(), holder),
            None => held.remove(identity),
        };
        drop(held);
        self.changed.notify_all();
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Identity, Holder>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An attempt to acquire a lock. Dropping it means that the attempt failed.
struct Acquisition<'a>(&'a Identity);

impl Drop for Acquisition<'_> {
    fn drop(&mut self) {
        LOCKS.set(self.0, None);
    }
}
