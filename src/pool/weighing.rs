//! The cost of resident values.
//!
//! With a weigher, or with a strategy whose footprints are exact, the weight of a value
//! is known when it enters the pool. Otherwise it is the larger of the footprint and the
//! encoded length, which the store reports when it has written or loaded the value.
//! Until then, the lengths of the values that were written last stand in for it.

use std::sync::OnceLock;

use super::{FBPool, maps};
use crate::backing_store::{Strategy, guarded};
use crate::residency::{Cost, HEAVIEST, Weight};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering};

/// Returns the weight of a value, in bytes.
pub(crate) type Weigher<T> = Box<dyn Fn(&T) -> u64 + Send + Sync>;

/// How the values of a pool are weighed.
pub(super) struct Weighing<T> {
    weigher: Option<Weigher<T>>,
    /// Whether weights are known only after a write or a load. Asked of the store once.
    measures: OnceLock<bool>,
    lengths: Lengths,
}

/// What is known of the weight of values that have not been written yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guess {
    /// All weights are known.
    NotNeeded,
    /// Nothing is known, because no write has ended yet.
    Unknown,
    Bytes(u64),
}

impl Guess {
    pub(super) fn bytes(self) -> u64 {
        match self {
            Self::NotNeeded | Self::Unknown => 0,
            Self::Bytes(bytes) => bytes,
        }
    }
}

impl<T> Weighing<T> {
    pub(super) fn new(weigher: Option<Weigher<T>>) -> Self {
        Self {
            weigher,
            measures: OnceLock::new(),
            lengths: Lengths::new(),
        }
    }

    /// How many bytes stand in for a weight of which only a lower bound is known.
    pub(super) fn guessed_bytes(&self) -> u64 {
        self.lengths.guess().bytes()
    }
}

impl<T: Send + Sync + 'static, B: Strategy<T>> FBPool<T, B> {
    /// The cost of a value that was loaded from its file, where it takes `encoded_len`
    /// bytes, if the store reports that.
    pub(super) fn cost_of(&self, value: &T, encoded_len: Option<u64>) -> Cost {
        let footprint = guarded(|| Ok(self.core().backing.footprint(value)));
        if let Ok(footprint) = footprint
            && maps::ENABLED
            && footprint.is_mapped()
        {
            return Cost {
                weight: (footprint.mapped as u64).min(HEAVIEST),
                is_map: true,
            };
        }
        let weight = match self.weigh(value) {
            Weight::Known(bytes) => bytes,
            Weight::AtLeast(bytes) => bytes.max(encoded_len.unwrap_or(0)).min(HEAVIEST),
        };
        Cost {
            weight,
            is_map: false,
        }
    }

    /// The memory that a value uses. If the code that weighs it panics, the value
    /// weighs as much as its type.
    pub(super) fn weigh(&self, value: &T) -> Weight {
        let bytes = guarded(|| {
            Ok(match &self.weighing.weigher {
                Some(weigh) => weigh(value),
                None => self.core().backing.footprint(value).heap as u64,
            })
        });
        let bytes = bytes.unwrap_or(size_of::<T>() as u64).min(HEAVIEST);
        match self.measures() {
            true => Weight::AtLeast(bytes),
            false => Weight::Known(bytes),
        }
    }

    /// What is known of the weight of values that have not been written yet.
    pub(super) fn guess(&self) -> Guess {
        match self.measures() {
            true => self.weighing.lengths.guess(),
            false => Guess::NotNeeded,
        }
    }

    /// A value was written. Its encoded length counts for the values that follow; 0 if
    /// the store did not report it.
    pub(super) fn note_written(&self, encoded_len: Option<u64>) {
        if self.measures() {
            self.weighing.lengths.note(encoded_len.unwrap_or(0));
        }
    }

    fn measures(&self) -> bool {
        let weighing = &self.weighing;
        *weighing.measures.get_or_init(|| {
            let measures = || guarded(|| Ok(self.core().backing.measures_values()));
            weighing.weigher.is_none() && measures().unwrap_or(false)
        })
    }
}

/// The encoded lengths of the values that were written last.
struct Lengths {
    recent: Mutex<Recent>,
    /// The larger of mean and maximum; [`NO_LENGTH`] before the first one.
    guess: AtomicU64,
}

const NO_LENGTH: u64 = u64::MAX;

/// The mean weighs this many lengths, and the maximum is that of the last one to two
/// times as many.
const WINDOW: u64 = 64;

#[derive(Default)]
struct Recent {
    /// At most [`WINDOW`].
    seen: u64,
    mean: u64,
    /// Lengths in the current window, and their maximum.
    in_window: u64,
    maximum: u64,
    /// The maximum of the window before.
    previous: u64,
}

impl Lengths {
    fn new() -> Self {
        Self {
            recent: Mutex::default(),
            guess: AtomicU64::new(NO_LENGTH),
        }
    }

    fn guess(&self) -> Guess {
        match self.guess.load(Ordering::Relaxed) {
            NO_LENGTH => Guess::Unknown,
            bytes => Guess::Bytes(bytes),
        }
    }

    fn note(&self, length: u64) {
        let mut recent = self.recent.lock();
        recent.note(length.min(HEAVIEST));
        let guess = recent.mean.max(recent.maximum).max(recent.previous);
        self.guess.store(guess, Ordering::Relaxed);
    }
}

impl Recent {
    fn note(&mut self, length: u64) {
        self.seen = (self.seen + 1).min(WINDOW);
        self.mean = (self.mean * (self.seen - 1) + length) / self.seen;
        if self.in_window == WINDOW {
            self.in_window = 0;
            self.previous = std::mem::take(&mut self.maximum);
        }
        self.in_window += 1;
        self.maximum = self.maximum.max(length);
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn the_guess_follows_the_recent_lengths() {
        let lengths = Lengths::new();
        assert_eq!(lengths.guess(), Guess::Unknown);
        let note = |length, times| {
            (0..times).for_each(|_| lengths.note(length));
            lengths.guess().bytes()
        };
        assert_eq!(note(100, 1), 100);
        assert_eq!(note(5000, 1), 5000, "the maximum");
        assert_eq!(note(100, WINDOW - 2), 5000);
        assert_eq!(note(100, WINDOW), 5000, "it is in the window before");
        let mean = note(100, 1);
        assert!((100..200).contains(&mean), "it is forgotten: {mean}");
        assert_eq!(note(u64::MAX, 200), HEAVIEST);
        let after = note(10, 2 * WINDOW);
        assert!(after > HEAVIEST / 20, "the mean forgets slowly: {after}");
    }
}
