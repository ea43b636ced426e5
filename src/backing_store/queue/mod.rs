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

mod drain;
mod lanes;
mod watchdog;

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::file_share::ItemFile;
use crate::process::Process;
use crate::sync::{Condvar, Instant, Mutex};
use drain::run;
use lanes::{Lanes, Next};
use watchdog::Watcher;

pub(crate) use lanes::Lane;

/// One piece of background work.
pub(crate) enum Job {
    /// Runs a closure.
    Run(Box<dyn FnOnce() + Send>),
    /// Deletes the cache's file of a key.
    Delete(Arc<dyn DeleteFile>, ItemFile),
    /// Drops a value that may be large.
    DeferredDrop(Arc<dyn Any + Send + Sync>),
}

pub(crate) trait DeleteFile: Send + Sync {
    fn delete_file(&self, file: ItemFile);
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
    most_background: usize,
}

struct Inner {
    lanes: Lanes,
    delayed: Vec<(Instant, Job)>,
    /// Drains that were spawned on the runtime, started or not.
    drains: usize,
    /// Drains that have started.
    draining: usize,
    watcher: Watcher,
    /// The runtime dropped a drain unrun, so the store's own thread takes over.
    handed_over: bool,
    /// The store is gone. The thread ends once the queue is empty.
    closed: bool,
    /// Held while anything is queued or running, so that the tracker knows when work is
    /// left.
    busy: Option<TaskTrackerToken>,
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
            most_background: cores,
        })
    }

    /// The process whose threads run the jobs.
    pub(crate) fn process(&self) -> Process {
        self.process
    }

    /// How many background jobs, such as writes, run at a time.
    pub(crate) fn most_background(&self) -> usize {
        self.most_background
    }

    /// A token that counts as work under way, for work that runs outside of the queue.
    pub(crate) fn token(&self) -> TaskTrackerToken {
        self.tracker.token()
    }

    /// Queues a closure.
    pub(crate) fn run(self: &Arc<Self>, lane: Lane, job: impl FnOnce() + Send + 'static) {
        self.push(lane, Job::Run(Box::new(job)));
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
        // Another drain would not be allowed to take background jobs.
        let most = match lane {
            Lane::DeferredDrop | Lane::Urgent => self.most_drains,
            Lane::Background => self.most_background,
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
        inner.delayed.push((due, Job::Run(Box::new(job))));
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
            if !inner.lanes.is_empty() {
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
        let last = inner.lanes.queued;
        while let Some((ticket, job)) = inner.lanes.take_up_to(last) {
            drop(inner);
            run(job);
            inner = self.ran(ticket);
        }
        while inner
            .lanes
            .running
            .iter()
            .any(|ticket| ticket.number <= last)
        {
            self.finished.wait(&mut inner);
        }
    }
}

impl Inner {
    fn new() -> Self {
        Self {
            lanes: Lanes::default(),
            delayed: Vec::new(),
            drains: 0,
            draining: 0,
            watcher: Watcher::Absent,
            handed_over: false,
            closed: false,
            busy: None,
        }
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
                self.enqueue(Lane::Background, job, tracker);
            }
        }
        self.delayed.len() < before
    }
}

#[cfg(test)]
mod tests {
    use super::lanes::URGENT_RUN;
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
    fn the_queue_runs_while_the_only_blocking_thread_is_busy() {
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
    fn the_queue_runs_after_the_runtime_is_gone() {
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
    fn the_queue_survives_a_job_that_panics() {
        let runtime = one_blocking_thread();
        let queue = queue(&runtime);
        queue.run(Lane::Urgent, || panic!("on purpose"));
        queue.finish_all();
        let (done, ran) = std::sync::mpsc::channel();
        queue.run(Lane::Urgent, move || done.send(()).expect("the test waits"));
        ran.recv().expect("the next job runs");
    }

    /// Jobs that are queued later must not run before those that the caller waits for.
    #[test]
    fn finishing_runs_only_the_jobs_that_are_already_queued() {
        let tracker = TaskTracker::new();
        let mut inner = Inner::new();
        for _ in 0..3 {
            inner.enqueue(Lane::Background, Job::Run(Box::new(|| {})), &tracker);
        }
        let last = inner.lanes.queued;
        for _ in 0..3 {
            inner.enqueue(Lane::Urgent, Job::Run(Box::new(|| {})), &tracker);
        }
        let lanes: Vec<_> = std::iter::from_fn(|| inner.lanes.take_up_to(last))
            .map(|(ticket, _)| ticket.lane)
            .collect();
        assert_eq!(lanes, [Lane::Background; 3]);
    }

    /// Slow writes used to occupy every thread. Loads waited for them, and so did
    /// deferred drops, whose values filled the memory.
    #[test]
    fn slow_writes_leave_a_thread_for_loads_and_deferred_drops() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let queue = queue(&runtime);
        let (release, gate) = std::sync::mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        for _ in 0..queue.most_background + 3 {
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
        for _ in 0..queue.most_background + 3 {
            release.send(()).expect("it waits");
        }
        queue.finish_all();
    }

    #[test]
    fn urgent_jobs_do_not_starve_the_background_lane() {
        let tracker = TaskTracker::new();
        let mut inner = Inner::new();
        for _ in 0..100 {
            inner.enqueue(Lane::Urgent, Job::Run(Box::new(|| {})), &tracker);
        }
        inner.enqueue(Lane::Background, Job::DeferredDrop(Arc::new(())), &tracker);
        let first_behind = std::iter::from_fn(|| inner.lanes.take(Next::Anything))
            .position(|(ticket, _)| ticket.lane == Lane::Background)
            .expect("it is taken");
        assert_eq!(first_behind, URGENT_RUN as usize);
    }
}
