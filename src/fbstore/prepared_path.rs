//! A directory that is ready to hold items.

use std::fmt;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use uuid::Uuid;

use super::directory::{Directory, Opening, Wishes, at};
use super::file_ref::FileRef;
use super::files::Files;
use super::manifests::Keep;
use super::packs::{FoundPacks, ItemsInPacks, NotOpen, PackedFile};
use super::readers::Readers;
use super::real_files::RealFiles;
#[cfg(feature = "dataset")]
use super::role::Role;
use crate::backing_store::{Outcome, PackLocator};
use crate::error::{Operation, StoreError};
use crate::{Error, Result};

/// A directory with its 256 shards, ready to be the cache of a store or to have items
/// persisted in it.
///
/// It dereferences to its [`Path`]. Clones refer to the same directory.
///
/// All `PreparedPath`s of one directory in a process share one entry. Opening the
/// directory again first finishes the deletions that an earlier store left pending.
///
/// # Examples
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> file_backed::Result<()> {
/// use file_backed::fbstore::PreparedPath;
///
/// # let dir = tempfile::tempdir().expect("a temporary directory");
/// # let path = dir.path().join("items");
/// let prepared = PreparedPath::builder().ignore("notes.txt").open(path).await?;
/// assert!(prepared.join("ff").is_dir());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PreparedPath {
    directory: Arc<Directory>,
    ignored: Arc<[&'static str]>,
    mode: Mode,
    keep: Option<Arc<Keep>>,
    /// The items of a directory that are in packs, as a manifest has them or, if the directory
    /// is only read, as the last scan of this path or a clone has found them.
    packs: Arc<ArcSwapOption<ItemsInPacks>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    ReadWrite,
    ReadOnly,
    /// Files of 0.6, which have no footer. Decoding one may ask for at most `limit`
    /// bytes.
    Import {
        limit: u64,
    },
}

impl PreparedPath {
    /// Opens the directory `path`, and creates it and its shards if they do not exist.
    /// Only the current user can enter a directory created here;
    /// [`builder`](Self::builder) can open it to others, and lists names that belong to
    /// the program.
    ///
    /// # Errors
    ///
    /// If the directory cannot be created or read, or `path` is not a directory.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future may leave empty directories.
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self> {
        Self::builder().open(path).await
    }

    /// The blocking form of [`open`](Self::open).
    ///
    /// # Errors
    ///
    /// Same as [`open`](Self::open).
    ///
    /// # Blocking
    ///
    /// Creates the directories on this thread.
    pub fn blocking_open(path: impl Into<PathBuf>) -> Result<Self> {
        Self::builder().blocking_open(path)
    }

    #[cfg(test)]
    pub(crate) fn open_with(path: PathBuf, files: Arc<dyn Files>) -> Result<Self> {
        Self::builder().open_with(path, files)
    }

    /// Opens a directory with more options than [`open`](Self::open): who may read what
    /// is created in it, and who may own it.
    pub fn builder() -> PathBuilder {
        PathBuilder {
            ignored: Vec::new(),
            wishes: Wishes::default(),
        }
    }

    /// Creates a temporary directory. It is deleted when the store that has it as its
    /// cache is dropped, or, without such a store, when its last user is.
    ///
    /// # Errors
    ///
    /// If the directory cannot be created.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing on disk.
    pub async fn temp() -> Result<Self> {
        on_a_thread(Self::blocking_temp).await
    }

    /// The blocking form of [`temp`](Self::temp).
    ///
    /// # Errors
    ///
    /// Same as [`temp`](Self::temp).
    ///
    /// # Blocking
    ///
    /// Creates the directories on this thread.
    pub fn blocking_temp() -> Result<Self> {
        let directory = Directory::temporary(Arc::new(RealFiles)).map_err(temporary_failed)?;
        Ok(Self {
            directory,
            ignored: [].into(),
            mode: Mode::ReadWrite,
            keep: None,
            packs: Arc::default(),
        })
    }

    /// Opens an existing directory to read the items persisted in it. Nothing in it is
    /// created or changed. Track it with
    /// [`track_read_only`](crate::BackingStore::track_read_only).
    ///
    /// Items in [packs](super::pack), in the directory `file_backed.packs`, are found too. Each
    /// takes 56 bytes of memory, and each pack a descriptor, so that it can be read even if it is
    /// deleted meanwhile: from the time the path is tracked until it and its items are
    /// dropped. An item that also has a file is
    /// read from that. The items of a pack whose index is damaged are not found; a warning
    /// names the pack, and so does a verification
    /// ([`Inspection::verify`](crate::dataset::Inspection::verify), with the feature
    /// `dataset`).
    ///
    /// # Errors
    ///
    /// If `path` is not a readable directory.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing on disk.
    pub async fn open_read_only(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        on_a_thread(move || Self::blocking_open_read_only(path)).await
    }

    /// The blocking form of [`open_read_only`](Self::open_read_only).
    ///
    /// # Errors
    ///
    /// Same as [`open_read_only`](Self::open_read_only).
    ///
    /// # Blocking
    ///
    /// Checks the directory on this thread.
    pub fn blocking_open_read_only(path: impl Into<PathBuf>) -> Result<Self> {
        Self::existing(path.into(), Mode::ReadOnly)
    }

    /// Opens a directory persisted by file_backed 0.6, whose files have no footer.
    /// Nothing in it is changed. Track it with
    /// [`track_read_only`](crate::BackingStore::track_read_only), load its items with
    /// the codec that wrote them, and insert the values as new items.
    ///
    /// Without a footer, only the codec can distinguish a damaged file from an intact
    /// one. Decoding one item may therefore ask for at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// If `path` is not a readable directory.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing on disk.
    pub async fn open_import(path: impl Into<PathBuf>, limit: u64) -> Result<Self> {
        let path = path.into();
        on_a_thread(move || Self::blocking_open_import(path, limit)).await
    }

    /// The blocking form of [`open_import`](Self::open_import).
    ///
    /// # Errors
    ///
    /// Same as [`open_import`](Self::open_import).
    ///
    /// # Blocking
    ///
    /// Checks the directory on this thread.
    pub fn blocking_open_import(path: impl Into<PathBuf>, limit: u64) -> Result<Self> {
        Self::existing(path.into(), Mode::Import { limit })
    }

    fn existing(path: PathBuf, mode: Mode) -> Result<Self> {
        let files: Arc<dyn Files> = Arc::new(RealFiles);
        let failed = |error| Error::new(Operation::PrepareToRead, error);
        files
            .list(&FileRef::Path(&path), &mut |_, _| {})
            .map_err(|error| failed(at(&path, error)))?;
        let directory = Directory::open(path, files, Opening::Read).map_err(failed)?;
        Ok(Self {
            directory,
            ignored: [].into(),
            mode,
            keep: None,
            packs: Arc::default(),
        })
    }

    /// The directory's path.
    pub fn path(&self) -> &Path {
        self.directory.root()
    }

    /// The free space on the directory's file system, in bytes, for programs without
    /// privileges. Other programs use up the same space.
    ///
    /// # Errors
    ///
    /// If the system does not report it.
    ///
    /// # Blocking
    ///
    /// Queries the file system on this thread.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> file_backed::Result<()> {
    /// use file_backed::fbstore::PreparedPath;
    ///
    /// let path = PreparedPath::blocking_temp()?;
    /// println!("room for {} MiB", path.free_space()? >> 20);
    /// # Ok(())
    /// # }
    /// ```
    pub fn free_space(&self) -> Result<u64> {
        let free = self.directory.files().free_space(self.path());
        free.map_err(|error| Error::new(Operation::FreeSpace, at(self.path(), error)))
    }

    /// The names that a scan skips silently, in addition to
    /// [`RESERVED`](super::RESERVED).
    pub fn ignored(&self) -> &[&'static str] {
        &self.ignored
    }

    pub(super) fn is_import(&self) -> bool {
        matches!(self.mode, Mode::Import { .. })
    }

    pub(super) fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    /// Whether the directory is marked as the cache of a store. False if the mark is
    /// unreadable.
    #[cfg(feature = "dataset")]
    pub(crate) fn is_cache(&self) -> bool {
        matches!(self.directory.role(), Ok(Some(Role::Cache)))
    }

    /// The same directory, which also keeps `keep` alive.
    pub(super) fn keeping(&self, keep: Arc<Keep>) -> Self {
        Self {
            keep: Some(keep),
            // Each generation has its own.
            packs: Arc::default(),
            ..self.clone()
        }
    }

    /// Notes the packs that a scan has found.
    pub(super) fn set_packs(&self, packs: FoundPacks) {
        self.packs.store(Some(Arc::new(ItemsInPacks::Found(packs))));
    }

    /// The same path, with what says where the items are that are in packs.
    pub(crate) fn located_by(&self, locator: Arc<dyn PackLocator>) -> Self {
        let located = Arc::new(ItemsInPacks::Located(locator));
        Self {
            packs: Arc::new(ArcSwapOption::new(Some(located))),
            ..self.clone()
        }
    }

    /// The item of `key`, if it is in a pack and has no file of its own.
    pub(super) fn packed(&self, key: Uuid) -> Result<Option<PackedFile>, StoreError> {
        if let Some(packs) = &*self.packs.load() {
            return packs.find(&self.directory, key);
        }
        match self.items_in_packs() {
            Some(packs) => packs.find(&self.directory, key),
            None => Ok(None),
        }
    }

    /// The same, without a call that may wait for the disk: an error if the pack is not open.
    pub(super) fn packed_if_open(&self, key: Uuid) -> Result<Option<PackedFile>, NotOpen> {
        if let Some(packs) = &*self.packs.load() {
            return packs.find_open(&self.directory, key);
        }
        match self.items_in_packs() {
            Some(packs) => packs.find_open(&self.directory, key),
            None => Ok(None),
        }
    }

    /// Lets other paths to the directory ask what this one asks.
    pub(super) fn announce_locator(&self) {
        if let Some(ItemsInPacks::Located(locator)) = self.packs.load().as_deref() {
            self.directory.set_locator(locator);
        }
    }

    /// Says where the items are that are in packs, if a manifest does.
    pub(super) fn locator(&self) -> Option<Arc<dyn PackLocator>> {
        match &*self.items_in_packs()? {
            ItemsInPacks::Located(locator) => Some(locator.clone()),
            ItemsInPacks::Found(_) => None,
        }
    }

    /// Of the path itself or, if it has none, of the dataset that is open to commit.
    fn items_in_packs(&self) -> Option<Arc<ItemsInPacks>> {
        let own = self.packs.load_full();
        own.or_else(|| {
            // A path that is only read has packs of its own, once it was scanned.
            let is_writer = self.mode == Mode::ReadWrite;
            let locator = is_writer.then(|| self.directory.locator()).flatten()?;
            Some(Arc::new(ItemsInPacks::Located(locator)))
        })
    }

    /// The path of the file that holds the item of `key`: its own one, or a pack.
    #[cfg(feature = "dataset")]
    pub(crate) fn path_of_item(&self, key: Uuid) -> PathBuf {
        let packs = self.items_in_packs();
        let pack = packs.and_then(|packs| packs.path_of(&self.directory, key));
        pack.unwrap_or_else(|| self.directory.path_of(key))
    }

    /// The errors of the packs that are damaged.
    #[cfg(feature = "dataset")]
    pub(crate) fn damaged_packs(&self) -> Vec<StoreError> {
        let packs = self.packs.load();
        match packs.as_deref() {
            Some(ItemsInPacks::Found(packs)) => packs.damage().collect(),
            _ => Vec::new(),
        }
    }

    pub(super) fn mode(&self) -> Mode {
        self.mode
    }
}

/// Options for opening a directory; from [`PreparedPath::builder`].
///
/// # Examples
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> file_backed::Result<()> {
/// use file_backed::fbstore::{Readers, PreparedPath};
///
/// # let dir = tempfile::tempdir().expect("a temporary directory");
/// # let path = dir.path().join("items");
/// let prepared = PreparedPath::builder()
///     .ignore("notes.txt")
///     .readers(Readers::Everyone)
///     .open(path)
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder opens nothing until `open` is called"]
pub struct PathBuilder {
    ignored: Vec<&'static str>,
    wishes: Wishes,
}

impl PathBuilder {
    /// Adds a name that belongs to the program. A scan skips it silently.
    pub fn ignore(mut self, name: &'static str) -> Self {
        self.ignored.push(name);
        self
    }

    pub(crate) fn ignore_all(mut self, names: Vec<&'static str>) -> Self {
        self.ignored.extend(names);
        self
    }

    /// Sets who may read what the library creates in the directory from now on; see
    /// [`Readers`]. By default only the owner may. A persisted directory that was
    /// opened to more readers before stays open to them, new items included.
    pub fn readers(mut self, readers: Readers) -> Self {
        self.wishes.readers = Some(readers);
        self
    }

    /// Accepts a directory that belongs to another user. The program trusts that user
    /// not to replace files in it. Without this option, such a directory can only be
    /// read ([`PreparedPath::open_read_only`]).
    pub fn any_owner(mut self) -> Self {
        self.wishes.any_owner = true;
        self
    }

    /// Opens the directory; see [`PreparedPath::open`].
    ///
    /// # Errors
    ///
    /// Same as [`PreparedPath::open`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future may leave empty directories.
    pub async fn open(self, path: impl Into<PathBuf>) -> Result<PreparedPath> {
        let path = path.into();
        on_a_thread(move || self.blocking_open(path)).await
    }

    /// The blocking form of [`open`](Self::open).
    ///
    /// # Errors
    ///
    /// Same as [`PreparedPath::open`].
    ///
    /// # Blocking
    ///
    /// Creates the directories on this thread.
    pub fn blocking_open(self, path: impl Into<PathBuf>) -> Result<PreparedPath> {
        self.open_with(path.into(), Arc::new(RealFiles))
    }

    fn open_with(self, path: PathBuf, files: Arc<dyn Files>) -> Result<PreparedPath> {
        let directory = Directory::open(path, files, Opening::Create(self.wishes));
        Ok(PreparedPath {
            directory: directory.map_err(prepare)?,
            ignored: self.ignored.into(),
            mode: Mode::ReadWrite,
            keep: None,
            packs: Arc::default(),
        })
    }
}

fn prepare(error: StoreError) -> Error {
    Error::new(Operation::Prepare, error)
}

fn temporary_failed(error: StoreError) -> Error {
    Error::new(Operation::PrepareTemporary, error)
}

/// Runs `work` on a new thread. Opening a directory is rare, and must not wait for a
/// runtime whose blocking threads are all busy.
pub(crate) async fn on_a_thread<R: Send + 'static>(
    work: impl FnOnce() -> Result<R> + Send + 'static,
) -> Result<R> {
    let outcome = Arc::new(Outcome::new());
    let set = outcome.clone();
    std::thread::Builder::new()
        .name("file_backed open".to_owned())
        .spawn(move || {
            let result = crate::backing_store::guarded(|| Ok(work()))
                .unwrap_or_else(|panic| Err(prepare(panic)));
            set.set(result);
        })
        .map_err(|error| prepare(error.into()))?;
    outcome.wait_for(Option::take).await
}

impl Deref for PreparedPath {
    type Target = Path;

    fn deref(&self) -> &Path {
        self.path()
    }
}

impl fmt::Debug for PreparedPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedPath")
            .field("path", &self.path())
            .field("ignored", &self.ignored)
            .field("mode", &self.mode)
            .field("keeps", &self.keep.is_some())
            .finish()
    }
}
