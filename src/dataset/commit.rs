//! One commit, from its closure to the deletion of what it no longer names.
//!
//! 1. The closure names the items. What is new is written and linked in the
//!    background meanwhile.
//! 2. All of it is made durable.
//! 3. The manifest is written, made durable, and renamed to its generation: from
//!    here on the commit may be found by others, and after a restart.
//! 4. The name is made durable: the commit is acknowledged.
//! 5. Earlier generations that nobody has pinned go, and then the files that no
//!    generation names.
//!
//! If 4 fails, nobody knows which of the two generations a power cut would
//! leave. Both stay as they are, until a later commit succeeds.
//!
//! The lock of the directory keeps other processes from committing. Should it be
//! lost all the same, as on a network file system, a generation that this dataset
//! has not read shows it: before 3, after it and before 5. Then nothing is
//! acknowledged or deleted any more, since only the other process knows what its
//! commits name.

use std::io;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::OwnedMutexGuard;
use uuid::Uuid;

use super::cause::DatasetCause;
use super::manifest::{ItemRecord, Manifest, bytes_of, find};
use super::saver::{Saved, Saver};
use super::{Dataset, Shared, Version, at};
use crate::backing_store::{Core, ManifestStore, Task};
use crate::error::Operation;
use crate::{Error, Result};

/// So many files are deleted by one background job.
const BATCH: usize = 256;

/// What a commit came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Committed {
    /// The number of the commit.
    pub generation: u64,
    /// Items of the commit: those linked and those kept.
    pub items: u64,
    /// Bytes in the files of all of them.
    pub bytes: u64,
    /// Items that the commit before did not have.
    pub linked: u64,
    /// Bytes in the files of these.
    pub linked_bytes: u64,
    /// Items that the commit before had already.
    pub kept: u64,
    /// Files that were deleted, because no generation names them any more.
    pub deleted: u64,
    /// Files that should have been deleted and could not be. The next commit
    /// tries again.
    pub not_deleted: u64,
    /// Earlier generations that readers have pinned; their files stay.
    pub pinned: u64,
}

/// Generations on the disk beside the current one; whoever commits holds it.
pub(super) struct History {
    /// The highest number that was ever used.
    pub(super) last: u64,
    pub(super) others: Vec<Other>,
    /// Another process has committed since: the error of every later commit.
    pub(super) overtaken: Option<Error>,
}

impl History {
    fn check(&self) -> Result<()> {
        self.overtaken.clone().map_or(Ok(()), Err)
    }
}

/// A generation that is not the current one: an earlier one that a reader has
/// pinned, or a later one of which nobody knows whether it is durable.
pub(super) struct Other {
    pub(super) generation: u64,
    /// Sorted by key.
    pub(super) entries: Arc<[ItemRecord]>,
}

impl<Root, B> Dataset<Root, B>
where
    Root: Serialize + DeserializeOwned + Send + Sync + 'static,
    B: ManifestStore,
{
    /// Replaces what the dataset consists of, atomically and durably: `save`
    /// names the items to a [`Saver`], which gives their keys, and returns the
    /// root that holds these keys. After a kill or a power cut at any instant,
    /// the dataset is found as it was before or as it is now, whole.
    ///
    /// Items that the commit before has are kept, not written again; those that
    /// are not named any more are deleted, as soon as no reader of another
    /// process has pinned a generation that names them. Handles to them stay
    /// good.
    ///
    /// The closure returns the root, because only it learns the keys to put
    /// there. It runs at the first poll, on this thread, and waits for nothing.
    /// Commits of one dataset take turns.
    ///
    /// # Errors
    ///
    /// Those of the closure; the first failure of a write, a link or a sync; a
    /// root that would not come back from the disk. The commit before stands
    /// then, and what was linked is deleted again. [`Error::is_conflict`] if
    /// another process has committed since this dataset was opened: nothing is
    /// deleted then, and every later commit fails in the same way; reading goes on. If the very last step fails,
    /// the sync of the manifest's name, the new commit may be found after a
    /// restart: nothing that either names is deleted. A deletion that fails is
    /// counted, and no error.
    ///
    /// # Panics
    ///
    /// If the closure does. The commit before stands then.
    ///
    /// # Cancel safety
    ///
    /// Before the first poll has returned, and while another commit has its
    /// turn, dropping the future commits nothing. Later the commit goes on by
    /// itself.
    ///
    /// # Examples
    ///
    /// See [`Dataset`].
    pub async fn commit<E: From<Error>>(
        &self,
        save: impl FnOnce(&mut Saver<B>) -> Result<Root, E>,
    ) -> Result<Committed, E> {
        self.shared.check_writable()?;
        let turn = self.shared.turn.clone().lock_owned().await;
        turn.check()?;
        match self.begin(turn, save) {
            Ok(committing) => Ok(committing.await?),
            Err((error, cleaning)) => {
                let _ = cleaning.await;
                Err(error)
            }
        }
    }

    /// The blocking form of [`commit`](Self::commit).
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Panics
    ///
    /// As there.
    ///
    /// # Blocking
    ///
    /// Waits for the disk; part of the work is done on this thread. Called from
    /// within the closure of another commit of this dataset it never returns.
    pub fn blocking_commit<E: From<Error>>(
        &self,
        save: impl FnOnce(&mut Saver<B>) -> Result<Root, E>,
    ) -> Result<Committed, E> {
        self.shared.check_writable()?;
        let turn = crate::sync::block_on(self.shared.turn.clone().lock_owned());
        turn.check()?;
        match self.begin(turn, save) {
            Ok(committing) => Ok(committing.wait()?),
            Err((error, cleaning)) => {
                let _ = cleaning.wait();
                Err(error)
            }
        }
    }

    /// Runs the closure, and gives the rest to the background.
    fn begin<E>(
        &self,
        turn: OwnedMutexGuard<History>,
        save: impl FnOnce(&mut Saver<B>) -> Result<Root, E>,
    ) -> Result<Task<Committed>, (E, Task<()>)> {
        let shared = self.shared.clone();
        let store = shared.store.clone();
        let committed = shared.current().entries.clone();
        let mut saver = Saver::new(store.clone(), shared.tracked.clone(), committed);
        let root = save(&mut saver);
        let saved = saver.into_saved();
        let mut commission = PendingCommit {
            shared,
            history: turn,
            saved,
        };
        match root {
            Ok(root) => {
                let commit = move || commission.carry_out(root);
                Ok(store.task(Operation::Commit, commit))
            }
            Err(error) => {
                let abandon = move || commission.abandon();
                Err((error, store.task(Operation::Commit, abandon)))
            }
        }
    }
}

