//! foyer: a cache in memory, and a hybrid one with a part on disk.

use std::sync::Arc;

use foyer::{Cache, CacheBuilder};

use super::{Hits, Touch};
use crate::systems::blob::touch;

pub struct InMemory {
    cache: Cache<u32, Arc<Vec<f32>>>,
}

/// Room for twice as many items as there are, so that none is evicted from a
/// shard that has more than its share.
pub fn in_memory(items: usize, blob: &[f32]) -> InMemory {
    let cache = CacheBuilder::new(items.max(64) * 2).build();
    for item in 0..items as u32 {
        cache.insert(item, Arc::new(blob.to_vec()));
    }
    InMemory { cache }
}

impl Hits for InMemory {
    fn pass(&self, order: &[u32]) -> u32 {
        order.iter().fold(0, |sum, item| {
            let entry = self.cache.get(item).expect("nothing is evicted");
            sum ^ touch(entry.value(), Touch::One)
        })
    }
}
