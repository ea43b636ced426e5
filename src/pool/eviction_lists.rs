//! Which items stay resident: the order of their use, and the budgets.
//!
//! The specified order is a segmented LRU: a hit in the recent half of the
//! cache moves nothing. Which half an item is in is told, approximately, by a
//! clock and without a lock: each item that comes to the front moves the clock
//! by its share of the cache and keeps the time; an item is in the recent half
//! as long as the clock has moved by less than half a cache since. Removals are
//! not seen, so the recent half may appear smaller than it is; that costs an
//! early move to the front and nothing else. An item's share is that of the
//! budget that it takes more of, items or bytes.
//!
//! Values that are maps cost no memory, so they have an order and a clock of
//! their own, in which the process's map budget is the whole.

use std::sync::Arc;

use lru::LruCache;

use super::maps;
use crate::backing_store::BackingStoreT;
use crate::residency::{Item, ListId};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering};

/// A clock's distance for one whole cache.
const WHOLE: u64 = 1 << 32;

/// How much a pool keeps in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    pub(crate) items: usize,
    pub(crate) bytes: u64,
}

pub(crate) struct EvictionLists<T, B: BackingStoreT> {
    lists: Mutex<Lists<T, B>>,
    clock: AtomicU64,
    /// That of the values that are maps.
    map_clock: AtomicU64,
    budget: Budget,
}

/// Each item is in the list that its [`ListId`] names, and in no other.
struct Lists<T, B: BackingStoreT> {
    resident: List<T, B>,
    mapped: List<T, B>,
    pinned: List<T, B>,
    /// Items that no list has: the store's queue has a job for each.
    unwritten: Amount,
    /// Those that failed by their own fault the last time.
    unwritable: Amount,
}

/// Items in the order of use, by their addresses, and what they weigh.
struct List<T, B: BackingStoreT> {
    items: LruCache<usize, Arc<Item<T, B>>>,
    bytes: u64,
}

/// How many items, and what they weigh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) items: usize,
    pub(crate) bytes: u64,
}

