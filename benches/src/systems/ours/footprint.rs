//! Items of a store that keeps no files.

use std::sync::Arc;

use anyhow::Result;
use file_backed::backing_store::{BackingStoreT, Strategy, Transfer};
use file_backed::fbstore::BoxError;
use file_backed::uuid::Uuid;
use file_backed::{BackingStore, FBPool, Fb};

use crate::harness::heap;
use crate::systems::{User, runtime};
use crate::workloads::footprint::{Kind, Mark, Taken};

/// Stores nothing; every value is 7.
struct Nowhere;

/// A persisted directory with so many keys.
struct Keys(Vec<Uuid>);

impl BackingStoreT for Nowhere {
    type PersistPath = Keys;

    fn delete(&self, _: Uuid) -> Result<(), BoxError> {
        Ok(())
    }

    fn delete_persisted(&self, _: &Keys, _: Uuid) -> Result<(), BoxError> {
        Ok(())
    }

    fn register(&self, _: &Keys, _: Uuid) -> Result<Transfer, BoxError> {
        Ok(Transfer::Linked)
    }

    fn persist(&self, _: &Keys, _: Uuid) -> Result<Transfer, BoxError> {
        Ok(Transfer::Linked)
    }

    fn sanitize_path(&self, path: &Keys) -> Result<Vec<Uuid>, BoxError> {
        Ok(path.0.clone())
    }

    fn sync_persisted(&self, _: &Keys) -> Result<(), BoxError> {
        Ok(())
    }
}

impl Strategy<u64> for Nowhere {
    fn store(&self, _: Uuid, _: &u64) -> Result<(), BoxError> {
        Ok(())
    }

    fn load(&self, _: Uuid) -> Result<u64, BoxError> {
        Ok(7)
    }
}

pub fn run(kind: Kind, items: usize) -> Result<Taken> {
    let store = Arc::new(BackingStore::new(
        Nowhere,
        runtime(User::Ours).handle().clone(),
    ));
    let pool: Arc<FBPool<u64, Nowhere>> = Arc::new(FBPool::new(store.clone(), 16));
    let keys: Vec<_> = if kind == Kind::Registered {
        (0..items).map(|_| Uuid::new_v4()).collect()
    } else {
        Vec::new()
    };
    // What every pool needs, and the handles, which are counted apart.
    drop(pool.insert(7));
    store.blocking_finished();
    let mut handles: Vec<Fb<u64, Nowhere>> = Vec::with_capacity(items);

    let unpersisted = heap::live();
    let tracked = store.blocking_track_path(Keys(keys.clone()))?;
    let mut tracked_bytes = heap::live()
        .wrapping_sub(unpersisted)
        .saturating_sub(keys.len() * size_of::<Uuid>());
    let before = Mark::now()?;
    if kind == Kind::Registered {
        for key in keys.iter().copied() {
            handles.push(pool.blocking_register(&tracked, key)?);
        }
    } else {
        for item in 0..items as u64 {
            handles.push(pool.insert(item));
            if item.is_multiple_of(4096) {
                store.blocking_finished();
            }
        }
        store.blocking_finished();
    }
    if kind == Kind::Persisted {
        for handle in &handles {
            handle.blocking_persist(&tracked)?;
        }
    }
    let mut after = Mark::now()?;
    if kind == Kind::Persisted {
        // The items without the tracked path's keys.
        let both = heap::live();
        drop(tracked);
        tracked_bytes = both.wrapping_sub(heap::live());
        after = Mark::now()?;
    }
    Ok(Taken {
        before,
        after,
        // The vector of handles is not part of the items.
        handle: size_of::<Fb<u64, Nowhere>>(),
        tracked: (kind != Kind::Cache).then_some(tracked_bytes),
    })
}
