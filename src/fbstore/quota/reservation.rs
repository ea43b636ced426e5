//! Room in a cache with a quota, for one file that is being written.

use std::sync::Arc;

use uuid::Uuid;

use super::Quota;
use crate::error::Cause;

/// Room for the file of one key. Dropping it gives the room back.
pub(in crate::fbstore) struct Reservation {
    quota: Arc<Quota>,
    key: Uuid,
    /// Never less than what is in the file.
    reserved: u64,
    /// The length of the file so far, including bytes that were only counted.
    len: u64,
    /// There was no room. The rest of the file is only counted, so that its length is known.
    is_refused: bool,
}

/// What to do with the next bytes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::fbstore) enum NextBytes {
    Write,
    /// There is no room: remove what was written, and only count the rest.
    Count,
    /// The file is larger than the whole quota.
    Stop,
}

impl Reservation {
    pub(super) fn new(quota: Arc<Quota>, key: Uuid, reserved: u64) -> Self {
        Self {
            quota,
            key,
            reserved,
            len: 0,
            is_refused: false,
        }
    }

    /// Reserves room for the next bytes of the file.
    pub(in crate::fbstore) fn grow(&mut self, bytes: u64) -> NextBytes {
        let len = self.len.saturating_add(bytes);
        self.len = len;
        if !self.is_refused {
            let more = len.saturating_sub(self.reserved);
            if more == 0 || self.quota.reserve(more, len).is_ok() {
                self.reserved += more;
                return NextBytes::Write;
            }
            self.is_refused = true;
        }
        match self.quota.is_larger_than_quota(len) {
            true => NextBytes::Stop,
            false => NextBytes::Count,
        }
    }

    /// Reserves room for a file of this length, all of which is about to be written.
    pub(in crate::fbstore) fn set_len(&mut self, len: u64) -> Result<(), Cause> {
        let more = len.saturating_sub(self.reserved);
        if more > 0 {
            self.quota.reserve(more, len)?;
            self.reserved += more;
        }
        self.len = len;
        Ok(())
    }

    /// The file is as long as its reservation.
    pub(in crate::fbstore) fn fill(&mut self) {
        self.len = self.reserved;
    }

    /// So many of the last bytes were not written after all.
    pub(in crate::fbstore) fn shrink(&mut self, bytes: u64) {
        self.len -= bytes;
    }

    /// The partial file is gone.
    pub(in crate::fbstore) fn removed(&mut self) {
        self.quota.give_back(std::mem::take(&mut self.reserved));
    }

    /// Why the file was refused; `None` if it was not.
    pub(in crate::fbstore) fn refusal(&self) -> Option<Cause> {
        self.is_refused.then(|| {
            self.quota.note_refused(self.key, self.len);
            self.quota.refusal(self.len)
        })
    }

    /// The file is temporary and could not be removed.
    pub(in crate::fbstore) fn leave_over(mut self) {
        let reserved = std::mem::take(&mut self.reserved);
        self.quota.leave_over(self.key, reserved);
    }

    /// The file is complete, or could not be removed: it counts from now on.
    pub(in crate::fbstore) fn end(mut self) {
        let reserved = std::mem::take(&mut self.reserved);
        // After a refusal, bytes were counted that are not in the file.
        let len = self.len.min(reserved);
        self.quota.end_file(self.key, len, reserved);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.reserved > 0 {
            self.quota.give_back(self.reserved);
        }
    }
}
