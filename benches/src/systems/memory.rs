//! A cache in memory, which a program asks by a number.

use std::sync::Arc;

use super::blob::touch;
use super::{Hits, Touch};

/// A concurrent cache of values behind an [`Arc`].
pub trait Cache: Send + Sync {
    fn new(most: usize) -> Self;
    fn insert(&self, item: u32, value: Arc<Vec<f32>>);
    /// Looks at a value that is there.
    fn look(&self, item: u32, look: impl FnOnce(&[f32]) -> u32) -> u32;
    /// Ends what inserting has put off.
    fn settle(&self) {}
}

pub struct InMemory<C>(C);

/// Room for twice as many items as there are, so that none is evicted from a
/// shard that has more than its share.
pub fn in_memory<C: Cache>(items: usize, blob: &[f32]) -> InMemory<C> {
    let cache = C::new(items.max(64) * 2);
    for item in 0..items as u32 {
        cache.insert(item, Arc::new(blob.to_vec()));
    }
    cache.settle();
    InMemory(cache)
}

impl<C: Cache> Hits for InMemory<C> {
    fn pass(&self, order: &[u32]) -> u32 {
        order.iter().fold(0, |sum, item| {
            sum ^ self.0.look(*item, |blob| touch(blob, Touch::One))
        })
    }
}
