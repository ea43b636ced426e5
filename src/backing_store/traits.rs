//! What a store must be able to do.

use std::path::PathBuf;
use std::sync::Arc;

use file_backed_codecs::Footprint;
use uuid::Uuid;

use super::{Background, PlaceKeys};
use crate::error::StoreError;

/// How the file of a key came to stand in its new place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transfer {
    /// It is another name of the same file.
    Linked,
    /// It shares the file's blocks until one of the two is written (a reflink).
    Cloned,
    /// It is a copy of the bytes.
    Copied,
    /// It was there already.
    Present,
}

/// Bytes of values that a store has moved since it was opened, for
/// [`Stats`](crate::Stats): by writing and loading them, footers included, and not by
/// copying or verifying whole files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes written, also by writes that failed later.
    pub written: u64,
    /// Bytes read into memory. Pages that the kernel loads behind a map are not
    /// among them.
    pub read: u64,
}

/// Stores bytes under keys: the cache's files, and persisted places that
/// outlive the process.
///
/// Implement this and [`Strategy`] for a store of your own;
/// [`FBStore`](crate::fbstore::FBStore) is the one that comes with the crate.
/// [`BackingStore`](super::BackingStore) sees to it that no two operations that
/// change one key of one place run at once (loads and persists of a file that is
/// there may), adds operation and key to errors, and turns panics into errors.
/// Errors are [`StoreError`]s, which say whether the system or one value is at
/// fault, or something is not there.
/// All methods run on threads that may block.
///
/// The example `custom_store` is a whole store, in memory.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a store",
    note = "`FBStore` is one, made of a codec and a directory: `FBStore::open(codec, path)`; implement `BackingStoreT` and `Strategy` for a store of your own"
)]
pub trait BackingStoreT: Send + Sync + 'static {
    /// A place where files are persisted; for a file system, a directory.
    type PersistPath: Send + Sync + 'static;

    /// Deletes the file of `key` from the cache. A file that is not there is no
    /// error.
    ///
    /// # Errors
    ///
    /// Whatever keeps the file from being deleted. It is reported, and the file
    /// is left to the next start.
    fn delete(&self, key: Uuid) -> Result<(), StoreError>;

    /// Deletes the persisted file of `key` at `path`. A file that is not there
    /// is no error.
    ///
    /// # Errors
    ///
    /// Whatever keeps the file from being deleted; the key then stays tracked.
    fn delete_persisted(&self, path: &Self::PersistPath, key: Uuid) -> Result<(), StoreError>;

    /// Takes the persisted file of `key` at `path` into the cache. For a file
    /// system this is a hard link.
    ///
    /// # Errors
    ///
    /// Whatever keeps the file from being taken; [`StoreError::not_found`] if it is
    /// not there.
    fn register(&self, path: &Self::PersistPath, key: Uuid) -> Result<Transfer, StoreError>;

    /// Does [`register`](Self::register) for many keys, and tells of each how it
    /// came, in their order. Override it where one operation can serve many.
    ///
    /// # Errors
    ///
    /// The first failure; what was taken before is deleted again by the caller.
    fn register_many(
        &self,
        path: &Self::PersistPath,
        keys: &[Uuid],
    ) -> Result<Vec<Transfer>, StoreError> {
        keys.iter().map(|key| self.register(path, *key)).collect()
    }

    /// Makes the persisted file of `key` at `path` loadable without taking it
    /// into the cache, for places opened read-only. Afterwards
    /// [`delete`](Self::delete) only forgets it. The provided method registers
    /// it.
    ///
    /// # Errors
    ///
    /// Those of [`register`](Self::register).
    fn register_in_place(&self, path: &Self::PersistPath, key: Uuid) -> Result<(), StoreError> {
        self.register(path, key).map(drop)
    }

    /// Puts the cache's file of `key` to `path`, whole or not at all. For a file
    /// system this is a hard link. A file of the same content there is success.
    ///
    /// # Errors
    ///
    /// Whatever keeps the file from standing there.
    fn persist(&self, path: &Self::PersistPath, key: Uuid) -> Result<Transfer, StoreError>;

    /// Takes `path` for this process, to persist to it and to delete from it.
    /// Called before [`sanitize_path`](Self::sanitize_path) by who wants to; the
    /// process keeps the place as long as `path` lives. The provided method does
    /// nothing, for places that many may write to.
    ///
    /// # Errors
    ///
    /// If another process has it.
    fn lock_path(&self, path: &Self::PersistPath) -> Result<(), StoreError> {
        let _ = path;
        Ok(())
    }

    /// The keys of `path`, for its trackings to share: what one of them persists
    /// or deletes the others see, and two never work on one key at once. A store
    /// gives the same to each path that stands for the same place, as long as one
    /// of them is in use. The provided method gives each its own.
    fn keys_of(&self, path: &Self::PersistPath) -> Arc<PlaceKeys> {
        let _ = path;
        Arc::default()
    }

    /// Tells the keys that are persisted at `path`, and clears away what an
    /// interrupted process left there.
    ///
    /// # Errors
    ///
    /// Whatever keeps the place from being read.
    fn sanitize_path(&self, path: &Self::PersistPath) -> Result<Vec<Uuid>, StoreError>;

    /// Makes durable whatever was persisted to `path` or deleted from it before.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being durable.
    fn sync_persisted(&self, path: &Self::PersistPath) -> Result<(), StoreError>;

    /// Where `path` is, for messages of errors. The provided method does not say.
    fn describe(&self, path: &Self::PersistPath) -> Option<PathBuf> {
        let _ = path;
        None
    }

    /// What it has written and read. The provided method counts nothing.
    fn traffic(&self) -> Traffic {
        Traffic::default()
    }

    /// Called once, when a [`BackingStore`](super::BackingStore) takes the store
    /// over: hands it a view on the background work that concerns it. The
    /// provided method ignores it.
    fn attach(&self, background: Background) {
        drop(background);
    }

    /// Called when that [`BackingStore`](super::BackingStore) is dropped: no item
    /// is left, and only queued deletions may follow. The provided method does
    /// nothing.
    fn detach(&self) {}
}

