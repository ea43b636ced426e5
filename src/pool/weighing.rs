//! The cost of resident values.

use super::{FBPool, maps};
use crate::backing_store::{Strategy, guarded};
use crate::residency::Cost;

/// The maximum weight of a value, 1 TiB. It keeps the sum over as many values as
/// can exist from overflowing.
pub(crate) const HEAVIEST: u64 = 1 << 40;

/// Returns the weight of a value, in bytes.
pub(crate) type Weigher<T> = Box<dyn Fn(&T) -> u64 + Send + Sync>;

impl<T: Send + Sync + 'static, B: Strategy<T>> FBPool<T, B> {
    /// The cost of a value that was loaded from its file.
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

    /// The memory that a value uses. If the code that weighs it panics, the value
    /// weighs as much as its type.
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
