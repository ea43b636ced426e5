//! What was done with an item.

/// What was done with an item, by which the order of its list decides where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Usage {
    /// It was inserted, or loaded into memory.
    Load,
    /// It was loaded ahead of its use.
    Ahead,
    /// It was read in memory.
    Hit,
    /// The same, for the first time since it was brought in ahead of its use. That says no
    /// more of it than a load does.
    FirstHit,
    /// It was changed: a write guard took it out of its list and has put it back.
    Change,
    /// It was to be evicted, but a guard has it.
    Pinned,
}
