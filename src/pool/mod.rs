//! The pool: which items stay resident, and loading, writing and evicting them.

mod ahead;
mod archiving;
mod backlog;
mod batches;
mod builder;
mod checkout;
mod counters;
mod eviction;
mod eviction_lists;
mod index;
mod inline;
mod loading;
mod maps;
mod open;
mod order;
mod permit;
mod policy;
mod prefetch;
mod saving;
mod stats;
mod tally;
#[cfg(test)]
mod tests;
mod weighing;
mod writing;

use std::fmt;
use std::sync::{Arc, OnceLock};

use uuid::Uuid;

pub use builder::PoolBuilder;
pub(crate) use checkout::{Checkout, Duplicate};
pub use permit::Permit;
pub use policy::Policy;
pub use prefetch::Prefetched;
pub use stats::Stats;

use crate::backing_store::{
    BackingStore, BackingStoreT, FileShare, Location, OwnsFiles, StoreCore, Strategy, TrackedPath,
    load_room::LoadRoom,
};
use crate::error::Operation;
use crate::residency::{
    InFlight, Item, ItemCounts, ListId, PoolParts, Remaining, Usage, Weight, Written,
};
use crate::sync::atomic::Ordering;
use crate::{Fb, Result};
use backlog::{Backlog, Bound};
use counters::Counters;
use eviction::Drops;
use eviction_lists::EvictionLists;
use index::Index;
use inline::InlineLoads;
use order::Budget;
use weighing::{Weigher, Weighing};

/// Keeps recently used items in memory and all others in files.
///
/// | to | call |
/// |---|---|
/// | make a pool | [`open`](Self::open), [`temp`](Self::temp); on a shared store, [`new`](Self::new) or [`builder`](Self::builder) |
/// | insert a value | [`insert`](Self::insert); if values may come faster than the disk writes, [`reserve`](Self::reserve) first |
/// | insert an archive or a file | [`insert_archived`](Self::insert_archived), [`adopt`](Self::adopt) |
/// | get a persisted item | [`register`](Self::register) |
/// | persist or get many | [`persist_many`](Self::persist_many), [`register_many`](Self::register_many) |
/// | bring values in ahead of their use | [`prefetch`](Self::prefetch) |
/// | read its counts | [`stats`](Self::stats), [`size`](Self::size) |
///
/// ```
/// # #[cfg(feature = "bincodec")]
/// # #[tokio::main]
/// # async fn main() -> file_backed::Result<()> {
/// use std::sync::Arc;
/// use file_backed::FBPool;
/// use file_backed::fbstore::BinCodec;
///
/// # let dir = tempfile::tempdir().expect("a temporary directory");
/// # let path = dir.path().join("cache");
/// let pool: Arc<FBPool<String, _>> = FBPool::open(BinCodec, path, 2).await?;
/// let items: Vec<_> = (0..5).map(|n| pool.insert(format!("item {n}"))).collect();
/// pool.store().finished().await; // evicted values are now in their files
///
/// let stats = pool.stats();
/// assert_eq!((stats.items, stats.resident, stats.writes), (5, 2, 3));
/// assert_eq!(*items[0].read().await?, "item 0");
/// assert_eq!(pool.stats().misses, 1);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "bincodec"))]
/// # fn main() {}
/// ```
///
/// # What stays
///
/// The pool keeps `mem_size` items, or as many bytes as the
/// [builder](Self::builder) sets. It evicts in the order of a segmented LRU, in
/// which a hit on an item in the recent half moves nothing and so takes no lock, or by
/// another [`Policy`]. If an evicted value has no file yet, it is first written in the
/// background. It stays readable meanwhile, and a hit promotes it. A value that a guard pins
/// stays in memory, beyond the budget, until the guard is dropped.
///
/// A value that is a map of its file ([`Footprint::is_mapped`]) uses no memory
/// of the process. It does not count against the budget, and stays loadable as a
/// hit while the process has
/// [maps to spare](crate::guide::zero_copy#the-map-budget). Which maps are kept when it has
/// not is up to [`Policy::Dip`], whatever the policy of the pool.
///
/// # Back-pressure
///
/// [`insert`](Self::insert) never waits, so a producer that is faster than the
/// disk fills memory with values that wait to be written: nothing bounds them.
/// [`reserve`](Self::reserve) waits until there is room in that backlog, and returns a
/// [`Permit`] to insert or to change one value.
///
/// # Costs
///
/// A hit takes no lock and allocates nothing. An item whose value is not in
/// memory uses 72 bytes, and up to 20 more once it is registered or
/// persisted. A handle uses 16 bytes.
///
/// [`Footprint::is_mapped`]: crate::fbstore::Footprint::is_mapped
pub struct FBPool<T, B: BackingStoreT> {
    store: Arc<BackingStore<B>>,
    lists: EvictionLists<T, B>,
    index: Index<T, B>,
    in_flight: InFlight<T, B>,
    inline: InlineLoads,
    weighing: Weighing<T>,
    backlog: Backlog,
    load_room: Arc<LoadRoom>,
    counters: Counters,
    counts: ItemCounts,
    /// Whether items of datasets stay after their last handle.
    retains: bool,
    /// Type-erased `retire`: the drop of a handle lacks the trait bounds, so the
    /// first item stores the function.
    retire: OnceLock<Retire<T, B>>,
    /// The same for what the drop of the pool does.
    end_unused: OnceLock<fn(&FBPool<T, B>)>,
    /// Keeps the pool registered for relief of the map budget. Set by its first map.
    keeper: OnceLock<Arc<dyn maps::KeepsMaps>>,
    /// Keeps the pool known to its store as an owner of files. Set by the first item that
    /// others can find.
    owner: OnceLock<Arc<dyn OwnsFiles<B>>>,
}

