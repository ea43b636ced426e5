//! What happens while the disk refuses writes: writes that eviction wants wait,
//! and one at a time is tried to see whether it works again.
//!
//! The first write that goes well ends the outage. A value that failed once is
//! tried again then; one that failed more often waits for a delay of its own,
//! which doubles up to 5 s with each failure: a value that can never be written
//! must not keep the store busy.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::queue::{Lane, Queue};
use crate::Error;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Event, Instant, Mutex};

const FIRST_DELAY: Duration = Duration::from_millis(100);
/// So many writes wait before the first look for moot ones.
const FIRST_CLEARING: usize = 256;
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// A write that eviction wants.
pub(crate) trait QueuedWrite: Send {
    /// Tries it. It tells the outage how that went, or says nothing if there was
    /// nothing left to write. During an outage only a probe tries; any other
    /// turn gives it back to the outage.
    fn run(self: Box<Self>, is_probe: bool);

    /// Whether there surely is nothing left to write.
    fn is_obsolete(&self) -> bool;
}

pub(crate) type Write = Box<dyn QueuedWrite>;

#[derive(Default)]
pub(crate) struct Outage {
    /// Whether there is an outage, so that the way of a good write passes
    /// without the lock. Changed under the lock only.
    failing: AtomicBool,
    inner: Mutex<Inner>,
    /// Told when an outage begins.
    listeners: Mutex<Vec<Weak<Event>>>,
}

#[derive(Default)]
struct Inner {
    /// Counts outages, so that a probe of an earlier one knows that it is late.
    number: u64,
    now: Option<Now>,
}

/// The outage that is on.
struct Now {
    delay: Duration,
    /// Failures so far, so that a probe sees whether it failed.
    failures: u64,
    /// What the disk refused the last write with.
    error: Error,
    waiting: VecDeque<WaitingWrite>,
    /// When so many wait, those that are moot are cleared away.
    clear_at: usize,
}

struct WaitingWrite {
    write: Write,
    not_before: Option<Instant>,
}

/// How long a value waits that failed so many times in a row, whatever else
/// goes well.
pub(crate) fn delay_after(failures: u32) -> Duration {
    FIRST_DELAY
        .saturating_mul(1 << failures.saturating_sub(1).min(16))
        .min(LONGEST_DELAY)
}

impl Outage {
    pub(crate) fn is_on(&self) -> bool {
        self.failing.load(Ordering::Acquire)
    }

    /// What the disk refuses writes with, during an outage.
    pub(crate) fn refusal(&self) -> Option<Error> {
        if !self.is_on() {
            return None;
        }
        let inner = self.inner.lock();
        inner.now.as_ref().map(|now| now.error.clone())
    }

    /// Notifies everybody who listens to the event when an outage begins.
    pub(crate) fn tell_of_begin(&self, event: &Arc<Event>) {
        let mut listeners = self.listeners.lock();
        listeners.retain(|event| event.strong_count() > 0);
        listeners.push(Arc::downgrade(event));
    }

    /// A write went well: whatever waited is queued, what failed before only
    /// when its delay is over.
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

    /// The disk refused a write, of a value that has failed so many times in a
    /// row; `retry` tries it again.
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
        tracing::warn!(%error, "an outage begins: the disk refuses writes, and values stay in memory until it takes them again");
        let listeners = self.listeners.lock().clone();
        for event in listeners.iter().filter_map(Weak::upgrade) {
            event.notify(usize::MAX);
        }
        self.probe_after(queue, FIRST_DELAY, number);
    }

    /// Lets a write wait for the end of the outage; gives it back if there is
    /// none.
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

    /// Tries waiting writes until one of them says how it went.
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
            // Those that failed once at most come first: one of them tells more
            // than one that keeps failing.
            let untried = now
                .waiting
                .iter()
                .position(|waiting| waiting.not_before.is_none());
            let Some(waiting) = now.waiting.remove(untried.unwrap_or(0)) else {
                // Under the lock that saw that nothing waits.
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
    tracing::warn!("an outage ends: the disk takes writes again, or nothing waits for it");
}

impl Now {
    /// Gives back what was cleared away, to be dropped without the lock.
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
    fn a_value_that_fails_waits_longer_each_time_up_to_five_seconds() {
        let delays: Vec<_> = (1..=8).map(|n| delay_after(n).as_millis()).collect();
        assert_eq!(delays, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(delay_after(u32::MAX), LONGEST_DELAY);
    }
}
