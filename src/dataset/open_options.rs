//! Options for opening a dataset.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::current::CurrentContents;
use super::open::ExistingItems;
use super::packing::Packing;
use super::path::DatasetPath;
use super::salvage::Salvaged;
use super::{Dataset, VerifyOptions};
use crate::Result;
use crate::backing_store::{BackingStore, ManifestStore};
use crate::error::Operation;
use crate::fbstore::on_a_thread;
use crate::lock_timeout::retry_while_in_use;

/// Opens a dataset to commit, with options.
///
/// | to | call |
/// |---|---|
/// | wait until another process has ended | [`lock_timeout`](Self::lock_timeout) |
/// | make a dataset of items that are already in the directory | [`with_existing_items`](Self::with_existing_items) |
/// | open what is left of a damaged dataset | [`salvage`](Self::salvage) |
///
/// # Examples
///
/// A directory that items were persisted to becomes a dataset:
///
/// ```
/// # #[cfg(feature = "bincodec")]
/// # #[tokio::main]
/// # async fn main() -> file_backed::Result<()> {
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use file_backed::dataset::{Dataset, Key, OpenOptions};
/// use file_backed::fbstore::{BinCodec, PreparedPath};
/// use file_backed::{Error, FBPool};
///
/// let pool: Arc<FBPool<String, _>> = FBPool::temp(BinCodec, 100).await?;
/// let saved = PreparedPath::temp().await?;
/// let tracked = Arc::new(pool.store().track_path(saved.clone()).await?);
/// let note = pool.insert("a note".to_owned());
/// note.persist(&tracked).await?;
/// let key = Key::<String>::from_uuid(note.key());
///
/// let options = OpenOptions::new()
///     .with_existing_items()
///     .lock_timeout(Duration::from_secs(10));
/// let notes: Dataset<(), _> = options.open(pool.store(), saved).await?;
/// assert_eq!(notes.all_keys(), [key.uuid()]);
/// notes.edit(|edit| edit.set_name("first", key)).await?;
/// assert_eq!(*notes.get_named(&pool, "first").await?.read().await?, "a note");
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "bincodec"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "options do nothing until `open` or `salvage` is called"]
pub struct OpenOptions {
    lock_timeout: Duration,
    existing: ExistingItems,
    packing: Packing,
}

