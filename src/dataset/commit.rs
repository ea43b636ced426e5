//! One commit, from its closure to the deletion of files that are no longer named.
//!
//! 1. The closure names the items. Meanwhile, new ones are written and linked in the
//!    background. Small ones of a dataset with packs are written only, and afterwards copied
//!    into packs (`packing.rs`), each of which is made durable with its name.
//! 2. The parts that the manifest needs and that are not there yet are written, and made
//!    durable with their names: a base of all items if one is due; what the commit changes,
//!    if that is long; and the bytes of the current manifest, under their id, if the new one
//!    builds on them or has a new base. A part that names new items is written after they are
//!    durable, because a salvage may find it without a manifest. If a base cannot be written,
//!    the commit builds on the deltas before it instead, unless there are too many of them. A
//!    short commit of a large dataset leaves the base to the background (`next_base.rs`), and
//!    a later one builds on it.
//! 3. The manifest is written under a temporary name, and all items are made durable.
//! 4. The manifest is made durable, and renamed to its generation. From here on, other
//!    processes may find the commit, and so may a restart. It is written before the items are
//!    durable so that it shares the commit of the file system's journal that they need.
//! 5. The name is made durable: the commit is acknowledged.
//! 6. The manifests of earlier generations are removed, except those that readers have
//!    pinned; then the parts that no generation needs. Then the files of items are deleted
//!    that no generation names; and then the packs in which no generation has an item. Before
//!    an item goes that has a handle, it is brought into the cache. The parts that a new base has replaced stay for one commit
//!    more, or until the next open has read the base: if a disk has lost what it had reported
//!    as durable, they still record the generation before.
//!
//! So a manifest is that of the current generation, of a pinned one, or of one whose commit
//! has failed uncertainly. Whatever other generations build on is a part, which is never taken
//! for a generation. If the current manifest is lost, or is missing from a copy or from a
//! listing of the directory, an earlier one takes its place only if a reader has pinned it.
//!
//! Why a power cut or a kill at any point leaves the old commit or the new one:
//!
//! * Whatever a manifest depends on is durable before the manifest has a name: the items and
//!   their names by step 3, new packs and their names by step 1, new parts and theirs by step
//!   2, and the manifest's own bytes
//!   within step 4. Its other parts are those of the generation before, which was acknowledged
//!   with them, or was found by an open, which makes its manifest, parts and packs and their names
//!   durable first: another program may have copied them. A manifest never builds on that of
//!   a failed commit, because only step 5 makes its chain the one to go on from. A part that
//!   a failed commit has left is removed, or written again by the next commit that needs it:
//!   its id stands for its bytes.
//! * Nothing is removed before step 5 has succeeded. After it, every restart finds this
//!   generation or a later one, so only what this one consists of is needed, and what readers
//!   have pinned or a failed commit may have left under a later number. Deletions need no
//!   order among each other to be safe from a power cut, which may keep some and lose others:
//!   what is left over is of generations that are never opened as current, and the next
//!   open removes it. They are made in an order all the same, manifests before parts, so that each
//!   manifest that a kill leaves can be read.
//! * A reader has a shared lock of its manifest, and looks for a later one after it has taken
//!   it. The writer asks for the lock after the later one has its name. So either the reader
//!   starts over, or the writer keeps that manifest, its parts and its items.
//! * After a restart, the generations that are pinned are read with their parts. If one of
//!   them cannot be read, no manifest, part or item is removed while it is pinned.
//!
//! If step 5 fails, it is unknown which of the two generations a power cut would leave.
//! Both stay as they are until a later commit succeeds.
//!
//! The lock of the directory keeps other processes from committing. If the lock is lost
//! all the same, as may happen on a network file system, a generation that this dataset
//! has not read reveals it: the commit looks for one before step 4 and after step 5. Nothing
//! is acknowledged or deleted from then on, because only the other process knows what its
//! commits name.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::OwnedMutexGuard;
use uuid::Uuid;

