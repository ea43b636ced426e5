//! Which item is evicted, and what moves an item.

use std::collections::BTreeSet;

use super::super::super::policy::Policy;
use super::super::Budget;
use super::super::duel::{GROUPS, Group, WHOLE_SHARE};
use super::cache::{Cache, Item, group_of};
use crate::residency::{ListId, Segment, Usage};

fn segment(cache: &Cache, number: usize) -> Segment {
    cache.queue(number).segment
}

/// A cache that keeps what is old, and is full of numbers below `most`.
fn full(most: usize) -> Cache {
    let mut cache = Cache::new(Policy::Bip, most, 10 * most);
    cache.read_all(0..most);
    assert!((0..most).all(|number| segment(&cache, number) == Segment::Protected));
    cache
}

#[test]
fn a_value_that_enters_a_full_cache_is_on_probation_and_goes_first() {
    let mut cache = full(100);
    cache.read_all(100..120);
    assert_eq!(segment(&cache, 119), Segment::Probation);
    assert!(
        !cache.has(100),
        "it was followed by more than the probation holds"
    );
    let old = (0..100).filter(|number| cache.has(*number)).count();
    assert!(old >= 89, "{old}");
}

#[test]
fn a_hit_soon_after_the_load_moves_nothing() {
    let mut cache = full(100);
    cache.read(100);
    for _ in 0..10 {
        assert!(cache.read(100));
    }
    assert_eq!(segment(&cache, 100), Segment::Probation);
}

#[test]
fn a_hit_in_the_older_half_of_the_probation_protects() {
    let mut cache = full(100);
    cache.read_all(100..107);
    assert!(cache.read(100));
    assert_eq!(segment(&cache, 100), Segment::Protected);
    cache.read_all(200..300);
    assert!(cache.has(100));
}

#[test]
fn the_order_itself_refuses_to_move_an_item_of_the_recent_half() {
    let mut cache = full(100);
    cache.read(100);
    let item = cache.item(100).clone();
    cache.lists.used(&item, ListId::Resident, Usage::Hit);
    assert_eq!(segment(&cache, 100), Segment::Probation);
}

#[test]
fn a_changed_value_returns_to_the_segment_that_it_had() {
    let mut cache = full(100);
    cache.read(100);
    cache.change(100);
    assert_eq!(segment(&cache, 100), Segment::Probation);
    cache.change(99);
    assert_eq!(segment(&cache, 99), Segment::Protected);
}

#[test]
fn a_value_that_is_loaded_again_is_on_probation_again() {
    let mut cache = full(100);
    cache.remove(50);
    cache.read(100);
    assert_eq!(segment(&cache, 100), Segment::Protected, "there was room");
    cache.read(50);
    assert_eq!(segment(&cache, 50), Segment::Probation);
}

#[test]
fn one_in_32_enters_in_front_of_old_values() {
    let mut cache = full(1000);
    let entered = (1000..2000).filter(|number| {
        cache.read(*number);
        segment(&cache, *number) == Segment::Protected
    });
    assert_eq!(entered.count(), 1000 / 32);
}

/// Without that, what is left of the probation would be evicted only with everything else.
#[test]
fn in_lru_order_the_probation_is_evicted_first() {
    let mut cache = Cache::new(Policy::Dip, 1000, 8000);
    // Scans, after which old values are kept.
    for _ in 0..4 {
        cache.read_all(0..1500);
    }
    let on_probation = |cache: &Cache, group: Group| {
        let there = (0..8000).filter(|number| cache.has(*number) && group_of(*number) == group);
        there
            .filter(|number| segment(cache, *number) == Segment::Probation)
            .count()
    };
    assert!(on_probation(&cache, Group::Followers) > 50);
    assert_eq!(on_probation(&cache, Group::Lru), 0);
    // Sets that shift, after which the order is LRU.
    for set in 0..20 {
        let reads = (0..2800).map(|read| (set * 700 + read % 700) % 8000);
        cache.read_all(reads.collect::<Vec<_>>());
    }
    assert_eq!(on_probation(&cache, Group::Followers), 0);
}

#[test]
fn the_victim_is_of_the_group_furthest_above_its_share() {
    let mut cache = Cache::new(Policy::Dip, 2000, 40_000);
    cache.read_all(0..40_000);
    for (group, count) in GROUPS.into_iter().zip(cache.groups()) {
        let share = 2000 * group.share() / WHOLE_SHARE;
        assert!(
            count.abs_diff(share as usize) <= 1,
            "{group:?}: {count} of {share}"
        );
    }
    // Of one group alone: the others keep what they have until they exceed their shares.
    let of_lru = (0..40_000).filter(|number| group_of(*number) == Group::Lru);
    let before = cache.groups();
    cache.read_all(of_lru.collect::<Vec<_>>());
    assert_eq!(cache.groups(), before);
}

