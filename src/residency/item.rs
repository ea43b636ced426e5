//! One item: its slot, its state, and the events that change them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};

use parking_lot::Mutex;
use uuid::Uuid;

use super::slot::Slot;
use super::{Flight, Held, Wanted, WriteBack, Written};
use crate::Result;
use crate::backing_store::{BackingStoreT, Core, File, Token};

pub(crate) struct Item<T, B: BackingStoreT> {
    slot: Slot<T>,
    /// The pool's clock when the item was last put in front.
    stamp: AtomicU64,
    /// Handles that own the item; guards and jobs do not.
    handles: AtomicU32,
    /// The budget has let go of the item, but its value was in use.
    overdue: AtomicBool,
    /// The list of the pool that the item is in; written under the lock of the
    /// lists only.
    place: AtomicU8,
    cell: Mutex<Cell<T, B>>,
}

struct Cell<T, B: BackingStoreT> {
    key: Uuid,
    /// There while the item is absent, loading or clean, and only then; and
    /// while a running load of a dead item may still read it.
    file: File,
    /// A write for the item's eviction is queued, or waits for the disk; there
    /// is at most one for each item.
    write_queued: bool,
    /// The value is a map of its file, and costs no memory.
    keepable: bool,
    state: State<T, B>,
}

enum State<T, B: BackingStoreT> {
    Absent,
    Loading(Arc<Flight<T>>),
    Clean,
    Dirty,
    Writing(Arc<WriteBack<B>>),
    Taken,
    Dead,
}

/// In which list of the pool an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Place {
    Nowhere,
    /// Resident, in order of use.
    Order,
    /// Let go of by the item budget, with a map that costs no memory.
    Kept,
    /// Let go of, but in use.
    Overdue,
}

/// The pool's lists, as an item sees them. Called under the item's lock.
pub(crate) trait Residents<T, B: BackingStoreT> {
    /// Puts the item to the front of a list and out of any other.
    fn place(&self, item: &Arc<Item<T, B>>, place: Place);
}

pub(crate) enum LoadStep<T> {
    Hit(Held<T>),
    /// Wait for the flight; if it is new, see to it that it is run.
    Wait {
        flight: Arc<Flight<T>>,
        new: bool,
    },
    Leaked,
}

pub(crate) enum Evicted<T> {
    /// Drop the value, where it keeps nobody waiting.
    Released(Arc<T>),
    /// Queue a write, which asks [`Item::begin_queued_write`] when its turn comes.
    Write,
    Kept,
    /// Nothing to do, or nothing that can be done now.
    No,
}

pub(crate) enum Take<T, B: BackingStoreT> {
    Taken(TakenValue<T>),
    /// Somebody reads it: copy it for an item of one's own.
    InUse(Arc<T>),
    Wait {
        flight: Arc<Flight<T>>,
        new: bool,
    },
    /// A save wants this write first, or it is running.
    WaitForWrite(Arc<WriteBack<B>>),
    Leaked,
}

/// A value taken out of its item, and what to clear up for it.
pub(crate) struct TakenValue<T> {
    pub(crate) value: Arc<T>,
    /// The file that the item no longer has.
    pub(crate) old: (Uuid, File),
}

pub(crate) enum Save<B: BackingStoreT> {
    /// There is a file, and this is a share in it, if the caller wants one.
    Written(Option<Token<B>>),
    Write(Arc<WriteBack<B>>),
    Leaked,
}

/// What a finished write leaves to do.
pub(crate) enum WriteEnd<T> {
    /// The value stays; nothing to do.
    Stays,
    /// Drop the value, where it keeps nobody waiting.
    Released(Arc<T>),
    /// The item died meanwhile: drop the value and the file.
    Died {
        value: Option<Arc<T>>,
        old: (Uuid, File),
    },
    /// The budget has let go of the item: the write is to be tried again.
    Failed,
}

/// What the last handle leaves to do.
pub(crate) struct Retired<T, B: BackingStoreT> {
    pub(crate) value: Option<Arc<T>>,
    pub(crate) old: (Uuid, File),
    /// Tell whoever waits that this is superseded.
    pub(crate) superseded: Option<Arc<WriteBack<B>>>,
    /// A job for the item's eviction is queued, and will find nothing to do.
    pub(crate) write_was_queued: bool,
}

