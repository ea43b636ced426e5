//! A bound on the bytes that a cache directory takes.
//!
//! A file counts unless a persisted directory has it too, as far as this process has made
//! the link. Then deleting the cache would not free its bytes. Any other name of a file may
//! go at a time that the store does not learn of: the original of an adopted file, a name in
//! a temporary persisted directory, and a name in another cache. A file with such a name
//! counts in full from the beginning.
//!
//! A length is counted before the bytes are written, and subtracted after their name is gone.
//! So the count never falls below what is there.
//!
//! The count relies on three facts. A file never changes once it has its name. While a key
//! has an owner, its file is not deleted: the key table of the cache sees to that, and so a
//! persist and a deletion of one key never overlap. The names of one key are changed by one
//! thread at a time: a persisted copy of a key can be deleted while its cache file is deleted
//! or registered, because each place has its own key table, so [`Quota::change_names`]
//! excludes them.
//!
//! What other processes do to the files is not seen. If they delete a file of the cache, it
//! counts until its handles are dropped. If they delete the persisted name of a file that
//! the cache has too, it does not count.

mod arrival;
mod homes;
mod name_change;
mod registry;
mod reservation;
mod state;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use super::directory::Directory;
use super::files::Identity;
use crate::backing_store::CacheUsage;
use crate::error::{Cause, StoreError};
pub(super) use arrival::Arrival;
pub(super) use name_change::NameChange;
pub(super) use registry::remove_persisted;
pub(super) use reservation::{NextBytes, Reservation};
use state::State;

/// The quota of one cache, and what counts against it.
pub(super) struct Quota {
    bytes: u64,
    /// See [`Directory::recreations`].
    recreations: Arc<AtomicU64>,
    state: Mutex<State>,
    /// Notified when a key is no longer in `changing`.
    changed: Condvar,
}

impl Quota {
    /// A quota of `bytes` for a cache that this process has just taken. Counts what is in
    /// it.
    pub(super) fn new(directory: &Arc<Directory>, bytes: u64) -> Result<Arc<Self>, StoreError> {
        let state = State::of(directory)?;
        let quota = Arc::new(Self {
            bytes,
            recreations: directory.recreations().clone(),
            state: Mutex::new(state),
            changed: Condvar::new(),
        });
        registry::list(&quota);
        Ok(quota)
    }

    pub(super) fn usage(&self) -> CacheUsage {
        CacheUsage {
            used: self.state().used,
            quota: self.bytes,
        }
    }

    /// Begins the file of `key`, whose length becomes known while it is written. Fails if
    /// the file was refused before and there is still no room for it.
    pub(super) fn begin_file(self: &Arc<Self>, key: Uuid) -> Result<Reservation, Cause> {
        let len = self.state().refused.get(&key).copied().unwrap_or(0);
        self.begin_file_of(key, len)
    }

    /// Begins the file of `key`, which has this length.
    fn begin_file_of(self: &Arc<Self>, key: Uuid, len: u64) -> Result<Reservation, Cause> {
        self.reserve(len, len)?;
        Ok(Reservation::new(self.clone(), key, len))
    }

    /// Reserves `bytes` more for a file that takes `needed` in all, or more.
    pub(super) fn reserve(&self, bytes: u64, needed: u64) -> Result<(), Cause> {
        let quota = self.bytes;
        if needed > quota {
            return Err(Cause::LargerThanQuota { needed, quota });
        }
        let mut state = self.state();
        match state.used.checked_add(bytes).filter(|used| *used <= quota) {
            Some(used) => {
                state.used = used;
                Ok(())
            }
            None => Err(Cause::QuotaReached {
                needed,
                used: state.used,
                quota,
            }),
        }
    }

    /// Why a file of this length, or more, was refused.
    pub(super) fn refusal(&self, needed: u64) -> Cause {
        let CacheUsage { used, quota } = self.usage();
        match needed > quota {
            true => Cause::LargerThanQuota { needed, quota },
            false => Cause::QuotaReached {
                needed,
                used,
                quota,
            },
        }
    }

    pub(super) fn is_larger_than_quota(&self, len: u64) -> bool {
        len > self.bytes
    }

    /// Gives back reserved bytes.
    pub(super) fn give_back(&self, bytes: u64) {
        self.state().subtract(bytes);
    }

    /// Remembers the length of a file that was refused.
    pub(super) fn note_refused(&self, key: Uuid, len: u64) {
        self.state().note_refused(key, len);
    }

    /// Turns `reserved` bytes into a file of this length.
    pub(super) fn end_file(&self, key: Uuid, len: u64, reserved: u64) {
        let mut state = self.state();
        state.refused.remove(&key);
        state.subtract(reserved);
        state.add(key, len);
    }

    /// Turns `reserved` bytes into a temporary file that could not be removed.
    fn leave_over(&self, key: Uuid, reserved: u64) {
        let mut state = self.state();
        state.subtract(reserved);
        state.add_left_over(key, reserved);
    }

    /// The key of a temporary file that could not be removed.
    pub(super) fn any_left_over(&self) -> Option<Uuid> {
        self.state().any_left_over()
    }

    /// Begins the arrival of a file of this length. `home` is the persisted directory that
    /// has the file, if that is not a temporary one.
    pub(super) fn begin_arrival<'a>(
        self: &'a Arc<Self>,
        change: NameChange<'a>,
        key: Uuid,
        len: u64,
        home: Option<Identity>,
    ) -> Result<Arrival<'a>, Cause> {
        Arrival::begin(self, change, key, len, home)
    }

    /// Excludes all other changes of the names of a key until the result is dropped.
    pub(super) fn change_names(&self, key: Uuid) -> NameChange<'_> {
        let mut state = self.state();
        while !state.changing.insert(key) {
            let waited = self.changed.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
        NameChange::new(self, key)
    }

    /// Ends a change of the names of a key.
    fn end_change(&self, key: Uuid) {
        self.state().changing.remove(&key);
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let recreations = self.recreations.load(Ordering::Relaxed);
        if state.recreations != recreations {
            // The files are gone with the directory that was deleted.
            state.recreations = recreations;
            state.forget_files();
        }
        state
    }

    #[cfg(test)]
    pub(super) fn validate(&self, reserved: u64) {
        self.state().validate(reserved);
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        registry::unlist();
    }
}
