//! Copies a persisted directory into another one.

use std::path::PathBuf;

use uuid::Uuid;

use super::manifests::Manifests;
use super::prepared_path::PreparedPath;
use super::readers::Readers;
use super::role::{self, Role};
use super::store::writable;
use super::transfer::Original;
use crate::backing_store::Transfer;
use crate::error::StoreError;

impl PreparedPath {
    /// Who may read the items, according to the mark.
    pub(crate) fn readers(&self) -> Readers {
        let directory = self.directory();
        Role::readers(directory.files(), directory.shards()).unwrap_or_default()
    }

    /// Claims the directory for this process, to persist to it.
    pub(crate) fn claim_to_persist(&self) -> Result<(), StoreError> {
        writable(self)?;
        self.directory().claim(Role::Persisted)
    }

    /// Makes durable what was persisted or copied here.
    pub(crate) fn sync_persisted(&self) -> Result<(), StoreError> {
        writable(self)?;
        self.directory().sync()
    }

    /// Creates an independent file for `key`, with the bytes of the one in `from`. An
    /// equal file that already exists is success.
    pub(crate) fn copy_from(&self, from: &Self, key: Uuid) -> Result<Transfer, StoreError> {
        writable(self)?;
        if let Some(packed) = from.packed(key)? {
            return packed.persist(self.directory(), key);
        }
        let original = from.directory().file_ref(key);
        let directory = self.directory();
        let taken = directory.copy_in(Original::File(&original), key, Role::Persisted, None)?;
        directory.durability().note_linked(key);
        Ok(taken.transfer)
    }

    /// Links the file of `key` in `from` here, or makes a reflink or a copy where that is
    /// impossible. An equal file that already exists is success.
    pub(crate) fn link_from(&self, from: &Self, key: Uuid) -> Result<Transfer, StoreError> {
        writable(self)?;
        if let Some(packed) = from.packed(key)? {
            return packed.persist(self.directory(), key);
        }
        let original = from.directory().file_ref(key);
        let directory = self.directory();
        let taken = directory.take_in(&original, key, Role::Persisted, None)?;
        directory.durability().note_linked(key);
        Ok(taken.transfer)
    }
}

impl Manifests<'_> {
    /// The path of the mark, relative to the directory, if it has one.
    pub(crate) fn relative_mark(&self) -> Option<PathBuf> {
        let directory = self.path().directory();
        let marked = Role::of(directory.files(), directory.shards());
        matches!(marked, Ok(Some(_))).then(|| role::MARK.into())
    }
}
