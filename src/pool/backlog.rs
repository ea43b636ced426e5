//! Back-pressure: a bound on the backlog, the evicted values that stay in memory
//! until they are written.
//!
//! An insert never waits. Producers that can outrun the disk call `reserve` first.
//! An unused permit counts as one more value in the backlog, with the weight of
//! the last value that was inserted or changed with a permit, or the guess for values that are not
//! written yet where that is larger.
//!
//! Before a pool without known weights has written its first value, nothing bounds the
//! bytes. Then the backlog has room for one value more than can be written at a time.

use std::sync::Arc;

use super::eviction_lists::Amounts;
use super::weighing::Guess;
use crate::Error;
use crate::sync::{Event, Mutex};

/// How much may wait to be written before `reserve` waits too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound {
    pub(crate) items: usize,
    pub(crate) bytes: u64,
}

pub(crate) struct Backlog {
    bound: Bound,
    /// How many values may wait while nothing is known of their weight.
    unweighed: usize,
    permits: Mutex<Permits>,
    /// Notified when there may be room, or a reason to give up.
    changed: Arc<Event>,
}

#[derive(Default)]
struct Permits {
    unused: usize,
    /// The weight of the last value that entered with a permit.
    weight: u64,
    /// The last write error that was the value's fault, not the system's.
    refusal: Option<Error>,
}

impl Permits {
    /// What the values will weigh that unused permits promise.
    fn promised(&self, guess: Guess) -> u64 {
        let each = self.weight.max(guess.bytes());
        each.saturating_mul(self.unused as u64)
    }
}

/// Whether the backlog has room for another value.
pub(super) enum Room {
    Free,
    Full,
    /// Values that cannot be written fill the bound.
    Refused(Option<Error>),
}

impl Backlog {
    /// `writers` is how many values are written at a time.
    pub(crate) fn new(bound: Bound, writers: usize) -> Self {
        Self {
            bound,
            unweighed: writers + 1,
            permits: Mutex::default(),
            changed: Arc::default(),
        }
    }

    pub(crate) fn changed(&self) -> &Arc<Event> {
        &self.changed
    }

    /// The backlog may have shrunk. Wakes one waiter, which wakes the next if there
    /// is more room than it needs.
    pub(crate) fn room_made(&self) {
        self.changed.notify(1);
    }

    /// A write has ended; `error` is `None` if it succeeded.
    ///
    /// After a success, a waiter is woken only once half of the room is free: waking
    /// a producer for each value costs more than writing a small one, and until then
    /// other writes are still in flight. Permits in use and values that cannot be
    /// written do not drain by themselves, so they are left out of that calculation.
    pub(super) fn write_ended(&self, error: Option<&Error>, guess: Guess, amounts: &Amounts) {
        match error {
            None => {
                if self.is_half_free(guess, amounts) {
                    self.room_made();
                }
            }
            Some(error) => {
                if !error.is_refused_by_system() {
                    let before = self.permits.lock().refusal.replace(error.clone());
                    // Dropped without the lock: its source may be a user's type.
                    drop(before);
                }
                self.changed.notify(usize::MAX);
            }
        }
    }

    pub(super) fn admit(&self, guess: Guess, amounts: impl FnOnce() -> Amounts) -> Room {
        let bound = self.bound(guess);
        let mut permits = self.permits.lock();
        let amounts = amounts();
        let (unwritten, refused) = (amounts.unwritten, amounts.unwritable);
        let promised = permits.promised(guess);
        let items = unwritten.items + permits.unused;
        let bytes = unwritten.bytes.saturating_add(promised);
        if items == 0 || items < bound.items && bytes < bound.bytes {
            permits.unused += 1;
            Room::Free
        } else if refused.items >= bound.items.max(1) || refused.bytes >= bound.bytes {
            Room::Refused(permits.refusal.clone())
        } else {
            Room::Full
        }
    }

    fn is_half_free(&self, guess: Guess, amounts: &Amounts) -> bool {
        let bound = self.bound(guess);
        let permits = self.permits.lock();
        let promised = permits.promised(guess);
        let stuck = amounts.unwritable;
        let items = bound.items.saturating_sub(stuck.items + permits.unused);
        let bytes = bound
            .bytes
            .saturating_sub(stuck.bytes.saturating_add(promised));
        let written = amounts.unwritten;
        (written.items - stuck.items) * 2 <= items && (written.bytes - stuck.bytes) <= bytes / 2
    }

    fn bound(&self, guess: Guess) -> Bound {
        let items = match guess {
            Guess::Unknown => self.bound.items.min(self.unweighed),
            Guess::NotNeeded | Guess::Bytes(_) => self.bound.items,
        };
        Bound {
            items,
            ..self.bound
        }
    }

    /// A permit is gone. If it was used, with the weight of its value.
    pub(super) fn give_back(&self, used_for: Option<u64>) {
        let mut permits = self.permits.lock();
        permits.unused -= 1;
        permits.weight = used_for.unwrap_or(permits.weight);
        drop(permits);
        self.room_made();
    }
}
