//! The eviction policy: the order in which items were used, and the budgets.
//!
//! The specified order is a segmented LRU: a hit in the recent half of the cache
//! moves nothing. A clock tells, approximately and without a lock, which half an
//! item is in. Each item that moves to the front advances the clock by its share
//! of the cache and records the time. The item is in the recent half until the
//! clock has advanced by another half cache. An item's share is its share of the
//! items budget or of the bytes budget, whichever is larger. The clock does not
//! account for removals, so the recent half may appear smaller than it is; the
//! only cost is an early move to the front.
//!
//! Values that are maps use no memory of the process, so they have their own list
//! and clock, for which the process's map budget is the whole cache.

use std::sync::Arc;

use lru::LruCache;

use super::ahead::Ahead;
use super::maps;
use crate::backing_store::BackingStoreT;
use crate::residency::{Item, ListId, Weight};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering};

/// How far a whole cache advances a clock.
const WHOLE: u64 = 1 << 32;

/// The limits on what a pool keeps in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    pub(crate) items: usize,
    pub(crate) bytes: u64,
}

pub(crate) struct EvictionLists<T, B: BackingStoreT> {
    lists: Mutex<Lists<T, B>>,
    clock: AtomicU64,
    /// The clock of the values that are maps.
    map_clock: AtomicU64,
    budget: Budget,
}

/// Each item is in the list that its [`ListId`] names, and in no other.
struct Lists<T, B: BackingStoreT> {
    resident: List<T, B>,
    mapped: List<T, B>,
    pinned: List<T, B>,
    /// Items in no list, because the store's queue has a job for each of them.
    unwritten: Tally,
    /// Of such items, those whose last write failed by the value's own fault; they
    /// are not counted in `unwritten`.
    unwritable: Tally,
    ahead: Ahead,
}

/// Items in the order of use, by address, and their total weight.
struct List<T, B: BackingStoreT> {
    items: LruCache<usize, Arc<Item<T, B>>>,
    tally: Tally,
}

/// What some items weigh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    known: Amount,
    /// The items whose weight is only a lower bound.
    at_least: Amount,
}

