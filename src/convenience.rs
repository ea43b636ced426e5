//! Helpers on top of handles and stores: copy on write behind an [`Arc`], and
//! saving a whole set of items at once.
//!
//! Most programs call [`blocking_save`]. Programs that need to do something
//! between its steps can call them one by one: [`prepare_save`],
//! [`BackingStore::blocking_sync`], your own change of state, and
//! [`post_save_cleanup`].

use std::collections::HashSet;
use std::sync::Arc;

use tokio::runtime::Handle;
use uuid::Uuid;

use crate::backing_store::{BackingStore, BackingStoreT, Strategy, TrackedPath};
use crate::error::Operation;
use crate::handle::clone_value;
use crate::save::{Persisting, delete_many, unnamed};
use crate::{Error, Fb, Result, WriteGuard};

impl<T: Clone + Send + Sync + 'static, B: Strategy<T>> Fb<T, B> {
    /// Borrows the value of a handle in an [`Arc`] mutably, like [`Arc::make_mut`].
    /// If the [`Arc`] or the item is shared, this handle first gets a separate item
    /// with a [`Clone`] of the value.
    ///
    /// # Errors
    ///
    /// If the value cannot be loaded. The handle is then unchanged.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
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
    /// let pool: Arc<FBPool<Vec<u64>, _>> = FBPool::temp(BinCodec, 100).await?;
    /// let mut numbers = Arc::new(pool.insert(vec![1, 2]));
    /// let before = numbers.clone();
    ///
    /// numbers.make_write().await?.push(3);
    /// assert_eq!(*numbers.read().await?, [1, 2, 3]);
    /// assert_eq!(*before.read().await?, [1, 2]);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bincodec"))]
    /// # fn main() {}
    /// ```
    pub async fn make_write(self: &mut Arc<Self>) -> Result<WriteGuard<'_, T, B>> {
        let only = self.is_only_handle();
        let taken = self.take(only, clone_value).await?;
        Ok(own_handle(self).guard_of(taken))
    }

    /// The blocking form of [`make_write`](Self::make_write).
    ///
    /// # Errors
    ///
    /// Same as [`make_write`](Self::make_write).
    ///
    /// # Blocking
    ///
    /// Loads and clones on this thread. If a write-back of the value has started,
    /// or a save needs it, runs that write here or waits for it.
    pub fn blocking_make_write(self: &mut Arc<Self>) -> Result<WriteGuard<'_, T, B>> {
        let only = self.is_only_handle();
        let taken = self.pool().blocking_take(self.item(), only, clone_value)?;
        Ok(own_handle(self).guard_of(taken))
    }

    fn is_only_handle(self: &mut Arc<Self>) -> bool {
        Arc::get_mut(self).is_some_and(|handle| handle.item().has_one_handle())
    }
}

/// The handle, cloned first if the `Arc` is shared.
fn own_handle<T, B: BackingStoreT>(handle: &mut Arc<Fb<T, B>>) -> &mut Fb<T, B> {
    Arc::make_mut(handle)
}

/// Saves a set of items and makes it the current save: persists the items,
/// syncs, calls `change_key`, and then deletes every other file at the tracked
/// path.
///
/// `change_key` should atomically replace whatever records which keys your
/// program registers after a restart. If it fails, or anything before it fails,
/// nothing is deleted and the previous save stays valid. Files of the failed
/// save may remain until the next save.
///
/// At most `max_simultaneous_tasks` persists or deletions are in flight at a
/// time; 0 counts as 1.
///
/// # Errors
///
/// The first failure of a persist, of the sync, of `change_key` or of a
/// deletion. If only a deletion failed, the new save is valid.
///
/// # Blocking
///
/// Waits for the disk. Part of the work is done on this thread.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "bincodec")]
/// # fn main() -> file_backed::Result<()> {
/// use std::sync::Arc;
/// use file_backed::convenience::blocking_save;
/// use file_backed::fbstore::{BinCodec, FBStore, PreparedPath};
/// use file_backed::{BackingStore, Error, FBPool};
///
/// # let dir = tempfile::tempdir().expect("a temporary directory");
/// # let (cache, saved) = (dir.path().join("cache"), dir.path().join("saved"));
/// let runtime = tokio::runtime::Runtime::new().expect("a runtime");
/// let cache = PreparedPath::blocking_open(cache)?;
/// let files = FBStore::open(BinCodec, cache)?;
/// let store = Arc::new(BackingStore::new(files, runtime.handle().clone()));
/// let pool: Arc<FBPool<String, _>> = Arc::new(FBPool::new(store.clone(), 100));
/// let saved = PreparedPath::blocking_open(saved)?;
/// let tracked = Arc::new(store.blocking_track_path(saved)?);
///
/// let items = ["one", "two"].map(|name| Arc::new(pool.insert(name.to_owned())));
/// let keys = items.iter().map(|item| item.key()).collect::<Vec<_>>();
/// blocking_save(&store, items, &tracked, 4, || {
///     // Here a program would write `keys` to its own file.
///     Ok::<_, Error>(())
/// })?;
/// assert_eq!(tracked.all_keys().len(), keys.len());
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "bincodec"))]
/// # fn main() {}
/// ```
pub fn blocking_save<T, B, R, E>(
    store: &Arc<BackingStore<B>>,
    arcs: impl IntoIterator<Item = Arc<Fb<T, B>>>,
    tracked: &Arc<TrackedPath<B::PersistPath>>,
    max_simultaneous_tasks: usize,
    change_key: impl FnOnce() -> Result<R, E>,
) -> Result<R, E>
where
    T: Send + Sync + 'static,
    B: Strategy<T>,
    E: From<Error>,
{
    let persist_all = |persister: &mut Persister<B>| {
        for item in arcs {
            persister.persist(&item);
        }
        Ok(())
    };
    blocking_save_with(
        store,
        persist_all,
        tracked,
        max_simultaneous_tasks,
        change_key,
    )
}

