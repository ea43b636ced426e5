//! What of a directory is still to be made durable, and what could not be.
//!
//! A file whose fsync failed is never trusted again, under whatever name: the
//! kernel tells such a failure once, and a second fsync of the same file may say
//! that all is well though the data is lost.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, ErrorKind::PermissionDenied};

use file_backed_codecs::printable::PrintablePath;
use parking_lot::Mutex;
use uuid::Uuid;

use super::directory::{Directory, at};
use super::file_ref::FileRef;
use super::files::{Files, Identity, SyncError};
use super::role::Role;
use crate::error::{Cause, StoreError};

/// With more files than this to be made durable, the whole file system is: one
/// fsync for each waits for the disk each time.
const MANY: usize = 128;

pub(super) struct Durability {
    /// For a sync of the whole file system, which tells of failures since the
    /// directory was opened, and of earlier ones that nobody was told of.
    syncfs_handle: Option<File>,
    unsynced: Mutex<Unsynced>,
    /// Held by one sync at a time: another must not find nothing to do while
    /// this one is not done. Nobody else takes it, so it may be held while the
    /// disk works.
    syncing: Mutex<()>,
}

#[derive(Default)]
struct Unsynced {
    files: HashSet<Uuid>,
    /// Those of them that a sync is at.
    in_flight: HashSet<Uuid>,
    /// Shards with names that came or went.
    shards: HashSet<u8>,
    /// Keys whose file could not be made durable.
    lost: HashMap<Uuid, io::Error>,
    /// The files themselves.
    bad_files: HashSet<Identity>,
    /// The directory's own name in its parent was made durable.
    is_anchored: bool,
}

impl Durability {
    pub(super) fn new(syncfs_handle: Option<File>) -> Self {
        Self {
            syncfs_handle,
            unsynced: Mutex::new(Unsynced::default()),
            syncing: Mutex::new(()),
        }
    }

    /// A name of this key came.
    pub(super) fn note_linked(&self, key: Uuid) {
        let mut unsynced = self.unsynced.lock();
        unsynced.files.insert(key);
        unsynced.shards.insert(key.as_bytes()[0]);
    }

    /// The name of this key went.
    pub(super) fn note_removed(&self, key: Uuid) {
        let mut unsynced = self.unsynced.lock();
        unsynced.files.remove(&key);
        unsynced.in_flight.remove(&key);
        unsynced.lost.remove(&key);
        unsynced.shards.insert(key.as_bytes()[0]);
    }

    /// Keys that a scan has found. Nobody knows whether the process that linked
    /// them lived to sync them.
    pub(super) fn note_found(&self, keys: &[Uuid]) {
        let mut unsynced = self.unsynced.lock();
        unsynced.files.extend(keys);
        let shards = keys.iter().map(|key| key.as_bytes()[0]);
        unsynced.shards.extend(shards);
    }

    /// Refuses a file that could not be made durable before.
    pub(super) fn check_file(
        &self,
        files: &dyn Files,
        file: &FileRef<'_>,
    ) -> Result<(), StoreError> {
        if self.unsynced.lock().bad_files.is_empty() {
            return Ok(());
        }
        let identity = files.identity(file);
        let identity = identity.map_err(|error| at(&file.path(), error))?;
        if self.unsynced.lock().bad_files.contains(&identity) {
            return Err(at(&file.path(), Cause::NotDurable));
        }
        Ok(())
    }

    /// Makes durable whatever came or went since the last time: each file, then
    /// each shard with names that changed.
    pub(super) fn sync(&self, directory: &Directory) -> Result<(), StoreError> {
        let _only_one = self.syncing.lock();
        if directory.is_gone() {
            return Err(at(directory.root(), Cause::DirectoryGone));
        }
        let (keys, shards) = self.begin();
        let synced = match &self.syncfs_handle {
            Some(syncfs_handle) if keys.len() > MANY => {
                self.sync_file_system(directory, syncfs_handle, &keys)
            }
            _ => self.sync_each(directory, &keys, &shards),
        };
        let mut unsynced = self.unsynced.lock();
        unsynced.in_flight = HashSet::new();
        if synced.is_err() {
            // Names go through the journal, and a journal that fails stays
            // failed: to ask for them once more does no harm.
            unsynced.shards.extend(shards);
            return synced;
        }
        unsynced.is_anchored = true;
        let Some((key, error)) = unsynced.lost.iter().next() else {
            return Ok(());
        };
        let text = format!(
            "the file could not be synced ({error}), and the system does not tell whether its \
             data is lost: delete the persisted item, insert its value anew, and persist that"
        );
        Err(at(&directory.path_of(*key), text))
    }

