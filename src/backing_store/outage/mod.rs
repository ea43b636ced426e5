//! Outages: while the disk refuses writes, write-backs for eviction wait, and one at a
//! time is tried as a probe to see whether writes succeed again.
//!
//! The first write that succeeds ends the outage. A value that failed once is then
//! retried at once. A value that failed more often first waits for its own delay, which
//! doubles with each failure up to 5 s, so that a value that can never be written does
//! not keep the store busy.
//!
//! In a store with a quota, the room that it has is known. So is the length of most files
//! that did not fit; `room/calls.rs` says what is known of the others. While the last refusal says that there is no room, an attempt is made
//! whenever something has made room or a write begins to wait, and only with a write that
//! may fit. One that succeeds does not end the outage, since the others may not fit: the
//! outage ends when no write waits any more. The probes continue, because other programs
//! may make room too.

mod fitting;
mod now;

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::queue::{Queue, QueuedWrite};
use super::room::{RoomCalls, RoomWork};
use crate::Error;
use crate::error::NeededRoom;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Event, Instant, Mutex};
pub(super) use fitting::Next;
use now::{Now, WaitingWrite};

const FIRST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(5);

pub(crate) type Write = Box<dyn QueuedWrite>;

#[derive(Default)]
pub(crate) struct Outage {
    /// Whether there is an outage. Successful writes read it without the lock. Changed
    /// only under the lock.
    failing: AtomicBool,
    inner: Mutex<Inner>,
    /// Notified when an outage begins and, in a store with a quota, when it ends or when no
    /// work that may make room is left.
    listeners: Mutex<Vec<Weak<Event>>>,
    room_work: RoomWork,
    room_calls: RoomCalls,
    /// Whether an outage for lack of room was logged.
    is_full_logged: AtomicBool,
}

/// Why no value can be written now.
pub(crate) struct Refusal {
    pub(crate) error: Error,
    /// Work is under way that may make room.
    pub(crate) may_end: bool,
}

#[derive(Default)]
struct Inner {
    /// Counts outages, so that a probe of an earlier one detects that it is late.
    number: u64,
    now: Option<Now>,
}

/// How long a value waits after this many failures in a row, even if other writes
/// succeed.
pub(crate) fn delay_after(failures: u32) -> Duration {
    FIRST_DELAY
        .saturating_mul(1 << failures.saturating_sub(1).min(16))
        .min(LONGEST_DELAY)
}

impl Outage {
    pub(crate) fn is_on(&self) -> bool {
        self.failing.load(Ordering::Acquire)
    }

