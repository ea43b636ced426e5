//! Files that come into the cache from other directories.

use std::sync::Arc;

use uuid::Uuid;

use super::{NameChange, Quota, Reservation};
use crate::backing_store::Transfer;
use crate::error::Cause;
use crate::fbstore::files::Identity;

/// A file that the cache gets a link to, or a copy of. No other change of the names of its
/// key runs meanwhile.
pub(in crate::fbstore) struct Arrival<'a> {
    quota: &'a Arc<Quota>,
    change: NameChange<'a>,
    key: Uuid,
    len: u64,
    /// The persisted directory that has the file. `None` if the other name may go without a
    /// deletion through the library: then a link counts like a copy.
    home: Option<Identity>,
    /// Room for the whole file, as soon as it is certain that it will count.
    room: Option<Reservation>,
}

impl<'a> Arrival<'a> {
    pub(super) fn begin(
        quota: &'a Arc<Quota>,
        change: NameChange<'a>,
        key: Uuid,
        len: u64,
        home: Option<Identity>,
    ) -> Result<Self, Cause> {
        let mut arrival = Self {
            quota,
            change,
            key,
            len,
            home,
            room: None,
        };
        if arrival.home.is_none() {
            arrival.reserve()?;
        }
        Ok(arrival)
    }

    /// The cache's file of the key, which was another one, was removed.
    pub(in crate::fbstore) fn removed_other(&self) {
        self.change.deleted();
    }

    /// There is no temporary file of the key.
    pub(in crate::fbstore) fn removed_left_over(&self) {
        self.change.left_over_removed();
    }

    /// Reserves room for a copy.
    pub(in crate::fbstore) fn reserve(&mut self) -> Result<(), Cause> {
        if self.room.is_none() {
            self.room = Some(self.quota.begin_file_of(self.key, self.len)?);
        }
        Ok(())
    }

    /// The room of the copy that is being made.
    pub(in crate::fbstore) fn room(&mut self) -> Option<&mut Reservation> {
        self.room.as_mut()
    }

    /// The temporary file of a failed copy could not be removed.
    pub(in crate::fbstore) fn leave_over(&mut self) {
        if let Some(room) = self.room.take() {
            room.leave_over();
        }
    }

    /// The file has its name in the cache.
    pub(in crate::fbstore) fn end(mut self, transfer: Transfer) {
        let is_link = matches!(transfer, Transfer::Linked | Transfer::Present);
        match (self.room.take(), &self.home) {
            (_, Some(home)) if is_link => self.change.linked_in(self.len, home),
            (Some(mut room), _) => {
                if is_link {
                    room.fill();
                }
                room.end();
            }
            (None, _) => unreachable!("a file that counts has room"),
        }
    }
}
