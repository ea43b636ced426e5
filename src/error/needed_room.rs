//! When a write that was refused for lack of room is worth another attempt.

/// When a write that a store with a quota refused is worth another attempt: once so many bytes
/// are free, or once an overlapping call has ended and any are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NeededRoom {
    pub(crate) bytes: u64,
    /// The calls that may have taken the room for a moment.
    pub(crate) overlap: Option<Overlap>,
}

impl NeededRoom {
    /// Nothing is known of what the write needs.
    pub(crate) const ANY: Self = Self {
        bytes: 1,
        overlap: None,
    };
}

/// Calls of a store that overlapped with a refused write and were running after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Overlap {
    /// The number of the last call that had begun.
    pub(crate) last: u64,
    /// How many were running, except for the write.
    pub(crate) running: usize,
}
