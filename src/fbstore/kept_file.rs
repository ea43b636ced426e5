//! Files that stay open for loads that are queued.

use std::sync::atomic::{AtomicUsize, Ordering};

use file_backed_codecs::Source;

/// How many files stay open for loads that are queued. A task may queue thousands, and a file
/// costs less to open again than a program that has run out of descriptors.
const MOST_KEPT: usize = 32;

static KEPT: AtomicUsize = AtomicUsize::new(0);

/// A file that a load has opened which was refused, for the load that follows.
pub(super) struct KeptFile {
    pub(super) source: Box<dyn Source>,
}

impl KeptFile {
    /// Closes the file if enough others are kept.
    pub(super) fn keep(source: Box<dyn Source>) -> Option<Self> {
        let kept = KEPT.fetch_add(1, Ordering::Relaxed);
        // Dropping it takes it out of the count.
        let file = Self { source };
        (kept < MOST_KEPT).then_some(file)
    }
}

impl Drop for KeptFile {
    fn drop(&mut self) {
        KEPT.fetch_sub(1, Ordering::Relaxed);
    }
}
