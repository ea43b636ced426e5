//! The process that something belongs to.
//!
//! A fork without an `exec` copies the memory of a process, including its locks and
//! open files, but only the thread that forks. Types that own files, locks or threads
//! therefore record their process, and refuse to work in a forked child.

use file_backed_codecs::forks;

use crate::error::Cause;

/// The process that made something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    /// The number of forks that led to this process, as far as they were counted.
    forks: u32,
}

impl Process {
    pub(crate) fn current() -> Self {
        Self { forks: forks() }
    }

    /// The number of forks that led to this process.
    pub(crate) fn forks(self) -> u32 {
        self.forks
    }

    /// Whether the calling code runs in a child that was forked from this process.
    pub(crate) fn is_forked(self) -> bool {
        self != Self::current()
    }

    /// Fails in a forked child.
    pub(crate) fn check(self) -> Result<(), Cause> {
        match self.is_forked() {
            true => Err(Cause::Forked),
            false => Ok(()),
        }
    }
}
