//! Decides which side runs a queued job.

use crate::sync::atomic::{AtomicU8, Ordering};

const QUEUED: u8 = 0;
const CLAIMED: u8 = 1;
const CANCELLED: u8 = 2;

/// Decides which side runs a queued job: the queue, a caller that does not wait for the
/// queue, or neither. The decision is final, unless the claim is given back.
pub(crate) struct RunOnce(AtomicU8);

impl RunOnce {
    pub(crate) fn new() -> Self {
        Self(AtomicU8::new(QUEUED))
    }

    /// Claims the job. Returns true for the one caller that must now run it.
    pub(crate) fn claim(&self) -> bool {
        self.decide(CLAIMED)
    }

    /// Gives a claim back: another caller is to run the job, which was not run.
    pub(crate) fn give_back(&self) {
        let before = self.0.swap(QUEUED, Ordering::AcqRel);
        debug_assert_eq!(before, CLAIMED, "only a claim is given back");
    }

    /// Cancels the job. Returns true if it was still queued, so that it will not run.
    pub(crate) fn cancel(&self) -> bool {
        self.decide(CANCELLED)
    }

    /// Whether the job was claimed or cancelled.
    pub(crate) fn is_decided(&self) -> bool {
        self.0.load(Ordering::Acquire) != QUEUED
    }

    fn decide(&self, decision: u8) -> bool {
        self.0
            .compare_exchange(QUEUED, decision, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }
}
