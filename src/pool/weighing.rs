//! What resident values cost.

use super::{FBPool, maps};
use crate::backing_store::{Strategy, guarded};
use crate::residency::Cost;

/// No value counts for more: sums of as many as there can be must not overflow.
/// 1 TiB.
pub(crate) const HEAVIEST: u64 = 1 << 40;

/// How a value is weighed, in bytes.
pub(crate) type Weigher<T> = Box<dyn Fn(&T) -> u64 + Send + Sync>;

impl<T: Send + Sync + 'static, B: Strategy<T>> FBPool<T, B> {
    /// What a value costs that was loaded from its file.
    pub(super) fn cost_of(&self, value: &T) -> Cost {
        let footprint = guarded(|| Ok(self.core().backing.footprint(value)));
        match footprint {
            Ok(footprint) if maps::ENABLED && footprint.is_mapped() => Cost {
                weight: (footprint.mapped as u64).min(HEAVIEST),
                is_map: true,
            },
            _ => Cost {
                weight: self.weigh(value),
                is_map: false,
            },
        }
    }

    /// What a value costs in memory. One that cannot be weighed, because the code
    /// that does it panics, weighs as much as its type.
    pub(super) fn weigh(&self, value: &T) -> u64 {
        let weight = guarded(|| {
            Ok(match &self.weigher {
                Some(weigh) => weigh(value),
                None => self.core().backing.footprint(value).heap as u64,
            })
        });
        weight.unwrap_or(size_of::<T>() as u64).min(HEAVIEST)
    }
}