use super::cause::DatasetCause;
use super::contents::{Chain, Commit, Contents, Edit};
use super::current::Version;
use super::history::History;
use super::manifest::{Base, Changes, ItemEntry, WrittenFile, encode_root};
use super::next_base::WrittenBase;
use super::path::{DatasetPath, is_already_there};
use super::saver::{Named, Saved, Saver};
use super::{Dataset, Shared};
use crate::backing_store::{ManifestStore, PreparedTask, SyncScope};
use crate::error::{Operation, at};
use crate::hash::HashSet;
use crate::{Error, Result};

/// The result of a commit.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "bincodec")]
/// # #[tokio::main]
/// # async fn main() -> file_backed::Result<()> {
/// use std::sync::Arc;
/// use file_backed::dataset::Dataset;
/// use file_backed::fbstore::{BinCodec, PreparedPath};
/// use file_backed::{Error, FBPool};
///
/// let pool: Arc<FBPool<String, _>> = FBPool::temp(BinCodec, 100).await?;
/// let saved = PreparedPath::temp().await?;
/// let notes: Dataset<Vec<_>, _> = Dataset::open(pool.store(), saved).await?;
///
/// let (one, two) = (pool.insert("one".to_owned()), pool.insert("two".to_owned()));
/// notes.commit(|saver| Ok::<_, Error>(vec![saver.save(&one)?])).await?;
///
/// // `one` is in the previous commit, so only `two` is linked.
/// let done = notes
///     .commit(|saver| Ok::<_, Error>(vec![saver.save(&one)?, saver.save(&two)?]))
///     .await?;
/// assert_eq!((done.generation, done.items), (2, 2));
/// assert_eq!((done.kept, done.linked, done.deleted), (1, 1, 0));
/// if done.pinned > 0 {
///     println!("readers still use {} earlier commits", done.pinned);
/// }
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "bincodec"))]
/// # fn main() {}
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Committed {
    /// The number of the commit.
    pub generation: u64,
    /// Items of the commit, linked and kept.
    pub items: u64,
    /// Total length of their files in bytes.
    pub bytes: u64,
    /// Items that the previous commit did not have.
    pub linked: u64,
    /// Total length of the files of these in bytes.
    pub linked_bytes: u64,
    /// Items that the previous commit already had.
    pub kept: u64,
    /// Items that only the previous commit had.
    pub removed: u64,
    /// Names of the items of the commit.
    pub names: u64,
    /// Names that were given, that belong to another item now, or that are gone.
    pub renamed: u64,
    /// Items that were deleted because no generation names them any more. One that is in a pack
    /// leaves its bytes there until nothing in the pack is needed.
    pub deleted: u64,
    /// Files whose deletion failed. The next commit tries again.
    pub not_deleted: u64,
    /// Earlier generations that readers have pinned; their files stay.
    pub pinned: u64,
}

