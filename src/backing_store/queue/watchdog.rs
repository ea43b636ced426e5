//! The store's own thread, which runs jobs that the runtime does not get to.

use std::sync::Arc;
use std::time::Duration;

use super::lanes::Next;
use super::{Inner, Queue};
use crate::sync::{self, Instant, MutexGuard};

/// Hand-off timeout: how long a job may wait unstarted before the store's own thread
/// takes it.
const HAND_OFF_TIMEOUT: Duration = Duration::from_millis(20);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Watcher {
    /// No thread was started.
    Absent,
    /// The thread sleeps until it is woken.
    Asleep,
    /// The thread looks at the queue by itself.
    Awake,
}

impl Queue {
    pub(super) fn wake_watcher(self: &Arc<Self>, inner: &mut Inner) {
        match inner.watcher {
            Watcher::Awake => {}
            Watcher::Asleep => {
                inner.watcher = Watcher::Awake;
                self.watch.notify_one();
            }
            Watcher::Absent => {
                let queue = self.clone();
                match sync::spawn_thread("file_backed", move || queue.watch()) {
                    Ok(()) => inner.watcher = Watcher::Awake,
                    Err(error) => tracing::warn!(
                        %error,
                        "could not start the store's own thread: background work depends on the \
                         runtime alone"
                    ),
                }
            }
        }
    }

    /// The body of the store's own thread. It runs jobs that the runtime does not get
    /// to in time, and queues delayed jobs when they are due.
    fn watch(self: Arc<Self>) {
        // A codec or a drop may need the runtime's context, as on the runtime's own
        // threads.
        let _entered = sync::enter(&self.runtime);
        let mut inner = self.inner.lock();
        loop {
            if inner.release_due(&self.tracker) && inner.drains < self.most_drains {
                inner.drains += 1;
                MutexGuard::unlocked(&mut inner, || self.ask_for_a_drain());
            }
            if inner.lanes.is_empty() {
                if inner.closed {
                    inner.watcher = Watcher::Absent;
                    return;
                }
                inner.handed_over = false;
                self.sleep(&mut inner);
            } else if std::mem::take(&mut inner.handed_over) || !self.gets_taken(&mut inner) {
                // Running drains get to the background jobs in time. This thread must
                // not get stuck in one too.
                let which = if inner.draining == 0 {
                    Next::Anything
                } else {
                    Next::QuickOnly
                };
                drop(inner);
                inner = self.drain(which);
            }
        }
    }

    /// Sleeps until a job is queued or due.
    fn sleep(&self, inner: &mut MutexGuard<'_, Inner>) {
        inner.watcher = Watcher::Asleep;
        match inner.delayed.iter().map(|(due, _)| *due).min() {
            Some(due) => drop(self.watch.wait_until(inner, due)),
            None => self.watch.wait(inner),
        }
        inner.watcher = Watcher::Awake;
    }

    /// Whether a job is taken from the queue within the hand-off timeout.
    fn gets_taken(&self, inner: &mut MutexGuard<'_, Inner>) -> bool {
        let before = inner.lanes.taken;
        let deadline = Instant::now() + HAND_OFF_TIMEOUT;
        while inner.lanes.taken == before && !inner.lanes.is_empty() && !inner.handed_over {
            if self.watch.wait_until(inner, deadline).timed_out() {
                break;
            }
        }
        inner.lanes.taken != before || inner.lanes.is_empty()
    }
}
