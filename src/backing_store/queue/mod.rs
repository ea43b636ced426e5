//! Background work. Each store has one queue. A few drains on the runtime run its jobs;
//! where the runtime does not get to them in time, threads of the store do.
//!
//! A push costs only a lock while a drain is active, and the runtime only sees the
//! drains. The deferred-drop lane goes first, because its values hold memory and
//! dropping them takes no time. Then loads and tasks go before writes and deletions, which
//! may be slow, so one drain is kept free of them.
//!
//! # How many jobs run at a time
//!
//! Without waiting, as many as there are cores, and one. Where loads or write-backs wait
//! for the disk, more of them run ([`growth`]), on threads that belong to the store
//! ([`own_threads`]). [`seats`] tells which threads wait. Loads and write-backs grow
//! separately, so that slow writes never delay loads. Tasks wait for both, and never take
//! more threads than there are without growth.
//!
//! A forked child has none of the threads. Jobs that it queues are dropped, and it
//! never waits.

mod drain;
mod drop_batch;
mod finishing;
mod growth;
mod lanes;
mod own_threads;
mod seats;
mod threads;
mod watchdog;

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::file_share::ItemFile;
use crate::process::Process;
use crate::sync::Instant;
use crate::sync::monitor::{Condvar, Mutex};
use drain::run;
use drop_batch::DropBatch;
use finishing::Finishing;
use growth::Growth;
use lanes::{Lanes, Limits, Next};
use own_threads::OwnThreads;
use seats::Seats;
use watchdog::Watcher;

pub(crate) use lanes::Lane;
pub(crate) use seats::in_call;

/// How many loads run at a time, and how many write-backs, if they wait: as many as disks
/// and their networks serve well.
pub(crate) const MOST_IN_FLIGHT: usize = 64;

/// One piece of background work.
pub(crate) enum Job {
    /// Runs a closure.
    Run(Box<dyn FnOnce() + Send>),
    /// Tries a write-back that eviction has asked for.
    Write(Box<dyn QueuedWrite>),
    /// Deletes the cache's file of a key.
    Delete(Arc<dyn DeleteFile>, ItemFile),
    /// Drops a value that may be large.
    DeferredDrop(Arc<dyn Any + Send + Sync>),
}

pub(crate) trait DeleteFile: Send + Sync {
    fn delete_file(&self, file: ItemFile);
}

/// A write-back that eviction has asked for.
pub(crate) trait QueuedWrite: Send {
    /// Tries the write, and reports the result to the outage. Reports nothing if there
    /// was nothing left to write. During an outage only a probe tries the write; any
    /// other call gives it back to the outage.
    fn run(self: Box<Self>, is_probe: bool);

    /// Whether it is certain that nothing is left to write.
    fn is_obsolete(&self) -> bool;
}

pub(crate) struct Queue {
    inner: Mutex<Inner>,
    /// Small values that wait for others, to be dropped together.
    drop_batch: DropBatch,
    /// Wakes the watcher.
    watch: Condvar,
    /// Wakes the other threads of the store's own.
    work: Condvar,
    /// Wakes the threads that wait for jobs to finish.
    finished: Condvar,
    runtime: Handle,
    tracker: TaskTracker,
    /// The process whose threads run the jobs.
    process: Process,
    cores: usize,
    most_drains: usize,
}

struct Inner {
    lanes: Lanes,
    /// How many jobs may run at a time, and of the store's own threads be started, without
    /// any growth.
    ungrown: Ungrown,
    loads: Growth,
    writes: Growth,
    seats: Seats,
    own: OwnThreads,
    finishing: Finishing,
    delayed: Vec<(Instant, Job)>,
    /// Drains that were spawned on the runtime, started or not.
    drains: usize,
    /// Drains that have started.
    draining: usize,
    watcher: Watcher,
    /// The runtime dropped a drain unrun, so the store's own threads take over.
    handed_over: bool,
    /// The store is gone. The thread ends once the queue is empty.
    closed: bool,
    /// Held while anything is queued or running, so that the tracker knows when work is
    /// left.
    busy: Option<TaskTrackerToken>,
}

/// What there is without any growth.
#[derive(Clone, Copy)]
struct Ungrown {
    /// The limits on jobs.
    limits: Limits,
    /// The most threads of the store's own, which take the place of drains.
    own_threads: usize,
}

impl Ungrown {
    /// For a store in which at most so many loads, and as many writes, run at a time.
    fn new(cores: usize, most_in_flight: usize) -> Self {
        let drains = cores + 1;
        // A store that cannot grow has one thread of its own beside the drains. Otherwise
        // loads and writes grow if tasks are in their way.
        let can_grow = most_in_flight > drains;
        let all = if can_grow { drains } else { drains + 1 };
        Self {
            limits: Limits {
                all,
                loads: all,
                tasks: all,
                background: cores,
                deletions: cores,
            },
            own_threads: if can_grow { drains } else { 1 },
        }
    }