/// A commit whose items are named.
struct PendingCommit<Root, B: ManifestStore> {
    shared: Arc<Shared<Root, B>>,
    history: OwnedMutexGuard<History>,
    saved: Saved,
}

impl<Root, B> PendingCommit<Root, B>
where
    Root: Serialize + DeserializeOwned + Send + Sync + 'static,
    B: ManifestStore,
{
    fn carry_out(&mut self, root: Root) -> Result<Committed> {
        let published = self.publish(root);
        let cleaned = self.shared.clean_up(&mut self.history);
        published.map(|committed| Committed {
            deleted: cleaned.deleted,
            not_deleted: cleaned.not_deleted,
            pinned: self.history.others.len() as u64,
            ..committed
        })
    }

    fn abandon(&mut self) -> Result<()> {
        let linked = self.saved.wait();
        self.shared.clean_up(&mut self.history);
        linked.map(drop)
    }

    fn publish(&mut self, root: Root) -> Result<Committed> {
        let linked = self.saved.wait()?;
        let kept = std::mem::take(&mut self.saved.kept);
        let generation = self.history.last.checked_add(1);
        let committed = Committed {
            generation: generation
                .ok_or_else(|| self.shared.unfit(DatasetCause::LastGeneration))?,
            items: (linked.len() + kept.len()) as u64,
            bytes: bytes_of(linked.iter().chain(&kept)),
            linked: linked.len() as u64,
            linked_bytes: bytes_of(&linked),
            kept: kept.len() as u64,
            deleted: 0,
            not_deleted: 0,
            pinned: 0,
        };
        let mut entries = kept;
        entries.extend(linked);
        entries.sort_unstable_by_key(|entry| entry.key);
        let manifest = Manifest {
            generation: committed.generation,
            root: self.shared.encode_root(&root)?,
            entries,
        };
        self.shared.store.core().sync(self.shared.tracked.path())?;
        self.make_current(root, manifest)?;
        Ok(committed)
    }

    fn make_current(&mut self, root: Root, manifest: Manifest) -> Result<()> {
        let bytes = manifest.encode();
        let bytes = bytes.map_err(|cause| self.shared.unfit(cause))?;
        let generation = manifest.generation;
        let entries: Arc<[ItemRecord]> = manifest.entries.into();
        let (shared, history) = (&self.shared, &mut *self.history);
        shared.check_newest(history)?;
        history.last = generation;
        history.others.push(Other {
            generation,
            entries: entries.clone(),
        });
        let written = shared.call(Operation::Commit, |backing, path| {
            backing.write_manifest(path, generation, &bytes)
        });
        if let Err(error) = written {
            if is_already_there(&error) {
                return Err(shared.overtaken_by(generation, history));
            }
            if !shared.may_be_there(generation) {
                history.others.pop();
            }
            return Err(error);
        }
        shared.call(Operation::Commit, |backing, path| {
            backing.sync_manifests(path)
        })?;
        shared.check_newest(history)?;
        history.others.pop();
        let before = shared.set_current(Version {
            generation,
            root: Arc::new(root),
            entries,
        });
        history.others.push(Other {
            generation: before.generation,
            entries: before.entries.clone(),
        });
        Ok(())
    }
}