/// How much is where.
pub(crate) struct Amounts {
    pub(crate) resident: Amount,
    pub(crate) mapped: Amount,
    pub(crate) pinned: Amount,
    /// Waits to be written, whether it was refused before or not.
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
                unwritten: Amount::default(),
                unwritable: Amount::default(),
            }),
            clock: AtomicU64::new(WHOLE),
            map_clock: AtomicU64::new(WHOLE),
            budget,
        }
    }

    /// Whether an item is in the recent half.
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

    /// The item to let go of, if there is more than the budget allows.
    pub(crate) fn pop_victim(&self) -> Option<Arc<Item<T, B>>> {
        let mut lists = self.lists.lock();
        let resident = &lists.resident;
        if resident.items.len() <= self.budget.items && resident.bytes <= self.budget.bytes {
            return None;
        }
        self.pop(&mut lists.resident)
    }

    /// The least recent of the values that are maps.
    pub(crate) fn pop_mapped(&self) -> Option<Arc<Item<T, B>>> {
        self.pop(&mut self.lists.lock().mapped)
    }

    /// The overdue item that was looked at least recently.
    pub(crate) fn pop_pinned(&self) -> Option<Arc<Item<T, B>>> {
        self.pop(&mut self.lists.lock().pinned)
    }

    fn pop(&self, list: &mut List<T, B>) -> Option<Arc<Item<T, B>>> {
        let item = list.pop()?;
        item.set_list(ListId::Unlisted);
        self.make_old(&item);
        Some(item)
    }

    /// Puts the item to the front of a list and out of any other. Under the
    /// item's lock.
    pub(crate) fn move_to(&self, item: &Arc<Item<T, B>>, list: ListId) {
        let mut lists = self.lists.lock();
        let entry = lists.take_out(item);
        item.set_list(list);
        // Never the last owner: the caller has the item too.
        let entry = entry.unwrap_or_else(|| item.clone());
        match list {
            ListId::Unlisted => {}
            ListId::Resident => {
                let is_too_heavy = item.weight() > self.budget.bytes;
                lists.resident.push(entry, is_too_heavy);
                self.make_recent(item, &self.clock, self.share_of(item.weight()));
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

    /// How far an item of this weight moves the clock.
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

    /// The next hit finds the item out of the recent half, and brings it back.
    fn make_old(&self, item: &Item<T, B>) {
        let now = self.clock.load(Ordering::Relaxed);
        item.set_last_used(now.wrapping_sub(WHOLE));
    }

    pub(crate) fn amounts(&self) -> Amounts {
        let lists = self.lists.lock();
        Amounts {
            resident: lists.resident.amount(),
            mapped: lists.mapped.amount(),
            pinned: lists.pinned.amount(),
            unwritten: lists.unwritten.and(lists.unwritable),
            unwritable: lists.unwritable,
        }
    }

    /// Checks that every item stands in the list that it names, and that the
    /// sums are right.
    #[cfg(test)]
    pub(crate) fn validate(&self) {
        let lists = self.lists.lock();
        let all = [
            (&lists.resident, ListId::Resident),
            (&lists.mapped, ListId::Mapped),
            (&lists.pinned, ListId::Pinned),
        ];
        for (list, id) in all {
            let mut bytes = 0;
            for (address, item) in &list.items {
                assert_eq!(*address, item.address());
                assert_eq!(item.list(), id);
                bytes += item.weight();
            }
            assert_eq!(list.bytes, bytes);
        }
    }
}

impl<T, B: BackingStoreT> Lists<T, B> {
    /// Takes the item out of wherever it is.
    fn take_out(&mut self, item: &Arc<Item<T, B>>) -> Option<Arc<Item<T, B>>> {
        match item.list() {
            ListId::Unlisted => None,
            ListId::Resident => self.resident.remove(item),
            ListId::Mapped => self.mapped.remove(item),
            ListId::Pinned => self.pinned.remove(item),
            ListId::Unwritten => self.unwritten.subtract(item.weight()),
            ListId::Unwritable => self.unwritable.subtract(item.weight()),
        }
    }
}

impl<T, B: BackingStoreT> List<T, B> {
    fn new() -> Self {
        Self {
            items: LruCache::unbounded(),
            bytes: 0,
        }
    }

    /// Puts an item to the front; to the other end if it goes first anyway.
    fn push(&mut self, item: Arc<Item<T, B>>, goes_first: bool) {
        let address = item.address();
        self.bytes += item.weight();
        self.items.put(address, item);
        if goes_first {
            self.items.demote(&address);
        }
    }

    fn pop(&mut self) -> Option<Arc<Item<T, B>>> {
        let (_, item) = self.items.pop_lru()?;
        self.bytes -= item.weight();
        Some(item)
    }

    fn remove(&mut self, item: &Arc<Item<T, B>>) -> Option<Arc<Item<T, B>>> {
        let item = self.items.pop(&item.address())?;
        self.bytes -= item.weight();
        Some(item)
    }

    fn amount(&self) -> Amount {
        Amount {
            items: self.items.len(),
            bytes: self.bytes,
        }
    }
}

impl Amount {
    fn add(&mut self, weight: u64) {
        self.items += 1;
        self.bytes += weight;
    }

    fn subtract<I>(&mut self, weight: u64) -> Option<I> {
        self.items -= 1;
        self.bytes -= weight;
        None
    }

    fn and(self, other: Self) -> Self {
        Self {
            items: self.items + other.items,
            bytes: self.bytes + other.bytes,
        }
    }
}

/// How far a map moves the clock of the maps: so that three quarters of the
/// budget are the recent half. Nothing has to be let go of before seven eighths
/// are in use, so as long as there are fewer, no hit moves anything.
fn share_of_a_map() -> u64 {
    (WHOLE / 3 * 2).div_ceil(maps::most().max(1) as u64)
}
