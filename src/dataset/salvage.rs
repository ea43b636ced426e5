//! Opening what is left of a damaged dataset.

use std::collections::BTreeMap;
use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::cause::DatasetCause;
use super::contents::{Contents, Edit};
use super::manifest::{ItemEntry, Name, Place, encode_root};
use super::parallel::map_on_all_cores;
use super::path::DatasetPath;
use super::reading::{Generation, StoreFiles};
use super::{Dataset, VerifyOptions};
use crate::backing_store::ManifestStore;
use crate::error::Operation;
use crate::{Error, Result};

/// What [`OpenOptions::salvage`](super::OpenOptions::salvage) has found.
///
/// # Examples
///
/// See [`OpenOptions::salvage`](super::OpenOptions::salvage).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Salvaged {
    /// The commit whose contents were read; `None` if no commit could be read, or there is
    /// none.
    pub generation: Option<u64>,
    /// The last commit that has a manifest; `None` if there is none. If it is later than
    /// [`generation`](Self::generation), what later commits changed is lost: their names, and
    /// their roots. If it is earlier, the contents come from a file of a commit whose manifest is
    /// not there: it is lost, or the commit never ended.
    pub newest: Option<u64>,
    /// Why manifests and the files that they build on could not be read, those of earlier
    /// commits included. Each error contains the path.
    pub manifests: Vec<Error>,
    /// The items that are not in the dataset because their files are missing or damaged, in
    /// ascending order of their keys.
    pub damaged: Vec<DamagedItem>,
    /// The items that are in the dataset without names, because the state that was read does
    /// not have them, in ascending order. They may be of the commits that are lost, or left
    /// over from earlier ones. Empty if the last commit was read.
    pub unnamed: Vec<Uuid>,
}

/// An item whose file is missing or damaged.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DamagedItem {
    /// The key of the item.
    pub key: Uuid,
    /// The names that the item had, in ascending order.
    pub names: Vec<String>,
    /// What is wrong, with the path of the file.
    pub error: Error,
}

impl Salvaged {
    /// Whether nothing is wrong: the dataset has everything that the last commit had.
    pub fn is_whole(&self) -> bool {
        let is_last = self.has_last_commit() && self.manifests.is_empty();
        is_last && self.damaged.is_empty() && self.unnamed.is_empty()
    }

    fn has_last_commit(&self) -> bool {
        self.generation.is_some() && self.generation == self.newest
    }
}

impl<B: ManifestStore> DatasetPath<B> {
    pub(super) fn salvage<Root>(self, verify: VerifyOptions) -> Result<(Dataset<Root, B>, Salvaged)>
    where
        Root: Serialize + DeserializeOwned + Default,
    {
        let generations = self.generations(Operation::OpenDataset)?;
        let (found, manifests) = self.newest_readable(&generations)?;
        let mut salvaged = Salvaged {
            generation: found.as_ref().map(|found| found.number),
            newest: generations.last().copied(),
            manifests,
            ..Salvaged::default()
        };
        let mut found = match found {
            Some(found) => found,
            None => self.nothing_readable::<Root>(salvaged.newest)?,
        };
        self.check_reads_packs(&found)?;
        self.note_packed(&found)?;
        if !salvaged.has_last_commit() {
            found.contents = self.with_unnamed(&found.contents, &mut salvaged)?;
        }
        found.contents = self.without_damaged(&found.contents, verify, &mut salvaged)?;
        if salvaged.generation.is_none() && found.contents.len() == 0 {
            return Err(self.refused(DatasetCause::NothingLeft(salvaged.damaged.len())));
        }
        if let (true, Some((newest, earlier))) = (salvaged.is_whole(), generations.split_last()) {
            return Ok((self.resume(*newest, earlier)?, salvaged));
        }
        self.sync_packs(&found)?;
        // What is on the disk does not record these contents.
        found.chain = None;
        // Readers may pin any of them until a commit has recorded what was salvaged.
        let mut history = self.history_of(&found, generations.iter())?;
        history.last = generations.iter().copied().fold(found.number, u64::max);
        history.manifests.extend(generations);
        let damaged = salvaged.damaged.iter().map(|item| item.key);
        let damaged = damaged
            .filter(|key| self.tracked.contains_key(*key))
            .collect();
        let dataset = self.into_dataset(found, history, Some(damaged))?;
        Ok((dataset, salvaged))
    }

    fn refused(&self, cause: DatasetCause) -> Error {
        self.error(Operation::OpenDataset, cause)
    }

