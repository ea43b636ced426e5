//! Persisting many items.

use std::sync::Arc;

use uuid::Uuid;

use super::Window;
use crate::backing_store::{
    BackingStore, BackingStoreT, Captured, Strategy, TrackedPath, guarded_for,
};
use crate::error::Operation;
use crate::{Error, Fb, Result};

/// Items that are persisted in the background: those whose values are written already in
/// jobs of `per_job` items, all others by a job each. `R` is what the caller finds out
/// about each persisted file.
///
/// If it is dropped, its jobs are started and continue: each holds values that their items
/// need back.
pub(crate) struct Persisting<R: Send + 'static, B: BackingStoreT> {
    /// What the errors say has failed.
    operation: Operation,
    per_job: usize,
    /// The next job: the items begun since the last one was started, all of one store.
    next: Vec<Begun<R>>,
    /// The store of `next`.
    store: Option<Arc<BackingStore<B>>>,
    jobs: Window<Vec<Result<R>>, B>,
    /// What is known about the files so far.
    persisted: Vec<R>,
    failures: Vec<Error>,
}

/// Persists an item whose value has been captured.
type Begun<R> = Box<dyn FnOnce() -> Result<R> + Send + Sync>;

impl<R: Send + 'static, B: BackingStoreT> Persisting<R, B> {
    /// At most `most` jobs are in flight at a time; 0 counts as 1, as it does for
    /// `per_job`.
    pub(crate) fn new(operation: Operation, most: usize, per_job: usize) -> Self {
        Self {
            operation,
            per_job,
            next: Vec::new(),
            store: None,
            jobs: Window::new(most),
            persisted: Vec::new(),
            failures: Vec::new(),
        }
    }

    /// Holds back the newest job until another one is added: the thread that waits for all
    /// items runs it. Another thread that waits for the write of an item runs that write. No
    /// thread runs a link in order to make room, so in a store with a quota nothing is held
    /// back.
    #[cfg(feature = "dataset")]
    pub(crate) fn holding_newest_in(mut self, store: &BackingStore<B>) -> Self {
        if !store.core().has_quota() {
            let jobs = std::mem::replace(&mut self.jobs, Window::new(1));
            self.jobs = jobs.holding_newest();
        }
        self
    }

    /// Persists an item with its current value, and then calls `inspect` in the background.
    /// Waits only if too many jobs are in flight.
    pub(crate) fn persist<T>(
        &mut self,
        item: &Fb<T, B>,
        tracked: &Arc<TrackedPath<B::PersistPath>>,
        inspect: impl FnOnce() -> Result<R> + Send + Sync + 'static,
    ) where
        T: Send + Sync + 'static,
        B: Strategy<T>,
    {
        self.capture(item, tracked, move |captured| {
            captured.link()?;
            inspect()
        });
    }

    /// Captures an item with its current value and, in the background, passes it on once it has
    /// a file. Waits only if too many jobs are in flight.
    pub(crate) fn capture<T>(
        &mut self,
        item: &Fb<T, B>,
        tracked: &Arc<TrackedPath<B::PersistPath>>,
        then: impl FnOnce(Box<dyn Captured<B>>) -> Result<R> + Send + Sync + 'static,
    ) where
        T: Send + Sync + 'static,
        B: Strategy<T>,
    {
        let store = item.pool().store();
        if self
            .store
            .as_ref()
            .is_none_or(|next| !Arc::ptr_eq(next, store))
        {
            self.start_next();
            self.store = Some(store.clone());
        }
        let (operation, key) = (self.operation, item.key());
        let (capture, writes) = item.pool().begin_capture(item.item(), tracked.clone());
        let begun: Begun<R> =
            Box::new(move || guarded_for(operation, key, || then(Box::new(capture()?))));
        if writes {
            // Writing takes long: each value gets a job of its own.
            self.start(store.clone(), vec![begun]);
            return;
        }
        self.next.push(begun);
        if self.next.len() >= self.per_job {
            self.start_next();
        }
    }

    /// Waits for all items, even after one has failed. Returns what `inspect` returned for
    /// each of them, or the first failure.
    pub(crate) fn wait(self) -> Result<Vec<R>> {
        self.wait_for(|_| true)
    }

    /// Waits for all items too, but only those that are needed may fail it.
    pub(crate) fn wait_for(mut self, is_needed: impl Fn(Uuid) -> bool) -> Result<Vec<R>> {
        self.start_next();
        let mut ended = Vec::new();
        self.jobs.wait_for_all(|job| ended.push(job));
        ended.into_iter().for_each(|job| self.add(job));
        let mut failures = std::mem::take(&mut self.failures).into_iter();
        match failures.find(|error| error.key().is_none_or(&is_needed)) {
            Some(error) => Err(error),
            None => Ok(std::mem::take(&mut self.persisted)),
        }
    }

    /// Makes a job of the items begun so far.
    fn start_next(&mut self) {
        let items = std::mem::take(&mut self.next);
        if let Some(store) = self.store.clone()
            && !items.is_empty()
        {
            self.start(store, items);
        }
    }

    fn start(&mut self, store: Arc<BackingStore<B>>, items: Vec<Begun<R>>) {
        let oldest = self.jobs.add(|| {
            let persist_all = move || Ok(items.into_iter().map(|persist| persist()).collect());
            store.prepare_room_task(self.operation, persist_all)
        });
        oldest.into_iter().for_each(|job| self.add(job));
    }

    fn add(&mut self, job: Result<Vec<Result<R>>>) {
        for result in job.unwrap_or_else(|error| vec![Err(error)]) {
            match result {
                Ok(inspected) => self.persisted.push(inspected),
                Err(error) => self.failures.push(error),
            }
        }
    }
}

impl<R: Send + 'static, B: BackingStoreT> Drop for Persisting<R, B> {
    fn drop(&mut self) {
        self.start_next();
    }
}
