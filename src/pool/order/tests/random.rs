//! Random uses of each order, whose invariants hold after each step.

use proptest::prelude::*;

use super::super::super::policy::Policy;
use super::super::Budget;
use super::cache::Cache;
use crate::residency::{ListId, Usage, Weight};

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Of so many items from this one on.
    ReadSome(usize, usize),
    Change(usize),
    Remove(usize),
    RemoveSome(usize, usize),
    Reweigh(usize, u64),
    /// Evicts it, finds it pinned, and puts it back.
    Pinned,
    /// The same for one that waits for its guard and is then read.
    HitWhenPinned(usize),
}

const ITEMS: usize = 2000;

fn step() -> impl Strategy<Value = Step> {
    let at = 0..ITEMS;
    prop_oneof![
        4 => (at.clone(), 1..400_usize).prop_map(|(at, count)| Step::ReadSome(at, count)),
        1 => at.clone().prop_map(Step::Change),
        1 => at.clone().prop_map(Step::Remove),
        1 => (at.clone(), 1..900_usize).prop_map(|(at, count)| Step::RemoveSome(at, count)),
        1 => (at.clone(), 0..30_u64).prop_map(|(at, weight)| Step::Reweigh(at, weight)),
        1 => Just(Step::Pinned),
        1 => at.prop_map(Step::HitWhenPinned),
    ]
}

fn run(cache: &mut Cache, step: Step) {
    match step {
        Step::ReadSome(at, count) => {
            cache.read_all((at..at + count).map(|number| number % ITEMS));
        }
        Step::Change(at) => {
            if cache.has(at) {
                cache.change(at);
            }
        }
        Step::Remove(at) => cache.remove(at),
        Step::RemoveSome(at, count) => {
            (at..at + count).for_each(|number| cache.remove(number % ITEMS));
        }
        Step::Reweigh(at, weight) => {
            cache.lists.reweigh(cache.item(at), Weight::Known(weight));
            cache.enforce();
        }
        Step::Pinned => {
            if let Some(item) = cache.lists.pop_victim() {
                cache.lists.used(&item, ListId::Resident, Usage::Pinned);
                cache.enforce();
            }
        }
        Step::HitWhenPinned(at) => {
            if cache.has(at) {
                let item = cache.item(at).clone();
                cache.lists.move_to(&item, ListId::Pinned);
                cache.lists.used(&item, ListId::Resident, Usage::Hit);
                cache.enforce();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 60,
        failure_persistence: None,
        rng_algorithm: prop::test_runner::RngAlgorithm::XorShift,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_item_is_where_it_says_and_the_budget_holds(
        policy in prop::sample::select(vec![Policy::Lru, Policy::Bip, Policy::Dip]),
        items in prop_oneof![Just(usize::MAX), 0..3_usize, 500..1200_usize],
        bytes in prop_oneof![Just(u64::MAX), 0..30_u64, 3000..12_000_u64],
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let budget = Budget { items, bytes };
        let mut cache = Cache::within(budget, policy, ITEMS, |number| number as u64 % 16);
        for step in steps {
            run(&mut cache, step);
            cache.lists.validate();
            let resident = cache.lists.amounts(0).resident;
            prop_assert!(resident.items <= items && resident.bytes <= bytes);
        }
    }
}