/// Says how values of type `T` are stored and loaded under a key.
#[diagnostic::on_unimplemented(
    message = "the store `{Self}` cannot hold values of type `{T}`",
    label = "this store does not hold `{T}`",
    note = "`FBStore<C>` holds what its codec `C` stores: `C` must implement `Codec<{T}>`"
)]
pub trait Strategy<T>: BackingStoreT {
    /// Writes `data` to the cache under `key`, whole or not at all.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being written. The value then stays in memory and
    /// the write is tried again later. While the error is of the
    /// [system](StoreError::system), the writes of other values wait too; any other
    /// error concerns this value alone.
    fn store(&self, key: Uuid, data: &T) -> Result<(), StoreError>;

    /// Loads the value stored, or registered, under `key`.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being loaded; [`StoreError::not_found`] if its file is
    /// not there.
    fn load(&self, key: Uuid) -> Result<T, StoreError>;

    /// Loads a value once more that was loaded before and has left memory since,
    /// so that it pays to make the next load cheaper than this one: a file may
    /// be mapped that was read the first time. The provided method calls
    /// [`load`](Self::load).
    ///
    /// # Errors
    ///
    /// Those of [`load`](Self::load).
    fn reload(&self, key: Uuid) -> Result<T, StoreError> {
        self.load(key)
    }

    /// Makes an independent copy of `data`. The provided method stores it under
    /// a key of its own, loads it and deletes it; override it where the copy can
    /// be made in memory.
    ///
    /// # Errors
    ///
    /// Whatever keeps the copy from being made.
    fn duplicate(&self, data: &T) -> Result<T, StoreError> {
        let key = crate::key::random();
        self.store(key, data)?;
        let copy = self.load(key);
        self.delete(key)?;
        copy
    }

    /// What `data` costs while it is resident. The provided method states the
    /// size of `T` itself.
    fn footprint(&self, data: &T) -> Footprint {
        Footprint::heap(size_of_val(data))
    }
}

impl<B: BackingStoreT> BackingStoreT for Arc<B> {
    type PersistPath = B::PersistPath;

    fn delete(&self, key: Uuid) -> Result<(), StoreError> {
        (**self).delete(key)
    }

    fn delete_persisted(&self, path: &Self::PersistPath, key: Uuid) -> Result<(), StoreError> {
        (**self).delete_persisted(path, key)
    }

    fn register(&self, path: &Self::PersistPath, key: Uuid) -> Result<Transfer, StoreError> {
        (**self).register(path, key)
    }

    fn register_many(
        &self,
        path: &Self::PersistPath,
        keys: &[Uuid],
    ) -> Result<Vec<Transfer>, StoreError> {
        (**self).register_many(path, keys)
    }

    fn register_in_place(&self, path: &Self::PersistPath, key: Uuid) -> Result<(), StoreError> {
        (**self).register_in_place(path, key)
    }

    fn persist(&self, path: &Self::PersistPath, key: Uuid) -> Result<Transfer, StoreError> {
        (**self).persist(path, key)
    }

    fn sanitize_path(&self, path: &Self::PersistPath) -> Result<Vec<Uuid>, StoreError> {
        (**self).sanitize_path(path)
    }

    fn lock_path(&self, path: &Self::PersistPath) -> Result<(), StoreError> {
        (**self).lock_path(path)
    }

    fn keys_of(&self, path: &Self::PersistPath) -> Arc<PlaceKeys> {
        (**self).keys_of(path)
    }

    fn sync_persisted(&self, path: &Self::PersistPath) -> Result<(), StoreError> {
        (**self).sync_persisted(path)
    }

    fn describe(&self, path: &Self::PersistPath) -> Option<PathBuf> {
        (**self).describe(path)
    }

    fn traffic(&self) -> Traffic {
        (**self).traffic()
    }

    fn attach(&self, background: Background) {
        (**self).attach(background);
    }

    fn detach(&self) {
        (**self).detach();
    }
}

impl<T, B: Strategy<T>> Strategy<T> for Arc<B> {
    fn store(&self, key: Uuid, data: &T) -> Result<(), StoreError> {
        (**self).store(key, data)
    }

    fn load(&self, key: Uuid) -> Result<T, StoreError> {
        (**self).load(key)
    }

    fn reload(&self, key: Uuid) -> Result<T, StoreError> {
        (**self).reload(key)
    }

    fn duplicate(&self, data: &T) -> Result<T, StoreError> {
        (**self).duplicate(data)
    }

    fn footprint(&self, data: &T) -> Footprint {
        (**self).footprint(data)
    }
}
