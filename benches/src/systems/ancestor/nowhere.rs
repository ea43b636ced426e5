//! A store that keeps no files.

use std::sync::Arc;

use ancestor::FBPool;
use ancestor::backing_store::{BackingStoreT, Strategy};
use anyhow::Result;
use uuid::Uuid;

use super::{Ancestor, Setting, store};
use crate::systems::pools::footprint;

/// Stores nothing; every value is 7.
pub struct Nowhere;

/// A persisted directory with so many keys.
#[derive(Clone)]
pub struct Keys(Vec<Uuid>);

impl BackingStoreT for Nowhere {
    type PersistPath = Keys;

    fn delete(&self, _: Uuid) {}

    fn delete_persisted(&self, _: &Keys, _: Uuid) {}

    fn register(&self, _: &Keys, _: Uuid) {}

    fn persist(&self, _: &Keys, _: Uuid) {}

    fn sanitize_path(&self, path: &Keys) -> impl IntoIterator<Item = Uuid> {
        path.0.clone()
    }

    fn sync_persisted(&self, _: &Keys) {}
}

impl Strategy<u64> for Nowhere {
    fn store(&self, _: Uuid, _: &u64) {}

    fn load(&self, _: Uuid) -> u64 {
        7
    }
}

impl Setting for Nowhere {
    type Value = u64;
    type Store = Self;
}

impl footprint::Nowhere for Ancestor<Nowhere> {
    fn pool() -> Result<Self::Pool> {
        Ok(Arc::new(FBPool::new(store(Nowhere), 16)))
    }

    fn place(keys: Vec<Uuid>) -> Keys {
        Keys(keys)
    }
}
