//! A bounded number of background jobs.

use std::collections::VecDeque;

use crate::Result;
use crate::backing_store::Task;

/// The jobs of one step of a save. Their results come in the order in which they were
/// started.
pub(super) struct Window<R> {
    /// How many may be in flight; at least 1.
    most: usize,
    tasks: VecDeque<Task<R>>,
}

impl<R: Send + 'static> Window<R> {
    /// At most `most` jobs are in flight at a time; 0 counts as 1.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most: most.max(1),
            tasks: VecDeque::new(),
        }
    }

    /// Starts a job. If the window is full, waits for the oldest job first, and returns
    /// its result.
    pub(super) fn start(&mut self, start: impl FnOnce() -> Task<R>) -> Option<Result<R>> {
        let is_full = self.tasks.len() >= self.most;
        let oldest = is_full.then(|| self.wait_for_oldest()).flatten();
        self.tasks.push_back(start());
        oldest
    }

    /// Waits for the oldest job. Returns `None` if there is none.
    pub(super) fn wait_for_oldest(&mut self) -> Option<Result<R>> {
        self.tasks.pop_front().map(Task::wait)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::error::Operation;

    /// A window used to get a job that had been started already, so one more than `most`
    /// was in flight.
    #[test]
    fn a_job_starts_only_when_there_is_room_for_it() {
        for (most, limit) in [(0, 1), (1, 1), (3, 3)] {
            let in_flight = Arc::new(AtomicUsize::new(0));
            let mut window = Window::new(most);
            let mut results = Vec::new();
            for n in 0..8 {
                let oldest = window.start(|| {
                    assert!(in_flight.fetch_add(1, Ordering::Relaxed) < limit);
                    let in_flight = in_flight.clone();
                    let end = move || {
                        in_flight.fetch_sub(1, Ordering::Relaxed);
                        Ok(n)
                    };
                    Task::new(Operation::Persist, Arc::default(), end).0
                });
                results.extend(oldest);
            }
            results.extend(std::iter::from_fn(|| window.wait_for_oldest()));
            let results: Result<Vec<_>> = results.into_iter().collect();
            assert_eq!(results.expect("nothing fails"), [0, 1, 2, 3, 4, 5, 6, 7]);
        }
    }
}