    /// The widths of loads and of writes.
    fn lanes(self, most_in_flight: usize) -> (Growth, Growth) {
        let limits = self.limits;
        let awake = limits.background + 1;
        let most_writes = match most_in_flight > awake {
            true => most_in_flight,
            false => limits.background,
        };
        (
            Growth::new(limits.loads, most_in_flight, awake),
            Growth::new(limits.background, most_writes, awake),
        )
    }
}

impl Queue {
    pub(crate) fn new(runtime: Handle, tracker: TaskTracker) -> Arc<Self> {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Arc::new(Self {
            inner: Mutex::new(Inner::new(cores, MOST_IN_FLIGHT)),
            drop_batch: DropBatch::default(),
            watch: Condvar::new(),
            work: Condvar::new(),
            finished: Condvar::new(),
            runtime,
            tracker,
            process: Process::current(),
            cores,
            most_drains: cores + 1,
        })
    }

    /// Sets how many loads run at a time, and how many write-backs, if they wait.
    pub(crate) fn set_most_in_flight(&self, most: usize) {
        self.inner.lock().bound(self.cores, most);
    }

    /// The process whose threads run the jobs.
    pub(crate) fn process(&self) -> Process {
        self.process
    }

    /// How many loads run at a time, if they wait.
    pub(crate) fn most_in_flight(&self) -> usize {
        self.inner.lock().loads.most()
    }

    /// How many write-backs run at a time, unless they wait.
    pub(crate) fn writers(&self) -> usize {
        self.cores
    }

    /// A token that counts as work under way, for work that runs outside of the queue.
    pub(crate) fn token(&self) -> TaskTrackerToken {
        self.tracker.token()
    }

    /// Queues a closure.
    pub(crate) fn run(self: &Arc<Self>, lane: Lane, job: impl FnOnce() + Send + 'static) {
        self.push(lane, Job::Run(Box::new(job)));
    }

    /// Queues a write-back.
    pub(crate) fn write(self: &Arc<Self>, write: Box<dyn QueuedWrite>) {
        self.push(Lane::Write, Job::Write(write));
    }

    /// Drops a value in the background, so that no caller waits for the drop.
    pub(crate) fn drop_later(self: &Arc<Self>, value: Arc<dyn Any + Send + Sync>) {
        self.push(Lane::DeferredDrop, Job::DeferredDrop(value));
    }

    pub(crate) fn push(self: &Arc<Self>, lane: Lane, job: Job) {
        if self.process.is_forked() {
            return;
        }
        let mut inner = self.inner.lock();
        inner.enqueue(lane, job, &self.tracker);
        // Without growth, another drain would not be allowed to take background jobs.
        let most = match lane {
            Lane::DeferredDrop | Lane::Load | Lane::Task => self.most_drains,
            Lane::Write | Lane::Deletion => self.cores,
        };
        let ask = inner.drains < most;
        inner.drains += usize::from(ask);
        self.wake_watcher(&mut inner);
        if !ask {
            self.wake_own(&mut inner);
        }
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
        self.push_after(delay, Job::Run(Box::new(job)));
    }

    /// Same as [`run_after`](Self::run_after), for a write-back.
    pub(crate) fn write_after(self: &Arc<Self>, delay: Duration, write: Box<dyn QueuedWrite>) {
        self.push_after(delay, Job::Write(write));
    }

    fn push_after(self: &Arc<Self>, delay: Duration, job: Job) {
        if self.process.is_forked() {
            return;
        }
        let due = Instant::now() + delay;
        let mut inner = self.inner.lock();
        inner.delayed.push((due, job));
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
    pub(crate) fn close(self: &Arc<Self>) {
        if self.process.is_forked() {
            return;
        }
        self.flush_batch();
        let mut inner = self.inner.lock();
        inner.closed = true;
        let delayed = std::mem::take(&mut inner.delayed);
        self.watch.notify_one();
        self.work.notify_all();
        drop(inner);
        drop(delayed);
    }

    /// Runs everything that is queued on the calling thread and waits for jobs that run
    /// elsewhere, until nothing is left.
    pub(crate) fn finish_all(self: &Arc<Self>) {
        if self.process.is_forked() {
            return;
        }
        self.flush_batch();
        let mut inner = self.drain(Next::Anything);
        while inner.busy.is_some() {
            self.finished.wait(&mut inner);
            if !inner.lanes.is_empty() {
                drop(inner);
                inner = self.drain(Next::Anything);
            }
        }
    }

    /// Runs everything that is queued now on the calling thread, and waits for the jobs
    /// that run elsewhere now.
    pub(crate) fn finish_current(self: &Arc<Self>) {
        if self.process.is_forked() {
            return;
        }
        self.flush_batch();
        let mut inner = self.inner.lock();
        let under_way = inner.lanes.under_way();
        let waits = inner.finishing.begin(under_way);
        while let Some((ticket, job)) = inner.lanes.take_up_to(under_way.0) {
            drop(inner);
            run(job);
            inner = self.ran(ticket);
        }
        while !inner.finishing.is_over(waits) {
            self.finished.wait(&mut inner);
        }
    }

    /// Lets as many jobs run as the widths of the lanes say.
    fn set_limits(&self, inner: &mut Inner) {
        let ungrown = inner.ungrown.limits;
        let loads = ungrown.loads + inner.loads.grown();
        let background = ungrown.background + inner.writes.grown();
        let is_grown = inner.loads.grown() + inner.writes.grown() > 0;
        inner.lanes.limits = Limits {
            // Where threads wait, no kind of job has to make room for another one.
            all: match is_grown {
                true => loads + background + ungrown.tasks,
                false => ungrown.all,
            },
            loads,
            background,
            ..ungrown
        };
    }
}

impl Inner {
    fn new(cores: usize, most_in_flight: usize) -> Self {
        let ungrown = Ungrown::new(cores, most_in_flight);
        let (loads, writes) = ungrown.lanes(most_in_flight);
        Self {
            lanes: Lanes::new(ungrown.limits),
            ungrown,
            loads,
            writes,
            seats: Seats::default(),
            own: OwnThreads::default(),
            finishing: Finishing::default(),
            delayed: Vec::new(),
            drains: 0,
            draining: 0,
            watcher: Watcher::Absent,
            handed_over: false,
            closed: false,
            busy: None,
        }
    }