impl OpenOptions {
    /// The options of [`Dataset::open`]: it does not wait, and refuses a directory with items
    /// that no commit names.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long to wait while the dataset [is in use](crate::Error::is_in_use), by another
    /// process or another [`Dataset`] of this one. The default is zero.
    ///
    /// A process that was killed keeps its lock until the system has freed its memory, which
    /// takes seconds if there is much of it. So a service that is restarted at once waits,
    /// with a timeout, instead of failing.
    ///
    /// A lock that is released is noticed within 50 ms.
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = timeout;
        self
    }

    /// Makes a dataset of a directory that items were persisted to, by
    /// [`persist`](crate::Fb::persist) or [`blocking_save`](crate::convenience::blocking_save):
    /// the first commit has all items that are there, without names, and the default root.
    /// From then on, a commit deletes the items that it does not keep.
    ///
    /// If there is a dataset already, this changes nothing: the items that no commit of it
    /// names are deleted as usual.
    ///
    /// Reads the footer of each file. A file that is damaged, or that is not an item, fails
    /// the call, and nothing is changed; [`salvage`](Self::salvage) opens the others. What is
    /// left of a dataset whose manifest is missing is refused too: it has names to salvage.
    pub fn with_existing_items(mut self) -> Self {
        self.existing = ExistingItems::Include;
        self
    }

    /// Puts items whose files have up to this many bytes into [packs](crate::fbstore::pack),
    /// which are files of many items: 0, the default, for none. Items that are there already
    /// stay as they are.
    ///
    /// A file of its own takes at least 4 KiB of the disk, and calls to make, sync, open and
    /// delete it. An item of a pack takes its payload and about 60 bytes, and one call to read
    /// it. It cannot be mapped, so [`Mapped`](crate::fbstore::Mapped) values are read into
    /// memory. The packs of a commit hold its items in the order of their names. A commit of a
    /// few items gives them files.
    ///
    /// A store that has no packs or a quota ignores this, and more than 64 MiB count as so
    /// many.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "bincodec")]
    /// # #[tokio::main]
    /// # async fn main() -> file_backed::Result<()> {
    /// use std::sync::Arc;
    /// use file_backed::dataset::{Dataset, OpenOptions};
    /// use file_backed::fbstore::{BinCodec, PreparedPath};
    /// use file_backed::{Error, FBPool};
    ///
    /// let pool: Arc<FBPool<String, _>> = FBPool::temp(BinCodec, 100).await?;
    /// let saved = PreparedPath::temp().await?;
    /// let notes: Dataset<(), _> = OpenOptions::new()
    ///     .pack_below(64 << 10)
    ///     .open(pool.store(), saved.clone())
    ///     .await?;
    /// let items: Vec<_> = (0..1000).map(|n| pool.insert(format!("note {n}"))).collect();
    /// notes
    ///     .edit(|edit| {
    ///         for (n, item) in items.iter().enumerate() {
    ///             edit.put_named(&format!("notes/{n}"), item)?;
    ///         }
    ///         Ok::<_, Error>(())
    ///     })
    ///     .await?;
    /// let packs = std::fs::read_dir(saved.join("file_backed.packs")).expect("it is there");
    /// assert_eq!(packs.count(), 1);
    /// let note = notes.get_named::<String>(&pool, "notes/7").await?;
    /// assert_eq!(*note.read().await?, "note 7");
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bincodec"))]
    /// # fn main() {}
    /// ```
    pub fn pack_below(mut self, bytes: u64) -> Self {
        self.packing.below = bytes.min(Packing::MOST_BELOW);
        self
    }

    /// Puts all items into packs, however few a commit has.
    #[cfg(test)]
    pub(super) fn pack_all(mut self) -> Self {
        self.packing.below = u64::MAX;
        self.packing.least_items = 0;
        self
    }

    /// The most bytes of items that a pack has, unless it has a single one. The default is
    /// 16 MiB.
    ///
    /// # Panics
    ///
    /// If it is 0, or more than 1 GiB.
    pub fn pack_size(mut self, bytes: u64) -> Self {
        assert!(
            (1..=1 << 30).contains(&bytes),
            "a pack has between one byte and 1 GiB of items"
        );
        self.packing.size = bytes;
        self
    }

    /// Opens the dataset at `path`, like [`Dataset::open`].
    ///
    /// # Errors
    ///
    /// Same as [`Dataset::open`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves at most a dataset that was created, with the items that it
    /// was to have. While another process has the dataset, the wait for it goes on in the
    /// background until the timeout.
    pub async fn open<Root, B>(
        &self,
        store: &Arc<BackingStore<B>>,
        path: B::PersistPath,
    ) -> Result<Dataset<Root, B>>
    where
        Root: Serialize + DeserializeOwned + Default + Send + Sync + 'static,
        B: ManifestStore,
    {
        let (options, own) = (self.clone(), store.clone());
        let open = move || options.blocking_open(&own, path);
        match self.lock_timeout.is_zero() {
            true => store.task(Operation::OpenDataset, open).await,
            // A wait must not take up a thread of the store.
            false => on_a_thread(open).await,
        }
    }

    /// The blocking form of [`open`](Self::open).
    ///
    /// # Errors
    ///
    /// Same as [`open`](Self::open).
    ///
    /// # Blocking
    ///
    /// Waits, and does its file work, on this thread.
    pub fn blocking_open<Root, B>(
        &self,
        store: &Arc<BackingStore<B>>,
        path: B::PersistPath,
    ) -> Result<Dataset<Root, B>>
    where
        Root: Serialize + DeserializeOwned + Default + Send + Sync + 'static,
        B: ManifestStore,
    {
        let path = self.claim(store, path)?;
        let generations = path.generations(Operation::OpenDataset)?;
        match generations.split_last() {
            Some((newest, earlier)) => path.recover(*newest, earlier),
            None => path.create(self.existing),
        }
    }

    /// Opens what is left of a dataset that [`open`](Self::open) refuses because files are
    /// missing or damaged. Returns the dataset without the damaged items, and what is wrong.
    ///
    /// * An item is damaged if its file is missing, or if it was verified and does not match
    ///   its checksums. `verify` says which files to read in full:
    ///   [`VerifyOptions::all`], which takes as long as reading the dataset, or those of some
    ///   items, or of none. Missing files are found in any case.
    /// * If the last commit cannot be read, because its manifest or a file that it builds on
    ///   is damaged, the latest state that can be read takes its place: at best, that is the
    ///   commit before. The same holds if the manifest of the last commit is missing. Items that are present but that this state does not have are
    ///   included without names.
    /// * If no commit can be read, or the directory never was a dataset, all items that are
    ///   present are included without names, and the root is the default one.
    ///
    /// No item and no manifest is changed or deleted until the next successful commit, which
    /// records what it keeps, as any commit does. It then deletes everything else, the damaged
    /// files included: copy those away first if you want to examine them. To replace a damaged
    /// item, put another one under its name. One of the same key, from a backup, is refused
    /// as long as the damaged file is there: replace that file, and salvage again.
    ///
    /// A dataset with nothing wrong is opened as it is, and what an interrupted commit has left
    /// is deleted by the next commit.
    ///
    /// # Errors
    ///
    /// [`Error::is_in_use`] after the [timeout](Self::lock_timeout);
    /// [`Error::is_not_found`] if the directory is empty; [`Error::is_damaged`] if neither a
    /// commit nor any item can be read; [`Error::is_mismatch`] if the root
    /// has another type, or a newer release wrote the dataset. Any error of the system other
    /// than a missing file and an unreadable block, such as a missing permission: it does not
    /// mean that a file is damaged.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing behind. The work continues in the background.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "bincodec")]
    /// # #[tokio::main]
    /// # async fn main() -> file_backed::Result<()> {
    /// use std::sync::Arc;
    /// use file_backed::FBPool;
    /// use file_backed::dataset::{Dataset, OpenOptions, VerifyOptions};
    /// use file_backed::fbstore::{BinCodec, PreparedPath, key_path};
    ///
    /// let pool: Arc<FBPool<String, _>> = FBPool::temp(BinCodec, 100).await?;
    /// let saved = PreparedPath::temp().await?;
    /// let notes: Dataset<(), _> = Dataset::open(pool.store(), saved.clone()).await?;
    /// for name in ["one", "two"] {
    ///     notes.put_named(name, &pool.insert(name.to_owned())).await?;
    /// }
    /// let lost = notes.key_named::<String>("one").expect("it was put").uuid();
    /// drop(notes);
    /// pool.store().finished().await;
    /// std::fs::remove_file(key_path(&saved, lost)).expect("a user can do that");
    ///
    /// let opened: file_backed::Result<Dataset<(), _>> =
    ///     Dataset::open(pool.store(), saved.clone()).await;
    /// assert!(opened.is_err_and(|error| error.is_damaged()));
    ///
    /// let (notes, salvaged) = OpenOptions::new()
    ///     .salvage::<(), _>(pool.store(), saved, VerifyOptions::all())
    ///     .await?;
    /// for item in &salvaged.damaged {
    ///     eprintln!("{} is lost: {}", item.names.join(", "), item.error);
    /// }
    /// assert_eq!(salvaged.damaged[0].names, ["one"]);
    /// assert_eq!(notes.names().iter().count(), 1);
    /// notes.put_named("one", &pool.insert("one again".to_owned())).await?;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bincodec"))]
    /// # fn main() {}
    /// ```
    ///
    /// [`Error::is_damaged`]: crate::Error::is_damaged
    /// [`Error::is_in_use`]: crate::Error::is_in_use
    /// [`Error::is_mismatch`]: crate::Error::is_mismatch
    /// [`Error::is_not_found`]: crate::Error::is_not_found
    pub async fn salvage<Root, B>(
        &self,
        store: &Arc<BackingStore<B>>,
        path: B::PersistPath,
        verify: VerifyOptions,
    ) -> Result<(Dataset<Root, B>, Salvaged)>
    where
        Root: Serialize + DeserializeOwned + Default + Send + Sync + 'static,
        B: ManifestStore,
    {
        let (options, store) = (self.clone(), store.clone());
        on_a_thread(move || options.blocking_salvage(&store, path, verify)).await
    }

    /// The blocking form of [`salvage`](Self::salvage).
    ///
    /// # Errors
    ///
    /// Same as [`salvage`](Self::salvage).
    ///
    /// # Blocking
    ///
    /// Waits, and reads files, on this thread and on others.
    pub fn blocking_salvage<Root, B>(
        &self,
        store: &Arc<BackingStore<B>>,
        path: B::PersistPath,
        verify: VerifyOptions,
    ) -> Result<(Dataset<Root, B>, Salvaged)>
    where
        Root: Serialize + DeserializeOwned + Default + Send + Sync + 'static,
        B: ManifestStore,
    {
        self.claim(store, path)?.salvage(verify)
    }

    /// Claims and locks the path for one dataset, and tracks it.
    fn claim<B: ManifestStore>(
        &self,
        store: &Arc<BackingStore<B>>,
        path: B::PersistPath,
    ) -> Result<DatasetPath<B>> {
        let core = store.core();
        let claim = retry_while_in_use(self.lock_timeout, || {
            let claim = |backing: &B| backing.claim_manifests(&path);
            let claim = core.call(Operation::OpenDataset, None, Some(&path), claim)?;
            store.lock_path(&path)?;
            Ok(claim)
        })?;
        let contents = Arc::new(CurrentContents::empty());
        let locate = |backing: &B| {
            let packs = backing.packs();
            Ok(packs.map(|packs| packs.locate_by(&path, contents.clone())))
        };
        let located = core.call(Operation::OpenDataset, None, Some(&path), locate)?;
        // What is captured counts against a quota until all of it is packed.
        let packs = located.is_some() && !core.has_quota();
        let path = located.unwrap_or(path);
        Ok(DatasetPath {
            contents,
            packing: match packs {
                true => self.packing,
                false => Packing::NONE,
            },
            tracked: Arc::new(store.track_locked(path, false)?),
            claim: Some(Arc::new(claim)),
            store: store.clone(),
        })
    }
}
