//! One directory of items: the one entry that it has in this process.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Weak};

use file_backed_codecs::BoxError;
use parking_lot::Mutex;
use tempfile::TempDir;
use uuid::Uuid;

use super::files::{Files, Identity};
use super::layout::{key_path, shard_of, shards};
use crate::backing_store::Background;
use crate::error::{AtPath, Fault};

/// A directory in use. However often, and under whatever names, it is opened,
/// the process has one entry for it.
pub(crate) struct Directory {
    root: PathBuf,
    files: Arc<dyn Files>,
    /// Which store has the directory as its cache.
    cache: Mutex<Option<Background>>,
    /// Rises, under the lock of `cache`, whenever a store takes the directory as
    /// its cache; an earlier store may then no longer write to it.
    epoch: AtomicU64,
    /// The stores that persist to it or delete from it.
    users: Mutex<Vec<Background>>,
    /// Opened before anything was written, for a sync of the whole file system.
    anchor: Option<File>,
    /// What is to be made durable.
    unsynced: Mutex<Unsynced>,
    /// Held by one sync at a time: another must not find nothing to do while
    /// this one is not done.
    syncing: Mutex<()>,
    /// Deletes the directory, if it is a temporary one.
    temporary: Mutex<Option<TempDir>>,
}

#[derive(Default)]
struct Unsynced {
    files: HashSet<Uuid>,
    /// Those of them that a sync is at.
    in_flight: HashSet<Uuid>,
    /// Shards with names that came or went.
    shards: HashSet<u8>,
    /// Files whose fsync failed. It is never tried again: the kernel may then
    /// say that all is well though the data is lost.
    lost: HashMap<Uuid, io::Error>,
    /// The directory's own name in its parent was made durable.
    is_anchored: bool,
}

/// With more files than this to be made durable, the whole file system is.
const MANY: usize = 128;

static ENTRIES: LazyLock<Mutex<HashMap<Identity, Weak<Directory>>>> = LazyLock::new(Mutex::default);

