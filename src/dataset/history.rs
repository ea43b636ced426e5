//! The generations other than the current one, and the clean-up after a commit.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::Shared;
use super::cause::DatasetCause;
use super::contents::{Chain, Contents};
use super::current::Version;
use super::next_base::Bases;
use super::path::DatasetPath;
use super::reading::Generation;
use crate::backing_store::ManifestStore;
use crate::error::Operation;
use crate::hash::HashSet;
use crate::save::{delete_many, unnamed};
use crate::{Error, Result};

/// Generations on the disk other than the current one. The commit that runs holds it.
pub(super) struct History {
    /// The highest generation number ever used.
    pub(super) last: u64,
    pub(super) others: Vec<Other>,
    /// The manifests and the parts that may be on the disk.
    pub(super) manifests: BTreeSet<u64>,
    pub(super) parts: BTreeSet<Uuid>,
    /// The packs that may be on the disk.
    pub(super) packs: BTreeSet<Uuid>,
    /// The parts that the last commit has replaced by a base. They record the generation
    /// before, and stay until the next commit in case that the base cannot be read.
    pub(super) replaced: Vec<Uuid>,
    /// The next base, if it is written in the background.
    pub(super) bases: Bases,
    /// Items that may be in no generation: those that commits began to persist, and those
    /// whose deletion failed.
    pub(super) candidates: HashSet<Uuid>,
    /// How many items the directory has, unless a program persists items to it, or deletes
    /// some, beside the commits. `None` if the next clean-up looks at all of them anyway, not
    /// only at candidates.
    pub(super) expected: Option<usize>,
    /// Set once another process has committed: the error of every later commit.
    pub(super) overtaken: Option<Error>,
}

impl History {
    /// Of a dataset that was just opened at this generation. The first clean-up looks at all
    /// items, because an interrupted commit may have left some.
    pub(super) fn beginning_at(newest: &Generation, others: Vec<Other>) -> Self {
        Self {
            last: newest.number,
            others,
            manifests: [newest.number].into(),
            parts: newest.parts().collect(),
            packs: BTreeSet::new(),
            replaced: Vec::new(),
            bases: Bases::new(),
            candidates: HashSet::default(),
            expected: None,
            overtaken: None,
        }
    }

    /// Adds a generation that a restart may find although its commit has failed.
    pub(super) fn add_uncertain<Root>(&mut self, version: &Version<Root>) {
        self.manifests.insert(version.generation);
        self.others.push(Other {
            generation: version.generation,
            contents: version.contents.clone(),
            removed: None,
            parts: Some(version.parts()),
        });
    }

    /// Notes a commit, which has removed these items from the generation `before`.
    pub(super) fn add_current<Root>(
        &mut self,
        before: &Version<Root>,
        current: &Version<Root>,
        removed: Vec<Uuid>,
    ) {
        self.manifests.insert(self.last);
        // Nothing on the disk records contents that were salvaged. The generation that they
        // were read from is one of the others.
        if !before.is_salvaged {
            self.others.push(Other {
                generation: before.generation,
                contents: before.contents.clone(),
                removed: Some(removed),
                parts: Some(before.parts()),
            });
        }
        let base = current.chain.as_ref().map(Chain::base);
        let earlier = before.chain.as_ref();
        let replaced = earlier.filter(|earlier| base != Some(earlier.base()));
        self.replaced = replaced
            .map(|earlier| earlier.parts_with_newest().collect())
            .unwrap_or_default();
        if before.is_salvaged {
            let current = current.parts();
            let parts = self.parts.iter().copied();
            self.replaced = parts.filter(|part| !current.contains(part)).collect();
        }
    }

    /// Notes items that a commit has linked to the directory.
    pub(super) fn add_linked(&mut self, count: usize) {
        self.expected = self.expected.map(|expected| expected + count);
    }

    /// Fails once another process has committed.
    pub(super) fn check_not_overtaken(&self) -> Result<()> {
        self.overtaken.clone().map_or(Ok(()), Err)
    }
}

/// A generation that is not the current one: either an earlier one that a reader has
/// pinned, or a later one that may not be durable.
pub(super) struct Other {
    pub(super) generation: u64,
    pub(super) contents: Contents,
    /// Its items that the current generation does not have, if that is known.
    pub(super) removed: Option<Vec<Uuid>>,
    /// The parts that its manifest needs. `None` if they are not known, because one of them
    /// cannot be read: it may need any file.
    pub(super) parts: Option<Vec<Uuid>>,
}

