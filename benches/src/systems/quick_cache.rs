//! quick_cache: a small, fast concurrent cache in memory.

use std::sync::Arc;

use quick_cache::sync::Cache;

use super::{Hits, Touch};
use crate::systems::blob::touch;

pub struct InMemory {
    cache: Cache<u32, Arc<Vec<f32>>>,
}

/// Room for twice as many items as there are, so that none is evicted from a
/// shard that has more than its share.
pub fn in_memory(items: usize, blob: &[f32]) -> InMemory {
    let cache = Cache::new(items.max(64) * 2);
    for item in 0..items as u32 {
        cache.insert(item, Arc::new(blob.to_vec()));
    }
    InMemory { cache }
}

impl Hits for InMemory {
    fn pass(&self, order: &[u32]) -> u32 {
        order.iter().fold(0, |sum, item| {
            let value = self.cache.get(item).expect("nothing is evicted");
            sum ^ touch(&value, Touch::One)
        })
    }
}
