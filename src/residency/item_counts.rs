//! How many items a pool has.

use std::sync::atomic::AtomicU64;

use super::handles::{Added, Remaining};
use crate::stripes::Stripes;

/// How many items a pool has.
pub(crate) struct ItemCounts(Stripes<Counts>);

#[derive(Default)]
struct Counts {
    /// Items with handles, and retained ones.
    all: AtomicU64,
    /// Items that stay and have no handle.
    retained: AtomicU64,
    /// Items that stay, with or without handles.
    staying: AtomicU64,
    /// What those weigh, in memory or as maps.
    staying_bytes: AtomicU64,
}

const MINUS_ONE: u64 = u64::MAX;

impl ItemCounts {
    pub(crate) fn new() -> Self {
        Self(Stripes::new())
    }

    /// A new item has a handle.
    pub(crate) fn enter(&self) {
        self.0.add(|counts| [(&counts.all, 1)]);
    }

    /// An item has ended.
    pub(super) fn leave(&self) {
        self.0.add(|counts| [(&counts.all, MINUS_ONE)]);
    }

    pub(super) fn added(&self, handle: Added) {
        if handle == Added::ToRetained {
            self.0.add(|counts| [(&counts.retained, MINUS_ONE)]);
        }
    }

    pub(super) fn removed(&self, remaining: Remaining) {
        if remaining == Remaining::Retained {
            self.0.add(|counts| [(&counts.retained, 1)]);
        }
    }

    /// An item stays from now on.
    pub(super) fn stay(&self, is_retained: bool, bytes: u64) {
        let retained = u64::from(is_retained);
        (self.0).add(|counts| {
            [
                (&counts.retained, retained),
                (&counts.staying, 1),
                (&counts.staying_bytes, bytes),
            ]
        });
    }

    /// An item does not stay any more.
    pub(super) fn end_staying(&self, was_retained: bool, bytes: u64) {
        let retained = u64::from(was_retained).wrapping_neg();
        (self.0).add(|counts| {
            [
                (&counts.retained, retained),
                (&counts.staying, MINUS_ONE),
                (&counts.staying_bytes, bytes.wrapping_neg()),
            ]
        });
    }

    /// The number of items with handles.
    pub(crate) fn with_handles(&self) -> usize {
        let all = self.0.sum(|counts| &counts.all);
        (all.saturating_sub(self.retained() as u64)) as usize
    }

    pub(crate) fn retained(&self) -> usize {
        self.0.sum(|counts| &counts.retained) as usize
    }

    /// What retained items weigh, if each weighs as much as all that stay do on average:
    /// counting a weight with each handle would be a race with its change.
    pub(crate) fn retained_bytes(&self) -> u64 {
        let staying = self.0.sum(|counts| &counts.staying).max(1);
        let bytes = self.0.sum(|counts| &counts.staying_bytes);
        let share = u128::from(bytes) * self.retained() as u128 / u128::from(staying);
        u64::try_from(share).unwrap_or(u64::MAX).min(bytes)
    }
}