impl Directory {
    /// The entry of a directory that is there. Work that earlier users of it
    /// left, such as deletions, is finished first.
    pub(crate) fn enter(
        root: PathBuf,
        files: Arc<dyn Files>,
        temporary: Option<TempDir>,
    ) -> Result<Arc<Self>, BoxError> {
        // A relative path would follow the process to another directory.
        let root = std::path::absolute(&root).map_err(|error| at(&root, error))?;
        let identity = files.identity(&root).map_err(|error| at(&root, error))?;
        loop {
            let mut entries = ENTRIES.lock();
            let Some(known) = entries.get(&identity).and_then(Weak::upgrade) else {
                entries.retain(|_, entry| entry.strong_count() > 0);
                let anchor = files.anchor(&root).map_err(|error| at(&root, error))?;
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
            root,
            files,
            cache: Mutex::new(None),
            epoch: AtomicU64::new(0),
            users: Mutex::new(Vec::new()),
            anchor,
            unsynced: Mutex::new(Unsynced::default()),
            syncing: Mutex::new(()),
            temporary: Mutex::new(temporary),
        }
    }

    /// Whether the path still leads to the directory. It does not if the
    /// directory was moved, or was deleted and its inode given to another.
    fn stands_for(&self, identity: &Identity) -> bool {
        self.files
            .identity(&self.root)
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
    pub(crate) fn create(root: &Path, files: &dyn Files) -> Result<(), BoxError> {
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
        &self.root
    }

    pub(crate) fn files(&self) -> &dyn Files {
        &*self.files
    }

    pub(crate) fn path_of(&self, key: Uuid) -> PathBuf {
        key_path(&self.root, key)
    }

    /// Takes the directory as a cache. The number is that store's permission to
    /// write.
    pub(crate) fn take_as_cache(&self) -> Result<u64, BoxError> {
        self.finish_background();
        let cache = self.cache.lock();
        let owned = cache.as_ref().map_or(0, Background::files);
        if owned > 0 {
            let text = format!(
                "another store of this process has the directory as its cache, and handles or \
                 jobs still own files in it ({owned}): drop those first, or give each store a \
                 directory of its own"
            );
            return Err(at(&self.root, Fault::InUse(text)));
        }
        Ok(self.epoch.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Whether the store with this permission still has the directory.
    pub(crate) fn check_permission(&self, epoch: u64) -> Result<(), BoxError> {
        if self.epoch.load(Ordering::Relaxed) == epoch {
            return Ok(());
        }
        let text = "another store of this process has taken the directory as its cache since";
        Err(at(&self.root, Fault::InUse(text.to_owned())))
    }

    /// Takes the permission of every store that has it.
    pub(crate) fn revoke(&self) {
        self.epoch.fetch_add(1, Ordering::Relaxed);
    }

    /// Deletes the directory, if it is a temporary one.
    pub(crate) fn remove_temporary(&self) {
        let temporary = self.temporary.lock().take();
        if let Some(Err(error)) = temporary.map(TempDir::close) {
            tracing::warn!(path = %self.root.display(), %error, "a temporary directory could not be deleted");
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

    /// A name of this key came.
    pub(crate) fn note_linked(&self, key: Uuid) {
        let mut unsynced = self.unsynced.lock();
        unsynced.files.insert(key);
        unsynced.shards.insert(key.as_bytes()[0]);
    }

    /// The name of this key went.
    pub(crate) fn note_removed(&self, key: Uuid) {
        let mut unsynced = self.unsynced.lock();
        unsynced.files.remove(&key);
        unsynced.in_flight.remove(&key);
        unsynced.lost.remove(&key);
        unsynced.shards.insert(key.as_bytes()[0]);
    }

    /// Keys that a scan has found. Nobody knows whether the process that linked
    /// them lived to sync them.
    pub(crate) fn note_found(&self, keys: &[Uuid]) {
        let mut unsynced = self.unsynced.lock();
        unsynced.files.extend(keys);
        unsynced
            .shards
            .extend(keys.iter().map(|key| key.as_bytes()[0]));
    }

    /// Makes durable whatever came or went since the last time: each file, then
    /// each shard with names that changed.
    pub(crate) fn sync(&self) -> Result<(), BoxError> {
        let _only_one = self.syncing.lock();
        let (files, touched, is_anchored) = {
            let mut unsynced = self.unsynced.lock();
            let files = std::mem::take(&mut unsynced.files);
            unsynced.in_flight.clone_from(&files);
            let touched = std::mem::take(&mut unsynced.shards);
            (files, touched, unsynced.is_anchored)
        };
        if let Some(anchor) = &self.anchor
            && files.len() > MANY
        {
            return self.sync_file_system(anchor, files);
        }
        for key in files {
            self.sync_file(key);
        }
        let mut directories: Vec<_> = touched
            .iter()
            .map(|shard| shard_of(&self.root, Uuid::from_u128(u128::from(*shard) << 120)))
            .chain([self.root.clone()])
            .collect();
        if !is_anchored {
            directories.extend(self.root.parent().map(Path::to_owned));
        }
        for directory in directories {
            if let Err(error) = self.files.sync(&directory) {
                // Names go through the journal, and a journal that fails stays
                // failed: to ask once more does no harm.
                self.unsynced.lock().shards.extend(touched);
                return Err(at(&directory, error));
            }
        }
        self.unsynced.lock().is_anchored = true;
        self.report_lost()
    }

    /// One call for everything, where one for each file would take longer: each
    /// of those waits for the disk.
    fn sync_file_system(&self, anchor: &File, files: HashSet<Uuid>) -> Result<(), BoxError> {
        let synced = self.files.sync_file_system(anchor);
        let mut unsynced = self.unsynced.lock();
        if let Err(error) = synced {
            // It does not tell which files it was.
            let (kind, text) = (error.kind(), error.to_string());
            let lost = files
                .into_iter()
                .filter(|key| unsynced.in_flight.contains(key));
            let lost: Vec<_> = lost
                .map(|key| (key, io::Error::new(kind, text.clone())))
                .collect();
            unsynced.lost.extend(lost);
            return Err(at(&self.root, error));
        }
        unsynced.is_anchored = true;
        drop(unsynced);
        self.report_lost()
    }

    fn report_lost(&self) -> Result<(), BoxError> {
        let unsynced = self.unsynced.lock();
        match unsynced.lost.iter().next() {
            Some((key, error)) => {
                let text = format!(
                    "the file could not be synced ({error}), and the system does not tell whether \
                     its data is lost: delete the persisted item and persist it anew"
                );
                Err(at(&self.path_of(*key), text))
            }
            None => Ok(()),
        }
    }

    fn sync_file(&self, key: Uuid) {
        let path = self.path_of(key);
        let synced = self.files.sync(&path);
        let mut unsynced = self.unsynced.lock();
        // What was deleted meanwhile has nothing to be kept.
        let is_wanted = unsynced.in_flight.remove(&key);
        if let Err(error) = synced
            && is_wanted
        {
            tracing::error!(path = %path.display(), %error, "a persisted file could not be made durable");
            unsynced.lost.insert(key, error);
        }
    }
}

/// Adds the path to an error.
pub(crate) fn at(path: &Path, error: impl Into<BoxError>) -> BoxError {
    Box::new(AtPath {
        path: path.to_owned(),
        source: error.into(),
    })
}