    /// The newest state that can be read, and why later ones cannot be.
    fn newest_readable(&self, generations: &[u64]) -> Result<(Option<Generation>, Vec<Error>)> {
        let (mut found, mut manifests) = (None, Vec::new());
        for generation in generations.iter().rev() {
            match self.read_generation(*generation) {
                Ok(read) => {
                    found = Some(read);
                    break;
                }
                Err(error) => manifests.push(only_of_damage(error)?),
            }
        }
        // A commit that was interrupted leaves the manifest before it, and may leave parts; one
        // that has ended removes that manifest, unless a reader has it pinned.
        let is_last = |found: &Generation| !self.may_be_pinned(found.number);
        if manifests.is_empty() && found.as_ref().is_some_and(is_last) {
            return Ok((found, manifests));
        }
        let pinned = found.as_ref().filter(|_| manifests.is_empty());
        let pinned = pinned.map(|found| found.contents.clone());
        for part in self.parts()? {
            let read = self.call(Operation::OpenDataset, |backing, path| {
                Generation::read_part(&StoreFiles { backing, path }, part)
            });
            match read {
                Ok(part) if is_newer(&part, found.as_ref()) => found = Some(part),
                Ok(_) => {}
                Err(error) => note_manifest(&mut manifests, only_of_damage(error)?),
            }
        }
        if let (Some(found), Some(before)) = (&mut found, pinned) {
            found.contents = self.with_names_of(&before, &found.contents)?;
        }
        Ok((found, manifests))
    }

    /// Adds the names of an earlier commit that no item has any more, if their items are
    /// present: the later one may never have ended. A name too many does less harm than one
    /// that is lost.
    fn with_names_of(&self, before: &Contents, contents: &Contents) -> Result<Contents> {
        let mut edit = Edit::of(contents);
        for (name, key) in before.names() {
            let is_there =
                |entry: &ItemEntry| entry.place != Place::File || self.tracked.contains_key(key);
            let Some(entry) = before.get(key).filter(is_there) else {
                continue;
            };
            if edit.key_of(name.as_str()).is_none() {
                if edit.get(key).is_none() {
                    edit.put(key, entry);
                }
                let named = edit.set_name(name.as_str(), key);
                named.map_err(|cause| self.refused(cause))?;
            }
        }
        let (contents, _) = edit.finish().map_err(|cause| self.refused(cause))?;
        Ok(contents)
    }

    /// An empty state, in place of one that was read. Fails if there is nothing to salvage.
    fn nothing_readable<Root>(&self, newest: Option<u64>) -> Result<Generation>
    where
        Root: Serialize + DeserializeOwned + Default,
    {
        if newest.is_none() && self.tracked.len() == 0 && self.packs()?.is_empty() {
            return Err(self.refused(DatasetCause::NoDataset));
        }
        let root = encode_root(&Root::default()).map_err(|cause| self.refused(cause))?;
        Ok(Generation {
            number: newest.unwrap_or_default(),
            root: root.into(),
            contents: Contents::empty(),
            chain: None,
        })
    }

    /// Adds the items that are present and not in `contents`.
    fn with_unnamed(&self, contents: &Contents, salvaged: &mut Salvaged) -> Result<Contents> {
        let mut keys = self.tracked.all_keys();
        keys.retain(|key| !contents.contains(*key));
        let mut edit = Edit::of(contents);
        let packed = self.items_of_packs(contents, salvaged)?;
        self.contents.note_beside(&packed);
        let packed_keys: Vec<_> = packed.iter().map(|(key, _)| *key).collect();
        self.tracked.add_found(&packed_keys);
        // A file is as good as a pack. These keys are sorted.
        keys.retain(|key| packed_keys.binary_search(key).is_err());
        for (key, entry) in packed {
            edit.put(key, entry);
            salvaged.unnamed.push(key);
        }
        for (key, entry) in self.inspect_items(&keys) {
            match entry {
                Ok(entry) => {
                    edit.put(key, entry);
                    salvaged.unnamed.push(key);
                }
                Err(error) => salvaged.add_damaged(key, Vec::new(), error)?,
            }
        }
        salvaged.unnamed.sort_unstable();
        let (contents, _) = edit.finish().map_err(|cause| self.refused(cause))?;
        Ok(contents)
    }

