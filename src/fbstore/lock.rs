//! The lock of a directory: one process has it.
//!
//! The lock file is never unlinked: whoever waits for a file that another
//! removes would lock a file that nobody finds any more. The kernel gives the
//! lock back when a process dies, however it dies.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, LazyLock, Weak};

use fs4::FileExt;
use parking_lot::{Condvar, Mutex};

use super::directory::at;
use super::files::{Files, Identity};
use crate::error::{Fault, StoreError};

/// A lock that this process has. It is given back when the last owner drops it.
pub(super) struct Lock {
    file: File,
    identity: Identity,
}

/// The locks of this process, by their files. One whose `Weak` is dead is on
/// its way: it is being taken, or given back.
static LOCKS: LazyLock<Locks> = LazyLock::new(Locks::default);

#[derive(Default)]
struct Locks {
    held: Mutex<HashMap<Identity, Weak<Lock>>>,
    changed: Condvar,
}

/// A lock, and how it was come by.
pub(super) struct Taken {
    pub(super) lock: Arc<Lock>,
    /// This process had it already.
    pub(super) is_shared: bool,
}

impl Lock {
    /// Takes the lock of the directory `root`, in the file at `path`, for this
    /// process.
    pub(super) fn take(files: &dyn Files, path: &Path) -> Result<Taken, StoreError> {
        let file = files.open_lock(path).map_err(|error| at(path, error))?;
        let identity = Identity::of(&file, path).map_err(|error| at(path, error))?;
        if let Some(lock) = LOCKS.share_or_begin(&identity) {
            return Ok(Taken {
                lock,
                is_shared: true,
            });
        }
        let begun = Begun(&identity);
        if !files.try_lock(&file).map_err(|error| at(path, error))? {
            return Err(at(directory_of(path), Fault::Locked));
        }
        let lock = Arc::new(Self {
            file,
            identity: identity.clone(),
        });
        LOCKS.set(&identity, Some(&lock));
        std::mem::forget(begun);
        Ok(Taken {
            lock,
            is_shared: false,
        })
    }
}

fn directory_of(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file gives the lock back only when no child process has
        // inherited it for a moment.
        if let Err(error) = FileExt::unlock(&self.file) {
            tracing::warn!(%error, "the lock of a directory could not be given back");
        }
        LOCKS.set(&self.identity, None);
    }
}

impl Locks {
    /// A lock that the process has; or `None`, and the caller is the one to take
    /// it. Waits while another thread is at it.
    fn share_or_begin(&self, identity: &Identity) -> Option<Arc<Lock>> {
        let mut held = self.held.lock();
        while let Some(known) = held.get(identity) {
            if let Some(lock) = known.upgrade() {
                return Some(lock);
            }
            self.changed.wait(&mut held);
        }
        held.insert(identity.clone(), Weak::new());
        None
    }

    fn set(&self, identity: &Identity, lock: Option<&Arc<Lock>>) {
        let mut held = self.held.lock();
        match lock {
            Some(lock) => held.insert(identity.clone(), Arc::downgrade(lock)),
            None => held.remove(identity),
        };
        drop(held);
        self.changed.notify_all();
    }
}

/// An attempt; dropped, it has failed.
struct Begun<'a>(&'a Identity);

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        LOCKS.set(self.0, None);
    }
}
