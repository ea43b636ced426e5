//! Changes of the names of one file.

use std::io;

use uuid::Uuid;

use super::Quota;
use super::state::CacheFile;
use crate::fbstore::files::Extent;

/// A change of the names of a key, during which no other one runs.
#[must_use = "the change ends when it is dropped"]
pub(in crate::fbstore) struct NameChange<'a> {
    quota: &'a Quota,
    key: Uuid,
}

impl<'a> NameChange<'a> {
    pub(super) fn new(quota: &'a Quota, key: Uuid) -> Self {
        Self { quota, key }
    }

    /// The cache's name of the file is gone.
    pub(in crate::fbstore) fn deleted(&self) {
        self.quota.state().set(self.key, None);
    }

    /// The cache's file has got another name.
    pub(in crate::fbstore) fn linked_elsewhere(&self) {
        self.set_counts(false);
    }

    /// The cache has got a link to a file that has another name. If the system does not say
    /// how long it is, that is found out once the other name is removed.
    pub(in crate::fbstore) fn linked_in(&self) {
        let unknown = CacheFile {
            len: 0,
            counts: false,
        };
        // The other name may be gone again.
        let file = self.extent().map_or(unknown, CacheFile::of);
        self.quota.state().set(self.key, Some(file));
    }

    /// A name of the file outside of the cache is about to be removed. From now on the file
    /// counts, until [`look_again`](Self::look_again). Returns false if it counted before,
    /// or if the cache has no such file.
    pub(super) fn count_for_now(&self) -> bool {
        self.set_counts(true)
    }

    /// Looks whether the file has names outside of the cache left. If the system does not
    /// say, it counts.
    pub(super) fn look_again(&self) {
        let Ok(extent) = self.extent() else { return };
        let mut state = self.quota.state();
        if state.files.contains_key(&self.key) {
            state.set(self.key, Some(CacheFile::of(extent)));
        }
    }

    fn extent(&self) -> io::Result<Extent> {
        let directory = self.quota.directory.upgrade();
        let directory = directory.ok_or(io::ErrorKind::NotFound)?;
        directory.files().extent(&directory.file_ref(self.key))
    }

    fn set_counts(&self, counts: bool) -> bool {
        let mut state = self.quota.state();
        let file = state.files.get(&self.key).copied();
        let Some(file) = file.filter(|file| file.counts != counts) else {
            return false;
        };
        state.set(self.key, Some(CacheFile { counts, ..file }));
        true
    }
}

impl Drop for NameChange<'_> {
    fn drop(&mut self) {
        self.quota.end_change(self.key);
    }
}
