//! Helpers above handles and stores: copy on write behind an [`Arc`], and
//! saving a whole set of items at once.
//!
//! [`blocking_save`] is the usual one. Its steps stand alone too, for programs
//! that put something of their own between them: [`prepare_save`], then
//! [`BackingStore::blocking_sync`], then your change of state, then
//! [`post_save_cleanup`].

use std::collections::HashSet;
use std::collections::VecDeque;
use std::sync::Arc;

use tokio::runtime::Handle;
use uuid::Uuid;

use crate::backing_store::{BackingStore, BackingStoreT, Strategy, Task, TrackedPath};
use crate::error::unwrap;
use crate::handle::clone_value;
use crate::{Error, Fb, Result, WriteGuard};

impl<T: Clone + Send + Sync + 'static, B: Strategy<T>> Fb<T, B> {
    /// Borrows the value behind a shared handle to be changed, as
    /// [`Arc::make_mut`] does: if others have the [`Arc`] too, or the item, this
    /// one first gets an item of its own, with a [`Clone`] of the value.
    ///
    /// # Errors
    ///
    /// If the value cannot be loaded. The handle is then as before.
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
    /// As there.
    ///
    /// # Blocking
    ///
    /// Loads and clones on this thread.
    pub fn blocking_make_write(self: &mut Arc<Self>) -> Result<WriteGuard<'_, T, B>> {
        let only = self.is_only_handle();
        let taken = self.pool().blocking_take(self.item(), only, clone_value)?;
        Ok(own_handle(self).guard_of(taken))
    }

    /// As [`make_write`](Self::make_write), for a failure that is a bug of the
    /// program.
    ///
    /// # Panics
    ///
    /// With the error's text, where `make_write` returns it.
    ///
    /// # Cancel safety
    ///
    /// As `make_write`.
    pub async fn make_mut(self: &mut Arc<Self>) -> WriteGuard<'_, T, B> {
        unwrap(self.make_write().await)
    }

    /// As [`blocking_make_write`](Self::blocking_make_write), for a failure that
    /// is a bug of the program.
    ///
    /// # Panics
    ///
    /// With the error's text, where `blocking_make_write` returns it.
    ///
    /// # Blocking
    ///
    /// As `blocking_make_write`.
    pub fn blocking_make_mut(self: &mut Arc<Self>) -> WriteGuard<'_, T, B> {
        unwrap(self.blocking_make_write())
    }

    fn is_only_handle(self: &mut Arc<Self>) -> bool {
        Arc::get_mut(self).is_some_and(|handle| handle.item().has_one_handle())
    }
}

/// The handle, made this `Arc`'s own.
fn own_handle<T, B: BackingStoreT>(handle: &mut Arc<Fb<T, B>>) -> &mut Fb<T, B> {
    Arc::make_mut(handle)
}

/// Saves a set of items and switches to it: persists the items, syncs, calls
/// `change_key`, and then deletes every other file at the tracked path.
///
/// `change_key` should replace, atomically, whatever tells your program which
/// keys to register after a restart. If anything fails before it, or if it
/// fails, nothing is deleted and the earlier save stands; files of the new one
/// may be left beside it until the next save.
///
/// At most `max_simultaneous_tasks` items are on their way at a time; 0 counts
/// as 1.
///
/// # Errors
///
/// The first failure of a persist, of the sync, of `change_key` or of a
/// deletion. After a deletion that failed the new save stands.
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
/// let cache = PreparedPath::blocking_open(cache, vec![])?;
/// let files = FBStore::open(BinCodec, cache)?;
/// let store = Arc::new(BackingStore::new(files, runtime.handle().clone()));
/// let pool: Arc<FBPool<String, _>> = Arc::new(FBPool::new(store.clone(), 100));
/// let saved = PreparedPath::blocking_open(saved, vec![])?;
/// let tracked = Arc::new(store.blocking_track_path(saved)?);
///
/// let items = ["one", "two"].map(|name| Arc::new(pool.insert(name.to_owned())));
/// let keys = items.iter().map(|item| item.key()).collect::<Vec<_>>();
/// blocking_save(&store, items, &tracked, 4, || {
///     // Here a program writes `keys` to a file of its own.
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

