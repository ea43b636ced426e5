//! One load, and everybody who waits for it.

use std::sync::Arc;

use crate::Result;
use crate::backing_store::{Outcome, RunOnce};

/// A load under way. It carries its result: waiters take the value from here
/// and never from the slot, so that they get it however small the cache is.
pub(crate) struct Flight<T> {
    pub(crate) run_once: RunOnce,
    pub(crate) outcome: Outcome<Result<Arc<T>>>,
}

impl<T> Flight<T> {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            run_once: RunOnce::new(),
            outcome: Outcome::new(),
        })
    }
}
