//! What a store must be able to do for a dataset.

use std::path::PathBuf;
use std::sync::Arc;

use file_backed_codecs::Source;
use uuid::Uuid;

use super::BackingStoreT;
use crate::error::StoreError;

/// Tells one persisted file from every other that could stand in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileFingerprint {
    /// Length of the file in bytes.
    pub len: u64,
    /// A checksum of whatever says what the file holds.
    pub check: u32,
}

/// Keeps the manifests of a place, one for each *generation* of a dataset.
///
/// A manifest is bytes that the store does not look into, under the number of its
/// generation. A dataset (feature `dataset`) needs a store that can do this. The
/// highest generation is the current one. Earlier ones stay as long as a reader has
/// pinned them. All methods run on threads that may block.
#[diagnostic::on_unimplemented(
    message = "the store `{Self}` cannot keep a dataset",
    note = "`FBStore` can; a store of your own implements `ManifestStore`"
)]
pub trait ManifestStore: BackingStoreT {
    /// The generations that have a manifest at `path`, in ascending order.
    ///
    /// # Errors
    ///
    /// Whatever keeps the place from being read.
    fn generations(&self, path: &Self::PersistPath) -> Result<Vec<u64>, StoreError>;

    /// Opens the manifest of a generation. Its length is not trusted: the caller
    /// looks at its first bytes and at its checksum before it asks for memory.
    ///
    /// # Errors
    ///
    /// Any error from opening it; [`StoreError::not_found`] if it is not there.
    fn open_manifest(
        &self,
        path: &Self::PersistPath,
        generation: u64,
    ) -> Result<Box<dyn Source>, StoreError>;

    /// Gives a generation that has none its manifest, whole or not at all,
    /// whatever happens to the machine meanwhile. Whether it is found after a
    /// power cut is not said before [`sync_manifests`](Self::sync_manifests).
    ///
    /// # Errors
    ///
    /// Any error that keeps it from being there; an [`std::io::Error`] of kind
    /// `AlreadyExists` if the generation has a manifest, which stays as it is.
    fn write_manifest(
        &self,
        path: &Self::PersistPath,
        generation: u64,
        bytes: &[u8],
    ) -> Result<(), StoreError>;

    /// Makes durable which generations have a manifest.
    ///
    /// # Errors
    ///
    /// Whatever keeps that from being durable.
    fn sync_manifests(&self, path: &Self::PersistPath) -> Result<(), StoreError>;

    /// Removes the manifest of a generation, unless somebody has pinned it;
    /// false then. One that is not there is no error.
    ///
    /// Nobody can pin a generation once a later one has its manifest: whoever
    /// pins looks for later ones afterwards.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being removed.
    fn remove_manifest(
        &self,
        path: &Self::PersistPath,
        generation: u64,
    ) -> Result<bool, StoreError>;

    /// Takes `path` for one dataset of this process to commit to: gives the same
    /// place, which keeps others off as long as it lives. Other processes are
    /// kept off by [`lock_path`](BackingStoreT::lock_path).
    ///
    /// # Errors
    ///
    /// If another dataset of this process has it.
    fn claim_manifests(&self, path: &Self::PersistPath) -> Result<Self::PersistPath, StoreError>;

    /// Pins a generation: gives the same place, and keeps the generation as long
    /// as that, or an item registered from it, lives. `None` if the generation
    /// is gone, or going.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being pinned.
    fn pin(
        &self,
        path: &Self::PersistPath,
        generation: u64,
    ) -> Result<Option<Self::PersistPath>, StoreError>;

    /// Looks at the persisted file of `key`, without reading all of it.
    ///
    /// # Errors
    ///
    /// If the file is not there or is not whole.
    fn fingerprint(
        &self,
        path: &Self::PersistPath,
        key: Uuid,
    ) -> Result<FileFingerprint, StoreError>;

    /// Where the manifest of a generation is, for messages of errors. The
    /// provided method does not say.
    fn describe_manifest(&self, path: &Self::PersistPath, generation: u64) -> Option<PathBuf> {
        let _ = (path, generation);
        None
    }

    /// Where the persisted file of `key` is, for messages of errors. The
    /// provided method does not say.
    fn describe_item(&self, path: &Self::PersistPath, key: Uuid) -> Option<PathBuf> {
        let _ = (path, key);
        None
    }

    /// Reads all of the persisted file of `key` and compares it with its own
    /// checksums. `read` is told of bytes as they are read.
    ///
    /// # Errors
    ///
    /// If the file is not there or is not whole.
    fn verify(
        &self,
        path: &Self::PersistPath,
        key: Uuid,
        read: &dyn Fn(u64),
    ) -> Result<FileFingerprint, StoreError>;
}

impl<B: ManifestStore> ManifestStore for Arc<B> {
    fn generations(&self, path: &Self::PersistPath) -> Result<Vec<u64>, StoreError> {
        (**self).generations(path)
    }

    fn open_manifest(
        &self,
        path: &Self::PersistPath,
        generation: u64,
    ) -> Result<Box<dyn Source>, StoreError> {
        (**self).open_manifest(path, generation)
    }

    fn write_manifest(
        &self,
        path: &Self::PersistPath,
        generation: u64,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        (**self).write_manifest(path, generation, bytes)
    }

    fn sync_manifests(&self, path: &Self::PersistPath) -> Result<(), StoreError> {
        (**self).sync_manifests(path)
    }

    fn remove_manifest(
        &self,
        path: &Self::PersistPath,
        generation: u64,
    ) -> Result<bool, StoreError> {
        (**self).remove_manifest(path, generation)
    }

    fn claim_manifests(&self, path: &Self::PersistPath) -> Result<Self::PersistPath, StoreError> {
        (**self).claim_manifests(path)
    }

    fn pin(
        &self,
        path: &Self::PersistPath,
        generation: u64,
    ) -> Result<Option<Self::PersistPath>, StoreError> {
        (**self).pin(path, generation)
    }

    fn fingerprint(
        &self,
        path: &Self::PersistPath,
        key: Uuid,
    ) -> Result<FileFingerprint, StoreError> {
        (**self).fingerprint(path, key)
    }

    fn describe_manifest(&self, path: &Self::PersistPath, generation: u64) -> Option<PathBuf> {
        (**self).describe_manifest(path, generation)
    }

    fn describe_item(&self, path: &Self::PersistPath, key: Uuid) -> Option<PathBuf> {
        (**self).describe_item(path, key)
    }

    fn verify(
        &self,
        path: &Self::PersistPath,
        key: Uuid,
        read: &dyn Fn(u64),
    ) -> Result<FileFingerprint, StoreError> {
        (**self).verify(path, key, read)
    }
}