/// A number of items, and their total weight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) items: usize,
    pub(crate) bytes: u64,
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
    pub(crate) fn new(budget: Budget) -> Self {
        Self {
            lists: Mutex::new(Lists {
                resident: List::new(),
                mapped: List::new(),
                pinned: List::new(),
                unwritten: Tally::default(),
                unwritable: Tally::default(),
                ahead: Ahead::default(),
            }),
            clock: AtomicU64::new(WHOLE),
            map_clock: AtomicU64::new(WHOLE),
            budget,
        }
    }

    /// Returns whether an item is in the recent half.
    #[inline]
    pub(crate) fn is_recent(&self, item: &Item<T, B>) -> bool {
        let age = self
            .clock_of(item.list())
            .load(Ordering::Relaxed)
            .wrapping_sub(item.last_used());
        age < WHOLE / 2
    }

    #[inline]
    fn clock_of(&self, list: ListId) -> &AtomicU64 {
        match list {
            ListId::Mapped => &self.map_clock,
            _ => &self.clock,
        }
    }

    /// The items in memory that stay after their last handle.
    pub(crate) fn staying(&self) -> Vec<Arc<Item<T, B>>> {
        let lists = self.lists.lock();
        let all = [&lists.resident, &lists.mapped, &lists.pinned];
        let items = all.iter().flat_map(|list| list.items.iter());
        let staying = items.filter(|(_, item)| item.stays());
        staying.map(|(_, item)| item.clone()).collect()
    }

    /// Removes and returns the item to evict, if the budget is exceeded.
    pub(crate) fn pop_victim(&self) -> Option<Arc<Item<T, B>>> {
        let mut lists = self.lists.lock();
        let resident = &lists.resident;
        if resident.items.len() <= self.budget.items && resident.tally.bytes() <= self.budget.bytes
        {
            return None;
        }
        let lists = &mut *lists;
        let victim = self.pop(&mut lists.resident);
        if let Some(item) = &victim {
            lists.ahead.remove(item.address());
        }
        victim
    }

    /// Whether another item may be loaded ahead of its use, beside so many that are being
    /// loaded.
    pub(crate) fn has_room_ahead(&self, loading: usize) -> bool {
        // Together with the loads in flight, which take an eighth of the bytes, the items
        // stay within half of the budget.
        let most_loaded = match self.budget.bytes {
            u64::MAX => WHOLE / 2,
            _ => WHOLE / 8 * 3,
        };
        let (items, loaded) = self.lists.lock().ahead.amount();
        let loading = loading as u64 + 1;
        let share = loaded.saturating_add(self.share_of(0).saturating_mul(loading));
        // The share of each item was rounded up.
        let rounded = items as u64 + loading;
        loaded < most_loaded + rounded && share < WHOLE / 2 + rounded
    }

    /// An item was loaded ahead of its use: it is not recent, and does not age others. The
    /// first hit moves it to the front.
    pub(crate) fn set_ahead(&self, item: &Item<T, B>) {
        let mut lists = self.lists.lock();
        let share = match item.list() {
            ListId::Resident => {
                let share = self.share_of(item.weight().bytes());
                self.clock.fetch_sub(share, Ordering::Relaxed);
                share
            }
            ListId::Mapped => WHOLE.div_ceil(maps::most().max(1) as u64),
            _ => return,
        };
        lists.ahead.insert(item.address(), share);
        self.make_old(item);
    }

    /// Removes and returns the least recently used map.
    pub(crate) fn pop_mapped(&self) -> Option<Arc<Item<T, B>>> {
        let lists = &mut *self.lists.lock();
        let item = self.pop(&mut lists.mapped)?;
        lists.ahead.remove(item.address());
        Some(item)
    }

    /// Removes and returns the pinned item that was checked least recently.
    pub(crate) fn pop_pinned(&self) -> Option<Arc<Item<T, B>>> {
        self.pop(&mut self.lists.lock().pinned)
    }

    fn pop(&self, list: &mut List<T, B>) -> Option<Arc<Item<T, B>>> {
        let item = list.pop()?;
        item.set_list(ListId::Unlisted);
        self.make_old(&item);
        Some(item)
    }

    /// Moves the item to the front of a list. The caller holds the item's lock.
    pub(crate) fn move_to(&self, item: &Arc<Item<T, B>>, list: ListId) {
        let mut lists = self.lists.lock();
        let entry = lists.take_out(item);
        item.set_list(list);
        // Dropping this never drops the item: the caller owns it too.
        let entry = entry.unwrap_or_else(|| item.clone());
        match list {
            ListId::Unlisted => {}
            ListId::Resident => {
                let weight = item.weight().bytes();
                let is_too_heavy = weight > self.budget.bytes;
                lists.resident.push(entry, is_too_heavy);
                self.make_recent(item, &self.clock, self.share_of(weight));
                return;
            }
            ListId::Mapped => {
                lists.mapped.push(entry, false);
                self.make_recent(item, &self.map_clock, share_of_a_map());
                return;
            }
            ListId::Pinned => lists.pinned.push(entry, false),
            ListId::Unwritten => lists.unwritten.add(item.weight()),
            ListId::Unwritable => lists.unwritable.add(item.weight()),
        }
        self.make_old(item);
    }

    /// Changes the weight of the item, which keeps its place in its list. The caller
    /// holds the item's lock.
    pub(crate) fn reweigh(&self, item: &Item<T, B>, weight: Weight) {
        let mut lists = self.lists.lock();
        if let Some(tally) = lists.tally_of(item.list()) {
            tally.subtract(item.weight());
            tally.add(weight);
        }
        item.set_weight(weight);
    }

    /// How far an item of this weight advances the clock.
    fn share_of(&self, weight: u64) -> u64 {
        let by_items = WHOLE.div_ceil(self.budget.items.max(1) as u64);
        let most = u128::from(self.budget.bytes.max(1));
        let by_bytes = u128::from(weight).min(most) * u128::from(WHOLE) / most;
        by_items.max(u64::try_from(by_bytes).unwrap_or(WHOLE))
    }

    fn make_recent(&self, item: &Item<T, B>, clock: &AtomicU64, share: u64) {
        let before = clock.fetch_add(share, Ordering::Relaxed);
        item.set_last_used(before.wrapping_add(share));
    }

    /// Puts the item outside of the recent half, so that the next hit promotes it.
    fn make_old(&self, item: &Item<T, B>) {
        let now = self.clock.load(Ordering::Relaxed);
        item.set_last_used(now.wrapping_sub(WHOLE));
    }

    /// The amounts, in which each item whose weight is only a lower bound counts as
    /// `guess` bytes, or as its lower bound where those are more in total.
    pub(crate) fn amounts(&self, guess: u64) -> Amounts {
        let lists = self.lists.lock();
        Amounts {
            resident: lists.resident.tally.amount(guess),
            mapped: lists.mapped.tally.amount(guess),
            pinned: lists.pinned.tally.amount(guess),
            unwritten: lists.unwritten.and(lists.unwritable).amount(guess),
            unwritable: lists.unwritable.amount(guess),
        }
    }

    /// Checks that every item is in the list that it names, and that the sums are
    /// right.
    #[cfg(test)]
    pub(crate) fn validate(&self) {
        let lists = self.lists.lock();
        let all = [
            (&lists.resident, ListId::Resident),
            (&lists.mapped, ListId::Mapped),
            (&lists.pinned, ListId::Pinned),
        ];
        for (list, id) in all {
            let mut tally = Tally::default();
            for (address, item) in &list.items {
                assert_eq!(*address, item.address());
                assert_eq!(item.list(), id);
                tally.add(item.weight());
            }
            assert_eq!(list.tally, tally);
        }
        let listed = |address| all.iter().any(|(list, _)| list.items.contains(&address));
        lists.ahead.validate(listed);
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

    fn tally_of(&mut self, list: ListId) -> Option<&mut Tally> {
        match list {
            ListId::Unlisted => None,
            ListId::Resident => Some(&mut self.resident.tally),
            ListId::Mapped => Some(&mut self.mapped.tally),
            ListId::Pinned => Some(&mut self.pinned.tally),
            ListId::Unwritten => Some(&mut self.unwritten),
            ListId::Unwritable => Some(&mut self.unwritable),
        }
    }
}

