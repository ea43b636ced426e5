//! Collecting the items of a save.

use std::collections::HashSet;
use std::sync::Arc;

use uuid::Uuid;

use crate::backing_store::{BackingStoreT, Strategy, TrackedPath};
use crate::error::Operation;
use crate::save::Persisting;
use crate::{Fb, Result};

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
    persisting: Persisting<(), B>,
    keys: HashSet<Uuid>,
}

impl<B: BackingStoreT> Persister<B> {
    pub(super) fn new(tracked: Arc<TrackedPath<B::PersistPath>>, most: usize) -> Self {
        Self {
            tracked,
            persisting: Persisting::new(Operation::Persist, most, 1),
            keys: HashSet::new(),
        }
    }

    /// Adds an item to the save, with its current value.
    pub fn persist<T: Send + Sync + 'static>(&mut self, item: &Arc<Fb<T, B>>)
    where
        B: Strategy<T>,
    {
        let key = item.key();
        let is_there = !self.keys.insert(key) || self.tracked.contains_key(key);
        if !is_there || !item.pool().is_known_at(item.item(), &self.tracked) {
            self.persisting.persist(item, &self.tracked, || Ok(()));
        }
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
            .finish_non_exhaustive()
    }
}
