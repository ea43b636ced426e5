//! A pinned generation whose files can be copied.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::cause::DatasetCause;
use super::current::Version;
use super::inspection::{located, pin_and_read};
use super::manifest::{ItemRecord, Place};
use super::parallel::on_all_cores;
use super::reading::Generation;
use super::{Dataset, Shared};
use crate::backing_store::{ManifestStore, Transfer};
use crate::error::{Operation, StoreError};
use crate::fbstore::{
    Manifests, PreparedPath, Stamped as _, key_path, keys_in, on_a_thread, pack_path,
};
use crate::{Error, Result};

/// A pinned generation of a dataset, so that its files can be copied.
///
/// A copy made while another process commits, by `cp -r` or a backup program, mixes the
/// files of several generations, and does not open. A snapshot pins one generation as a
/// reader does: while it lives, the files of [`files`](Self::files) stay as they are,
/// whatever is committed. [`copy_to`](Self::copy_to) makes the copy, and
/// [`link_to`](Self::link_to) one that shares the files. Another program can make a copy from
/// the list of [`files`](Self::files).
///
/// | to | call |
/// |---|---|
/// | copy a dataset by its path, without a store | [`open`](Self::open) |
/// | copy the commit that a program has open | [`Dataset::snapshot`] |
/// | do either from a shell | `file_backed copy`, `file_backed hold` (feature `cli`) |
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "bincodec")]
/// # #[tokio::main]
/// # async fn main() -> file_backed::Result<()> {
/// use std::sync::Arc;
/// use file_backed::dataset::{Dataset, Snapshot};
/// use file_backed::fbstore::{BinCodec, PreparedPath};
/// use file_backed::{Error, FBPool};
///
/// # let dir = tempfile::tempdir().expect("a temporary directory");
/// # let (saved, copy) = (dir.path().join("notes"), dir.path().join("copy"));
/// let pool: Arc<FBPool<String, _>> = FBPool::temp(BinCodec, 100).await?;
/// let path = PreparedPath::open(saved.clone()).await?;
/// let notes: Dataset<Vec<_>, _> = Dataset::open(pool.store(), path).await?;
/// let note = pool.insert("one".to_owned());
/// notes.commit(|saver| Ok::<_, Error>(vec![saver.save(&note)?])).await?;
///
/// // This works in another process too, while this one commits:
/// let snapshot = Snapshot::open(saved).await?;
/// let copied = snapshot.copy_to(copy.clone()).await?;
/// assert_eq!((copied.generation, copied.items), (1, 1));
///
/// let path = PreparedPath::open(copy).await?;
/// let copy: Dataset<Vec<_>, _> = Dataset::open(pool.store(), path).await?;
/// let note = copy.get(&pool, copy.root()[0]).await?;
/// assert_eq!(*note.read().await?, "one");
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "bincodec"))]
/// # fn main() {}
/// ```
#[must_use = "dropping the snapshot releases its generation"]
pub struct Snapshot {
    /// Owns the pin.
    path: PreparedPath,
    pub(super) pinned: Arc<Generation>,
}

/// The result of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Copied {
    /// The generation that was copied.
    pub generation: u64,
    /// Items of the copy.
    pub items: u64,
    /// Total length of their files in bytes.
    pub bytes: u64,
    /// Items whose file is a hard link to the original. The others are reflinks or copies, or
    /// were there already.
    pub linked: u64,
}

/// How the files of items get into a copy.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Copy,
    /// By a hard link where that is possible.
    Link,
}

