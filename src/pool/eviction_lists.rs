//! The items of a pool that are in memory, in the orders in which they are evicted.
//!
//! A hit in the recent half of its queue moves nothing. A clock for each queue tells,
//! approximately and without a lock, which half an item is in. Each item that moves to
//! the front advances the clock by its share of the queue and records the time. The item
//! is in the recent half until the clock has advanced by another half. An item's share is
//! its share of the items budget or of the bytes budget, whichever is larger. The clock
//! does not account for removals, so the recent half may appear smaller than it is; the
//! only cost is an early move to the front.
//!
//! Values that are maps use no memory of the process, so they have their own order
//! and clocks, for which the process's map budget is the whole cache. They are always in
//! an order that resists scans.

use std::sync::Arc;

use super::ahead::Ahead;
use super::maps;
use super::order::{Budget, Order, Pass, Queue, WHOLE};
use super::policy::Policy;
use super::tally::{Amount, Tally};
use crate::backing_store::{BackingStoreT, load_room};
use crate::residency::{Item, ListId, Position, QueueId, Usage, Weight};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering};

pub(crate) struct EvictionLists<T, B: BackingStoreT> {
    lists: Mutex<Lists<T, B>>,
    clocks: Clocks,
}

/// A clock for each queue, of values in memory and of maps.
struct Clocks([AtomicU64; 2 * QueueId::COUNT]);

/// Each item is in the list that its [`ListId`] names, and in no other.
struct Lists<T, B: BackingStoreT> {
    resident: Order<T, B>,
    mapped: Order<T, B>,
    /// In the order in which they were checked.
    pinned: Queue<T, B>,
    /// Items in no list, because the store's queue has a job for each of them.
    unwritten: Tally,
    /// Of such items, those whose last write failed by the value's own fault; they
    /// are not counted in `unwritten`.
    unwritable: Tally,
    ahead: Ahead,
}

/// The amounts of all lists.
pub(crate) struct Amounts {
    pub(crate) resident: Amount,
    pub(crate) mapped: Amount,
    pub(crate) pinned: Amount,
    /// All that waits to be written, including `unwritable`.
    pub(crate) unwritten: Amount,
    pub(crate) unwritable: Amount,
}

impl<T, B: BackingStoreT> EvictionLists<T, B> {
    pub(crate) fn new(budget: Budget, policy: Policy) -> Self {
        Self {
            lists: Mutex::new(Lists {
                resident: Order::within(budget, policy),
                mapped: Order::of_maps(Policy::Dip),
                pinned: Queue::new(),
                unwritten: Tally::default(),
                unwritable: Tally::default(),
                ahead: Ahead::default(),
            }),
            clocks: Clocks(std::array::from_fn(|_| AtomicU64::new(WHOLE))),
        }
    }

    /// Returns whether an item is in the recent half of its queue.
    #[inline]
    pub(crate) fn is_recent(&self, item: &Item<T, B>) -> bool {
        let now = self.clocks.of(item.position()).load(Ordering::Relaxed);
        now.wrapping_sub(item.last_used()) < WHOLE / 2
    }

    /// The items in memory that stay after their last handle.
    pub(crate) fn staying(&self) -> Vec<Arc<Item<T, B>>> {
        let lists = self.lists.lock();
        let items = lists.resident.iter().chain(lists.mapped.iter());
        let staying = items.chain(lists.pinned.iter()).filter(|item| item.stays());
        staying.cloned().collect()
    }

    /// The number of maps.
    pub(crate) fn mapped(&self) -> usize {
        self.lists.lock().mapped.len()
    }

    /// Removes and returns the item to evict, if the budget is exceeded.
    pub(crate) fn pop_victim(&self) -> Option<Arc<Item<T, B>>> {
        let mut lists = self.lists.lock();
        let item = lists.resident.pop_excess()?;
        self.unlist(&mut lists, &item);
        Some(item)
    }

