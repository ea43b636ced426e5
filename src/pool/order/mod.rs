//! The order in which the items of one list are evicted.
//!
//! The order is a segmented LRU: a hit in the recent half moves nothing. A [`Policy`] says
//! where a value enters that was loaded while the cache is full. In LRU order it enters the
//! *protected* segment in front. To keep what is old, it enters a small segment on
//! *probation*, which is evicted first; one in [`ONE_IN`] enters in front all the same, so
//! that the cache adapts at last. A hit in the older half of the probation moves the value to
//! the protected segment. A hit in its recent half is soon after the load and moves nothing.
//!
//! DIP decides by *set dueling*. The items are in three [`Group`]s by a hash of their key,
//! each with segments and a share of the cache of its own. Two trial groups do always the
//! same, and count their reloads ([`Duel`]); the third does what works better. With fewer
//! than [`MANY`] items, the trial groups would be too small to tell anything: all items are in
//! one group, in LRU order.
//!
//! The victim is from the group furthest above its share of what is there, not of the budget,
//! because several pools share the budget of the maps.

mod duel;
mod entering;
mod leaving;
mod queue;
#[cfg(all(test, not(shuttle)))]
mod tests;

use std::sync::Arc;

use uuid::Uuid;

use super::maps;
use super::policy::Policy;
use super::tally::Tally;
use crate::backing_store::BackingStoreT;
#[cfg(test)]
use crate::residency::ListId;
use crate::residency::{Item, QueueId, Segment, Weight};
use duel::{Duel, GROUPS, Group, WHOLE_SHARE};
pub(super) use leaving::Pass;
pub(super) use queue::Queue;

/// How far a whole cache advances a clock.
pub(super) const WHOLE: u64 = 1 << 32;

/// One of so many values enters in front although what is old is kept.
const ONE_IN: u64 = 32;

/// The probation's part of a group: one in so many.
const PROBATION: u64 = 10;

/// How many items make a duel. The model checker has few.
pub(super) const MANY: usize = if cfg!(shuttle) { 2 } else { 512 };

/// A duel ends with fewer items than this.
const FEW: usize = MANY / 2;

/// The group of items that weigh more than the whole budget, which go first.
const TOO_HEAVY: u8 = GROUPS.len() as u8;

/// The limits on what a list keeps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    pub(crate) items: usize,
    pub(crate) bytes: u64,
}

/// What limits a list.
#[derive(Clone, Copy, Debug)]
enum Capacity {
    Budget(Budget),
    /// The map budget of the process. `kept` is the number of maps that were left after the
    /// last eviction, until there are many more again.
    Maps {
        kept: Option<usize>,
    },
}

pub(super) struct Order<T, B: BackingStoreT> {
    policy: Policy,
    capacity: Capacity,
    /// One for each [`Group`] in an order with a duel, and one otherwise.
    groups: Box<[Segments<T, B>]>,
    too_heavy: Queue<T, B>,
    duel: Duel,
    /// There are enough items for a duel. Otherwise all are in the first group.
    duels: bool,
    /// How many values have entered while what is old was kept.
    entered: u64,
}

/// The queues of one group, by [`Segment`].
struct Segments<T, B: BackingStoreT>([Queue<T, B>; 2]);

impl<T, B: BackingStoreT> Order<T, B> {
    /// An order of values in memory.
    pub(super) fn within(budget: Budget, policy: Policy) -> Self {
        Self::new(Capacity::Budget(budget), policy)
    }

    /// An order of maps.
    pub(super) fn of_maps(policy: Policy) -> Self {
        Self::new(Capacity::Maps { kept: None }, policy)
    }

