//! Where the pool has an item.

use std::sync::Arc;

use super::{InFlight, Item};
use crate::backing_store::BackingStoreT;

/// In which list, or count, of the pool an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum ListId {
    Unlisted,
    /// In memory of the process's own, in order of use, within the budgets.
    Resident,
    /// A map of its file, in order of use, within the process's map budget.
    Mapped,
    /// Let go of, but in use.
    Pinned,
    /// Let go of, but not in any file yet.
    Unwritten,
    /// The same, and the last attempt to write it failed by its own fault.
    Unwritable,
}

/// The pool, as an item sees it. Called under the item's lock.
pub(crate) trait PoolLists<T, B: BackingStoreT> {
    /// Puts the item to the front of a list and out of any other.
    fn move_to(&self, item: &Arc<Item<T, B>>, list: ListId);

    /// The loads and writes under way.
    fn in_flight(&self) -> &InFlight<T, B>;
}

impl ListId {
    pub(super) fn of(number: u8) -> Self {
        match number {
            1 => Self::Resident,
            2 => Self::Mapped,
            3 => Self::Pinned,
            4 => Self::Unwritten,
            5 => Self::Unwritable,
            _ => Self::Unlisted,
        }
    }
}
