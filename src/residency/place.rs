//! Where the pool has an item.

use std::sync::Arc;

use super::{Item, Jobs};
use crate::backing_store::BackingStoreT;

/// In which list, or count, of the pool an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Place {
    Nowhere,
    /// In memory of the process's own, in order of use, within the budgets.
    Order,
    /// A map of its file, in order of use, within the process's map budget.
    Mapped,
    /// Let go of, but in use.
    Overdue,
    /// Let go of, but not in any file yet.
    Unwritten,
    /// The same, and the last attempt to write it failed by its own fault.
    Refused,
}

/// The pool, as an item sees it. Called under the item's lock.
pub(crate) trait Residents<T, B: BackingStoreT> {
    /// Puts the item to the front of a list and out of any other.
    fn place(&self, item: &Arc<Item<T, B>>, place: Place);

    /// The loads and writes under way.
    fn jobs(&self) -> &Jobs<T, B>;
}

impl Place {
    pub(super) fn of(number: u8) -> Self {
        match number {
            1 => Self::Order,
            2 => Self::Mapped,
            3 => Self::Overdue,
            4 => Self::Unwritten,
            5 => Self::Refused,
            _ => Self::Nowhere,
        }
    }
}