/// Whether a manifest could not be written because the generation has one.
pub(super) fn is_already_there(error: &Error) -> bool {
    let cause = error.get_ref().downcast_ref::<io::Error>();
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::AlreadyExists)
}

/// The root as it is stored. It is read once more, since it is too late to learn
/// after the commit that it does not come back.
pub(super) fn encode_root<Root: Serialize + DeserializeOwned>(
    root: &Root,
) -> Result<Vec<u8>, DatasetCause> {
    let bytes = serde_json::to_vec(root).map_err(DatasetCause::UnfitRoot)?;
    serde_json::from_slice::<Root>(&bytes).map_err(DatasetCause::UnfitRoot)?;
    Ok(bytes)
}

/// What a clean-up came to.
pub(super) struct Cleaned {
    deleted: u64,
    not_deleted: u64,
}

impl<Root, B: ManifestStore> Shared<Root, B> {
    fn encode_root(&self, root: &Root) -> Result<Vec<u8>>
    where
        Root: Serialize + DeserializeOwned,
    {
        encode_root(root).map_err(|cause| self.unfit(cause))
    }

    /// A commit that this dataset cannot hold.
    fn unfit(&self, cause: DatasetCause) -> Error {
        let path = self.store.core().backing.describe(self.tracked.path());
        Error::new(Operation::Commit, at(path, cause))
    }

    /// Refuses a generation that is later than all that were read or written
    /// here.
    fn check_newest(&self, history: &mut History) -> Result<()> {
        let generations =
            self.call(Operation::Commit, |backing, path| backing.generations(path))?;
        match generations.last() {
            Some(newest) if *newest > history.last => Err(self.overtaken_by(*newest, history)),
            _ => Ok(()),
        }
    }

    /// Another process has committed this generation: no more is committed here.
    fn overtaken_by(&self, generation: u64, history: &mut History) -> Error {
        let backing = &self.store.core().backing;
        let path = backing.describe_manifest(self.tracked.path(), generation);
        let error = Error::new(Operation::Commit, at(path, DatasetCause::Overtaken));
        tracing::error!(%error, generation, "another process commits to a dataset that this one has open");
        history.overtaken = Some(error.clone());
        error
    }

    /// Whether the manifest of a failed commit is there all the same.
    fn may_be_there(&self, generation: u64) -> bool {
        self.call(Operation::Commit, |backing, path| backing.generations(path))
            .map_or(true, |generations| generations.contains(&generation))
    }

    /// Lets go of earlier generations that nobody has pinned, and deletes the
    /// files that no generation names.
    ///
    /// Nothing goes while it is not certain that no other process commits.
    pub(super) fn clean_up(&self, history: &mut History) -> Cleaned {
        let current = self.current();
        let is_safe = history.overtaken.is_none() && self.check_newest(history).is_ok();
        if is_safe {
            history.others.retain(|other| {
                other.generation > current.generation || !self.let_go(other.generation)
            });
        }
        let is_named = |key| {
            let mut others = history.others.iter();
            find(&current.entries, key).is_some()
                || others.any(|other| find(&other.entries, key).is_some())
        };
        let mut obsolete = self.tracked.all_keys();
        obsolete.retain(|key| !is_named(*key));
        match is_safe {
            true => self.delete(&obsolete),
            false => Cleaned {
                deleted: 0,
                not_deleted: obsolete.len() as u64,
            },
        }
    }

    /// False if it has to stay.
    fn let_go(&self, generation: u64) -> bool {
        let removed = self.call(Operation::Commit, |backing, path| {
            backing.remove_manifest(path, generation)
        });
        removed.unwrap_or_else(|error| {
            tracing::warn!(%error, generation, "an earlier generation of a dataset could not be removed");
            false
        })
    }

    fn delete(&self, keys: &[Uuid]) -> Cleaned {
        let delete = |keys: &[Uuid]| {
            let (core, tracked) = (self.store.core().clone(), self.tracked.clone());
            let keys = keys.to_vec();
            let delete_all = move || Ok(delete_all(&core, &tracked, &keys));
            self.store.task(Operation::DeletePersisted, delete_all)
        };
        let tasks: Vec<_> = keys.chunks(BATCH).map(delete).collect();
        let deleted = tasks.into_iter().map(|task| task.wait().unwrap_or(0)).sum();
        Cleaned {
            deleted,
            not_deleted: keys.len() as u64 - deleted,
        }
    }
}

/// Tells how many could be deleted.
fn delete_all<B: ManifestStore>(
    core: &Core<B>,
    tracked: &crate::backing_store::TrackedPath<B::PersistPath>,
    keys: &[Uuid],
) -> u64 {
    let is_deleted = |key: &&Uuid| match core.delete_persisted(tracked, **key) {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(%error, "a file that no commit names could not be deleted");
            false
        }
    };
    keys.iter().filter(is_deleted).count() as u64
}
