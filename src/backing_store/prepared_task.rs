//! A background job that is not queued yet.

use std::fmt;
use std::sync::Arc;

use super::task::TaskJob;
use super::{BackingStoreT, Lane, StoreCore, Task};
use crate::Result;

/// A job for the background, or for the thread that will wait for it anyway: a job that is
/// queued is taken by another thread, and waiting for that thread costs two switches.
///
/// If it is dropped, the job is queued.
#[must_use]
pub(crate) struct PreparedTask<R: Send + 'static, B: BackingStoreT> {
    core: Arc<StoreCore<B>>,
    /// `None` once it is started.
    prepared: Option<(Task<R>, Arc<TaskJob<R>>)>,
}

impl<R: Send + 'static, B: BackingStoreT> PreparedTask<R, B> {
    pub(super) fn new(core: Arc<StoreCore<B>>, task: Task<R>, job: Arc<TaskJob<R>>) -> Self {
        Self {
            core,
            prepared: Some((task, job)),
        }
    }

    /// Queues the job.
    pub(crate) fn start(mut self) -> Task<R> {
        self.queue().expect("it is started once")
    }

    /// Runs the job on this thread.
    pub(crate) fn wait(mut self) -> Result<R> {
        let (task, _) = self.prepared.take().expect("it is started once");
        task.wait()
    }

    fn queue(&mut self) -> Option<Task<R>> {
        let (task, job) = self.prepared.take()?;
        self.core.queue.run(Lane::Task, move || job.run());
        Some(task)
    }
}

impl<R: Send + 'static, B: BackingStoreT> Drop for PreparedTask<R, B> {
    fn drop(&mut self) {
        drop(self.queue());
    }
}

impl<R: Send + 'static, B: BackingStoreT> fmt::Debug for PreparedTask<R, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedTask")
            .field("task", &self.prepared.as_ref().map(|(task, _)| task))
            .finish()
    }
}
