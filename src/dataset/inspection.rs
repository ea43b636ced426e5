//! Inspecting a persisted directory without a store.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use file_backed_codecs::frame::Footer;
use uuid::Uuid;

use super::cause::DatasetCause;
use super::contents::Contents;
use super::current::CurrentContents;
use super::manifest::{ItemEntry, ItemRecord};
use super::open::pin_current;
use super::reading::Generation;
use super::{Verified, VerifyOptions};
use crate::error::{Operation, StoreError};
use crate::fbstore::{Manifests, PreparedPath, Stamped as _, keys_in, on_a_thread};
use crate::{Error, Result};

/// Pins the current generation of the dataset at `path` and reads it. Returns `None` if
/// there is none.
pub(super) fn pin_and_read(
    path: &PreparedPath,
    operation: Operation,
) -> Result<Option<(PreparedPath, Generation)>> {
    let failed = |error| Error::new(operation, error);
    let manifests = Manifests::of(path);
    let pin = |generation| manifests.pin(generation);
    let never_at_rest = |cause| StoreError::from(cause).at(path.path());
    let pinned = pin_current(|| manifests.generations(), pin, never_at_rest);
    let Some((generation, pinned)) = pinned.map_err(failed)? else {
        return Ok(None);
    };
    let found = Generation::read(&manifests, generation).map_err(failed)?;
    Ok(Some((located(&pinned, &found), found)))
}

/// Pins this generation of the dataset at `path` and reads it.
fn pin_and_read_generation(
    path: &PreparedPath,
    generation: u64,
) -> Result<(PreparedPath, Generation)> {
    let pin = || {
        let manifests = Manifests::of(path);
        let pinned = manifests.pin(generation)?;
        // A writer may have removed it before it was locked.
        let on_disk = manifests.generations()?;
        match pinned.filter(|_| on_disk.contains(&generation)) {
            Some(pinned) => Ok((pinned, Generation::read(&manifests, generation)?)),
            None if on_disk.is_empty() => {
                Err(StoreError::from(DatasetCause::NoDataset).at(path.path()))
            }
            None => {
                let cause = DatasetCause::NoSuchGeneration {
                    generation,
                    on_disk,
                };
                Err(StoreError::from(cause).at(path.path()))
            }
        }
    };
    let pinned = pin().map_err(|error| Error::new(Operation::OpenDataset, error));
    pinned.map(|(pinned, found)| (located(&pinned, &found), found))
}

/// The path, with what says where the items of a generation are that are in packs.
pub(super) fn located(path: &PreparedPath, found: &Generation) -> PreparedPath {
    let contents = CurrentContents::empty();
    contents.set_found(found);
    path.located_by(Arc::new(contents))
}

/// The contents of a persisted directory, for tools: read without a store, a codec or a
/// type.
///
/// It works on a dataset, whose current commit it pins, and on a directory that items
/// were persisted to without a dataset.
///
/// # Examples
///
/// ```no_run
/// use file_backed::dataset::{Inspection, VerifyOptions};
///
/// # fn main() -> file_backed::Result<()> {
/// let found = Inspection::blocking_open("album")?;
/// for key in found.all_keys() {
///     let file = found.blocking_file(key)?;
///     println!("{} {} bytes by {}", key.simple(), file.len, file.footer.codec());
/// }
/// assert!(found.blocking_verify(VerifyOptions::all()).is_whole());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Inspection {
    path: PreparedPath,
    current: Option<Generation>,
    /// The items in the directory, sorted.
    found: Vec<Uuid>,
    is_cache: bool,
}

/// The file of an item.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ItemFile {
    /// The key of the item.
    pub key: Uuid,
    /// Where the file is; for an item in a [pack](crate::fbstore::pack), where that is.
    pub path: PathBuf,
    /// Length of the item in bytes, footer included.
    pub len: u64,
    /// What the file records about its contents.
    pub footer: Footer,
}

