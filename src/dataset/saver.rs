//! Collecting the items of a commit.

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

use super::cause::DatasetCause;
use super::contents::Edit;
use super::current::Version;
use super::manifest::ItemEntry;
use super::path::DatasetPath;
use super::{Key, Progress};
use crate::backing_store::{Captured, ManifestStore, Strategy};
use crate::error::Operation;
use crate::hash::HashSet;
use crate::save::{Persisting, ProgressMeter};
use crate::{Error, Fb, Result};

/// Items with a file that one background job persists. A job costs more than a link.
const PER_JOB: usize = 32;

/// Collects the items of a commit. [`Dataset::commit`](super::Dataset::commit) passes it
/// to its closure.
///
/// An item that is not named to it is no longer part of the dataset, and loses its names.
///
/// | the item | call |
/// |---|---|
/// | is new or changed, or you have a handle to it | [`save`](Self::save) |
/// | is in the previous commit, and you have no handle | [`keep`](Self::keep) |
/// | has, or is to have, a name | [`save_named`](Self::save_named), [`keep_named`](Self::keep_named) |
/// | is any other of the previous commit | [`keep_all`](Self::keep_all) |
///
/// A commit that changes little is shorter and costs less with
/// [`Dataset::edit`](super::Dataset::edit), which keeps all that it does not name.
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
/// type Notes = Vec<Key<String>>;
///
/// let pool: Arc<FBPool<String, _>> = FBPool::temp(BinCodec, 100).await?;
/// let saved = PreparedPath::temp().await?;
/// let notes: Dataset<Notes, _> = Dataset::open(pool.store(), saved).await?;
///
/// let first = pool.insert("one".to_owned());
/// notes.commit(|saver| Ok::<_, Error>(vec![saver.save(&first)?])).await?;
///
/// // Add one, without loading those that exist.
/// let second = pool.insert("two".to_owned());
/// let done = notes
///     .commit(|saver| {
///         let mut keys = Vec::clone(&notes.root());
///         for key in &keys {
///             saver.keep(*key)?;
///         }
///         keys.push(saver.save(&second)?);
///         Ok::<_, Error>(keys)
///     })
///     .await?;
/// assert_eq!((done.kept, done.linked), (1, 1));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "bincodec"))]
/// # fn main() {}
/// ```
pub struct Saver<B: ManifestStore> {
    pub(super) path: DatasetPath<B>,
    pub(super) edit: Edit,
    /// Items that are being persisted, also if they were removed again.
    begun: HashSet<Uuid>,
    /// Those of `begun` that had no file at the path.
    new: HashSet<Uuid>,
    /// Those whose file is in the cache, which has one file for each key.
    in_cache: HashSet<Uuid>,
    /// The keys of damaged files that may still be at the path.
    damaged: Arc<HashSet<Uuid>>,
    persisting: Persisting<Named<B>, B>,
    meter: Arc<ProgressMeter>,
}

impl<B: ManifestStore> Saver<B> {
    pub(super) fn new<Root>(path: DatasetPath<B>, current: &Version<Root>) -> Self {
        let persisting = Persisting::new(Operation::Commit, usize::MAX, PER_JOB);
        Self {
            edit: Edit::beginning_empty(&current.contents),
            damaged: current.damaged.clone(),
            begun: HashSet::default(),
            new: HashSet::default(),
            in_cache: HashSet::default(),
            // The closure of a commit never waits.
            persisting: persisting.holding_newest_in(&path.store),
            path,
            meter: Arc::default(),
        }
    }

    /// Adds an item with its current value, and returns the key by which the root names
    /// it. This does not wait for the disk: an item that is not persisted yet is written
    /// and linked in the background, or, if it is the only one, by the thread that waits for
    /// the commit. An item that the previous commit has costs nothing,
    /// unless it came from another directory: its file is then compared.
    ///
    /// # Errors
    ///
    /// If the item's pool belongs to another store; or if the dataset was salvaged, and the
    /// damaged file of an item with this key is still there.
    pub fn save<T: Send + Sync + 'static>(&mut self, item: &Fb<T, B>) -> Result<Key<T>>
    where
        B: Strategy<T>,
    {
        let uuid = item.key();
        let store = item.pool().store();
        (self.path).check_store(store, Operation::Commit, Some(uuid))?;
        if self.damaged.contains(&uuid) && self.path.tracked.contains_key(uuid) {
            let cause = DatasetCause::DamagedFile;
            return Err(self.path.error_of_item(Operation::Commit, uuid, cause));
        }
        item.item().set_of_dataset();
        let in_cache = !item.item().is_read_in_place();
        if in_cache && !self.in_cache.insert(uuid) && self.try_keep(uuid) {
            return Ok(Key::from_uuid(uuid));
        }
        let is_known = item.pool().is_known_at(item.item(), &self.path.tracked);
        if is_known && self.try_keep(uuid) {
            return Ok(Key::from_uuid(uuid));
        }
        self.begun.insert(uuid);
        self.edit.announce(uuid);
        if !self.path.tracked.contains_key(uuid) {
            self.new.insert(uuid);
        }
        self.meter.expect(1, 0);
        let (path, meter) = (self.path.clone(), self.meter.clone());
        self.persisting
            .capture(item, &self.path.tracked, move |captured| {
                let captured = CapturedItem::new(captured, path)?;
                let named = match captured.is_to_be_packed() {
                    true => Named::Captured(captured),
                    false => {
                        let (key, entry) = captured.link()?;
                        Named::Placed(key, entry)
                    }
                };
                meter.add(1, named.len());
                Ok(named)
            });
        Ok(Key::from_uuid(uuid))
    }

