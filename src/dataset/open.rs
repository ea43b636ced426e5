//! Opening a dataset at its last commit.

use std::collections::hash_map::Entry;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::cause::DatasetCause;
use super::computing::NamedComputations;
use super::contents::{Chain, Commit, Contents, Edit};
use super::current::{CurrentContents, Version};
use super::history::{History, Other};
use super::manifest::{Changes, Place, WrittenFile, encode_root};
use super::open_options::OpenOptions;
use super::packing::Packing;
use super::path::{DatasetPath, is_already_there};
use super::reading::{Generation, StoreFiles};
use super::salvage::only_of_damage;
use super::shared_commit::WaitingPuts;
use super::{Dataset, Shared};
use crate::Result;
use crate::backing_store::{BackingStore, ManifestStore};
use crate::error::{Operation, at};
use crate::hash::{HashMap, HashSet};

/// Attempts of a reader to pin the generation that is current. An attempt fails if a
/// commit overtakes it; a commit takes much longer than an attempt, because it syncs.
const ATTEMPTS: usize = 10_000;

impl<Root, B> Dataset<Root, B>
where
    Root: Serialize + DeserializeOwned + Default + Send + Sync + 'static,
    B: ManifestStore,
{
    /// Opens the dataset at `path` to read and to commit, or creates one with the default
    /// root if there is none. The process has exclusive write access until the dataset
    /// and everything that came from it, handles included, are dropped; other processes can
    /// read it. This process can open it again as soon as the dataset is dropped.
    ///
    /// Files that an interrupted commit left are deleted. Other files in the directory are
    /// left alone.
    ///
    /// # Errors
    ///
    /// [`Error::is_in_use`] if the dataset is already open to commit, in this process or
    /// another, for which [`OpenOptions::lock_timeout`] waits; [`Error::is_damaged`] if the
    /// manifest is damaged or a file that it names is missing, with the key and the path:
    /// [`OpenOptions::salvage`] opens what is left; [`Error::is_mismatch`] if the root has
    /// another type; and another error if the directory holds items that were persisted
    /// without a dataset, which [`OpenOptions::with_existing_items`] includes.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves at most an empty dataset.
    ///
    /// # Examples
    ///
    /// See [`Dataset`].
    ///
    /// [`Error::is_damaged`]: crate::Error::is_damaged
    /// [`Error::is_in_use`]: crate::Error::is_in_use
    /// [`Error::is_mismatch`]: crate::Error::is_mismatch
    pub async fn open(store: &Arc<BackingStore<B>>, path: B::PersistPath) -> Result<Self> {
        OpenOptions::new().open(store, path).await
    }

    /// The blocking form of [`open`](Self::open).
    ///
    /// # Errors
    ///
    /// Same as [`open`](Self::open).
    ///
    /// # Blocking
    ///
    /// Does its file work on this thread.
    pub fn blocking_open(store: &Arc<BackingStore<B>>, path: B::PersistPath) -> Result<Self> {
        OpenOptions::new().blocking_open(store, path)
    }
}

