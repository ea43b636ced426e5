//! One directory of items: the one entry that it has in this process.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, OnceLock, Weak};

use parking_lot::Mutex;
use tempfile::TempDir;
use uuid::Uuid;

use super::durability::Durability;
use super::files::{Files, Identity};
use super::layout::{key_path, shards};
use super::lock::Lock;
use super::manifests::Keep;
use super::role::Role;
use super::spot::{Shards, Spot};
use super::{scan, sweep};
use crate::backing_store::{Background, PlaceKeys};
use crate::error::{Fault, StoreError};

/// The name of the lock file.
const LOCK_NAME: &str = "file_backed.lock";

/// A directory in use. However often, and under whatever names, it is opened,
/// the process has one entry for it.
pub(crate) struct Directory {
    shards: Shards,
    files: Arc<dyn Files>,
    /// Which store has the directory as its cache.
    cache: Mutex<Option<Background>>,
    /// Rises, under the lock of `cache`, whenever a store takes the directory as
    /// its cache; an earlier store may then no longer write to it.
    epoch: AtomicU64,
    /// The stores that persist to it or delete from it.
    users: Mutex<Vec<Background>>,
    durability: Durability,
    /// Those persisted here, as long as somebody tracks them.
    persisted: Mutex<Weak<PlaceKeys>>,
    /// The dataset that commits to it.
    committer: Mutex<Weak<Keep>>,
    /// Deletes the directory, if it is a temporary one.
    temporary: Mutex<Option<TempDir>>,
    /// What this process has the directory for; it keeps it until the last user
    /// of the entry is gone.
    claim: OnceLock<Claim>,
    /// Held by who claims it, also while files are looked at: nobody else takes
    /// it.
    claiming: Mutex<()>,
}

struct Claim {
    role: Role,
    /// None for a temporary directory: nobody else knows its name.
    _lock: Option<Arc<Lock>>,
}

static ENTRIES: LazyLock<Mutex<HashMap<Identity, Weak<Directory>>>> = LazyLock::new(Mutex::default);

impl Directory {
    /// The entry of a directory that is there. Work that earlier users of it
    /// left, such as deletions, is finished first.
    pub(crate) fn enter(
        root: PathBuf,
        files: Arc<dyn Files>,
        temporary: Option<TempDir>,
    ) -> Result<Arc<Self>, StoreError> {
        // A relative path would follow the process to another directory.
        let root = std::path::absolute(&root).map_err(|error| at(&root, error))?;
        let identity = files.identity(&Spot::Path(&root));
        let identity = identity.map_err(|error| at(&root, error))?;
        let anchor = files.anchor(&root).map_err(|error| at(&root, error))?;
        loop {
            let mut entries = ENTRIES.lock();
            let Some(known) = entries.get(&identity).and_then(Weak::upgrade) else {
                entries.retain(|_, entry| entry.strong_count() > 0);
                let entry = Arc::new(Self::new(root, files, anchor, temporary));
                entries.insert(identity, Arc::downgrade(&entry));
                return Ok(entry);
            };
            drop(entries);
            if known.stands_for(&identity) {
                known.finish_background();
                return Ok(known);
            }
            known.forget(&identity);
        }
    }

    fn new(
        root: PathBuf,
        files: Arc<dyn Files>,
        anchor: Option<File>,
        temporary: Option<TempDir>,
    ) -> Self {
        Self {
            shards: Shards::new(root),
            files,
            cache: Mutex::new(None),
            epoch: AtomicU64::new(0),
            users: Mutex::new(Vec::new()),
            durability: Durability::new(anchor),
            persisted: Mutex::new(Weak::new()),
            committer: Mutex::new(Weak::new()),
            temporary: Mutex::new(temporary),
            claim: OnceLock::new(),
            claiming: Mutex::new(()),
        }
    }

    /// Whether the path still leads to the directory. It does not if the
    /// directory was moved, or was deleted and its inode given to another.
    fn stands_for(&self, identity: &Identity) -> bool {
        self.files
            .identity(&Spot::Path(self.root()))
            .is_ok_and(|now| now == *identity)
    }

