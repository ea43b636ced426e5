//! Who runs a job that is only queued.

use crate::sync::atomic::{AtomicU8, Ordering};

const QUEUED: u8 = 0;
const CLAIMED: u8 = 1;
const CANCELLED: u8 = 2;

/// Decides, once, who runs a queued job: the queue, a caller that will not
/// wait for the queue, or nobody.
pub(crate) struct RunOnce(AtomicU8);

impl RunOnce {
    pub(crate) fn new() -> Self {
        Self(AtomicU8::new(QUEUED))
    }

    /// True for the one caller that now has to run the job.
    pub(crate) fn claim(&self) -> bool {
        self.decide(CLAIMED)
    }

    /// True if the job will not run.
    pub(crate) fn cancel(&self) -> bool {
        self.decide(CANCELLED)
    }

    /// Whether the job runs, has run, or will not.
    pub(crate) fn is_decided(&self) -> bool {
        self.0.load(Ordering::Acquire) != QUEUED
    }

    fn decide(&self, decision: u8) -> bool {
        self.0
            .compare_exchange(QUEUED, decision, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }
}
