//! The join handle of a background job.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::Outcome;
use super::failures::Failures;
use crate::error::{Cause, Operation};
use crate::process::Process;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{EventListener, Mutex};
use crate::{Error, Result};

/// A background job, and the future of its result.
///
/// Await it, or call [`wait`](Self::wait) in blocking code. If it is dropped, the job
/// runs on by itself, and a failure is logged and counted.
///
/// # Errors
///
/// The job's own error. If the job panics, or the runtime shuts down before the job has
/// started, that is an error too ([`Error::is_panic`], [`Error::is_shut_down`]).
///
/// # Panics
///
/// If it is polled again after it returned its result.
///
/// # Cancel safety
///
/// Dropping the future loses only the result.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "bincodec")]
/// # #[tokio::main]
/// # async fn main() -> file_backed::Result<()> {
/// use std::sync::Arc;
/// use file_backed::FBPool;
/// use file_backed::fbstore::BinCodec;
///
/// let pool: Arc<FBPool<String, _>> = FBPool::temp(BinCodec, 100).await?;
/// let items: Vec<_> = ["one", "two"].map(|name| pool.insert(name.to_owned())).into();
/// let mut tasks = Vec::new();
/// for item in &items {
///     tasks.push(item.write_now()); // they run side by side
/// }
/// for task in tasks {
///     task.await?;
/// }
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "bincodec"))]
/// # fn main() {}
/// ```
#[must_use = "a dropped task continues, but its result is discarded; await it, or call `wait`"]
pub struct Task<R> {
    job: Arc<TaskJob<R>>,
    listener: Option<EventListener>,
    /// The result was handed out.
    done: bool,
}

type Work<R> = Box<dyn FnOnce() -> Result<R> + Send>;

/// The part that the running side holds.
pub(crate) struct TaskJob<R> {
    outcome: Outcome<Result<R>>,
    /// Taken by the side that runs it: the queue, or a caller that waits.
    work: Mutex<Option<Work<R>>>,
    operation: Operation,
    /// The `Task` was dropped, so its result will not be read.
    detached: AtomicBool,
    failures: Arc<Failures>,
    /// The process whose threads run it.
    process: Process,
}

impl<R: Send + 'static> Task<R> {
    pub(crate) fn new(
        operation: Operation,
        failures: Arc<Failures>,
        work: impl FnOnce() -> Result<R> + Send + 'static,
    ) -> (Self, Arc<TaskJob<R>>) {
        let job = Arc::new(TaskJob {
            outcome: Outcome::new(),
            work: Mutex::new(Some(Box::new(work))),
            operation,
            detached: AtomicBool::new(false),
            failures,
            process: Process::current(),
        });
        let task = Self {
            job: job.clone(),
            listener: None,
            done: false,
        };
        (task, job)
    }

    /// Waits for the result, blocking this thread. A job that has not started runs on
    /// this thread.
    ///
    /// # Errors
    ///
    /// Same as awaiting the task.
    ///
    /// # Panics
    ///
    /// If the task was polled before and returned its result.
    ///
    /// # Blocking
    ///
    /// Not for async code, which awaits the task instead.
    pub fn wait(self) -> Result<R> {
        assert!(
            !self.done,
            "`wait` was called on a task that already returned its result"
        );
        if self.job.process.is_forked() {
            return self.job.outcome.take().unwrap_or_else(|| self.job.forked());
        }
        self.job.run();
        self.job.outcome.block_for(Option::take)
    }
}

impl<R> Task<R> {
    /// Whether the job has ended, so that awaiting it does not wait.
    pub fn is_finished(&self) -> bool {
        self.done || self.job.outcome.is_set()
    }
}

impl<R> TaskJob<R> {
    /// Runs the job, unless it was started already.
    pub(crate) fn run(&self) {
        let Some(work) = self.work.lock().take() else {
            return;
        };
        let result = catch_unwind(AssertUnwindSafe(work))
            .unwrap_or_else(|panic| Err(Error::new(self.operation, Error::panicked(&*panic))));
        self.finish(result);
    }

    /// Fails the job because the runtime will not run it.
    pub(crate) fn shut_down(&self) {
        let Some(work) = self.work.lock().take() else {
            return;
        };
        drop(work);
        self.finish(Err(Error::new(self.operation, Cause::ShutDown)));
    }

    /// Fails the job without running it, for a caller in a forked child.
    pub(crate) fn refuse(&self) {
        drop(self.work.lock().take());
        self.outcome.set(self.forked());
    }

    fn forked(&self) -> Result<R> {
        Err(Error::new(self.operation, Cause::Forked))
    }

    fn finish(&self, result: Result<R>) {
        self.outcome.set(result);
        if self.detached.load(Ordering::SeqCst) {
            self.report_unseen();
        }
    }

    fn report_unseen(&self) {
        if let Some(Err(error)) = self.outcome.take() {
            self.failures.detached_task(&error);
        }
    }
}

impl<R> Future for Task<R> {
    type Output = Result<R>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(!self.done, "a task was polled after it returned its result");
        loop {
            if let Some(result) = self.job.outcome.take() {
                self.done = true;
                return Poll::Ready(result);
            }
            if self.job.process.is_forked() {
                self.done = true;
                return Poll::Ready(self.job.forked());
            }
            let Some(listener) = &mut self.listener else {
                self.listener = Some(self.job.outcome.listen());
                continue;
            };
            std::task::ready!(Pin::new(listener).poll(cx));
            self.listener = None;
        }
    }
}

impl<R> Drop for Task<R> {
    fn drop(&mut self) {
        self.job.detached.store(true, Ordering::SeqCst);
        self.job.report_unseen();
    }
}

impl<R> fmt::Debug for Task<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task")
            .field("operation", &self.job.operation)
            .field("is_finished", &self.is_finished())
            .finish()
    }
}