    /// Leaves the identity to another entry.
    fn forget(self: &Arc<Self>, identity: &Identity) {
        let mut entries = ENTRIES.lock();
        let own = Arc::downgrade(self);
        if entries
            .get(identity)
            .is_some_and(|entry| entry.ptr_eq(&own))
        {
            entries.remove(identity);
        }
    }

    /// Makes the directory with its shards.
    pub(crate) fn create(root: &Path, files: &dyn Files) -> Result<(), StoreError> {
        let create = |path: &Path| {
            files.create_dir(path).map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => at(path, Fault::NotADirectory),
                _ => at(path, error),
            })
        };
        create(root)?;
        shards().try_for_each(|shard| create(&root.join(shard)))
    }

    pub(crate) fn root(&self) -> &Path {
        self.shards.root()
    }

    pub(crate) fn files(&self) -> &dyn Files {
        &*self.files
    }

    pub(crate) fn path_of(&self, key: Uuid) -> PathBuf {
        key_path(self.root(), key)
    }

    /// The file of a key.
    pub(crate) fn spot(&self, key: Uuid) -> Spot<'_> {
        self.shards.item(key)
    }

    /// A file on its way to there.
    pub(crate) fn temporary_spot(&self, key: Uuid) -> Spot<'_> {
        self.shards.temporary(key)
    }

    /// Takes the directory for this process, to be used so; marks it, and sweeps
    /// what a process that died has left in a cache.
    pub(super) fn claim(&self, role: Role) -> Result<(), StoreError> {
        let _only_one = self.claiming.lock();
        if let Some(claim) = self.claim.get() {
            return claim.role.check(role, self.root());
        }
        let lock = match self.temporary.lock().is_some() {
            true => None,
            false => Some(self.lock_and_mark(role)?),
        };
        // Nobody else sets it, since nobody else claims.
        let _ = self.claim.set(Claim { role, _lock: lock });
        Ok(())
    }

    fn lock_and_mark(&self, role: Role) -> Result<Arc<Lock>, StoreError> {
        let files = &*self.files;
        let taken = Lock::take(files, &self.root().join(LOCK_NAME))?;
        let marked = Role::of(files, self.root())?;
        if let Some(marked) = marked {
            marked.check(role, self.root())?;
        }
        match (role, marked) {
            (Role::Cache, Some(_)) if !taken.is_shared => {
                let found = scan::find(self.root(), files, &[])?;
                sweep::cache(self, &found);
            }
            (_, Some(_)) => {}
            (_, None) => self.mark(role)?,
        }
        Ok(taken.lock)
    }

    /// Marks a directory that has no mark, unless items are in it that a cache
    /// may not call its own.
    fn mark(&self, role: Role) -> Result<(), StoreError> {
        let holds_items = !scan::find(self.root(), &*self.files, &[])?.keys.is_empty();
        let path = self.root().display();
        match (role, holds_items) {
            (Role::Cache, true) => {
                tracing::warn!(%path, "a directory without a mark, which holds items already, is used as a cache: it is not marked, and nothing in it is ever swept");
                Ok(())
            }
            (Role::Persisted, true) => {
                tracing::warn!(%path, "a directory without a mark, which holds items already, is marked as persisted");
                role.mark(&*self.files, self.root())
            }
            (_, false) => role.mark(&*self.files, self.root()),
        }
    }

    /// Refuses a directory that is used, or marked, for something else.
    pub(super) fn check_role(&self, role: Role) -> Result<(), StoreError> {
        let known = self.role()?;
        known.map_or(Ok(()), |known| known.check(role, self.root()))
    }

    /// What the directory is used for, or marked for.
    pub(super) fn role(&self) -> Result<Option<Role>, StoreError> {
        match self.claim.get() {
            Some(claim) => Ok(Some(claim.role)),
            None => Role::of(&*self.files, self.root()),
        }
    }

    /// Whether this process has the directory, to persist to it.
    pub(super) fn is_persisted(&self) -> bool {
        let claim = self.claim.get();
        claim.is_some_and(|claim| claim.role == Role::Persisted)
    }

    /// Takes the directory as a cache. The number is that store's permission to
    /// write.
    pub(crate) fn take_as_cache(&self) -> Result<u64, StoreError> {
        self.claim(Role::Cache)?;
        self.finish_background();
        let cache = self.cache.lock();
        let owned = cache.as_ref().map_or(0, Background::files);
        if owned > 0 {
            let text = format!(
                "another store of this process has the directory as its cache, and handles or \
                 jobs still own files in it ({owned}): drop those first, or give each store a \
                 directory of its own"
            );
            return Err(at(self.root(), Fault::InUse(text)));
        }
        Ok(self.epoch.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Whether the store with this permission still has the directory.
    pub(crate) fn check_permission(&self, epoch: u64) -> Result<(), StoreError> {
        if self.epoch.load(Ordering::Relaxed) == epoch {
            return Ok(());
        }
        let text = "another store of this process has taken the directory as its cache since: \
                    give each store a directory of its own";
        Err(at(self.root(), Fault::InUse(text.to_owned())))
    }

    /// Takes this permission back, if it still holds.
    pub(crate) fn revoke(&self, epoch: u64) {
        let _cache = self.cache.lock();
        if self.epoch.load(Ordering::Relaxed) == epoch {
            self.epoch.store(epoch + 1, Ordering::Relaxed);
        }
    }

    /// Whether files of a store that has the directory as its cache are in it.
    pub(crate) fn is_cache_in_use(&self) -> bool {
        self.cache
            .lock()
            .as_ref()
            .is_some_and(|user| user.files() > 0)
    }

    /// The store with this permission is gone: deletes the directory, if it is a
    /// temporary one, and not another store's by now.
    pub(crate) fn remove_temporary(&self, epoch: u64) {
        let temporary = {
            let _cache = self.cache.lock();
            if self.epoch.load(Ordering::Relaxed) != epoch {
                return;
            }
            self.temporary.lock().take()
        };
        if let Some(Err(error)) = temporary.map(TempDir::close) {
            tracing::warn!(path = %self.root().display(), %error, "a temporary directory could not be deleted");
        }
    }

    /// The store with this permission has got its background work. One that has
    /// lost the directory before is not its user.
    pub(crate) fn set_cache_user(&self, epoch: u64, background: Background) {
        let mut cache = self.cache.lock();
        if self.epoch.load(Ordering::Relaxed) == epoch {
            *cache = Some(background);
        }
    }

    pub(crate) fn add_user(&self, background: Background) {
        let mut users = self.users.lock();
        users.retain(|user| user.is_alive() && !user.is_same(&background));
        users.push(background);
    }

    fn finish_background(&self) {
        let mut users = self.users.lock().clone();
        users.extend(self.cache.lock().clone());
        for background in users {
            background.finish();
        }
    }

    /// The keys persisted here, which all that track the directory share.
    pub(super) fn persisted_keys(&self) -> Arc<PlaceKeys> {
        let mut persisted = self.persisted.lock();
        persisted.upgrade().unwrap_or_else(|| {
            let keys = Arc::default();
            *persisted = Arc::downgrade(&keys);
            keys
        })
    }

    /// Takes the directory for one dataset to commit to.
    pub(super) fn claim_for_commits(&self) -> Result<Arc<Keep>, Fault> {
        let mut committer = self.committer.lock();
        if committer.strong_count() > 0 {
            let text = "a dataset of this process commits to it already: share that, in an `Arc`";
            return Err(Fault::InUse(text.to_owned()));
        }
        let keep = Arc::new(Keep::Commits);
        *committer = Arc::downgrade(&keep);
        Ok(keep)
    }

    pub(crate) fn durability(&self) -> &Durability {
        &self.durability
    }

    /// Makes durable whatever came or went since the last time.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        self.durability.sync(self)
    }
}

/// Adds the path to an error.
pub(crate) fn at(path: &Path, error: impl Into<StoreError>) -> StoreError {
    error.into().at(path)
}
