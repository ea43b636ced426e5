//! Items of a store that keeps no files.

use anyhow::Result;
use uuid::Uuid;

use super::Pools;
use crate::harness::heap;
use crate::workloads::footprint::{Kind, Mark, Taken};

/// Pools on a store that stores nothing; every value is 7.
pub trait Nowhere: Pools<Value = u64> {
    fn pool() -> Result<Self::Pool>;

    /// A persisted directory with so many keys.
    fn place(keys: Vec<Uuid>) -> Self::Place;
}

pub fn run<P: Nowhere>(kind: Kind, items: usize) -> Result<Taken> {
    let pool = P::pool()?;
    let keys: Vec<_> = if kind == Kind::Registered {
        (0..items).map(|_| Uuid::new_v4()).collect()
    } else {
        Vec::new()
    };
    // What every pool needs, and the handles, which are counted apart.
    drop(P::insert(&pool, 7)?);
    P::finish(&pool)?;
    let mut handles: Vec<P::Handle> = Vec::with_capacity(items);

    let unpersisted = heap::live();
    let tracked = P::track(&pool, P::place(keys.clone()))?;
    let mut tracked_bytes = heap::live()
        .wrapping_sub(unpersisted)
        .saturating_sub(keys.len() * size_of::<Uuid>());
    let before = Mark::now()?;
    if kind == Kind::Registered {
        for key in keys.iter().copied() {
            handles.push(P::register(&pool, &tracked, key)?);
        }
    } else {
        for item in 0..items as u64 {
            handles.push(P::insert(&pool, item)?);
            if item.is_multiple_of(4096) {
                P::finish(&pool)?;
            }
        }
        P::finish(&pool)?;
    }
    if kind == Kind::Persisted {
        for handle in &handles {
            P::persist(handle, &tracked)?;
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
        handle: size_of::<P::Handle>(),
        tracked: (kind != Kind::Cache).then_some(tracked_bytes),
    })
}
