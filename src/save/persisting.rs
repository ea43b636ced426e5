//! Persisting many items.

use std::sync::Arc;

use super::Window;
use crate::backing_store::{Strategy, TrackedPath, guarded};
use crate::error::Operation;
use crate::{Error, Fb, Result};

/// Items that are persisted in the background, each by a job of its own. `R` is what the
/// caller finds out about each persisted file.
///
/// If it is dropped, its jobs continue: each holds a value that its item needs back.
pub(crate) struct Persisting<R> {
    /// What the errors say has failed.
    operation: Operation,
    jobs: Window<R>,
    /// What is known about the files so far, or the first failure.
    persisted: Result<Vec<R>>,
}

impl<R: Send + 'static> Persisting<R> {
    /// At most `most` jobs are in flight at a time; 0 counts as 1.
    pub(crate) fn new(operation: Operation, most: usize) -> Self {
        Self {
            operation,
            jobs: Window::new(most),
            persisted: Ok(Vec::new()),
        }
    }

    /// Persists an item with its current value, and then calls `inspect` in the background.
    /// Waits only if too many jobs are in flight.
    pub(crate) fn persist<T, B>(
        &mut self,
        item: &Fb<T, B>,
        tracked: &Arc<TrackedPath<B::PersistPath>>,
        inspect: impl FnOnce() -> Result<R> + Send + 'static,
    ) where
        T: Send + Sync + 'static,
        B: Strategy<T>,
    {
        let (operation, key) = (self.operation, item.key());
        let oldest = self.jobs.start(|| {
            let persist = item.pool().begin_persist(item.item(), tracked.clone());
            item.pool().store().task(operation, move || {
                guarded(|| Ok(persist().and_then(|()| inspect())))
                    .unwrap_or_else(|panic| Err(Error::of_key(operation, key, panic)))
            })
        });
        oldest.into_iter().for_each(|result| self.add(result));
    }

    /// Waits for all items, even after one has failed. Returns what `inspect` returned for
    /// each of them, or the first failure.
    pub(crate) fn wait(mut self) -> Result<Vec<R>> {
        while let Some(result) = self.jobs.wait_for_oldest() {
            self.add(result);
        }
        self.persisted
    }

    fn add(&mut self, result: Result<R>) {
        match (result, &mut self.persisted) {
            (Ok(inspected), Ok(all)) => all.push(inspected),
            (Err(error), Ok(_)) => self.persisted = Err(error),
            (_, Err(_)) => {}
        }
    }
}
