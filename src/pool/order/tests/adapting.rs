//! What each policy finds in memory, by how the items are used.

use super::super::super::policy::Policy;
use super::super::MANY;
use super::cache::{Cache, Rng};

const KEPT: usize = 1000;

/// Of `passes` over more items than fit, the share that the best possible policy finds in
/// memory after the first pass.
fn optimum(items: usize) -> f64 {
    (KEPT - 1) as f64 / (items - 1) as f64
}

/// The share of hits in passes over `items` items after the first, where each is read
/// `times` times; of several reads in a row, the first one counts.
fn share_of_hits(mut cache: Cache, items: usize, times: usize) -> f64 {
    let (passes, mut hits) = (6, 0);
    for pass in 0..=passes {
        for number in 0..items {
            let is_hit = cache.read(number);
            hits += usize::from(is_hit && pass > 0);
            for _ in 1..times {
                assert!(cache.read(number), "it was just loaded");
            }
        }
    }
    hits as f64 / (passes * items) as f64
}

#[test]
fn a_cycle_longer_than_the_cache_defeats_lru() {
    let cache = Cache::new(Policy::Lru, KEPT, 1200);
    assert_eq!(share_of_hits(cache, 1200, 1), 0.0);
}

#[test]
fn three_quarters_of_the_optimum_of_a_cycle_are_hits() {
    for policy in [Policy::Bip, Policy::Dip] {
        for items in [1200, 1500, 1700] {
            let hits = share_of_hits(Cache::new(policy, KEPT, items), items, 1);
            let of_optimum = hits / optimum(items);
            assert!(of_optimum >= 0.75, "{policy:?} {items}: {of_optimum}");
        }
    }
}

/// Otherwise the second read would move every value to the front, and the order would be LRU.
#[test]
fn a_scan_that_reads_each_value_twice_is_a_scan() {
    for policy in [Policy::Bip, Policy::Dip] {
        for items in [1200, 1700] {
            let hits = share_of_hits(Cache::new(policy, KEPT, items), items, 2);
            let of_optimum = hits / optimum(items);
            assert!(of_optimum >= 0.75, "{policy:?} {items}: {of_optimum}");
        }
    }
}

/// Items of a dataset end when they are evicted.
#[test]
fn the_duel_knows_items_that_were_made_anew() {
    let cache = Cache::new(Policy::Dip, KEPT, 1500).forgetting();
    let of_optimum = share_of_hits(cache, 1500, 1) / optimum(1500);
    assert!(of_optimum >= 0.75, "{of_optimum}");
}

/// Hits of reads of which nine in ten are of a small set, which changes again and again.
fn hits_of_shifting_sets(policy: Policy) -> usize {
    let items = 20_000;
    let mut cache = Cache::new(policy, KEPT, items);
    let mut rng = Rng(99);
    let (mut begin, mut hits) = (0, 0);
    for read in 0..200_000 {
        if read % 10_000 == 0 {
            begin += 750;
        }
        let number = match rng.below(10) {
            0 => rng.below(items),
            _ => (begin + rng.below(750)) % items,
        };
        hits += usize::from(cache.read(number));
    }
    hits
}

#[test]
fn a_working_set_that_shifts_costs_dip_four_points_at_most() {
    let lru = hits_of_shifting_sets(Policy::Lru);
    let dip = hits_of_shifting_sets(Policy::Dip);
    assert!(dip + 200_000 * 4 / 100 >= lru, "{dip} of {lru}");
}

#[test]
fn dip_turns_to_lru_after_scans_and_back() {
    let items = 3000;
    let mut cache = Cache::new(Policy::Dip, KEPT, items);
    let mut rng = Rng(7);
    for round in 0..3 {
        for _ in 0..7 {
            cache.read_all(0..1500);
        }
        let scanned = cache.read_all(0..1500);
        assert!(scanned > 700, "scan {round}: {scanned}");
        // Recency alone: each set is used for a while, and never again.
        let mut hits = 0;
        for set in 0..20 {
            let begin = (round * 20 + set) * 700;
            let reads = (0..4000).map(|_| (begin + rng.below(700)) % items);
            hits += cache.read_all(reads.collect::<Vec<_>>());
        }
        assert!(hits > 20 * 4000 * 3 / 4, "sets {round}: {hits}");
    }
}

#[test]
fn dip_is_lru_if_there_are_few_items() {
    let (most, items) = (MANY - 2, 2000);
    let mut caches = [Policy::Lru, Policy::Dip].map(|policy| Cache::new(policy, most, items));
    let mut rng = Rng(3);
    for _ in 0..50_000 {
        let number = match rng.below(2) {
            0 => rng.below(items),
            _ => rng.below(300),
        };
        let [lru, dip] = caches.each_mut().map(|cache| cache.read(number));
        assert_eq!(lru, dip);
    }
}

#[test]
fn the_duel_ends_when_most_items_are_gone() {
    let mut cache = Cache::new(Policy::Dip, KEPT, 3000);
    cache.read_all(0..3000);
    assert!(cache.groups()[1] > 0 && cache.groups()[2] > 0);
    let there: Vec<_> = (0..3000).filter(|number| cache.has(*number)).collect();
    for number in &there[100..] {
        cache.remove(*number);
    }
    cache.read(there[0]);
    cache.read(0);
    cache.lists.validate();
    assert_eq!(cache.groups()[1..], [0, 0]);
    assert!(there[..100].iter().all(|number| cache.has(*number)));
}
