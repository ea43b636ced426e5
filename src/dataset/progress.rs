//! How far something has come.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// How far a commit or a verification has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Items that are done.
    pub items: u64,
    /// Items that are known to be to do. During a commit it grows as long as
    /// the closure names more.
    pub items_total: u64,
    /// Bytes of files that are done.
    pub bytes: u64,
    /// Bytes that are known to be to do; 0 during a commit, which does not know.
    pub bytes_total: u64,
}

type Callback = Box<dyn Fn(Progress) + Send + Sync>;

/// Counts, and tells whoever wants to know.
#[derive(Default)]
pub(super) struct ProgressMeter {
    items: AtomicU64,
    items_total: AtomicU64,
    bytes: AtomicU64,
    bytes_total: AtomicU64,
    callback: std::sync::OnceLock<Callback>,
}

impl ProgressMeter {
    /// Where the progress is told from now on. The first one stays.
    pub(super) fn tell(&self, callback: impl Fn(Progress) + Send + Sync + 'static) {
        let _ = self.callback.set(Box::new(callback));
    }

    pub(super) fn expect(&self, items: u64, bytes: u64) {
        self.items_total.fetch_add(items, Ordering::Relaxed);
        self.bytes_total.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn add(&self, items: u64, bytes: u64) {
        self.items.fetch_add(items, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if let Some(callback) = self.callback.get() {
            callback(self.progress());
        }
    }

    pub(super) fn progress(&self) -> Progress {
        Progress {
            items: self.items.load(Ordering::Relaxed),
            items_total: self.items_total.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            bytes_total: self.bytes_total.load(Ordering::Relaxed),
        }
    }
}

impl fmt::Debug for ProgressMeter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.progress().fmt(f)
    }
}