    fn begin(&self) -> (HashSet<Uuid>, HashSet<u8>) {
        let mut unsynced = self.unsynced.lock();
        let keys = std::mem::take(&mut unsynced.files);
        unsynced.in_flight.clone_from(&keys);
        (keys, std::mem::take(&mut unsynced.shards))
    }

    /// One call for everything.
    fn sync_file_system(
        &self,
        directory: &Directory,
        syncfs_handle: &File,
        keys: &HashSet<Uuid>,
    ) -> Result<(), StoreError> {
        let synced = directory.files().sync_file_system(syncfs_handle);
        synced.map_err(|error| {
            // It does not tell which files it was.
            for key in keys {
                let error = io::Error::new(error.kind(), error.to_string());
                self.lose(directory, *key, error);
            }
            at(directory.root(), error)
        })
    }

    fn sync_each(
        &self,
        directory: &Directory,
        keys: &HashSet<Uuid>,
        shards: &HashSet<u8>,
    ) -> Result<(), StoreError> {
        let mut unopened = None;
        for key in keys {
            let file_ref = directory.file_ref(*key);
            match directory.files().sync(&file_ref) {
                Ok(()) => {}
                Err(SyncError::Sync(error)) => self.lose(directory, *key, error),
                Err(SyncError::Open(error)) => {
                    if self.keep_for_later(*key) {
                        unopened = Some(at(&file_ref.path(), error));
                    }
                }
            }
        }
        if let Some(error) = unopened {
            return Err(error);
        }
        let (files, opened) = (directory.files(), directory.shards());
        for shard in shards {
            sync(files, &FileRef::Shard(opened, *shard))?;
        }
        if !self.unsynced.lock().is_anchored {
            self.sync_anchoring(directory)?;
        }
        sync(files, &FileRef::Root(opened))
    }

    /// What is done once: the mark, and the names on the way to the directory.
    fn sync_anchoring(&self, directory: &Directory) -> Result<(), StoreError> {
        let (files, root) = (directory.files(), directory.root());
        let mark = Role::file_ref(directory.shards());
        match files.sync(&mark) {
            Err(SyncError::Open(error)) if error.kind() == io::ErrorKind::NotFound => {}
            synced => synced.map_err(|error| at(&mark.path(), error.into_io()))?,
        }
        // Its parents may be as new as it is. What is on another file system
        // was there before.
        let identity = |path| files.identity(&FileRef::Path(path));
        let own = directory.shards().identity();
        for parent in root.ancestors().skip(1) {
            if !identity(parent).is_ok_and(|parent| parent.is_on_device_of(&own)) {
                break;
            }
            match files.sync(&FileRef::Path(parent)) {
                // Who may not look into it has not made it.
                Err(SyncError::Open(error)) if error.kind() == PermissionDenied => break,
                synced => synced.map_err(|error| at(parent, error.into_io()))?,
            }
        }
        Ok(())
    }

    /// A file that could not be looked at was not asked to be durable yet. False
    /// if it was deleted meanwhile, and has nothing to be kept.
    fn keep_for_later(&self, key: Uuid) -> bool {
        let mut unsynced = self.unsynced.lock();
        let is_wanted = unsynced.in_flight.contains(&key);
        if is_wanted {
            unsynced.files.insert(key);
        }
        is_wanted
    }

    fn lose(&self, directory: &Directory, key: Uuid, error: io::Error) {
        let file_ref = directory.file_ref(key);
        tracing::error!(path = %PrintablePath(&file_ref.path()), %error, "a persisted file could not be made durable");
        let identity = directory.files().identity(&file_ref);
        let mut unsynced = self.unsynced.lock();
        if let Ok(identity) = identity {
            unsynced.bad_files.insert(identity);
        }
        // What was deleted meanwhile has nothing to be kept; what was persisted
        // anew meanwhile is the same file.
        if unsynced.in_flight.contains(&key) || unsynced.files.remove(&key) {
            unsynced.lost.insert(key, error);
        }
    }
}

fn sync(files: &dyn Files, file_ref: &FileRef<'_>) -> Result<(), StoreError> {
    let synced = files.sync(file_ref);
    synced.map_err(|error| at(&file_ref.path(), error.into_io()))
}
