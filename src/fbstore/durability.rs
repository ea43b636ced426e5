//! Which files and names of a directory are not yet durable, and which failed to become
//! so.
//!
//! A file whose fsync failed is never trusted again, under any name. The kernel reports
//! such a failure once: a second fsync of the same file may succeed although the data
//! is lost. The exception is a file that an earlier commit of a dataset made durable. This
//! process has not written it, and would trust it after a restart. If its fsync fails, the
//! commit that needs it fails, and the next one syncs it again.

use std::fs::File;
use std::io::{self, ErrorKind::PermissionDenied};

use file_backed_codecs::printable::PrintablePath;
use parking_lot::Mutex;
use uuid::Uuid;

use super::directory::{Directory, at};
use super::file_ref::FileRef;
use super::files::{Files, Identity, SyncError};
use super::role::Role;
use super::scan;
use crate::backing_store::SyncScope;
use crate::error::{Cause, StoreError};
use crate::hash::{HashMap, HashSet};

/// With more files than this to sync, the whole file system is synced instead: each
/// fsync waits for the disk separately.
const MANY: usize = 128;

pub(super) struct Durability {
    /// The handle for a sync of the whole file system. It reports failures since the
    /// directory was opened, and earlier ones that were not reported to any process.
    syncfs_handle: Option<File>,
    unsynced: Mutex<Unsynced>,
    /// Held by one sync at a time: a second one must not find nothing to do before the
    /// first is done. No other code path takes this lock, so it may be held across disk
    /// I/O.
    syncing: Mutex<()>,
}

#[derive(Default)]
struct Unsynced {
    files: HashSet<Uuid>,
    /// Whether all files that a scan has found are unsynced too. They are not listed,
    /// because they are too many to be synced one by one.
    has_found_many: bool,
    /// The files that the current sync took from `files`.
    in_flight: HashSet<Uuid>,
    /// Shards in which names were created.
    shards: HashSet<u8>,
    /// Shards in which names were removed.
    removed_from: HashSet<u8>,
    /// Keys whose file could not be made durable.
    lost: HashMap<Uuid, io::Error>,
    /// Why files that were found could not be made durable, if it is not known which.
    lost_unlisted: Option<io::Error>,
    /// The identities of those files.
    bad_files: HashSet<Identity>,
    /// Whether the directory's own name in its parent was made durable.
    is_anchored: bool,
    /// Whether the names in the root are durable: those of the shards, above all.
    is_root_synced: bool,
}

/// What a sync makes durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// What was created and what was removed.
    All,
    /// What was created. A name that comes back after a power cut is that of an item that no
    /// commit names, which the next open of the dataset removes.
    Created,
}

/// What a sync has taken on.
struct Pending {
    files: HashSet<Uuid>,
    has_found_many: bool,
    shards: HashSet<u8>,
    removed_from: HashSet<u8>,
    root: bool,
}

impl Durability {
    pub(super) fn new(syncfs_handle: Option<File>) -> Self {
        Self {
            syncfs_handle,
            unsynced: Mutex::new(Unsynced::default()),
            syncing: Mutex::new(()),
        }
    }

    /// Records that a name of this key was created.
    pub(super) fn note_linked(&self, key: Uuid) {
        let mut unsynced = self.unsynced.lock();
        unsynced.files.insert(key);
        unsynced.shards.insert(key.as_bytes()[0]);
    }

    /// Records that the name of this key was removed.
    pub(super) fn note_removed(&self, key: Uuid) {
        let mut unsynced = self.unsynced.lock();
        unsynced.files.remove(&key);
        unsynced.in_flight.remove(&key);
        unsynced.lost.remove(&key);
        unsynced.removed_from.insert(key.as_bytes()[0]);
    }

    /// Records keys that a scan found. The process that linked them may have died
    /// before it synced them.
    pub(super) fn note_found(&self, keys: &[Uuid]) {
        let mut unsynced = self.unsynced.lock();
        if self.syncfs_handle.is_some() && keys.len() > MANY {
            unsynced.has_found_many = true;
            return;
        }
        unsynced.files.extend(keys);
        let shards = keys.iter().map(|key| key.as_bytes()[0]);
        unsynced.shards.extend(shards);
    }

