//! A cache in memory, which a program asks by a key.

use std::sync::Arc;

use super::blob::touch;
use super::{Hits, Touch};

/// A concurrent cache of values behind an [`Arc`].
pub trait Cache: Send + Sync {
    type Key: Send + Sync;

    fn new(most: usize) -> Self;
    fn insert(&self, key: &Self::Key, value: Arc<Vec<f32>>);
    /// Looks at a value that is there.
    fn look(&self, key: &Self::Key, look: impl FnOnce(&[f32]) -> u32) -> u32;
    /// Ends what inserting has put off.
    fn settle(&self) {}
}

pub struct InMemory<C: Cache> {
    cache: C,
    keys: Vec<C::Key>,
}

/// Room for twice as many items as there are, so that none is evicted from a
/// shard that has more than its share.
pub fn in_memory<C: Cache>(keys: Vec<C::Key>, blob: &[f32]) -> InMemory<C> {
    let cache = C::new(keys.len().max(64) * 2);
    for key in &keys {
        cache.insert(key, Arc::new(blob.to_vec()));
    }
    cache.settle();
    InMemory { cache, keys }
}

impl<C: Cache> Hits for InMemory<C> {
    fn pass(&self, order: &[u32]) -> u32 {
        order.iter().fold(0, |sum, item| {
            let key = &self.keys[*item as usize];
            sum ^ self.cache.look(key, |blob| touch(blob, Touch::One))
        })
    }
}
