//! Which of two policies needs fewer reloads.

use uuid::Uuid;

/// The part of an order that an item belongs to: a hash of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Group {
    /// Does what works better in the trial groups. In an order without a duel, all items.
    Followers,
    /// The trial group that is always in LRU order.
    Lru,
    /// The trial group that always keeps what is old.
    Bip,
}

/// The groups, in the order of their numbers.
pub(crate) const GROUPS: [Group; 3] = [Group::Followers, Group::Lru, Group::Bip];

/// One in so many keys is in each of the trial groups. The model checker has few items.
const KEYS_A_TRIAL: u64 = if cfg!(shuttle) { 3 } else { 16 };

/// Shares of the cache are in so many parts.
pub(crate) const WHOLE_SHARE: u64 = 160;

/// The share of a trial group. It is a tenth less than its share of the keys: a group that
/// happens to have few keys would otherwise fit, and miss nothing, where all keys do not.
pub(crate) const TRIAL_SHARE: u64 = WHOLE_SHARE * 9 / 10 / KEYS_A_TRIAL;

impl Group {
    pub(crate) fn of(key: Uuid) -> Self {
        match hash(key) % KEYS_A_TRIAL {
            0 => Self::Lru,
            1 => Self::Bip,
            _ => Self::Followers,
        }
    }

    pub(crate) fn from_number(number: u8) -> Self {
        GROUPS[usize::from(number) % GROUPS.len()]
    }

    /// What part of a cache with a duel is the group's.
    pub(crate) fn share(self) -> u64 {
        match self {
            Self::Followers => WHOLE_SHARE - 2 * TRIAL_SHARE,
            Self::Lru | Self::Bip => TRIAL_SHARE,
        }
    }
}

/// A count of the reloads of the two trial groups.
///
/// Only reloads count: the first load of a value is a miss under any policy.
pub(crate) struct Duel {
    /// Reloads of the LRU group less those of the other, within bounds, so that what was long
    /// ago is soon outweighed.
    lead: i64,
    evicted: Evicted,
}

impl Duel {
    pub(crate) fn new() -> Self {
        Self {
            lead: 0,
            evicted: Evicted::new(),
        }
    }

    /// Whether keeping what is old has needed fewer reloads.
    pub(crate) fn prefers_bip(&self) -> bool {
        self.lead > 0
    }

    /// Forgets all that it has counted.
    pub(crate) fn reset(&mut self) {
        *self = Self::new();
    }

    /// A value was evicted, in a cache of `items`.
    pub(crate) fn evicted(&mut self, group: Group, key: Uuid, items: usize) {
        if group != Group::Followers {
            self.evicted.insert(hash(key), items);
        }
    }

    /// A value was loaded, in a cache of `items`.
    pub(crate) fn loaded(&mut self, group: Group, key: Uuid, items: usize) {
        let step = match group {
            Group::Followers => return,
            Group::Lru => 1,
            Group::Bip => -1,
        };
        if self.evicted.remove(hash(key)) {
            // What a trial group holds.
            let most = (items as u64 * TRIAL_SHARE / WHOLE_SHARE).max(16) as i64;
            self.lead = (self.lead + step).clamp(-most, most);
        }
    }
}

/// The keys of the trial groups that were evicted lately.
///
/// It is a table of fingerprints without chains: a key that has the place of an earlier one
/// replaces it. So it forgets some, of both groups alike. It knows keys and not items, because
/// an item of a dataset ends when it is evicted, and the next reader gets a new one.
struct Evicted {
    /// Empty, or a power of two. 0 stands for nothing.
    slots: Box<[u16]>,
}

/// Slots of the smallest table.
const LEAST_SLOTS: usize = 1024;

impl Evicted {
    fn new() -> Self {
        Self {
            slots: Box::default(),
        }
    }

    fn insert(&mut self, hash: u64, items: usize) {
        // An eighth of the items are in trial groups, so that as many slots as there are
        // items are enough for the keys of a cycle of several times the cache.
        let needed = items.next_power_of_two().max(LEAST_SLOTS);
        if self.slots.len() < needed {
            self.slots = vec![0; needed].into();
        }
        if let Some((slot, fingerprint)) = self.slot(hash) {
            *slot = fingerprint;
        }
    }