    /// Why the disk refuses writes; `None` if there is no outage.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        if !self.is_on() {
            return None;
        }
        let inner = self.inner.lock();
        inner.now.as_ref().map(|now| Refusal {
            error: now.error.clone(),
            may_end: now.is_full && (now.is_trying || self.room_work.is_under_way()),
        })
    }

    /// Notifies all listeners of the event when an outage begins or, in a store with a
    /// quota, when there may be another answer to whether it [may end](Refusal::may_end).
    pub(crate) fn tell_of_begin(&self, event: &Arc<Event>) {
        let mut listeners = self.listeners.lock();
        listeners.retain(|event| event.strong_count() > 0);
        listeners.push(Arc::downgrade(event));
    }

    /// Reports a successful write. Ends the outage and queues all waiting writes; a
    /// write whose value still has a delay is queued when that is over. For lack of room
    /// in a store with a quota, the waiting writes are left to [`next_fitting`].
    ///
    /// [`next_fitting`]: Self::next_fitting
    pub(crate) fn write_succeeded(&self, queue: &Arc<Queue>) {
        if !self.is_on() {
            return;
        }
        let ended = {
            let mut inner = self.inner.lock();
            let now = inner.now.as_ref();
            if now.is_some_and(|now| now.is_full && !now.waiting.is_empty()) {
                return;
            }
            self.end(&mut inner)
        };
        if let Some(ended) = &ended {
            self.tell_of_end(ended);
        }
        let now = Instant::now();
        for waiting in ended.into_iter().flat_map(|outage| outage.waiting) {
            match waiting
                .not_before
                .and_then(|due| due.checked_duration_since(now))
            {
                Some(rest) => queue.write_after(rest, waiting.write),
                None => queue.write(waiting.write),
            }
        }
    }

    /// Reports that the disk refused the write of a value, which has failed this many
    /// times in a row. `retry` tries the write again. In a store with a quota, `room` is what
    /// the write needs, if it failed for lack of room.
    pub(crate) fn write_failed(
        self: &Arc<Self>,
        queue: &Arc<Queue>,
        retry: Write,
        failures: u32,
        error: &Error,
        room: Option<NeededRoom>,
    ) {
        let is_full = room.is_some();
        let has_delay = failures > 1 && !is_full;
        let waiting = WaitingWrite {
            write: retry,
            not_before: has_delay.then(|| Instant::now() + delay_after(failures)),
            needs: room.unwrap_or(NeededRoom::ANY),
        };
        let mut inner = self.inner.lock();
        if let Some(now) = &mut inner.now {
            now.failures += 1;
            now.is_full = is_full;
            let before = std::mem::replace(&mut now.error, error.clone());
            let cleared = now.wait(waiting);
            drop(inner);
            drop((before, cleared));
            return;
        }
        inner.number += 1;
        inner.now = Some(Now::new(waiting, error, is_full));
        self.failing.store(true, Ordering::Release);
        let number = inner.number;
        drop(inner);
        self.tell_of_begin_of(is_full, error);
        self.notify_listeners();
        self.probe_after(queue, FIRST_DELAY, number);
    }

    /// Lets a write wait for the end of the outage. Returns it if there is no outage.
    pub(crate) fn defer(&self, write: Write) -> Option<Write> {
        if !self.is_on() {
            return Some(write);
        }
        let mut inner = self.inner.lock();
        let Some(now) = &mut inner.now else {
            return Some(write);
        };
        let cleared = now.wait(WaitingWrite {
            write,
            not_before: None,
            needs: NeededRoom::ANY,
        });
        drop(inner);
        drop(cleared);
        None
    }

    fn notify_listeners(&self) {
        let listeners = self.listeners.lock().clone();
        for event in listeners.iter().filter_map(Weak::upgrade) {
            event.notify(usize::MAX);
        }
    }

    fn probe_after(self: &Arc<Self>, queue: &Arc<Queue>, delay: Duration, number: u64) {
        let outage = Arc::clone(self);
        let weak = Arc::downgrade(queue);
        queue.run_after(delay, move || {
            if let Some(queue) = weak.upgrade() {
                outage.probe(&queue, number);
            }
        });
    }

    /// Tries waiting writes until one of them reports a result.
    fn probe(self: &Arc<Self>, queue: &Arc<Queue>, number: u64) {
        let mut failures = None;
        loop {
            let mut inner = self.inner.lock();
            if inner.number != number {
                return;
            }
            let Some(now) = &mut inner.now else { return };
            if failures.is_some_and(|before| before != now.failures) {
                now.delay = (now.delay * 2).min(LONGEST_DELAY);
                let delay = now.delay;
                drop(inner);
                return self.probe_after(queue, delay, number);
            }
            failures = Some(now.failures);
            // Writes that failed at most once come first: they say more about the disk
            // than one that keeps failing.
            let untried = now
                .waiting
                .iter()
                .position(|waiting| waiting.not_before.is_none());
            let Some(waiting) = now.waiting.remove(untried.unwrap_or(0)) else {
                // Ends the outage under the lock that found nothing waiting.
                let ended = self.end(&mut inner);
                drop(inner);
                if let Some(ended) = ended {
                    self.tell_of_end(&ended);
                }
                return;
            };
            drop(inner);
            waiting.write.run(true);
        }
    }

    fn end(&self, inner: &mut Inner) -> Option<Now> {
        self.failing.store(false, Ordering::Release);
        inner.now.take()
    }

    /// A cache that is full for long may have many outages, of which one is logged as a
    /// warning.
    fn tell_of_begin_of(&self, is_full: bool, error: &Error) {
        if is_full && self.is_full_logged.swap(true, Ordering::Relaxed) {
            tracing::debug!(%error, "no room in the cache: values stay in memory until there is some");
        } else if is_full {
            tracing::warn!(%error, "no room in the cache: values stay in memory until there is some; later times are logged at the level DEBUG");
        } else {
            tracing::warn!(%error, "an outage began: the disk refuses writes, and values stay in memory until it accepts them again");
        }
    }

    fn tell_of_end(&self, ended: &Now) {
        if ended.is_full || ended.began_full {
            self.notify_listeners();
        }
        if ended.is_full && ended.began_full {
            tracing::debug!("no write waits for room in the cache any more");
            return;
        }
        tracing::warn!(
            "the outage ended: the disk accepts writes again, or no write is waiting for it"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_retry_delay_of_a_value_doubles_up_to_five_seconds() {
        let delays: Vec<_> = (1..=8).map(|n| delay_after(n).as_millis()).collect();
        assert_eq!(delays, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(delay_after(u32::MAX), LONGEST_DELAY);
    }
}
