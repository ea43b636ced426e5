//! Room in the cache of a store with a quota: which work may make some, and which writes are
//! tried once it has.
//!
//! The caller that does such work holds a [`RoomWorkToken`]. When it ends, the writes that
//! wait for room (`outage`) are tried if they may fit.

mod calls;
mod work;

use super::outage::Next;
use super::queue::Lane;
use super::{BackingStoreT, StoreCore};
use crate::error::{NeededRoom, Operation};
use crate::{Error, Result};
use calls::Call;

pub(super) use calls::RoomCalls;
pub(super) use work::RoomWork;
pub(crate) use work::RoomWorkToken;

impl<B: BackingStoreT> StoreCore<B> {
    /// When the write that failed with `error` is worth another attempt. `None` if a lack of
    /// room in a store with a quota is not the reason.
    pub(crate) fn room_needed_after(&self, error: &Error) -> Option<NeededRoom> {
        let is_full = self.has_quota() && error.is_storage_full();
        is_full.then(|| error.needed_room().unwrap_or(NeededRoom::ANY))
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
        self.queue.run(Lane::Write, move || {
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

/// A call of the store that may leave more room, or take some for a moment. Dropping it ends
/// it.
pub(super) struct RoomCall<'a, B: BackingStoreT> {
    core: &'a StoreCore<B>,
    call: Call,
    operation: Operation,
}

impl<'a, B: BackingStoreT> RoomCall<'a, B> {
    /// `None` if the store has no quota, or if the operation changes nothing in the cache.
    pub(super) fn begin(core: &'a StoreCore<B>, operation: Operation) -> Option<Self> {
        (core.has_quota() && operation.may_make_room()).then(|| {
            core.outage.begin_room_work();
            Self {
                core,
                call: core.outage.room_calls().begin(),
                operation,
            }
        })
    }

    /// Ends the call. Notes in the error of a refused write when to try it again.
    pub(super) fn end<R>(self, called: Result<R>) -> Result<R> {
        called.map_err(|error| {
            if self.operation != Operation::Write || !error.is_storage_full() {
                return error;
            }
            let needed = match error.bytes_over_quota() {
                Some(bytes) => NeededRoom {
                    bytes,
                    overlap: None,
                },
                None => {
                    // Before it asks what has overlapped: what makes room until here did.
                    let free = self.core.free_room();
                    (self.core.outage.room_calls()).needed_after(&self.call, free)
                }
            };
            error.needing(needed)
        })
    }
}

impl<B: BackingStoreT> Drop for RoomCall<'_, B> {
    fn drop(&mut self) {
        // Before the writes are tried that may fit after its end.
        self.core.outage.room_calls().end(&self.call);
        self.core.end_room_work();
    }
}
