//! What counts against a quota.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;

use uuid::Uuid;

use crate::error::StoreError;
use crate::fbstore::directory::{Directory, at};
use crate::fbstore::file_ref::FileRef;
use crate::fbstore::files::Extent;
use crate::fbstore::layout::{Name, name_in, shard_name};
use crate::hash::{HashMap, HashSet};

/// How many lengths of refused files are remembered.
const REFUSED: usize = 1024;

#[derive(Default)]
pub(super) struct State {
    /// The sum of `other`, of the lengths of the files that count, and of all reservations.
    pub(super) used: u64,
    /// Bytes of files that are not items.
    other: u64,
    pub(super) files: HashMap<Uuid, CacheFile>,
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
pub(super) struct CacheFile {
    pub(super) len: u64,
    /// Whether it counts: it has no name outside of the cache, as far as this process knows.
    pub(super) counts: bool,
}

impl CacheFile {
    pub(super) fn of(extent: Extent) -> Self {
        Self {
            len: extent.len,
            counts: extent.names <= 1,
        }
    }

    fn counted_bytes(&self) -> u64 {
        if self.counts { self.len } else { 0 }
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
    }

    pub(super) fn note_refused(&mut self, key: Uuid, len: u64) {
        if self.refused.len() >= REFUSED {
            self.refused.clear();
        }
        self.refused.insert(key, len);
    }

    /// The sum of the lengths of the files that count.
    fn counted(&self) -> u64 {
        self.files.values().map(CacheFile::counted_bytes).sum()
    }

    #[cfg(test)]
    pub(super) fn validate(&self, reserved: u64) {
        assert_eq!(self.used, self.other + self.counted() + reserved);
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
                let key = match name_in(shard_name(shard).as_str(), &name) {
                    Some(Name::Item(key)) => Some(key),
                    _ => None,
                };
                let file_ref = FileRef::InShard(shards, shard, Path::new(&name));
                self.count(directory, &file_ref, key)?;
            }
        }
        Ok(())
    }

    fn count(
        &mut self,
        directory: &Directory,
        file_ref: &FileRef<'_>,
        key: Option<Uuid>,
    ) -> Result<(), StoreError> {
        let extent = match directory.files().extent(file_ref) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            extent => extent.map_err(|error| at(&file_ref.path(), error))?,
        };
        let (len, counts) = (extent.len, extent.names <= 1);
        if let Some(key) = key {
            self.set(key, Some(CacheFile { len, counts }));
        } else if counts {
            self.other = self.other.saturating_add(len);
            self.used = self.used.saturating_add(len);
        }
        Ok(())
    }

    /// Notes what is known of the file of a key, or that it is gone.
    pub(super) fn set(&mut self, key: Uuid, file: Option<CacheFile>) {
        let before = match file {
            Some(file) => self.files.insert(key, file),
            None => self.files.remove(&key),
        };
        self.used = self
            .used
            .saturating_add(file.map_or(0, |file| file.counted_bytes()));
        self.subtract(before.map_or(0, |file| file.counted_bytes()));
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
