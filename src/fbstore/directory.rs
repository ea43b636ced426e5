//! One directory of items, and its single entry in this process.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Weak};

use file_backed_codecs::printable::PrintablePath;
use parking_lot::Mutex;
use uuid::Uuid;

use super::durability::{Durability, Extent};
use super::file_ref::{FileRef, Shards};
use super::files::{Files, Identity};
use super::layout::key_path;
use super::lock::Locks;
use super::manifests::{Keep, UnfinishedNames};
use super::packs::OpenPacks;
use super::readers::Readers;
use super::role::Role;
use super::temporary_dir::TemporaryDir;
use super::{foreign, scan, sweep, temporary};
use crate::backing_store::{Background, PackLocator, PlaceKeys, SyncScope};
use crate::error::{Cause, StoreError};
use crate::hash::{HashMap, HashSet};
use crate::process::Process;

/// An open directory. The process has one entry for it, however often and under
/// whatever paths it is opened.
pub(crate) struct Directory {
    shards: Shards,
    files: Arc<dyn Files>,
    /// The background work of the store that has the directory as its cache.
    cache: Mutex<Option<Background>>,
    /// Rises, under the lock of `cache`, whenever a store takes the directory as its
    /// cache. An earlier store may then no longer write to it.
    epoch: AtomicU64,
    /// The stores that persist to it or delete from it.
    users: Mutex<Vec<Background>>,
    durability: Durability,
    /// The temporary names of manifests and parts that are being written.
    unfinished: UnfinishedNames,
    open_packs: OpenPacks,
    /// Where the items are that are in packs, while a dataset is open to commit.
    locator: Mutex<Option<Weak<dyn PackLocator>>>,
    /// Whether there is one, so that most loads take no lock.
    has_locator: AtomicBool,
    /// The keys persisted here, while any store tracks the directory. Like `committer`,
    /// it is shared with the entry that the directory had before it was moved.
    persisted: Arc<Mutex<Weak<PlaceKeys>>>,
    /// The dataset that commits to it.
    committer: Arc<Mutex<Weak<Keep>>>,
    /// Deletes the directory, if it is a temporary one.
    temporary: Mutex<Option<TemporaryDir>>,
    is_temporary: bool,
    /// The process that owns the entry.
    process: Process,
    /// The options of the openings so far.
    wishes: Mutex<Wishes>,
    /// The role for which this process claimed the directory. The claim lasts until the
    /// last user of the entry is dropped.
    claim: Mutex<Claim>,
    /// Held while the directory is claimed, file operations included. No other code
    /// path takes this lock.
    claiming: Mutex<()>,
    /// The permission of the store that last took the directory as its cache.
    owner: AtomicU64,
    /// Whether the claim has foreign items. Saves deletions the lock.
    has_foreign: AtomicBool,
    /// Whether the warning that its files are not mapped was logged.
    is_reported: AtomicBool,
}

#[derive(Clone, Default)]
struct Claim {
    role: Option<Role>,
    locks: Option<Locks>,
    /// Items of a cache that the library must not delete.
    foreign: Arc<HashSet<Uuid>>,
}

/// Options of an opening, where the caller sets them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wishes {
    pub(super) readers: Option<Readers>,
    pub(super) any_owner: bool,
}

/// How a directory is opened.
pub(super) enum Opening {
    /// The directory and its shards are created if they do not exist.
    Create(Wishes),
    /// The directory exists, and is only read.
    Read,
}

static REGISTRY: LazyLock<Mutex<HashMap<Identity, Registration>>> = LazyLock::new(Mutex::default);

/// An entry and its path. The path is stored here so that a search by path does not
/// keep the entries of other paths alive.
struct Registration {
    root: PathBuf,
    directory: Weak<Directory>,
}

impl Registration {
    fn of(directory: &Arc<Directory>) -> Self {
        Self {
            root: directory.root().to_owned(),
            directory: Arc::downgrade(directory),
        }
    }

    fn get(&self) -> Option<Arc<Directory>> {
        self.directory.upgrade()
    }

    fn is_alive(&self) -> bool {
        self.directory.strong_count() > 0
    }

