//! What happens while the store refuses writes: one backoff for the whole
//! store, and one write at a time that probes whether it works again.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::queue::{Lane, Queue};

const FIRST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// Tries a write again. It tells the outage how that went, or says nothing if
/// there was nothing left to write.
pub(crate) type Retry = Box<dyn FnOnce() + Send>;

#[derive(Default)]
pub(crate) struct Outage {
    /// Whether there is an outage; lets the way of a good write pass without
    /// the lock.
    failing: AtomicBool,
    inner: Mutex<Option<Inner>>,
}

struct Inner {
    delay: Duration,
    /// Failures so far, so that a probe sees whether it failed.
    failures: u64,
    waiting: VecDeque<Retry>,
}

impl Outage {
    pub(crate) fn is_on(&self) -> bool {
        self.failing.load(Ordering::Acquire)
    }

    /// A write went well: whatever waited is queued at once.
    pub(crate) fn write_succeeded(&self, queue: &Arc<Queue>) {
        if !self.is_on() {
            return;
        }
        let ended = self.end();
        for retry in ended.into_iter().flat_map(|inner| inner.waiting) {
            queue.run(Lane::Behind, retry);
        }
    }

    /// A write failed; `retry` tries it again.
    pub(crate) fn write_failed(self: &Arc<Self>, queue: &Arc<Queue>, retry: Retry) {
        let mut inner = self.inner.lock();
        if let Some(inner) = &mut *inner {
            inner.failures += 1;
            inner.waiting.push_back(retry);
            return;
        }
        *inner = Some(Inner {
            delay: FIRST_DELAY,
            failures: 1,
            waiting: VecDeque::from([retry]),
        });
        self.failing.store(true, Ordering::Release);
        drop(inner);
        self.probe_after(queue, FIRST_DELAY);
    }

    /// Lets a write wait for the end of the outage; gives it back if there is
    /// none.
    pub(crate) fn defer(&self, write: Retry) -> Option<Retry> {
        if !self.is_on() {
            return Some(write);
        }
        match &mut *self.inner.lock() {
            Some(inner) => {
                inner.waiting.push_back(write);
                None
            }
            None => Some(write),
        }
    }

    fn probe_after(self: &Arc<Self>, queue: &Arc<Queue>, delay: Duration) {
        let outage = Arc::clone(self);
        let weak = Arc::downgrade(queue);
        queue.run_after(delay, move || {
            if let Some(queue) = weak.upgrade() {
                outage.probe(&queue);
            }
        });
    }

    /// Tries waiting writes until one of them says how it went.
    fn probe(self: &Arc<Self>, queue: &Arc<Queue>) {
        let mut failures = None;
        loop {
            let mut inner = self.inner.lock();
            let Some(outage) = &mut *inner else { return };
            if failures.is_some_and(|before| before != outage.failures) {
                outage.delay = (outage.delay * 2).min(LONGEST_DELAY);
                let delay = outage.delay;
                drop(inner);
                return self.probe_after(queue, delay);
            }
            failures = Some(outage.failures);
            let Some(retry) = outage.waiting.pop_front() else {
                drop(inner);
                drop(self.end());
                return;
            };
            drop(inner);
            retry();
        }
    }

    fn end(&self) -> Option<Inner> {
        let mut inner = self.inner.lock();
        self.failing.store(false, Ordering::Release);
        inner.take()
    }
}
