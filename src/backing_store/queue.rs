//! Background work. Each store has one queue. A few drains on the runtime run its jobs;
//! where the runtime does not get to them in time, the store's own thread does.
//!
//! A push costs only a lock while a drain is active, and the runtime only sees the
//! drains. The deferred-drop lane goes first, because its values hold memory and
//! dropping them takes no time. Then urgent jobs, such as loads, go before background
//! jobs, such as writes and deletions. Background jobs may be slow, so one drain is
//! kept free of them.
//!
//! A forked child has none of the threads. Jobs that it queues are dropped, and it
//! never waits.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::process::Process;
use crate::sync::{self, Condvar, Instant, Mutex, MutexGuard};

/// Hand-off timeout: how long a job may wait unstarted before the store's own thread
/// takes it.
const HAND_OFF_TIMEOUT: Duration = Duration::from_millis(20);

/// After this many urgent jobs in a row, one background job runs.
const URGENT_RUN: u32 = 8;

/// One piece of background work.
pub(crate) enum Job {
    /// Runs a closure.
    Job(Box<dyn FnOnce() + Send>),
    /// Deletes the cache's file of a key.
    Delete(Arc<dyn DeleteFile>, DeletedFile),
    /// Drops a value that may be large.
    DeferredDrop(Arc<dyn Any + Send + Sync>),
}

/// The file of a key whose last owner is gone.
#[derive(Clone, Copy)]
pub(crate) struct DeletedFile {
    pub(crate) key: uuid::Uuid,
    pub(crate) shared: bool,
}

pub(crate) trait DeleteFile: Send + Sync {
    fn delete_file(&self, file: DeletedFile);
}

/// The lane of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Drops of values: they take no time, but hold memory until they are done.
    DeferredDrop,
    /// Jobs that a caller waits for.
    Urgent,
    /// Jobs that usually no caller waits for.
    Background,
}

/// A job that is running.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Ticket {
    number: u64,
    lane: Lane,
}

pub(crate) struct Queue {
    inner: Mutex<Inner>,
    /// Wakes the store's own thread.
    watch: Condvar,
    /// Wakes the threads that wait for jobs to finish.
    finished: Condvar,
    runtime: Handle,
    tracker: TaskTracker,
    /// The process whose threads run the jobs.
    process: Process,
    most_drains: usize,
    /// How many drains may run background jobs, which may be slow, at a time.
    most_behind: usize,
}

/// Jobs in the order of their numbers.
type Row = VecDeque<(u64, Job)>;

struct Inner {
    drop_later: Row,
    urgent: Row,
    behind: Row,
    /// Jobs queued so far, which is also the number of the last one.
    queued: u64,
    /// Urgent jobs taken since the last one from another lane.
    urgent_run: u32,
    delayed: Vec<(Instant, Job)>,
    /// The jobs that are running now: a few at most.
    running: Vec<Ticket>,
    /// Drains that were spawned on the runtime, started or not.
    drains: usize,
    /// Drains that have started.
    draining: usize,
    /// Jobs taken so far. Shows whether any thread gets to the queue.
    taken: u64,
    watcher: Watcher,
    /// The runtime dropped a drain unrun, so the store's own thread takes over.
    handed_over: bool,
    /// The store is gone. The thread ends once the queue is empty.
    closed: bool,
    /// Held while anything is queued or running, so that the tracker knows when work is
    /// left.
    busy: Option<TaskTrackerToken>,
}

