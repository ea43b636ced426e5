//! The trait that a store implements to hold datasets.

use std::fmt;
use std::path::PathBuf;

use file_backed_codecs::Source;
use file_backed_codecs::frame::Footer;
use uuid::Uuid;

use super::BackingStoreT;
use super::PackStore;
use crate::error::StoreError;

/// Distinguishes a persisted file from any other that could be at the same path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileFingerprint {
    /// Length of the file in bytes.
    pub len: u64,
    /// A checksum of the metadata that describes the file's content.
    pub check: u32,
}

/// What a commit says of the persisted files, to [`ManifestStore::sync_items`].
#[derive(Clone, Copy)]
pub struct SyncScope<'a> {
    /// Whether the commit needs the file of this key. The failure of any other one is no
    /// failure of the commit.
    pub is_needed: &'a dyn Fn(Uuid) -> bool,
    /// Whether an earlier commit made the file of this key durable.
    pub was_durable: &'a dyn Fn(Uuid) -> bool,
}

impl SyncScope<'_> {
    /// Every file is needed, and none is known to have been durable.
    pub(crate) const ALL: SyncScope<'static> = SyncScope {
        is_needed: &|_| true,
        was_durable: &|_| false,
    };
}

impl fmt::Debug for SyncScope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyncScope").finish_non_exhaustive()
    }
}

/// A watch for new generations, from [`ManifestStore::watch_manifests`]. Dropping it ends
/// the watch.
pub trait ManifestWatch: Send + Sync {
    /// Whether every new generation is reported. If not, because another machine may write
    /// to the file system, or because the watch has failed since, a dataset also looks for
    /// generations at an interval.
    fn is_complete(&self) -> bool;
}

/// Keeps the manifests of a place, one for each *generation* of a dataset, and their parts.
///
/// A dataset (feature `dataset`) needs a store that implements this trait. A manifest
/// is a sequence of bytes that the store does not interpret, stored under the number of
/// its generation. The highest generation is the current one. An earlier generation
/// stays as long as a reader has pinned it. A *part* is another such sequence of bytes,
/// stored under a random id, that the manifests of several generations build on. All methods
/// run on threads that may block.
#[diagnostic::on_unimplemented(
    message = "the store `{Self}` cannot hold a dataset",
    note = "use `FBStore`, or implement `ManifestStore` for a store of your own"
)]
pub trait ManifestStore: BackingStoreT {
    /// The generations that have a manifest at `path`, in ascending order.
    ///
    /// # Errors
    ///
    /// Any error from reading the place.
    fn generations(&self, path: &Self::PersistPath) -> Result<Vec<u64>, StoreError>;

    /// Opens the manifest of a generation. The caller does not trust its length: it
    /// checks the first bytes and the checksum before it allocates memory for the rest.
    ///
    /// # Errors
    ///
    /// Any error from opening it; [`StoreError::not_found`] if it is missing.
    fn open_manifest(
        &self,
        path: &Self::PersistPath,
        generation: u64,
    ) -> Result<Box<dyn Source>, StoreError>;

    /// Writes the manifest of a generation that has none, atomically even if the
    /// machine crashes meanwhile. Only [`sync_manifests`](Self::sync_manifests)
    /// guarantees that it survives a power cut.
    ///
    /// # Errors
    ///
    /// Any error from writing it; an [`std::io::Error`] of kind `AlreadyExists` if the
    /// generation has a manifest already, which is left unchanged.
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
    /// Any error from making that durable.
    fn sync_manifests(&self, path: &Self::PersistPath) -> Result<(), StoreError>;

    /// Makes the bytes of a manifest and of parts durable that were found at `path`: a
    /// program that has copied them there may not have. Their names are made durable by
    /// [`sync_manifests`](Self::sync_manifests).
    ///
    /// # Errors
    ///
    /// Any error from making that durable.
    fn sync_found(
        &self,
        path: &Self::PersistPath,
        generation: u64,
        parts: &[Uuid],
    ) -> Result<(), StoreError>;

    /// Removes the manifest of a generation. Returns false, and leaves the manifest, if
    /// the generation is pinned. A missing manifest is not an error.
    ///
    /// A generation cannot be newly pinned once a later one has its manifest, because a
    /// reader looks for later generations after it has pinned one.
    ///
    /// # Errors
    ///
    /// Any error from removing it.
    fn remove_manifest(
        &self,
        path: &Self::PersistPath,
        generation: u64,
    ) -> Result<bool, StoreError>;

    /// Whether a reader has pinned the generation. A missing manifest is not pinned.
    ///
    /// Once a later generation has its manifest, no reader keeps a new pin, for the reason
    /// that [`remove_manifest`](Self::remove_manifest) gives. The result may still be true
    /// for a moment, while a reader has the pin and looks for later generations.
    ///
    /// # Errors
    ///
    /// Any error from finding out.
    fn is_pinned(&self, path: &Self::PersistPath, generation: u64) -> Result<bool, StoreError>;

    /// The ids of all parts at `path`, in any order.
    ///
    /// # Errors
    ///
    /// Any error from reading the place.
    fn parts(&self, path: &Self::PersistPath) -> Result<Vec<Uuid>, StoreError>;

    /// Opens a part. The caller does not trust its length either.
    ///
    /// # Errors
    ///
    /// Any error from opening it; [`StoreError::not_found`] if it is missing.
    fn open_part(&self, path: &Self::PersistPath, id: Uuid) -> Result<Box<dyn Source>, StoreError>;