impl Snapshot {
    /// Pins the current generation of the dataset at `path`. This needs read permission
    /// only.
    ///
    /// # Errors
    ///
    /// [`Error::is_not_found`] if there is no dataset; [`Error::is_damaged`] if its
    /// manifest is damaged.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing behind.
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
    /// Reads the manifest on this thread.
    pub fn blocking_open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = PreparedPath::blocking_open_read_only(path)?;
        let Some((path, pinned)) = pin_and_read(&path, Operation::Snapshot)? else {
            let error = StoreError::from(DatasetCause::NoDataset).at(path.path());
            return Err(Error::new(Operation::Snapshot, error));
        };
        let pinned = Arc::new(pinned);
        Ok(Self { path, pinned })
    }

    /// The directory of the dataset.
    pub fn path(&self) -> &Path {
        self.path.path()
    }

    /// The number of the commit.
    pub fn generation(&self) -> u64 {
        self.pinned.number
    }

    /// The files that make up a copy, relative to [`path`](Self::path): the role file,
    /// the items, the parts that the manifest builds on, and last the manifest. So a copy
    /// interrupted in this order is not taken for a complete one, and an interrupted update
    /// of an earlier copy leaves the earlier generation. All names are ASCII.
    ///
    /// The lock file and the manifests of other generations are not included and need not
    /// be copied. A copy that contains more files also opens.
    pub fn files(&self) -> impl Iterator<Item = PathBuf> {
        let manifests = Manifests::of(&self.path);
        let items = self.pinned.contents.items();
        let items = items.filter(|(_, entry)| entry.place == Place::File);
        let items = items.map(|(key, _)| key_path(Path::new(""), key));
        let packs = self.pinned.contents.packs();
        let packs = packs.map(|(pack, _)| pack_path(Path::new(""), pack.file.id));
        let mark = manifests.relative_mark();
        let parts = self.pinned.parts().map(Manifests::relative_path_of_part);
        let manifest = Manifests::relative_path_of(self.pinned.number);
        let recording = parts.chain([manifest]);
        mark.into_iter().chain(items).chain(packs).chain(recording)
    }

    /// Copies the generation into the directory `to`, which is created if it does not
    /// exist. Every file is compared with its checksums, and everything is durable when
    /// the future completes. Blocks are shared where the file system supports it (a
    /// reflink). The copy becomes a dataset only at the very end. It is readable by the
    /// users who may read the original. Another call completes an interrupted copy.
    ///
    /// # Errors
    ///
    /// If a file of the generation is missing or damaged, with its key and path; if `to`
    /// holds a dataset or other items, or is in use; if a file cannot be written.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future discards the result; the copy continues.
    pub async fn copy_to(&self, to: impl Into<PathBuf>) -> Result<Copied> {
        let (own, to) = (self.share(), to.into());
        on_a_thread(move || own.blocking_copy_to(to)).await
    }

    /// The blocking form of [`copy_to`](Self::copy_to).
    ///
    /// # Errors
    ///
    /// Same as [`copy_to`](Self::copy_to).
    ///
    /// # Blocking
    ///
    /// Copies on this thread and on others.
    pub fn blocking_copy_to(&self, to: impl Into<PathBuf>) -> Result<Copied> {
        self.copy_into(&self.prepare(to.into())?)
    }

    /// Same as [`copy_to`](Self::copy_to), but by hard links where the file system allows it:
    /// that costs no room and reads no payload. Items of [packs](crate::fbstore::pack) become
    /// files of their own, and files that cannot be linked are copied, as
    /// `copy_to` does; [`Copied::linked`] tells.
    ///
    /// Each of the two datasets can then be committed to, and neither changes the other,
    /// because commits only add and remove names of files. But both have the same files: against
    /// a failing disk, this is no backup.
    ///
    /// A linked file is compared with the manifest by its length and the checksum of its
    /// footer. To compare its payload too, call [`Inspection::verify`](super::Inspection::verify).
    ///
    /// # Errors
    ///
    /// Same as [`copy_to`](Self::copy_to).
    ///
    /// # Cancel safety
    ///
    /// Same as [`copy_to`](Self::copy_to).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "bincodec")]
    /// # #[tokio::main]
    /// # async fn main() -> file_backed::Result<()> {
    /// use std::sync::Arc;
    /// use file_backed::dataset::{Dataset, Snapshot};
    /// use file_backed::fbstore::{BinCodec, PreparedPath};
    /// use file_backed::FBPool;
    ///
    /// # let dir = tempfile::tempdir().expect("a temporary directory");
    /// # let (saved, branch) = (dir.path().join("notes"), dir.path().join("branch"));
    /// let pool: Arc<FBPool<String, _>> = FBPool::temp(BinCodec, 100).await?;
    /// let path = PreparedPath::open(saved.clone()).await?;
    /// let notes: Dataset<(), _> = Dataset::open(pool.store(), path).await?;
    /// notes.put_named("one", &pool.insert("1".to_owned())).await?;
    ///
    /// let copied = Snapshot::open(saved).await?.link_to(branch).await?;
    /// println!("{} of {} items are links", copied.linked, copied.items);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bincodec"))]
    /// # fn main() {}
    /// ```
    pub async fn link_to(&self, to: impl Into<PathBuf>) -> Result<Copied> {
        let (own, to) = (self.share(), to.into());
        on_a_thread(move || own.blocking_link_to(to)).await
    }

    /// The blocking form of [`link_to`](Self::link_to).
    ///
    /// # Errors
    ///
    /// Same as [`link_to`](Self::link_to).
    ///
    /// # Blocking
    ///
    /// Links on this thread and on others.
    pub fn blocking_link_to(&self, to: impl Into<PathBuf>) -> Result<Copied> {
        self.bring_into(&self.prepare(to.into())?, Way::Link)
    }

    fn prepare(&self, to: PathBuf) -> Result<PreparedPath> {
        let builder = PreparedPath::builder().readers(self.path.readers());
        builder.blocking_open(to)
    }

    pub(super) fn copy_into(&self, to: &PreparedPath) -> Result<Copied> {
        self.bring_into(to, Way::Copy)
    }

    fn bring_into(&self, to: &PreparedPath, way: Way) -> Result<Copied> {
        let manifests = Manifests::of(to);
        let failed = |error| Error::new(Operation::CopyDataset, error);
        to.claim_to_persist().map_err(failed)?;
        let _committer = manifests.claim().map_err(failed)?;
        let found = manifests.generations().map_err(failed)?;
        if !found.is_empty() {
            let cause = StoreError::from(DatasetCause::IsDataset).at(to.path());
            return Err(failed(cause));
        }
        self.check_items_of(to)?;
        manifests.prepare().map_err(failed)?;
        // Those of an interrupted copy, which took as much room as this one will.
        manifests.remove_parts().map_err(failed)?;
        let linked = self.bring_items(to, way)?;
        to.sync_persisted().map_err(failed)?;
        let written = self.write_manifest(&manifests, to);
        written.and_then(|()| manifests.sync()).map_err(failed)?;
        let contents = &self.pinned.contents;
        Ok(Copied {
            generation: self.generation(),
            items: contents.len(),
            bytes: contents.bytes(),
            linked,
        })
    }

    /// Records the generation as a new base, and as a delta that changes nothing in it. What
    /// is written is what was read and checked, whatever became of the original's files.
    fn write_manifest(
        &self,
        manifests: &Manifests<'_>,
        to: &PreparedPath,
    ) -> Result<(), StoreError> {
        let Generation {
            number,
            root,
            contents,
            ..
        } = &*self.pinned;
        let of_copy = |cause| StoreError::from(cause).at(to.path());
        let contents = contents.without_packs().map_err(of_copy)?;
        let begun = contents.begin_chain(*number, root).map_err(of_copy)?;
        manifests.write_part(begun.base_id, &begun.base)?;
        manifests.write(*number, &begun.manifest)
    }

    /// Refuses a directory with other items, because a dataset would delete them.
    fn check_items_of(&self, to: &PreparedPath) -> Result<()> {
        let mut others = keys_in(to)?;
        others.retain(|key| !self.pinned.contents.contains(*key));
        if others.is_empty() {
            return Ok(());
        }
        let cause = StoreError::from(DatasetCause::OtherItems(others.len())).at(to.path());
        Err(Error::new(Operation::CopyDataset, cause))
    }

    /// Copies on as many threads as there are cores, and returns how many items were linked.
    /// The first failure stops all of them.
    fn bring_items(&self, to: &PreparedPath, way: Way) -> Result<u64> {
        let (next, failure) = (AtomicUsize::new(0), Mutex::new(None));
        let linked = AtomicU64::new(0);
        let items = self.pinned.contents.items();
        let entries: Vec<_> = items
            .map(|(key, entry)| ItemRecord::of(key, entry))
            .collect();
        let bring = || {
            while let Some(entry) = entries.get(next.fetch_add(1, Ordering::Relaxed)) {
                match self.bring_item(entry, to, way) {
                    Ok(Transfer::Linked) => {
                        linked.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(_) => {}
                    Err(error) => {
                        next.store(entries.len(), Ordering::Relaxed);
                        let error = Error::of_key(Operation::Copy, entry.key, error);
                        failure.lock().get_or_insert(error);
                    }
                }
            }
        };
        on_all_cores(entries.len(), bring);
        let linked = linked.into_inner();
        failure.into_inner().map_or(Ok(linked), Err)
    }

    fn bring_item(
        &self,
        entry: &ItemRecord,
        to: &PreparedPath,
        way: Way,
    ) -> Result<Transfer, StoreError> {
        let key = entry.key;
        if entry.differs_from(self.path.footer(key)?.fingerprint()) {
            let path = self.path.path_of_item(key);
            return Err(StoreError::from(DatasetCause::OtherFile).at(path));
        }
        let transfer = match way {
            Way::Copy => to.copy_from(&self.path, key)?,
            Way::Link => to.link_from(&self.path, key)?,
        };
        if transfer == Transfer::Linked {
            return Ok(transfer);
        }
        let Err(error) = to.verify(key, &|_| {}) else {
            return Ok(transfer);
        };
        // If the original is damaged too, its error is the one to report.
        self.path.verify(key, &|_| {})?;
        Err(error)
    }

    /// The same pin, for another thread.
    fn share(&self) -> Self {
        Self {
            path: self.path.clone(),
            pinned: self.pinned.clone(),
        }
    }
}