    /// Sets how many loads, and how many writes, run at a time at most.
    fn bound(&mut self, cores: usize, most_in_flight: usize) {
        let ungrown = Ungrown::new(cores, most_in_flight);
        self.ungrown = ungrown;
        self.lanes.limits = ungrown.limits;
        (self.loads, self.writes) = ungrown.lanes(most_in_flight);
    }

    fn enqueue(&mut self, lane: Lane, job: Job, tracker: &TaskTracker) {
        self.busy.get_or_insert_with(|| tracker.token());
        self.lanes.enqueue(lane, job);
    }

    /// Queues the delayed jobs that are due. Returns true if there were any.
    fn release_due(&mut self, tracker: &TaskTracker) -> bool {
        let now = Instant::now();
        let before = self.delayed.len();
        for at in (0..self.delayed.len()).rev() {
            if self.delayed[at].0 <= now {
                let (_, job) = self.delayed.swap_remove(at);
                self.enqueue(Lane::Write, job, tracker);
            }
        }
        self.delayed.len() < before
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
    fn the_queue_runs_every_job_and_is_then_idle() {
        let runtime = one_blocking_thread();
        let queue = queue(&runtime);
        let count = Arc::new(AtomicUsize::new(0));
        for lane in [Lane::Load, Lane::Write].into_iter().cycle().take(1000) {
            let count = count.clone();
            queue.run(lane, move || {
                count.fetch_add(1, Ordering::Relaxed);
            });
        }
        crate::sync::block_on(queue.tracker.wait());
        assert_eq!(count.load(Ordering::Relaxed), 1000);
    }

    #[test]
    fn the_queue_runs_while_the_only_blocking_thread_is_busy() {
        let runtime = one_blocking_thread();
        let queue = queue(&runtime);
        let (release, gate) = std::sync::mpsc::channel::<()>();
        let hog = runtime.handle().spawn_blocking(move || gate.recv());
        let (done, ran) = std::sync::mpsc::channel();
        queue.run(Lane::Task, move || done.send(()).expect("the test waits"));
        ran.recv().expect("the job runs");
        release.send(()).expect("the hog waits");
        runtime.block_on(hog).expect("joins").expect("was released");
    }

    #[test]
    fn the_queue_runs_after_the_runtime_is_gone() {
        let runtime = one_blocking_thread();
        let queue = queue(&runtime);
        runtime.shutdown_background();
        let (done, ran) = std::sync::mpsc::channel();
        for _ in 0..3 {
            let done = done.clone();
            queue.run(Lane::Write, move || done.send(()).expect("the test waits"));
        }
        for _ in 0..3 {
            ran.recv().expect("the job runs");
        }
        queue.finish_all();
    }

    #[test]
    fn the_queue_survives_a_job_that_panics() {
        let runtime = one_blocking_thread();
        let queue = queue(&runtime);
        queue.run(Lane::Task, || panic!("on purpose"));
        queue.finish_all();
        let (done, ran) = std::sync::mpsc::channel();
        queue.run(Lane::Task, move || done.send(()).expect("the test waits"));
        ran.recv().expect("the next job runs");
    }

    /// Slow writes used to occupy every thread. Loads waited for them, and so did
    /// deferred drops, whose values filled the memory.
    #[test]
    fn slow_writes_leave_a_thread_for_loads_and_deferred_drops() {
        const WRITES: usize = 2 * MOST_IN_FLIGHT;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let queue = queue(&runtime);
        let (release, gate) = std::sync::mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        for _ in 0..WRITES {
            let gate = gate.clone();
            queue.run(Lane::Write, move || gate.lock().recv().expect("released"));
        }
        for _ in 0..100 {
            let (done, ran) = std::sync::mpsc::channel();
            queue.run(Lane::Task, move || done.send(()).expect("the test waits"));
            ran.recv().expect("the job runs");
            let (alive, dropped) = std::sync::mpsc::channel::<()>();
            queue.drop_later(Arc::new(Mutex::new(alive)));
            dropped.recv().expect_err("the value is dropped");
        }
        for _ in 0..WRITES {
            release.send(()).expect("it waits");
        }
        queue.finish_all();
    }
}
