//! The part of a store that its shares and jobs hold: the user's [`BackingStoreT`], the
//! owners of its files, and the queue.
//!
//! It is separate from [`BackingStore`](super::BackingStore) because queued deletions own
//! it: dropping the last `BackingStore` closes the store at once, while deletions that
//! are still queued keep the rest alive.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Weak};

use file_backed_codecs::printable::PrintablePath;
use uuid::Uuid;

use super::BackingStoreT;
use super::failures::Failures;
use super::file_share::{FileOwnership, FileShare, ItemFile};
use super::keys::{Keys, PlaceId};
use super::outage::Outage;
use super::owners::Owners;
use super::queue::{DeleteFile, Job, Lane, Queue};
use super::room::{RoomCall, RoomWorkToken};
use super::running;
#[cfg(feature = "dataset")]
use super::sources::{Commit, Handover};
use super::sources::{SourceId, Sources};
use super::transfers::Transfers;
use crate::error::{Operation, StoreError, at};
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::{Error, Result};

/// The state of one store that all parts of the library share.
pub(crate) struct StoreCore<B: BackingStoreT> {
    pub(crate) backing: B,
    pub(crate) queue: Arc<Queue>,
    pub(crate) outage: Arc<Outage>,
    pub(crate) failures: Arc<Failures>,
    pub(crate) transfers: Transfers,
    /// Keys whose file may have several owners. The file of any other item has exactly one
    /// owner, the item.
    pub(super) keys: Keys,
    /// The pools, whose items may be the only owners of files that others can find.
    pub(crate) owners: Owners<B>,
    /// For jobs, and for calls that come through a trait object.
    this: Weak<Self>,
    /// Whether the store has a quota.
    has_quota: bool,
    /// Where the items are that are loaded from their place.
    pub(super) sources: Arc<Sources<B::PersistPath>>,
    /// Number of files in the cache. A file counts from its creation until it is
    /// deleted or its deletion fails.
    files: Arc<AtomicUsize>,
}