    fn is_of(&self, directory: &Directory) -> bool {
        std::ptr::eq(self.directory.as_ptr(), directory)
    }
}

impl Directory {
    /// Returns the entry of a directory. First finishes work that earlier users of the
    /// entry left pending, such as deletions.
    pub(super) fn open(
        root: PathBuf,
        files: Arc<dyn Files>,
        opening: Opening,
    ) -> Result<Arc<Self>, StoreError> {
        if let Opening::Create(wishes) = &opening {
            let made = files.create_dir(&FileRef::Path(&root), wishes.readers.unwrap_or_default());
            made.map_err(|error| not_a_directory(&root, error))?;
        }
        // A relative path would change its meaning with the process's working
        // directory.
        let root = std::path::absolute(&root).map_err(|error| at(&root, error))?;
        let shards = Shards::open(root.clone()).map_err(|error| at(&root, error))?;
        let wishes = match &opening {
            Opening::Create(wishes) => *wishes,
            Opening::Read => Wishes::default(),
        };
        shards.set_readers(wishes.readers.unwrap_or_default());
        if !matches!(opening, Opening::Read) {
            create_shards(&*files, &shards)?;
        }
        let entry = Self::enter(shards, files, None)?;
        // An entry that was there before may have synced the root already.
        entry.durability.note_root_changed();
        if wishes.readers.is_some() || wishes.any_owner {
            entry.wish(wishes);
        }
        Ok(entry)
    }

    /// Creates a temporary directory, locked by this process. First deletes what
    /// crashed processes of this user left in the same parent directory.
    pub(super) fn temporary(files: Arc<dyn Files>) -> Result<Arc<Self>, StoreError> {
        let parent = tempfile::env::temp_dir();
        // An empty `TMPDIR` is the working directory.
        let parent = match parent.as_os_str().is_empty() {
            true => PathBuf::from("."),
            false => parent,
        };
        let parent = std::path::absolute(&parent).map_err(|error| at(&parent, error))?;
        temporary::sweep(&*files, &parent);
        let made = temporary::make(&*files, &parent)?;
        let temporary = TemporaryDir::new(made.directory);
        let entry = Self::enter(made.shards, files, Some(temporary))?;
        entry.claim.lock().locks = Some(made.locks);
        Ok(entry)
    }

    fn enter(
        shards: Shards,
        files: Arc<dyn Files>,
        temporary: Option<TemporaryDir>,
    ) -> Result<Arc<Self>, StoreError> {
        let identity = shards.identity();
        let syncfs_handle = files.syncfs_handle(shards.root());
        let syncfs_handle = syncfs_handle.map_err(|error| at(shards.root(), error))?;
        if let Some(gone) = Self::gone_from(shards.root()) {
            // A store still has values for the deleted cache that was at this path.
            gone.restore_root()?;
        }
        // The entry that the directory had under another path.
        let mut earlier = None;
        loop {
            let mut entries = REGISTRY.lock();
            let known = entries.get(&identity).and_then(Registration::get);
            // A forked child inherits its parent's entries, but none of their locks.
            let Some(known) = known.filter(|known| !known.process.is_forked()) else {
                entries.retain(|_, entry| entry.is_alive());
                let entry = Self::new(shards, files, syncfs_handle, temporary, earlier.as_deref());
                let entry = Arc::new(entry);
                entries.insert(identity, Registration::of(&entry));
                return Ok(entry);
            };
            drop(entries);
            if known.stands_for(&identity) {
                known.finish_background();
                return Ok(known);
            }
            known.forget(&identity);
            earlier = Some(known);
        }
    }