type Retire<T, B> = fn(&Arc<FBPool<T, B>>, &Arc<Item<T, B>>);

impl<T, B: BackingStoreT> FBPool<T, B> {
    /// Makes a pool on `store` that keeps `mem_size` items in memory. With 0, a
    /// value stays only while a guard pins it.
    pub fn new(store: Arc<BackingStore<B>>, mem_size: usize) -> Self {
        let budget = Budget {
            items: mem_size,
            bytes: u64::MAX,
        };
        let (policy, backlog) = (Policy::default(), builder::default_backlog(&store));
        Self::with(store, budget, policy, backlog, None, true)
    }

    fn with(
        store: Arc<BackingStore<B>>,
        budget: Budget,
        policy: Policy,
        bound: Bound,
        weigher: Option<Weigher<T>>,
        retains: bool,
    ) -> Self {
        let backlog = Backlog::new(bound, store.core().queue.writers());
        store.core().outage.tell_of_begin(backlog.changed());
        Self {
            store,
            load_room: LoadRoom::new(budget.bytes),
            lists: EvictionLists::new(budget, policy),
            index: Index::new(),
            in_flight: InFlight::new(),
            inline: InlineLoads::new(),
            weighing: Weighing::new(weigher),
            backlog,
            counters: Counters::new(),
            counts: ItemCounts::new(),
            retains,
            retire: OnceLock::new(),
            end_unused: OnceLock::new(),
            keeper: OnceLock::new(),
            owner: OnceLock::new(),
        }
    }

    /// Returns a builder for a pool on `store`, for budgets in bytes and bounds on
    /// the backlog.
    pub fn builder(store: Arc<BackingStore<B>>) -> PoolBuilder<T, B> {
        PoolBuilder::new(store)
    }

    /// The pool's store.
    pub fn store(&self) -> &Arc<BackingStore<B>> {
        &self.store
    }

    /// The number of items that have a handle, in memory or not. Handles that share an item
    /// count once.
    pub fn size(&self) -> usize {
        self.counts.with_handles()
    }

    /// Checks the invariants that hold while the pool is idle.
    #[cfg(test)]
    pub(crate) fn validate(&self) {
        self.lists.validate();
    }

    /// Returns the counts of the pool and its store.
    pub fn stats(&self) -> Stats {
        let amounts = self.lists.amounts(self.weighing.guessed_bytes());
        let counters = &self.counters;
        let (failures, transfers) = (&self.core().failures, &self.core().transfers);
        let traffic = self.core().backing.traffic();
        let usage = self.core().backing.cache_usage();
        Stats {
            items: self.size(),
            retained: self.counts.retained(),
            retained_bytes: self.counts.retained_bytes(),
            resident: amounts.resident.items,
            resident_bytes: amounts.resident.bytes,
            mapped: amounts.mapped.items,
            mapped_bytes: amounts.mapped.bytes,
            map_fallbacks: maps::fallbacks(),
            pinned_over_budget: amounts.pinned.items,
            pinned_over_budget_bytes: amounts.pinned.bytes,
            hits: counters.hits(),
            misses: counters.misses.load(Ordering::Relaxed),
            evictions: counters.evictions.load(Ordering::Relaxed),
            writes_waiting: amounts.unwritten.items,
            writes_waiting_bytes: amounts.unwritten.bytes,
            writes: counters.writes.load(Ordering::Relaxed),
            write_failures: counters.write_failures.load(Ordering::Relaxed),
            bytes_written: traffic.written,
            bytes_read: traffic.read,
            links: transfers.links.load(Ordering::Relaxed),
            clones: transfers.clones.load(Ordering::Relaxed),
            copies: transfers.copies.load(Ordering::Relaxed),
            failed_deletions: failures.deletions.load(Ordering::Relaxed),
            failed_tasks: failures.tasks.load(Ordering::Relaxed),
            store_failing: self.core().outage.is_on(),
            cache_bytes: usage.map(|usage| usage.used),
            cache_quota: usage.map(|usage| usage.quota),
        }
    }

