//! The events of an item for changing its value.

use std::sync::Arc;

use super::item::{Cell, Fact, Item, State};
use super::{Flight, ListId, PoolParts, Usage, Wanted, Weight, WriteBack};
use crate::backing_store::{BackingStoreT, ItemFile};
use crate::sync::atomic::Ordering;

pub(crate) enum CheckoutStep<T, B: BackingStoreT> {
    CheckedOut(CheckedOut<T, B>),
    /// The item has other handles: read the value, and copy it into a new item.
    Shared,
    /// The value is pinned: copy it into a new item.
    Pinned(Arc<T>),
    Wait {
        flight: Arc<Flight<T>>,
        new: bool,
    },
    /// A save needs this write first, or the write is running.
    WaitForWrite(Arc<WriteBack<B>>),
    Leaked,
}

/// The references to a value that the caller of a checkout has.
pub(crate) enum Held<T> {
    Nothing,
    Value(Arc<T>),
    /// From a flight that the caller waited for, whose result is another reference.
    Loaded(Arc<T>, Arc<Flight<T>>),
}

impl<T> Held<T> {
    pub(crate) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Nothing)
    }

    /// The value, as the only reference that is still held.
    pub(crate) fn into_value(self) -> Option<Arc<T>> {
        match self {
            Self::Nothing => None,
            Self::Value(value) | Self::Loaded(value, _) => Some(value),
        }
    }

    /// Drops all references, none of which is the last one. The caller has the item's only
    /// handle, so no one else waits for the result of the flight.
    fn release(&mut self) {
        if let Self::Loaded(_, flight) = self.take() {
            drop(flight.outcome.take());
        }
    }
}

/// A checked-out value.
pub(crate) struct CheckedOut<T, B: BackingStoreT> {
    pub(crate) value: Arc<T>,
    /// The file of the value as it was, to be released.
    pub(crate) file: Option<ItemFile>,
    /// A write whose waiters must be notified that it is superseded.
    pub(crate) superseded: Option<Arc<WriteBack<B>>>,
}

impl<T, B: BackingStoreT> Item<T, B> {
    /// Checks the value out, to be changed by the item's only handle. `held` are the
    /// references that the caller has. If a write is running, the value is copied or, with
    /// `wait`, the caller waits for the write.
    pub(crate) fn begin_checkout(
        self: &Arc<Self>,
        held: &mut Held<T>,
        wait: bool,
        pool: &impl PoolParts<T, B>,
    ) -> CheckoutStep<T, B> {
        let flights = &pool.in_flight().flights;
        let mut cell = self.lock();
        // From here on, a look-up adds a handle only under the lock.
        self.end_staying(pool);
        if self.handles.count() != 1 {
            return CheckoutStep::Shared;
        }
        match cell.state {
            State::Absent => {
                cell.state = State::Loading;
                CheckoutStep::Wait {
                    flight: flights.start(self, Flight::new()),
                    new: true,
                }
            }
            State::Loading => CheckoutStep::Wait {
                flight: flights.get(self),
                new: false,
            },
            State::Clean | State::Dirty => self.check_out(&mut cell, held, pool, || true),
            State::Writing => self.check_out_of_write(&mut cell, held, wait, pool),
            State::CheckedOut => CheckoutStep::Leaked,
            State::Dead => unreachable!("a handle keeps its item alive"),
        }
    }

    /// Checks out a value that is to be written, and cancels the write.
    fn check_out_of_write(
        self: &Arc<Self>,
        cell: &mut Cell,
        held: &mut Held<T>,
        wait: bool,
        pool: &impl PoolParts<T, B>,
    ) -> CheckoutStep<T, B> {
        let writes = &pool.in_flight().writes;
        let write = writes.get(self);
        // Not if a save needs this value written, or the write has started.
        let may_cancel = !write.is_wanted(Wanted::Persist) && !write.run_once.is_decided();
        if !may_cancel && wait {
            return CheckoutStep::WaitForWrite(write);
        }
        let cancel = || may_cancel && write.run_once.cancel();
        match self.check_out(cell, held, pool, cancel) {
            CheckoutStep::CheckedOut(mut value) => {
                value.superseded = Some(writes.end(self));
                CheckoutStep::CheckedOut(value)
            }
            CheckoutStep::Pinned(_) if wait && write.run_once.is_decided() => {
                CheckoutStep::WaitForWrite(write)
            }
            step => step,
        }
    }

    /// Takes the value out, unless it is pinned. `may` runs last, once the value is known
    /// to be unshared.
    fn check_out(
        self: &Arc<Self>,
        cell: &mut Cell,
        held: &mut Held<T>,
        pool: &impl PoolParts<T, B>,
        may: impl FnOnce() -> bool,
    ) -> CheckoutStep<T, B> {
        let mut value = self.slot.take().expect("a resident value is in its slot");
        held.release();
        if Arc::get_mut(&mut value).is_none() || !may() {
            self.slot.put(value.clone());
            return CheckoutStep::Pinned(value);
        }
        let file = self.give_up_file(cell, pool);
        self.set_key(cell, crate::key::random());
        cell.set(Fact::IsMap, false);
        cell.set(Fact::WasLoaded, false);
        cell.set(Fact::OfDataset, false);
        cell.state = State::CheckedOut;
        self.evicting.store(false, Ordering::SeqCst);
        pool.move_to(self, ListId::Unlisted);
        CheckoutStep::CheckedOut(CheckedOut {
            value,
            file,
            superseded: None,
        })
    }

    /// Checks the changed value in, when the write guard is dropped.
    pub(crate) fn check_in(
        self: &Arc<Self>,
        value: Arc<T>,
        weight: Weight,
        pool: &impl PoolParts<T, B>,
    ) {
        let mut cell = self.lock();
        debug_assert!(
            cell.state == State::CheckedOut,
            "only a checked-out value is checked in"
        );
        self.slot.put(value);
        cell.state = State::Dirty;
        self.set_weight(weight);
        self.settle(&cell, Usage::Change, pool);
    }
}