    /// The items that packs have and the contents do not. Damaged packs are reported.
    fn items_of_packs(
        &self,
        contents: &Contents,
        salvaged: &mut Salvaged,
    ) -> Result<Vec<(Uuid, ItemEntry)>> {
        let mut found = BTreeMap::new();
        for pack in self.packs()? {
            let read = self.call_packs(Operation::OpenDataset, |packs, path| {
                packs.items(path, pack)
            });
            match read {
                Ok(items) => {
                    let items = items.unwrap_or_default().into_iter();
                    let entries = items.map(|(key, at)| (key, ItemEntry::packed(&at)));
                    found.extend(entries.filter(|(key, _)| !contents.contains(*key)));
                }
                Err(error) => note_manifest(&mut salvaged.manifests, only_of_damage(error)?),
            }
        }
        Ok(found.into_iter().collect())
    }

    /// Removes the items that are missing, or that are to be verified and are damaged.
    fn without_damaged(
        &self,
        contents: &Contents,
        verify: VerifyOptions,
        salvaged: &mut Salvaged,
    ) -> Result<Contents> {
        let missing = contents.items().map(|(key, _)| key);
        let missing = missing.filter(|key| !self.tracked.contains_key(*key));
        let verify = verify.including(missing.collect(), |key| contents.contains(key));
        let mut edit = Edit::of(contents);
        for error in self.verify(contents, &verify).damaged {
            let key = error.key().expect("it is of an item");
            salvaged.add_damaged(key, contents.names_of(key), error)?;
            edit.remove(key).map_err(|cause| self.refused(cause))?;
        }
        let is_removed = |key: &Uuid| edit.get(*key).is_none();
        salvaged.unnamed.retain(|key| !is_removed(key));
        salvaged.damaged.sort_unstable_by_key(|item| item.key);
        let (contents, _) = edit.finish().map_err(|cause| self.refused(cause))?;
        Ok(contents)
    }

    /// The records of files that are present, in no particular order.
    pub(super) fn inspect_items(&self, keys: &[Uuid]) -> Vec<(Uuid, Result<ItemEntry>)> {
        let (core, path) = (self.store.core(), self.tracked.path());
        map_on_all_cores(keys, |key| {
            let inspect = |backing: &B| backing.inspect(path, *key);
            let inspected = core.call(Operation::OpenDataset, Some(*key), Some(path), inspect);
            let entry = inspected.map(|(found, footer)| ItemEntry::new(found, footer.as_ref()));
            (*key, entry)
        })
    }
}

impl Salvaged {
    fn add_damaged(&mut self, key: Uuid, names: Vec<Name>, error: Error) -> Result<()> {
        let error = only_of_damage(error)?;
        let mut names: Vec<_> = names.iter().map(|name| name.as_str().to_owned()).collect();
        names.sort_unstable();
        self.damaged.push(DamagedItem { key, names, error });
        Ok(())
    }
}

/// Whether a part records a later state than the one that was found so far.
fn is_newer(part: &Generation, found: Option<&Generation>) -> bool {
    found.is_none_or(|found| part.number > found.number)
}

/// Adds an error of a file, unless there is one of this file.
fn note_manifest(manifests: &mut Vec<Error>, error: Error) {
    if !manifests.iter().any(|known| known.path() == error.path()) {
        manifests.push(error);
    }
}

/// The error if it means that a file is missing or damaged. Any other one, such as a missing
/// permission, says nothing about the file, and fails the call.
pub(super) fn only_of_damage(error: Error) -> Result<Error> {
    let is_damage = error.is_damaged() || error.is_not_found() || is_unreadable_block(&error);
    if is_damage { Ok(error) } else { Err(error) }
}

/// Whether the disk could not read a part of a file, or the file system has found its own
/// structures damaged.
fn is_unreadable_block(error: &Error) -> bool {
    let error = error.get_ref().downcast_ref::<io::Error>();
    error
        .and_then(io::Error::raw_os_error)
        .is_some_and(is_of_damage)
}

#[cfg(target_os = "linux")]
fn is_of_damage(number: i32) -> bool {
    use rustix::io::Errno;
    [Errno::IO, Errno::UCLEAN, Errno::BADMSG]
        .iter()
        .any(|errno| errno.raw_os_error() == number)
}

#[cfg(all(unix, not(target_os = "linux")))]
fn is_of_damage(number: i32) -> bool {
    rustix::io::Errno::IO.raw_os_error() == number
}

#[cfg(not(unix))]
fn is_of_damage(_: i32) -> bool {
    false
}
