//! One write of a value to its file, which all its waiters share.

use std::sync::Arc;

use crate::Result;
use crate::backing_store::{BackingStoreT, FileShare, Outcome, RunOnce};
use crate::sync::atomic::{AtomicU8, Ordering};

/// What a write is needed for, besides eviction. Ordered: a later variant is the
/// stronger demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Wanted {
    /// `write_now`, or eviction alone: a change of the value supersedes the write.
    WriteNow,
    /// A save, which captured this value: the write always runs.
    Persist,
}

/// One write of one value.
pub(crate) struct WriteBack<B: BackingStoreT> {
    pub(crate) run_once: RunOnce,
    pub(crate) outcome: Outcome<Result<Written<B>>>,
    /// Raised only under the item's lock.
    wanted: AtomicU8,
}

/// How a successful write-back ended.
pub(crate) enum Written<B: BackingStoreT> {
    /// The file is written. A share of it, if a save wants one.
    Done(Option<Arc<FileShare<B>>>),
    /// The value was changed or dropped before it was written.
    Superseded,
}

impl<B: BackingStoreT> Clone for Written<B> {
    fn clone(&self) -> Self {
        match self {
            Self::Done(token) => Self::Done(token.clone()),
            Self::Superseded => Self::Superseded,
        }
    }
}

impl<B: BackingStoreT> WriteBack<B> {
    pub(super) fn new(wanted: Wanted) -> Arc<Self> {
        Arc::new(Self {
            run_once: RunOnce::new(),
            outcome: Outcome::new(),
            wanted: AtomicU8::new(wanted as u8),
        })
    }

    pub(super) fn want(&self, wanted: Wanted) {
        self.wanted.fetch_max(wanted as u8, Ordering::Relaxed);
    }

    pub(super) fn is_wanted(&self, at_least: Wanted) -> bool {
        self.wanted.load(Ordering::Relaxed) >= at_least as u8
    }
}