/// Which jobs a thread takes from the queue.
#[derive(Clone, Copy)]
enum Next {
    Anything,
    /// No background jobs, which may be slow.
    QuickOnly,
    /// Background jobs only while fewer than this many threads run them.
    Slow {
        most_behind: usize,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Watcher {
    /// No thread was started.
    Absent,
    /// The thread sleeps until it is woken.
    Asleep,
    /// The thread looks at the queue by itself.
    Awake,
}

impl Queue {
    pub(crate) fn new(runtime: Handle, tracker: TaskTracker) -> Arc<Self> {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Arc::new(Self {
            inner: Mutex::new(Inner::new()),
            watch: Condvar::new(),
            finished: Condvar::new(),
            runtime,
            tracker,
            process: Process::current(),
            most_drains: cores + 1,
            most_behind: cores,
        })
    }

    /// The process whose threads run the jobs.
    pub(crate) fn process(&self) -> Process {
        self.process
    }

    /// A token that counts as work under way, for work that runs outside of the queue.
    pub(crate) fn token(&self) -> TaskTrackerToken {
        self.tracker.token()
    }

    /// Queues a closure.
    pub(crate) fn run(self: &Arc<Self>, lane: Lane, job: impl FnOnce() + Send + 'static) {
        self.push(lane, Job::Job(Box::new(job)));
    }

    /// Drops a value in the background, so that no caller waits for the drop.
    pub(crate) fn drop_later(self: &Arc<Self>, value: Arc<dyn Any + Send + Sync>) {
        self.push(Lane::DeferredDrop, Job::DeferredDrop(value));
    }

    pub(crate) fn push(self: &Arc<Self>, lane: Lane, entry: Job) {
        if self.process.is_forked() {
            return;
        }
        let mut inner = self.inner.lock();
        inner.enqueue(lane, entry, &self.tracker);
        // Another drain would not be allowed to take background jobs.
        let most = match lane {
            Lane::DeferredDrop | Lane::Urgent => self.most_drains,
            Lane::Background => self.most_behind,
        };
        let ask = inner.drains < most;
        inner.drains += usize::from(ask);
        self.wake_watcher(&mut inner);
        drop(inner);
        if ask {
            self.ask_for_a_drain();
        }
    }

    /// Queues a closure that runs after `delay`. Until then it does not count as work
    /// under way.
    pub(crate) fn run_after(
        self: &Arc<Self>,
        delay: Duration,
        job: impl FnOnce() + Send + 'static,
    ) {
        if self.process.is_forked() {
            return;
        }
        let due = Instant::now() + delay;
        let mut inner = self.inner.lock();
        inner.delayed.push((due, Job::Job(Box::new(job))));
        self.wake_watcher(&mut inner);
        self.watch.notify_one();
    }

    /// Makes all delayed jobs due now.
    #[cfg(test)]
    pub(crate) fn hurry(&self) {
        let mut inner = self.inner.lock();
        for (due, _) in &mut inner.delayed {
            *due = Instant::now();
        }
        inner.release_due(&self.tracker);
    }

    /// Lets the thread end once everything is done, because the store is gone. Delayed
    /// jobs are dropped.
    pub(crate) fn close(&self) {
        if self.process.is_forked() {
            return;
        }
        let mut inner = self.inner.lock();
        inner.closed = true;
        let delayed = std::mem::take(&mut inner.delayed);
        self.watch.notify_one();
        drop(inner);
        drop(delayed);
    }

    /// Runs everything that is queued on the calling thread and waits for jobs that run
    /// elsewhere, until nothing is left.
    pub(crate) fn finish_all(&self) {
        if self.process.is_forked() {
            return;
        }
        let mut inner = self.drain(Next::Anything);
        while inner.busy.is_some() {
            self.finished.wait(&mut inner);
            if !inner.is_empty() {
                drop(inner);
                inner = self.drain(Next::Anything);
            }
        }
    }

    /// Runs everything that is queued now on the calling thread, and waits for the jobs
    /// that run elsewhere now.
    pub(crate) fn finish_current(&self) {
        if self.process.is_forked() {
            return;
        }
        let mut inner = self.inner.lock();
        let last = inner.queued;
        while let Some((ticket, entry)) = inner.take_up_to(last) {
            drop(inner);
            run(entry);
            inner = self.ran(ticket);
        }
        while inner.running.iter().any(|ticket| ticket.number <= last) {
            self.finished.wait(&mut inner);
        }
    }

    fn ask_for_a_drain(self: &Arc<Self>) {
        let drain = Drain {
            queue: Some(self.clone()),
        };
        // tokio panics if it has no thread and cannot start one. The unwinding drops
        // the drain, and the store's own thread takes over.
        let asked = catch_unwind(AssertUnwindSafe(|| {
            sync::spawn_blocking(&self.runtime, move || drain.run());
        }));
        if asked.is_err() {
            tracing::warn!("the runtime has no thread for background work");
        }
    }

    /// Runs jobs until none is left, and returns the lock under which it found none: a
    /// later push sees everything that the caller changes under it.
    fn drain(&self, which: Next) -> MutexGuard<'_, Inner> {
        let mut inner = self.inner.lock();
        while let Some((ticket, entry)) = inner.take(which) {
            drop(inner);
            run(entry);
            inner = self.ran(ticket);
        }
        inner
    }

    /// A job has run, and everything that it captured is dropped.
    fn ran(&self, ticket: Ticket) -> MutexGuard<'_, Inner> {
        let mut inner = self.inner.lock();
        inner.running.retain(|running| *running != ticket);
        self.finished.notify_all();
        if !inner.running.is_empty() || !inner.is_empty() {
            return inner;
        }
        let busy = inner.busy.take();
        // Dropping the token wakes the waiters of the tracker.
        MutexGuard::unlocked(&mut inner, || drop(busy));
        inner
    }

