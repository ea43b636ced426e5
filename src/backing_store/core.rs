//! The core of a store: keys, shares and background work around the user's
//! [`BackingStoreT`].

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use file_backed_codecs::printable::PrintablePath;
use uuid::Uuid;

use super::failures::Failures;
use super::file_share::{FileOwnership, FileShare};
use super::keys::{Busy, Keys};
use super::outage::Outage;
use super::queue::{DeleteFile, DeletedFile, Job, Lane, Queue};
use super::transfers::Transfers;
use super::{BackingStoreT, TrackedPath};
use crate::error::{Cause, Operation, StoreError, at};
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::{Error, Result};

/// The state of one store that all parts of the library share.
pub(crate) struct Core<B> {
    pub(crate) backing: B,
    pub(crate) queue: Arc<Queue>,
    pub(crate) outage: Arc<Outage>,
    pub(crate) failures: Arc<Failures>,
    pub(crate) transfers: Transfers,
    /// Keys whose file may have several owners: those that were registered or
    /// persisted. The file of any other item has exactly one owner.
    keys: Keys,
    /// Number of files in the cache. A file counts from its creation until it is
    /// deleted or its deletion fails.
    files: Arc<AtomicUsize>,
}

impl<B: BackingStoreT> Core<B> {
    pub(super) fn new(backing: B, queue: Arc<Queue>, files: Arc<AtomicUsize>) -> Arc<Self> {
        Arc::new(Self {
            backing,
            queue,
            outage: Arc::new(Outage::default()),
            failures: Arc::new(Failures::default()),
            transfers: Transfers::default(),
            keys: Keys::new(),
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

    /// Calls the user's store, and turns a panic into an error.
    pub(crate) fn run<R>(
        &self,
        call: impl FnOnce(&B) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        self.queue.process().check()?;
        guarded(|| call(&self.backing))
    }

    /// Calls the user's store. Adds operation and key to its error, and turns a panic
    /// into an error.
    pub(crate) fn call<R>(
        &self,
        operation: Operation,
        key: Uuid,
        call: impl FnOnce(&B) -> Result<R, StoreError>,
    ) -> Result<R> {
        let _span = self.span(operation, Some(key), None).entered();
        self.run(call)
            .map_err(|error| Error::of_key(operation, key, error))
    }

    /// Same as [`call`](Self::call), for operations at a persisted place.
    fn call_at<R>(
        &self,
        operation: Operation,
        key: Uuid,
        path: &B::PersistPath,
        call: impl FnOnce(&B) -> Result<R, StoreError>,
    ) -> Result<R> {
        let _span = self.span(operation, Some(key), Some(path)).entered();
        self.run(call)
            .map_err(|error| Error::of_key(operation, key, error))
    }

    /// The tracing span of a call to the store. Costs one atomic load if no subscriber
    /// wants it.
    fn span(
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

    /// Counts a file that was just written. It has one owner.
    pub(crate) fn written(&self) -> FileOwnership {
        self.files.fetch_add(1, Ordering::Relaxed);
        FileOwnership::Own
    }

    /// The share of the only owner of a file that was just made under a new key.
    pub(crate) fn own(self: &Arc<Self>, key: Uuid) -> FileShare<B> {
        FileShare::own(self.clone(), key, self.written())
    }

    /// Adds an owner to an item's file, and returns the share.
    pub(crate) fn share(self: &Arc<Self>, key: Uuid, file: &mut FileOwnership) -> FileShare<B> {
        match file {
            FileOwnership::Own => {
                self.keys.adopt(key, 2);
                *file = FileOwnership::Shared;
            }
            FileOwnership::Shared => self.keys.share(key),
            FileOwnership::None => unreachable!("only an existing file is shared"),
        }
        FileShare::new(self.clone(), key)
    }

    /// Removes an owner. After the last one, the file is deleted in the background.
    pub(crate) fn release(self: &Arc<Self>, key: Uuid, file: FileOwnership) {
        let shared = match file {
            FileOwnership::None => return,
            FileOwnership::Own => false,
            FileOwnership::Shared if self.keys.release(key) => true,
            FileOwnership::Shared => return,
        };
        let file = DeletedFile { key, shared };
        self.queue
            .push(Lane::Background, Job::Delete(self.clone(), file));
    }

    /// A share of the file of `key`, if it is in the cache already and not busy.
    pub(crate) fn try_register(self: &Arc<Self>, key: Uuid) -> Option<FileShare<B>> {
        self.keys
            .try_acquire(key)
            .then(|| FileShare::new(self.clone(), key))
    }

    /// Brings the persisted file of `key` into the cache.
    pub(crate) fn register(
        self: &Arc<Self>,
        tracked: &TrackedPath<B::PersistPath>,
        key: Uuid,
    ) -> Result<FileShare<B>> {
        self.check_process(Operation::Register)?;
        if !tracked.contains_key(key) {
            return Err(self.error_at(Operation::Register, tracked, key, Cause::NotTracked));
        }
        let linked = self.keys.acquire(key, || {
            self.call_at(Operation::Register, key, tracked.path(), |backing| {
                if tracked.is_read_only() {
                    backing.register_in_place(tracked.path(), key)
                } else {
                    let transfer = backing.register(tracked.path(), key)?;
                    self.transfers.count(transfer);
                    Ok(())
                }
            })
        })?;
        if linked {
            self.files.fetch_add(1, Ordering::Relaxed);
        }
        Ok(FileShare::new(self.clone(), key))
    }

    /// An error that names the tracked path, if the store can describe it.
    fn error_at(
        &self,
        operation: Operation,
        tracked: &TrackedPath<B::PersistPath>,
        key: Uuid,
        cause: Cause,
    ) -> Error {
        let path = self.backing.describe(tracked.path());
        Error::of_key(operation, key, at(path, cause))
    }

    /// Brings every persisted file of the tracked path into the cache. Keys that are
    /// not in the key table go in one operation; then the few others follow one by one.
    /// For a read-only path all go one by one.
    pub(crate) fn register_all(
        self: &Arc<Self>,
        tracked: &TrackedPath<B::PersistPath>,
    ) -> Result<Vec<FileShare<B>>> {
        self.check_process(Operation::RegisterAll)?;
        let (mut tokens, mut begun, mut others) = (Vec::new(), Vec::new(), Vec::new());
        for key in tracked.all_keys() {
            match self.keys.try_begin(key) {
                Some(busy) if !tracked.is_read_only() => begun.push(busy),
                Some(_) | None => others.push(key),
            }
        }
        tokens.extend(self.register_begun(tracked, begun)?);
        for key in others {
            tokens.push(self.register(tracked, key)?);
        }
        Ok(tokens)
    }

    fn register_begun(
        self: &Arc<Self>,
        tracked: &TrackedPath<B::PersistPath>,
        begun: Vec<Busy<'_>>,
    ) -> Result<Vec<FileShare<B>>> {
        let keys: Vec<_> = begun.iter().map(Busy::key).collect();
        let _span = self
            .span(Operation::RegisterAll, None, Some(tracked.path()))
            .entered();
        match guarded(|| self.backing.register_many(tracked.path(), &keys)) {
            Ok(transfers) => (transfers.into_iter()).for_each(|one| self.transfers.count(one)),
            Err(error) => {
                // Some may be linked already. They are deleted while this call still
                // has their keys busy.
                for key in keys {
                    let deleted = self.call(Operation::Delete, key, |backing| backing.delete(key));
                    deleted.unwrap_or_else(|error| self.failures.deletion(&error));
                }
                return Err(Error::new(Operation::RegisterAll, error));
            }
        }
        begun.into_iter().for_each(Busy::linked);
        self.files.fetch_add(keys.len(), Ordering::Relaxed);
        let tokens = keys
            .into_iter()
            .map(|key| FileShare::new(self.clone(), key));
        Ok(tokens.collect())
    }

    /// Links the cache's file of `token` to the tracked path.
    pub(crate) fn persist(
        &self,
        token: &FileShare<B>,
        tracked: &TrackedPath<B::PersistPath>,
    ) -> Result<()> {
        self.check_process(Operation::Persist)?;
        let key = token.key();
        if tracked.is_read_only() {
            return Err(self.error_at(Operation::Persist, tracked, key, Cause::TrackedReadOnly));
        }
        let persist = || {
            self.call_at(Operation::Persist, key, tracked.path(), |backing| {
                let transfer = backing.persist(tracked.path(), key)?;
                self.transfers.count(transfer);
                Ok(())
            })
        };
        tracked.keys().acquire(key, persist).map(drop)
    }

    pub(crate) fn delete_persisted(
        &self,
        tracked: &TrackedPath<B::PersistPath>,
        key: Uuid,
    ) -> Result<()> {
        self.check_process(Operation::DeletePersisted)?;
        if tracked.is_read_only() {
            return Err(self.error_at(
                Operation::DeletePersisted,
                tracked,
                key,
                Cause::TrackedReadOnly,
            ));
        }
        tracked.keys().remove(key, || {
            self.call_at(Operation::DeletePersisted, key, tracked.path(), |backing| {
                backing.delete_persisted(tracked.path(), key)
            })
        })
    }

    pub(crate) fn sync(&self, tracked: &TrackedPath<B::PersistPath>) -> Result<()> {
        let path = tracked.path();
        if tracked.is_read_only() {
            let error = at(self.backing.describe(path), Cause::TrackedReadOnly);
            return Err(Error::new(Operation::Sync, error));
        }
        let _span = self.span(Operation::Sync, None, Some(path)).entered();
        self.run(|backing| backing.sync_persisted(path))
            .map_err(|error| Error::new(Operation::Sync, error))
    }

    pub(crate) fn track(
        &self,
        path: B::PersistPath,
        read_only: bool,
    ) -> Result<TrackedPath<B::PersistPath>> {
        self.check_process(Operation::Track)?;
        let find = || {
            if !read_only {
                self.backing.lock_path(&path)?;
            }
            let keys = self.backing.keys_of(&path);
            let scan = keys.keys().begin_scan();
            scan.found(&self.backing.sanitize_path(&path)?);
            Ok(keys)
        };
        let _span = self.span(Operation::Track, None, Some(&path)).entered();
        let keys = guarded(find).map_err(|error| Error::new(Operation::Track, error))?;
        Ok(TrackedPath::new(path, keys, read_only))
    }
}

impl<B: BackingStoreT> DeleteFile for Core<B> {
    fn delete_file(&self, file: DeletedFile) {
        let key = file.key;
        let delete = || self.call(Operation::Delete, key, |backing| backing.delete(key));
        let deleted = if file.shared {
            self.keys.clear(key, delete)
        } else {
            delete().map(|()| true)
        };
        if !matches!(deleted, Ok(false)) {
            self.files.fetch_sub(1, Ordering::Relaxed);
        }
        if let Err(error) = deleted {
            self.failures.deletion(&error);
        }
    }
}

/// Runs the user's code, and turns a panic into an error.
pub(crate) fn guarded<R>(call: impl FnOnce() -> Result<R, StoreError>) -> Result<R, StoreError> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| Err(Error::panicked(&*panic)))
}