impl Inspection {
    /// Inspects the directory `path`. Nothing in it is changed, and it may be in use.
    ///
    /// # Errors
    ///
    /// If it cannot be read; [`Error::is_damaged`] if its manifest is damaged.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        on_a_thread(move || Self::blocking_open(path)).await
    }

    /// The blocking form of [`open`](Self::open).
    ///
    /// # Errors
    ///
    /// Same as [`open`](Self::open).
    ///
    /// # Blocking
    ///
    /// Reads 256 directories and the manifest.
    pub fn blocking_open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = PreparedPath::blocking_open_read_only(path)?;
        match pin_and_read(&path, Operation::OpenDataset)? {
            Some((path, current)) => Self::scan(path, Some(current)),
            None => Self::scan(path, None),
        }
    }

    /// Inspects this generation of the dataset at `path`, and pins it. On the disk are the
    /// current one and, until the next commit or [`open`](super::Dataset::open), those that
    /// readers have pinned; see [`generations`](Self::generations).
    ///
    /// All methods are about this generation then: what they call the current commit is this
    /// one.
    ///
    /// # Errors
    ///
    /// [`Error::is_not_found`] if there is no dataset, or no such generation;
    /// [`Error::is_damaged`] if its manifest is damaged.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "bincodec")]
    /// # #[tokio::main]
    /// # async fn main() -> file_backed::Result<()> {
    /// use std::sync::Arc;
    /// use file_backed::dataset::{Dataset, Inspection};
    /// use file_backed::fbstore::{BinCodec, PreparedPath};
    /// use file_backed::FBPool;
    ///
    /// # let dir = tempfile::tempdir().expect("a temporary directory");
    /// # let path = dir.path().join("notes");
    /// let pool: Arc<FBPool<String, _>> = FBPool::temp(BinCodec, 100).await?;
    /// let saved = PreparedPath::open(path.clone()).await?;
    /// let notes: Dataset<(), _> = Dataset::open(pool.store(), saved).await?;
    /// notes.put_named("one", &pool.insert("1".to_owned())).await?;
    ///
    /// let before = Inspection::open(path.clone()).await?; // pins generation 1
    /// notes.put_named("two", &pool.insert("2".to_owned())).await?;
    ///
    /// let now = Inspection::open(path.clone()).await?;
    /// assert_eq!(now.generations()?, [1, 2]);
    /// let first = Inspection::open_generation(path, 1).await?;
    /// assert_eq!((first.names().len(), now.names().len()), (1, 2));
    /// # drop(before);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bincodec"))]
    /// # fn main() {}
    /// ```
    pub async fn open_generation(path: impl Into<PathBuf>, generation: u64) -> Result<Self> {
        let path = path.into();
        on_a_thread(move || Self::blocking_open_generation(path, generation)).await
    }

    /// The blocking form of [`open_generation`](Self::open_generation).
    ///
    /// # Errors
    ///
    /// Same as [`open_generation`](Self::open_generation).
    ///
    /// # Blocking
    ///
    /// Same as [`blocking_open`](Self::blocking_open).
    pub fn blocking_open_generation(path: impl Into<PathBuf>, generation: u64) -> Result<Self> {
        let path = PreparedPath::blocking_open_read_only(path)?;
        let (path, found) = pin_and_read_generation(&path, generation)?;
        Self::scan(path, Some(found))
    }

    fn scan(path: PreparedPath, current: Option<Generation>) -> Result<Self> {
        let mut found = keys_in(&path)?;
        found.sort_unstable();
        Ok(Self {
            is_cache: path.is_cache(),
            path,
            current,
            found,
        })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        self.path.path()
    }

    /// The number of the current commit; `None` if the directory is not a dataset.
    pub fn generation(&self) -> Option<u64> {
        self.current.as_ref().map(|current| current.number)
    }

    /// The generations whose manifests are on the disk now, in ascending order. The last one is
    /// current.
    ///
    /// # Errors
    ///
    /// If the directory cannot be read.
    ///
    /// # Blocking
    ///
    /// Reads one directory on this thread.
    pub fn generations(&self) -> Result<Vec<u64>> {
        let generations = Manifests::of(&self.path).generations();
        generations.map_err(|error| Error::new(Operation::Inspect, error))
    }

    /// Whether the directory is marked as a store's cache, whose files come and go and
    /// are worthless after a restart.
    pub fn is_cache(&self) -> bool {
        self.is_cache
    }

    /// The root of the current commit, as JSON; `None` if the directory is not a dataset.
    pub fn root_json(&self) -> Option<&str> {
        let current = self.current.as_ref()?;
        std::str::from_utf8(&current.root).ok()
    }

    /// The items of the current commit or, if the directory is not a dataset, all items
    /// that are present. In ascending order.
    pub fn all_keys(&self) -> Vec<Uuid> {
        match &self.current {
            Some(current) => current.contents.items().map(|(key, _)| key).collect(),
            None => self.found.clone(),
        }
    }

    /// Items of the current commit whose files are missing.
    pub fn missing(&self) -> Vec<Uuid> {
        let mut keys = self.all_keys();
        keys.retain(|key| !self.is_found(*key));
        keys
    }

    /// Items that are present but not in the current commit. They belong to pinned
    /// generations or to a commit in progress, or an interrupted commit left them; the
    /// next [`open`](super::Dataset::open) deletes those, but none in
    /// [packs](crate::fbstore::pack).
    pub fn unnamed(&self) -> Vec<Uuid> {
        let Some(current) = &self.current else {
            return Vec::new();
        };
        let mut keys = self.found.clone();
        keys.retain(|key| !current.contents.contains(*key));
        keys
    }

    /// Whether the item is present, or the current commit names it.
    pub fn contains_key(&self, key: Uuid) -> bool {
        self.is_found(key) || self.committed(key).is_some()
    }

    fn is_found(&self, key: Uuid) -> bool {
        self.found.binary_search(&key).is_ok()
    }

    pub(super) fn committed(&self, key: Uuid) -> Option<ItemEntry> {
        self.contents()?.get(key)
    }

    pub(super) fn contents(&self) -> Option<&Contents> {
        Some(&self.current()?.contents)
    }

    pub(super) fn current(&self) -> Option<&Generation> {
        self.current.as_ref()
    }

    pub(super) fn prepared(&self) -> &PreparedPath {
        &self.path
    }

    /// Reads the footer of an item's file.
    ///
    /// # Errors
    ///
    /// If the file is missing or has no valid footer.
    ///
    /// # Blocking
    ///
    /// Reads the file on this thread.
    pub fn blocking_file(&self, key: Uuid) -> Result<ItemFile> {
        let footer = self.path.footer(key);
        let footer = footer.map_err(|error| Error::of_key(Operation::Inspect, key, error))?;
        Ok(ItemFile {
            key,
            path: self.path.path_of_item(key),
            len: footer.fingerprint().len,
            footer,
        })
    }

    /// Same as [`Dataset::verify`](super::Dataset::verify), for the items of
    /// [`all_keys`](Self::all_keys). With [`VerifyOptions::all`], packs whose indexes are
    /// damaged are in the result too: the keys of their items are not known.
    ///
    /// # Errors
    ///
    /// If no thread can be started. What is wrong with items is in the result.
    ///
    /// # Cancel safety
    ///
    /// Once it was polled, dropping the future loses the result; the verification continues
    /// by itself.
    pub async fn verify(self: &Arc<Self>, verify: VerifyOptions) -> Result<Verified> {
        let inspection = self.clone();
        on_a_thread(move || Ok(inspection.blocking_verify(verify))).await
    }

    /// The blocking form of [`verify`](Self::verify).
    ///
    /// # Blocking
    ///
    /// Reads on this thread and on others.
    pub fn blocking_verify(&self, verify: VerifyOptions) -> Verified {
        let mut verified = verify.run(
            || self.all_keys(),
            |key| self.expected(key),
            |entry, read| self.check(entry, read),
        );
        if verify.is_of_all() {
            let packs = self.path.damaged_packs().into_iter();
            let packs: Vec<_> = packs
                .map(|error| Error::new(Operation::Verify, error))
                .collect();
            verified.files += packs.len() as u64;
            verified.damaged.splice(0..0, packs);
        }
        verified
    }

    fn check(&self, entry: ItemRecord, read: &dyn Fn(u64)) -> Result<()> {
        let key = entry.key;
        let verified = self.path.verify(key, read).and_then(|footer| {
            match entry.differs_from(footer.fingerprint()) {
                true => Err(self.store_error_of_item(key, DatasetCause::OtherFile)),
                false => Ok(()),
            }
        });
        verified.map_err(|error| Error::of_key(Operation::Verify, key, error))
    }

    fn store_error_of_item(&self, key: Uuid, cause: DatasetCause) -> StoreError {
        StoreError::from(cause).at(self.path.path_of_item(key))
    }

    fn expected(&self, key: Uuid) -> Result<ItemRecord> {
        match self.committed(key) {
            Some(entry) => Ok(ItemRecord::of(key, entry)),
            None if self.is_found(key) => {
                // The progress of a verification needs its length.
                let fingerprint = self.path.footer(key).map(|footer| footer.fingerprint());
                let unknown = ItemRecord::of_unknown_file(key);
                Ok(fingerprint.map_or(unknown, |fingerprint| ItemRecord { key, fingerprint }))
            }
            None => {
                let cause = self.store_error_of_item(key, DatasetCause::NotHere);
                Err(Error::of_key(Operation::Verify, key, cause))
            }
        }
    }
}