    /// Records that a name in the root may have been created.
    pub(super) fn note_root_changed(&self) {
        self.unsynced.lock().is_root_synced = false;
    }

    /// Refuses a file that earlier could not be made durable.
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

    /// Makes durable what has changed since the last sync: first each file, then each shard
    /// whose names changed.
    pub(super) fn sync(
        &self,
        directory: &Directory,
        scope: SyncScope<'_>,
        extent: Extent,
    ) -> Result<(), StoreError> {
        let _only_one = self.syncing.lock();
        if directory.is_gone() {
            return Err(at(directory.root(), Cause::DirectoryGone));
        }
        let pending = self.begin(extent);
        let synced = match &self.syncfs_handle {
            Some(syncfs_handle) if pending.has_found_many || pending.files.len() > MANY => {
                self.sync_file_system(directory, syncfs_handle, &pending, scope)
            }
            _ => self.sync_each(directory, &pending, scope),
        };
        let mut unsynced = self.unsynced.lock();
        unsynced.in_flight = HashSet::default();
        if synced.is_err() {
            // Names go through the journal, and a failed journal stays failed, so it is
            // safe to sync them again.
            unsynced.shards.extend(pending.shards);
            unsynced.removed_from.extend(pending.removed_from);
            unsynced.is_root_synced &= !pending.root;
            return synced;
        }
        unsynced.is_anchored = true;
        drop(unsynced);
        self.check_none_is_lost(directory, scope)
    }

    fn check_none_is_lost(
        &self,
        directory: &Directory,
        scope: SyncScope<'_>,
    ) -> Result<(), StoreError> {
        let mut lost: Vec<_> = self.unsynced.lock().lost.keys().copied().collect();
        lost.retain(|key| (scope.is_needed)(*key));
        let unsynced = self.unsynced.lock();
        if let Some(error) = &unsynced.lost_unlisted {
            let text = format!(
                "files could not be synced ({error}), and the directory could not be read to find \
                 out which: verify the items, and open the directory again"
            );
            return Err(at(directory.root(), text));
        }
        let mut errors = lost
            .iter()
            .filter_map(|key| unsynced.lost.get_key_value(key));
        let Some((key, error)) = errors.next() else {
            return Ok(());
        };
        let text = format!(
            "the file could not be synced ({error}), and the system does not say whether its data \
             is lost: delete the persisted item, insert its value again, and persist the new item"
        );
        Err(at(&directory.path_of(*key), text))
    }

    fn begin(&self, extent: Extent) -> Pending {
        let mut unsynced = self.unsynced.lock();
        let files = std::mem::take(&mut unsynced.files);
        unsynced.in_flight.clone_from(&files);
        let is_root_synced = std::mem::replace(&mut unsynced.is_root_synced, true);
        Pending {
            files,
            has_found_many: std::mem::take(&mut unsynced.has_found_many),
            shards: std::mem::take(&mut unsynced.shards),
            removed_from: match extent {
                Extent::All => std::mem::take(&mut unsynced.removed_from),
                Extent::Created => HashSet::default(),
            },
            root: extent == Extent::All || !is_root_synced,
        }
    }

    /// Syncs everything with one call.
    fn sync_file_system(
        &self,
        directory: &Directory,
        syncfs_handle: &File,
        pending: &Pending,
        scope: SyncScope<'_>,
    ) -> Result<(), StoreError> {
        let synced = directory.files().sync_file_system(syncfs_handle);
        synced.map_err(|error| {
            if pending.has_found_many {
                self.list_found(directory, &error);
            }
            // `syncfs` does not report which files failed.
            let keys = self.unsynced.lock().in_flight.clone();
            for key in keys {
                if (scope.was_durable)(key) {
                    self.keep_for_later(key);
                    continue;
                }
                self.lose(directory, key, same(&error));
            }
            at(directory.root(), error)
        })
    }