    fn wake_watcher(self: &Arc<Self>, inner: &mut Inner) {
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
                        "no thread for background work: it depends on the runtime alone"
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
            if inner.is_empty() {
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
        let before = inner.taken;
        let deadline = Instant::now() + HAND_OFF_TIMEOUT;
        while inner.taken == before && !inner.is_empty() && !inner.handed_over {
            if self.watch.wait_until(inner, deadline).timed_out() {
                break;
            }
        }
        inner.taken != before || inner.is_empty()
    }
}

impl Inner {
    fn new() -> Self {
        Self {
            drop_later: VecDeque::new(),
            urgent: VecDeque::new(),
            behind: VecDeque::new(),
            queued: 0,
            urgent_run: 0,
            delayed: Vec::new(),
            running: Vec::new(),
            drains: 0,
            draining: 0,
            taken: 0,
            watcher: Watcher::Absent,
            handed_over: false,
            closed: false,
            busy: None,
        }
    }

    fn is_empty(&self) -> bool {
        self.drop_later.is_empty() && self.urgent.is_empty() && self.behind.is_empty()
    }

    fn enqueue(&mut self, lane: Lane, entry: Job, tracker: &TaskTracker) {
        self.busy.get_or_insert_with(|| tracker.token());
        self.queued += 1;
        let numbered = (self.queued, entry);
        self.row(lane).push_back(numbered);
    }

    fn row(&mut self, lane: Lane) -> &mut Row {
        match lane {
            Lane::DeferredDrop => &mut self.drop_later,
            Lane::Urgent => &mut self.urgent,
            Lane::Background => &mut self.behind,
        }
    }

    fn take(&mut self, which: Next) -> Option<(Ticket, Job)> {
        let lane = self.next_lane(which)?;
        self.urgent_run = if lane == Lane::Urgent {
            self.urgent_run + 1
        } else {
            0
        };
        self.take_from(lane)
    }

    /// Takes a job with the number `last` or a lower one.
    fn take_up_to(&mut self, last: u64) -> Option<(Ticket, Job)> {
        let lanes = [Lane::DeferredDrop, Lane::Urgent, Lane::Background];
        let lane = lanes.into_iter().find(|lane| {
            self.row(*lane)
                .front()
                .is_some_and(|(number, _)| *number <= last)
        })?;
        self.take_from(lane)
    }

    fn take_from(&mut self, lane: Lane) -> Option<(Ticket, Job)> {
        let (number, entry) = self.row(lane).pop_front()?;
        self.taken += 1;
        let ticket = Ticket { number, lane };
        self.running.push(ticket);
        Some((ticket, entry))
    }

    fn next_lane(&self, which: Next) -> Option<Lane> {
        let may_be_slow = match which {
            Next::Anything => true,
            Next::QuickOnly => false,
            Next::Slow { most_behind } => {
                let slow = self
                    .running
                    .iter()
                    .filter(|ticket| ticket.lane == Lane::Background);
                slow.count() < most_behind
            }
        };
        let behind = may_be_slow && !self.behind.is_empty();
        if !self.drop_later.is_empty() {
            Some(Lane::DeferredDrop)
        } else if behind && (self.urgent.is_empty() || self.urgent_run >= URGENT_RUN) {
            Some(Lane::Background)
        } else if !self.urgent.is_empty() {
            Some(Lane::Urgent)
        } else {
            None
        }
    }

    /// Queues the delayed jobs that are due. Returns true if there were any.
    fn release_due(&mut self, tracker: &TaskTracker) -> bool {
        let now = Instant::now();
        let before = self.delayed.len();
        for at in (0..self.delayed.len()).rev() {
            if self.delayed[at].0 <= now {
                let (_, entry) = self.delayed.swap_remove(at);
                self.enqueue(Lane::Background, entry, tracker);
            }
        }
        self.delayed.len() < before
    }
}

/// Runs one job, and drops everything that it captured. A panic ends here: the guards
/// of the job have already notified its waiters.
fn run(entry: Job) {
    let ran = catch_unwind(AssertUnwindSafe(|| match entry {
        Job::Job(job) => job(),
        Job::Delete(store, file) => store.delete_file(file),
        Job::DeferredDrop(value) => drop(value),
    }));
    if let Err(panic) = ran {
        tracing::error!(error = %crate::Error::panicked(&*panic), "a background job panicked");
    }
}

/// One drain on the runtime. If it is dropped unrun, because the runtime has been shut
/// down, the store's own thread takes over.
struct Drain {
    queue: Option<Arc<Queue>>,
}

impl Drain {
    fn run(mut self) {
        let Some(queue) = self.queue.take() else {
            return;
        };
        let most_behind = queue.most_behind;
        queue.inner.lock().draining += 1;
        let mut inner = queue.drain(Next::Slow { most_behind });
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
            drop(queue.drain(Next::Anything));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::atomic::{AtomicUsize, Ordering};

    fn queue(runtime: &tokio::runtime::Runtime) -> Arc<Queue> {
        let tracker = TaskTracker::new();
        tracker.close();
        Queue::new(runtime.handle().clone(), tracker)
    }

    fn one_blocking_thread() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread()
            .max_blocking_threads(1)
            .build()
            .expect("a runtime")
    }

