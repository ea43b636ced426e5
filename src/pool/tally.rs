//! Numbers of items, and what they weigh.

use crate::residency::Weight;

/// What some items weigh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    known: Amount,
    /// The items whose weight is only a lower bound.
    at_least: Amount,
}

/// A number of items, and their total weight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) items: usize,
    pub(crate) bytes: u64,
}

impl Tally {
    pub(super) fn add(&mut self, weight: Weight) {
        let amount = self.of(weight);
        amount.items += 1;
        amount.bytes += weight.bytes();
    }

    pub(super) fn subtract(&mut self, weight: Weight) {
        let amount = self.of(weight);
        amount.items -= 1;
        amount.bytes -= weight.bytes();
    }

    /// One of the items is about to weigh something else.
    pub(super) fn reweigh(&mut self, before: Weight, after: Weight) {
        self.subtract(before);
        self.add(after);
    }

    fn of(&mut self, weight: Weight) -> &mut Amount {
        match weight {
            Weight::Known(_) => &mut self.known,
            Weight::AtLeast(_) => &mut self.at_least,
        }
    }

    pub(super) fn items(&self) -> usize {
        self.known.items + self.at_least.items
    }

    /// The known bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.known.bytes + self.at_least.bytes
    }

    /// The amount, in which each item whose weight is only a lower bound counts as `guess`
    /// bytes, or as its lower bound where those are more in total.
    pub(super) fn amount(&self, guess: u64) -> Amount {
        let guessed = guess.saturating_mul(self.at_least.items as u64);
        self.known.and(Amount {
            items: self.at_least.items,
            bytes: self.at_least.bytes.max(guessed),
        })
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self {
            known: self.known.and(other.known),
            at_least: self.at_least.and(other.at_least),
        }
    }
}

impl Amount {
    fn and(self, other: Self) -> Self {
        Self {
            items: self.items + other.items,
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }
}
