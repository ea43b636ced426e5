//! The path of a dataset, and the store that reaches it.

use std::io;
use std::sync::Arc;

use uuid::Uuid;

use super::cause::DatasetCause;
use super::current::CurrentContents;
use super::packing::Packing;
use crate::backing_store::{BackingStore, ManifestStore, PackStore, TrackedPath};
use crate::error::{Operation, StoreError};
use crate::{Error, Result};

/// The tracked path of a dataset, and the store that reaches it.
pub(super) struct DatasetPath<B: ManifestStore> {
    pub(super) store: Arc<BackingStore<B>>,
    pub(super) tracked: Arc<TrackedPath<B::PersistPath>>,
    /// What keeps other datasets of the process from committing. Items do not keep it, as
    /// they keep the path.
    pub(super) claim: Option<Arc<B::PersistPath>>,
    /// The contents of the current commit, which also say where items are that are in packs.
    pub(super) contents: Arc<CurrentContents>,
    pub(super) packing: Packing,
}

impl<B: ManifestStore> DatasetPath<B> {
    /// Calls the user's store.
    pub(super) fn call<R>(
        &self,
        operation: Operation,
        call: impl FnOnce(&B, &B::PersistPath) -> Result<R, StoreError>,
    ) -> Result<R> {
        let (core, path) = (self.store.core(), self.tracked.path());
        core.call(operation, None, Some(path), |backing| call(backing, path))
    }

    /// Calls the user's store as one that has packs, if it has.
    pub(super) fn call_packs<R>(
        &self,
        operation: Operation,
        call: impl FnOnce(&dyn PackStore<B::PersistPath>, &B::PersistPath) -> Result<R, StoreError>,
    ) -> Result<Option<R>> {
        self.call(operation, |backing, path| {
            let packs = backing.packs();
            packs.map(|packs| call(packs, path)).transpose()
        })
    }

    /// The generations that have a manifest, in ascending order.
    pub(super) fn generations(&self, operation: Operation) -> Result<Vec<u64>> {
        self.call(operation, |backing, path| backing.generations(path))
    }

    /// Fails if this is another store than that of the dataset. `key` is of the item that was
    /// asked for, if it was one.
    pub(super) fn check_store(
        &self,
        store: &Arc<BackingStore<B>>,
        operation: Operation,
        key: Option<Uuid>,
    ) -> Result<()> {
        if Arc::ptr_eq(store, &self.store) {
            return Ok(());
        }
        let cause = DatasetCause::OtherStore;
        Err(match key {
            Some(key) => self.error_of_item(operation, key, cause),
            None => self.error(operation, cause),
        })
    }

    /// An error of the dataset as a whole.
    pub(super) fn error(&self, operation: Operation, cause: DatasetCause) -> Error {
        let place = |backing: &B| backing.describe(self.tracked.path());
        (self.store.core()).error_at(operation, None, place, cause)
    }

    pub(super) fn error_of_item(
        &self,
        operation: Operation,
        key: Uuid,
        cause: DatasetCause,
    ) -> Error {
        let item = |backing: &B| backing.describe_item(self.tracked.path(), key);
        (self.store.core()).error_at(operation, Some(key), item, cause)
    }

    pub(super) fn error_of_manifest(
        &self,
        operation: Operation,
        generation: u64,
        cause: DatasetCause,
    ) -> Error {
        let manifest = |backing: &B| backing.describe_manifest(self.tracked.path(), generation);
        (self.store.core()).error_at(operation, None, manifest, cause)
    }
}

impl<B: ManifestStore> Clone for DatasetPath<B> {
    fn clone(&self) -> Self {
        Self {
            store: self.store.clone(),
            tracked: self.tracked.clone(),
            claim: self.claim.clone(),
            contents: self.contents.clone(),
            packing: self.packing,
        }
    }
}

/// Whether a manifest was not written because the generation already has one.
pub(super) fn is_already_there(error: &Error) -> bool {
    let cause = error.get_ref().downcast_ref::<io::Error>();
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::AlreadyExists)
}
