//! A persisted directory whose contents change atomically.
//!
//! A [`Dataset`] holds items of one store, of any types, and one value of your own, the
//! *root*: a catalogue, an index, a struct of settings. An item is found by its *name*, a
//! string such as a path, or by its [`Key`], which the root may hold.
//! [`commit`](Dataset::commit) replaces the items and the root atomically, and
//! [`edit`](Dataset::edit) changes some of them.
//! After a restart, or in another process, you open the dataset, and call
//! [`get_named`](Dataset::get_named) or [`get`](Dataset::get) for handles.
//!
//! ```
//! # #[cfg(feature = "bincodec")]
//! # #[tokio::main]
//! # async fn main() -> file_backed::Result<()> {
//! use std::sync::Arc;
//! use file_backed::dataset::Dataset;
//! use file_backed::fbstore::{BinCodec, PreparedPath};
//! use file_backed::{Error, FBPool};
//!
//! # let dir = tempfile::tempdir().expect("a temporary directory");
//! # let path = dir.path().join("pages");
//! let pool: Arc<FBPool<String, _>> = FBPool::temp(BinCodec, 100).await?;
//! let pages: Dataset<(), _> = Dataset::open(pool.store(), PreparedPath::open(path).await?).await?;
//! let page = pool.insert("Welcome".to_owned());
//! pages.edit(|edit| edit.put_named("en/index", &page)).await?;
//!
//! let page = pages.get_named(&pool, "en/index").await?;
//! assert_eq!(*page.read().await?, "Welcome");
//! assert_eq!(pages.names().prefix("en/").count(), 1);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "bincodec"))]
//! # fn main() {}
//! ```
//!
//! | promise | how it is kept |
//! |---|---|
//! | after a kill or a power cut at any instant, you find the old commit or the new one, whole | files are durable before the manifest that names them, and are deleted after it |
//! | a commit costs what has changed | files are linked, not copied, existing ones are kept, and the manifest records the changes |
//! | a reader sees one commit, for as long as it likes | it pins the generation; nothing that it names is deleted |
//! | a copy made during commits opens | a [`Snapshot`] pins one commit |
//! | damage is found | checksums of the manifest and of every file; [`verify`](Dataset::verify) reads them all |
//! | damage costs only what is damaged | [`OpenOptions::salvage`] opens everything else |
//!
//! The manifest of a commit records what the commit changes, 30 bytes for each item, and the
//! root as JSON if that has changed. Now and then a new *base* is written, which records all
//! items: by a commit, or in the background, which may outlast the last handle of the dataset
//! and keeps its directories locked until then. On disk the dataset is a directory of files,
//! which you can inspect with the command-line tool `file_backed` (feature `cli`).
//!
//! See [`Dataset`] for an example. The example program `dataset` is a library with a
//! reader in another process.

mod cause;
mod changed;
mod commit;
mod computing;
mod contents;
mod current;
#[cfg(any(test, fuzzing))]
mod dice;
mod editor;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod history;
mod inspected_item;
mod inspection;
mod item_payload;
mod key;
mod manifest;
mod names;
mod naming;
mod next_base;
mod open;
mod open_options;
mod packing;
mod parallel;
mod path;
mod reading;
mod salvage;
mod saver;
mod shared_commit;
mod snapshot;
#[cfg(test)]
mod tests;
mod unused;
mod verify;

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use uuid::Uuid;

pub(crate) use cause::DatasetCause;
pub use commit::Committed;
pub use editor::Editor;
pub use inspected_item::InspectedItem;
pub use inspection::{Inspection, ItemFile};
pub use key::Key;
pub use names::{NamedItem, NamedItems, Names};
pub use open_options::OpenOptions;
pub use salvage::{DamagedItem, Salvaged};
pub use saver::Saver;
pub use snapshot::{Copied, Snapshot};
pub use unused::UnusedFile;
pub use verify::{Verified, VerifyOptions};

pub use crate::save::Progress;

use crate::backing_store::{BackingStore, ManifestStore, Strategy};
use crate::error::Operation;
use crate::{Error, FBPool, Fb, Prefetched, Result};
use changed::Changes;
use computing::NamedComputations;
use current::{CurrentContents, Version};
use history::History;
use path::DatasetPath;
use shared_commit::WaitingPuts;

