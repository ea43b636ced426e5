//! What counts against a quota.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;

use uuid::Uuid;

use super::homes::Homes;
use crate::error::StoreError;
use crate::fbstore::directory::{Directory, at};
use crate::fbstore::file_ref::FileRef;
use crate::fbstore::files::Identity;
use crate::fbstore::layout::{Name, name_in, shard_name};
use crate::hash::{HashMap, HashSet};

/// How many lengths of refused files are remembered.
const REFUSED: usize = 1024;

#[derive(Default)]
pub(super) struct State {
    /// The sum of `other`, of the lengths of the files that count, of all leftovers, and of
    /// all reservations.
    pub(super) used: u64,
    /// Bytes of files that are neither items nor in `left_over`.
    other: u64,
    files: HashMap<Uuid, CacheFile>,
    homes: Homes,
    /// The lengths of temporary files that could not be removed.
    left_over: HashMap<Uuid, u64>,
    /// Keys whose names are being changed.
    pub(super) changing: HashSet<Uuid>,
    /// Lengths of files that were refused, so that the next attempt fails before it writes
    /// anything. A hint: some are forgotten.
    pub(super) refused: HashMap<Uuid, u64>,
    /// How often the directory had been recreated when the files were last known.
    pub(super) recreations: u64,
}

/// A file of the cache.
#[derive(Clone, Copy)]
struct CacheFile {
    len: u64,
    /// How many of `State::homes` it has. It counts if it has none.
    homes: u32,
}

impl CacheFile {
    fn counted_bytes(&self) -> u64 {
        if self.homes == 0 { self.len } else { 0 }
    }
}

impl State {
    /// What is in a cache that is opened.
    pub(super) fn of(directory: &Directory) -> Result<Self, StoreError> {
        let mut state = Self {
            recreations: directory.recreations().load(Ordering::Relaxed),
            ..Self::default()
        };
        state.count_contents(directory)?;
        Ok(state)
    }

    /// The files are gone.
    pub(super) fn forget_files(&mut self) {
        self.subtract(self.counted());
        self.files.clear();
        self.homes.clear();
        self.left_over.clear();
    }

    pub(super) fn note_refused(&mut self, key: Uuid, len: u64) {
        if self.refused.len() >= REFUSED {
            self.refused.clear();
        }
        self.refused.insert(key, len);
    }

    /// The sum of the lengths of the files and leftovers that count.
    fn counted(&self) -> u64 {
        let files = self.files.values().map(CacheFile::counted_bytes);
        files.sum::<u64>() + self.left_over.values().sum::<u64>()
    }

    #[cfg(test)]
    pub(super) fn validate(&self, reserved: u64) {
        assert_eq!(self.used, self.other + self.counted() + reserved);
        let homes: u32 = self.files.values().map(|file| file.homes).sum();
        assert_eq!(homes as usize, self.homes.len());
    }

    /// Counts the files in the directory and its shards.
    fn count_contents(&mut self, directory: &Directory) -> Result<(), StoreError> {
        let shards = directory.shards();
        let root = FileRef::Root(shards);
        for name in names_in(directory, &root)? {
            let file_ref = FileRef::Beside(shards, Path::new(&name));
            self.count(directory, &file_ref, None)?;
        }
        for shard in 0..=u8::MAX {
            let shard_ref = FileRef::Shard(shards, shard);
            for name in names_in(directory, &shard_ref)? {
                let meaning = name_in(shard_name(shard).as_str(), &name);
                let file_ref = FileRef::InShard(shards, shard, Path::new(&name));
                self.count(directory, &file_ref, meaning)?;
            }
        }
        Ok(())
    }

    fn count(
        &mut self,
        directory: &Directory,
        file_ref: &FileRef<'_>,
        meaning: Option<Name>,
    ) -> Result<(), StoreError> {
        let len = match directory.files().length(file_ref) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            len => len.map_err(|error| at(&file_ref.path(), error))?,
        };
        match meaning {
            Some(Name::Item(key)) => self.add(key, len),
            Some(Name::Temporary { key, is_left_over }) if !is_left_over => {
                self.add_left_over(key, len);
            }
            _ => {
                self.other = self.other.saturating_add(len);
                self.used = self.used.saturating_add(len);
            }
        }
        Ok(())
    }

    /// The cache has this file now. It counts.
    pub(super) fn add(&mut self, key: Uuid, len: u64) {
        self.remove(key);
        self.files.insert(key, CacheFile { len, homes: 0 });
        self.used = self.used.saturating_add(len);
    }

    /// The cache's file of the key is gone.
    pub(super) fn remove(&mut self, key: Uuid) {
        if let Some(file) = self.files.remove(&key) {
            self.homes.remove_all(key, file.homes);
            self.subtract(file.counted_bytes());
        }
    }

    /// The persisted directory `home` has the file too, from now on.
    pub(super) fn add_home(&mut self, key: Uuid, home: &Identity) {
        let Some(file) = self.files.get_mut(&key) else {
            return;
        };
        if self.homes.insert(key, home) {
            let counted = file.counted_bytes();
            file.homes += 1;
            self.subtract(counted);
        }
    }

    /// The persisted directory `home` no longer has the file. Returns false if it is not
    /// known to have had it.
    pub(super) fn remove_home(&mut self, key: Uuid, home: &Identity) -> bool {
        let Some(file) = self.files.get_mut(&key) else {
            return false;
        };
        let was_there = self.homes.remove(key, home);
        if was_there {
            file.homes -= 1;
            self.used = self.used.saturating_add(file.counted_bytes());
        }
        was_there
    }

    /// The temporary file of the key is there, and could not be removed.
    pub(super) fn add_left_over(&mut self, key: Uuid, len: u64) {
        self.remove_left_over(key);
        self.left_over.insert(key, len);
        self.used = self.used.saturating_add(len);
    }

    pub(super) fn remove_left_over(&mut self, key: Uuid) {
        if let Some(len) = self.left_over.remove(&key) {
            self.subtract(len);
        }
    }

    /// The key of a temporary file that could not be removed.
    pub(super) fn any_left_over(&self) -> Option<Uuid> {
        self.left_over.keys().next().copied()
    }

    pub(super) fn is_left_over(&self, key: Uuid) -> bool {
        self.left_over.contains_key(&key)
    }

    pub(super) fn subtract(&mut self, bytes: u64) {
        // Never below zero, so that a miscount cannot turn into a full cache.
        self.used = self.used.saturating_sub(bytes);
    }
}

fn names_in(directory: &Directory, file_ref: &FileRef<'_>) -> Result<Vec<OsString>, StoreError> {
    let mut names = Vec::new();
    let mut note = |name: &OsStr, is_file| {
        if is_file {
            names.push(name.to_owned());
        }
    };
    match directory.files().list(file_ref, &mut note) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        listed => listed.map_err(|error| at(&file_ref.path(), error))?,
    }
    Ok(names)
}
