//! The steps of a save, and all of them in one call.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::runtime::Handle;
use uuid::Uuid;

use super::Persister;
use crate::backing_store::{BackingStore, BackingStoreT, Strategy, TrackedPath};
use crate::save::{delete_many, unnamed};
use crate::{Error, Fb, Result, hash};

/// Saves a set of items and makes it the current save: persists the items,
/// syncs, calls `change_key`, and then deletes every other file at the tracked
/// path. To keep what an earlier save has without having handles to it, use
/// [`blocking_save_with`] and [`Persister::keep`].
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

/// Like [`blocking_save`], for items of several pools and types, and for those of an earlier
/// save that are to stay: `persist_arcs` passes each item to the [`Persister`], or
/// [keeps](Persister::keep) it by its key.
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
    let kept = persist_all(persist_arcs, tracked, max_simultaneous_tasks)?;
    store.blocking_sync(tracked)?;
    let changed = change_key()?;
    // All that is kept is there, so if that is as many as there are, nothing else is.
    let obsolete = match kept.len() == tracked.len() {
        true => Vec::new(),
        false => unnamed(tracked, |key| kept.contains(&key)),
    };
    post_save_cleanup(store, tracked, max_simultaneous_tasks, &obsolete)?;
    Ok(changed)
}

/// The first step of [`blocking_save_with`]: persists the items that
/// `persist_arcs` passes to the [`Persister`], and returns their keys and those of the items
/// that it keeps.
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
    let kept = persist_all(persist_arcs, tracked, max_simultaneous_tasks)?;
    Ok(kept.into_iter().collect())
}

/// The keys of all items that `persist_arcs` names, once they are persisted.
fn persist_all<B: BackingStoreT, E: From<Error>>(
    persist_arcs: impl FnOnce(&mut Persister<B>) -> Result<(), E>,
    tracked: &Arc<TrackedPath<B::PersistPath>>,
    max_simultaneous_tasks: usize,
) -> Result<hash::HashSet<Uuid>, E> {
    let mut persister = Persister::new(tracked.clone(), max_simultaneous_tasks);
    let named = persist_arcs(&mut persister);
    // Wait before returning the closure's error: a failed save leaves no link under way.
    let persisted = persister.wait();
    named?;
    Ok(persisted?)
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