    fn new(
        shards: Shards,
        files: Arc<dyn Files>,
        syncfs_handle: Option<File>,
        temporary: Option<TemporaryDir>,
        earlier: Option<&Self>,
    ) -> Self {
        Self {
            shards,
            files,
            cache: Mutex::new(None),
            epoch: AtomicU64::new(0),
            users: Mutex::new(Vec::new()),
            durability: Durability::new(syncfs_handle),
            unfinished: UnfinishedNames::default(),
            open_packs: OpenPacks::default(),
            locator: Mutex::new(None),
            has_locator: AtomicBool::new(false),
            persisted: earlier.map_or_else(Arc::default, |entry| entry.persisted.clone()),
            committer: earlier.map_or_else(Arc::default, |entry| entry.committer.clone()),
            is_temporary: temporary.is_some(),
            temporary: Mutex::new(temporary),
            process: Process::current(),
            wishes: Mutex::default(),
            claim: Mutex::default(),
            claiming: Mutex::new(()),
            owner: AtomicU64::new(0),
            has_foreign: AtomicBool::new(false),
            is_reported: AtomicBool::new(false),
        }
    }

    /// Whether its files may be mapped: no other user may be able to replace them. For
    /// a directory that is only read, the creator of the mapping codec has promised
    /// that.
    pub(super) fn may_be_mapped(&self) -> bool {
        if !self.shards.handles.is_group_writable() || self.claim.lock().role.is_none() {
            return true;
        }
        if !self.is_reported.swap(true, Ordering::Relaxed) {
            tracing::warn!(path = %PrintablePath(self.root()), "the group may write to the directory and replace its contents: its files are read into memory instead of mapped until that permission is removed (`chmod g-w`) and the directory is opened again");
        }
        false
    }

    /// Merges the options of a later opening.
    fn wish(&self, wishes: Wishes) {
        let mut known = self.wishes.lock();
        known.readers = wishes.readers.or(known.readers);
        known.any_owner |= wishes.any_owner;
        if let Some(readers) = known.readers {
            self.shards.set_readers(readers);
        }
    }

    /// Whether the path still leads to the directory. It does not if the directory was
    /// moved, or was deleted and its inode reused for another.
    fn stands_for(&self, identity: &Identity) -> bool {
        self.files
            .identity(&FileRef::Path(self.root()))
            .is_ok_and(|now| now == *identity)
    }

    /// Removes this entry from the registry, so that another can have the identity.
    fn forget(self: &Arc<Self>, identity: &Identity) {
        let mut entries = REGISTRY.lock();
        let own = Arc::downgrade(self);
        if entries
            .get(identity)
            .is_some_and(|entry| entry.directory.ptr_eq(&own))
        {
            entries.remove(identity);
        }
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

    /// Identifies a directory whose names stay until they are deleted through it; `None` if
    /// it is a temporary one, which goes with its last user.
    pub(super) fn lasting_identity(&self) -> Option<Identity> {
        (!self.is_temporary).then(|| self.shards.identity())
    }

    /// The file of a key.
    pub(crate) fn file_ref(&self, key: Uuid) -> FileRef<'_> {
        self.shards.item(key)
    }

