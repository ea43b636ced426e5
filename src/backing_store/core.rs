//! The store behind pools: keys, tokens and background work around the user's
//! [`BackingStoreT`].

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use file_backed_codecs::BoxError;
use uuid::Uuid;

use super::failures::Failures;
use super::keys::{Keys, Linking};
use super::outage::Outage;
use super::queue::{DeleteFile, DeletedFile, Entry, Lane, Queue};
use super::token::{File, Token};
use super::{BackingStoreT, TrackedPath};
use crate::error::{Fault, Operation};
use crate::{Error, Result};

/// What every part of the library shares of one store.
pub(crate) struct Core<B> {
    pub(crate) backing: B,
    pub(crate) queue: Arc<Queue>,
    pub(crate) outage: Arc<Outage>,
    pub(crate) failures: Arc<Failures>,
    /// Keys whose file may have several owners: registered or persisted ones.
    /// The file of any other item has exactly one.
    keys: Keys,
    /// Files in the cache that somebody owns.
    owned: Arc<AtomicUsize>,
}

impl<B: BackingStoreT> Core<B> {
    pub(super) fn new(backing: B, queue: Arc<Queue>, owned: Arc<AtomicUsize>) -> Arc<Self> {
        Arc::new(Self {
            backing,
            queue,
            outage: Arc::new(Outage::default()),
            failures: Arc::new(Failures::default()),
            keys: Keys::new(),
            owned,
        })
    }

    /// Runs a call of the user's store: adds operation and key to its error, and
    /// makes an error of a panic.
    pub(crate) fn call<R>(
        &self,
        operation: Operation,
        key: Uuid,
        call: impl FnOnce(&B) -> Result<R, BoxError>,
    ) -> Result<R> {
        guarded(|| call(&self.backing)).map_err(|error| Error::of_key(operation, key, error))
    }

    /// Enters a file that was just written; it has one owner.
    pub(crate) fn written(&self) -> File {
        self.owned.fetch_add(1, Ordering::Relaxed);
        File::Own
    }

    /// A second owner of an item's file.
    pub(crate) fn share(self: &Arc<Self>, key: Uuid, file: &mut File) -> Token<B> {
        match file {
            File::Own => {
                self.keys.adopt(key, 2);
                *file = File::Shared;
            }
            File::Shared => self.keys.share(key),
            File::None => unreachable!("only a file that is there is shared"),
        }
        Token::new(self.clone(), key)
    }

    /// One owner less; the last one's file is deleted in the background.
    pub(crate) fn release(self: &Arc<Self>, key: Uuid, file: File) {
        let shared = match file {
            File::None => return,
            File::Own => false,
            File::Shared if self.keys.release(key) => true,
            File::Shared => return,
        };
        self.owned.fetch_sub(1, Ordering::Relaxed);
        let file = DeletedFile { key, shared };
        self.queue
            .push(Lane::Behind, Entry::Delete(self.clone(), file));
    }

    /// An owner of the file of a key that is in the cache already.
    pub(crate) fn try_register(self: &Arc<Self>, key: Uuid) -> Option<Token<B>> {
        let first = self.keys.try_acquire(key)?;
        Some(self.owner(key, first))
    }

    /// Takes the persisted file of `key` into the cache.
    pub(crate) fn register(
        self: &Arc<Self>,
        tracked: &TrackedPath<B::PersistPath>,
        key: Uuid,
    ) -> Result<Token<B>> {
        if !tracked.contains_key(key) {
            return Err(Error::of_key(Operation::Register, key, Fault::NotTracked));
        }
        let first = self.keys.acquire(key, || {
            self.call(Operation::Register, key, |backing| {
                if tracked.is_read_only() {
                    backing.register_in_place(tracked.path(), key)
                } else {
                    backing.register(tracked.path(), key).map(drop)
                }
            })
        })?;
        Ok(self.owner(key, first))
    }