    fn new(capacity: Capacity, policy: Policy) -> Self {
        let groups = match policy {
            Policy::Dip => GROUPS.len(),
            Policy::Lru | Policy::Bip => 1,
        };
        Self {
            policy,
            capacity,
            groups: (0..groups).map(|_| Segments::new()).collect(),
            too_heavy: Queue::new(),
            duel: Duel::new(),
            duels: false,
            entered: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.tally().items()
    }

    pub(super) fn tally(&self) -> Tally {
        let groups = self.groups.iter().map(Segments::tally);
        groups.fold(self.too_heavy.tally(), Tally::and)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Item<T, B>>> {
        let queues = self.groups.iter().flat_map(|group| &group.0);
        queues.chain([&self.too_heavy]).flat_map(Queue::iter)
    }

    /// Moves an item of a protected segment to its front. Returns false if it is in none.
    pub(super) fn move_to_front(&mut self, item: &Item<T, B>) -> bool {
        let id = item.queue();
        let is_protected = id.segment == Segment::Protected && id.group != TOO_HEAVY;
        is_protected && self.queue(id).move_to_front(item)
    }

    /// Takes an item out of the order.
    pub(super) fn remove(&mut self, item: &Item<T, B>) -> Option<Arc<Item<T, B>>> {
        self.queue(item.queue()).remove(item)
    }

    /// An item of the order is about to weigh something else.
    pub(super) fn reweigh(&mut self, item: &Item<T, B>, weight: Weight) {
        self.queue(item.queue()).reweigh(item.weight(), weight);
    }

    /// Whether the group keeps what is old in it.
    fn keeps_old(&self, group: Group) -> bool {
        match (self.policy, group) {
            (Policy::Lru, _) => false,
            (Policy::Bip, _) => true,
            (Policy::Dip, Group::Followers) => self.duels && self.duel.prefers_bip(),
            (Policy::Dip, group) => group == Group::Bip,
        }
    }

    fn limits(&self) -> Budget {
        match self.capacity {
            Capacity::Budget(budget) => budget,
            Capacity::Maps { kept } => Budget {
                items: kept.unwrap_or_else(maps_before_pressure),
                bytes: u64::MAX,
            },
        }
    }

    fn group_of(&self, key: Uuid) -> Group {
        match self.duels {
            true => Group::of(key),
            false => Group::Followers,
        }
    }

    /// The group's share, out of [`WHOLE_SHARE`].
    fn share_of(&self, group: Group) -> u64 {
        match (self.duels, group) {
            (true, group) => group.share(),
            (false, Group::Followers) => WHOLE_SHARE,
            (false, _) => 0,
        }
    }

    /// Checks that every item is in the queue that it names, and that the sums are right.
    #[cfg(test)]
    pub(super) fn validate(&self, list: ListId) {
        let groups = self.groups.iter().enumerate();
        let queues = groups.flat_map(|(group, segments)| {
            let queues = segments.0.iter().enumerate();
            queues.map(move |(segment, queue)| (group * 2 + segment, queue))
        });
        for (index, queue) in queues.chain([(usize::from(TOO_HEAVY) * 2 + 1, &self.too_heavy)]) {
            queue.validate();
            for item in queue.iter() {
                assert_eq!((item.list(), item.queue().index()), (list, index));
            }
        }
        if !self.duels {
            assert!(self.groups[1..].iter().all(|group| group.len() == 0));
        }
    }

    fn segments(&self, group: Group) -> &Segments<T, B> {
        &self.groups[group as usize % self.groups.len()]
    }

    fn queue(&mut self, id: QueueId) -> &mut Queue<T, B> {
        match self.groups.get_mut(usize::from(id.group)) {
            Some(segments) => &mut segments.0[id.segment as usize],
            None => &mut self.too_heavy,
        }
    }
}

impl<T, B: BackingStoreT> Segments<T, B> {
    fn new() -> Self {
        Self([Queue::new(), Queue::new()])
    }

    fn tally(&self) -> Tally {
        let [probation, protected] = &self.0;
        probation.tally().and(protected.tally())
    }

    fn len(&self) -> usize {
        self.0.iter().map(Queue::len).sum()
    }
}

/// More than a pool can have. Before the pool has to evict any, three quarters of the map
/// budget are the recent half, so that no hit moves anything while there are fewer maps.
fn maps_before_pressure() -> usize {
    let most = maps::most();
    most.saturating_add(most / 2).max(1)
}