    #[test]
    fn runs_everything_and_is_idle_then() {
        let runtime = one_blocking_thread();
        let queue = queue(&runtime);
        let count = Arc::new(AtomicUsize::new(0));
        for lane in [Lane::Urgent, Lane::Background]
            .into_iter()
            .cycle()
            .take(1000)
        {
            let count = count.clone();
            queue.run(lane, move || {
                count.fetch_add(1, Ordering::Relaxed);
            });
        }
        crate::sync::block_on(queue.tracker.wait());
        assert_eq!(count.load(Ordering::Relaxed), 1000);
    }

    #[test]
    fn runs_though_the_only_blocking_thread_is_taken() {
        let runtime = one_blocking_thread();
        let queue = queue(&runtime);
        let (release, gate) = std::sync::mpsc::channel::<()>();
        let hog = runtime.handle().spawn_blocking(move || gate.recv());
        let (done, ran) = std::sync::mpsc::channel();
        queue.run(Lane::Urgent, move || done.send(()).expect("the test waits"));
        ran.recv().expect("the job runs");
        release.send(()).expect("the hog waits");
        runtime.block_on(hog).expect("joins").expect("was released");
    }

    #[test]
    fn runs_after_the_runtime_is_gone() {
        let runtime = one_blocking_thread();
        let queue = queue(&runtime);
        runtime.shutdown_background();
        let (done, ran) = std::sync::mpsc::channel();
        for _ in 0..3 {
            let done = done.clone();
            queue.run(Lane::Background, move || {
                done.send(()).expect("the test waits")
            });
        }
        for _ in 0..3 {
            ran.recv().expect("the job runs");
        }
        queue.finish_all();
    }

    #[test]
    fn survives_a_job_that_panics() {
        let runtime = one_blocking_thread();
        let queue = queue(&runtime);
        queue.run(Lane::Urgent, || panic!("on purpose"));
        queue.finish_all();
        let (done, ran) = std::sync::mpsc::channel();
        queue.run(Lane::Urgent, move || done.send(()).expect("the test waits"));
        ran.recv().expect("the next job runs");
    }

    /// Jobs that are queued later must not run before those that are waited for.
    #[test]
    fn finishes_what_is_queued_now() {
        let tracker = TaskTracker::new();
        let mut inner = Inner::new();
        for _ in 0..3 {
            inner.enqueue(Lane::Background, Job::Job(Box::new(|| {})), &tracker);
        }
        let last = inner.queued;
        for _ in 0..3 {
            inner.enqueue(Lane::Urgent, Job::Job(Box::new(|| {})), &tracker);
        }
        let lanes: Vec<_> = std::iter::from_fn(|| inner.take_up_to(last))
            .map(|(ticket, _)| ticket.lane)
            .collect();
        assert_eq!(lanes, [Lane::Background; 3]);
    }

    /// Slow writes used to occupy every thread. Loads waited for them, and so did
    /// values that were to be dropped, which filled the memory.
    #[test]
    fn slow_work_leaves_a_thread_for_what_is_waited_for() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let queue = queue(&runtime);
        let (release, gate) = std::sync::mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        for _ in 0..queue.most_behind + 3 {
            let gate = gate.clone();
            queue.run(Lane::Background, move || {
                gate.lock().recv().expect("released")
            });
        }
        for _ in 0..100 {
            let (done, ran) = std::sync::mpsc::channel();
            queue.run(Lane::Urgent, move || done.send(()).expect("the test waits"));
            ran.recv().expect("the job runs");
            let (alive, dropped) = std::sync::mpsc::channel::<()>();
            queue.drop_later(Arc::new(Mutex::new(alive)));
            dropped.recv().expect_err("the value is dropped");
        }
        for _ in 0..queue.most_behind + 3 {
            release.send(()).expect("it waits");
        }
        queue.finish_all();
    }

    #[test]
    fn neither_lane_starves_the_other() {
        let tracker = TaskTracker::new();
        let mut inner = Inner::new();
        for _ in 0..100 {
            inner.enqueue(Lane::Urgent, Job::Job(Box::new(|| {})), &tracker);
        }
        inner.enqueue(Lane::Background, Job::DeferredDrop(Arc::new(())), &tracker);
        let first_behind = std::iter::from_fn(|| inner.take(Next::Anything))
            .position(|(ticket, _)| ticket.lane == Lane::Background)
            .expect("it is taken");
        assert_eq!(first_behind, URGENT_RUN as usize);
    }
}