    /// Evicts the values that no handle owns: those of items of datasets whose handles are
    /// all dropped ([`Stats::retained`]). The values are dropped in the background.
    pub fn release_unused(&self) {
        if let Some(end_unused) = self.end_unused.get()
            && !self.core().is_forked()
        {
            end_unused(self);
        }
    }

    pub(crate) fn core(&self) -> &Arc<StoreCore<B>> {
        self.store.core()
    }

    /// Drops a handle; the last one retires the item.
    pub(crate) fn drop_handle(self: &Arc<Self>, item: &Arc<Item<T, B>>) {
        let remaining = item.drop_handle(&self.counts);
        // A forked child leaves the item and its file to its parent.
        if remaining == Remaining::None && !self.core().is_forked() {
            let retire = self
                .retire
                .get()
                .expect("the first insert of the pool stored `retire`");
            retire(self, item);
        }
    }
}

impl<T, B: BackingStoreT> FBPool<T, B> {
    // The bounds are on the methods: if one is missing, the compiler names the trait
    // instead of reporting that there is no such method.

    /// Puts `data` into the pool. Never waits and never fails: the value stays in
    /// memory until it has been written in the background, even during an outage of
    /// the disk. The memory of a program that only inserts is therefore unbounded; call
    /// [`reserve`](Self::reserve) first to bound it.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "bincodec")]
    /// # #[tokio::main]
    /// # async fn main() -> file_backed::Result<()> {
    /// use std::sync::Arc;
    /// use file_backed::FBPool;
    /// use file_backed::fbstore::BinCodec;
    ///
    /// let pool: Arc<FBPool<Vec<u32>, _>> = FBPool::temp(BinCodec, 2).await?;
    /// let items: Vec<_> = (0..10).map(|n| pool.insert(vec![n; 1000])).collect();
    /// assert_eq!(items[0].read().await?[999], 0);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bincodec"))]
    /// # fn main() {}
    /// ```
    pub fn insert(self: &Arc<Self>, data: T) -> Fb<T, B>
    where
        T: Send + Sync + 'static,
        B: Strategy<T>,
    {
        let weight = self.weigh(&data);
        self.insert_weighing(data, weight)
    }

    /// Makes a handle for an item that was persisted at `path`, by linking its file
    /// into the cache. Nothing is loaded. If the pool has the item already, because
    /// someone registered or persisted it and a handle of it still lives, the result is
    /// another handle of that item, and costs no system call.
    ///
    /// # Errors
    ///
    /// [`Error::is_not_found`](crate::Error::is_not_found) if `path` does not have
    /// the key, or its file is gone. [`Error::is_conflict`](crate::Error::is_conflict)
    /// if an item with this key but different content is in use, from another
    /// directory. Any error from linking the file.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cancels the registration; a link that was already made is
    /// deleted in the background.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "bincodec")]
    /// # #[tokio::main]
    /// # async fn main() -> file_backed::Result<()> {
    /// use std::sync::Arc;
    /// use file_backed::FBPool;
    /// use file_backed::fbstore::{BinCodec, PreparedPath};
    ///
    /// # let dir = tempfile::tempdir().expect("a temporary directory");
    /// # let path = dir.path().join("saved");
    /// # let key = {
    /// #     let pool: Arc<FBPool<String, _>> = FBPool::temp(BinCodec, 10).await?;
    /// #     let saved = PreparedPath::open(path.clone()).await?;
    /// #     let saved = Arc::new(pool.store().track_path(saved).await?);
    /// #     let item = pool.insert("kept".to_owned());
    /// #     item.persist(&saved).await?;
    /// #     item.key()
    /// # };
    /// // An earlier process persisted an item under `key` at `path`.
    /// let pool: Arc<FBPool<String, _>> = FBPool::temp(BinCodec, 10).await?;
    /// let saved = PreparedPath::open(path).await?;
    /// let saved = Arc::new(pool.store().track_path(saved).await?);
    ///
    /// let item = pool.register(&saved, key).await?;
    /// assert_eq!(*item.read().await?, "kept");
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bincodec"))]
    /// # fn main() {}
    /// ```
    pub async fn register(
        self: &Arc<Self>,
        path: &Arc<TrackedPath<B::PersistPath>>,
        key: Uuid,
    ) -> Result<Fb<T, B>>
    where
        T: Send + Sync + 'static,
        B: Strategy<T>,
    {
        if let Some(handle) = self.try_register(path, key)? {
            return Ok(handle);
        }
        let (store, from) = (self.store.clone(), path.clone());
        let registering = move || store.register(&from, key);
        let file = (self.store).task(Operation::Register, registering).await?;
        self.registered(path, file)
    }

