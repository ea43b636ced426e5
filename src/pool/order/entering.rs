//! Where an item enters an order.

use std::sync::Arc;

use super::super::maps;
use super::super::policy::Policy;
use super::duel::{Group, WHOLE_SHARE};
use super::{Capacity, FEW, MANY, ONE_IN, Order, PROBATION, TOO_HEAVY, WHOLE};
use crate::backing_store::BackingStoreT;
use crate::residency::{Item, QueueId, Segment, Usage, Weight};

impl<T, B: BackingStoreT> Order<T, B> {
    /// Adds an item, and returns the queue where it is now. `was_here` says whether it was
    /// taken out of this order for that.
    pub(in crate::pool) fn add(
        &mut self,
        item: Arc<Item<T, B>>,
        usage: Usage,
        was_here: bool,
    ) -> QueueId {
        self.begin_or_end_duel();
        let (key, weight) = (item.indexed_key(), item.weight());
        let group = self.group_of(key);
        if matches!(usage, Usage::Load | Usage::Ahead) {
            self.duel.loaded(group, key, self.len());
        }
        let id = self.place_of(group, item.queue(), weight, usage, was_here);
        self.queue(id).push_front(item);
        id
    }

    fn place_of(
        &mut self,
        group: Group,
        was: QueueId,
        weight: Weight,
        usage: Usage,
        was_here: bool,
    ) -> QueueId {
        if let Capacity::Budget(budget) = self.capacity
            && weight.bytes() > budget.bytes
        {
            return QueueId {
                group: TOO_HEAVY,
                segment: Segment::Protected,
            };
        }
        // A new item was in no queue, and one that was too heavy in none of these.
        let was = (was.group != TOO_HEAVY).then_some(was.segment);
        let segment = match (usage, was) {
            (Usage::Hit, _) if was_here => Segment::Protected,
            (Usage::Hit | Usage::Change, Some(Segment::Protected)) => Segment::Protected,
            (Usage::Change | Usage::Pinned, Some(was)) if self.keeps_old(group) => was,
            // Values on probation would evict each other before they are used.
            (Usage::Ahead, _) => Segment::Protected,
            _ => self.entrance(group, weight),
        };
        QueueId {
            group: group as u8,
            segment,
        }
    }

    /// Where a loaded value enters.
    fn entrance(&mut self, group: Group, weight: Weight) -> Segment {
        if !self.keeps_old(group) || self.has_room(group, weight) {
            return Segment::Protected;
        }
        self.entered += 1;
        match self.entered.is_multiple_of(ONE_IN) {
            true => Segment::Protected,
            false => Segment::Probation,
        }
    }

    /// Whether one more value fits into the group's share of the cache.
    fn has_room(&self, group: Group, weight: Weight) -> bool {
        let (share, limits) = (u128::from(self.share_of(group)), self.limits());
        let share_of = |limit: u64| u128::from(limit) * share / u128::from(WHOLE_SHARE);
        let (tally, bytes) = (self.segments(group).tally(), share_of(limits.bytes));
        // Evicting a heavy value for a light one leaves room for others, which is none that
        // the cache has had all the time.
        let needed = u128::from(tally.bytes() + weight.bytes()) + bytes / 32;
        (tally.items() as u128) < share_of(limits.items as u64) && needed <= bytes
    }

    /// How far an item of this weight advances the clock of its queue.
    pub(in crate::pool) fn advance(&self, id: QueueId, weight: Weight) -> u64 {
        let share = self.share_of(Group::from_number(id.group)).max(1);
        let of_group = self.share_of_cache(weight) * WHOLE_SHARE / share;
        match id.segment {
            Segment::Protected => of_group,
            Segment::Probation => of_group * PROBATION,
        }
    }

    /// The share of the cache that an item of this weight takes, out of [`WHOLE`].
    pub(in crate::pool) fn share_of_cache(&self, weight: Weight) -> u64 {
        let limits = self.limits();
        let by_items = WHOLE.div_ceil(limits.items.max(1) as u64);
        let most = u128::from(limits.bytes.max(1));
        let by_bytes = u128::from(weight.bytes()).min(most) * u128::from(WHOLE) / most;
        let of_cache = by_items.max(u64::try_from(by_bytes).unwrap_or(WHOLE));
        of_cache.min(WHOLE)
    }

    /// Whether the bytes of its items are limited.
    pub(in crate::pool) fn has_byte_budget(&self) -> bool {
        self.limits().bytes != u64::MAX
    }

    /// Called before an item enters.
    fn begin_or_end_duel(&mut self) {
        let items = self.len();
        if let Capacity::Maps { kept } = &mut self.capacity
            && kept.is_some_and(|kept| items > kept + kept / 4 + maps::BATCH)
        {
            *kept = None;
        }
        if self.policy != Policy::Dip {
            return;
        }
        if !self.duels && items >= MANY {
            self.duels = true;
            self.duel.reset();
            self.regroup();
        } else if self.duels && items < FEW {
            self.duels = false;
            self.regroup();
        }
    }

    /// Moves each item to the group where it belongs now. Those of the trial groups are the
    /// oldest there.
    fn regroup(&mut self) {
        let mut items = Vec::new();
        for group in [Group::Lru, Group::Bip, Group::Followers] {
            for segment in [Segment::Probation, Segment::Protected] {
                let group = group as u8;
                let queue = self.queue(QueueId { group, segment });
                items.extend(std::iter::from_fn(|| queue.pop_back()));
            }
        }
        for item in items {
            let id = QueueId {
                group: self.group_of(item.indexed_key()) as u8,
                segment: Segment::Protected,
            };
            item.set_queue(item.list(), id);
            self.queue(id).push_front(item);
        }
    }
}
