//! A cache of numbered items in memory, which does what a pool does with its lists.

use std::sync::Arc;

use uuid::Uuid;

use super::super::super::eviction_lists::EvictionLists;
use super::super::super::policy::Policy;
use super::super::Budget;
use super::super::duel::Group;
use crate::residency::{ListId, QueueId, Usage, Weight};
use crate::testing::MemStore;

pub(super) type Item = crate::residency::Item<usize, MemStore>;

pub(super) struct Cache {
    pub(super) lists: EvictionLists<usize, MemStore>,
    items: Vec<Arc<Item>>,
    /// An item ends when it is evicted, and the next load makes another one.
    forgets: bool,
}

impl Cache {
    /// A cache of some of `items` items, each of which weighs 1.
    pub(super) fn new(policy: Policy, most: usize, items: usize) -> Self {
        let budget = Budget {
            items: most,
            bytes: u64::MAX,
        };
        Self::within(budget, policy, items, |_| 1)
    }

    pub(super) fn within(
        budget: Budget,
        policy: Policy,
        items: usize,
        weight: impl Fn(usize) -> u64,
    ) -> Self {
        let item = |number| Item::dirty_under(key(number), number, Weight::Known(weight(number)));
        Self {
            lists: EvictionLists::new(budget, policy),
            items: (0..items).map(item).collect(),
            forgets: false,
        }
    }

    pub(super) fn forgetting(self) -> Self {
        Self {
            forgets: true,
            ..self
        }
    }

    pub(super) fn item(&self, number: usize) -> &Arc<Item> {
        &self.items[number]
    }

    pub(super) fn has(&self, number: usize) -> bool {
        self.items[number].list() == ListId::Resident
    }

    pub(super) fn queue(&self, number: usize) -> QueueId {
        assert!(self.has(number));
        self.items[number].queue()
    }

    /// Returns whether it was a hit.
    pub(super) fn read(&mut self, number: usize) -> bool {
        let is_hit = self.has(number);
        let item = &self.items[number];
        if !is_hit {
            self.lists.used(item, ListId::Resident, Usage::Load);
            self.enforce();
        } else if !self.lists.is_recent(item) {
            self.lists.used(item, ListId::Resident, Usage::Hit);
        }
        is_hit
    }

    /// The number of hits.
    pub(super) fn read_all(&mut self, numbers: impl IntoIterator<Item = usize>) -> usize {
        numbers
            .into_iter()
            .filter(|number| self.read(*number))
            .count()
    }

    pub(super) fn change(&mut self, number: usize) {
        let item = &self.items[number];
        self.lists.move_to(item, ListId::Unlisted);
        self.lists.used(item, ListId::Resident, Usage::Change);
        self.enforce();
    }

    pub(super) fn remove(&mut self, number: usize) {
        self.lists.move_to(&self.items[number], ListId::Unlisted);
    }

    /// Evicts what exceeds the budget. Returns the numbers of what was evicted.
    pub(super) fn enforce(&mut self) -> Vec<usize> {
        let mut evicted = Vec::new();
        while let Some(victim) = self.lists.pop_victim() {
            let number = self.number_of(&victim);
            evicted.push(number);
            if self.forgets {
                self.items[number] = Item::dirty_under(key(number), number, victim.weight());
            }
        }
        evicted
    }

    fn number_of(&self, item: &Item) -> usize {
        item.indexed_key().as_u128() as usize - 1
    }

    /// How many items of each group are there.
    pub(super) fn groups(&self) -> [usize; 3] {
        let mut counts = [0; 3];
        for number in 0..self.items.len() {
            if self.has(number) {
                counts[usize::from(self.queue(number).group)] += 1;
            }
        }
        counts
    }
}

fn key(number: usize) -> Uuid {
    Uuid::from_u128(number as u128 + 1)
}

pub(super) fn group_of(number: usize) -> Group {
    Group::of(key(number))
}

/// A generator of numbers, the same in each run.
pub(super) struct Rng(pub(super) u64);

impl Rng {
    pub(super) fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % most
    }
}
