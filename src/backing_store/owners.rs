//! The pools of a store, as the owners of files.

use std::sync::{Arc, Weak};

use uuid::Uuid;

use super::keys::PlaceId;
#[cfg(feature = "dataset")]
use super::sources::{Handover, SourceId};
use super::{BackingStoreT, FileShare};
use crate::Result;
use crate::sync::Mutex;

/// Brings a file into the cache from a path, and returns a share of it.
pub(crate) type Bring<'a, B> =
    &'a dyn Fn(&<B as BackingStoreT>::PersistPath) -> Result<FileShare<B>>;

/// The items of one pool that others can find.
pub(crate) trait OwnsFiles<B: BackingStoreT>: Send + Sync {
    /// A share of the cache's file of `key`, if an item of the pool owns one.
    fn share_of(&self, key: Uuid) -> Option<FileShare<B>>;

    /// The file of the key at this place is gone or is another one.
    fn forget_place(&self, place: PlaceId, key: Uuid);

    /// The file of the key at this place is about to be deleted. Items that have handles and
    /// are loaded from there get a share of the file in the cache, which `bring` brings
    /// there. Others end.
    fn keep_items(&self, place: PlaceId, key: Uuid, bring: Bring<'_, B>) -> Result<()>;

    /// The current commit of the dataset has none of these keys any more.
    #[cfg(feature = "dataset")]
    fn leave_commit(&self, source: SourceId, keys: &[Uuid]);

    /// A source was closed. Items without a handle move or end.
    #[cfg(feature = "dataset")]
    fn hand_over(&self, handover: &Handover);
}

/// The pools of a store that have items which others can find.
pub(crate) struct Owners<B: BackingStoreT>(Mutex<Vec<Weak<dyn OwnsFiles<B>>>>);

impl<B: BackingStoreT> Owners<B> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// Adds a pool. It stays while the caller keeps it alive.
    pub(crate) fn enter(&self, pool: &Arc<dyn OwnsFiles<B>>) {
        let mut pools = self.0.lock();
        pools.retain(|pool| pool.strong_count() > 0);
        pools.push(Arc::downgrade(pool));
    }

    /// A share of the cache's file of `key`, if an item of any pool owns one.
    pub(super) fn share_of(&self, key: Uuid) -> Option<FileShare<B>> {
        self.all().find_map(|pool| pool.share_of(key))
    }

    pub(super) fn forget_place(&self, place: PlaceId, key: Uuid) {
        self.all().for_each(|pool| pool.forget_place(place, key));
    }

    pub(super) fn keep_items(&self, place: PlaceId, key: Uuid, bring: Bring<'_, B>) -> Result<()> {
        (self.all()).try_for_each(|pool| pool.keep_items(place, key, bring))
    }

    #[cfg(feature = "dataset")]
    pub(super) fn leave_commit(&self, source: SourceId, keys: &[Uuid]) {
        self.all().for_each(|pool| pool.leave_commit(source, keys));
    }

    #[cfg(feature = "dataset")]
    pub(super) fn hand_over(&self, handover: &Handover) {
        self.all().for_each(|pool| pool.hand_over(handover));
    }

    fn all(&self) -> impl Iterator<Item = Arc<dyn OwnsFiles<B>>> {
        let pools = self.0.lock().clone();
        pools.into_iter().filter_map(|pool| pool.upgrade())
    }
}
