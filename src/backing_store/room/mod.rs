//! Room in the cache of a store with a quota: which work may make some, and which writes are
//! tried once it has.
//!
//! Whoever does such work holds a [`RoomWorkToken`]. When it ends, the writes that wait for
//! room (`outage`) are tried if they may fit.

mod work;

use super::outage::Next;
use super::queue::Lane;
use super::{BackingStoreT, StoreCore};
use crate::Error;

pub(super) use work::RoomWork;
pub(crate) use work::RoomWorkToken;

impl<B: BackingStoreT> StoreCore<B> {
    /// How many bytes must be free in the cache before the write that failed with `error`
    /// is worth another attempt. `None` if the quota is not the reason.
    pub(crate) fn room_needed_after(&self, error: &Error) -> Option<u64> {
        if !self.has_quota() || !error.is_storage_full() {
            return None;
        }
        let more_than_now = || self.free_room().saturating_add(1);
        Some(error.needed_room().unwrap_or_else(more_than_now))
    }

    /// Tries a write that waits for room, if there may be room for it.
    pub(crate) fn try_waiting_writes(&self) {
        if self.has_quota()
            && let Some(outage) = self.outage.note_room()
        {
            self.queue_next_fitting(outage);
        }
    }

    /// Each write has a job of its own, so that deletions and other writes get their turn.
    fn queue_next_fitting(&self, outage: u64) {
        let this = self.weak();
        self.queue.run(Lane::Background, move || {
            if let Some(core) = this.upgrade() {
                core.try_next_fitting(outage);
            }
        });
    }

    fn try_next_fitting(&self, outage: u64) {
        self.outage.begin_look(outage);
        match self.outage.next_fitting(outage, self.free_room()) {
            Next::End => return,
            Next::LookAgain => {}
            Next::Try(write) => write.run(true),
        }
        self.queue_next_fitting(outage);
    }

    /// Ends a piece of work that may have made room.
    fn end_room_work(&self) {
        // Before the end of the work, so that `reserve` sees the writes that follow.
        self.try_waiting_writes();
        self.outage.end_room_work();
    }

    /// Bytes that the quota leaves free.
    fn free_room(&self) -> u64 {
        let usage = self.backing.cache_usage();
        usage.map_or(u64::MAX, |usage| usage.free())
    }
}