impl<B: BackingStoreT> StoreCore<B> {
    pub(super) fn new(backing: B, queue: Arc<Queue>, files: Arc<AtomicUsize>) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            this: this.clone(),
            has_quota: backing.cache_usage().is_some(),
            backing,
            queue,
            outage: Arc::new(Outage::default()),
            failures: Arc::new(Failures::default()),
            transfers: Transfers::default(),
            keys: Keys::new(),
            owners: Owners::new(),
            sources: Arc::default(),
            files,
        })
    }

    /// Whether this is a forked child, which has none of the store's threads.
    pub(crate) fn is_forked(&self) -> bool {
        self.queue.process().is_forked()
    }

    /// Fails in a forked child, before anything waits.
    pub(crate) fn check_process(&self, operation: Operation) -> Result<()> {
        let checked = self.queue.process().check();
        checked.map_err(|cause| Error::new(operation, cause))
    }

    /// Calls the user's store, in a trace span. Turns a panic into an error, and adds the
    /// operation and the item to an error.
    pub(crate) fn call<R>(
        &self,
        operation: Operation,
        key: Option<Uuid>,
        path: Option<&B::PersistPath>,
        call: impl FnOnce(&B) -> Result<R, StoreError>,
    ) -> Result<R> {
        self.call_in(&self.span(operation, key, path), operation, key, call)
    }

    /// Same as [`call`](Self::call), in an existing [`span`](Self::span).
    pub(crate) fn call_in<R>(
        &self,
        span: &tracing::Span,
        operation: Operation,
        key: Option<Uuid>,
        call: impl FnOnce(&B) -> Result<R, StoreError>,
    ) -> Result<R> {
        let _span = span.enter();
        let failed = |error| Error::build(operation, key, error);
        (self.queue.process().check()).map_err(|cause| failed(cause.into()))?;
        let _note = running::note(self);
        let room = RoomCall::begin(self, operation);
        let called = guarded(|| call(&self.backing)).map_err(failed);
        match room {
            Some(room) => room.end(called),
            None => called,
        }
    }

    /// The trace span of a call to the store. Costs one atomic load if no subscriber
    /// wants it.
    #[inline]
    pub(crate) fn span(
        &self,
        operation: Operation,
        key: Option<Uuid>,
        path: Option<&B::PersistPath>,
    ) -> tracing::Span {
        tracing::debug_span!(
            "store",
            operation = operation.verb(),
            key = key.map(|key| display(key.simple())),
            path = path
                .and_then(|path| self.backing.describe(path))
                .map(|path| PrintablePath(&path).to_string()),
        )
    }

    /// An error that names the path that `describe` returns, if the store can describe
    /// it.
    pub(crate) fn error_at(
        &self,
        operation: Operation,
        key: Option<Uuid>,
        describe: impl FnOnce(&B) -> Option<PathBuf>,
        cause: impl Into<StoreError>,
    ) -> Error {
        Error::build(operation, key, at(describe(&self.backing), cause))
    }

    /// Counts files that are new in the cache.
    pub(crate) fn count_files(&self, new: usize) {
        self.files.fetch_add(new, Ordering::Relaxed);
    }

    /// Counts a file that was just made under a new key, and returns the share of its
    /// only owner.
    pub(crate) fn own_new_file(self: &Arc<Self>, key: Uuid) -> FileShare<B> {
        self.count_files(1);
        FileShare::new(self.clone(), key, FileOwnership::Own)
    }

    /// Adds an owner to an item's file, and returns the share. The caller holds the item's
    /// lock.
    pub(crate) fn share(self: &Arc<Self>, key: Uuid, file: &mut FileOwnership) -> FileShare<B> {
        match *file {
            FileOwnership::Own => {
                self.keys.adopt(key, 2, PlaceId::NONE);
                *file = FileOwnership::Shared;
            }
            FileOwnership::Sole(at) => {
                self.keys.adopt(key, 2, at);
                *file = FileOwnership::Shared;
            }
            FileOwnership::Shared => self.keys.share(key),
            FileOwnership::InPlace(source) => self.sources.share(source),
            FileOwnership::None => unreachable!("only an existing file is shared"),
        }
        FileShare::new(self.clone(), key, *file)
    }

    /// A share that the key table counts already.
    pub(super) fn share_of(self: &Arc<Self>, key: Uuid) -> FileShare<B> {
        FileShare::new(self.clone(), key, FileOwnership::Shared)
    }

    /// Takes the key of an item that others can find out of the key table, if the item is
    /// the only owner of its file. The caller holds the item's lock.
    pub(crate) fn become_sole_owner(&self, key: Uuid, file: FileOwnership) -> FileOwnership {
        match file {
            FileOwnership::Shared => self.keys.unlist(key).map_or(file, FileOwnership::Sole),
            file => file,
        }
    }

    /// Undoes [`become_sole_owner`](Self::become_sole_owner). The caller holds the item's
    /// lock.
    pub(crate) fn end_sole_ownership(&self, key: Uuid, file: FileOwnership) -> FileOwnership {
        match file {
            FileOwnership::Sole(at) => {
                self.keys.adopt(key, 1, at);
                FileOwnership::Shared
            }
            file => file,
        }
    }

    /// Gives up what an item owns of the file of `key`; `None` if there is no file. The
    /// caller holds the item's lock, so that no one finds the item without its file while
    /// the key table has no entry either.
    pub(crate) fn give_up(&self, key: Uuid, file: FileOwnership) -> Option<ItemFile> {
        if let FileOwnership::Sole(at) = file {
            self.keys.give_up(key, at);
        }
        ItemFile::of(key, file)
    }

    /// The file of the key at this place is gone or is another one than the one that `file`
    /// owns. The caller holds the lock of its item.
    pub(crate) fn forget_place_of(
        &self,
        place: PlaceId,
        key: Uuid,
        file: FileOwnership,
    ) -> FileOwnership {
        match file {
            FileOwnership::Sole(at) if at == place => FileOwnership::Sole(PlaceId::NONE),
            FileOwnership::Shared => {
                self.keys.forget_place(place, key);
                file
            }
            file => file,
        }
    }

    /// Whether the file of `key` that `file` owns is known to be at this place too. The
    /// caller holds the lock of its item.
    pub(crate) fn is_known_at(&self, place: PlaceId, key: Uuid, file: FileOwnership) -> bool {
        match file {
            FileOwnership::Sole(at) => at == place,
            FileOwnership::Shared => self.keys.is_known_at(place, key),
            FileOwnership::InPlace(source) => self.sources.place(source) == place,
            FileOwnership::None | FileOwnership::Own => false,
        }
    }

    /// Whether the source is that of a dataset which is open, whose current commit has the key,
    /// and whose file of the key is not being deleted.
    pub(crate) fn is_committed(&self, source: SourceId, key: Uuid) -> bool {
        self.sources.is_committed(source, key)
    }

    /// What an item owns once it is loaded from the dataset that is open at the place where
    /// its file is known to be too. Adds a share of the source.
    pub(crate) fn in_place_of_dataset(
        &self,
        key: Uuid,
        file: FileOwnership,
    ) -> Option<FileOwnership> {
        let FileOwnership::Sole(at) = file else {
            return None;
        };
        if !self.backing.reads_in_place() {
            return None;
        }
        let source = self.sources.open_at(at, key)?;
        self.sources.share(source);
        Some(FileOwnership::InPlace(source))
    }

    /// Whether the source has the file of `key`, and no one is deleting it.
    pub(crate) fn source_has(&self, source: SourceId, key: Uuid) -> bool {
        self.sources.contains_key(source, key)
    }

    /// What an item owns once it has moved to another commit; see
    /// [`Sources::share_target`].
    #[cfg(feature = "dataset")]
    pub(crate) fn in_place_of_target(
        &self,
        handover: &Handover,
        key: Uuid,
    ) -> Option<FileOwnership> {
        let source = self.sources.share_target(handover, key)?;
        Some(FileOwnership::InPlace(source))
    }

    pub(super) fn this(&self) -> Option<Arc<Self>> {
        self.this.upgrade()
    }

    pub(super) fn weak(&self) -> Weak<Self> {
        self.this.clone()
    }

    /// Whether a source, if it is still there, is a tracking of this very place.
    pub(crate) fn is_source_of(&self, source: SourceId, place: PlaceId) -> bool {
        self.sources.is_of(source, place)
    }

    /// The handover of items of one source to another; see [`Sources::handover`].
    #[cfg(feature = "dataset")]
    pub(crate) fn handover(&self, from: SourceId, to: SourceId) -> Option<Handover> {
        self.sources.handover(from, to)
    }

    /// A share of a source, for a caller that knows that it is there.
    pub(crate) fn share_source(self: &Arc<Self>, key: Uuid, source: SourceId) -> FileShare<B> {
        self.sources.share(source);
        FileShare::new(self.clone(), key, FileOwnership::InPlace(source))
    }

    /// A dataset was opened, whose items are loaded from this source.
    #[cfg(feature = "dataset")]
    pub(crate) fn open_dataset(&self, source: SourceId, commit: Arc<dyn Commit>) {
        self.sources.open(source, commit);
    }

    /// The dataset is no longer open: items that no handle owns move or end.
    #[cfg(feature = "dataset")]
    pub(crate) fn close_dataset(&self, source: SourceId) {
        if let Some(handover) = self.sources.close(source) {
            self.owners.hand_over(&handover);
        }
    }

    /// The current commit of an open dataset does not have these keys any more, which an
    /// earlier one had.
    #[cfg(feature = "dataset")]
    pub(crate) fn leave_commit(&self, source: SourceId, keys: &[Uuid]) {
        self.owners.leave_commit(source, keys);
    }

    /// The place of a source, for a caller whose item is loaded from it.
    pub(crate) fn place_of(&self, source: SourceId) -> Arc<B::PersistPath> {
        self.sources.path(source)
    }

    /// Removes an owner. After the last one, a file in the cache is deleted in the
    /// background.
    pub(crate) fn release(self: &Arc<Self>, file: ItemFile) {
        match file.file {
            FileOwnership::Own | FileOwnership::Sole(_) => {}
            FileOwnership::Shared if self.keys.release(file.key) => {}
            FileOwnership::InPlace(source) => {
                if let Some(place) = self.sources.leave(source) {
                    // Dropping it may close and unlock directories.
                    self.queue.drop_later(place);
                }
                return;
            }
            FileOwnership::None | FileOwnership::Shared => return,
        }
        RoomWorkToken::begin_queued(&**self);
        self.queue
            .push(Lane::Deletion, Job::Delete(self.clone(), file));
    }

    /// Whether the store has a quota.
    pub(crate) fn has_quota(&self) -> bool {
        self.has_quota
    }

    /// Carries out the queued deletion of a file, unless it was revived meanwhile.
    pub(super) fn delete_pending(&self, key: Uuid) -> Result<()> {
        self.carry_out(&ItemFile {
            key,
            file: FileOwnership::Shared,
        })
    }

    fn carry_out(&self, file: &ItemFile) -> Result<()> {
        let key = file.key;
        let delete = || self.delete(key);
        let deleted = match file.file {
            FileOwnership::Own => delete().map(|()| true),
            _ => self.keys.clear(key, delete),
        };
        if !matches!(deleted, Ok(false)) {
            self.files.fetch_sub(1, Ordering::Relaxed);
        }
        deleted.map(drop)
    }

    /// Deletes the cache's file of `key`, which has no owner.
    pub(super) fn delete(&self, key: Uuid) -> Result<()> {
        self.call(Operation::Delete, Some(key), None, |backing| {
            backing.delete(key)
        })
    }
}

impl<B: BackingStoreT> DeleteFile for StoreCore<B> {
    fn delete_file(&self, file: ItemFile) {
        let _room = RoomWorkToken::resume(self);
        if let Err(error) = self.carry_out(&file) {
            self.failures.deletion(&error);
        }
    }
}

/// Carries out an operation on an item, and turns a panic into its error.
pub(crate) fn guarded_for<R>(
    operation: Operation,
    key: Uuid,
    run: impl FnOnce() -> Result<R>,
) -> Result<R> {
    guarded(|| Ok(run())).unwrap_or_else(|panic| Err(Error::of_key(operation, key, panic)))
}

/// Runs the user's code, and turns a panic into an error.
pub(crate) fn guarded<R>(call: impl FnOnce() -> Result<R, StoreError>) -> Result<R, StoreError> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| Err(Error::panicked(&*panic)))
}