/// The result of a clean-up.
pub(super) struct Cleaned {
    pub(super) deleted: u64,
    pub(super) not_deleted: u64,
}

impl<Root, B: ManifestStore> Shared<Root, B> {
    /// Fails if there is a generation later than all that this dataset has read or
    /// written.
    pub(super) fn check_newest(&self, history: &mut History) -> Result<()> {
        match self.generations()?.last() {
            Some(newest) if *newest > history.last => Err(self.mark_overtaken(*newest, history)),
            _ => Ok(()),
        }
    }

    /// Refuses every later commit, because another process has committed this generation.
    pub(super) fn mark_overtaken(&self, generation: u64, history: &mut History) -> Error {
        let cause = DatasetCause::Overtaken;
        let error = self
            .path
            .error_of_manifest(Operation::Commit, generation, cause);
        tracing::error!(%error, generation, "another process committed to a dataset that this process has open");
        history.overtaken = Some(error.clone());
        error
    }

    /// Whether the manifest of a failed commit may exist nevertheless.
    pub(super) fn may_be_there(&self, generation: u64) -> bool {
        self.generations()
            .map_or(true, |generations| generations.contains(&generation))
    }

    fn generations(&self) -> Result<Vec<u64>> {
        self.path.generations(Operation::Commit)
    }

    /// Removes earlier generations that no reader has pinned, and deletes the files that
    /// no generation names.
    ///
    /// The first clean-up looks at all files. Later ones look at those that generations
    /// named that are gone now, and at those that commits have linked; and at all again if
    /// there are more or fewer than the last clean-up has left and commits have linked since,
    /// because a program may persist items to the directory beside its commits.
    ///
    /// Removes nothing unless it is certain that no other process has committed, and nothing
    /// of a dataset that was salvaged and has not committed yet.
    pub(super) fn clean_up(&self, history: &mut History) -> Cleaned {
        let is_newest = self.check_newest(history).is_ok();
        self.clean_up_if(is_newest, history)
    }

    /// Does the same where it is known whether the current generation is still the newest.
    pub(super) fn clean_up_if(&self, is_newest: bool, history: &mut History) -> Cleaned {
        let DatasetPath { store, tracked, .. } = &self.path;
        let current = self.current();
        let is_safe = is_newest && history.overtaken.is_none() && !current.is_salvaged;
        if is_safe {
            self.release_earlier(&current.contents, current.generation, history);
            self.remove_files(&current, history);
        }
        let is_named = |key| {
            let mut others = history.others.iter();
            current.contents.contains(key) || others.any(|other| other.contents.contains(key))
        };
        history
            .candidates
            .retain(|key| tracked.contains_key(*key) && !is_named(*key));
        // Before the scan: it may miss an item that is persisted meanwhile.
        let len = tracked.len();
        let obsolete: Vec<_> = match history.expected == Some(len) {
            true => history.candidates.iter().copied().collect(),
            false => unnamed(tracked, is_named),
        };
        let found = obsolete.len() as u64;
        let mut deleted = 0;
        if is_safe {
            history.candidates = obsolete.iter().copied().collect();
            deleted = delete_many(store, tracked, obsolete, usize::MAX, |error| {
                tracing::warn!(%error, "could not delete a file that no commit names");
            });
            history.candidates.retain(|key| tracked.contains_key(*key));
            history.expected = Some(len.saturating_sub(deleted as usize));
            // Afterwards, because deleting an item that has a handle copies it.
            self.contents.forget_beside(|key| tracked.contains_key(key));
            self.remove_packs(&current.contents, history);
        }
        Cleaned {
            deleted,
            not_deleted: found - deleted,
        }
    }

    /// Forgets the generations before the current one that no reader has pinned. What only
    /// they named becomes a candidate.
    fn release_earlier(&self, contents: &Contents, current: u64, history: &mut History) {
        let History {
            candidates,
            manifests,
            others,
            ..
        } = history;
        // Removing a manifest also finds out whether it is pinned. If that were asked first, a
        // reader could pin it in between, and find it without its files.
        let may_remove = others.iter().all(|other| other.parts.is_some());
        others.retain_mut(|other| {
            // A later commit removes other items.
            let removed = other.removed.take();
            let generation = other.generation;
            if generation > current {
                return true;
            }
            match may_remove.then(|| self.remove_manifest(generation)) {
                Some(Ok(true)) => drop(manifests.remove(&generation)),
                Some(Ok(false)) => return true,
                // Its manifest stays as long as nothing is removed.
                None if other.parts.is_some() => return true,
                Some(Err(_)) | None if self.is_pinned(generation) => return true,
                Some(Err(_)) | None => {}
            }
            candidates.extend(removed.unwrap_or_else(|| other.contents.keys_not_in(contents)));
            false
        });
    }