impl<T, B: BackingStoreT> List<T, B> {
    fn new() -> Self {
        Self {
            items: LruCache::unbounded(),
            tally: Tally::default(),
        }
    }

    /// Adds an item at the front, or at the back if it is to be evicted first.
    fn push(&mut self, item: Arc<Item<T, B>>, goes_first: bool) {
        let address = item.address();
        self.tally.add(item.weight());
        self.items.put(address, item);
        if goes_first {
            self.items.demote(&address);
        }
    }

    fn pop(&mut self) -> Option<Arc<Item<T, B>>> {
        let (_, item) = self.items.pop_lru()?;
        self.tally.subtract(item.weight());
        Some(item)
    }

    fn remove(&mut self, item: &Arc<Item<T, B>>) -> Option<Arc<Item<T, B>>> {
        let item = self.items.pop(&item.address())?;
        self.tally.subtract(item.weight());
        Some(item)
    }
}

impl Tally {
    fn add(&mut self, weight: Weight) {
        let amount = self.of(weight);
        amount.items += 1;
        amount.bytes += weight.bytes();
    }

    fn subtract(&mut self, weight: Weight) {
        let amount = self.of(weight);
        amount.items -= 1;
        amount.bytes -= weight.bytes();
    }

    fn of(&mut self, weight: Weight) -> &mut Amount {
        match weight {
            Weight::Known(_) => &mut self.known,
            Weight::AtLeast(_) => &mut self.at_least,
        }
    }

    /// The known bytes.
    fn bytes(&self) -> u64 {
        self.known.bytes + self.at_least.bytes
    }

    fn amount(&self, guess: u64) -> Amount {
        let guessed = guess.saturating_mul(self.at_least.items as u64);
        self.known.and(Amount {
            items: self.at_least.items,
            bytes: self.at_least.bytes.max(guessed),
        })
    }

    fn and(self, other: Self) -> Self {
        Self {
            known: self.known.and(other.known),
            at_least: self.at_least.and(other.at_least),
        }
    }
}

impl Amount {
    fn and(self, other: Self) -> Self {
        Self {
            items: self.items + other.items,
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }
}

/// How far a map advances the clock of the maps: such that three quarters of the
/// map budget form the recent half. As long as there are fewer maps, no hit moves
/// anything, and none is evicted before seven eighths of the budget are used.
fn share_of_a_map() -> u64 {
    (WHOLE / 3 * 2).div_ceil(maps::most().max(1) as u64)
}