impl<Root, B> Dataset<Root, B>
where
    Root: Serialize + DeserializeOwned + Send + Sync + 'static,
    B: ManifestStore,
{
    /// Replaces the contents of the dataset, atomically and durably. `save` names the
    /// items to a [`Saver`], which returns their keys, and then returns the root that
    /// holds these keys. After a kill or a power cut at any instant, the dataset is
    /// whole: either the old contents or the new ones.
    ///
    /// Items of the previous commit are kept, not written again. Items that are no longer
    /// named are deleted once no reader in another process pins a generation that names
    /// them. Handles to them stay valid.
    ///
    /// [`edit`](Self::edit) does the same, but its closure names only what changes.
    ///
    /// The closure returns the root because only the closure learns the keys. It runs in
    /// the first poll, on this thread, and does not wait. Commits of one dataset run one
    /// at a time.
    ///
    /// # Errors
    ///
    /// * An error of the closure; the first failure of a write, a link or a sync; or a
    ///   root that could not be read back. The previous commit remains current, and what
    ///   was linked is deleted again.
    /// * [`Error::is_conflict`] if another process has committed since this dataset was
    ///   opened. Nothing is deleted, every later commit fails in the same way, and
    ///   reading continues to work.
    /// * If the very last step fails, the sync of the manifest's name, a restart may find
    ///   the new commit. Nothing that either commit names is deleted.
    ///
    /// A failed deletion is counted in the result and is not an error.
    ///
    /// # Panics
    ///
    /// If the closure panics. The previous commit remains current.
    ///
    /// # Cancel safety
    ///
    /// Before the first poll returns, or while another commit runs, dropping the future
    /// commits nothing. After that, the commit continues in the background.
    ///
    /// # Examples
    ///
    /// See [`Dataset`].
    pub async fn commit<E: From<Error>>(
        &self,
        save: impl FnOnce(&mut Saver<B>) -> Result<Root, E>,
    ) -> Result<Committed, E> {
        let save = |saver: &mut Saver<B>| Ok((Some(save(saver)?), ()));
        self.commit_in_turn(save).await.map(|((), done)| done)
    }

    /// The blocking form of [`commit`](Self::commit).
    ///
    /// # Errors
    ///
    /// Same as [`commit`](Self::commit).
    ///
    /// # Panics
    ///
    /// Same as [`commit`](Self::commit).
    ///
    /// # Blocking
    ///
    /// Waits for the disk, and does part of the work on this thread. Called inside the
    /// closure of another commit of this dataset, it deadlocks.
    pub fn blocking_commit<E: From<Error>>(
        &self,
        save: impl FnOnce(&mut Saver<B>) -> Result<Root, E>,
    ) -> Result<Committed, E> {
        let save = |saver: &mut Saver<B>| Ok((Some(save(saver)?), ()));
        self.blocking_commit_in_turn(save).map(|((), done)| done)
    }

    /// Commits what the closure saves, once it is this caller's turn. See
    /// [`begin`](Self::begin).
    pub(super) async fn commit_in_turn<R, E: From<Error>>(
        &self,
        save: impl FnOnce(&mut Saver<B>) -> Result<(Option<Root>, R), E>,
    ) -> Result<(R, Committed), E> {
        self.shared.check_writable()?;
        let turn = self.shared.turn.clone().lock_owned().await;
        turn.check_not_overtaken()?;
        match self.begin(turn, save, |_| {}) {
            Ok((returned, committing)) => Ok((returned, committing.start().await?)),
            Err((error, cleaning)) => {
                let _ = cleaning.start().await;
                Err(error)
            }
        }
    }

    pub(super) fn blocking_commit_in_turn<R, E: From<Error>>(
        &self,
        save: impl FnOnce(&mut Saver<B>) -> Result<(Option<Root>, R), E>,
    ) -> Result<(R, Committed), E> {
        self.shared.check_writable()?;
        let turn = crate::sync::block_on(self.shared.turn.clone().lock_owned());
        turn.check_not_overtaken()?;
        match self.begin(turn, save, |_| {}) {
            Ok((returned, committing)) => Ok((returned, committing.wait()?)),
            Err((error, cleaning)) => {
                let _ = cleaning.wait();
                Err(error)
            }
        }
    }

    /// Runs the closure, and makes a job of the rest. Without a root, the one of
    /// the previous commit stays. What else the closure returns is returned. `tell` learns how
    /// the commit ended before the turn does.
    pub(super) fn begin<R, E>(
        &self,
        turn: OwnedMutexGuard<History>,
        save: impl FnOnce(&mut Saver<B>) -> Result<(Option<Root>, R), E>,
        tell: impl FnOnce(&Result<Committed>) + Send + 'static,
    ) -> Begun<R, E, B> {
        let shared = self.shared.clone();
        let store = shared.path.store.clone();
        let mut saver = Saver::new(shared.path.clone(), &shared.current());
        let returned = catch_unwind(AssertUnwindSafe(|| save(&mut saver)));
        let saved = saver.into_saved();
        let mut pending = PendingCommit {
            shared,
            history: turn,
            is_base_due: false,
        };
        pending.history.candidates.extend(&saved.begun);
        let abandon = |mut pending: PendingCommit<Root, B>, saved| {
            store.prepare_task(Operation::Commit, move || pending.abandon(saved))
        };
        match returned {
            Ok(Ok((root, returned))) => {
                let commit = move || {
                    let committed = pending.carry_out(root, saved);
                    tell(&committed);
                    committed
                };
                Ok((returned, store.prepare_task(Operation::Commit, commit)))
            }
            Ok(Err(error)) => Err((error, abandon(pending, saved))),
            Err(panic) => {
                drop(abandon(pending, saved));
                resume_unwind(panic);
            }
        }
    }
}