    /// Writes a part, atomically even if the machine crashes meanwhile. When this returns,
    /// the part survives a power cut. A part of this id that is there already has the same
    /// bytes, and is made durable. Another thread may write a manifest or another part
    /// meanwhile, and the dataset may be dropped.
    ///
    /// # Errors
    ///
    /// Any error from writing it or making it durable.
    fn write_part(
        &self,
        path: &Self::PersistPath,
        id: Uuid,
        bytes: &[u8],
    ) -> Result<(), StoreError>;

    /// Removes a part. A missing one is not an error.
    ///
    /// # Errors
    ///
    /// Any error from removing it.
    fn remove_part(&self, path: &Self::PersistPath, id: Uuid) -> Result<(), StoreError>;

    /// Claims `path` for one dataset of this process to commit to. Returns the same
    /// place; the claim lasts as long as the returned path. Other processes are
    /// excluded by [`lock_path`](BackingStoreT::lock_path).
    ///
    /// # Errors
    ///
    /// If another dataset of this process has the claim.
    fn claim_manifests(&self, path: &Self::PersistPath) -> Result<Self::PersistPath, StoreError>;

    /// Pins a generation. Returns the same place; the pin lasts as long as the returned
    /// path, or an item registered from it. Returns `None` if the generation is gone or
    /// is being removed. `path` may have another generation pinned, which the returned path
    /// does not keep.
    ///
    /// # Errors
    ///
    /// Any error from pinning it.
    fn pin(
        &self,
        path: &Self::PersistPath,
        generation: u64,
    ) -> Result<Option<Self::PersistPath>, StoreError>;

    /// Calls `changed` whenever `path` has a new generation, from any thread, until the
    /// result is dropped. It may call more often. `changed` does not block.
    ///
    /// Returns `None` if the store cannot notify, as the provided method does. A dataset
    /// that waits for a commit then calls [`generations`](Self::generations) once a second.
    /// It does the same after an error.
    ///
    /// # Errors
    ///
    /// Any error from beginning the watch.
    fn watch_manifests(
        &self,
        path: &Self::PersistPath,
        changed: Box<dyn Fn() + Send + Sync>,
    ) -> Result<Option<Box<dyn ManifestWatch>>, StoreError> {
        let _ = (path, changed);
        Ok(None)
    }

    /// The store as one that keeps items in packs; `None` if it does not. A store that wraps
    /// another one forwards this.
    fn packs(&self) -> Option<&dyn PackStore<Self::PersistPath>> {
        None
    }

    /// Returns the fingerprint of the persisted file of `key`, without reading all of
    /// the file.
    ///
    /// # Errors
    ///
    /// If the file is missing or damaged.
    fn fingerprint(
        &self,
        path: &Self::PersistPath,
        key: Uuid,
    ) -> Result<FileFingerprint, StoreError>;

    /// Returns the [`fingerprint`](Self::fingerprint) of the persisted file of `key`, and its
    /// footer if it has one. A dataset records the codec, the layout and the schema that the
    /// footer states. The provided method returns no footer.
    ///
    /// # Errors
    ///
    /// If the file is missing or damaged.
    fn inspect(
        &self,
        path: &Self::PersistPath,
        key: Uuid,
    ) -> Result<(FileFingerprint, Option<Footer>), StoreError> {
        let fingerprint = self.fingerprint(path, key)?;
        Ok((fingerprint, None))
    }

    /// Makes the items of a commit durable, like
    /// [`sync_persisted`](BackingStoreT::sync_persisted), which is what the provided method
    /// calls. A store that does not trust a file again after its sync has failed overrides it:
    /// such a file fails only the commits that need it, and one that was durable before is
    /// synced again by the next commit.
    ///
    /// # Errors
    ///
    /// Any error from making them durable.
    fn sync_items(&self, path: &Self::PersistPath, scope: SyncScope<'_>) -> Result<(), StoreError> {
        let _ = scope;
        self.sync_persisted(path)
    }

    /// Makes the items of a commit durable, and then writes its manifest. The provided method
    /// calls [`sync_items`](Self::sync_items) and [`write_manifest`](Self::write_manifest). A
    /// store overrides it if it waits less for the disk when it knows both beforehand.
    ///
    /// # Errors
    ///
    /// Any error of either. The manifest is written only after the items are durable.
    fn write_manifest_after_items(
        &self,
        path: &Self::PersistPath,
        scope: SyncScope<'_>,
        generation: u64,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        self.sync_items(path, scope)?;
        self.write_manifest(path, generation, bytes)
    }

    /// Where the manifest of a generation is, for error messages. The provided method
    /// returns `None`.
    fn describe_manifest(&self, path: &Self::PersistPath, generation: u64) -> Option<PathBuf> {
        let _ = (path, generation);
        None
    }

    /// Where a part is, for error messages. The provided method returns `None`.
    fn describe_part(&self, path: &Self::PersistPath, id: Uuid) -> Option<PathBuf> {
        let _ = (path, id);
        None
    }

    /// Where the persisted file of `key` is, for error messages. The provided method
    /// returns `None`.
    fn describe_item(&self, path: &Self::PersistPath, key: Uuid) -> Option<PathBuf> {
        let _ = (path, key);
        None
    }

    /// Reads all of the persisted file of `key` and compares it with the checksums in
    /// it. Calls `read` with the number of bytes of each part that was read.
    ///
    /// # Errors
    ///
    /// If the file is missing or damaged.
    fn verify(
        &self,
        path: &Self::PersistPath,
        key: Uuid,
        read: &dyn Fn(u64),
    ) -> Result<FileFingerprint, StoreError>;
}
