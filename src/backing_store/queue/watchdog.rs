//! The watcher: a thread of the store that sees to it that jobs are run. It starts other
//! threads for jobs that the runtime does not get to, and for more loads and write-backs at
//! a time, and it queues delayed jobs when they are due.

use std::sync::Arc;
use std::time::Duration;

use super::growth::{Looks, Seen};
use super::lanes::{Lane, Next};
use super::seats::look_at;
use super::{Inner, Queue};
use crate::sync::monitor::MutexGuard;
use crate::sync::{self, Instant};

/// Hand-off timeout: how long a job may wait unstarted before a thread of the store's own
/// takes it. It is also the longest time between two looks at the threads.
const HAND_OFF_TIMEOUT: Duration = Duration::from_millis(20);

/// The time between two looks at the threads while many of them wait.
const SHORTEST_TICK: Duration = Duration::from_millis(1);

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

    /// Whether the store's own thread, which keeps the time, was started.
    pub(super) fn has_watcher(&self) -> bool {
        self.inner.lock().watcher != Watcher::Absent
    }

    /// The body of the watcher.
    fn watch(self: Arc<Self>) {
        // It may have to run jobs itself; see `OwnThreads`.
        let _entered = sync::enter(&self.runtime);
        let mut inner = self.inner.lock();
        let mut tick = SHORTEST_TICK;
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
                tick = SHORTEST_TICK;
            } else {
                let gets_taken = self.gets_taken(&mut inner, &mut tick);
                if std::mem::take(&mut inner.handed_over) || !gets_taken {
                    inner = self.hand_off(inner);
                }
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

    /// Whether a job is taken from the queue within the hand-off timeout. Meanwhile, lets
    /// the lanes grow and shrink.
    fn gets_taken(
        self: &Arc<Self>,
        inner: &mut MutexGuard<'_, Inner>,
        tick: &mut Duration,
    ) -> bool {
        let before = inner.lanes.taken;
        let deadline = Instant::now() + HAND_OFF_TIMEOUT;
        loop {
            let next = Instant::now() + *tick;
            let is_over = next >= deadline;
            let waited = self.watch.wait_until(inner, next.min(deadline));
            if inner.handed_over || inner.closed && inner.lanes.is_empty() {
                break;
            }
            if waited.timed_out() {
                *tick = match self.resize(inner) {
                    true => SHORTEST_TICK,
                    false => (*tick * 2).min(HAND_OFF_TIMEOUT),
                };
                if is_over {
                    break;
                }
            }
        }
        inner.lanes.taken != before || inner.lanes.is_empty()
    }

    /// Decides how many loads and write-backs run at a time, and starts the threads for it.
    /// Returns true if there is a reason to look again soon.
    fn resize(self: &Arc<Self>, inner: &mut MutexGuard<'_, Inner>) -> bool {
        let seats = match inner.lanes.waiting(Lane::Load) + inner.lanes.waiting(Lane::Write) {
            0 => Vec::new(),
            _ => inner.seats.some(),
        };
        let looks = MutexGuard::unlocked(inner, || look_at(&seats));
        drop(seats);
        self.observe(inner, looks);
        let coming = inner.drains - inner.draining;
        let wanted = inner.lanes.wanted().saturating_sub(coming);
        if wanted > 0 && inner.lanes.limits.all > inner.ungrown.limits.all {
            self.start_own(inner, wanted);
        }
        looks.is_mostly_waiting()
    }

    /// No job was taken for a while, or the runtime is gone: threads of the store's own take
    /// the jobs. Where none can be started, this thread does.
    fn hand_off<'a>(
        self: &'a Arc<Self>,
        mut inner: MutexGuard<'a, Inner>,
    ) -> MutexGuard<'a, Inner> {
        let wanted = inner.lanes.wanted();
        if wanted == 0 {
            if !sync::STATES_ARE_KNOWN {
                self.grow_blindly(&mut inner);
            }
            return inner;
        }
        if self.start_own(&mut inner, wanted) {
            return inner;
        }
        drop(inner);
        self.drain(Next::WithinLimits)
    }

    /// Where the system does not tell which threads sleep, those that take no job for long
    /// are taken to wait.
    fn grow_blindly(self: &Arc<Self>, inner: &mut MutexGuard<'_, Inner>) {
        let looks = Looks { all: 1, waiting: 1 };
        self.observe(inner, looks);
        let wanted = inner.lanes.wanted();
        self.start_own(inner, wanted);
    }

    /// Lets the lanes decide how wide they are.
    fn observe(&self, inner: &mut Inner, looks: Looks) {
        let (now, lanes) = (Instant::now(), &inner.lanes);
        let seen = |lane| Seen {
            now,
            queued: lanes.waiting(lane),
            ended: lanes.ended(lane),
            running: lanes.running(),
            looks,
        };
        inner.loads.observe(seen(Lane::Load));
        inner.writes.observe(seen(Lane::Write));
        self.set_limits(inner);
    }
}
