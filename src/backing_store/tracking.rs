//! Persisted places: tracking them, registering items from them, and persisting to them.
//!
//! A queued operation keeps the [`BackingStore`] open until it has run.

use std::sync::{Arc, Weak};

use uuid::Uuid;

use super::file_share::FileShare;
use super::keys::{Acquired, Busy, PlaceId};
use super::tracked_path::{PlaceKeys, UsesPlace};
use super::{BackingStore, BackingStoreT, RegisteredTokens, StoreCore, Task, TrackedPath};
use crate::error::{Cause, Operation};
use crate::{Error, Result};

impl<B: BackingStoreT> BackingStore<B> {
    /// Finds the keys that are persisted at `path`, and keeps track of them from then
    /// on.
    ///
    /// Two trackings of one directory share its keys: each sees what is persisted or
    /// deleted through the other.
    ///
    /// The process locks the place until the last user of the path is gone. Other
    /// processes can read it meanwhile, but not write to it.
    ///
    /// # Errors
    ///
    /// If the place cannot be read. [`Error::is_in_use`](crate::Error::is_in_use) if
    /// another process writes to it or a store uses it as its cache,
    /// [`Error::is_wrong_role`](crate::Error::is_wrong_role) if it is marked as a
    /// cache.
    pub fn track_path(self: &Arc<Self>, path: B::PersistPath) -> Task<TrackedPath<B::PersistPath>> {
        let store = self.clone();
        self.task(Operation::Track, move || store.track(path, false))
    }

    /// The blocking form of [`track_path`](Self::track_path).
    ///
    /// # Errors
    ///
    /// Same as [`track_path`](Self::track_path).
    ///
    /// # Blocking
    ///
    /// Does its file work on the calling thread.
    pub fn blocking_track_path(
        self: &Arc<Self>,
        path: B::PersistPath,
    ) -> Result<TrackedPath<B::PersistPath>> {
        self.track(path, false)
    }

    /// Finds the keys that are persisted at `path`, for reading only. Items registered
    /// from it are loaded from where they are, without a link in the cache. Nothing can
    /// be persisted to the place or deleted from it. Another process may write to it
    /// meanwhile.
    ///
    /// # Errors
    ///
    /// If the place cannot be read, or is a cache.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "bincodec")]
    /// # #[tokio::main]
    /// # async fn main() -> file_backed::Result<()> {
    /// use std::sync::Arc;
    /// use file_backed::FBPool;
    /// use file_backed::fbstore::{BinCodec, PreparedPath};
    ///
    /// # let dir = tempfile::tempdir().expect("a temporary directory");
    /// # let path = dir.path().join("saved");
    /// # PreparedPath::open(path.clone()).await?;
    /// // Another process persists to `path` meanwhile.
    /// let pool: Arc<FBPool<String, _>> = FBPool::temp(BinCodec, 100).await?;
    /// let theirs = PreparedPath::open_read_only(path).await?;
    /// let theirs = Arc::new(pool.store().track_read_only(theirs).await?);
    /// assert!(theirs.is_read_only());
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bincodec"))]
    /// # fn main() {}
    /// ```
    pub fn track_read_only(
        self: &Arc<Self>,
        path: B::PersistPath,
    ) -> Task<TrackedPath<B::PersistPath>> {
        let store = self.clone();
        self.task(Operation::Track, move || store.track(path, true))
    }

    /// The blocking form of [`track_read_only`](Self::track_read_only).
    ///
    /// # Errors
    ///
    /// Same as [`track_read_only`](Self::track_read_only).
    ///
    /// # Blocking
    ///
    /// Does its file work on the calling thread.
    pub fn blocking_track_read_only(
        self: &Arc<Self>,
        path: B::PersistPath,
    ) -> Result<TrackedPath<B::PersistPath>> {
        self.track(path, true)
    }

