//! Which process something belongs to.
//!
//! A fork without an exec copies the memory of a process, its locks and open files
//! included, and only the thread that forks. What has files, locks or threads of its
//! own therefore notes its process, and refuses to work in a child.

use std::cell::Cell;

use file_backed_codecs::forks;
use uuid::{Builder, Uuid};

use crate::error::Fault;

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
    pub(crate) fn check(self) -> Result<(), Fault> {
        match self.is_forked() {
            true => Err(Fault::Forked),
            false => Ok(()),
        }
    }
}

/// A key that no other value has, in whatever process.
///
/// A forked child has the random numbers of its parent's thread before it, so they
/// are mixed with a number of the system's, drawn once for each thread of each
/// process.
pub(crate) fn new_key() -> Uuid {
    thread_local! {
        static OWN: Cell<Option<(Process, u128)>> = const { Cell::new(None) };
    }
    let process = Process::current();
    let own = match OWN.get() {
        Some((known, own)) if known == process => own,
        _ => {
            let mut bytes = [0; 16];
            getrandom::fill(&mut bytes).expect("the system has random numbers");
            let own = u128::from_ne_bytes(bytes);
            OWN.set(Some((process, own)));
            own
        }
    };
    let random = Uuid::new_v4().as_u128() ^ own;
    Builder::from_random_bytes(random.to_be_bytes()).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_random_uuid() {
        let keys: std::collections::HashSet<_> = (0..1000).map(|_| new_key()).collect();
        assert_eq!(keys.len(), 1000);
        let mut kinds = keys
            .iter()
            .map(|key| (key.get_version_num(), key.get_variant()));
        assert!(kinds.all(|kind| kind == (4, uuid::Variant::RFC4122)));
    }
}
