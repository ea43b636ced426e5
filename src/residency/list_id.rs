//! Where an item is among the lists of its pool.

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

/// A queue of a list that is in order of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QueueId {
    /// Less than [`GROUPS`](Self::GROUPS).
    pub(crate) group: u8,
    pub(crate) segment: Segment,
}

/// The segment of a segmented LRU that an item is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Segment {
    /// It has entered, and was not used again since, or only soon after.
    Probation,
    Protected,
}

impl QueueId {
    /// The groups that a list may have. The last one has no items on probation.
    pub(crate) const GROUPS: u8 = 4;
    /// The queues that a list may have.
    pub(crate) const COUNT: usize = 2 * Self::GROUPS as usize;

    /// Less than [`COUNT`](Self::COUNT).
    #[inline]
    pub(crate) fn index(self) -> usize {
        (self.group % Self::GROUPS) as usize * 2 + self.segment as usize
    }
}

/// The list of an item and its queue there, or the queue that it was in last.
#[derive(Clone, Copy)]
pub(crate) struct Position(u8);

/// The bits of the list, below those of the queue.
const LIST_BITS: u32 = 3;

impl Position {
    /// That of a new item, which was in no queue: in the last group.
    pub(super) const NEW: Self = Self(((QueueId::GROUPS - 1) * 2) << LIST_BITS);

    pub(super) fn new(list: ListId, queue: QueueId) -> Self {
        Self(list as u8 | (queue.index() as u8) << LIST_BITS)
    }

    #[inline]
    pub(super) fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    pub(super) fn to_bits(self) -> u8 {
        self.0
    }

    #[inline]
    pub(crate) fn list(self) -> ListId {
        match self.0 & ((1 << LIST_BITS) - 1) {
            1 => ListId::Resident,
            2 => ListId::Mapped,
            3 => ListId::Pinned,
            4 => ListId::Unwritten,
            5 => ListId::Unwritable,
            _ => ListId::Unlisted,
        }
    }

    #[inline]
    pub(crate) fn queue(self) -> QueueId {
        let index = self.0 >> LIST_BITS;
        QueueId {
            group: index / 2,
            segment: match index % 2 {
                0 => Segment::Probation,
                _ => Segment::Protected,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_keeps_its_list_and_its_queue() {
        use ListId::*;
        for list in [Unlisted, Resident, Mapped, Pinned, Unwritten, Unwritable] {
            for group in 0..QueueId::GROUPS {
                for segment in [Segment::Probation, Segment::Protected] {
                    let queue = QueueId { group, segment };
                    let position = Position::from_bits(Position::new(list, queue).to_bits());
                    assert_eq!((position.list(), position.queue()), (list, queue));
                    assert!(queue.index() < QueueId::COUNT);
                }
            }
        }
    }
}
