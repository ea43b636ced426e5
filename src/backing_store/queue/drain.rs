//! The drains: jobs on the runtime that run what is queued.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::lanes::{Next, Ticket};
use super::seats::Seat;
use super::watchdog::Watcher;
use super::{Inner, Job, Queue};
use crate::sync;
use crate::sync::monitor::MutexGuard;

impl Queue {
    pub(super) fn ask_for_a_drain(self: &Arc<Self>) {
        let drain = Drain {
            queue: Some(self.clone()),
        };
        // tokio panics if it has no thread and cannot start one. The unwinding drops
        // the drain, and the store's own threads take over.
        let asked = catch_unwind(AssertUnwindSafe(|| {
            sync::spawn_blocking(&self.runtime, move || drain.run());
        }));
        if asked.is_err() {
            tracing::warn!(
                "the runtime could not start a thread for background work, so the store's own \
                 threads take over"
            );
        }
    }

    /// Runs jobs until there is none for this thread, and returns the lock under which it
    /// found none: a later push sees everything that the caller changes under it.
    pub(super) fn drain(&self, which: Next) -> MutexGuard<'_, Inner> {
        let mut inner = self.inner.lock();
        while let Some((ticket, job)) = inner.lanes.take(which) {
            drop(inner);
            run(job);
            inner = self.ran(ticket);
        }
        inner
    }

    /// Same as [`drain`](Self::drain), within the limits, for a thread that does nothing
    /// else. It wakes another such thread if there are more jobs.
    pub(super) fn drain_in_seat<'a>(
        &'a self,
        mut inner: MutexGuard<'a, Inner>,
        seat: &Arc<Seat>,
    ) -> MutexGuard<'a, Inner> {
        while let Some((ticket, job)) = inner.lanes.take(Next::WithinLimits) {
            seat.begin(ticket.number);
            self.wake_own(&mut inner);
            drop(inner);
            run(job);
            seat.end();
            inner = self.ran(ticket);
        }
        inner
    }

    /// A job has run, and everything that it captured is dropped.
    pub(super) fn ran(&self, ticket: Ticket) -> MutexGuard<'_, Inner> {
        let mut inner = self.inner.lock();
        inner.lanes.end(ticket);
        inner.finishing.ended(ticket.number);
        self.finished.notify_all();
        if !inner.lanes.is_idle() {
            return inner;
        }
        let busy = inner.busy.take();
        // Dropping the token wakes the waiters of the tracker.
        MutexGuard::unlocked(&mut inner, || drop(busy));
        inner
    }
}

/// Runs one job, and drops everything that it captured. A panic ends here: the guards
/// of the job have already notified its waiters.
pub(super) fn run(job: Job) {
    let ran = catch_unwind(AssertUnwindSafe(|| match job {
        Job::Run(job) => job(),
        Job::Write(write) => write.run(false),
        Job::Delete(store, file) => store.delete_file(file),
        Job::DeferredDrop(value) => drop(value),
    }));
    if let Err(panic) = ran {
        tracing::error!(error = %crate::Error::panicked(&*panic), "a background job panicked");
    }
}

/// One drain on the runtime. If it is dropped unrun, because the runtime has been shut
/// down, the store's own threads take over.
struct Drain {
    queue: Option<Arc<Queue>>,
}

impl Drain {
    fn run(mut self) {
        let Some(queue) = self.queue.take() else {
            return;
        };
        let seat = Seat::of_this_thread();
        let mut inner = queue.inner.lock();
        inner.draining += 1;
        inner.seats.enter(seat.clone());
        let mut inner = queue.drain_in_seat(inner, &seat);
        inner.seats.leave(&seat);
        inner.draining -= 1;
        inner.drains -= 1;
    }
}

impl Drop for Drain {
    fn drop(&mut self) {
        let Some(queue) = self.queue.take() else {
            return;
        };
        let mut inner = queue.inner.lock();
        inner.drains -= 1;
        inner.handed_over = true;
        let alone = inner.watcher == Watcher::Absent;
        queue.watch.notify_one();
        drop(inner);
        if alone {
            drop(queue.drain(Next::WithinLimits));
        }
    }
}
