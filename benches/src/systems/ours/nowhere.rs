//! A store that keeps no files.

use std::sync::Arc;

use anyhow::Result;
use file_backed::FBPool;
use file_backed::backing_store::StoreError;
use file_backed::backing_store::{BackingStoreT, Strategy, Transfer};
use file_backed::uuid::Uuid;

use super::{Blocking, Setting, store};
use crate::systems::pools::footprint;

/// Stores nothing; every value is 7.
pub struct Nowhere;

/// A persisted directory with so many keys.
#[derive(Clone)]
pub struct Keys(Vec<Uuid>);

impl Keys {
    pub fn new(keys: Vec<Uuid>) -> Self {
        Self(keys)
    }
}

impl BackingStoreT for Nowhere {
    type PersistPath = Keys;

    fn delete(&self, _: Uuid) -> Result<(), StoreError> {
        Ok(())
    }

    fn delete_persisted(&self, _: &Keys, _: Uuid) -> Result<(), StoreError> {
        Ok(())
    }

    fn register(&self, _: &Keys, _: Uuid) -> Result<Transfer, StoreError> {
        Ok(Transfer::Linked)
    }

    fn persist(&self, _: &Keys, _: Uuid) -> Result<Transfer, StoreError> {
        Ok(Transfer::Linked)
    }

    fn sanitize_path(&self, path: &Keys) -> Result<Vec<Uuid>, StoreError> {
        Ok(path.0.clone())
    }

    fn sync_persisted(&self, _: &Keys) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Strategy<u64> for Nowhere {
    fn store(&self, _: Uuid, _: &u64) -> Result<(), StoreError> {
        Ok(())
    }

    fn load(&self, _: Uuid) -> Result<u64, StoreError> {
        Ok(7)
    }
}

impl Setting for Nowhere {
    type Value = u64;
    type Store = Self;
}

impl footprint::Nowhere for Blocking<Nowhere> {
    fn pool() -> Result<Self::Pool> {
        Ok(Arc::new(FBPool::new(store(Nowhere), 16)))
    }

    fn place(keys: Vec<Uuid>) -> Keys {
        Keys::new(keys)
    }
}
