//! The count of an item's handles.

use crate::sync::atomic::{AtomicU32, Ordering};

/// Set while the item may stay after its last handle.
const STAYS: u32 = 1 << 31;

/// How many handles an item has, and whether it *stays* after the last one. Guards and jobs
/// do not count.
///
/// While it stays, handles come and go without the item's lock. All else that happens to the
/// item first ends that, under the lock, and learns at the same instant whether there was
/// a handle. From then on the count rises from 0 only under the lock.
pub(super) struct Handles(AtomicU32);

/// What is left after a handle was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remaining {
    Others,
    /// It was the last one, and the item stays.
    Retained,
    /// It was the last one, and the item has to be retired.
    None,
}

/// What an added handle was added to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Added {
    ToOthers,
    /// The item had no handle, and stayed.
    ToRetained,
}

impl Added {
    fn to(count: u32) -> Self {
        match count {
            STAYS => Self::ToRetained,
            _ => Self::ToOthers,
        }
    }
}

impl Handles {
    /// The count of a new item, which has one.
    pub(super) fn one() -> Self {
        Self(AtomicU32::new(1))
    }

    /// Adds one, for a caller that has one, or the item's lock.
    pub(super) fn add(&self) -> Added {
        Added::to(self.0.fetch_add(1, Ordering::Relaxed))
    }

    /// Adds one if the item stays.
    #[cfg(feature = "dataset")]
    pub(super) fn add_if_stays(&self) -> Option<Added> {
        let add = |count: u32| (count & STAYS != 0).then_some(count + 1);
        let before = self
            .0
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, add);
        before.ok().map(Added::to)
    }

    pub(super) fn remove(&self) -> Remaining {
        // As in `Arc`: what other handles did happens before the item is retired.
        match self.0.fetch_sub(1, Ordering::AcqRel) {
            1 => Remaining::None,
            before if before == STAYS | 1 => Remaining::Retained,
            _ => Remaining::Others,
        }
    }

    /// The item stays from now on. Returns whether it has no handle. The caller has the lock.
    pub(super) fn stay(&self) -> bool {
        let before = self.0.fetch_or(STAYS, Ordering::SeqCst);
        debug_assert!(before & STAYS == 0, "it was ended before the change");
        before == 0
    }

    /// The item does not stay any more. Returns whether it was retained. The caller has the
    /// lock.
    pub(super) fn end_staying(&self) -> bool {
        self.0.fetch_and(!STAYS, Ordering::SeqCst) == STAYS
    }

    pub(super) fn stays(&self) -> bool {
        self.0.load(Ordering::SeqCst) & STAYS != 0
    }

    /// Whether the item stays and has no handle.
    pub(super) fn is_retained(&self) -> bool {
        self.0.load(Ordering::SeqCst) == STAYS
    }

    pub(super) fn count(&self) -> u32 {
        self.0.load(Ordering::SeqCst) & !STAYS
    }
}
