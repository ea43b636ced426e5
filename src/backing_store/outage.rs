//! Outages: while the disk refuses writes, write-backs for eviction wait, and one at a
//! time is tried as a probe to see whether writes succeed again.
//!
//! The first write that succeeds ends the outage. A value that failed once is then
//! retried at once. A value that failed more often first waits for its own delay, which
//! doubles with each failure up to 5 s, so that a value that can never be written does
//! not keep the store busy.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::queue::{Lane, Queue};
use crate::Error;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Event, Instant, Mutex};

const FIRST_DELAY: Duration = Duration::from_millis(100);
/// How many writes wait before obsolete ones are first removed.
const FIRST_CLEARING: usize = 256;
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// A write-back that eviction has asked for.
pub(crate) trait QueuedWrite: Send {
    /// Tries the write, and reports the result to the outage. Reports nothing if there
    /// was nothing left to write. During an outage only a probe tries the write; any
    /// other call gives it back to the outage.
    fn run(self: Box<Self>, is_probe: bool);

    /// Whether it is certain that nothing is left to write.
    fn is_obsolete(&self) -> bool;
}

pub(crate) type Write = Box<dyn QueuedWrite>;

#[derive(Default)]
pub(crate) struct Outage {
    /// Whether there is an outage. Successful writes read it without the lock. Changed
    /// only under the lock.
    failing: AtomicBool,
    inner: Mutex<Inner>,
    /// Notified when an outage begins.
    listeners: Mutex<Vec<Weak<Event>>>,
}

#[derive(Default)]
struct Inner {
    /// Counts outages, so that a probe of an earlier one detects that it is late.
    number: u64,
    now: Option<Now>,
}

/// The current outage.
struct Now {
    delay: Duration,
    /// Failures so far. A probe compares them to detect whether it failed.
    failures: u64,
    /// The error of the last write that the disk refused.
    error: Error,
    waiting: VecDeque<WaitingWrite>,
    /// When this many writes wait, obsolete ones are removed.
    clear_at: usize,
}

struct WaitingWrite {
    write: Write,
    not_before: Option<Instant>,
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

    /// The error with which the disk refuses writes; `None` if there is no outage.
    pub(crate) fn refusal(&self) -> Option<Error> {
        if !self.is_on() {
            return None;
        }
        let inner = self.inner.lock();
        inner.now.as_ref().map(|now| now.error.clone())
    }

    /// Notifies all listeners of the event when an outage begins.
    pub(crate) fn tell_of_begin(&self, event: &Arc<Event>) {
        let mut listeners = self.listeners.lock();
        listeners.retain(|event| event.strong_count() > 0);
        listeners.push(Arc::downgrade(event));
    }

    /// Reports a successful write. Ends the outage and queues all waiting writes; a
    /// write whose value still has a delay is queued when that is over.
    pub(crate) fn write_succeeded(&self, queue: &Arc<Queue>) {
        if !self.is_on() {
            return;
        }
        let ended = self.end(&mut self.inner.lock());
        if ended.is_some() {
            tell_of_end();
        }
        let now = Instant::now();
        for waiting in ended.into_iter().flat_map(|outage| outage.waiting) {
            match waiting
                .not_before
                .and_then(|due| due.checked_duration_since(now))
            {
                Some(rest) => queue.run_after(rest, || waiting.write.run(false)),
                None => queue.run(Lane::Background, || waiting.write.run(false)),
            }
        }
    }

    /// Reports that the disk refused the write of a value, which has failed this many
    /// times in a row. `retry` tries the write again.
    pub(crate) fn write_failed(
        self: &Arc<Self>,
        queue: &Arc<Queue>,
        retry: Write,
        failures: u32,
        error: &Error,
    ) {
        let not_before = (failures > 1).then(|| Instant::now() + delay_after(failures));
        let waiting = WaitingWrite {
            write: retry,
            not_before,
        };
        let mut inner = self.inner.lock();
        if let Some(now) = &mut inner.now {
            now.failures += 1;
            let before = std::mem::replace(&mut now.error, error.clone());
            let cleared = now.wait(waiting);
            drop(inner);
            drop((before, cleared));
            return;
        }
        inner.number += 1;
        inner.now = Some(Now {
            delay: FIRST_DELAY,
            failures: 1,
            error: error.clone(),
            waiting: VecDeque::from([waiting]),
            clear_at: FIRST_CLEARING,
        });
        self.failing.store(true, Ordering::Release);
        let number = inner.number;
        drop(inner);
        tracing::warn!(%error, "an outage began: the disk refuses writes, and values stay in memory until it accepts them again");
        let listeners = self.listeners.lock().clone();
        for event in listeners.iter().filter_map(Weak::upgrade) {
            event.notify(usize::MAX);
        }
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
        });
        drop(inner);
        drop(cleared);
        None
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
                drop(ended);
                tell_of_end();
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
}

fn tell_of_end() {
    tracing::warn!(
        "the outage ended: the disk accepts writes again, or no write is waiting for it"
    );
}

impl Now {
    /// Returns the obsolete writes that it removed, which the caller drops without the
    /// lock.
    fn wait(&mut self, waiting: WaitingWrite) -> Vec<WaitingWrite> {
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