impl<Root, B> Dataset<Root, B>
where
    Root: Send + Sync + 'static,
    B: ManifestStore<PersistPath = PreparedPath>,
{
    /// Pins the commit that this dataset shows, so that its files can be copied, whatever
    /// is committed later. The snapshot outlives the dataset and keeps what the dataset
    /// keeps: for a dataset that was opened to commit, this includes the lock of the
    /// directory.
    ///
    /// # Errors
    ///
    /// If the manifest cannot be pinned; or if the dataset was
    /// [salvaged](super::OpenOptions::salvage), and no commit has recorded it yet.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing behind.
    ///
    /// # Examples
    ///
    /// See [`Snapshot`].
    pub async fn snapshot(&self) -> Result<Snapshot> {
        let shared = self.shared.clone();
        let pin = move || shared.snapshot();
        self.shared.path.store.task(Operation::Snapshot, pin).await
    }

    /// The blocking form of [`snapshot`](Self::snapshot).
    ///
    /// # Errors
    ///
    /// Same as [`snapshot`](Self::snapshot).
    ///
    /// # Blocking
    ///
    /// Pins the manifest on this thread.
    pub fn blocking_snapshot(&self) -> Result<Snapshot> {
        self.shared.snapshot()
    }
}

impl<Root, B: ManifestStore<PersistPath = PreparedPath>> Shared<Root, B> {
    fn snapshot(&self) -> Result<Snapshot> {
        let (path, current) = self.pin_current()?;
        let pinned = Arc::new(current.to_generation());
        let path = located(&path, &pinned);
        Ok(Snapshot { path, pinned })
    }

    /// Returns the current commit, pinned. A dataset that was opened read-only already
    /// has its pin. Any other dataset removes a generation only once a later one is
    /// current, so a generation that is still current after it was pinned stays.
    fn pin_current(&self) -> Result<(PreparedPath, Arc<Version<Root>>)> {
        loop {
            let current = self.current();
            if current.is_salvaged {
                let cause = DatasetCause::NotRecorded;
                return Err(self.path.error(Operation::Snapshot, cause));
            }
            let tracked = &self.path.tracked;
            if tracked.is_read_only() {
                return Ok((tracked.path().clone(), current));
            }
            let generation = current.generation;
            let pinned = self.path.call(Operation::Snapshot, |backing, path| {
                backing.pin(path, generation)
            })?;
            let is_current = self.current().generation == generation;
            match pinned {
                Some(path) if is_current => return Ok((path, current)),
                // The manifest is gone, and only another process can have removed it.
                None if is_current => {
                    let cause = DatasetCause::NeverAtRest;
                    return Err(self.path.error(Operation::Snapshot, cause));
                }
                _ => {}
            }
        }
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("path", &self.path())
            .field("generation", &self.generation())
            .field("items", &self.pinned.contents.len())
            .finish()
    }
}