/// Items and a root that are committed together and survive a restart.
///
/// One process at a time has a dataset open to commit. Any number of processes can read
/// it at the same time; each sees the commit that it opened. Share a dataset in an
/// [`Arc`]: gets and commits run concurrently.
///
/// It costs about 100 bytes of memory for each item, in addition to the handles.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "bincodec")]
/// # #[tokio::main]
/// # async fn main() -> file_backed::Result<()> {
/// use std::sync::Arc;
///
/// use file_backed::dataset::Dataset;
/// use file_backed::fbstore::{BinCodec, PreparedPath};
/// use file_backed::{BackingStore, Error, FBPool};
/// use serde::{Deserialize, Serialize};
///
/// /// The root. The pictures have names.
/// #[derive(Default, Serialize, Deserialize)]
/// struct Album {
///     title: String,
/// }
///
/// # let dir = tempfile::tempdir().expect("a temporary directory");
/// # let path = dir.path().join("album");
/// # let cache = dir.path().join("cache");
/// let store = BackingStore::open(BinCodec, cache).await?;
/// let pool: Arc<FBPool<Vec<u8>, _>> = Arc::new(FBPool::new(store.clone(), 100));
///
/// let saved = PreparedPath::open(path).await?;
/// let album: Dataset<Album, _> = Dataset::open(&store, saved.clone()).await?;
/// let picture = pool.insert(vec![1, 2, 3]);
/// let done = album
///     .commit(|saver| {
///         saver.save_named("sunset", &picture)?;
///         Ok::<_, Error>(Album { title: "Summer".to_owned() })
///     })
///     .await?;
/// assert_eq!((done.generation, done.linked), (1, 1));
/// # drop(album);
///
/// // After a restart, or in another process:
/// let album: Dataset<Album, _> = Dataset::open_read_only(&store, saved).await?;
/// assert_eq!(album.root().title, "Summer");
/// let sunset = album.get_named(&pool, "sunset").await?;
/// assert_eq!(*sunset.read().await?, [1, 2, 3]);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "bincodec"))]
/// # fn main() {}
/// ```
pub struct Dataset<Root, B: ManifestStore> {
    shared: Arc<Shared<Root, B>>,
}

struct Shared<Root, B: ManifestStore> {
    path: DatasetPath<B>,
    current: Mutex<Arc<Version<Root>>>,
    /// The contents of `current`.
    contents: Arc<CurrentContents>,
    changes: Arc<Changes>,
    /// Held by one commit at a time, until it completes.
    turn: Arc<tokio::sync::Mutex<History>>,
    puts: WaitingPuts<Root, B>,
    computations: NamedComputations,
}

impl<Root, B: ManifestStore> Dataset<Root, B> {
    /// The root of the current commit.
    pub fn root(&self) -> Arc<Root> {
        self.shared.current().root.clone()
    }

    /// The number of the current commit. It rises with each commit; 0 is the empty
    /// dataset that the first [`open`](Self::open) creates. Failed commits leave gaps.
    pub fn generation(&self) -> u64 {
        self.shared.current().generation
    }

    /// The keys of all items of the current commit, in ascending order.
    pub fn all_keys(&self) -> Vec<Uuid> {
        let current = self.shared.current();
        current.contents.items().map(|(key, _)| key).collect()
    }

    /// Whether an item is in the current commit.
    pub fn contains_key<T: ?Sized>(&self, key: Key<T>) -> bool {
        self.shared.contents.contains(key.uuid())
    }

    /// The store that the items belong to.
    pub fn store(&self) -> &Arc<BackingStore<B>> {
        &self.shared.path.store
    }

    /// The path of the dataset.
    pub fn path(&self) -> &B::PersistPath {
        self.shared.path.tracked.path()
    }

