//! Which items stay resident: the order of their use.
//!
//! The specified order is a segmented LRU: a hit in the recent half of the
//! cache moves nothing. Which half an item is in is told, approximately, by a
//! clock and without a lock: each item that comes to the front moves the clock
//! by its share of the cache and keeps the time; an item is in the recent half
//! as long as the clock has moved by less than half a cache since. Removals are
//! not seen, so the recent half may appear smaller than it is; that costs an
//! early move to the front and nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lru::LruCache;
use parking_lot::Mutex;

use crate::backing_store::BackingStoreT;
use crate::residency::{Item, Place, Residents};

/// The clock's distance for one whole cache.
const WHOLE: u64 = 1 << 32;

pub(crate) struct Order<T, B: BackingStoreT> {
    lists: Mutex<Lists<T, B>>,
    clock: AtomicU64,
    /// The item budget.
    most_items: usize,
    /// How far one item moves the clock.
    step: u64,
}

type List<T, B> = LruCache<usize, Arc<Item<T, B>>>;

/// Each item is in the list that its `place` names, and in no other.
struct Lists<T, B: BackingStoreT> {
    order: List<T, B>,
    kept: List<T, B>,
    overdue: List<T, B>,
}

/// How many items are in which list.
pub(crate) struct Lengths {
    pub(crate) order: usize,
    pub(crate) kept: usize,
    pub(crate) overdue: usize,
}

impl<T, B: BackingStoreT> Order<T, B> {
    pub(crate) fn new(most_items: usize) -> Self {
        Self {
            lists: Mutex::new(Lists {
                order: LruCache::unbounded(),
                kept: LruCache::unbounded(),
                overdue: LruCache::unbounded(),
            }),
            clock: AtomicU64::new(WHOLE),
            most_items,
            step: WHOLE.div_ceil(most_items.max(1) as u64).max(1),
        }
    }

    /// Whether an item with this stamp is in the recent half.
    #[inline]
    pub(crate) fn is_recent(&self, stamp: u64) -> bool {
        let age = self.clock.load(Ordering::Relaxed).wrapping_sub(stamp);
        age < WHOLE / 2
    }

    /// The item to let go of, if there are more than the budget allows.
    pub(crate) fn pop_victim(&self) -> Option<Arc<Item<T, B>>> {
        let mut lists = self.lists.lock();
        if lists.order.len() <= self.most_items {
            return None;
        }
        Self::pop(&mut lists.order, &self.clock)
    }

    /// The least recent of the kept items.
    pub(crate) fn pop_kept(&self) -> Option<Arc<Item<T, B>>> {
        Self::pop(&mut self.lists.lock().kept, &self.clock)
    }

    /// The overdue item that was looked at least recently.
    pub(crate) fn pop_overdue(&self) -> Option<Arc<Item<T, B>>> {
        Self::pop(&mut self.lists.lock().overdue, &self.clock)
    }

    pub(crate) fn lengths(&self) -> Lengths {
        let lists = self.lists.lock();
        Lengths {
            order: lists.order.len(),
            kept: lists.kept.len(),
            overdue: lists.overdue.len(),
        }
    }

    fn pop(list: &mut List<T, B>, clock: &AtomicU64) -> Option<Arc<Item<T, B>>> {
        let (_, item) = list.pop_lru()?;
        item.set_place(Place::Nowhere);
        make_old(&item, clock);
        Some(item)
    }

    /// Checks that every item stands in the list that it names.
    #[cfg(test)]
    pub(crate) fn validate(&self) {
        let lists = self.lists.lock();
        let all = [
            (&lists.order, Place::Order),
            (&lists.kept, Place::Kept),
            (&lists.overdue, Place::Overdue),
        ];
        for (list, place) in all {
            for (address, item) in list {
                assert_eq!(*address, address_of(item));
                assert_eq!(item.place(), place);
            }
        }
    }
}

impl<T, B: BackingStoreT> Residents<T, B> for Order<T, B> {
    fn place(&self, item: &Arc<Item<T, B>>, place: Place) {
        let address = address_of(item);
        let mut lists = self.lists.lock();
        let before = item.place();
        let entry = if before == Place::Nowhere {
            None
        } else {
            lists.list(before).and_then(|list| list.pop(&address))
        };
        item.set_place(place);
        if let Some(list) = lists.list(place) {
            // Never the last owner: the caller has the item too.
            list.put(address, entry.unwrap_or_else(|| item.clone()));
        }
        if place == Place::Order {
            let now = self.clock.fetch_add(self.step, Ordering::Relaxed) + self.step;
            item.set_stamp(now);
        } else {
            make_old(item, &self.clock);
        }
    }
}

impl<T, B: BackingStoreT> Lists<T, B> {
    fn list(&mut self, place: Place) -> Option<&mut List<T, B>> {
        match place {
            Place::Nowhere => None,
            Place::Order => Some(&mut self.order),
            Place::Kept => Some(&mut self.kept),
            Place::Overdue => Some(&mut self.overdue),
        }
    }
}

/// The next hit finds the item out of the recent half, and brings it back.
fn make_old<T, B: BackingStoreT>(item: &Item<T, B>, clock: &AtomicU64) {
    item.set_stamp(clock.load(Ordering::Relaxed).wrapping_sub(WHOLE));
}

fn address_of<T, B: BackingStoreT>(item: &Arc<Item<T, B>>) -> usize {
    Arc::as_ptr(item) as usize
}