    /// Whether a generation has to stay.
    fn is_pinned(&self, generation: u64) -> bool {
        let is_pinned = self.path.call(Operation::Commit, |backing, path| {
            backing.is_pinned(path, generation)
        });
        is_pinned.unwrap_or_else(|error| {
            tracing::warn!(%error, generation, "could not find out whether an earlier generation of a dataset is in use");
            true
        })
    }

    /// Removes the manifests of the generations that are gone, and then the parts that no
    /// generation needs and that the last commit has not replaced. In this order, what an
    /// interruption leaves can be read.
    fn remove_files(&self, current: &Version<Root>, history: &mut History) {
        let History {
            others,
            manifests,
            parts,
            replaced,
            bases,
            ..
        } = history;
        let needed: Option<Vec<_>> = others.iter().map(|other| other.parts.as_ref()).collect();
        let Some(needed) = needed else { return };
        let is_other = |generation| others.iter().any(|other| other.generation == generation);
        // One that cannot be removed keeps nothing: it is not the highest, so it is never read.
        manifests.retain(|generation| {
            *generation == current.generation
                || is_other(*generation)
                || !self.remove_manifest(*generation).unwrap_or(false)
        });
        let needed = needed.into_iter().flatten().copied();
        let needed = needed.chain(current.parts());
        let needed = needed.chain(bases.part());
        let needed: HashSet<_> = needed.chain(replaced.iter().copied()).collect();
        parts.retain(|part| needed.contains(part) || !self.remove_part(*part));
    }

    /// Returns false if the manifest is pinned.
    fn remove_manifest(&self, generation: u64) -> Result<bool> {
        let removed = self.path.call(Operation::Commit, |backing, path| {
            backing.remove_manifest(path, generation)
        });
        removed.inspect_err(|error| {
            tracing::warn!(%error, generation, "could not remove an earlier generation of a dataset");
        })
    }

    /// Removes the parts that a failed commit has written to a salvaged dataset, whose
    /// clean-ups do nothing: another salvage would take them for those of a commit whose
    /// manifest is lost.
    pub(super) fn remove_unused_parts(&self, before: &BTreeSet<Uuid>, history: &mut History) {
        if history.overtaken.is_some() {
            return;
        }
        let History { others, parts, .. } = history;
        // The manifest of the commit may be there all the same.
        let needed = |part: &Uuid| {
            let mut others = others.iter().filter_map(|other| other.parts.as_ref());
            others.any(|parts| parts.contains(part))
        };
        parts.retain(|part| before.contains(part) || needed(part) || !self.remove_part(*part));
    }

    /// Removes the packs in which no generation has an item any more.
    fn remove_packs(&self, current: &Contents, history: &mut History) {
        let History { others, packs, .. } = history;
        if packs.is_empty() || others.iter().any(|other| other.parts.is_none()) {
            return;
        }
        let others = others.iter().map(|other| &other.contents);
        let contents = others.chain([current]);
        let needed = contents.flat_map(|contents| contents.packs());
        let mut needed: HashSet<_> = needed.map(|(pack, _)| pack.file.id).collect();
        needed.extend(self.contents.packs_beside());
        packs.retain(|pack| needed.contains(pack) || !self.remove_pack(*pack));
    }

    fn remove_pack(&self, pack: Uuid) -> bool {
        let removed =
            (self.path).call_packs(Operation::Commit, |packs, path| packs.remove(path, pack));
        if let Err(error) = &removed {
            tracing::warn!(%error, %pack, "could not remove a pack that no generation of a dataset needs");
        }
        removed.is_ok()
    }

    fn remove_part(&self, part: Uuid) -> bool {
        let removed = (self.path).call(Operation::Commit, |backing, path| {
            backing.remove_part(path, part)
        });
        if let Err(error) = &removed {
            tracing::warn!(%error, %part, "could not remove a part of an earlier generation of a dataset");
        }
        removed.is_ok()
    }
}