#[test]
fn a_value_heavier_than_the_budget_goes_first_with_each_policy() {
    for policy in [Policy::Lru, Policy::Bip, Policy::Dip] {
        let budget = Budget {
            items: usize::MAX,
            bytes: 1000,
        };
        let mut cache = Cache::within(budget, policy, 1000, |number| match number {
            999 => 5000,
            _ => 1,
        });
        cache.read_all(0..990);
        cache
            .lists
            .used(cache.item(999), ListId::Resident, Usage::Load);
        assert_eq!(cache.enforce(), [999], "{policy:?}");
        assert!((0..990).all(|number| cache.has(number)));
    }
}

#[test]
fn a_budget_in_bytes_is_shared_by_bytes() {
    let budget = Budget {
        items: usize::MAX,
        bytes: 100_000,
    };
    let weight = |number: usize| 50 + number as u64 % 100;
    let items = 1700;
    let mut cache = Cache::within(budget, Policy::Dip, items, weight);
    let mut hits = 0;
    for _ in 0..7 {
        hits += cache.read_all(0..items);
    }
    // A thousand fit, and of the passes after the first the best possible is 59 %.
    assert!(hits > 6 * items * 44 / 100, "{hits}");
    let bytes: u64 = (0..items)
        .filter(|number| cache.has(*number))
        .map(weight)
        .sum();
    assert!(bytes <= 100_000);
}

/// Maps enter their order as those in memory do, but have no budget of their own.
fn maps(policy_items: usize) -> Cache {
    let cache = Cache::new(Policy::Lru, usize::MAX, policy_items);
    for number in 0..policy_items {
        let item = cache.item(number);
        cache.lists.used(item, ListId::Mapped, Usage::Load);
    }
    cache
}

#[test]
fn a_pass_over_maps_looks_at_each_once_although_pinned_ones_go_back() {
    let cache = maps(2000);
    let mut pass = cache.lists.begin_pass();
    let mut seen = BTreeSet::new();
    while let Some(item) = cache.lists.pop_mapped(&mut pass) {
        assert!(seen.insert(item.indexed_key()), "twice");
        cache.lists.used(&item, ListId::Mapped, Usage::Pinned);
    }
    assert_eq!(seen.len(), 2000);
    assert_eq!(cache.lists.mapped(), 2000);
    cache.lists.validate();
}

/// If the pass began again with the probation, it would never get to what it can evict.
#[test]
fn a_pass_goes_on_behind_a_probation_that_is_all_in_use() {
    let cache = maps(2000);
    let mut pass = cache.lists.begin_pass();
    (0..500).for_each(|_| drop(cache.lists.pop_mapped(&mut pass).expect("a map")));
    // Scans of what was evicted, until old maps are kept.
    for _ in 0..6 {
        for number in 0..2000 {
            if cache.item(number).list() == ListId::Mapped {
                continue;
            }
            cache
                .lists
                .used(cache.item(number), ListId::Mapped, Usage::Load);
            let mut pass = cache.lists.begin_pass();
            cache.lists.pop_mapped(&mut pass).expect("a map");
        }
    }
    let is_on_probation = |item: &Item| item.queue().segment == Segment::Probation;
    let listed = (0..2000).map(|number| cache.item(number));
    let listed = listed.filter(|item| item.list() == ListId::Mapped);
    assert!(listed.filter(|item| is_on_probation(item)).count() > 50);
    let mut pass = cache.lists.begin_pass();
    let mut seen = BTreeSet::new();
    while let Some(item) = cache.lists.pop_mapped(&mut pass) {
        assert!(seen.insert(item.indexed_key()), "twice");
        if is_on_probation(&item) {
            cache.lists.used(&item, ListId::Mapped, Usage::Pinned);
        }
    }
    assert_eq!(seen.len(), 1500);
    cache.lists.validate();
}

#[test]
fn a_pass_over_maps_is_in_the_order_of_the_groups_shares() {
    let cache = maps(2000);
    let mut pass = cache.lists.begin_pass();
    for _ in 0..1000 {
        cache.lists.pop_mapped(&mut pass).expect("there are more");
    }
    let mut counts = [0_usize; 3];
    let left = (0..2000).filter(|number| cache.item(*number).list() == ListId::Mapped);
    left.for_each(|number| counts[usize::from(cache.item(number).queue().group)] += 1);
    for (group, count) in GROUPS.into_iter().zip(counts) {
        let share = 1000 * group.share() / WHOLE_SHARE;
        assert!(count <= share as usize + 1, "{group:?}: {count} of {share}");
    }
}
