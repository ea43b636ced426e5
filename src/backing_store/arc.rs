//! A store behind an [`Arc`] is a store too, so that a caller can keep a reference to the
//! one that a [`BackingStore`](super::BackingStore) wraps.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use file_backed_codecs::frame::Footer;
use file_backed_codecs::{Footprint, Load, Source};
use uuid::Uuid;

use super::{
    AdoptStrategy, ArchiveStrategy, Background, BackingStoreT, CacheUsage, FileFingerprint,
    InlineLoad, ManifestStore, ManifestWatch, OpenedFile, PackStore, PlaceKeys, Strategy,
    SyncScope, Traffic, Transfer,
};
use crate::error::StoreError;

impl<B: BackingStoreT> BackingStoreT for Arc<B> {
    type PersistPath = B::PersistPath;

    fn delete(&self, key: Uuid) -> Result<(), StoreError> {
        (**self).delete(key)
    }

    fn delete_persisted(&self, path: &Self::PersistPath, key: Uuid) -> Result<(), StoreError> {
        (**self).delete_persisted(path, key)
    }

    fn register(&self, path: &Self::PersistPath, key: Uuid) -> Result<Transfer, StoreError> {
        (**self).register(path, key)
    }

    fn register_many(
        &self,
        path: &Self::PersistPath,
        keys: &[Uuid],
    ) -> Result<Vec<Transfer>, StoreError> {
        (**self).register_many(path, keys)
    }

    fn has_same_content(&self, path: &Self::PersistPath, key: Uuid) -> Result<bool, StoreError> {
        (**self).has_same_content(path, key)
    }

    fn reads_in_place(&self) -> bool {
        (**self).reads_in_place()
    }

    fn check_in_place(&self, path: &Self::PersistPath, key: Uuid) -> Result<(), StoreError> {
        (**self).check_in_place(path, key)
    }

    fn persist_in_place(
        &self,
        from: &Self::PersistPath,
        path: &Self::PersistPath,
        key: Uuid,
    ) -> Result<Transfer, StoreError> {
        (**self).persist_in_place(from, path, key)
    }

    fn persist(&self, path: &Self::PersistPath, key: Uuid) -> Result<Transfer, StoreError> {
        (**self).persist(path, key)
    }

    fn sanitize_path(&self, path: &Self::PersistPath) -> Result<Vec<Uuid>, StoreError> {
        (**self).sanitize_path(path)
    }

    fn lock_path(&self, path: &Self::PersistPath) -> Result<(), StoreError> {
        (**self).lock_path(path)
    }

    fn keys_of(&self, path: &Self::PersistPath) -> Arc<PlaceKeys> {
        (**self).keys_of(path)
    }

    fn sync_persisted(&self, path: &Self::PersistPath) -> Result<(), StoreError> {
        (**self).sync_persisted(path)
    }

    fn describe(&self, path: &Self::PersistPath) -> Option<PathBuf> {
        (**self).describe(path)
    }

    fn traffic(&self) -> Traffic {
        (**self).traffic()
    }

    fn cache_usage(&self) -> Option<CacheUsage> {
        (**self).cache_usage()
    }

    fn attach(&self, background: Background) {
        (**self).attach(background);
    }

    fn detach(&self) {
        (**self).detach();
    }
}

impl<T, B: Strategy<T>> Strategy<T> for Arc<B> {
    fn reads(&self, footer: &Footer) -> bool {
        (**self).reads(footer)
    }

    fn store(&self, key: Uuid, data: &T) -> Result<(), StoreError> {
        (**self).store(key, data)
    }

    fn load(&self, key: Uuid) -> Result<T, StoreError> {
        (**self).load(key)
    }

    fn reload(&self, key: Uuid) -> Result<T, StoreError> {
        (**self).reload(key)
    }

    fn measures_values(&self) -> bool {
        (**self).measures_values()
    }

    fn store_measured(&self, key: Uuid, data: &T) -> Result<Option<u64>, StoreError> {
        (**self).store_measured(key, data)
    }

    fn load_measured(&self, key: Uuid, load: Load) -> Result<(T, Option<u64>), StoreError> {
        (**self).load_measured(key, load)
    }

    fn load_in_place(
        &self,
        place: &Self::PersistPath,
        key: Uuid,
        load: Load,
    ) -> Result<(T, Option<u64>), StoreError> {
        (**self).load_in_place(place, key, load)
    }