impl<T, B: BackingStoreT> Item<T, B> {
    /// A new value, not in any file, in no list.
    pub(crate) fn dirty(value: T) -> Arc<Self> {
        Self::new(
            Uuid::new_v4(),
            Some(Arc::new(value)),
            File::None,
            State::Dirty,
        )
    }

    /// An item of one's own for a value that is about to be changed.
    pub(crate) fn taken() -> Arc<Self> {
        Self::new(Uuid::new_v4(), None, File::None, State::Taken)
    }

    /// An item whose value is in a file.
    pub(crate) fn absent(token: Token<B>) -> Arc<Self> {
        Self::new(token.key(), None, token.into_file(), State::Absent)
    }

    fn new(key: Uuid, value: Option<Arc<T>>, file: File, state: State<T, B>) -> Arc<Self> {
        Arc::new(Self {
            slot: Slot::new(value),
            stamp: AtomicU64::new(0),
            handles: AtomicU32::new(1),
            overdue: AtomicBool::new(false),
            place: AtomicU8::new(Place::Nowhere as u8),
            cell: Mutex::new(Cell {
                key,
                file,
                write_queued: false,
                keepable: false,
                state,
            }),
        })
    }

    pub(crate) fn key(&self) -> Uuid {
        self.cell.lock().key
    }

    /// The value, if it is resident. Takes no lock.
    #[inline]
    pub(crate) fn read(&self) -> Option<Held<T>> {
        self.slot.read()
    }

    #[inline]
    pub(crate) fn stamp(&self) -> u64 {
        self.stamp.load(Ordering::Relaxed)
    }

