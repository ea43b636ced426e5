//! Small values that are dropped in the background, many with one job.
//!
//! Waking a thread for each value would cost the caller more than most drops. So values
//! wait until there are enough of them, or for a few milliseconds.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::task_tracker::TaskTrackerToken;

use super::drain::run;
use super::{Job, Lane, Queue};
use crate::sync::Mutex;

/// How long a value waits for others.
const DELAY: Duration = Duration::from_millis(5);

/// A batch of this many values is dropped at once, or of this many bytes.
const MOST_VALUES: usize = 64;
const MOST_BYTES: u64 = 256 * 1024;

#[derive(Default)]
pub(super) struct DropBatch(Mutex<Batch>);

#[derive(Default)]
struct Batch {
    values: Vec<Arc<dyn Any + Send + Sync>>,
    bytes: u64,
    /// The values are work under way. Declared after them, so that they are dropped first.
    token: Option<TaskTrackerToken>,
    /// A job to drop them after the delay is queued, or has been dropped unrun.
    is_scheduled: bool,
}

impl Batch {
    fn take(&mut self) -> Self {
        let taken = std::mem::take(self);
        self.is_scheduled = taken.is_scheduled;
        taken
    }

    /// Drops each value by itself: one whose drop panics must not unwind through the others.
    fn end(self) {
        for value in self.values {
            run(Job::DeferredDrop(value));
        }
        drop(self.token);
    }

    fn is_full(&self) -> bool {
        self.values.len() >= MOST_VALUES || self.bytes >= MOST_BYTES
    }
}

impl Queue {
    /// Drops a value of so many bytes in the background, together with others. It may take
    /// a few milliseconds until it is dropped.
    pub(crate) fn drop_batched(self: &Arc<Self>, value: Arc<dyn Any + Send + Sync>, bytes: u64) {
        if self.process.is_forked() {
            return;
        }
        let mut batch = self.drop_batch.0.lock();
        batch.values.push(value);
        batch.bytes = batch.bytes.saturating_add(bytes);
        batch.token.get_or_insert_with(|| self.tracker.token());
        let full = batch.is_full().then(|| batch.take());
        let schedules = full.is_none() && !std::mem::replace(&mut batch.is_scheduled, true);
        drop(batch);
        if let Some(full) = full {
            self.push_batch(full);
        } else if schedules && !self.schedule_batch() {
            self.flush_batch();
        }
    }

    /// Queues the values that wait for others. Called before anything waits for the queue.
    pub(super) fn flush_batch(self: &Arc<Self>) {
        let batch = self.drop_batch.0.lock().take();
        if !batch.values.is_empty() {
            self.push_batch(batch);
        }
    }

    fn push_batch(self: &Arc<Self>, batch: Batch) {
        self.run(Lane::DeferredDrop, move || batch.end());
    }

    /// Returns false if the store has no thread that keeps the time.
    fn schedule_batch(self: &Arc<Self>) -> bool {
        let this = Arc::downgrade(self);
        self.run_after(DELAY, move || {
            let Some(queue) = this.upgrade() else { return };
            let batch = std::mem::take(&mut *queue.drop_batch.0.lock());
            batch.end();
        });
        self.has_watcher()
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio_util::task::TaskTracker;

    use super::*;
    use crate::testing::runtime;

    struct Bomb(Arc<AtomicUsize>);

    impl Drop for Bomb {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
            assert!(std::thread::panicking(), "this drop panics on purpose");
        }
    }

    /// The second panic, while the first one unwound through the batch, aborted the process.
    #[test]
    fn values_whose_drops_panic_do_not_meet() {
        let machine = runtime("drops of a batch");
        let queue = Queue::new(machine.handle().clone(), TaskTracker::new());
        let dropped = Arc::new(AtomicUsize::new(0));
        for _ in 0..MOST_VALUES + 2 {
            queue.drop_batched(Arc::new(Bomb(dropped.clone())), 8);
        }
        queue.finish_all();
        assert_eq!(dropped.load(Ordering::SeqCst), MOST_VALUES + 2);
    }
}
