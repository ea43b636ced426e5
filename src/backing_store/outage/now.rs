//! One outage: its error, and the writes that wait for its end.

use std::collections::VecDeque;
use std::time::Duration;

use super::{FIRST_DELAY, Write};
use crate::Error;
use crate::backing_store::room::RoomCalls;
use crate::error::NeededRoom;
use crate::sync::Instant;

/// How many writes wait before obsolete ones are first removed.
const FIRST_CLEARING: usize = 256;

/// The current outage.
pub(super) struct Now {
    pub(super) delay: Duration,
    /// Failures so far. A probe compares them to detect whether it failed.
    pub(super) failures: u64,
    /// The error of the last write that the disk refused.
    pub(super) error: Error,
    pub(super) waiting: VecDeque<WaitingWrite>,
    /// The last write was refused because a quota, or the disk of a store with a quota, has
    /// no room.
    pub(super) is_full: bool,
    /// So was the first.
    pub(super) began_full: bool,
    /// A job that tries the writes that may fit is queued or running.
    pub(super) is_trying: bool,
    /// There may be more room than that job has seen.
    pub(super) has_news: bool,
    /// No waiting write needs less, and while `may_overlap` is false, none has an overlap.
    least_needed: u64,
    may_overlap: bool,
    /// When this many writes wait, obsolete ones are removed.
    clear_at: usize,
}

pub(super) struct WaitingWrite {
    pub(super) write: Write,
    pub(super) not_before: Option<Instant>,
    /// When it is worth an attempt.
    pub(super) needs: NeededRoom,
}

impl WaitingWrite {
    fn may_fit(&self, free: u64, calls: &RoomCalls) -> bool {
        let has_one_ended = |overlap| calls.has_one_ended(overlap);
        self.needs.bytes <= free || free > 0 && self.needs.overlap.is_some_and(has_one_ended)
    }
}

impl Now {
    pub(super) fn new(waiting: WaitingWrite, error: &Error, is_full: bool) -> Self {
        Self {
            delay: FIRST_DELAY,
            failures: 1,
            error: error.clone(),
            is_full,
            began_full: is_full,
            is_trying: false,
            has_news: false,
            least_needed: waiting.needs.bytes,
            may_overlap: waiting.needs.overlap.is_some(),
            waiting: VecDeque::from([waiting]),
            clear_at: FIRST_CLEARING,
        }
    }

    /// Returns the obsolete writes that it removed, which the caller drops without the
    /// lock.
    pub(super) fn wait(&mut self, waiting: WaitingWrite) -> Vec<WaitingWrite> {
        self.least_needed = self.least_needed.min(waiting.needs.bytes);
        self.may_overlap |= waiting.needs.overlap.is_some();
        self.waiting.push_back(waiting);
        if self.waiting.len() < self.clear_at {
            return Vec::new();
        }
        let (moot, waiting): (Vec<_>, Vec<_>) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|waiting: &WaitingWrite| waiting.write.is_obsolete());
        self.waiting = waiting.into();
        self.clear_at = (self.waiting.len() * 2).max(FIRST_CLEARING);
        moot
    }

    /// Removes a write that may fit into `free` bytes. Those before it, which do not fit,
    /// become the last ones, so that they are not looked at again for each write that fits.
    pub(super) fn take_fitting(&mut self, free: u64, calls: &RoomCalls) -> Option<WaitingWrite> {
        if self.least_needed > free && !self.may_overlap {
            return None;
        }
        let (mut least, mut may_overlap) = (u64::MAX, false);
        for _ in 0..self.waiting.len() {
            let waiting = self.waiting.pop_front()?;
            if waiting.may_fit(free, calls) {
                return Some(waiting);
            }
            least = least.min(waiting.needs.bytes);
            may_overlap |= waiting.needs.overlap.is_some();
            self.waiting.push_back(waiting);
        }
        (self.least_needed, self.may_overlap) = (least, may_overlap);
        None
    }

    /// Removes obsolete writes until there is none or the first one is not obsolete.
    pub(super) fn take_obsolete(&mut self) -> Vec<WaitingWrite> {
        let waiting = &mut self.waiting;
        let is_obsolete = |waiting: &WaitingWrite| waiting.write.is_obsolete();
        std::iter::from_fn(|| match waiting.front().is_some_and(is_obsolete) {
            true => waiting.pop_front(),
            false => None,
        })
        .collect()
    }
}