    /// Whether another item may be loaded ahead of its use, beside so many that are being
    /// loaded.
    pub(crate) fn has_room_ahead(&self, loading: usize) -> bool {
        let lists = self.lists.lock();
        // Together with the loads in flight, which take an eighth of the bytes, the items
        // stay within half of the budget.
        let most_loaded = match lists.resident.has_byte_budget() {
            false => WHOLE / 2,
            true => WHOLE / 8 * 3,
        };
        let (items, loaded) = lists.ahead.amount();
        let loading = loading as u64 + 1;
        let of_one = lists.resident.share_of_cache(Weight::Known(0));
        let share = loaded.saturating_add(of_one.saturating_mul(loading));
        // The share of each item was rounded up.
        let rounded = items as u64 + loading;
        loaded < most_loaded + rounded && share < WHOLE / 2 + rounded
    }

    /// Begins a pass over the maps, in the order in which they are evicted.
    pub(crate) fn begin_pass(&self) -> Pass {
        self.lists.lock().mapped.begin_pass()
    }

    /// Removes and returns the next map of the pass.
    pub(crate) fn pop_mapped(&self, pass: &mut Pass) -> Option<Arc<Item<T, B>>> {
        let mut lists = self.lists.lock();
        let item = lists.mapped.pop_next(pass)?;
        self.unlist(&mut lists, &item);
        Some(item)
    }

    /// Removes and returns the pinned item that was checked least recently.
    pub(crate) fn pop_pinned(&self) -> Option<Arc<Item<T, B>>> {
        let mut lists = self.lists.lock();
        let item = lists.pinned.pop_back()?;
        self.unlist(&mut lists, &item);
        Some(item)
    }

    /// The item was taken out of its list.
    fn unlist(&self, lists: &mut Lists<T, B>, item: &Item<T, B>) {
        lists.ahead.remove(item.address());
        item.set_list(ListId::Unlisted);
        self.make_old(item);
    }

    /// Notes a hit of an item that its order only moves to the front of its queue, as it does
    /// most: without a lock of the item, and without an allocation. Returns false if there
    /// is more to do.
    pub(crate) fn hit_in_place(&self, item: &Item<T, B>) -> bool {
        let mut lists = self.lists.lock();
        let position = item.position();
        if lists.ahead.has(item.address()) {
            return false;
        }
        let order = match position.list() {
            ListId::Mapped => &mut lists.mapped,
            ListId::Resident => &mut lists.resident,
            _ => return false,
        };
        if self.is_recent(item) {
            // Another thread has moved it meanwhile.
            return true;
        }
        let is_moved = order.move_to_front(item);
        if is_moved {
            self.age_by(order, item);
        }
        is_moved
    }

    /// An item in memory was used: puts it into the order of a list. The caller holds the
    /// item's lock.
    pub(crate) fn used(&self, item: &Arc<Item<T, B>>, list: ListId, usage: Usage) {
        let mut lists = self.lists.lock();
        let was_here = item.list() == list;
        if usage == Usage::Hit && was_here && self.is_recent(item) {
            // Another thread has moved it meanwhile, or the caller did not look.
            return;
        }
        let usage = match usage {
            Usage::Hit if lists.ahead.has(item.address()) => Usage::FirstHit,
            Usage::Load if load_room::is_ahead() => Usage::Ahead,
            usage => usage,
        };
        // Dropping this never drops the item: the caller owns it too.
        let entry = lists.take_out(item).unwrap_or_else(|| item.clone());
        let lists = &mut *lists;
        let order = match list {
            ListId::Mapped => &mut lists.mapped,
            ListId::Resident => &mut lists.resident,
            _ => unreachable!("{list:?} is in no order of use"),
        };
        let queue = order.add(entry, usage, was_here);
        item.set_queue(list, queue);
        if usage == Usage::Ahead {
            let share = match list {
                ListId::Mapped => WHOLE.div_ceil(maps::most().max(1) as u64),
                _ => order.share_of_cache(item.weight()),
            };
            lists.ahead.insert(item.address(), share);
            // It is not recent, and does not age others.
            return self.make_old(item);
        }
        self.age_by(order, item);
    }

    /// The item was moved to the front of its queue, so it is recent, and all others there
    /// are older by its share.
    fn age_by(&self, order: &Order<T, B>, item: &Item<T, B>) {
        let position = item.position();
        let share = order.advance(position.queue(), item.weight());
        let clock = self.clocks.of(position);
        let before = clock.fetch_add(share, Ordering::Relaxed);
        item.set_last_used(before.wrapping_add(share));
    }