impl<Root, B> Dataset<Root, B>
where
    Root: DeserializeOwned + Send + Sync + 'static,
    B: ManifestStore,
{
    /// Opens the last commit of the dataset at `path` for reading, even while another
    /// process commits. The commit is pinned: its files stay until the dataset and all
    /// items that came from it are dropped, whatever is committed in the meantime. To move
    /// on to a later commit, call [`latest`](Self::latest); [`changed`](Self::changed) waits
    /// for one.
    ///
    /// This needs permission to read the files and the directories, but no write
    /// permission: the pin is a lock of a file that is only read.
    ///
    /// # Errors
    ///
    /// [`Error::is_not_found`] if there is no dataset; [`Error::is_damaged`] if the
    /// manifest is damaged; [`Error::is_mismatch`] if the root has another type. A
    /// missing or damaged file is reported by the first read of its item, or by
    /// [`verify`](Self::verify).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing behind.
    ///
    /// [`Error::is_damaged`]: crate::Error::is_damaged
    /// [`Error::is_mismatch`]: crate::Error::is_mismatch
    /// [`Error::is_not_found`]: crate::Error::is_not_found
    pub async fn open_read_only(
        store: &Arc<BackingStore<B>>,
        path: B::PersistPath,
    ) -> Result<Self> {
        let own = store.clone();
        let open = move || Self::blocking_open_read_only(&own, path);
        store.task(Operation::OpenDataset, open).await
    }

    /// The blocking form of [`open_read_only`](Self::open_read_only).
    ///
    /// # Errors
    ///
    /// Same as [`open_read_only`](Self::open_read_only).
    ///
    /// # Blocking
    ///
    /// Does its file work on this thread.
    pub fn blocking_open_read_only(
        store: &Arc<BackingStore<B>>,
        path: B::PersistPath,
    ) -> Result<Self> {
        Self::open_last(store, &path, None)
    }

    /// Opens the last commit to read. If `path` has a commit pinned, the result does not
    /// depend on it. `known` are contents of an earlier commit.
    pub(super) fn open_last(
        store: &Arc<BackingStore<B>>,
        path: &B::PersistPath,
        known: Option<&Contents>,
    ) -> Result<Self> {
        let opened = |backing: &B| {
            let pin = |generation| backing.pin(path, generation);
            let never_at_rest = |cause| at(backing.describe(path), cause);
            let pinned = pin_current(|| backing.generations(path), pin, never_at_rest)?;
            let (generation, pinned) =
                pinned.ok_or_else(|| at(backing.describe(path), DatasetCause::NoDataset))?;
            let files = StoreFiles {
                backing,
                path: &pinned,
            };
            let found = Generation::read_after(known, &files, generation)?;
            Ok((pinned, found))
        };
        let (pinned, found) =
            (store.core()).call(Operation::OpenDataset, None, Some(path), opened)?;
        let contents = Arc::new(CurrentContents::empty());
        contents.set_found(&found);
        let locate = |backing: &B| {
            let packs = backing.packs();
            Ok(packs.map(|packs| packs.locate_by(&pinned, contents.clone())))
        };
        let located = (store.core()).call(Operation::OpenDataset, None, Some(&pinned), locate)?;
        let pinned = located.unwrap_or(pinned);
        let keys: Vec<_> = found.contents.items().map(|(key, _)| key).collect();
        let path = DatasetPath {
            contents,
            packing: Packing::NONE,
            store: store.clone(),
            tracked: Arc::new(store.track_known(pinned, &keys)),
            claim: None,
        };
        let history = History::beginning_at(&found, Vec::new());
        path.into_dataset(found, history, None)
    }
}

/// Pins the highest generation; returns `None` if there is none.
/// [`ManifestStore::remove_manifest`] explains why it lists the generations twice.
pub(super) fn pin_current<P, E>(
    generations: impl Fn() -> Result<Vec<u64>, E>,
    pin: impl Fn(u64) -> Result<Option<P>, E>,
    never_at_rest: impl FnOnce(DatasetCause) -> E,
) -> Result<Option<(u64, P)>, E> {
    for _ in 0..ATTEMPTS {
        let Some(newest) = generations()?.pop() else {
            return Ok(None);
        };
        if let Some(pinned) = pin(newest)?
            && generations()?.last() == Some(&newest)
        {
            return Ok(Some((newest, pinned)));
        }
        std::thread::yield_now();
    }
    Err(never_at_rest(DatasetCause::NeverAtRest))
}

/// What opening does with items that were persisted without a dataset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ExistingItems {
    /// Refuses the directory, because a dataset deletes what its commits do not name.
    #[default]
    Refuse,
    /// Includes them in the first commit.
    Include,
}

/// The first commit of a dataset, whose manifest is not written yet.
struct FirstCommit {
    manifest: Vec<u8>,
    generation: Generation,
}

