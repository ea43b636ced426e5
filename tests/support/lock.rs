//! Locks of directories, as another process has them.

use std::fs::File;

/// A lock on an open file of its own, which the kernel treats like one of another
/// process.
///
/// Closing the file is not enough to release it: while another test starts a process, the
/// child has a copy of the open file until its `exec`.
pub(crate) struct LockedElsewhere(File);

impl LockedElsewhere {
    #[track_caller]
    pub(crate) fn new(file: File) -> Self {
        file.try_lock().expect("nobody has it");
        Self(file)
    }
}

impl Drop for LockedElsewhere {
    fn drop(&mut self) {
        self.0.unlock().expect("it is locked");
    }
}

/// Whether the file could be locked.
pub(crate) fn can_be_locked(file: &File) -> bool {
    let locked = file.try_lock().is_ok();
    if locked {
        file.unlock().expect("it is locked");
    }
    locked
}