    /// The temporary file of a key, before it is renamed to its final name.
    pub(crate) fn temporary_ref(&self, key: Uuid) -> FileRef<'_> {
        self.shards.temporary(key)
    }

    pub(crate) fn shards(&self) -> &Shards {
        &self.shards
    }

    /// Claims the directory for this process in the given role, and marks it. In a
    /// marked cache, removes leftovers of a crashed process.
    pub(super) fn claim(&self, role: Role) -> Result<(), StoreError> {
        self.check_process()?;
        let _only_one = self.claiming.lock();
        let claim = self.claim.lock().clone();
        if let Some(known) = claim.role {
            return known.check(role, self.root());
        }
        let claim = self.claim_with(&self.shards, role, claim.locks)?;
        self.durability.note_root_changed();
        self.set_claim(claim);
        Ok(())
    }

    /// Returns an error in a forked child, whose parent has the directory.
    pub(super) fn check_process(&self) -> Result<(), StoreError> {
        self.process.check().map_err(|cause| at(self.root(), cause))
    }

    /// Claims the directory that `shards` has opened.
    fn claim_with(
        &self,
        shards: &Shards,
        role: Role,
        locks: Option<Locks>,
    ) -> Result<Claim, StoreError> {
        let (files, wishes) = (&*self.files, *self.wishes.lock());
        if self.is_temporary {
            check_owner(files, shards, Wishes::default())?;
            shards.handles.set_claimed();
            let locks = locks.map_or_else(|| Locks::take(files, shards), Ok)?;
            return Ok(Claim {
                role: Some(role),
                locks: Some(locks),
                foreign: Arc::default(),
            });
        }
        check_owner(files, shards, wishes)?;
        shards.handles.set_claimed();
        let locks = Locks::take(files, shards)?;
        let marked = Role::of(files, shards)?;
        if let Some(marked) = marked {
            marked.check(role, shards.root())?;
        }
        let foreign = match (role, marked) {
            (Role::Cache, Some(_)) if !locks.is_shared() => sweep_cache(files, shards)?,
            (Role::Cache, Some(_)) => foreign::read(files, shards)?,
            (Role::Cache, None) => mark_cache(files, shards)?,
            (Role::Persisted, Some(_)) => {
                settle_readers(files, shards, wishes)?;
                HashSet::default()
            }
            (Role::Persisted, None) => {
                mark_persisted(files, shards)?;
                HashSet::default()
            }
        };
        Ok(Claim {
            role: Some(role),
            locks: Some(locks),
            foreign: Arc::new(foreign),
        })
    }

    /// Whether an item of a cache was there before the directory became a cache.
    pub(super) fn is_foreign(&self, key: Uuid) -> bool {
        self.has_foreign.load(Ordering::Relaxed) && self.claim.lock().foreign.contains(&key)
    }

    /// Whether the store with this permission was the last to take the directory, so
    /// that the files in it are its own.
    pub(super) fn is_owned_by(&self, epoch: u64) -> bool {
        self.owner.load(Ordering::Relaxed) == epoch
    }

    fn set_claim(&self, claim: Claim) {
        let has_foreign = !claim.foreign.is_empty();
        self.has_foreign.store(has_foreign, Ordering::Relaxed);
        let before = std::mem::replace(&mut *self.claim.lock(), claim);
        // Releases the previous locks, outside the lock of the claim.
        drop(before);
    }

    /// Recreates the shard of a key after another program deleted it, so that a name
    /// can be created in it. If a cache was deleted and created again, takes over the
    /// new directory.
    pub(super) fn restore(&self, key: Uuid) -> Result<(), StoreError> {
        self.check_process()?;
        if self.is_gone() {
            return self.restore_root();
        }
        let _only_one = self.claiming.lock();
        self.restore_claim()?;
        let shard = FileRef::Shard(&self.shards, key.as_bytes()[0]);
        let made = self.files.create_dir(&shard, self.shards.readers());
        self.durability.note_root_changed();
        made.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => at(self.root(), Cause::DirectoryGone),
            _ => not_a_directory(&shard.path(), error),
        })
    }

    /// Recreates the lock file and the mark, which may have been deleted together with
    /// the shards.
    fn restore_claim(&self) -> Result<(), StoreError> {
        let files = &*self.files;
        let mut claim = self.claim.lock().clone();
        let Some(locks) = &claim.locks else {
            return Ok(());
        };
        if !locks.are_in_place(files, &self.shards) {
            claim.locks = Some(Locks::take(files, &self.shards)?);
            self.set_claim(claim.clone());
        }
        let Some(role) = claim.role.filter(|_| !self.is_temporary) else {
            return Ok(());
        };
        // Written before the mark: once the mark exists, the next start sweeps every
        // item that is not in the list.
        if !claim.foreign.is_empty() && !foreign::is_there(files, &self.shards) {
            let keys: Vec<_> = claim.foreign.iter().copied().collect();
            foreign::write(files, &self.shards, &keys)?;
        }
        match Role::of(files, &self.shards)? {
            None => role.mark(files, &self.shards),
            Some(_) => Ok(()),
        }
    }

    /// A cache of this process that was at `root` and was deleted.
    fn gone_from(root: &Path) -> Option<Arc<Self>> {
        let all: Vec<_> = {
            let entries = REGISTRY.lock();
            let here = entries.values().filter(|entry| entry.root == root);
            here.filter_map(Registration::get).collect()
        };
        all.into_iter().find(|entry| {
            !entry.process.is_forked()
                && entry.claim.lock().role == Some(Role::Cache)
                && entry.shards.handles.is_unlinked(root)
        })
    }

    /// Whether the directory was deleted.
    pub(super) fn is_gone(&self) -> bool {
        self.shards.handles.is_unlinked(self.root())
    }

    /// Moves a deleted cache to the directory that is at its path now: locks it and
    /// marks it. A deleted directory itself is recreated only if it is temporary,
    /// because no other process uses its name.
    fn restore_root(&self) -> Result<(), StoreError> {
        let _only_one = self.claiming.lock();
        let root = self.root();
        if !self.shards.handles.is_unlinked(root) {
            return Ok(());
        }
        if self.claim.lock().role != Some(Role::Cache) || !self.is_entered() {
            return Err(at(root, Cause::DirectoryGone));
        }
        let (shards, locks) = if self.is_temporary {
            let (shards, locks) = self.make_temporary_again()?;
            (shards, Some(locks))
        } else {
            let opened = Shards::open(root.to_owned());
            let shards = opened.map_err(|_| at(root, Cause::DirectoryGone))?;
            shards.set_readers(self.shards.readers());
            create_shards(&*self.files, &shards)?;
            (shards, None)
        };
        let claim = self.claim_with(&shards, Role::Cache, locks)?;
        self.become_entry_of(&shards)?;
        self.shards.handles.replace(&shards.handles);
        self.set_claim(claim);
        tracing::debug!(path = %PrintablePath(root), "recreated a deleted cache directory");
        Ok(())
    }

    /// How often the directory was recreated after it was deleted, with all its files. It
    /// rises before a file can be created in the new directory.
    pub(super) fn recreations(&self) -> &Arc<AtomicU64> {
        self.shards.handles.replacements()
    }

    /// Creates a new directory under this one's name. It is locked and complete before
    /// it gets that name: the sweep of another process cannot take it, and a failure
    /// leaves nothing that the next attempt would run into.
    fn make_temporary_again(&self) -> Result<(Shards, Locks), StoreError> {
        let root = self.root();
        if self.temporary.lock().is_none() {
            // Its store has deleted it.
            return Err(at(root, Cause::DirectoryGone));
        }
        let parent = root.parent().unwrap_or(root);
        let made = temporary::make(&*self.files, parent)?;
        made.rename(root).map_err(|error| match error.kind() {
            io::ErrorKind::DirectoryNotEmpty
            | io::ErrorKind::AlreadyExists
            | io::ErrorKind::NotADirectory => at(root, Cause::NameTaken),
            _ => at(root, error),
        })
    }

    /// Whether the registry still has this entry for the directory that it opened.
    fn is_entered(&self) -> bool {
        let entries = REGISTRY.lock();
        let entry = entries.get(&self.shards.identity());
        entry.is_some_and(|entry| entry.is_of(self))
    }

    /// Moves the entry to the identity of the directory that `shards` has opened.
    fn become_entry_of(&self, shards: &Shards) -> Result<(), StoreError> {
        let mut entries = REGISTRY.lock();
        let before = self.shards.identity();
        let is_taken = entries
            .get(&shards.identity())
            .is_some_and(Registration::is_alive);
        if is_taken || !entries.get(&before).is_some_and(|entry| entry.is_of(self)) {
            return Err(at(self.root(), Cause::DirectoryGone));
        }
        let own = entries.remove(&before);
        entries.extend(own.map(|own| (shards.identity(), own)));
        Ok(())
    }

    /// Refuses a directory that is claimed or marked for another role.
    pub(super) fn check_role(&self, role: Role) -> Result<(), StoreError> {
        let known = self.role()?;
        known.map_or(Ok(()), |known| known.check(role, self.root()))
    }

    /// The role for which the directory is claimed, or else marked.
    pub(super) fn role(&self) -> Result<Option<Role>, StoreError> {
        match self.claim.lock().role {
            Some(role) => Ok(Some(role)),
            None => Role::of(&*self.files, &self.shards),
        }
    }

    /// Whether this process has claimed the directory to persist to it.
    pub(super) fn is_persisted(&self) -> bool {
        self.claim.lock().role == Some(Role::Persisted)
    }

    /// Takes the directory as a cache. The returned number is the calling store's
    /// permission to write.
    pub(crate) fn take_as_cache(&self) -> Result<u64, StoreError> {
        self.claim(Role::Cache)?;
        self.finish_background();
        let cache = self.cache.lock();
        let owned = cache.as_ref().map_or(0, Background::files);
        if owned > 0 {
            let text = format!(
                "another store of this process uses the directory as its cache, and handles or \
                 jobs still own files in it ({owned}): drop those first, or give each store a \
                 separate directory"
            );
            return Err(at(self.root(), Cause::InUse(text)));
        }
        let epoch = self.epoch.fetch_add(1, Ordering::Relaxed) + 1;
        self.owner.store(epoch, Ordering::Relaxed);
        Ok(epoch)
    }

    /// Refuses a store whose permission was lost to another store.
    pub(crate) fn check_permission(&self, epoch: u64) -> Result<(), StoreError> {
        self.check_process()?;
        if self.epoch.load(Ordering::Relaxed) == epoch {
            return Ok(());
        }
        let text = "another store of this process has since taken over the directory as its cache: \
                    give each store a separate directory";
        Err(at(self.root(), Cause::InUse(text.to_owned())))
    }

    /// Revokes this permission, if it is still valid.
    pub(crate) fn revoke(&self, epoch: u64) {
        let _cache = self.cache.lock();
        if self.epoch.load(Ordering::Relaxed) == epoch {
            self.epoch.store(epoch + 1, Ordering::Relaxed);
        }
    }

    /// Whether the directory is the cache of a store that has files in it.
    pub(crate) fn is_cache_in_use(&self) -> bool {
        self.cache
            .lock()
            .as_ref()
            .is_some_and(|user| user.files() > 0)
    }

    /// Called when the store with this permission is gone. Deletes the directory if it
    /// is temporary and no other store has taken it since.
    pub(crate) fn remove_temporary(&self, epoch: u64) {
        let temporary = {
            let _cache = self.cache.lock();
            if self.epoch.load(Ordering::Relaxed) != epoch {
                return;
            }
            self.temporary.lock().take()
        };
        if let Some(Err(error)) = temporary.map(TemporaryDir::close) {
            tracing::warn!(path = %PrintablePath(self.root()), %error, "could not delete a temporary directory");
        }
    }

    /// Sets the background work of the store with this permission, unless that store
    /// has already lost the directory.
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

    /// The keys persisted here, shared by all stores that track the directory.
    pub(super) fn persisted_keys(&self) -> Arc<PlaceKeys> {
        let mut persisted = self.persisted.lock();
        persisted.upgrade().unwrap_or_else(|| {
            let keys = Arc::default();
            *persisted = Arc::downgrade(&keys);
            keys
        })
    }

    /// Claims the directory for the commits of one dataset.
    pub(super) fn claim_for_commits(&self) -> Result<Arc<Keep>, Cause> {
        let mut committer = self.committer.lock();
        if committer.strong_count() > 0 {
            let text = "a dataset of this process already has it open to commit: share that \
                        dataset in an `Arc`";
            return Err(Cause::InUse(text.to_owned()));
        }
        let keep = Arc::new(Keep::Commits);
        *committer = Arc::downgrade(&keep);
        Ok(keep)
    }

    pub(super) fn open_packs(&self) -> &OpenPacks {
        &self.open_packs
    }

    pub(super) fn set_locator(&self, locator: &Arc<dyn PackLocator>) {
        *self.locator.lock() = Some(Arc::downgrade(locator));
        self.has_locator.store(true, Ordering::Release);
    }

    /// Says where the items are that are in packs, while a dataset is open to commit.
    pub(super) fn locator(&self) -> Option<Arc<dyn PackLocator>> {
        if !self.has_locator.load(Ordering::Acquire) {
            return None;
        }
        self.locator.lock().as_ref()?.upgrade()
    }

    pub(super) fn unfinished(&self) -> &UnfinishedNames {
        &self.unfinished
    }

    pub(crate) fn durability(&self) -> &Durability {
        &self.durability
    }

    /// Makes durable everything that was created or removed since the last sync.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        self.durability.sync(self, SyncScope::ALL, Extent::All)
    }

    /// Makes durable everything that was created since the last sync, as far as the scope
    /// needs it.
    pub(super) fn sync_created(&self, scope: SyncScope<'_>) -> Result<(), StoreError> {
        self.durability.sync(self, scope, Extent::Created)
    }
}

