//! Counts how files reached their destinations.

use crate::sync::atomic::{AtomicU64, Ordering};

use super::Transfer;

#[derive(Default)]
pub(crate) struct Transfers {
    pub(crate) links: AtomicU64,
    pub(crate) clones: AtomicU64,
    pub(crate) copies: AtomicU64,
}

impl Transfers {
    pub(crate) fn count(&self, transfer: Transfer) {
        let counter = match transfer {
            Transfer::Linked => &self.links,
            Transfer::Cloned => &self.clones,
            Transfer::Copied => &self.copies,
            Transfer::Present => return,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