/// The async form of [`blocking_save`]. It runs on a blocking thread of the store's
/// runtime, and so does `change_key`.
///
/// # Errors
///
/// Same as [`blocking_save`]; also if the runtime was shut down.
///
/// # Cancel safety
///
/// Once it was polled, dropping the future loses the result; the save continues by itself.
pub async fn save<T, B, R, E>(
    store: &Arc<BackingStore<B>>,
    arcs: impl IntoIterator<Item = Arc<Fb<T, B>>>,
    tracked: &Arc<TrackedPath<B::PersistPath>>,
    max_simultaneous_tasks: usize,
    change_key: impl FnOnce() -> Result<R, E> + Send + 'static,
) -> Result<R, E>
where
    T: Send + Sync + 'static,
    B: Strategy<T>,
    R: Send + 'static,
    E: From<Error> + Send + 'static,
{
    let arcs: Vec<_> = arcs.into_iter().collect();
    let (saving, tracked) = (store.clone(), tracked.clone());
    let save = move || blocking_save(&saving, arcs, &tracked, max_simultaneous_tasks, change_key);
    store.spawn_blocking(save).await?
}

/// Like [`blocking_save`], for items of several pools and types: `persist_arcs`
/// passes each item to the [`Persister`].
///
/// # Errors
///
/// Same as [`blocking_save`], and any error from `persist_arcs`.
///
/// # Blocking
///
/// Same as [`blocking_save`].
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "bincodec")]
/// # fn main() -> file_backed::Result<()> {
/// use std::sync::Arc;
/// use file_backed::convenience::blocking_save_with;
/// use file_backed::fbstore::{BinCodec, PreparedPath};
/// use file_backed::{BackingStore, Error, FBPool};
///
/// # let runtime = tokio::runtime::Runtime::new().expect("a runtime");
/// # let store = runtime.block_on(BackingStore::temp(BinCodec))?;
/// let names: Arc<FBPool<String, _>> = Arc::new(FBPool::new(store.clone(), 100));
/// let counts: Arc<FBPool<u64, _>> = Arc::new(FBPool::new(store.clone(), 100));
/// let (name, count) = (Arc::new(names.insert("a".into())), Arc::new(counts.insert(7)));
///
/// let saved = PreparedPath::blocking_temp()?;
/// let saved = Arc::new(store.blocking_track_path(saved)?);
/// let keys = blocking_save_with(
///     &store,
///     |persister| {
///         persister.persist(&name);
///         persister.persist(&count);
///         Ok(())
///     },
///     &saved,
///     4,
///     // Here a program would write the keys to its own file.
///     || Ok::<_, Error>([name.key(), count.key()]),
/// )?;
/// assert!(keys.iter().all(|key| saved.contains_key(*key)));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "bincodec"))]
/// # fn main() {}
/// ```
pub fn blocking_save_with<B: BackingStoreT, R, E: From<Error>>(
    store: &Arc<BackingStore<B>>,
    persist_arcs: impl FnOnce(&mut Persister<B>) -> Result<(), E>,
    tracked: &Arc<TrackedPath<B::PersistPath>>,
    max_simultaneous_tasks: usize,
    change_key: impl FnOnce() -> Result<R, E>,
) -> Result<R, E> {
    let runtime = store.runtime();
    let kept = prepare_save(persist_arcs, tracked, max_simultaneous_tasks, runtime)?;
    store.blocking_sync(tracked)?;
    let changed = change_key()?;
    let obsolete = unnamed(tracked, |key| kept.contains(&key));
    post_save_cleanup(store, tracked, max_simultaneous_tasks, &obsolete)?;
    Ok(changed)
}

