//! One load, which all its waiters share.

use std::sync::Arc;

use crate::Result;
use crate::backing_store::{Outcome, RunOnce};

/// A load in flight. It carries its result: waiters take the value from here, not
/// from the slot, so they get it however small the cache is.
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