impl<B: ManifestStore> DatasetPath<B> {
    /// Makes the first commit, which is empty, or has the items that are there already. Only
    /// a dataset that has one may delete files that no commit names.
    pub(super) fn create<Root>(self, existing: ExistingItems) -> Result<Dataset<Root, B>>
    where
        Root: Serialize + DeserializeOwned + Default,
    {
        let refused = |cause| self.error(Operation::OpenDataset, cause);
        let found = self.tracked.all_keys();
        let packs = self.packs()?;
        let is_empty = found.is_empty() && packs.is_empty();
        if !is_empty && self.has_lost_manifest()? {
            return Err(refused(DatasetCause::LostManifest));
        }
        if !packs.is_empty() {
            return Err(refused(DatasetCause::ForeignPacks(packs.len())));
        }
        if !found.is_empty() && existing == ExistingItems::Refuse {
            return Err(refused(DatasetCause::ForeignItems(found.len())));
        }
        let root: Arc<[u8]> = encode_root(&Root::default()).map_err(refused)?.into();
        let first = match found.is_empty() {
            true => self.begin_empty(root)?,
            false => self.begin_with(found, root)?,
        };
        let written = self.call(Operation::OpenDataset, |backing, path| {
            backing.write_manifest(path, 0, &first.manifest)
        });
        written.map_err(|error| match is_already_there(&error) {
            true => self.error_of_manifest(Operation::OpenDataset, 0, DatasetCause::Overtaken),
            false => error,
        })?;
        self.store.blocking_sync(&self.tracked)?;
        self.sync_manifests()?;
        let mut history = History::beginning_at(&first.generation, Vec::new());
        // Of an interrupted copy.
        history.parts.extend(self.parts()?);
        self.into_dataset(first.generation, history, None)
    }

    /// Whether parts are of a dataset that had commits. An interrupted call that was to include
    /// existing items leaves a base without names, of the first generation.
    fn has_lost_manifest(&self) -> Result<bool> {
        let is_of_first = |part| {
            let read = self.call(Operation::OpenDataset, |backing, path| {
                Generation::read_part(&StoreFiles { backing, path }, part)
            });
            read.is_ok_and(|read| read.number == 0 && read.contents.name_count() == 0)
        };
        Ok(!self.parts()?.into_iter().all(is_of_first))
    }

    fn begin_empty(&self, root: Arc<[u8]>) -> Result<FirstCommit> {
        let commit = Commit {
            generation: 0,
            id: crate::key::random(),
            root: Some(root.clone()),
            changes: Changes::default(),
        };
        let next = Chain::beginning_at(None).next(commit);
        let (manifest, chain) = next.map_err(|cause| self.error(Operation::OpenDataset, cause))?;
        let generation = Generation {
            number: 0,
            root,
            contents: Contents::empty(),
            chain: Some(chain),
        };
        Ok(FirstCommit {
            manifest,
            generation,
        })
    }

    /// Writes a base of these items, which have no names, after it has made them durable.
    fn begin_with(&self, keys: Vec<Uuid>, root: Arc<[u8]>) -> Result<FirstCommit> {
        let refused = |cause| self.error(Operation::OpenDataset, cause);
        let mut edit = Edit::of(&Contents::empty());
        for (key, entry) in self.inspect_items(&keys) {
            edit.put(key, entry?);
        }
        let (contents, _) = edit.finish().map_err(refused)?;
        self.store.blocking_sync(&self.tracked)?;
        let beginning = contents.begin_chain(0, &root).map_err(refused)?;
        self.call(Operation::OpenDataset, |backing, path| {
            backing.write_part(path, beginning.base_id, &beginning.base)
        })?;
        let generation = Generation {
            number: 0,
            root,
            contents,
            chain: Some(beginning.chain),
        };
        Ok(FirstCommit {
            manifest: beginning.manifest,
            generation,
        })
    }

    /// Opens the newest generation, and deletes what no generation names.
    pub(super) fn recover<Root>(self, newest: u64, earlier: &[u64]) -> Result<Dataset<Root, B>>
    where
        Root: DeserializeOwned,
    {
        let dataset: Dataset<Root, B> = self.resume(newest, earlier)?;
        let mut history = crate::sync::block_on(dataset.shared.turn.lock());
        dataset.shared.clean_up(&mut history);
        drop(history);
        Ok(dataset)
    }

    /// Opens the newest generation, and deletes nothing.
    pub(super) fn resume<Root>(self, newest: u64, earlier: &[u64]) -> Result<Dataset<Root, B>>
    where
        Root: DeserializeOwned,
    {
        let found = self.read_generation(newest)?;
        self.check_reads_packs(&found)?;
        let mut packs = self.note_packed(&found)?;
        // A reader may pin any of them until its manifest is removed.
        let mut history = self.history_of(&found, earlier.iter())?;
        for other in &history.others {
            self.note_packed_beside(&found, &other.contents, &mut packs)?;
        }
        self.check_files(&found)?;
        self.sync_packs(&found)?;
        // The writer may have died before its own sync, or was another program.
        let parts: Vec<_> = found.parts().collect();
        self.call(Operation::OpenDataset, |backing, path| {
            backing.sync_found(path, newest, &parts)
        })?;
        self.sync_manifests()?;
        history.manifests.extend(earlier);
        self.into_dataset(found, history, None)
    }

