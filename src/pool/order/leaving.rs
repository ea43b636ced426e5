//! Which item leaves an order.

use std::sync::Arc;

use super::super::tally::Tally;
use super::duel::{GROUPS, Group, WHOLE_SHARE};
use super::{Capacity, Order, PROBATION, Queue, Segments};
use crate::backing_store::BackingStoreT;
use crate::residency::{Item, QueueId, Segment};

/// What an amount is measured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Measure {
    Items,
    Bytes,
}

/// A pass over an order, in which each item is looked at once.
#[derive(Debug)]
pub(crate) struct Pass {
    /// How many items of each segment of each group are left.
    left: [[usize; 2]; GROUPS.len()],
}

impl<T, B: BackingStoreT> Order<T, B> {
    /// Takes out the item to evict, if the budget is exceeded.
    pub(in crate::pool) fn pop_excess(&mut self) -> Option<Arc<Item<T, B>>> {
        let (tally, limits) = (self.tally(), self.limits());
        let measure = if tally.items() > limits.items {
            Measure::Items
        } else if tally.bytes() > limits.bytes {
            Measure::Bytes
        } else {
            return None;
        };
        if let Some(item) = self.too_heavy.pop_back() {
            return Some(item);
        }
        let group = self.furthest_above(measure, |_| true)?;
        self.pop(group, self.victim_segment(group, measure))
    }

    /// Begins a pass over what is there now.
    pub(in crate::pool) fn begin_pass(&self) -> Pass {
        let left = GROUPS.map(|group| match self.groups.get(group as usize) {
            Some(segments) => segments.0.each_ref().map(Queue::len),
            None => [0; 2],
        });
        Pass { left }
    }

    /// Takes out the next item of the pass; `None` at its end.
    pub(in crate::pool) fn pop_next(&mut self, pass: &mut Pass) -> Option<Arc<Item<T, B>>> {
        loop {
            let may = |group| pass.left[group as usize] != [0; 2];
            let group = self.furthest_above(Measure::Items, may)?;
            let left = &mut pass.left[group as usize];
            let segment = match self.victim_segment(group, Measure::Items) {
                Segment::Probation if left[0] > 0 => Segment::Probation,
                _ if left[1] > 0 => Segment::Protected,
                _ => Segment::Probation,
            };
            let left = &mut left[segment as usize];
            let Some(item) = self.pop(group, segment) else {
                // What was there has gone otherwise.
                *left = 0;
                continue;
            };
            *left -= 1;
            if let Capacity::Maps { kept } = &mut self.capacity {
                *kept = Some(self.groups.iter().map(Segments::len).sum());
            }
            return Some(item);
        }
    }

    fn pop(&mut self, group: Group, segment: Segment) -> Option<Arc<Item<T, B>>> {
        let id = QueueId {
            group: group as u8,
            segment,
        };
        let items = self.len();
        let item = self.queue(id).pop_back()?;
        if self.duels {
            // The key may be changing, if the item is checked out at this moment. Then a
            // key is noted that is never loaded.
            self.duel.evicted(group, item.indexed_key(), items);
        }
        Some(item)
    }

    /// The group that has items and exceeds its share the most.
    fn furthest_above(&self, measure: Measure, may: impl Fn(Group) -> bool) -> Option<Group> {
        let total = i128::from(measure.of(self.tally()));
        let groups = GROUPS.into_iter().zip(&self.groups);
        let candidates = groups.filter(|(group, segments)| segments.len() > 0 && may(*group));
        let excess = |group: Group, segments: &Segments<T, B>| {
            i128::from(measure.of(segments.tally())) * i128::from(WHOLE_SHARE)
                - i128::from(self.share_of(group)) * total
        };
        candidates
            .max_by_key(|(group, segments)| excess(*group, segments))
            .map(|(group, _)| group)
    }

    fn victim_segment(&self, group: Group, measure: Measure) -> Segment {
        let [probation, protected] = &self.segments(group).0;
        let is_over = match self.keeps_old(group) {
            // The last one that has entered is in use, unless others have.
            true => {
                let share = u128::from(measure.of(self.tally())) * u128::from(self.share_of(group));
                let limit = share / u128::from(WHOLE_SHARE * PROBATION);
                probation.len() > 1 && u128::from(measure.of(probation.tally())) > limit
            }
            false => probation.len() > 0,
        };
        match is_over || protected.len() == 0 {
            true => Segment::Probation,
            false => Segment::Protected,
        }
    }
}

impl Measure {
    fn of(self, tally: Tally) -> u64 {
        match self {
            Self::Items => tally.items() as u64,
            Self::Bytes => tally.bytes(),
        }
    }
}
