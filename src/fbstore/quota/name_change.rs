//! Changes of the names of one file.

use uuid::Uuid;

use super::Quota;
use crate::fbstore::files::Identity;

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
        self.quota.state().remove(self.key);
    }

    /// The persisted directory `home` has the cache's file too.
    pub(in crate::fbstore) fn linked_elsewhere(&self, home: &Identity) {
        self.quota.state().add_home(self.key, home);
    }

    /// The cache has got a link to a file of this length, which the persisted directory
    /// `home` has.
    pub(super) fn linked_in(&self, len: u64, home: &Identity) {
        let mut state = self.quota.state();
        state.add(self.key, len);
        state.add_home(self.key, home);
    }

    /// The name in `home` is gone, or about to be removed. Returns false if it is not known
    /// to be a name of the cache's file.
    pub(super) fn unlinked_elsewhere(&self, home: &Identity) -> bool {
        self.quota.state().remove_home(self.key, home)
    }

    pub(in crate::fbstore) fn is_left_over(&self) -> bool {
        self.quota.state().is_left_over(self.key)
    }

    /// There is no temporary file of the key.
    pub(in crate::fbstore) fn left_over_removed(&self) {
        self.quota.state().remove_left_over(self.key);
    }
}

impl Drop for NameChange<'_> {
    fn drop(&mut self) {
        self.quota.end_change(self.key);
    }
}
