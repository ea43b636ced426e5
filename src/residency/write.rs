//! The events of an item for writing its value to its file.

use std::sync::Arc;

use uuid::Uuid;

use super::evict::Released;
use super::item::{Cell, Fact, Item, State};
use super::weight::HEAVIEST;
use super::{ListId, PoolParts, Wanted, Weight, WriteBack, Written};
use crate::backing_store::{BackingStoreT, FileOwnership, FileShare, ItemFile};
use crate::{Error, Result};

/// What a save has captured.
pub(crate) enum Save<B: BackingStoreT> {
    /// The value is in a file. A share of the file, if the caller wants one.
    Written(Option<FileShare<B>>),
    /// The value is not written yet. The caller must see that the write runs.
    Write(Arc<WriteBack<B>>),
}

/// What the caller must do after a write.
pub(crate) enum WriteEnd<T> {
    /// Nothing: the value stays resident.
    Stays,
    /// The value was evicted.
    Released(Released<T>),
    /// The item died meanwhile: drop the value, and release the file.
    Died {
        value: Option<Arc<T>>,
        file: Option<ItemFile>,
    },
    /// The write failed and the item is evicting: retry the write later.
    Failed,
}

impl<T, B: BackingStoreT> Item<T, B> {
    /// Captures the current value for a save or `write_now`; later changes of the
    /// item do not affect it. Returns `None` if a write guard was leaked with the value.
    pub(crate) fn begin_save(
        &self,
        wanted: Wanted,
        pool: &impl PoolParts<T, B>,
    ) -> Option<Save<B>> {
        let mut cell = self.lock();
        let save = match cell.state {
            State::Absent | State::Loading | State::Clean => {
                let share = (wanted == Wanted::Persist).then(|| self.add_share(&mut cell, pool));
                Save::Written(share)
            }
            State::Dirty => {
                cell.state = State::Writing;
                Save::Write(pool.in_flight().writes.start(self, WriteBack::new(wanted)))
            }
            State::Writing => {
                let write = pool.in_flight().writes.get(self);
                write.want(wanted);
                Save::Write(write)
            }
            State::CheckedOut => return None,
            State::Dead => unreachable!("a handle keeps its item alive"),
        };
        Some(save)
    }

    /// Called when the job for the item's eviction runs. Returns the write to run, if
    /// the eviction still needs one. Another thread may already be running it, so the
    /// caller has to claim it.
    pub(crate) fn begin_eviction_write(
        &self,
        pool: &impl PoolParts<T, B>,
    ) -> Option<Arc<WriteBack<B>>> {
        let mut cell = self.lock();
        cell.set(Fact::EvictionQueued, false);
        match cell.state {
            _ if !self.is_evicting() => None,
            State::Dirty => {
                cell.state = State::Writing;
                Some(
                    pool.in_flight()
                        .writes
                        .start(self, WriteBack::new(Wanted::WriteNow)),
                )
            }
            State::Writing => Some(pool.in_flight().writes.get(self)),
            _ => None,
        }
    }

    /// Returns the key and the value that a claimed write-back writes.
    pub(crate) fn begin_write(&self) -> (Uuid, Arc<T>) {
        let cell = self.lock();
        let value = self
            .slot
            .read_counted()
            .expect("a value being written is in its slot");
        (self.key_of(&cell), value)
    }

    /// Ends a write. `written` has the encoded length of the value, if the store reports
    /// it. The writer has already dropped its reference to the value. The second result is
    /// the outcome for the waiters.
    pub(crate) fn finish_write(
        self: &Arc<Self>,
        write: &WriteBack<B>,
        written: Result<Option<u64>>,
        pool: &impl PoolParts<T, B>,
    ) -> (WriteEnd<T>, Result<Written<B>>) {
        let mut cell = self.lock();
        let dead = match cell.state {
            State::Dead => true,
            State::Writing => {
                pool.in_flight().writes.end(self);
                false
            }
            _ => unreachable!("an item being written has exactly one write until it dies"),
        };
        let encoded_len = match written {
            Ok(len) => len.unwrap_or(0),
            Err(error) => {
                let end = self.fail_write(&mut cell, dead, &error, pool);
                return (end, Err(error));
            }
        };
        pool.core().count_files(1);
        self.set_file(&mut cell, FileOwnership::Own);
        let token = write
            .is_wanted(Wanted::Persist)
            .then(|| Arc::new(self.add_share(&mut cell, pool)));
        let end = if dead {
            WriteEnd::Died {
                value: self.slot.take(),
                file: self.give_up_file(&mut cell, pool),
            }
        } else {
            cell.state = State::Clean;
            if let Weight::AtLeast(least) = self.weight() {
                pool.reweigh(self, Weight::Known(least.max(encoded_len).min(HEAVIEST)));
            }
            match self.is_evicting().then(|| self.release(&mut cell, pool)) {
                Some(Some(released)) => WriteEnd::Released(released),
                _ => WriteEnd::Stays,
            }
        };
        (end, Ok(Written::Done(token)))
    }

    /// Adds an owner to the file of the item.
    pub(super) fn add_share(&self, cell: &mut Cell, pool: &impl PoolParts<T, B>) -> FileShare<B> {
        let mut file = self.file_of(cell);
        let share = pool.core().share(self.key_of(cell), &mut file);
        self.set_file(cell, file);
        share
    }

    fn fail_write(
        self: &Arc<Self>,
        cell: &mut Cell,
        dead: bool,
        error: &Error,
        pool: &impl PoolParts<T, B>,
    ) -> WriteEnd<T> {
        if dead {
            return WriteEnd::Died {
                value: self.slot.take(),
                file: None,
            };
        }
        cell.state = State::Dirty;
        if !self.is_evicting() {
            return WriteEnd::Stays;
        }
        if !error.is_refused_by_system() {
            pool.move_to(self, ListId::Unwritable);
        }
        match cell.set(Fact::EvictionQueued, true) {
            true => WriteEnd::Stays,
            false => WriteEnd::Failed,
        }
    }
}
