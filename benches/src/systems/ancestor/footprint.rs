//! Items of a store that keeps no files.

use std::sync::Arc;

use ancestor::backing_store::{BackingStoreT, Strategy};
use ancestor::{BackingStore, FBPool, Fb};
use anyhow::{Context as _, Result};
use uuid::Uuid;

use crate::harness::heap;
use crate::systems::{User, runtime};
use crate::workloads::footprint::{Kind, Mark, Taken};

/// Stores nothing; every value is 7.
struct Nowhere;

/// A persisted directory with so many keys.
struct Keys(Vec<Uuid>);

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

pub fn run(kind: Kind, items: usize) -> Result<Taken> {
    let store = Arc::new(BackingStore::new(
        Nowhere,
        runtime(User::Ancestor).handle().clone(),
    ));
    let pool: Arc<FBPool<u64, Nowhere>> = Arc::new(FBPool::new(store.clone(), 16));
    let finished = || runtime(User::Ancestor).block_on(store.finished());
    let keys: Vec<_> = if kind == Kind::Registered {
        (0..items).map(|_| Uuid::new_v4()).collect()
    } else {
        Vec::new()
    };
    // What every pool needs, and the handles, which are counted apart.
    drop(pool.insert(7));
    finished();
    let mut handles: Vec<Fb<u64, Nowhere>> = Vec::with_capacity(items);

    let unpersisted = heap::live();
    let tracked = store.blocking_track_path(Keys(keys.clone()));
    let mut tracked_bytes = heap::live()
        .wrapping_sub(unpersisted)
        .saturating_sub(keys.len() * size_of::<Uuid>());
    let before = Mark::now()?;
    if kind == Kind::Registered {
        for key in keys.iter().copied() {
            let handle = pool.blocking_register(&tracked, key);
            handles.push(handle.context("the key is known")?);
        }
    } else {
        for item in 0..items as u64 {
            handles.push(pool.insert(item));
            if item.is_multiple_of(4096) {
                finished();
            }
        }
        finished();
    }
    if kind == Kind::Persisted {
        for handle in &handles {
            handle.blocking_persist(&tracked);
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
        handle: size_of::<Fb<u64, Nowhere>>(),
        tracked: (kind != Kind::Cache).then_some(tracked_bytes),
    })
}