    /// Makes all earlier persists to the tracked path, and deletions from it, durable.
    /// That includes the files that the scan found there, because the process that left
    /// them may not have synced them.
    ///
    /// A few files are synced one by one. Many are synced with one call for the whole
    /// file system, which then also waits for writes of other programs.
    ///
    /// # Errors
    ///
    /// If the system cannot confirm that everything is on the disk.
    pub fn sync(self: &Arc<Self>, tracked: &Arc<TrackedPath<B::PersistPath>>) -> Task<()> {
        let (store, tracked) = (self.clone(), tracked.clone());
        self.task(Operation::Sync, move || store.blocking_sync(&tracked))
    }

    /// The blocking form of [`sync`](Self::sync).
    ///
    /// # Errors
    ///
    /// Same as [`sync`](Self::sync).
    ///
    /// # Blocking
    ///
    /// Waits for the disk on the calling thread.
    pub fn blocking_sync(&self, tracked: &TrackedPath<B::PersistPath>) -> Result<()> {
        self.check_writable(Operation::Sync, None, tracked)?;
        let path = tracked.path();
        self.core
            .call(Operation::Sync, None, Some(path), |backing| {
                backing.sync_persisted(path)
            })
    }

    /// Deletes the persisted file of `key`. Items registered from it keep their file: for
    /// items that are loaded from where they are, it is linked into their cache first, by
    /// whichever store of the process they belong to. Only items of an
    /// [import](crate::fbstore::PreparedPath::open_import) lose it. A missing key is not an
    /// error.
    ///
    /// # Errors
    ///
    /// If the file cannot be deleted, or cannot be kept for an item. The key then stays tracked.
    pub fn delete_persisted(
        self: &Arc<Self>,
        tracked: &Arc<TrackedPath<B::PersistPath>>,
        key: Uuid,
    ) -> Task<()> {
        let (store, tracked) = (self.clone(), tracked.clone());
        self.task(Operation::DeletePersisted, move || {
            store.blocking_delete_persisted(&tracked, key)
        })
    }

    /// The blocking form of [`delete_persisted`](Self::delete_persisted).
    ///
    /// # Errors
    ///
    /// Same as [`delete_persisted`](Self::delete_persisted).
    ///
    /// # Blocking
    ///
    /// Does its file work on the calling thread.
    pub fn blocking_delete_persisted(
        &self,
        tracked: &TrackedPath<B::PersistPath>,
        key: Uuid,
    ) -> Result<()> {
        let operation = Operation::DeletePersisted;
        self.core.check_process(operation)?;
        self.check_writable(operation, Some(key), tracked)?;
        let path = tracked.path();
        tracked.keys().remove(key, || {
            // Items that are loaded from there keep their file. A `get` from now on finds
            // that the key is busy.
            let place = tracked.place_keys();
            (place.users()).try_for_each(|store| store.keep_items(place, key))?;
            self.core
                .call(operation, Some(key), Some(path), |backing| {
                    backing.delete_persisted(path, key)
                })?;
            (place.users()).for_each(|store| store.forget_place(place.id(), key));
            Ok(())
        })
    }

    /// Registers every key of the tracked path at once. While the result lives,
    /// registering one of the keys with a pool touches no file. (If the path is tracked
    /// read-only, the store checks that the file is there.)
    ///
    /// # Errors
    ///
    /// The task fails if one of the files cannot be registered; none is then.
    pub fn register_all(
        self: &Arc<Self>,
        tracked: &Arc<TrackedPath<B::PersistPath>>,
    ) -> Task<RegisteredTokens<B>> {
        let (store, tracked) = (self.clone(), tracked.clone());
        self.task(Operation::RegisterAll, move || {
            store.blocking_register_all(&tracked)
        })
    }

