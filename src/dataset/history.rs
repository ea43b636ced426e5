//! The generations other than the current one, and the clean-up after a commit.

use std::sync::Arc;

use super::Shared;
use super::cause::DatasetCause;
use super::manifest::{ItemRecord, find};
use super::path::DatasetPath;
use crate::backing_store::ManifestStore;
use crate::error::Operation;
use crate::save::{delete_many, unnamed};
use crate::{Error, Result};

/// Generations on the disk other than the current one. The commit that runs holds it.
pub(super) struct History {
    /// The highest generation number ever used.
    pub(super) last: u64,
    pub(super) others: Vec<Other>,
    /// Set once another process has committed: the error of every later commit.
    pub(super) overtaken: Option<Error>,
}

impl History {
    /// Fails once another process has committed.
    pub(super) fn check_not_overtaken(&self) -> Result<()> {
        self.overtaken.clone().map_or(Ok(()), Err)
    }
}

/// A generation that is not the current one: either an earlier one that a reader has
/// pinned, or a later one that may not be durable.
pub(super) struct Other {
    pub(super) generation: u64,
    /// Sorted by key.
    pub(super) entries: Arc<[ItemRecord]>,
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
        self.path
            .call(Operation::Commit, |backing, path| backing.generations(path))
    }

    /// Removes earlier generations that no reader has pinned, and deletes the files that
    /// no generation names.
    ///
    /// Removes nothing unless it is certain that no other process has committed.
    pub(super) fn clean_up(&self, history: &mut History) -> Cleaned {
        let DatasetPath { store, tracked, .. } = &self.path;
        let current = self.current();
        let is_safe = history.overtaken.is_none() && self.check_newest(history).is_ok();
        if is_safe {
            history.others.retain(|other| {
                other.generation > current.generation || !self.remove_generation(other.generation)
            });
        }
        let is_named = |key| {
            let mut others = history.others.iter();
            find(&current.entries, key).is_some()
                || others.any(|other| find(&other.entries, key).is_some())
        };
        let obsolete = unnamed(tracked, is_named);
        let found = obsolete.len() as u64;
        let deleted = match is_safe {
            true => delete_many(store, tracked, obsolete, usize::MAX, |error| {
                tracing::warn!(%error, "could not delete a file that no commit names");
            }),
            false => 0,
        };
        Cleaned {
            deleted,
            not_deleted: found - deleted,
        }
    }

    /// Returns false if the generation has to stay.
    fn remove_generation(&self, generation: u64) -> bool {
        let removed = self.path.call(Operation::Commit, |backing, path| {
            backing.remove_manifest(path, generation)
        });
        removed.unwrap_or_else(|error| {
            tracing::warn!(%error, generation, "could not remove an earlier generation of a dataset");
            false
        })
    }
}