    /// Returns a handle to an item of the current commit, without loading it. If the pool has
    /// the item already, that is the one, with the value that may be in memory. Otherwise the
    /// item is new. It uses the file where it is, without a link in the cache, and its first
    /// read opens the file. So this makes no system call.
    ///
    /// The item belongs to the dataset: after its last handle was dropped, the value stays in
    /// the pool, within the budgets, until it is evicted, or the dataset is dropped and no
    /// other one is open at this path. A server can therefore get, read and drop an item in
    /// each request, and finds it in memory.
    /// [`PoolBuilder::retain_unused`](crate::PoolBuilder::retain_unused) turns this off, and
    /// [`FBPool::release_unused`] ends it for the items of now.
    ///
    /// To get an item that stayed in memory costs a look-up by key and takes no lock of the
    /// dataset. Until a commit returns, its changes may be seen in part: one `get` still finds
    /// an item that the commit removes, while another one finds an item that it adds.
    ///
    /// Handles stay good whatever is committed later: before a commit deletes a file, it
    /// links the file into the cache if a handle needs it. Until then, a handle keeps what the
    /// path of the dataset keeps: for a dataset that was opened read-only, the pin of its
    /// commit, and otherwise the lock of the directory, which excludes other processes from
    /// committing.
    ///
    /// A store that cannot [read in
    /// place](crate::backing_store::BackingStoreT::reads_in_place) brings the file into the
    /// cache, as [`FBPool::register`] does.
    ///
    /// # Errors
    ///
    /// [`Error::is_not_found`](crate::Error::is_not_found) if the current commit has no
    /// such item; another error if `pool` belongs to another store. A missing or damaged file
    /// is an error of the first read.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future discards the handle.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "bincodec")]
    /// # #[tokio::main]
    /// # async fn main() -> file_backed::Result<()> {
    /// use std::sync::Arc;
    /// use file_backed::dataset::{Dataset, Key};
    /// use file_backed::fbstore::{BinCodec, PreparedPath};
    /// use file_backed::{Error, FBPool};
    ///
    /// let pool: Arc<FBPool<String, _>> = FBPool::temp(BinCodec, 100).await?;
    /// let saved = PreparedPath::temp().await?;
    /// let notes: Dataset<Vec<Key<String>>, _> = Dataset::open(pool.store(), saved).await?;
    /// let note = pool.insert("a note".to_owned());
    /// notes.commit(|saver| Ok::<_, Error>(vec![saver.save(&note)?])).await?;
    /// drop(note);
    ///
    /// let key = notes.root()[0];
    /// for _ in 0..10 {
    ///     let note = notes.get(&pool, key).await?; // by key, in each request
    ///     assert_eq!(*note.read().await?, "a note");
    /// }
    /// let stats = pool.stats();
    /// assert_eq!((stats.hits, stats.misses), (10, 0));
    /// assert_eq!((stats.items, stats.retained), (0, 1));
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bincodec"))]
    /// # fn main() {}
    /// ```
    pub async fn get<T>(&self, pool: &Arc<FBPool<T, B>>, key: Key<T>) -> Result<Fb<T, B>>
    where
        T: Send + Sync + 'static,
        B: Strategy<T>,
    {
        match self.try_get(pool, key)? {
            Some(handle) => Ok(handle),
            None => pool.register(&self.shared.path.tracked, key.uuid()).await,
        }
    }

    /// The blocking form of [`get`](Self::get).
    ///
    /// # Errors
    ///
    /// Same as [`get`](Self::get).
    ///
    /// # Blocking
    ///
    /// Only if the store cannot read in place: then the file is brought into the cache on
    /// this thread.
    pub fn blocking_get<T>(&self, pool: &Arc<FBPool<T, B>>, key: Key<T>) -> Result<Fb<T, B>>
    where
        T: Send + Sync + 'static,
        B: Strategy<T>,
    {
        match self.try_get(pool, key)? {
            Some(handle) => Ok(handle),
            None => pool.blocking_register(&self.shared.path.tracked, key.uuid()),
        }
    }

    /// [Gets](Self::get) many items, in the order of `keys`.
    ///
    /// # Errors
    ///
    /// The first error of [`get`](Self::get). No handle is returned then.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future discards the handles.
    pub async fn get_many<T>(
        &self,
        pool: &Arc<FBPool<T, B>>,
        keys: impl IntoIterator<Item = Key<T>>,
    ) -> Result<Vec<Fb<T, B>>>
    where
        T: Send + Sync + 'static,
        B: Strategy<T>,
    {
        let mut handles = Vec::new();
        for key in keys {
            handles.push(self.get(pool, key).await?);
        }
        Ok(handles)
    }

    /// The blocking form of [`get_many`](Self::get_many).
    ///
    /// # Errors
    ///
    /// Same as [`get_many`](Self::get_many).
    ///
    /// # Blocking
    ///
    /// Same as [`blocking_get`](Self::blocking_get).
    pub fn blocking_get_many<T>(
        &self,
        pool: &Arc<FBPool<T, B>>,
        keys: impl IntoIterator<Item = Key<T>>,
    ) -> Result<Vec<Fb<T, B>>>
    where
        T: Send + Sync + 'static,
        B: Strategy<T>,
    {
        let keys = keys.into_iter();
        keys.map(|key| self.blocking_get(pool, key)).collect()
    }