    /// The blocking form of [`register_all`](Self::register_all).
    ///
    /// # Errors
    ///
    /// Same as [`register_all`](Self::register_all).
    ///
    /// # Blocking
    ///
    /// Does its file work on the calling thread.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "bincodec")]
    /// # fn main() -> file_backed::Result<()> {
    /// # let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    /// use std::sync::Arc;
    /// use file_backed::FBPool;
    /// use file_backed::fbstore::{BinCodec, PreparedPath};
    ///
    /// # let pool: Arc<FBPool<String, _>> = runtime.block_on(FBPool::temp(BinCodec, 100))?;
    /// # let saved = Arc::new(pool.store().blocking_track_path(PreparedPath::blocking_temp()?)?);
    /// # pool.insert("one".to_owned()).blocking_persist(&saved)?;
    /// let registered = pool.store().blocking_register_all(&saved)?;
    /// assert_eq!(registered.len(), saved.all_keys().len());
    /// for key in saved.all_keys() {
    ///     let item = pool.blocking_register(&saved, key)?; // the link is there
    ///     println!("{}", *item.blocking_read()?);
    /// }
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bincodec"))]
    /// # fn main() {}
    /// ```
    pub fn blocking_register_all(
        self: &Arc<Self>,
        tracked: &TrackedPath<B::PersistPath>,
    ) -> Result<RegisteredTokens<B>> {
        // Keys without a file in the cache go in one operation; then the few others follow
        // one by one. For a read-only path all go one by one.
        let core = &self.core;
        core.check_process(Operation::RegisterAll)?;
        let (mut begun, mut others, mut tokens) = (Vec::new(), Vec::new(), Vec::new());
        for key in tracked.all_keys() {
            if tracked.is_read_only() {
                others.push(key);
                continue;
            }
            let since = core.keys.stamp(key);
            if let Some(share) = core.owners.share_of(key) {
                let (path, keys) = (tracked.path(), tracked.place_keys());
                tokens.push(core.check_same(share, path, keys, key)?);
                continue;
            }
            match core.keys.try_begin(since, key) {
                Some(busy) => begun.push(busy),
                None => others.push(key),
            }
        }
        tokens.extend(self.register_begun(tracked, begun)?);
        for key in others {
            tokens.push(self.register(tracked, key)?);
        }
        Ok(RegisteredTokens::new(tokens))
    }

    fn track(&self, path: B::PersistPath, read_only: bool) -> Result<TrackedPath<B::PersistPath>> {
        self.core.check_process(Operation::Track)?;
        if !read_only {
            self.lock_path(&path)?;
        }
        self.track_locked(path, read_only)
    }

    /// Locks a path for this process, before it is tracked.
    pub(crate) fn lock_path(&self, path: &B::PersistPath) -> Result<()> {
        self.core.check_process(Operation::Track)?;
        let lock = |backing: &B| backing.lock_path(path);
        self.core.call(Operation::Track, None, Some(path), lock)
    }

    /// Tracks a path that is locked, unless it is tracked read-only.
    pub(crate) fn track_locked(
        &self,
        path: B::PersistPath,
        read_only: bool,
    ) -> Result<TrackedPath<B::PersistPath>> {
        let find_keys = |backing: &B| {
            let keys = backing.keys_of(&path);
            let scan = keys.keys().begin_scan();
            scan.found(&backing.sanitize_path(&path)?);
            Ok(keys)
        };
        let keys = (self.core).call(Operation::Track, None, Some(&path), find_keys)?;
        let (sources, whole) = (&self.core.sources, keys.clone());
        let core: Weak<StoreCore<B>> = Arc::downgrade(&self.core);
        keys.add_user(core);
        Ok(TrackedPath::new(path, sources, keys, whole, read_only))
    }

    /// A read-only tracking of exactly these keys of a place.
    #[cfg(feature = "dataset")]
    pub(crate) fn track_known(
        &self,
        path: B::PersistPath,
        present: &[Uuid],
    ) -> TrackedPath<B::PersistPath> {
        let (keys, whole) = (
            PlaceKeys::of_known(present),
            self.core.backing.keys_of(&path),
        );
        TrackedPath::new(path, &self.core.sources, keys, whole, true)
    }

    /// A share of the file of `key`, which is persisted at the tracked path, if it is in the
    /// cache already and not busy.
    pub(crate) fn try_register(
        &self,
        tracked: &TrackedPath<B::PersistPath>,
        key: Uuid,
    ) -> Option<FileShare<B>> {
        let acquired =
            !self.is_read_in_place(tracked) && self.core.keys.try_acquire(tracked.id(), key);
        acquired.then(|| self.core.share_of(key))
    }

