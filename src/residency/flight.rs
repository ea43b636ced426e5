//! One load, which all its waiters share.

use std::sync::Arc;

use crate::Result;
use crate::backing_store::{OpenedFile, Outcome, RunOnce};
use crate::sync::Mutex;

/// A load in flight. It carries its result: waiters take the value from here, not
/// from the slot, so they get it however small the cache is.
pub(crate) struct Flight<T> {
    pub(crate) run_once: RunOnce,
    pub(crate) outcome: Outcome<Result<Arc<T>>>,
    /// What is left of an attempt to run it inline, for the caller that runs it next.
    pub(crate) refused: Mutex<Option<RefusedLoad>>,
}

/// An attempt to load inline that was refused.
pub(crate) struct RefusedLoad {
    /// The file, if it was opened.
    pub(crate) opened: Option<OpenedFile>,
    /// The trace span of the load.
    pub(crate) span: tracing::Span,
}

impl<T> Flight<T> {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            run_once: RunOnce::new(),
            outcome: Outcome::new(),
            refused: Mutex::new(None),
        })
    }
}
