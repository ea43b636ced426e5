//! Evicting items.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::{FBPool, maps};
use crate::Error;
use crate::backing_store::Strategy;
use crate::residency::{Evicted, IfPinned, Item, Released};
use crate::sync::atomic::Ordering;
use crate::sync::point;

/// Where evicted values are dropped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Drops {
    /// On this thread, which may block.
    Here,
    InBackground,
    /// In the background, small ones together, because waking a thread for each takes
    /// longer than most drops.
    Batched,
}

/// Larger values are not kept waiting for others.
const MOST_BATCHED: u64 = 64 * 1024;

/// How many evictions of maps in a row may free nothing.
const MOST_IN_VAIN: usize = 64;

/// How many maps in a row may be pinned.
const MOST_PINNED: usize = 1024;

impl<T: Send + Sync + 'static, B: Strategy<T>> FBPool<T, B> {
    /// Evicts items until the budget is met. Values are written in the background.
    pub(super) fn enforce(self: &Arc<Self>, drops: Drops) {
        if self.core().is_forked() {
            return;
        }
        while let Some(victim) = self.lists.pop_victim() {
            self.evict(&victim, drops);
        }
        // Retries one pinned item, whose guard may have been dropped unseen; see
        // `Item::release`.
        if let Some(item) = self.lists.pop_pinned() {
            self.evict_unpinned(&item, drops);
        }
    }

    /// Evicts an item that was taken out of its list. The item may have been changed
    /// since, so it may have to be written first.
    pub(super) fn evict(self: &Arc<Self>, victim: &Arc<Item<T, B>>, drops: Drops) {
        match victim.evict(IfPinned::Evict, &**self) {
            Evicted::Released(released) => self.drop_evicted(victim, released, drops),
            Evicted::Write => self.queue_write(victim),
            Evicted::No => {}
        }
    }

    /// A reader of the item's value is gone. If it was the last one and the item is
    /// evicting, evicts the value.
    #[inline]
    pub(crate) fn user_gone(self: &Arc<Self>, item: &Arc<Item<T, B>>) {
        if item.is_evicting() {
            self.evict_abandoned(item);
        }
    }

    #[cold]
    fn evict_abandoned(self: &Arc<Self>, item: &Arc<Item<T, B>>) {
        if self.core().is_forked() {
            return;
        }
        self.evict_unpinned(item, Drops::Batched);
    }

    /// Drops a guard's reference to its value. If it is the last reference, because
    /// the item is gone, the value is dropped in the background.
    pub(crate) fn drop_reference(&self, value: Option<Arc<T>>) {
        point();
        if let Some(value) = value
            && Arc::strong_count(&value) == 1
        {
            self.core().queue.drop_later(value);
        }
    }

    fn evict_unpinned(self: &Arc<Self>, item: &Arc<Item<T, B>>, drops: Drops) {
        if let Some(released) = item.evict_unpinned(&**self) {
            self.drop_evicted(item, released, drops);
        }
    }

    /// Evicts maps, on this thread, until the process has `wanted` fewer. Returns how many
    /// fewer it has.
    ///
    /// It looks at each map at most once. One that a guard pins stays, as evicting it would
    /// free nothing. Nor does a map that the program has otherwise, such as by a `Bytes` made
    /// from it, but that cannot be seen beforehand. After many in a row of either kind it gives
    /// up. Those that are pinned are then in front, so that the next call sees others.
    pub(super) fn release_maps(self: &Arc<Self>, wanted: usize) -> usize {
        let mut pass = self.lists.begin_pass();
        let (mut freed, mut in_vain, mut pinned) = (0, 0, 0);
        while freed < wanted && in_vain < MOST_IN_VAIN && pinned < MOST_PINNED {
            let Some(item) = self.lists.pop_mapped(&mut pass) else {
                break;
            };
            let before = maps::freed_by_this_thread();
            match item.evict(IfPinned::Keep, &**self) {
                Evicted::Released(released) => self.drop_evicted(&item, released, Drops::Here),
                Evicted::Write => self.queue_write(&item),
                Evicted::No => {
                    pinned += 1;
                    continue;
                }
            }
            match maps::freed_by_this_thread().wrapping_sub(before) {
                0 => in_vain += 1,
                count => {
                    freed += count;
                    (in_vain, pinned) = (0, 0);
                }
            }
        }
        freed
    }

    /// The number of maps that may be evicted.
    pub(super) fn kept_maps(&self) -> usize {
        self.lists.mapped()
    }

    pub(super) fn drop_evicted(&self, item: &Item<T, B>, mut released: Released<T>, drops: Drops) {
        tracing::debug!(key = %item.key().simple(), "evicted a value");
        self.counters.evictions.fetch_add(1, Ordering::Relaxed);
        if drops == Drops::Batched
            && let Some(value) = released.value.take()
        {
            self.drop_batched(value, item.weight().bytes());
        }
        self.drop_released(released, drops);
    }

    /// Drops a value of so many bytes in the background, if it is small together with others.
    fn drop_batched(&self, value: Arc<T>, bytes: u64) {
        if !std::mem::needs_drop::<T>() {
            drop(value);
        } else if bytes <= MOST_BATCHED {
            self.core().queue.drop_batched(value, bytes);
        } else {
            self.core().queue.drop_later(value);
        }
    }

    pub(super) fn drop_released(&self, released: Released<T>, drops: Drops) {
        match (released.value, drops) {
            (Some(value), Drops::Here) => drop_quietly(value),
            (Some(value), Drops::InBackground | Drops::Batched) => {
                self.core().queue.drop_later(value);
            }
            (None, _) => {}
        }
        if let Some(file) = released.file {
            self.core().release(file);
        }
    }
}

/// Drops a value, and catches a panic of its drop, which would hit an unrelated
/// caller.
fn drop_quietly<T>(value: Arc<T>) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        tracing::error!(error = %Error::panicked(&*panic), "dropping a value panicked");
    }
}