    /// [Prefetches](FBPool::prefetch) items of the current commit by their keys. Their values
    /// stay in memory without handles, within the budgets, unless the pool is
    /// [told not to retain them](crate::PoolBuilder::retain_unused). Keys that the commit does
    /// not have count as failed.
    ///
    /// # Errors
    ///
    /// None; see [`FBPool::prefetch`].
    ///
    /// # Cancel safety
    ///
    /// Same as [`FBPool::prefetch`].
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "bincodec")]
    /// # #[tokio::main]
    /// # async fn main() -> file_backed::Result<()> {
    /// use std::sync::Arc;
    /// use file_backed::dataset::{Dataset, Key};
    /// use file_backed::fbstore::{BinCodec, PreparedPath};
    /// use file_backed::{Error, FBPool};
    ///
    /// let pool: Arc<FBPool<String, _>> = FBPool::temp(BinCodec, 100).await?;
    /// let saved = PreparedPath::temp().await?;
    /// let notes: Dataset<Vec<Key<String>>, _> = Dataset::open(pool.store(), saved).await?;
    /// let new: Vec<_> = (0..10).map(|n| pool.insert(format!("note {n}"))).collect();
    /// let save = new.iter();
    /// notes
    ///     .commit(|saver| save.map(|note| saver.save(note)).collect::<Result<_, Error>>())
    ///     .await?;
    /// drop(new);
    ///
    /// let keys = notes.root().clone();
    /// let prefetched = notes.prefetch(&pool, keys.iter().copied()).await;
    /// // Those that the commit has left in memory need no load.
    /// assert_eq!(prefetched.loaded + prefetched.resident, 10);
    /// let note = notes.get(&pool, keys[3]).await?;
    /// assert_eq!(note.try_load().as_deref().map(String::as_str), Some("note 3"));
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bincodec"))]
    /// # fn main() {}
    /// ```
    pub async fn prefetch<T>(
        &self,
        pool: &Arc<FBPool<T, B>>,
        keys: impl IntoIterator<Item = Key<T>>,
    ) -> Prefetched
    where
        T: Send + Sync + 'static,
        B: Strategy<T>,
    {
        let (mut handles, mut missing) = (Vec::new(), Prefetched::default());
        for key in keys {
            match self.get(pool, key).await {
                Ok(handle) => handles.push(handle),
                Err(error) => missing.note_failure(error),
            }
        }
        missing.and(pool.prefetch(&handles).await)
    }

    /// The blocking form of [`prefetch`](Self::prefetch).
    ///
    /// # Blocking
    ///
    /// Same as [`FBPool::blocking_prefetch`].
    pub fn blocking_prefetch<T>(
        &self,
        pool: &Arc<FBPool<T, B>>,
        keys: impl IntoIterator<Item = Key<T>>,
    ) -> Prefetched
    where
        T: Send + Sync + 'static,
        B: Strategy<T>,
    {
        let (mut handles, mut missing) = (Vec::new(), Prefetched::default());
        for key in keys {
            match self.blocking_get(pool, key) {
                Ok(handle) => handles.push(handle),
                Err(error) => missing.note_failure(error),
            }
        }
        missing.and(pool.blocking_prefetch(&handles))
    }

    /// Returns `None` if the file has to be brought into the cache first.
    fn try_get<T>(&self, pool: &Arc<FBPool<T, B>>, key: Key<T>) -> Result<Option<Fb<T, B>>>
    where
        T: Send + Sync + 'static,
        B: Strategy<T>,
    {
        let (store, tracked) = (&self.shared.path.store, &self.shared.path.tracked);
        store.core().check_process(Operation::Register)?;
        let key_of_item = Some(key.uuid());
        (self.shared.path).check_store(pool.store(), Operation::Register, key_of_item)?;
        if let Some(handle) = pool.find_staying(tracked, key.uuid()) {
            return Ok(Some(handle));
        }
        if !self.contains_key(key) {
            return Err(self.not_committed(key.uuid()));
        }
        if let Some(handle) = pool.find_of_dataset(tracked, key.uuid()) {
            return Ok(Some(handle));
        }
        if !store.reads_in_place() {
            return Ok(None);
        }
        match pool.handle_of_dataset(tracked, key.uuid()) {
            Some(handle) => Ok(Some(handle)),
            None => Err(self.not_committed(key.uuid())),
        }
    }

    #[cold]
    fn not_committed(&self, key: Uuid) -> Error {
        let cause = DatasetCause::NotCommitted;
        (self.shared.path).error_of_item(Operation::Register, key, cause)
    }
}

