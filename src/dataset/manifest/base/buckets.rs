//! Finding a key among millions with few cache misses.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "the numbers are indexes of lists in memory"
)]

use std::cmp::Ordering;

/// The most keys that a bucket has on average.
const KEYS_IN_BUCKET: usize = 4;

/// Where the keys with the same first bits begin in a sorted list. Keys are random, so a
/// bucket has 2 to 4 of them: a lookup reads one number here, and one or two cache lines
/// of keys. Keys that are not random may share one bucket, which is then searched by
/// bisection.
pub(super) struct Buckets {
    /// One more than there are buckets: the start of each, and the end of the last.
    starts: Box<[u32]>,
    /// How many of the first 32 bits of a key do not count.
    shift: u32,
}

impl Buckets {
    /// The buckets of keys in ascending order, of which there are less than 2³².
    pub(super) fn of(keys: &[[u8; 16]]) -> Self {
        let buckets = (keys.len() / KEYS_IN_BUCKET).next_power_of_two();
        let shift = 32 - buckets.ilog2();
        let mut starts = Vec::with_capacity(buckets + 1);
        for (index, key) in keys.iter().enumerate() {
            let bucket = bucket_of(key, shift);
            while starts.len() <= bucket {
                starts.push(index as u32);
            }
        }
        starts.resize(buckets + 1, keys.len() as u32);
        Self {
            starts: starts.into(),
            shift,
        }
    }

    /// The index of a key in the list that the buckets were made of, or where it would
    /// be.
    pub(super) fn find(&self, keys: &[[u8; 16]], key: &[u8; 16]) -> Result<u32, u32> {
        let bucket = bucket_of(key, self.shift);
        let (start, end) = (self.starts[bucket], self.starts[bucket + 1]);
        let bucket = &keys[start as usize..end as usize];
        if bucket.len() > 2 * KEYS_IN_BUCKET {
            let found = bucket.binary_search(key);
            return found.map_or_else(|at| Err(start + at as u32), |at| Ok(start + at as u32));
        }
        for (at, found) in (start..).zip(bucket) {
            match found.cmp(key) {
                Ordering::Less => {}
                Ordering::Equal => return Ok(at),
                Ordering::Greater => return Err(at),
            }
        }
        Err(end)
    }

    /// Memory in bytes.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        size_of_val(&*self.starts)
    }
}

fn bucket_of(key: &[u8; 16], shift: u32) -> usize {
    let [a, b, c, d, ..] = *key;
    let bits = u64::from(u32::from_be_bytes([a, b, c, d]));
    (bits >> shift) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::dice::Dice;

    fn assert_finds_all(mut keys: Vec<[u8; 16]>) {
        keys.sort_unstable();
        keys.dedup();
        let buckets = Buckets::of(&keys);
        for (index, key) in keys.iter().enumerate() {
            assert_eq!(buckets.find(&keys, key), Ok(index as u32));
            let next = (u128::from_be_bytes(*key).wrapping_add(1)).to_be_bytes();
            let expected = keys.binary_search(&next);
            let found = buckets.find(&keys, &next);
            let found = found.map_or_else(|at| Err(at as usize), |at| Ok(at as usize));
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn each_key_is_found_and_no_other() {
        let mut dice = Dice::new(1);
        for len in [0, 1, 3, 7, 8, 9, 100, 5000] {
            let mut random =
                || (u128::from(dice.roll()) << 64 | u128::from(dice.roll())).to_be_bytes();
            assert_finds_all((0..len).map(|_| random()).collect());
        }
    }

    #[test]
    fn keys_that_are_not_random_are_found_too() {
        let counted = |shift: u32| (0..5000_u128).map(|n| (n << shift).to_be_bytes()).collect();
        for shift in [0, 60, 100, 115] {
            assert_finds_all(counted(shift));
        }
        assert_finds_all((0..5000_u128).map(|n| (!n).to_be_bytes()).collect());
    }
}
