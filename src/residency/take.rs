//! The events of an item whose value is changed.

use std::sync::Arc;

use uuid::Uuid;

use super::item::{Cell, Item, State};
use super::place::{Place, Residents};
use super::{Flight, Wanted, WriteBack};
use crate::backing_store::{BackingStoreT, File};
use crate::sync::atomic::Ordering;

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

impl<T, B: BackingStoreT> Item<T, B> {
    /// Takes the value out, to be changed by the item's only handle. `held` is
    /// the value that the caller has from a flight. With `wait`, a write that is
    /// running is waited for; without, the value is copied. The second result is
    /// a write that this supersedes.
    pub(crate) fn begin_take(
        self: &Arc<Self>,
        held: Option<Arc<T>>,
        wait: bool,
        residents: &impl Residents<T, B>,
    ) -> (Take<T, B>, Option<Arc<WriteBack<B>>>) {
        let jobs = residents.jobs();
        let mut superseded = None;
        let mut cell = self.lock();
        let step = match cell.state {
            State::Absent => {
                cell.state = State::Loading;
                Take::Wait {
                    flight: jobs.start_flight(self),
                    new: true,
                }
            }
            State::Loading => Take::Wait {
                flight: jobs.flight(self),
                new: false,
            },
            State::Clean | State::Dirty => self.take(&mut cell, held, residents, || true),
            State::Writing => {
                let write = jobs.write(self);
                // A save wants this very value written; a job may be writing it.
                let may_cancel = !write.is_wanted(Wanted::Persist) && !write.claim.is_decided();
                if !may_cancel && wait {
                    Take::WaitForWrite(write)
                } else {
                    let cancel = || may_cancel && write.claim.cancel();
                    match self.take(&mut cell, held, residents, cancel) {
                        Take::InUse(_) if wait && write.claim.is_decided() => {
                            Take::WaitForWrite(write)
                        }
                        Take::Taken(taken) => {
                            superseded = Some(jobs.end_write(self));
                            Take::Taken(taken)
                        }
                        other => other,
                    }
                }
            }
            State::Taken => Take::Leaked,
            State::Dead => unreachable!("a handle keeps its item alive"),
        };
        (step, superseded)
    }

    /// `may` is asked last, when nobody else was found to use the value.
    fn take(
        self: &Arc<Self>,
        cell: &mut Cell,
        held: Option<Arc<T>>,
        residents: &impl Residents<T, B>,
        may: impl FnOnce() -> bool,
    ) -> Take<T, B> {
        let mut value = self.slot.take().expect("a resident value is in its slot");
        // Never the last: the slot's own was taken out just now.
        drop(held);
        if Arc::get_mut(&mut value).is_none() || !may() {
            self.slot.put(value.clone());
            return Take::InUse(value);
        }
        let old = (cell.key, std::mem::replace(&mut cell.file, File::None));
        cell.key = crate::key::random();
        cell.is_map = false;
        cell.was_loaded = false;
        cell.state = State::Taken;
        self.overdue.store(false, Ordering::SeqCst);
        residents.place(self, Place::Nowhere);
        Take::Taken(TakenValue { value, old })
    }

    /// The write guard is gone: the value is back, changed.
    pub(crate) fn put_back(
        self: &Arc<Self>,
        value: Arc<T>,
        weight: u64,
        residents: &impl Residents<T, B>,
    ) {
        let mut cell = self.lock();
        debug_assert!(cell.state == State::Taken, "only a taken value is put back");
        self.slot.put(value);
        cell.state = State::Dirty;
        self.set_weight(weight);
        self.settle(&cell, residents);
    }
}
