//! Keys that nothing has happened to since a scan has found them.

use uuid::Uuid;

use crate::sync::atomic::{AtomicUsize, Ordering};

const BITS: usize = usize::BITS as usize;

/// A list of keys, from which keys can be removed. It takes 16 bytes and a bit for each.
///
/// A key is found and removed under the lock of its shard of the table, so that one thread
/// does so at a time. The bits of keys of several shards share a word.
pub(super) struct RestingKeys {
    /// In ascending order.
    keys: Box<[Uuid]>,
    /// Where the keys with each first byte begin, and the end.
    starts: Box<[usize; 257]>,
    removed: Box<[AtomicUsize]>,
}

impl RestingKeys {
    pub(super) fn of(keys: &[Uuid]) -> Self {
        let mut sorted = keys.to_vec();
        if !sorted.is_sorted_by(|one, next| one < next) {
            sorted.sort_unstable();
            sorted.dedup();
        }
        let starts = std::array::from_fn(|first| {
            sorted.partition_point(|key| usize::from(key.as_bytes()[0]) < first)
        });
        let words = sorted.len().div_ceil(BITS);
        Self {
            keys: sorted.into(),
            starts: Box::new(starts),
            removed: (0..words).map(|_| AtomicUsize::new(0)).collect(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The index of a key that was not removed.
    pub(super) fn find(&self, key: Uuid) -> Option<usize> {
        self.index_of(key).filter(|index| !self.is_removed(*index))
    }

    /// Whether the key is one of those that were given, removed or not.
    pub(super) fn has_been_given(&self, key: Uuid) -> bool {
        self.index_of(key).is_some()
    }

    fn index_of(&self, key: Uuid) -> Option<usize> {
        let first = usize::from(key.as_bytes()[0]);
        let (start, end) = (self.starts[first], self.starts[first + 1]);
        let at = self.keys[start..end].binary_search(&key).ok()?;
        Some(start + at)
    }

    /// The keys that were not removed, in ascending order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Uuid> {
        let keys = self.keys.iter().enumerate();
        keys.filter(|(index, _)| !self.is_removed(*index))
            .map(|(_, key)| *key)
    }

    pub(super) fn remove(&self, index: usize) {
        self.removed[index / BITS].fetch_or(1 << (index % BITS), Ordering::Relaxed);
    }

    fn is_removed(&self, index: usize) -> bool {
        let word = self.removed[index / BITS].load(Ordering::Relaxed);
        word & (1 << (index % BITS)) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(first: u8, last: u8) -> Uuid {
        let mut bytes = [0; 16];
        (bytes[0], bytes[15]) = (first, last);
        Uuid::from_bytes(bytes)
    }

    #[test]
    fn keys_are_found_until_they_are_removed() {
        let all: Vec<_> = (0..=255)
            .rev()
            .flat_map(|first| [key(first, 2), key(first, 1)])
            .collect();
        let resting = RestingKeys::of(&all);
        for key in &all {
            let index = resting.find(*key).expect("it is there");
            resting.remove(index);
            assert_eq!(resting.find(*key), None);
        }
        assert_eq!(resting.iter().count(), 0);
        assert_eq!(resting.find(key(7, 3)), None);
        assert_eq!(RestingKeys::of(&[]).find(key(7, 3)), None);
    }

    #[test]
    fn a_key_that_is_given_twice_is_there_once() {
        let resting = RestingKeys::of(&[key(1, 1), key(0, 0), key(1, 1)]);
        assert_eq!(resting.iter().collect::<Vec<_>>(), [key(0, 0), key(1, 1)]);
    }

    #[test]
    fn the_keys_that_are_left_are_in_order() {
        let all: Vec<_> = (0..200).map(|n| key(n, n)).collect();
        let resting = RestingKeys::of(&all);
        for key in all.iter().step_by(2) {
            resting.remove(resting.find(*key).expect("it is there"));
        }
        let left: Vec<_> = all.iter().skip(1).step_by(2).copied().collect();
        assert_eq!(resting.iter().collect::<Vec<_>>(), left);
    }
}