    /// Adds the files that are there to those of the current sync, which has failed.
    fn list_found(&self, directory: &Directory, error: &io::Error) {
        let found = scan::keys(directory.shards(), directory.files());
        let mut unsynced = self.unsynced.lock();
        match found {
            Ok(keys) => {
                unsynced
                    .shards
                    .extend(keys.iter().map(|key| key.as_bytes()[0]));
                unsynced.in_flight.extend(keys);
            }
            Err(_) => unsynced.lost_unlisted = Some(same(error)),
        }
    }

    fn sync_each(
        &self,
        directory: &Directory,
        pending: &Pending,
        scope: SyncScope<'_>,
    ) -> Result<(), StoreError> {
        let mut failed = None;
        let keys: Vec<_> = pending.files.iter().copied().collect();
        let file_refs: Vec<_> = keys.iter().map(|key| directory.file_ref(*key)).collect();
        let synced = directory.files().sync_many(&file_refs);
        for (key, synced) in keys.iter().zip(synced) {
            match synced {
                Ok(()) => {}
                Err(SyncError::Sync(error)) if !(scope.was_durable)(*key) => {
                    self.lose(directory, *key, error);
                }
                Err(error) => {
                    if self.keep_for_later(*key) && (scope.is_needed)(*key) {
                        failed = Some(at(&directory.path_of(*key), error.into_io()));
                    }
                }
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
        let (files, opened) = (directory.files(), directory.shards());
        for shard in pending.shards.union(&pending.removed_from) {
            sync(files, &FileRef::Shard(opened, *shard))?;
        }
        if !self.unsynced.lock().is_anchored {
            self.sync_anchoring(directory)?;
        }
        match pending.root {
            true => sync(files, &FileRef::Root(opened)),
            false => Ok(()),
        }
    }

    /// Syncs what needs it only once: the mark, and the names on the path to the
    /// directory.
    fn sync_anchoring(&self, directory: &Directory) -> Result<(), StoreError> {
        let (files, root) = (directory.files(), directory.root());
        let mark = Role::file_ref(directory.shards());
        match files.sync(&mark) {
            Err(SyncError::Open(error)) if error.kind() == io::ErrorKind::NotFound => {}
            synced => synced.map_err(|error| at(&mark.path(), error.into_io()))?,
        }
        // The parents may be as new as the directory. A parent on another file system
        // existed before.
        let identity = |path| files.identity(&FileRef::Path(path));
        let own = directory.shards().identity();
        for parent in root.ancestors().skip(1) {
            if !identity(parent).is_ok_and(|parent| parent.is_on_device_of(&own)) {
                break;
            }
            match files.sync(&FileRef::Path(parent)) {
                // A process that may not open the parent has not created it.
                Err(SyncError::Open(error)) if error.kind() == PermissionDenied => break,
                synced => synced.map_err(|error| at(parent, error.into_io()))?,
            }
        }
        Ok(())
    }

    /// Schedules a file that was not synced for the next sync. Returns false if the file was
    /// deleted in the meantime and nothing is left to sync.
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
        tracing::error!(path = %PrintablePath(&file_ref.path()), %error, "could not make a persisted file durable");
        let identity = directory.files().identity(&file_ref);
        let mut unsynced = self.unsynced.lock();
        match identity {
            Ok(identity) => drop(unsynced.bad_files.insert(identity)),
            // Deleted after it was listed, and before it was noted.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(_) => {}
        }
        // A file deleted in the meantime needs no record. A key persisted again in the
        // meantime is the same file.
        if unsynced.in_flight.contains(&key) || unsynced.files.remove(&key) {
            unsynced.lost.insert(key, error);
        }
    }
}

fn same(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), error.to_string())
}

fn sync(files: &dyn Files, file_ref: &FileRef<'_>) -> Result<(), StoreError> {
    let synced = files.sync(file_ref);
    synced.map_err(|error| at(&file_ref.path(), error.into_io()))
}