    /// Moves the item to a list without an order of use. The caller holds the item's lock.
    pub(crate) fn move_to(&self, item: &Arc<Item<T, B>>, list: ListId) {
        let mut lists = self.lists.lock();
        let entry = lists.take_out(item);
        item.set_list(list);
        match list {
            ListId::Unlisted => {}
            ListId::Pinned => {
                let entry = entry.unwrap_or_else(|| item.clone());
                lists.pinned.push_front(entry);
            }
            ListId::Unwritten => lists.unwritten.add(item.weight()),
            ListId::Unwritable => lists.unwritable.add(item.weight()),
            ListId::Resident | ListId::Mapped => unreachable!("{list:?} is in order of use"),
        }
        self.make_old(item);
    }

    /// Changes the weight of the item, which keeps its place in its list. The caller
    /// holds the item's lock.
    pub(crate) fn reweigh(&self, item: &Item<T, B>, weight: Weight) {
        let mut lists = self.lists.lock();
        let before = item.weight();
        match item.list() {
            ListId::Unlisted => {}
            ListId::Resident => lists.resident.reweigh(item, weight),
            ListId::Mapped => lists.mapped.reweigh(item, weight),
            ListId::Pinned => lists.pinned.reweigh(before, weight),
            ListId::Unwritten => lists.unwritten.reweigh(before, weight),
            ListId::Unwritable => lists.unwritable.reweigh(before, weight),
        }
        item.set_weight(weight);
    }

    /// Puts the item outside of the recent half, so that the next hit promotes it.
    fn make_old(&self, item: &Item<T, B>) {
        let now = self.clocks.of(item.position()).load(Ordering::Relaxed);
        item.set_last_used(now.wrapping_sub(WHOLE));
    }

    /// The amounts, in which each item whose weight is only a lower bound counts as
    /// `guess` bytes, or as its lower bound where those are more in total.
    pub(crate) fn amounts(&self, guess: u64) -> Amounts {
        let lists = self.lists.lock();
        Amounts {
            resident: lists.resident.tally().amount(guess),
            mapped: lists.mapped.tally().amount(guess),
            pinned: lists.pinned.tally().amount(guess),
            unwritten: lists.unwritten.and(lists.unwritable).amount(guess),
            unwritable: lists.unwritable.amount(guess),
        }
    }

    /// Checks that every item is in the list and the queue that it names, and that the sums
    /// are right.
    #[cfg(test)]
    pub(crate) fn validate(&self) {
        let lists = self.lists.lock();
        lists.resident.validate(ListId::Resident);
        lists.mapped.validate(ListId::Mapped);
        lists.pinned.validate();
        for item in lists.pinned.iter() {
            assert_eq!(item.list(), ListId::Pinned);
        }
        let in_order = || lists.resident.iter().chain(lists.mapped.iter());
        (lists.ahead).validate(|address| in_order().any(|item| item.address() == address));
    }
}

impl Clocks {
    /// The clock of the queue that an item is in, or was in last.
    #[inline]
    fn of(&self, position: Position) -> &AtomicU64 {
        let queue = position.queue().index() % QueueId::COUNT;
        match position.list() {
            ListId::Mapped => &self.0[QueueId::COUNT + queue],
            _ => &self.0[queue],
        }
    }
}

impl<T, B: BackingStoreT> Lists<T, B> {
    /// Removes the item from its list or count.
    fn take_out(&mut self, item: &Arc<Item<T, B>>) -> Option<Arc<Item<T, B>>> {
        self.ahead.remove(item.address());
        match item.list() {
            ListId::Unlisted => None,
            ListId::Resident => self.resident.remove(item),
            ListId::Mapped => self.mapped.remove(item),
            ListId::Pinned => self.pinned.remove(item),
            ListId::Unwritten => {
                self.unwritten.subtract(item.weight());
                None
            }
            ListId::Unwritable => {
                self.unwritable.subtract(item.weight());
                None
            }
        }
    }
}
