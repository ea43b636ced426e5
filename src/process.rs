//! Which process something belongs to.
//!
//! A fork without an exec copies the memory of a process, its locks and open files
//! included, and only the thread that forks. What has files, locks or threads of its
//! own therefore notes its process, and refuses to work in a child.

use file_backed_codecs::forks;

use crate::error::Cause;

/// The process that made something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    /// Forks that it comes from, as far as they were counted.
    forks: u32,
}

impl Process {
    pub(crate) fn current() -> Self {
        Self { forks: forks() }
    }

    /// Whether this code runs in a child that was forked from it.
    pub(crate) fn is_forked(self) -> bool {
        self != Self::current()
    }

    /// Refuses a forked child.
    pub(crate) fn check(self) -> Result<(), Cause> {
        match self.is_forked() {
            true => Err(Cause::Forked),
            false => Ok(()),
        }
    }
}
