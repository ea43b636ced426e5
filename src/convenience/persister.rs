//! Collecting the items of a save.

use std::sync::Arc;

use uuid::Uuid;

use crate::backing_store::{BackingStoreT, Strategy, TrackedPath};
use crate::error::{Cause, Operation};
use crate::hash::HashSet;
use crate::save::{Persisting, Progress, ProgressMeter};
use crate::{Error, Fb, Result};

/// Collects the items of a save.
///
/// The save deletes every file at the path that is not named to it.
///
/// | the item | call |
/// |---|---|
/// | is new or changed, or you have a handle to it | [`persist`](Self::persist) |
/// | is there from an earlier save, and you have no handle | [`keep`](Self::keep) |
/// | is any other that is there | [`keep_all`](Self::keep_all) |
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
    persisting: Persisting<(), B>,
    keys: HashSet<Uuid>,
    meter: Arc<ProgressMeter>,
}

impl<B: BackingStoreT> Persister<B> {
    pub(super) fn new(tracked: Arc<TrackedPath<B::PersistPath>>, most: usize) -> Self {
        let mut keys = HashSet::default();
        // Most saves name about as many as are there.
        keys.reserve(tracked.len());
        Self {
            tracked,
            persisting: Persisting::new(Operation::Persist, most, 1),
            keys,
            meter: Arc::default(),
        }
    }

    /// Adds an item to the save, with its current value.
    pub fn persist<T: Send + Sync + 'static>(&mut self, item: &Arc<Fb<T, B>>)
    where
        B: Strategy<T>,
    {
        let key = item.key();
        let is_named = !self.keys.insert(key);
        if item.pool().is_found_at(item.item(), &self.tracked) {
            return;
        }
        let is_there = is_named || self.tracked.contains_key(key);
        if !is_there || !item.pool().is_known_at(item.item(), &self.tracked) {
            self.meter.expect(1, 0);
            let meter = self.meter.clone();
            self.persisting.persist(item, &self.tracked, move || {
                meter.add(1, 0);
                Ok(())
            });
        }
    }

    /// Adds an item that the path has from an earlier save by its key, without a handle. A
    /// save that changes little of a large set need not register all of it.
    ///
    /// # Errors
    ///
    /// [`Error::is_not_found`](crate::Error::is_not_found) if the path does not have the key,
    /// and the save has not named it.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "bincodec")]
    /// # fn main() -> file_backed::Result<()> {
    /// use std::sync::Arc;
    /// use file_backed::convenience::{blocking_save, blocking_save_with};
    /// use file_backed::fbstore::{BinCodec, PreparedPath};
    /// use file_backed::{BackingStore, Error, FBPool};
    ///
    /// # let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    /// # let store = runtime.block_on(BackingStore::temp(BinCodec))?;
    /// let pool: Arc<FBPool<String, _>> = Arc::new(FBPool::new(store.clone(), 100));
    /// let saved = Arc::new(store.blocking_track_path(PreparedPath::blocking_temp()?)?);
    ///
    /// let items = ["one", "two", "three"].map(|text| Arc::new(pool.insert(text.to_owned())));
    /// let [one, two, three] = items.each_ref().map(|item| item.key());
    /// blocking_save(&store, items, &saved, 4, || Ok::<_, Error>(()))?;
    ///
    /// // A program that starts again has keys, and no handles.
    /// let four = Arc::new(pool.insert("four".to_owned()));
    /// let keys = blocking_save_with(
    ///     &store,
    ///     |persister| {
    ///         persister.keep(one)?;
    ///         persister.keep(three)?;
    ///         persister.persist(&four);
    ///         Ok(())
    ///     },
    ///     &saved,
    ///     4,
    ///     // Here a program would write the keys to its own file.
    ///     || Ok::<_, Error>([one, three, four.key()]),
    /// )?;
    /// assert!(keys.iter().all(|key| saved.contains_key(*key)));
    /// assert!(!saved.contains_key(two), "it was not named");
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bincodec"))]
    /// # fn main() {}
    /// ```
    pub fn keep(&mut self, key: Uuid) -> Result<()> {
        if !self.keys.contains(&key) && !self.tracked.contains_key(key) {
            return Err(Error::of_key(Operation::Persist, key, Cause::NotTracked));
        }
        self.keys.insert(key);
        Ok(())
    }

    /// Adds all items that the path has, so that the save deletes nothing. The path may also
    /// have files of an earlier save that failed: those stay until a save that does not
    /// keep them.
    pub fn keep_all(&mut self) {
        self.keys.extend(self.tracked.all_keys());
    }

    /// Reports the progress of the save to `progress` after each item that is persisted, from
    /// background threads. Items that are kept, or that the path has already, do not count.
    /// Call it before the first [`persist`](Self::persist); a second call has no effect.
    pub fn on_progress(&mut self, progress: impl Fn(Progress) + Send + Sync + 'static) {
        self.meter.report_to(progress);
    }

    /// Waits until all items are persisted, and returns their keys.
    pub(super) fn wait(self) -> Result<HashSet<Uuid>> {
        self.persisting.wait().map(|_| self.keys)
    }
}

impl<B: BackingStoreT> std::fmt::Debug for Persister<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Persister")
            .field("keys", &self.keys.len())
            .field("progress", &self.meter)
            .finish_non_exhaustive()
    }
}