    pub(crate) fn set_stamp(&self, stamp: u64) {
        self.stamp.store(stamp, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn is_overdue(&self) -> bool {
        self.overdue.load(Ordering::SeqCst)
    }

    pub(crate) fn place(&self) -> Place {
        match self.place.load(Ordering::Relaxed) {
            1 => Place::Order,
            2 => Place::Kept,
            3 => Place::Overdue,
            _ => Place::Nowhere,
        }
    }

    pub(crate) fn set_place(&self, place: Place) {
        self.place.store(place as u8, Ordering::Relaxed);
    }

    pub(crate) fn add_handle(&self) {
        self.handles.fetch_add(1, Ordering::Relaxed);
    }

    /// True if it was the last.
    pub(crate) fn drop_handle(&self) -> bool {
        // As `Arc` does it: whatever other handles did happens before the end.
        self.handles.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// Whether the one handle that asks is the only one. Nobody can make
    /// another while that handle is borrowed mutably.
    pub(crate) fn has_one_handle(&self) -> bool {
        self.handles.load(Ordering::Acquire) == 1
    }

    /// Whether a write guard has the value, or had it and was leaked.
    pub(crate) fn is_taken(&self) -> bool {
        matches!(self.cell.lock().state, State::Taken)
    }

    pub(crate) fn begin_load(&self) -> LoadStep<T> {
        let mut cell = self.cell.lock();
        match &cell.state {
            State::Absent => LoadStep::Wait {
                flight: cell.start_flight(),
                new: true,
            },
            State::Loading(flight) => LoadStep::Wait {
                flight: flight.clone(),
                new: false,
            },
            State::Clean | State::Dirty | State::Writing(_) => {
                LoadStep::Hit(self.slot.read().expect("a resident value is in its slot"))
            }
            State::Taken => LoadStep::Leaked,
            State::Dead => unreachable!("a handle keeps its item alive"),
        }
    }

    /// The value, asked for under the lock: whoever counts a value takes it out
    /// of the slot for a moment, so an empty slot alone proves nothing.
    #[cold]
    pub(crate) fn read_locked(&self) -> Option<Held<T>> {
        let _cell = self.cell.lock();
        self.slot.read()
    }

    /// A hit on an item in the older half, or on one that the budget has let go
    /// of: it comes to the front. A write that was queued for its eviction finds
    /// nothing to do.
    pub(crate) fn rescue(self: &Arc<Self>, residents: &impl Residents<T, B>) {
        let cell = self.cell.lock();
        if matches!(cell.state, State::Clean | State::Dirty | State::Writing(_)) {
            self.overdue.store(false, Ordering::SeqCst);
            residents.place(self, Place::Order);
        }
    }

    /// A load has ended; `keepable` says that its value costs no memory. Gives
    /// back the file of an item that died meanwhile.
    pub(crate) fn finish_load(
        self: &Arc<Self>,
        loaded: Option<(&Arc<T>, bool)>,
        residents: &impl Residents<T, B>,
    ) -> (Uuid, File) {
        let mut cell = self.cell.lock();
        let key = cell.key;
        match &cell.state {
            State::Loading(_) => {}
            State::Dead => return (key, std::mem::replace(&mut cell.file, File::None)),
            _ => unreachable!("an item that is loading is loaded by one flight, or dies"),
        }
        match loaded {
            Some((value, keepable)) => {
                self.slot.put(value.clone());
                cell.state = State::Clean;
                cell.keepable = keepable;
                residents.place(self, Place::Order);
            }
            None => cell.state = State::Absent,
        }
        (key, File::None)
    }

    /// The item budget lets go of the item.
    pub(crate) fn evict(self: &Arc<Self>, residents: &impl Residents<T, B>) -> Evicted<T> {
        let mut cell = self.cell.lock();
        if self.place() != Place::Nowhere {
            // Somebody put it back into a list since it was chosen.
            return Evicted::No;
        }
        match &cell.state {
            State::Clean if cell.keepable => {
                residents.place(self, Place::Kept);
                Evicted::Kept
            }
            State::Clean => self.release_or_wait(&mut cell, residents),
            State::Dirty | State::Writing(_) => {
                self.overdue.store(true, Ordering::SeqCst);
                match std::mem::replace(&mut cell.write_queued, true) {
                    true => Evicted::No,
                    false => Evicted::Write,
                }
            }
            State::Absent | State::Loading(_) | State::Taken | State::Dead => Evicted::No,
        }
    }

    /// The map budget lets go of the item.
    pub(crate) fn evict_kept(self: &Arc<Self>, residents: &impl Residents<T, B>) -> Option<Arc<T>> {
        let mut cell = self.cell.lock();
        if self.place() != Place::Nowhere || !matches!(cell.state, State::Clean) {
            return None;
        }
        self.release(&mut cell, residents)
    }

    /// A guard of an overdue item was dropped, or the pool looks once more.
    pub(crate) fn evict_overdue(
        self: &Arc<Self>,
        residents: &impl Residents<T, B>,
    ) -> Option<Arc<T>> {
        let mut cell = self.cell.lock();
        if !self.is_overdue() || !matches!(cell.state, State::Clean) {
            return None;
        }
        self.release(&mut cell, residents)
    }

    fn release_or_wait(
        self: &Arc<Self>,
        cell: &mut Cell<T, B>,
        residents: &impl Residents<T, B>,
    ) -> Evicted<T> {
        match self.release(cell, residents) {
            Some(value) => Evicted::Released(value),
            None => Evicted::No,
        }
    }

    /// Gives up the value of a clean item, unless it is in use.
    ///
    /// The count of a value is complete only after it was taken out of the slot:
    /// before, a reader may have borrowed it uncounted. So it is taken out, and
    /// put back if anybody else has it. A reader that comes meanwhile finds the
    /// slot empty and asks again under the lock. A reader that goes meanwhile
    /// gives up the value first and looks at `overdue` then; here `overdue` is
    /// set first and the value counted then: one of the two sees the other, and
    /// where the reader's release is weakly ordered, the pool's next look at its
    /// overdue list does.
    fn release(
        self: &Arc<Self>,
        cell: &mut Cell<T, B>,
        residents: &impl Residents<T, B>,
    ) -> Option<Arc<T>> {
        self.overdue.store(true, Ordering::SeqCst);
        let value = self.slot.take().expect("a resident value is in its slot");
        if Arc::strong_count(&value) > 1 {
            self.slot.put(value);
            residents.place(self, Place::Overdue);
            return None;
        }
        cell.state = State::Absent;
        self.overdue.store(false, Ordering::SeqCst);
        residents.place(self, Place::Nowhere);
        Some(value)
    }

    /// What a claimed write-back writes.
    pub(crate) fn begin_write(&self) -> (Uuid, Arc<T>) {
        let cell = self.cell.lock();
        let value = self
            .slot
            .read_full()
            .expect("a value that is written is in its slot");
        (cell.key, value)
    }

    /// A write has ended; the writer holds the value no more. The outcome for
    /// those who wait is the second result.
    pub(crate) fn finish_write(
        self: &Arc<Self>,
        write: &WriteBack<B>,
        written: Result<()>,
        core: &Arc<Core<B>>,
        residents: &impl Residents<T, B>,
    ) -> (WriteEnd<T>, Result<Written<B>>) {
        let mut cell = self.cell.lock();
        let dead = matches!(cell.state, State::Dead);
        debug_assert!(dead || matches!(cell.state, State::Writing(_)));
        if let Err(error) = written {
            let end = if dead {
                WriteEnd::Died {
                    value: self.slot.take(),
                    old: (cell.key, File::None),
                }
            } else {
                cell.state = State::Dirty;
                if self.is_overdue() && !std::mem::replace(&mut cell.write_queued, true) {
                    WriteEnd::Failed
                } else {
                    WriteEnd::Stays
                }
            };
            return (end, Err(error));
        }
        let key = cell.key;
        cell.file = core.written();
        let token = write
            .is_wanted(Wanted::Persist)
            .then(|| Arc::new(core.share(key, &mut cell.file)));
        let end = if dead {
            let old = (key, std::mem::replace(&mut cell.file, File::None));
            WriteEnd::Died {
                value: self.slot.take(),
                old,
            }
        } else {
            cell.state = State::Clean;
            cell.keepable = false;
            match self
                .is_overdue()
                .then(|| self.release(&mut cell, residents))
            {
                Some(Some(value)) => WriteEnd::Released(value),
                _ => WriteEnd::Stays,
            }
        };
        (end, Ok(Written::Done(token)))
    }

    /// The write that was queued for the item's eviction has its turn: whether it
    /// was still wanted to have one, and the write to run, if the eviction still
    /// wants one and nobody runs it. That is the caller's to claim.
    pub(crate) fn begin_queued_write(&self) -> (bool, Option<Arc<WriteBack<B>>>) {
        let mut cell = self.cell.lock();
        let was_queued = std::mem::replace(&mut cell.write_queued, false);
        let write = match &cell.state {
            _ if !self.is_overdue() => None,
            State::Dirty => Some(cell.start_write(Wanted::WriteNow)),
            State::Writing(write) => Some(write.clone()),
            _ => None,
        };
        (was_queued, write)
    }

    /// Captures what a save, or `write_now`, saves: this value, whatever happens
    /// to the item later.
    pub(crate) fn begin_save(&self, wanted: Wanted, core: &Arc<Core<B>>) -> Save<B> {
        let mut cell = self.cell.lock();
        match &cell.state {
            State::Absent | State::Loading(_) | State::Clean => {
                let key = cell.key;
                let share = wanted == Wanted::Persist;
                Save::Written(share.then(|| core.share(key, &mut cell.file)))
            }
            State::Dirty => Save::Write(cell.start_write(wanted)),
            State::Writing(write) => {
                write.want(wanted);
                Save::Write(write.clone())
            }
            State::Taken => Save::Leaked,
            State::Dead => unreachable!("a handle keeps its item alive"),
        }
    }

    /// Takes the value out, to be changed by the item's only handle. `held` is
    /// the value that the caller has from a flight. With `wait`, a write that is
    /// running is waited for; without, the value is copied.
    pub(crate) fn begin_take(
        self: &Arc<Self>,
        held: Option<Arc<T>>,
        wait: bool,
        residents: &impl Residents<T, B>,
    ) -> (Take<T, B>, Option<Arc<WriteBack<B>>>) {
        let mut superseded = None;
        let mut cell = self.cell.lock();
        match &cell.state {
            State::Absent => {
                return (
                    Take::Wait {
                        flight: cell.start_flight(),
                        new: true,
                    },
                    None,
                );
            }
            State::Loading(flight) => {
                return (
                    Take::Wait {
                        flight: flight.clone(),
                        new: false,
                    },
                    None,
                );
            }
            State::Taken => return (Take::Leaked, None),
            State::Dead => unreachable!("a handle keeps its item alive"),
            State::Clean | State::Dirty => {}
            State::Writing(write) => {
                if !write.is_wanted(Wanted::Persist) && write.claim.cancel() {
                    superseded = Some(write.clone());
                    cell.state = State::Dirty;
                } else if wait {
                    return (Take::WaitForWrite(write.clone()), None);
                } else {
                    // The writer is a reader like any other.
                    let value = self.slot.read_full();
                    return (
                        Take::InUse(value.expect("a resident value is in its slot")),
                        None,
                    );
                }
            }
        }
        (self.take(&mut cell, held, residents), superseded)
    }

    fn take(
        self: &Arc<Self>,
        cell: &mut Cell<T, B>,
        held: Option<Arc<T>>,
        residents: &impl Residents<T, B>,
    ) -> Take<T, B> {
        let mut value = self.slot.take().expect("a resident value is in its slot");
        // Never the last: the slot's own was taken out just now.
        drop(held);
        if Arc::get_mut(&mut value).is_none() {
            self.slot.put(value.clone());
            return Take::InUse(value);
        }
        let old = (cell.key, std::mem::replace(&mut cell.file, File::None));
        cell.key = Uuid::new_v4();
        cell.state = State::Taken;
        self.overdue.store(false, Ordering::SeqCst);
        residents.place(self, Place::Nowhere);
        Take::Taken(TakenValue { value, old })
    }

    /// The write guard is gone: the value is back, changed.
    pub(crate) fn put_back(self: &Arc<Self>, value: Arc<T>, residents: &impl Residents<T, B>) {
        let mut cell = self.cell.lock();
        debug_assert!(
            matches!(cell.state, State::Taken),
            "only a taken value is put back"
        );
        self.slot.put(value);
        cell.state = State::Dirty;
        residents.place(self, Place::Order);
    }

    /// A new item goes to the front.
    pub(crate) fn enter(self: &Arc<Self>, residents: &impl Residents<T, B>) {
        let _cell = self.cell.lock();
        residents.place(self, Place::Order);
    }

    /// The last handle is gone.
    pub(crate) fn retire(self: &Arc<Self>, residents: &impl Residents<T, B>) -> Retired<T, B> {
        let mut cell = self.cell.lock();
        let mut superseded = None;
        let write_was_queued = std::mem::replace(&mut cell.write_queued, false);
        // To empty a slot costs some time for each thread that there is.
        let is_resident = matches!(cell.state, State::Clean | State::Dirty | State::Writing(_));
        // What still runs clears up after itself.
        let left_to_job = match std::mem::replace(&mut cell.state, State::Dead) {
            State::Loading(flight) => !flight.claim.cancel(),
            State::Writing(write) => {
                let left = write.is_wanted(Wanted::Persist) || !write.claim.cancel();
                superseded = (!left).then_some(write);
                left
            }
            State::Absent | State::Clean | State::Dirty | State::Taken => false,
            State::Dead => unreachable!("an item dies once"),
        };
        self.overdue.store(false, Ordering::SeqCst);
        if self.place() != Place::Nowhere {
            residents.place(self, Place::Nowhere);
        }
        let key = cell.key;
        if left_to_job {
            return Retired {
                value: None,
                old: (key, File::None),
                superseded,
                write_was_queued,
            };
        }
        let file = std::mem::replace(&mut cell.file, File::None);
        Retired {
            value: is_resident.then(|| self.slot.take()).flatten(),
            old: (key, file),
            superseded,
            write_was_queued,
        }
    }

    /// Checks what must hold whenever the lock is free.
    #[cfg(test)]
    pub(crate) fn validate(&self) {
        let cell = self.cell.lock();
        let resident = self.slot.read().is_some();
        let has_file = cell.file != File::None;
        match &cell.state {
            State::Absent | State::Loading(_) => assert!(!resident && has_file),
            State::Clean => assert!(resident && has_file),
            State::Dirty | State::Writing(_) => assert!(resident && !has_file),
            State::Taken => assert!(!resident && !has_file),
            State::Dead => {}
        }
        if matches!(self.place(), Place::Order | Place::Kept) {
            assert!(resident, "only resident items are listed");
            assert!(!self.is_overdue(), "a listed item is not overdue");
        }
        if matches!(self.place(), Place::Kept | Place::Overdue) {
            assert!(matches!(cell.state, State::Clean));
        }
    }
}

impl<T, B: BackingStoreT> Cell<T, B> {
    fn start_write(&mut self, wanted: Wanted) -> Arc<WriteBack<B>> {
        let write = WriteBack::new(wanted);
        self.state = State::Writing(write.clone());
        write
    }

    fn start_flight(&mut self) -> Arc<Flight<T>> {
        let flight = Flight::new();
        self.state = State::Loading(flight.clone());
        flight
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fbstore::FBStore;

    /// The documentation of the pool states it.
    #[test]
    fn an_item_that_is_not_in_memory_is_small() {
        let counts = 2 * size_of::<usize>();
        assert!(size_of::<Item<u64, FBStore<()>>>() + counts <= 88);
    }
}
