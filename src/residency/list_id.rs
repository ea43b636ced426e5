//! The list of the pool that an item is in.

/// The list, or count, of the pool that an item is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum ListId {
    Unlisted,
    /// In the process's memory, in order of use, within the budgets.
    Resident,
    /// A map of its file, in order of use, within the process's map budget.
    Mapped,
    /// Evicted, but pinned by a guard.
    Pinned,
    /// Evicted, but not in a file yet.
    Unwritten,
    /// As `Unwritten`, and the last write failed by the value's own fault.
    Unwritable,
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