    /// Returns whether the key was there.
    fn remove(&mut self, hash: u64) -> bool {
        match self.slot(hash) {
            Some((slot, fingerprint)) if *slot == fingerprint => {
                *slot = 0;
                true
            }
            _ => false,
        }
    }

    fn slot(&mut self, hash: u64) -> Option<(&mut u16, u16)> {
        let mask = self.slots.len().checked_sub(1)?;
        let slot = &mut self.slots[(hash >> 8) as usize & mask];
        Some((slot, (hash >> 48) as u16 | 1))
    }
}

/// The same in each pool and process, as keys are random. Who chooses them to fill a trial
/// group has only a smaller cache for them.
fn hash(key: Uuid) -> u64 {
    let (high, low) = key.as_u64_pair();
    let mut hash = high.rotate_left(32) ^ low;
    // The finalizer of SplitMix64.
    hash = (hash ^ hash >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    hash = (hash ^ hash >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    hash ^ hash >> 31
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    fn keys() -> impl Iterator<Item = Uuid> {
        (1..).map(Uuid::from_u128)
    }

    fn some_of(group: Group, count: usize) -> Vec<Uuid> {
        keys()
            .filter(|key| Group::of(*key) == group)
            .take(count)
            .collect()
    }

    #[test]
    fn a_sixteenth_of_the_keys_is_in_each_trial_group() {
        for group in [Group::Lru, Group::Bip] {
            let count = keys().take(16_000).filter(|key| Group::of(*key) == group);
            let count = count.count();
            assert!((900..1100).contains(&count), "{group:?}: {count}");
        }
    }

    #[test]
    fn the_shares_are_a_whole() {
        assert_eq!(GROUPS.map(Group::share).iter().sum::<u64>(), WHOLE_SHARE);
        for (number, group) in GROUPS.into_iter().enumerate() {
            assert_eq!(Group::from_number(number as u8), group);
            assert_eq!(group as usize, number);
        }
    }

    #[test]
    fn a_first_load_counts_for_neither_side() {
        let mut duel = Duel::new();
        for key in some_of(Group::Lru, 100) {
            duel.loaded(Group::Lru, key, 1000);
        }
        assert!(!duel.prefers_bip());
        assert_eq!(duel.lead, 0);
    }

    #[test]
    fn the_group_with_fewer_reloads_is_preferred() {
        let mut duel = Duel::new();
        let (lru, bip) = (some_of(Group::Lru, 20), some_of(Group::Bip, 40));
        let reload = |duel: &mut Duel, group, keys: &[Uuid]| {
            for key in keys {
                duel.evicted(group, *key, 1000);
                duel.loaded(group, *key, 1000);
            }
        };
        reload(&mut duel, Group::Lru, &lru);
        assert!(duel.prefers_bip());
        reload(&mut duel, Group::Bip, &bip);
        assert!(!duel.prefers_bip());
    }

    #[test]
    fn a_key_counts_once_for_each_eviction() {
        let mut duel = Duel::new();
        let key = some_of(Group::Lru, 1)[0];
        duel.evicted(Group::Lru, key, 1000);
        for _ in 0..5 {
            duel.loaded(Group::Lru, key, 1000);
        }
        assert_eq!(duel.lead, 1);
    }

    /// Otherwise hours of one kind of use would have to be outweighed by hours of another.
    #[test]
    fn what_was_long_ago_is_outweighed_by_as_many_reloads_as_a_trial_group_has_items() {
        let mut duel = Duel::new();
        let reload = |duel: &mut Duel, group, times: usize| {
            let key = some_of(group, 1)[0];
            for _ in 0..times {
                duel.evicted(group, key, 1600);
                duel.loaded(group, key, 1600);
            }
        };
        reload(&mut duel, Group::Lru, 100_000);
        assert!(duel.prefers_bip());
        reload(&mut duel, Group::Bip, 90);
        assert!(!duel.prefers_bip());
    }

    #[test]
    fn most_keys_of_a_cycle_of_three_times_the_cache_are_remembered() {
        let mut evicted = Evicted::new();
        let keys: Vec<_> = keys()
            .filter(|key| Group::of(*key) != Group::Followers)
            .take(3 * 2048 / 8)
            .collect();
        for key in &keys {
            evicted.insert(hash(*key), 2048);
        }
        let known = keys.iter().filter(|key| evicted.remove(hash(**key)));
        assert!(known.count() > keys.len() * 6 / 10);
    }
}
