//! Outages for lack of room: trying the writes that may fit.
//!
//! One job at a time looks how much room there is and tries a write. A thread that
//! makes room says so, and a job that has looked before then looks again.

use super::{Now, Outage, Write};
use crate::backing_store::room::RoomCalls;

/// What a job of [`StoreCore::try_waiting_writes`] does next.
///
/// [`StoreCore::try_waiting_writes`]: crate::backing_store::StoreCore::try_waiting_writes
pub(in crate::backing_store) enum Next {
    Try(Write),
    LookAgain,
    /// Nothing fits.
    End,
}

impl Outage {
    /// There may be room for a waiting write. Returns the number of the outage if the caller
    /// must queue a job that looks; `None` if one is queued or running, or if the outage is
    /// for another reason.
    pub(in crate::backing_store) fn note_room(&self) -> Option<u64> {
        if !self.is_on() {
            return None;
        }
        let mut inner = self.inner.lock();
        let number = inner.number;
        let now = inner.now.as_mut().filter(|now| now.is_full)?;
        now.has_news = true;
        (!std::mem::replace(&mut now.is_trying, true)).then_some(number)
    }

    /// A job is about to look how much room there is.
    pub(in crate::backing_store) fn begin_look(&self, number: u64) {
        let mut inner = self.inner.lock();
        if let Some(now) = now_of(&mut inner, number) {
            now.has_news = false;
        }
    }

    /// Takes a write that may fit into `free` bytes, as a job has seen since
    /// [`begin_look`](Self::begin_look).
    pub(in crate::backing_store) fn next_fitting(&self, number: u64, free: u64) -> Next {
        let mut inner = self.inner.lock();
        let Some(now) = now_of(&mut inner, number) else {
            return Next::End;
        };
        if let Some(fitting) = now.take_fitting(free, &self.room_calls) {
            return Next::Try(fitting.write);
        }
        if now.has_news {
            return Next::LookAgain;
        }
        now.is_trying = false;
        let obsolete = now.take_obsolete();
        let is_over = now.waiting.is_empty();
        let ended = is_over.then(|| self.end(&mut inner)).flatten();
        drop(inner);
        drop(obsolete);
        match ended {
            Some(ended) => self.tell_of_end(&ended),
            None => self.notify_listeners(),
        }
        Next::End
    }

    pub(in crate::backing_store) fn room_calls(&self) -> &RoomCalls {
        &self.room_calls
    }

    pub(in crate::backing_store) fn begin_room_work(&self) {
        self.room_work.begin();
    }

    pub(in crate::backing_store) fn end_room_work(&self) {
        if self.room_work.end() && self.is_on() {
            self.notify_listeners();
        }
    }
}

fn now_of(inner: &mut super::Inner, number: u64) -> Option<&mut Now> {
    match inner.number == number {
        true => inner.now.as_mut(),
        false => None,
    }
}