    /// Brings the persisted file of `key` into the cache, or returns a share of the source
    /// if items of the place are loaded from where they are.
    pub(crate) fn register(
        &self,
        tracked: &TrackedPath<B::PersistPath>,
        key: Uuid,
    ) -> Result<FileShare<B>> {
        let (core, path) = (&self.core, tracked.path());
        core.check_process(Operation::Register)?;
        if !tracked.contains_key(key) {
            return Err(self.not_tracked(tracked, key));
        }
        if self.is_read_in_place(tracked) {
            core.call(Operation::Register, Some(key), Some(path), |backing| {
                backing.check_in_place(path, key)
            })?;
            return Ok(core.share_source(key, tracked.source()));
        }
        core.bring_into_cache(path, tracked.place_keys(), key)
    }

    fn register_begun(
        &self,
        tracked: &TrackedPath<B::PersistPath>,
        begun: Vec<Busy<'_>>,
    ) -> Result<Vec<FileShare<B>>> {
        let (core, path) = (&self.core, tracked.path());
        let keys: Vec<_> = begun.iter().map(Busy::key).collect();
        let registered = core.call(Operation::RegisterAll, None, Some(path), |backing| {
            backing.register_many(path, &keys)
        });
        match registered {
            Ok(transfers) => (transfers.into_iter()).for_each(|one| core.transfers.count(one)),
            Err(error) => {
                // Some may be linked already. They are deleted while this call still
                // has their keys busy.
                for key in keys {
                    let deleted = core.delete(key);
                    deleted.unwrap_or_else(|error| core.failures.deletion(&error));
                }
                return Err(error);
            }
        }
        begun.into_iter().for_each(|busy| busy.linked(tracked.id()));
        core.count_files(keys.len());
        Ok(keys.into_iter().map(|key| core.share_of(key)).collect())
    }

    /// Links the cache's file of `token` to the tracked path.
    pub(crate) fn persist(
        &self,
        token: &FileShare<B>,
        tracked: &TrackedPath<B::PersistPath>,
    ) -> Result<()> {
        let (core, path, key) = (&self.core, tracked.path(), token.key());
        core.check_process(Operation::Persist)?;
        self.check_writable(Operation::Persist, Some(key), tracked)?;
        let from = token.source().map(|source| core.place_of(source));
        // Called while the key is busy there.
        let note_known = || {
            if from.is_none() {
                core.keys.set_known_at(tracked.id(), key);
            }
        };
        let persist = || {
            core.call(Operation::Persist, Some(key), Some(path), |backing| {
                let transfer = match &from {
                    Some(from) => backing.persist_in_place(from, path, key)?,
                    None => backing.persist(path, key)?,
                };
                core.transfers.count(transfer);
                Ok(())
            })?;
            note_known();
            Ok(())
        };
        // The file that is there may be another one of the same key.
        let check = || match token.source() {
            Some(source) if core.sources.place(source) == tracked.id() => Ok(()),
            Some(_) => persist(),
            None if core.keys.is_known_at(tracked.id(), key) => Ok(()),
            None if core.has_same_content(Operation::Persist, path, key)? => {
                note_known();
                Ok(())
            }
            None => Err(self.error_at(Operation::Persist, Some(key), path, Cause::Conflict)),
        };
        tracked.keys().put(key, persist, check)
    }

    /// Notes that an item is persisted at a path, in a pack that has its value.
    #[cfg(feature = "dataset")]
    pub(crate) fn note_packed(
        &self,
        share: &FileShare<B>,
        tracked: &TrackedPath<B::PersistPath>,
    ) -> Result<()> {
        let key = share.key();
        let note_known = || {
            if share.source().is_none() {
                self.core.keys.set_known_at(tracked.id(), key);
            }
            Ok(())
        };
        // If another thread has persisted a file meanwhile, it stays beside the pack.
        tracked.keys().put(key, note_known, || Ok(()))
    }

    /// The place of a file; `None` if it is in the cache.
    #[cfg(feature = "dataset")]
    pub(crate) fn place_of(&self, share: &FileShare<B>) -> Option<Arc<B::PersistPath>> {
        share.source().map(|source| self.core.place_of(source))
    }

    /// Whether items that are registered from the tracked path are loaded from where they
    /// are.
    pub(crate) fn is_read_in_place(&self, tracked: &TrackedPath<B::PersistPath>) -> bool {
        tracked.is_read_only() && self.reads_in_place()
    }