    /// Takes every persisted file of the tracked path into the cache.
    pub(crate) fn register_all(
        self: &Arc<Self>,
        tracked: &TrackedPath<B::PersistPath>,
    ) -> Result<Vec<Token<B>>> {
        let (mut tokens, mut linking, mut single) = (Vec::new(), Vec::new(), Vec::new());
        for key in tracked.all_keys() {
            if let Some(token) = self.try_register(key) {
                tokens.push(token);
            } else if tracked.is_read_only() {
                single.push(key);
            } else {
                match self.keys.begin(key) {
                    Some(begun) => linking.push(begun),
                    // Somebody is at it; waited for when nobody waits for us.
                    None => single.push(key),
                }
            }
        }
        self.link_many(tracked.path(), &linking)?;
        for begun in linking {
            let key = begun.key();
            begun.done();
            tokens.push(self.owner(key, true));
        }
        for key in single {
            tokens.push(self.register(tracked, key)?);
        }
        Ok(tokens)
    }

    /// Takes all these files into the cache, or none.
    fn link_many(&self, path: &B::PersistPath, linking: &[Linking<'_>]) -> Result<()> {
        let keys: Vec<_> = linking.iter().map(Linking::key).collect();
        guarded(|| self.backing.register_many(path, &keys)).map_err(|error| {
            for key in keys {
                let deleted = self.call(Operation::Delete, key, |backing| backing.delete(key));
                if let Err(error) = deleted {
                    self.failures.deletion(&error);
                }
            }
            Error::new(Operation::RegisterAll, error)
        })
    }

    fn owner(self: &Arc<Self>, key: Uuid, first: bool) -> Token<B> {
        if first {
            self.owned.fetch_add(1, Ordering::Relaxed);
        }
        Token::new(self.clone(), key)
    }

    /// Links the cache's file of `token` to the tracked path.
    pub(crate) fn persist(
        &self,
        token: &Token<B>,
        tracked: &TrackedPath<B::PersistPath>,
    ) -> Result<()> {
        let key = token.key();
        if tracked.is_read_only() {
            return Err(Error::of_key(
                Operation::Persist,
                key,
                Fault::TrackedReadOnly,
            ));
        }
        let persist = || {
            self.call(Operation::Persist, key, |backing| {
                backing.persist(tracked.path(), key).map(drop)
            })
        };
        tracked.keys().acquire(key, persist).map(drop)
    }

    pub(crate) fn delete_persisted(
        &self,
        tracked: &TrackedPath<B::PersistPath>,
        key: Uuid,
    ) -> Result<()> {
        if tracked.is_read_only() {
            return Err(Error::of_key(
                Operation::DeletePersisted,
                key,
                Fault::TrackedReadOnly,
            ));
        }
        tracked.keys().remove(key, || {
            self.call(Operation::DeletePersisted, key, |backing| {
                backing.delete_persisted(tracked.path(), key)
            })
        })
    }

    pub(crate) fn sync(&self, path: &B::PersistPath) -> Result<()> {
        guarded(|| self.backing.sync_persisted(path))
            .map_err(|error| Error::new(Operation::Sync, error))
    }

    pub(crate) fn track(
        &self,
        path: B::PersistPath,
        read_only: bool,
    ) -> Result<TrackedPath<B::PersistPath>> {
        let keys = guarded(|| self.backing.sanitize_path(&path))
            .map_err(|error| Error::new(Operation::Track, error))?;
        Ok(TrackedPath::new(path, &keys, read_only))
    }
}

impl<B: BackingStoreT> DeleteFile for Core<B> {
    fn delete_file(&self, file: DeletedFile) {
        let key = file.key;
        let delete = || self.call(Operation::Delete, key, |backing| backing.delete(key));
        let deleted = if file.shared {
            self.keys.clear(key, delete)
        } else {
            delete()
        };
        if let Err(error) = deleted {
            self.failures.deletion(&error);
        }
    }
}

/// Makes an error of a panic in the user's code.
pub(crate) fn guarded<R>(call: impl FnOnce() -> Result<R, BoxError>) -> Result<R, BoxError> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| Err(Error::panicked(&*panic)))
}
