//! A bounded number of background jobs.

use std::collections::VecDeque;

use crate::Result;
use crate::backing_store::{BackingStoreT, PreparedTask, Task};

/// The jobs of one step of a save. Their results come in the order in which they were
/// added.
///
/// If the newest one is held back until another is added, and none is, as in a commit of one
/// item, the thread that waits for it runs it. If a window is dropped, its jobs are started
/// and continue.
pub(super) struct Window<R: Send + 'static, B: BackingStoreT> {
    /// How many may be in flight; at least 1.
    most: usize,
    /// Whether the newest job is held back.
    holds_newest: bool,
    started: VecDeque<Task<R>>,
    newest: Option<PreparedTask<R, B>>,
}

impl<R: Send + 'static, B: BackingStoreT> Window<R, B> {
    /// At most `most` jobs are in flight at a time; 0 counts as 1.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most: most.max(1),
            holds_newest: false,
            started: VecDeque::new(),
            newest: None,
        }
    }

    /// Holds back the newest job. Nothing else may wait for what it does.
    pub(super) fn holding_newest(self) -> Self {
        Self {
            holds_newest: true,
            ..self
        }
    }

    /// Starts the job before, and adds one. If the window is full, waits for the oldest job
    /// first, and returns its result.
    pub(super) fn add(
        &mut self,
        prepare: impl FnOnce() -> PreparedTask<R, B>,
    ) -> Option<Result<R>> {
        self.started
            .extend(self.newest.take().map(PreparedTask::start));
        let is_full = self.started.len() >= self.most;
        let oldest = is_full.then(|| self.started.pop_front()).flatten();
        let oldest = oldest.map(Task::wait);
        match self.holds_newest {
            true => self.newest = Some(prepare()),
            false => self.started.push_back(prepare().start()),
        }
        oldest
    }

    /// Waits for all jobs, and passes on their results.
    pub(super) fn wait_for_all(&mut self, mut pass: impl FnMut(Result<R>)) {
        let newest = self.newest.take().map(PreparedTask::wait);
        for task in self.started.drain(..) {
            pass(task.wait());
        }
        newest.into_iter().for_each(pass);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;
    use crate::BackingStore;
    use crate::error::Operation;
    use crate::testing::{MemStore, runtime};

    /// A window used to get a job that had been started already, so one more than `most`
    /// was in flight.
    #[test]
    fn a_job_is_made_only_when_there_is_room_for_it() {
        let machine = runtime("jobs of a window");
        let store = BackingStore::new(MemStore::default(), machine.handle().clone());
        for (most, limit) in [(0, 1), (1, 1), (3, 3)] {
            let in_flight = Arc::new(AtomicUsize::new(0));
            let mut window = Window::new(most).holding_newest();
            let mut results = Vec::new();
            for n in 0..8 {
                let oldest = window.add(|| {
                    assert!(in_flight.fetch_add(1, Ordering::SeqCst) < limit);
                    let in_flight = in_flight.clone();
                    store.prepare_task(Operation::Persist, move || {
                        in_flight.fetch_sub(1, Ordering::SeqCst);
                        Ok(n)
                    })
                });
                results.extend(oldest);
            }
            window.wait_for_all(|result| results.push(result));
            let results: Result<Vec<_>> = results.into_iter().collect();
            assert_eq!(results.expect("nothing fails"), [0, 1, 2, 3, 4, 5, 6, 7]);
        }
    }

    #[test]
    fn a_single_job_runs_on_the_thread_that_waits_for_it() {
        let machine = runtime("jobs of a window");
        let store = BackingStore::new(MemStore::default(), machine.handle().clone());
        let mut window = Window::new(3).holding_newest();
        window.add(|| store.prepare_task(Operation::Persist, || Ok(thread::current().id())));
        let mut threads = Vec::new();
        window.wait_for_all(|thread| threads.extend(thread));
        assert_eq!(threads, [thread::current().id()]);
    }

    #[test]
    fn the_jobs_of_a_dropped_window_run() {
        let machine = runtime("jobs of a window");
        let store = BackingStore::new(MemStore::default(), machine.handle().clone());
        let ran = Arc::new(AtomicUsize::new(0));
        let mut window = Window::new(3).holding_newest();
        for _ in 0..2 {
            let ran = ran.clone();
            let job = move || Ok(ran.fetch_add(1, Ordering::SeqCst));
            window.add(|| store.prepare_task(Operation::Persist, job));
        }
        drop(window);
        store.blocking_finished();
        assert_eq!(ran.load(Ordering::SeqCst), 2);
    }
}