    /// Whether the store can load items from where they are.
    pub(crate) fn reads_in_place(&self) -> bool {
        self.core.backing.reads_in_place()
    }

    fn check_writable(
        &self,
        operation: Operation,
        key: Option<Uuid>,
        tracked: &TrackedPath<B::PersistPath>,
    ) -> Result<()> {
        match tracked.is_read_only() {
            true => Err(self.error_at(operation, key, tracked.path(), Cause::TrackedReadOnly)),
            false => Ok(()),
        }
    }

    /// The error of a registration whose key the tracked path does not have.
    pub(crate) fn not_tracked(&self, tracked: &TrackedPath<B::PersistPath>, key: Uuid) -> Error {
        let (operation, cause) = (Operation::Register, Cause::NotTracked);
        self.error_at(operation, Some(key), tracked.path(), cause)
    }

    fn error_at(
        &self,
        operation: Operation,
        key: Option<Uuid>,
        path: &B::PersistPath,
        cause: Cause,
    ) -> Error {
        self.core
            .error_at(operation, key, |backing| backing.describe(path), cause)
    }
}

impl<B: BackingStoreT> StoreCore<B> {
    /// Brings the file of `key` at a path, which has these keys, into the cache.
    fn bring_into_cache(
        self: &Arc<Self>,
        path: &B::PersistPath,
        keys: &PlaceKeys,
        key: Uuid,
    ) -> Result<FileShare<B>> {
        let link = || {
            self.call(Operation::Register, Some(key), Some(path), |backing| {
                let transfer = backing.register(path, key)?;
                self.transfers.count(transfer);
                Ok(())
            })
        };
        loop {
            let since = self.keys.stamp(key);
            if let Some(share) = self.owners.share_of(key) {
                return self.check_same(share, path, keys, key);
            }
            match self.keys.acquire(since, keys.id(), key, link)? {
                Acquired::Linked => {
                    self.count_files(1);
                    return Ok(self.share_of(key));
                }
                Acquired::Shared => return Ok(self.share_of(key)),
                Acquired::SharedUnchecked => {
                    return self.check_same(self.share_of(key), path, keys, key);
                }
                Acquired::NotYetDeleted => self.delete_pending(key)?,
                Acquired::AskAgain => {}
            }
        }
    }

    /// Checks that the cache's file of `key` is the one at a path, which has these keys.
    fn check_same(
        &self,
        share: FileShare<B>,
        path: &B::PersistPath,
        keys: &PlaceKeys,
        key: Uuid,
    ) -> Result<FileShare<B>> {
        if self.keys.is_known_at(keys.id(), key) {
            return Ok(share);
        }
        if !self.has_same_content(Operation::Register, path, key)? {
            let (operation, cause) = (Operation::Register, Cause::OtherItem);
            let place = |backing: &B| backing.describe(path);
            return Err(self.error_at(operation, Some(key), place, cause));
        }
        self.keys.set_known_at(keys.id(), key);
        if !keys.keys().contains(key) {
            // It is being deleted there.
            self.keys.forget_place(keys.id(), key);
        }
        Ok(share)
    }

    /// Whether the cache's file of `key` has the content of the one at the path. The caller
    /// owns a share of it.
    fn has_same_content(
        &self,
        operation: Operation,
        path: &B::PersistPath,
        key: Uuid,
    ) -> Result<bool> {
        self.call(operation, Some(key), Some(path), |backing| {
            backing.has_same_content(path, key)
        })
    }
}

impl<B: BackingStoreT> UsesPlace for StoreCore<B> {
    fn keep_items(&self, place: &PlaceKeys, key: Uuid) -> Result<()> {
        let Some(core) = self.this() else {
            return Ok(());
        };
        let bring = |path: &B::PersistPath| core.bring_into_cache(path, place, key);
        core.owners.keep_items(place.id(), key, &bring)
    }

    fn forget_place(&self, place: PlaceId, key: Uuid) {
        self.keys.forget_place(place, key);
        self.owners.forget_place(place, key);
    }
}