impl<Root: Send + Sync + 'static, B: ManifestStore> Dataset<Root, B> {
    /// Reads files of the current commit and compares them with their checksums, without
    /// loading values, on as many threads as there are cores.
    ///
    /// Files of items that a commit deletes during the verification are reported as
    /// missing.
    ///
    /// # Errors
    ///
    /// If the runtime is shut down. Damage is not an error; it is reported in the result.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future discards the result; the verification continues.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "bincodec")]
    /// # #[tokio::main]
    /// # async fn main() -> file_backed::Result<()> {
    /// use std::sync::Arc;
    /// use file_backed::FBPool;
    /// use file_backed::dataset::{Dataset, VerifyOptions};
    /// use file_backed::fbstore::{BinCodec, PreparedPath};
    ///
    /// let pool: Arc<FBPool<String, _>> = FBPool::temp(BinCodec, 100).await?;
    /// let saved = PreparedPath::temp().await?;
    /// let notes: Dataset<(), _> = Dataset::open(pool.store(), saved).await?;
    ///
    /// let verified = notes.verify(VerifyOptions::all()).await?;
    /// for error in &verified.damaged {
    ///     eprintln!("{error}"); // names the key and the path
    /// }
    /// assert!(verified.is_whole());
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bincodec"))]
    /// # fn main() {}
    /// ```
    pub async fn verify(&self, verify: VerifyOptions) -> Result<Verified> {
        let shared = self.shared.clone();
        let run = move || shared.path.verify(&shared.current().contents, &verify);
        self.shared.path.store.spawn_blocking(run).await
    }

    /// The blocking form of [`verify`](Self::verify).
    ///
    /// # Errors
    ///
    /// [`Error::is_forked`](crate::Error::is_forked) in a forked child. Damage is not an
    /// error; it is reported in the result.
    ///
    /// # Blocking
    ///
    /// Reads on this thread and on others.
    pub fn blocking_verify(&self, verify: VerifyOptions) -> Result<Verified> {
        let core = self.shared.path.store.core();
        core.check_process(Operation::Verify)?;
        let contents = &self.shared.current().contents;
        Ok(self.shared.path.verify(contents, &verify))
    }
}

/// Items that no handle owns end, or move to another dataset that is open at the path.
impl<Root, B: ManifestStore> Drop for Shared<Root, B> {
    fn drop(&mut self) {
        let core = self.path.store.core();
        if !core.is_forked() {
            core.close_dataset(self.path.tracked.source());
            // Items that have handles may be loaded from packs, and need nothing else of it.
            self.contents.forget_all_but_packs();
        }
    }
}

impl<Root, B: ManifestStore> Shared<Root, B> {
    fn current(&self) -> Arc<Version<Root>> {
        self.current.lock().clone()
    }

    /// Returns the previous version, which had the `removed` items in addition.
    fn set_current(&self, version: Version<Root>, removed: &[Uuid]) -> Arc<Version<Root>> {
        self.contents.set(&version, removed);
        let before = std::mem::replace(&mut *self.current.lock(), Arc::new(version));
        (self.path.store.core()).leave_commit(self.path.tracked.source(), removed);
        self.changes.notify();
        before
    }

    fn check_writable(&self) -> Result<()> {
        let path = &self.path;
        path.store.core().check_process(Operation::Commit)?;
        match path.tracked.is_read_only() {
            true => Err(path.error(Operation::Commit, DatasetCause::ReadOnly)),
            false => Ok(()),
        }
    }
}

impl<Root: fmt::Debug, B: ManifestStore> fmt::Debug for Dataset<Root, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let current = self.shared.current();
        f.debug_struct("Dataset")
            .field("generation", &current.generation)
            .field("items", &current.contents.len())
            .field("root", &current.root)
            .finish_non_exhaustive()
    }
}