    /// The history of a dataset that is opened at `found`, while these other generations are
    /// kept and all parts are there.
    pub(super) fn history_of<'a>(
        &self,
        found: &Generation,
        others: impl Iterator<Item = &'a u64>,
    ) -> Result<History> {
        let others = others.map(|generation| self.read_earlier(*generation));
        let mut history = History::beginning_at(found, others.collect::<Result<_>>()?);
        history.parts.extend(self.parts()?);
        history.packs.extend(self.packs()?);
        Ok(history)
    }

    /// Fails if items are in packs, and the store has none.
    pub(super) fn check_reads_packs(&self, found: &Generation) -> Result<()> {
        let reads = self.call_packs(Operation::OpenDataset, |_, _| Ok(()))?;
        if reads.is_some() || !found.contents.has_packs() {
            return Ok(());
        }
        let (operation, cause) = (Operation::OpenDataset, DatasetCause::HasPacks);
        Err(self.error_of_manifest(operation, found.number, cause))
    }

    /// Notes where the items are that are in packs, and adds those to the keys of the place
    /// whose packs are there. Returns which are.
    pub(super) fn note_packed(&self, found: &Generation) -> Result<HashMap<WrittenFile, bool>> {
        self.contents.set_found(found);
        let mut packs = HashMap::default();
        self.note_packed_of(&found.contents, &mut packs)?;
        Ok(packs)
    }

    /// The same for another generation: its items may have handles too.
    fn note_packed_beside(
        &self,
        found: &Generation,
        other: &Contents,
        packs: &mut HashMap<WrittenFile, bool>,
    ) -> Result<()> {
        if !other.has_packs() {
            return Ok(());
        }
        let items = other.items();
        let beside = items
            .filter(|(key, entry)| entry.place != Place::File && !found.contents.contains(*key));
        self.contents.note_beside(&beside.collect::<Vec<_>>());
        self.note_packed_of(other, packs)
    }

    fn note_packed_of(
        &self,
        contents: &Contents,
        checked: &mut HashMap<WrittenFile, bool>,
    ) -> Result<()> {
        if !contents.has_packs() {
            return Ok(());
        }
        for (pack, _) in contents.packs() {
            if let Entry::Vacant(unknown) = checked.entry(pack) {
                unknown.insert(self.is_there(pack)?);
            }
        }
        let is_there = |pack: &WrittenFile| checked.get(pack).copied().unwrap_or(false);
        let items = contents.items().filter_map(|(key, entry)| {
            let at = entry.place.packed()?;
            is_there(&at.pack).then_some(key)
        });
        self.tracked.add_found(&items.collect::<Vec<_>>());
        Ok(())
    }

    /// Whether a pack is there, as it was written. Any error but that of damage is one.
    fn is_there(&self, pack: WrittenFile) -> Result<bool> {
        let checked = self.call_packs(Operation::OpenDataset, |packs, path| {
            packs.check(path, &pack.to_identity())
        });
        match checked {
            Ok(_) => Ok(true),
            Err(error) => {
                let error = only_of_damage(error)?;
                tracing::warn!(%error, "a pack of a dataset is missing or damaged, and its items cannot be read");
                Ok(false)
            }
        }
    }

    pub(super) fn packs(&self) -> Result<Vec<Uuid>> {
        let listed = self.call_packs(Operation::OpenDataset, |packs, path| packs.list(path));
        listed.map(Option::unwrap_or_default)
    }

    /// Makes the packs of what an open has found durable.
    pub(super) fn sync_packs(&self, found: &Generation) -> Result<()> {
        let packs: Vec<_> = found
            .contents
            .packs()
            .map(|(pack, _)| pack.file.id)
            .collect();
        self.call_packs(Operation::OpenDataset, |store, path| {
            store.sync(path, &packs)
        })?;
        Ok(())
    }

    pub(super) fn may_be_pinned(&self, generation: u64) -> bool {
        let is_pinned = self.call(Operation::OpenDataset, |backing, path| {
            backing.is_pinned(path, generation)
        });
        is_pinned.unwrap_or(true)
    }

    pub(super) fn parts(&self) -> Result<Vec<Uuid>> {
        self.call(Operation::OpenDataset, |backing, path| backing.parts(path))
    }

    fn sync_manifests(&self) -> Result<()> {
        self.call(Operation::OpenDataset, |backing, path| {
            backing.sync_manifests(path)
        })
    }

    pub(super) fn read_generation(&self, generation: u64) -> Result<Generation> {
        self.call(Operation::OpenDataset, |backing, path| {
            Generation::read(&StoreFiles { backing, path }, generation)
        })
    }

    fn check_files(&self, found: &Generation) -> Result<()> {
        let keys = found.contents.items().map(|(key, _)| key);
        let mut missing = keys.filter(|key| !self.tracked.contains_key(*key));
        let Some(first) = missing.next() else {
            return Ok(());
        };
        let cause = DatasetCause::MissingFiles {
            generation: found.number,
            count: 1 + missing.count(),
        };
        Err(self.error_of_item(Operation::OpenDataset, first, cause))
    }

    /// Reads an earlier generation. If that fails, it is assumed to name every item and to
    /// need every file, so that nothing is deleted.
    fn read_earlier(&self, generation: u64) -> Result<Other> {
        let refused = |cause| self.error_of_manifest(Operation::OpenDataset, generation, cause);
        let (contents, parts) = match self.read_generation(generation) {
            Ok(found) => {
                let parts = found.parts().collect();
                (Ok(found.contents), Some(parts))
            }
            Err(error) => {
                tracing::warn!(%error, generation, "could not read an earlier generation of a dataset: no items are deleted while it is pinned");
                let mut keys = self.tracked.all_keys();
                keys.sort_unstable();
                (Contents::of_unknown_files(keys.into_iter()), None)
            }
        };
        Ok(Other {
            generation,
            contents: contents.map_err(refused)?,
            // The first clean-up looks at all items.
            removed: Some(Vec::new()),
            parts,
        })
    }

    /// The dataset whose current commit is `found`. If it was salvaged, `damaged` are the keys
    /// of the damaged files that are there.
    pub(super) fn into_dataset<Root: DeserializeOwned>(
        self,
        found: Generation,
        history: History,
        damaged: Option<HashSet<Uuid>>,
    ) -> Result<Dataset<Root, B>> {
        let generation = found.number;
        self.check_reads_packs(&found)?;
        let root = serde_json::from_slice(&found.root).map_err(|error| {
            let cause = DatasetCause::OtherRoot(error);
            self.error_of_manifest(Operation::OpenDataset, generation, cause)
        })?;
        let version = Version {
            generation,
            root: Arc::new(root),
            encoded_root: found.root,
            contents: found.contents,
            chain: found.chain,
            is_salvaged: damaged.is_some(),
            damaged: Arc::new(damaged.unwrap_or_default()),
        };
        let contents = self.contents.clone();
        contents.set(&version, &[]);
        if !self.tracked.is_read_only() {
            self.call_packs(Operation::OpenDataset, |packs, path| {
                packs.announce(path);
                Ok(())
            })?;
        }
        let core = self.store.core();
        core.open_dataset(self.tracked.source(), contents.clone());
        Ok(Dataset {
            shared: Arc::new(Shared {
                path: self,
                current: Mutex::new(Arc::new(version)),
                contents,
                changes: Arc::default(),
                turn: Arc::new(tokio::sync::Mutex::new(history)),
                puts: WaitingPuts::new(),
                computations: NamedComputations::new(),
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    #[test]
    fn a_generation_that_cannot_be_pinned_is_reported_as_in_use() {
        let never_at_rest = |cause| at(Some("/place".into()), cause);
        let pinned = pin_current::<(), _>(|| Ok(vec![1]), |_| Ok(None), never_at_rest);
        let error = Error::new(Operation::OpenDataset, pinned.expect_err("it is gone"));
        assert!(error.is_in_use());
        assert_eq!(
            error.to_string(),
            "could not open the dataset (/place): commits replace the generation faster than it can be pinned: try again later"
        );
    }
}