/// What the closure returned and the commit, or its error and the clean-up after it.
type Begun<R, E, B> = Result<(R, PreparedTask<Committed, B>), (E, PreparedTask<(), B>)>;

/// A commit whose closure has named its items.
pub(super) struct PendingCommit<Root, B: ManifestStore> {
    shared: Arc<Shared<Root, B>>,
    history: OwnedMutexGuard<History>,
    /// Whether a base is to be written in the background after the commit.
    is_base_due: bool,
}

impl<Root, B> PendingCommit<Root, B>
where
    Root: Serialize + DeserializeOwned + Send + Sync + 'static,
    B: ManifestStore,
{
    fn carry_out(&mut self, root: Option<Root>, saved: Saved<B>) -> Result<Committed> {
        // Clean-ups of a salvaged dataset do nothing, until a commit has recorded it.
        let is_salvaged = self.shared.current().is_salvaged;
        let parts_before = is_salvaged.then(|| self.history.parts.clone());
        let published = self.publish(root, saved);
        let cleaned = match &published {
            // It has just looked for a later generation.
            Ok(_) => self.shared.clean_up_if(true, &mut self.history),
            Err(_) => {
                if let Some(before) = parts_before {
                    self.shared.remove_unused_parts(&before, &mut self.history);
                }
                self.shared.clean_up(&mut self.history)
            }
        };
        if published.is_ok() && self.is_base_due {
            let current = self.shared.current();
            let part = self.history.bases.begin(&self.shared, &current);
            self.history.parts.insert(part);
        }
        published.map(|committed| Committed {
            deleted: cleaned.deleted,
            not_deleted: cleaned.not_deleted,
            pinned: self.history.others.len() as u64,
            ..committed
        })
    }

    fn abandon(&mut self, saved: Saved<B>) -> Result<()> {
        let persisted = saved.persisting.wait();
        self.note_linked(&saved.new);
        self.shared.clean_up(&mut self.history);
        persisted.map(drop)
    }

    /// Notes how many of the items that had no file have one, after the last was persisted.
    fn note_linked(&mut self, new: &HashSet<Uuid>) {
        let tracked = &self.shared.path.tracked;
        let linked = new.iter().filter(|key| tracked.contains_key(**key));
        self.history.add_linked(linked.count());
    }

    fn publish(&mut self, root: Option<Root>, saved: Saved<B>) -> Result<Committed> {
        let Saved {
            mut edit,
            new,
            persisting,
            ..
        } = saved;
        let earlier = self.shared.current();
        let (mut linked, mut linked_bytes) = (0, 0_u64);
        // Without those that were removed again.
        let named = persisting.wait_for(|key| edit.get(key).is_some());
        let records = named.and_then(|named| self.place_all(named, &edit));
        self.note_linked(&new);
        let mut records = records?;
        records.retain(|(key, _)| edit.get(*key).is_some());
        for (key, entry) in records {
            // An item that came from elsewhere is compared each time that it is named.
            let is_new = edit.is_announced(key) && !earlier.contents.contains(key);
            linked += u64::from(is_new);
            linked_bytes =
                linked_bytes.saturating_add(if is_new { entry.fingerprint.len } else { 0 });
            edit.put(key, entry);
        }
        let generation = self.history.last.checked_add(1);
        let generation = generation.ok_or_else(|| self.error(DatasetCause::LastGeneration))?;
        let (contents, changes) = edit.finish().map_err(|cause| self.error(cause))?;
        let committed = Committed {
            generation,
            items: contents.len(),
            bytes: contents.bytes(),
            linked,
            linked_bytes,
            kept: contents.len() - linked,
            removed: changes.removed_keys().count() as u64,
            names: contents.name_count(),
            renamed: changes.names.len() as u64,
            deleted: 0,
            not_deleted: 0,
            pinned: 0,
        };
        let (root, encoded_root) = match root {
            Some(root) => {
                let encoded = encode_root(&root).map_err(|cause| self.error(cause))?;
                (Arc::new(root), encoded.into())
            }
            None => (earlier.root.clone(), earlier.encoded_root.clone()),
        };
        let next = Version {
            generation,
            root,
            encoded_root,
            contents,
            chain: None,
            is_salvaged: false,
            damaged: self.still_damaged(&earlier),
        };
        self.make_current(next, changes)?;
        Ok(committed)
    }

    /// Puts those items where they belong that are not there yet. Returns the entries of all.
    fn place_all(&mut self, named: Vec<Named<B>>, edit: &Edit) -> Result<Vec<(Uuid, ItemEntry)>> {
        let (mut placed, mut captured) = (Vec::new(), Vec::new());
        for item in named {
            match item {
                Named::Placed(key, entry) => placed.push((key, entry)),
                Named::Captured(item) => captured.push(item),
            }
        }
        placed.extend(self.place_captured(captured, edit)?);
        Ok(placed)
    }

    pub(super) fn path(&self) -> &DatasetPath<B> {
        &self.shared.path
    }

    /// Notes a pack that is about to be written.
    pub(super) fn note_pack(&mut self, id: Uuid) {
        self.history.packs.insert(id);
    }

    /// The damaged files that a salvage has told of, and that are still there: a reader may
    /// have them pinned.
    fn still_damaged(&self, earlier: &Version<Root>) -> Arc<HashSet<Uuid>> {
        let tracked = &self.shared.path.tracked;
        let keys = earlier.damaged.iter().copied();
        Arc::new(keys.filter(|key| tracked.contains_key(*key)).collect())
    }

    /// Passes on which files the commit needs to be durable. A file that failed to become so
    /// in an earlier commit, and that this one does not have, does not fail it.
    fn with_scope<R>(&self, contents: &Contents, sync: impl FnOnce(SyncScope<'_>) -> R) -> R {
        let earlier = self.shared.current();
        // No commit has made the items durable that a salvage has included.
        let is_of_commit = !earlier.is_salvaged;
        sync(SyncScope {
            is_needed: &|key| contents.contains(key),
            was_durable: &|key| is_of_commit && earlier.contents.contains(key),
        })
    }

    fn make_current(&mut self, mut next: Version<Root>, changes: Changes) -> Result<()> {
        let removed: Vec<_> = changes.removed_keys().collect();
        let generation = next.generation;
        // A base that is being written in the background does not have them.
        let since_base = self.history.bases.part().map(|_| changes.clone());
        let bytes = self.encode(&mut next, changes)?;
        self.shared.check_newest(&mut self.history)?;
        self.history.last = generation;
        let written = self.with_scope(&next.contents, |scope| {
            self.shared.path.call(Operation::Commit, |backing, path| {
                backing.write_manifest_after_items(path, scope, generation, &bytes)
            })
        });
        let (shared, history) = (&self.shared, &mut *self.history);
        if let Err(error) = written {
            if is_already_there(&error) {
                return Err(shared.mark_overtaken(generation, history));
            }
            if shared.may_be_there(generation) {
                history.add_uncertain(&next);
            }
            return Err(error);
        }
        let synced = shared.path.call(Operation::Commit, |backing, path| {
            backing.sync_manifests(path)
        });
        if let Err(error) = synced.and_then(|()| shared.check_newest(history)) {
            history.add_uncertain(&next);
            return Err(error);
        }
        let base = next.chain.as_ref().and_then(Chain::base);
        let base = base.map(|base| base.file.id);
        (history.bases).note_commit(base, since_base.unwrap_or_default());
        let before = shared.set_current(next, &removed);
        history.add_current(&before, &shared.current(), removed);
        Ok(())
    }

    /// The bytes of the generation's manifest. Notes what it consists of once they are written.
    fn encode(&mut self, next: &mut Version<Root>, changes: Changes) -> Result<Vec<u8>> {
        let (earlier, root) = (self.shared.current(), next.encoded_root.clone());
        let has_new_root = root != earlier.encoded_root;
        let commit = Commit {
            generation: next.generation,
            id: crate::key::random(),
            root: has_new_root.then(|| root.clone()),
            changes,
        };
        let root_len = root.len() as u64;
        let chain = earlier.chain.clone();
        let must_end = chain.as_ref().is_some_and(|chain| !chain.may_grow());
        if let Some(written) = self.history.bases.written(next.generation, must_end) {
            self.sync_items(&next.contents)?;
            match self.build_on(written, next, commit.clone()) {
                Err(error) => {
                    self.history.check_not_overtaken()?;
                    tracing::warn!(%error, generation = next.generation, "could not build on a new base of a dataset: the commit goes on without, and a later one tries again");
                    self.history.bases.abandon(next.generation);
                }
                built => return built,
            }
        }
        let is_due = |chain: &Chain| chain.needs_new_base(&commit, root_len);
        let goes_on = match &chain {
            Some(chain) => !is_due(chain) || self.is_put_off(chain, &commit, &next.contents),
            None => false,
        };
        if !goes_on || commit.is_long() {
            // The failure of an item is not one of a base, without which a commit goes on.
            self.sync_items(&next.contents)?;
        }
        let (bytes, chain) = match chain {
            Some(chain) if goes_on => match self.extend(&chain, commit) {
                Err(error) if error.is_damaged() || error.is_not_found() => {
                    self.is_base_due = false;
                    self.sync_items(&next.contents)?;
                    tracing::warn!(%error, generation = next.generation, "the current manifest of a dataset cannot be read any more: the commit writes a base from memory");
                    self.begin_chain(next)?
                }
                extended => extended?,
            },
            chain => match (self.begin_chain(next), chain) {
                (Ok(begun), _) => begun,
                // There may be room for what this commit changes, and it may make room.
                (Err(error), Some(chain)) if chain.may_grow() => {
                    self.history.check_not_overtaken()?;
                    self.history.bases.has_failed(next.generation);
                    tracing::warn!(%error, generation = next.generation, "could not write a new base of a dataset: the commit goes on without, and a later one tries again");
                    self.extend(&chain, commit)?
                }
                (Err(error), _) => return Err(error),
            },
        };
        next.chain = Some(chain);
        Ok(bytes)
    }

    /// Whether a commit that finds a base due goes on without: because the last one failed, or
    /// because a base takes long to write and the commit is short. Then it is written in the
    /// background afterwards.
    fn is_put_off(&mut self, chain: &Chain, commit: &Commit, contents: &Contents) -> bool {
        let bases = &self.history.bases;
        if !chain.may_grow() {
            return false;
        }
        let may_begin = bases.may_begin(commit.generation);
        let is_for_background = !commit.is_long() && bases.is_for_background(contents);
        self.is_base_due = may_begin && is_for_background;
        !may_begin || is_for_background
    }

    /// Builds on a base that was written in the background. The manifest holds what has
    /// changed since, if that is short.
    fn build_on(
        &mut self,
        written: WrittenBase,
        next: &mut Version<Root>,
        commit: Commit,
    ) -> Result<Vec<u8>> {
        let WrittenBase { base, mut changes } = written;
        changes.extend(commit.changes);
        self.keep_replaced()?;
        let contents = Contents::of(base.clone()).with(&changes);
        let contents = contents.map_err(|cause| self.error(cause))?;
        let has_new_root = *base.root() != next.encoded_root;
        let commit = Commit {
            id: crate::key::random(),
            root: has_new_root.then(|| next.encoded_root.clone()),
            changes,
            ..commit
        };
        let chain = Chain::beginning_at(Some(base.written()));
        let (bytes, chain) = self.extend(&chain, commit)?;
        next.contents = contents;
        next.chain = Some(chain);
        Ok(bytes)
    }

    /// Keeps what a base replaces complete as parts, unless it cannot be read.
    fn keep_replaced(&mut self) -> Result<()> {
        let earlier = self.shared.current();
        let Some(current) = earlier.chain.as_ref().and_then(Chain::newest) else {
            return Ok(());
        };
        let kept = self.write_current_as_part(current);
        self.history.check_not_overtaken()?;
        match kept {
            Err(error) if error.is_damaged() || error.is_not_found() => {
                tracing::warn!(%error, "could not keep the manifest that a new base replaces");
                Ok(())
            }
            kept => kept,
        }
    }

    /// Writes all of the generation's contents and its root as a base, and returns the bytes of
    /// a manifest that changes nothing in it.
    fn begin_chain(&mut self, next: &mut Version<Root>) -> Result<(Vec<u8>, Chain)> {
        self.keep_replaced()?;
        let begun = next
            .contents
            .begin_chain(next.generation, &next.encoded_root);
        let begun = begun.map_err(|cause| self.error(cause))?;
        self.write_part(begun.base_id, &begun.base)?;
        let base = Base::from_bytes(begun.base).map_err(|cause| self.error(cause))?;
        next.encoded_root = base.root().clone();
        next.contents = Contents::of(Arc::new(base));
        Ok((begun.manifest, begun.chain))
    }

    /// The bytes of the manifest of a commit, and the chain with it. If the changes are long,
    /// they are written as a part.
    fn extend(&mut self, chain: &Chain, commit: Commit) -> Result<(Vec<u8>, Chain)> {
        if !commit.is_long() {
            return self.next(chain, commit);
        }
        let (id, nothing_more) = (commit.id, commit.nothing_more(crate::key::random()));
        let (bytes, chain) = self.next(chain, commit)?;
        self.write_part(id, &bytes)?;
        chain.next(nothing_more).map_err(|cause| self.error(cause))
    }

    /// The bytes of a delta, and the chain with it. If it builds on the current manifest, that
    /// is written as a part.
    fn next(&mut self, chain: &Chain, commit: Commit) -> Result<(Vec<u8>, Chain)> {
        let (bytes, next) = chain.next(commit).map_err(|cause| self.error(cause))?;
        let current = chain.newest();
        if let Some(current) = current.filter(|current| next.parent() == Some(*current)) {
            self.write_current_as_part(current)?;
        }
        Ok((bytes, next))
    }

    /// Makes the items of the commit durable, before a part names them.
    fn sync_items(&self, contents: &Contents) -> Result<()> {
        self.with_scope(contents, |scope| {
            self.shared.path.call(Operation::Commit, |backing, path| {
                backing.sync_items(path, scope)
            })
        })
    }

    fn write_part(&mut self, id: Uuid, bytes: &[u8]) -> Result<()> {
        self.history.parts.insert(id);
        self.shared.path.call(Operation::Commit, |backing, path| {
            backing.write_part(path, id, bytes)
        })
    }

    /// Writes the current manifest as a part too.
    fn write_current_as_part(&mut self, manifest: WrittenFile) -> Result<()> {
        let (shared, history) = (&self.shared, &mut *self.history);
        let generation = shared.current().generation;
        let id = manifest.file.id;
        history.parts.insert(id);
        let written = shared.path.call(Operation::Commit, |backing, path| {
            let source = backing.open_manifest(path, generation)?;
            let read = manifest.read_again(&*source);
            let of_own = |error| at(backing.describe_manifest(path, generation), error);
            backing.write_part(path, id, &read.map_err(of_own)?)
        });
        written.or_else(|error| {
            // A process that has committed may have removed the manifest.
            shared.check_newest(history)?;
            Err(error)
        })
    }

    fn error(&self, cause: DatasetCause) -> Error {
        self.shared.path.error(Operation::Commit, cause)
    }
}
