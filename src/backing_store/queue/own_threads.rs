//! The store's own threads, beside those of the runtime. They run jobs that the runtime
//! does not get to, and more loads and write-backs at a time than there are cores.

use std::sync::Arc;
use std::time::Duration;

use super::seats::Seat;
use super::threads::ThreadPermit;
use super::{Inner, Queue};
use crate::sync::monitor::MutexGuard;
use crate::sync::{self, Instant};

/// A thread that finds no job for so long ends.
const IDLE: Duration = Duration::from_secs(2);

/// The threads that there are.
#[derive(Default)]
pub(super) struct OwnThreads {
    pub(super) all: usize,
    /// Threads that wait for a job.
    idle: usize,
    /// Idle threads that were woken and have not looked yet.
    woken: usize,
}

impl Inner {
    /// The most threads of the store's own, beside this number of drains.
    fn most_own(&self, drains: usize) -> usize {
        let grown = self.lanes.limits.all.saturating_sub(drains);
        grown.max(self.ungrown.own_threads)
    }
}

impl Queue {
    /// Wakes an idle thread if there is a job for it.
    pub(super) fn wake_own(&self, inner: &mut Inner) {
        let threads = &mut inner.own;
        if threads.idle > threads.woken && inner.lanes.is_wanting() {
            threads.woken += 1;
            self.work.notify_one();
        }
    }

    /// Starts threads for the jobs that no drain is expected to take. Returns false if none
    /// could be started, and there is none.
    pub(super) fn start_own(
        self: &Arc<Self>,
        inner: &mut MutexGuard<'_, Inner>,
        most: usize,
    ) -> bool {
        let expected = inner.own.idle;
        let wanted = most.saturating_sub(expected);
        let room = inner
            .most_own(self.most_drains)
            .saturating_sub(inner.own.all);
        for _ in 0..wanted.min(room) {
            let Some(permit) = ThreadPermit::take() else {
                break;
            };
            inner.own.all += 1;
            let queue = self.clone();
            let started = MutexGuard::unlocked(inner, || {
                sync::spawn_thread("file_backed-io", move || queue.work(permit))
            });
            if let Err(error) = started {
                inner.own.all -= 1;
                tracing::debug!(%error, "could not start another thread for loads and writes");
                break;
            }
        }
        self.wake_own(inner);
        inner.own.all > 0
    }

    /// The body of such a thread.
    fn work(self: Arc<Self>, permit: ThreadPermit) {
        // A codec or a drop may need the runtime's context, as on the runtime's own
        // threads.
        let _entered = sync::enter(&self.runtime);
        let seat = Seat::of_this_thread();
        let mut inner = self.inner.lock();
        inner.seats.enter(seat.clone());
        loop {
            inner = self.drain_in_seat(inner, &seat);
            if inner.closed && inner.lanes.is_empty() {
                break;
            }
            inner.own.idle += 1;
            let until = Instant::now() + IDLE;
            let waited = self.work.wait_until(&mut inner, until);
            inner.own.idle -= 1;
            inner.own.woken = inner.own.woken.saturating_sub(1);
            if waited.timed_out() && !inner.lanes.is_wanting() {
                break;
            }
        }
        inner.seats.leave(&seat);
        inner.own.all -= 1;
        drop(inner);
        drop(permit);
    }
}
