//! The entries of a weak map.

use std::borrow::Borrow;
use std::hash::Hash;
use std::sync::Arc;

use crate::Fb;
use crate::backing_store::BackingStoreT;
use crate::handle::WeakFb;
use crate::hash::HashMap;
use crate::residency::Item;

/// How many entries there may be, in addition to those that a sweep leaves.
pub(super) const SLACK: usize = 16;

/// Weak references to items by key. Those whose items have ended or were changed are swept
/// when the number has doubled since the last sweep, so that an insert looks at two entries
/// on average.
pub(super) struct Entries<K, T, B: BackingStoreT> {
    items: HashMap<K, WeakFb<T, B>>,
    /// The number of entries at which the next sweep is due.
    sweep_at: usize,
}

/// References to the items that a sweep has looked at. One may be the last of its item, so
/// they are dropped when no lock is held.
#[must_use = "drop it once the lock is released"]
pub(super) struct Probed<T, B: BackingStoreT>(
    #[expect(dead_code, reason = "it is only dropped")] Vec<Arc<Item<T, B>>>,
);

impl<K: Eq + Hash, T, B: BackingStoreT> Entries<K, T, B> {
    pub(super) fn new() -> Self {
        Self {
            items: HashMap::default(),
            sweep_at: SLACK,
        }
    }

    pub(super) fn get<Q>(&self, key: &Q) -> Option<WeakFb<T, B>>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.items.get(key).cloned()
    }

    /// Puts an item under a key, in place of any other.
    pub(super) fn put(&mut self, key: K, item: &Fb<T, B>) -> Probed<T, B> {
        let probed = match self.items.len() < self.sweep_at {
            true => Probed(Vec::new()),
            false => self.sweep(),
        };
        self.items.insert(key, item.downgrade());
        probed
    }

    pub(super) fn remove<Q>(&mut self, key: &Q) -> Option<WeakFb<T, B>>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.items.remove(key)
    }

    /// Removes the entries whose items are not found any more.
    pub(super) fn sweep(&mut self) -> Probed<T, B> {
        let mut probed = Vec::with_capacity(self.items.len());
        (self.items).retain(|_, item| item.is_unchanged(&mut probed));
        self.sweep_at = 2 * self.items.len() + SLACK;
        self.items.shrink_to(self.sweep_at);
        Probed(probed)
    }

    /// The number of entries, those that are not swept yet included.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }
}