    /// Adds an item of the previous commit by its key, without a handle. A commit that
    /// changes little of a large dataset need not register all of it.
    ///
    /// # Errors
    ///
    /// [`Error::is_not_found`](crate::Error::is_not_found) if the previous commit has no
    /// such item.
    pub fn keep<T: ?Sized>(&mut self, key: Key<T>) -> Result<()> {
        let uuid = key.uuid();
        match self.try_keep(uuid) {
            true => Ok(()),
            false => Err(self.not_committed(uuid)),
        }
    }

    /// Keeps all items of the previous commit that are not removed. Costs nothing for each of
    /// them.
    pub fn keep_all(&mut self) {
        self.edit.keep_all();
    }

    /// Removes an item of the previous commit, or one that was added.
    pub(super) fn remove(&mut self, uuid: Uuid) -> Result<()> {
        let removed = self.edit.remove(uuid);
        removed.map_err(|_| self.not_committed(uuid))
    }

    /// Fails if the item is not there after the changes so far.
    pub(super) fn check_contains(&self, uuid: Uuid) -> Result<()> {
        match self.contains(uuid) {
            true => Ok(()),
            false => Err(self.not_committed(uuid)),
        }
    }

    /// Whether the item is there after the changes so far.
    pub(super) fn contains(&self, uuid: Uuid) -> bool {
        self.edit.get(uuid).is_some()
    }

    /// Reports the progress of the commit to `progress` after each item that is linked, or
    /// whose file is ready to be copied into a pack, from background threads or from the one that waits for the commit. Call it before the
    /// first [`save`](Self::save); a second call has no effect.
    pub fn on_progress(&mut self, progress: impl Fn(Progress) + Send + Sync + 'static) {
        self.meter.report_to(progress);
    }

    /// Returns false if the item is neither in the previous commit nor named already.
    fn try_keep(&mut self, uuid: Uuid) -> bool {
        self.edit.keep(uuid).is_ok()
    }

    pub(super) fn not_committed(&self, uuid: Uuid) -> Error {
        let (operation, cause) = (Operation::Commit, DatasetCause::NotCommitted);
        self.path.error_of_item(operation, uuid, cause)
    }

    /// Ends the collection: every item has been named.
    pub(super) fn into_saved(self) -> Saved<B> {
        Saved {
            edit: self.edit,
            begun: self.begun,
            new: self.new,
            persisting: self.persisting,
        }
    }
}

/// The named items.
pub(super) struct Saved<B: ManifestStore> {
    /// It has those that the previous commit has.
    pub(super) edit: Edit,
    /// The keys of the items in `persisting`.
    pub(super) begun: HashSet<Uuid>,
    /// Those that had no file at the path.
    pub(super) new: HashSet<Uuid>,
    pub(super) persisting: Persisting<Named<B>, B>,
}

/// An item that was named, once its value is in a file.
pub(super) enum Named<B: ManifestStore> {
    /// It is at the path of the dataset.
    Placed(Uuid, ItemEntry),
    /// It is to be put there.
    Captured(CapturedItem<B>),
}

/// An item that may be put into a pack.
pub(super) struct CapturedItem<B: ManifestStore> {
    pub(super) key: Uuid,
    /// Length of its file in bytes; 0 if that does not matter.
    pub(super) len: u64,
    pub(super) captured: Box<dyn Captured<B>>,
    path: DatasetPath<B>,
}

impl<B: ManifestStore> Named<B> {
    fn len(&self) -> u64 {
        match self {
            Self::Placed(_, entry) => entry.fingerprint.len,
            Self::Captured(captured) => captured.len,
        }
    }
}

impl<B: ManifestStore> CapturedItem<B> {
    fn new(captured: Box<dyn Captured<B>>, path: DatasetPath<B>) -> Result<Self> {
        let key = captured.key();
        let mut item = Self {
            key,
            len: 0,
            captured,
            path,
        };
        // One that is there stays as it is.
        let (store, tracked) = (&item.path.store, &item.path.tracked);
        if item.path.packing.below > 0 && !tracked.contains_key(key) {
            let from = item.captured.from();
            let from = from.as_deref();
            let core = store.core();
            let len = core.call(Operation::Commit, Some(key), from, |backing| {
                let packs = backing.packs();
                packs.map(|packs| packs.file_len(from, key)).transpose()
            });
            item.len = match len {
                // It has moved to the cache; linking it finds it there.
                Err(error) if error.is_not_found() && from.is_some() => 0,
                len => len?.unwrap_or(0),
            };
        }
        Ok(item)
    }

    fn is_to_be_packed(&self) -> bool {
        self.len > 0 && self.len <= self.path.packing.below
    }

    /// Gives it a file of its own at the path. Returns its record.
    pub(super) fn link(self) -> Result<(Uuid, ItemEntry)> {
        let Self {
            key,
            captured,
            path,
            ..
        } = self;
        captured.link()?;
        let (core, place) = (path.store.core(), path.tracked.path());
        let inspect = |backing: &B| backing.inspect(place, key);
        let (fingerprint, footer) =
            core.call(Operation::Commit, Some(key), Some(place), inspect)?;
        let entry = ItemEntry::new(fingerprint, footer.as_ref());
        // It may be there in a pack, for a commit that a reader has pinned.
        let place = path.contents.place_of(key);
        Ok((key, ItemEntry { place, ..entry }))
    }
}

impl<B: ManifestStore> fmt::Debug for Saver<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Saver")
            .field("new", &self.begun.len())
            .field("progress", &self.meter)
            .finish_non_exhaustive()
    }
}