/// As [`blocking_save`], for items of several pools and types: `persist_arcs`
/// names each to the [`Persister`].
///
/// # Errors
///
/// As there, and those of `persist_arcs`.
///
/// # Blocking
///
/// As there.
pub fn blocking_save_with<B: BackingStoreT, R, E: From<Error>>(
    store: &Arc<BackingStore<B>>,
    persist_arcs: impl FnOnce(&mut Persister<B>) -> Result<(), E>,
    tracked: &Arc<TrackedPath<B::PersistPath>>,
    max_simultaneous_tasks: usize,
    change_key: impl FnOnce() -> Result<R, E>,
) -> Result<R, E> {
    let runtime = store.runtime();
    let kept = prepare_save(persist_arcs, tracked, max_simultaneous_tasks, runtime)?;
    store.blocking_sync(tracked.path())?;
    let changed = change_key()?;
    let obsolete: Vec<_> = tracked
        .all_keys()
        .into_iter()
        .filter(|key| !kept.contains(key))
        .collect();
    post_save_cleanup(store, tracked, max_simultaneous_tasks, &obsolete)?;
    Ok(changed)
}

/// The first step of [`blocking_save_with`]: persists what `persist_arcs` names,
/// and gives the keys of all of it.
///
/// The runtime is the store's own, whatever is given; the parameter is part of
/// the specified API.
///
/// # Errors
///
/// The first failure of a persist, and those of `persist_arcs`.
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
        tasks: Window::new(max_simultaneous_tasks),
        keys: HashSet::new(),
    };
    let named = persist_arcs(&mut persister);
    let persisted = persister.tasks.finish();
    named?;
    persisted?;
    Ok(persister.keys)
}

/// The last step of [`blocking_save_with`]: deletes `keys_to_delete` from the
/// tracked path.
///
/// # Errors
///
/// The first deletion that failed; the others are tried all the same.
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
    // One shard after the other, and one task for many keys.
    let mut keys = keys_to_delete.to_vec();
    keys.sort_unstable();
    let mut tasks = Window::new(max_simultaneous_tasks);
    for keys in keys.chunks(DELETED_AT_ONCE) {
        tasks.push(store.delete_many_persisted(tracked, keys.to_vec()));
    }
    tasks.finish()
}

/// How many keys one task deletes.
const DELETED_AT_ONCE: usize = 64;

/// Takes the items that a save consists of.
pub struct Persister<B: BackingStoreT> {
    tracked: Arc<TrackedPath<B::PersistPath>>,
    tasks: Window,
    keys: HashSet<Uuid>,
}

impl<B: BackingStoreT> Persister<B> {
    /// Adds an item to the save, with the value that it has now.
    pub fn persist<T: Send + Sync + 'static>(&mut self, item: &Arc<Fb<T, B>>)
    where
        B: Strategy<T>,
    {
        let key = item.key();
        self.keys.insert(key);
        if !self.tracked.contains_key(key) {
            self.tasks.push(item.persist_task(&self.tracked));
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

/// Tasks under way, so many at a time.
struct Window {
    most: usize,
    tasks: VecDeque<Task<()>>,
    /// The first failure.
    result: Result<()>,
}

impl Window {
    fn new(most: usize) -> Self {
        Self {
            most: most.max(1),
            tasks: VecDeque::new(),
            result: Ok(()),
        }
    }

    fn push(&mut self, task: Task<()>) {
        if self.tasks.len() >= self.most {
            self.wait_for_one();
        }
        self.tasks.push_back(task);
    }

    fn finish(&mut self) -> Result<()> {
        while !self.tasks.is_empty() {
            self.wait_for_one();
        }
        std::mem::replace(&mut self.result, Ok(()))
    }

    fn wait_for_one(&mut self) {
        if let Some(Err(error)) = self.tasks.pop_front().map(Task::wait)
            && self.result.is_ok()
        {
            self.result = Err(error);
        }
    }
}