    /// The blocking form of [`register`](Self::register).
    ///
    /// # Errors
    ///
    /// Same as [`register`](Self::register).
    ///
    /// # Blocking
    ///
    /// Links the file on this thread.
    pub fn blocking_register(
        self: &Arc<Self>,
        path: &TrackedPath<B::PersistPath>,
        key: Uuid,
    ) -> Result<Fb<T, B>>
    where
        T: Send + Sync + 'static,
        B: Strategy<T>,
    {
        match self.try_register(path, key)? {
            Some(handle) => Ok(handle),
            None => self.registered(path, self.store.register(path, key)?),
        }
    }
}

impl<T: Send + Sync + 'static, B: Strategy<T>> FBPool<T, B> {
    /// A handle to the item of a file that was registered.
    fn registered(
        self: &Arc<Self>,
        path: &TrackedPath<B::PersistPath>,
        file: FileShare<B>,
    ) -> Result<Fb<T, B>> {
        let key = file.key();
        let handle = self.handle_of_file(file);
        handle.ok_or_else(|| self.store.not_tracked(path, key))
    }

    /// A handle to the item of a file that is in the cache already, or is loaded in place.
    fn try_register(
        self: &Arc<Self>,
        path: &TrackedPath<B::PersistPath>,
        key: Uuid,
    ) -> Result<Option<Fb<T, B>>> {
        self.core().check_process(Operation::Register)?;
        if !path.contains_key(key) {
            return Ok(None);
        }
        if let Some(handle) = self.find_by_key(path, key) {
            return Ok(Some(handle));
        }
        let file = self.store.try_register(path, key);
        Ok(file.and_then(|file| self.handle_of_file(file)))
    }

    fn insert_weighing(self: &Arc<Self>, data: T, weight: Weight) -> Fb<T, B> {
        let item = Item::dirty(data, weight);
        let handle = self.handle(item.clone());
        item.enter(&**self);
        self.enforce(Drops::InBackground);
        handle
    }

    fn handle(self: &Arc<Self>, item: Arc<Item<T, B>>) -> Fb<T, B> {
        self.retire.get_or_init(|| Self::retire);
        self.end_unused.get_or_init(|| Self::end_unused);
        self.count_new_item();
        Fb::new(self.clone(), item)
    }

    fn end_unused(&self) {
        for item in self.lists.staying() {
            let released = item.release_unused(self);
            self.drop_released(released, Drops::InBackground);
        }
    }

    fn retire(self: &Arc<Self>, item: &Arc<Item<T, B>>) {
        let Some(retired) = item.retire(&**self) else {
            return;
        };
        if let Some(file) = retired.cache_file {
            self.core().release(file);
        }
        if retired.is_retained {
            return;
        }
        self.backlog.room_made();
        if let Some(write) = retired.superseded {
            write.outcome.set(Ok(Written::Superseded));
        }
        if let Some(value) = retired.value {
            self.core().queue.drop_later(value);
        }
        if let Some(file) = retired.file {
            self.core().release(file);
        }
        // A write that waited for room may have been this item's.
        self.core().try_waiting_writes();
    }
}

impl<T, B: BackingStoreT> PoolParts<T, B> for FBPool<T, B> {
    fn core(&self) -> &Arc<StoreCore<B>> {
        self.store.core()
    }

    fn used(&self, item: &Arc<Item<T, B>>, list: ListId, usage: Usage) {
        self.lists.used(item, list, usage);
    }

    fn move_to(&self, item: &Arc<Item<T, B>>, list: ListId) {
        self.lists.move_to(item, list);
    }

    fn reweigh(&self, item: &Item<T, B>, weight: Weight) {
        self.lists.reweigh(item, weight);
    }

    fn in_flight(&self) -> &InFlight<T, B> {
        &self.in_flight
    }

    fn enter_index(&self, item: &Arc<Item<T, B>>) -> Result<(), Arc<Item<T, B>>> {
        self.index.enter(item)
    }

    fn leave_index(&self, item: &Item<T, B>) {
        self.index.leave(item);
    }

    fn move_in_index(&self, item: &Item<T, B>, to: Location) -> bool {
        self.index.move_to(item, to)
    }

    fn counts(&self) -> &ItemCounts {
        &self.counts
    }

    fn retains(&self) -> bool {
        self.retains
    }
}

/// Ends the items that no handle owns, before the store is closed.
impl<T, B: BackingStoreT> Drop for FBPool<T, B> {
    fn drop(&mut self) {
        self.release_unused();
    }
}

impl<T, B: BackingStoreT> fmt::Debug for FBPool<T, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FBPool")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
