//! Calls of a store with a quota that may change how much room there is.
//!
//! A store of the user refuses a write without saying how much room it needs. That is more
//! than there was at that moment, which only the store knows. If no other call overlapped
//! with the write, then nothing has changed since, and what is free afterwards is not enough.
//! If one did, there may have been less room for a moment:
//!
//! | other calls that overlapped with the refused write | it is tried again |
//! |---|---|
//! | none | when there is more room than after the refusal |
//! | one has ended before the refusal was noticed | when there is any room |
//! | all are still running | when there is more room than after the refusal, or when one has ended and there is any |
//!
//! So no write waits although it fits: what has made room for it has ended. And each attempt
//! that the table calls for, unless there is more room, follows the end of a call that
//! overlapped with the one before it. The attempts of waiting writes do not overlap with each
//! other, so that they never keep each other going.

use std::collections::BTreeSet;

use crate::error::{NeededRoom, Overlap};
use crate::sync::Mutex;

#[derive(Default)]
pub(in crate::backing_store) struct RoomCalls(Mutex<Calls>);

#[derive(Default)]
struct Calls {
    /// Calls ever begun, which is also the number of the last one.
    begun: u64,
    /// The numbers of those that are running.
    running: BTreeSet<u64>,
}

/// A call that is running.
pub(super) struct Call {
    number: u64,
    /// How many others were running when it began.
    others: usize,
}

impl RoomCalls {
    pub(super) fn begin(&self) -> Call {
        let mut calls = self.0.lock();
        calls.begun += 1;
        let (number, others) = (calls.begun, calls.running.len());
        calls.running.insert(number);
        Call { number, others }
    }

    pub(super) fn end(&self, call: &Call) {
        self.0.lock().running.remove(&call.number);
    }

    /// What a write needs that was refused in `call`, which is still running. `free` bytes
    /// were free after the refusal.
    pub(super) fn needed_after(&self, call: &Call, free: u64) -> NeededRoom {
        let calls = self.0.lock();
        let begun_since = (calls.begun - call.number) as usize;
        let running = calls.running.len() - 1;
        if running < call.others + begun_since {
            return NeededRoom::ANY;
        }
        let overlap = Overlap {
            last: calls.begun,
            running,
        };
        NeededRoom {
            bytes: free.saturating_add(1),
            overlap: (running > 0).then_some(overlap),
        }
    }

    /// Whether one of these calls has ended.
    pub(in crate::backing_store) fn has_one_ended(&self, overlap: Overlap) -> bool {
        let calls = self.0.lock();
        calls.running.range(..=overlap.last).count() < overlap.running
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_that_was_refused_alone_needs_more_than_is_free() {
        let calls = RoomCalls::default();
        let before = calls.begin();
        calls.end(&before);
        let write = calls.begin();
        let needed = calls.needed_after(&write, 7);
        assert_eq!((needed.bytes, needed.overlap), (8, None));
    }

    #[test]
    fn any_room_is_enough_after_a_call_that_ended_meanwhile() {
        for is_first in [true, false] {
            let calls = RoomCalls::default();
            let mut other = is_first.then(|| calls.begin());
            let write = calls.begin();
            let other = other.take().unwrap_or_else(|| calls.begin());
            calls.end(&other);
            assert_eq!(calls.needed_after(&write, 7), NeededRoom::ANY);
        }
    }

    #[test]
    fn a_call_that_goes_on_leads_to_one_attempt_when_it_ends() {
        let calls = RoomCalls::default();
        let other = calls.begin();
        let write = calls.begin();
        let needed = calls.needed_after(&write, 7);
        assert_eq!(needed.bytes, 8);
        let overlap = needed.overlap.expect("the other call is running");
        calls.end(&write);
        assert!(!calls.has_one_ended(overlap), "its own end does not count");
        let later = calls.begin();
        calls.end(&later);
        assert!(!calls.has_one_ended(overlap), "it did not overlap");
        calls.end(&other);
        assert!(calls.has_one_ended(overlap));
        let again = calls.begin();
        assert_eq!(calls.needed_after(&again, 7).overlap, None);
    }
}