/// Creates the shards of a directory.
pub(super) fn create_shards(files: &dyn Files, shards: &Shards) -> Result<(), StoreError> {
    (0..=u8::MAX).try_for_each(|shard| {
        let shard = FileRef::Shard(shards, shard);
        let made = files.create_dir(&shard, shards.readers());
        made.map_err(|error| not_a_directory(&shard.path(), error))
    })
}

fn not_a_directory(path: &Path, error: io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::AlreadyExists => at(path, Cause::NotADirectory),
        _ => at(path, error),
    }
}

/// Refuses a directory in which other users may replace files.
fn check_owner(files: &dyn Files, shards: &Shards, wishes: Wishes) -> Result<(), StoreError> {
    let ownership = files.ownership(&FileRef::Root(shards));
    let ownership = ownership.map_err(|error| at(shards.root(), error))?;
    if !ownership.is_ours && !wishes.any_owner {
        return Err(at(shards.root(), Cause::OtherOwner));
    }
    if ownership.is_world_writable {
        return Err(at(shards.root(), Cause::WorldWritable));
    }
    Ok(())
}

/// Sweeps a marked cache whose process is gone, except for the items that were there
/// before it became a cache.
fn sweep_cache(files: &dyn Files, shards: &Shards) -> Result<HashSet<Uuid>, StoreError> {
    let foreign = foreign::read(files, shards)?;
    let found = scan::find(shards, files, &[])?;
    sweep::cache(files, shards, &found, |key| foreign.contains(key));
    let left = found
        .keys
        .iter()
        .filter(|key| foreign.contains(key))
        .count();
    report_foreign(shards, left);
    Ok(foreign)
}

