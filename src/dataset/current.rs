//! The items of the current commit, for look-ups.

use std::sync::Arc;

use arc_swap::ArcSwap;
use uuid::Uuid;

use super::manifest::ItemRecord;
use crate::backing_store::{Commit, FileFingerprint};

/// The items of the current commit of an open dataset. Reading them takes no lock.
pub(super) struct CurrentItems(ArcSwap<Items>);

/// The items of one commit.
pub(super) struct Items {
    generation: u64,
    /// Sorted by key.
    records: Arc<[ItemRecord]>,
    /// Where the keys of each bucket begin. A bucket has the keys that begin with the same
    /// bits. Keys are random, so it has a few.
    starts: Box<[u32]>,
    /// How many of the first 32 bits of a key do not count for its bucket.
    shift: u32,
}

/// Keys in a bucket, on average.
const PER_BUCKET: usize = 8;

/// The most bits of a key that choose its bucket.
const MOST_BITS: u32 = 24;

impl Items {
    pub(super) fn new(generation: u64, records: Arc<[ItemRecord]>) -> Self {
        let bits = (records.len() / PER_BUCKET).max(1).ilog2().min(MOST_BITS);
        let shift = 32 - bits;
        let mut starts = Vec::with_capacity((1 << bits) + 1);
        for (at, record) in records.iter().enumerate() {
            let bucket = bucket_of(record.key, shift);
            let at = u32::try_from(at).unwrap_or(u32::MAX);
            starts.resize(starts.len().max(bucket + 1), at);
        }
        let end = u32::try_from(records.len()).unwrap_or(u32::MAX);
        starts.resize((1 << bits) + 1, end);
        Self {
            generation,
            records,
            starts: starts.into(),
            shift,
        }
    }

    pub(super) fn find(&self, key: Uuid) -> Option<&ItemRecord> {
        let bucket = bucket_of(key, self.shift);
        let bounds = [self.starts[bucket], self.starts[bucket + 1]];
        let [start, end] = bounds.map(|bound| bound as usize);
        let records = self.records.get(start..end)?;
        // Few of them, one after the other: looking at each is faster than a binary search.
        if records.len() <= 4 * PER_BUCKET {
            return records.iter().find(|record| record.key == key);
        }
        super::manifest::find(records, key)
    }
}

fn bucket_of(key: Uuid, shift: u32) -> usize {
    let (first, _) = key.as_u64_pair();
    // In 64 bits, because all 32 may be shifted out.
    ((first >> 32) >> shift) as usize
}

impl CurrentItems {
    pub(super) fn new(items: Items) -> Self {
        Self(ArcSwap::from_pointee(items))
    }

    pub(super) fn set(&self, items: Items) {
        self.0.store(Arc::new(items));
    }

    pub(super) fn contains(&self, key: Uuid) -> bool {
        self.0.load().find(key).is_some()
    }
}

impl Commit for CurrentItems {
    fn generation(&self) -> u64 {
        self.0.load().generation
    }

    fn fingerprint(&self, key: Uuid) -> Option<FileFingerprint> {
        let items = self.0.load();
        items.find(key).map(|record| record.fingerprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(keys: impl Iterator<Item = u128>) -> Items {
        let mut records: Vec<_> = keys
            .map(|key| ItemRecord::of_unknown_file(Uuid::from_u128(key)))
            .collect();
        records.sort_unstable_by_key(|record| record.key);
        records.dedup_by_key(|record| record.key);
        Items::new(1, records.into())
    }

    fn check(items: &Items) {
        for record in &*items.records {
            assert_eq!(items.find(record.key), Some(record));
            let next = Uuid::from_u128(record.key.as_u128().wrapping_add(1));
            let is_there = items.records.iter().any(|other| other.key == next);
            assert_eq!(items.find(next).is_some(), is_there);
        }
        for key in [Uuid::nil(), Uuid::max()] {
            let is_there = items.records.iter().any(|record| record.key == key);
            assert_eq!(items.find(key).is_some(), is_there);
        }
    }

    #[test]
    fn every_key_is_found_and_no_other() {
        for count in [0, 1, 7, 16, 17, 100, 3000] {
            check(&items((0..count).map(|_| crate::key::random().as_u128())));
        }
    }

    #[test]
    fn keys_that_are_not_random_are_found() {
        check(&items(0..500));
        check(&items((0..500).map(|n| n << 64)));
        check(&items((0..500).map(|n| u128::MAX - n)));
        check(&items([0, u128::MAX].into_iter()));
    }
}
