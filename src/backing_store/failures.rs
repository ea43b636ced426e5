//! Failures that no caller waits for: they are counted and logged.

use file_backed_codecs::printable::PrintablePath;
use tracing::field::{DisplayValue, display};
use uuid::fmt::Simple;

use crate::Error;
use crate::sync::atomic::{AtomicU64, Ordering};

/// Counts of failures in the background.
#[derive(Default)]
pub(crate) struct Failures {
    pub(crate) writes: AtomicU64,
    pub(crate) deletions: AtomicU64,
    pub(crate) tasks: AtomicU64,
}

impl Failures {
    pub(crate) fn write(&self, error: &Error) {
        self.writes.fetch_add(1, Ordering::Relaxed);
        if error.is_refused_by_system() {
            // The outage that begins with this error is logged once for all values.
            tracing::debug!(key = key(error), path = path(error), %error, "a write-back failed because of an outage, which affects other values too");
            return;
        }
        tracing::warn!(key = key(error), path = path(error), %error, "a write-back failed: the value stays in memory, and the write will be retried");
    }

    pub(crate) fn deletion(&self, error: &Error) {
        self.deletions.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(key = key(error), path = path(error), %error, "could not delete a cache file");
    }

    pub(crate) fn detached_task(&self, error: &Error) {
        self.tasks.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(key = key(error), path = path(error), %error, "a detached task failed");
    }
}

fn key(error: &Error) -> Option<DisplayValue<Simple>> {
    error.key().map(|key| display(key.simple()))
}

fn path(error: &Error) -> Option<DisplayValue<PrintablePath<'_>>> {
    error.path().map(|path| display(PrintablePath(path)))
}