/// Marks a directory as a cache. First records the items that are already in it, so
/// that they are left alone.
fn mark_cache(files: &dyn Files, shards: &Shards) -> Result<HashSet<Uuid>, StoreError> {
    let found = scan::find(shards, files, &[])?;
    let foreign = match &found.keys[..] {
        [] => {
            foreign::remove(files, shards)?;
            HashSet::default()
        }
        keys => foreign::write(files, shards, keys)?,
    };
    Role::Cache.mark(files, shards)?;
    report_foreign(shards, foreign.len());
    Ok(foreign)
}

fn report_foreign(shards: &Shards, items: usize) {
    if items > 0 {
        tracing::warn!(path = %PrintablePath(shards.root()), items, "a cache directory contains items from before it became a cache, which are left alone: move them away or delete them if they are not needed; if the directory was not meant to be a cache, delete `file_backed.role` in it");
    }
}

fn mark_persisted(files: &dyn Files, shards: &Shards) -> Result<(), StoreError> {
    if !scan::find(shards, files, &[])?.keys.is_empty() {
        tracing::warn!(path = %PrintablePath(shards.root()), "marking a directory as persisted: it has no mark, but already contains items");
    }
    Role::Persisted.mark(files, shards)
}

/// Determines who may read persisted items: the readers that the caller names, or else
/// those who may read the existing ones.
fn settle_readers(files: &dyn Files, shards: &Shards, wishes: Wishes) -> Result<(), StoreError> {
    if wishes.readers.is_some() {
        return Role::open_up(files, shards);
    }
    let readers = Role::readers(files, shards);
    shards.set_readers(readers.map_err(|error| at(shards.root(), error))?);
    Ok(())
}

/// Adds the path to an error.
pub(crate) fn at(path: &Path, error: impl Into<StoreError>) -> StoreError {
    error.into().at(path)
}