/// The first step of [`blocking_save_with`]: persists the items that
/// `persist_arcs` passes to the [`Persister`], and returns their keys.
///
/// The work always runs on the store's runtime; the runtime parameter is ignored
/// and exists because the API specifies it.
///
/// # Errors
///
/// Any error from `persist_arcs`; otherwise the first failure of a persist.
///
/// # Blocking
///
/// Part of the work is done on this thread.
pub fn prepare_save<B: BackingStoreT, E: From<Error>>(
    persist_arcs: impl FnOnce(&mut Persister<B>) -> Result<(), E>,
    tracked: &Arc<TrackedPath<B::PersistPath>>,
    max_simultaneous_tasks: usize,
    _runtime: &Handle,
) -> Result<HashSet<Uuid>, E> {
    let mut persister = Persister {
        tracked: tracked.clone(),
        persisting: Persisting::new(Operation::Persist, max_simultaneous_tasks),
        keys: HashSet::new(),
    };
    let named = persist_arcs(&mut persister);
    let persisted = persister.persisting.wait();
    named?;
    persisted?;
    Ok(persister.keys)
}

/// The last step of [`blocking_save_with`]: deletes `keys_to_delete` from the
/// tracked path.
///
/// # Errors
///
/// The first deletion that failed. The others are still attempted.
///
/// # Blocking
///
/// Part of the work is done on this thread.
pub fn post_save_cleanup<B: BackingStoreT>(
    store: &Arc<BackingStore<B>>,
    tracked: &Arc<TrackedPath<B::PersistPath>>,
    max_simultaneous_tasks: usize,
    keys_to_delete: &[Uuid],
) -> Result<()> {
    let (keys, mut first) = (keys_to_delete.to_vec(), None);
    delete_many(store, tracked, keys, max_simultaneous_tasks, |error| {
        first.get_or_insert(error);
    });
    first.map_or(Ok(()), Err)
}

/// Collects the items of a save.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "bincodec")]
/// # fn main() -> file_backed::Result<()> {
/// use std::sync::Arc;
/// use file_backed::convenience::{Persister, blocking_save_with};
/// use file_backed::fbstore::{BinCodec, FBStore, PreparedPath};
/// use file_backed::{BackingStore, Error, FBPool, Fb};
///
/// type Store = FBStore<BinCodec>;
///
/// struct Chapter {
///     title: Arc<Fb<String, Store>>,
///     pages: Vec<Arc<Fb<Vec<u8>, Store>>>,
/// }
///
/// impl Chapter {
///     /// Passes on all items of the chapter, whatever their types.
///     fn persist(&self, persister: &mut Persister<Store>) {
///         persister.persist(&self.title);
///         self.pages.iter().for_each(|page| persister.persist(page));
///     }
/// }
///
/// # let runtime = tokio::runtime::Runtime::new().expect("a runtime");
/// # let store = runtime.block_on(BackingStore::temp(BinCodec))?;
/// # let titles = Arc::new(FBPool::new(store.clone(), 100));
/// # let pages = Arc::new(FBPool::new(store.clone(), 100));
/// # let title = Arc::new(titles.insert("One".to_owned()));
/// # let pages = [1, 2].map(|n| Arc::new(pages.insert(vec![n; 100]))).into();
/// # let book = [Chapter { title, pages }];
/// # let saved = Arc::new(store.blocking_track_path(PreparedPath::blocking_temp()?)?);
/// let persist_all = |persister: &mut Persister<Store>| {
///     book.iter().for_each(|chapter| chapter.persist(persister));
///     Ok(())
/// };
/// blocking_save_with(&store, persist_all, &saved, 4, || Ok::<_, Error>(()))?;
/// assert_eq!(saved.all_keys().len(), 3);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "bincodec"))]
/// # fn main() {}
/// ```
pub struct Persister<B: BackingStoreT> {
    tracked: Arc<TrackedPath<B::PersistPath>>,
    persisting: Persisting<()>,
    keys: HashSet<Uuid>,
}

impl<B: BackingStoreT> Persister<B> {
    /// Adds an item to the save, with its current value.
    pub fn persist<T: Send + Sync + 'static>(&mut self, item: &Arc<Fb<T, B>>)
    where
        B: Strategy<T>,
    {
        let key = item.key();
        if self.keys.insert(key) && !self.tracked.contains_key(key) {
            self.persisting.persist(item, &self.tracked, || Ok(()));
        }
    }
}

impl<B: BackingStoreT> std::fmt::Debug for Persister<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Persister")
            .field("keys", &self.keys.len())
            .finish_non_exhaustive()
    }
}
