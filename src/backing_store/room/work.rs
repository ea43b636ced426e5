//! Work that may make room in a cache with a quota.
//!
//! `reserve` waits while any is under way, and fails once there is none.

use std::ops::Deref;

use crate::backing_store::{BackingStoreT, StoreCore};
use crate::sync::atomic::{AtomicUsize, Ordering};

/// How much of such work is queued or running.
#[derive(Default)]
pub(crate) struct RoomWork(AtomicUsize);

impl RoomWork {
    pub(in crate::backing_store) fn begin(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    /// Returns true if none is left.
    pub(in crate::backing_store) fn end(&self) -> bool {
        self.0.fetch_sub(1, Ordering::SeqCst) == 1
    }

    pub(in crate::backing_store) fn is_under_way(&self) -> bool {
        self.0.load(Ordering::SeqCst) > 0
    }
}

/// A piece of such work. When it ends, writes that wait for room are tried again.
#[must_use = "the work ends when it is dropped"]
pub(crate) struct RoomWorkToken<B: BackingStoreT, D: Deref<Target = StoreCore<B>>>(D);

impl<B: BackingStoreT, D: Deref<Target = StoreCore<B>>> RoomWorkToken<B, D> {
    /// Begins work of the store. `None` if the store has no quota.
    pub(crate) fn new(core: D) -> Option<Self> {
        core.has_quota().then(|| {
            core.outage.begin_room_work();
            Self(core)
        })
    }

    /// Begins work that a job of the queue carries out, which calls
    /// [`resume`](Self::resume).
    pub(in crate::backing_store) fn begin_queued(core: D) {
        std::mem::forget(Self::new(core));
    }

    /// The work that was begun when the job was queued.
    pub(in crate::backing_store) fn resume(core: D) -> Option<Self> {
        core.has_quota().then(|| Self(core))
    }
}

impl<B: BackingStoreT, D: Deref<Target = StoreCore<B>>> Drop for RoomWorkToken<B, D> {
    fn drop(&mut self) {
        self.0.end_room_work();
    }
}