    fn load_inline(
        &self,
        key: Uuid,
        place: Option<&Self::PersistPath>,
        load: Load,
        fits: &dyn Fn(u64) -> bool,
    ) -> InlineLoad<T> {
        (**self).load_inline(key, place, load, fits)
    }

    fn load_opened(
        &self,
        opened: OpenedFile,
        key: Uuid,
        place: Option<&Self::PersistPath>,
        load: Load,
    ) -> Result<(T, Option<u64>), StoreError> {
        (**self).load_opened(opened, key, place, load)
    }

    fn duplicate(&self, data: &T) -> Result<T, StoreError> {
        (**self).duplicate(data)
    }

    fn footprint(&self, data: &T) -> Footprint {
        (**self).footprint(data)
    }
}

impl<S: ?Sized, T, B: ArchiveStrategy<S, T>> ArchiveStrategy<S, T> for Arc<B> {
    fn archive(&self, source: &S) -> Result<T, StoreError> {
        (**self).archive(source)
    }

    fn store_archived(&self, key: Uuid, source: &S) -> Result<(), StoreError> {
        (**self).store_archived(key, source)
    }
}

impl<T, B: AdoptStrategy<T>> AdoptStrategy<T> for Arc<B> {
    fn adopt(&self, key: Uuid, file: &Path) -> Result<Transfer, StoreError> {
        (**self).adopt(key, file)
    }
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

    fn sync_items(&self, path: &Self::PersistPath, scope: SyncScope<'_>) -> Result<(), StoreError> {
        (**self).sync_items(path, scope)
    }

    fn write_manifest_after_items(
        &self,
        path: &Self::PersistPath,
        scope: SyncScope<'_>,
        generation: u64,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        (**self).write_manifest_after_items(path, scope, generation, bytes)
    }

    fn sync_manifests(&self, path: &Self::PersistPath) -> Result<(), StoreError> {
        (**self).sync_manifests(path)
    }

    fn sync_found(
        &self,
        path: &Self::PersistPath,
        generation: u64,
        parts: &[Uuid],
    ) -> Result<(), StoreError> {
        (**self).sync_found(path, generation, parts)
    }

    fn remove_manifest(
        &self,
        path: &Self::PersistPath,
        generation: u64,
    ) -> Result<bool, StoreError> {
        (**self).remove_manifest(path, generation)
    }

    fn is_pinned(&self, path: &Self::PersistPath, generation: u64) -> Result<bool, StoreError> {
        (**self).is_pinned(path, generation)
    }

    fn parts(&self, path: &Self::PersistPath) -> Result<Vec<Uuid>, StoreError> {
        (**self).parts(path)
    }

    fn open_part(&self, path: &Self::PersistPath, id: Uuid) -> Result<Box<dyn Source>, StoreError> {
        (**self).open_part(path, id)
    }

    fn write_part(
        &self,
        path: &Self::PersistPath,
        id: Uuid,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        (**self).write_part(path, id, bytes)
    }

    fn remove_part(&self, path: &Self::PersistPath, id: Uuid) -> Result<(), StoreError> {
        (**self).remove_part(path, id)
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

    fn watch_manifests(
        &self,
        path: &Self::PersistPath,
        changed: Box<dyn Fn() + Send + Sync>,
    ) -> Result<Option<Box<dyn ManifestWatch>>, StoreError> {
        (**self).watch_manifests(path, changed)
    }

    fn packs(&self) -> Option<&dyn PackStore<Self::PersistPath>> {
        (**self).packs()
    }

    fn fingerprint(
        &self,
        path: &Self::PersistPath,
        key: Uuid,
    ) -> Result<FileFingerprint, StoreError> {
        (**self).fingerprint(path, key)
    }

    fn inspect(
        &self,
        path: &Self::PersistPath,
        key: Uuid,
    ) -> Result<(FileFingerprint, Option<Footer>), StoreError> {
        (**self).inspect(path, key)
    }

    fn describe_manifest(&self, path: &Self::PersistPath, generation: u64) -> Option<PathBuf> {
        (**self).describe_manifest(path, generation)
    }

    fn describe_part(&self, path: &Self::PersistPath, id: Uuid) -> Option<PathBuf> {
        (**self).describe_part(path, id)
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
