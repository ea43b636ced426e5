//! The events of an item for changing its value.

use std::sync::Arc;

use super::item::{Cell, Item, State};
use super::list_id::{ListId, PoolLists};
use super::{Flight, Wanted, Weight, WriteBack};
use crate::backing_store::{BackingStoreT, ItemFile};
use crate::sync::atomic::Ordering;

pub(crate) enum CheckoutStep<T, B: BackingStoreT> {
    CheckedOut(CheckedOut<T, B>),
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

/// A checked-out value.
pub(crate) struct CheckedOut<T, B: BackingStoreT> {
    pub(crate) value: Arc<T>,
    /// The file of the value as it was, to be released.
    pub(crate) file: Option<ItemFile>,
    /// A write whose waiters must be notified that it is superseded.
    pub(crate) superseded: Option<Arc<WriteBack<B>>>,
}

impl<T, B: BackingStoreT> Item<T, B> {
    /// Checks the value out, to be changed by the item's only handle. `held` is the
    /// value that the caller got from a flight. If a write is running, the value is
    /// copied or, with `wait`, the caller waits for the write.
    pub(crate) fn begin_checkout(
        self: &Arc<Self>,
        held: Option<Arc<T>>,
        wait: bool,
        lists: &impl PoolLists<T, B>,
    ) -> CheckoutStep<T, B> {
        let flights = &lists.in_flight().flights;
        let mut cell = self.lock();
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
            State::Clean | State::Dirty => self.check_out(&mut cell, held, lists, || true),
            State::Writing => self.check_out_of_write(&mut cell, held, wait, lists),
            State::CheckedOut => CheckoutStep::Leaked,
            State::Dead => unreachable!("a handle keeps its item alive"),
        }
    }

    /// Checks out a value that is to be written, and cancels the write.
    fn check_out_of_write(
        self: &Arc<Self>,
        cell: &mut Cell,
        held: Option<Arc<T>>,
        wait: bool,
        lists: &impl PoolLists<T, B>,
    ) -> CheckoutStep<T, B> {
        let writes = &lists.in_flight().writes;
        let write = writes.get(self);
        // Not if a save needs this value written, or the write has started.
        let may_cancel = !write.is_wanted(Wanted::Persist) && !write.run_once.is_decided();
        if !may_cancel && wait {
            return CheckoutStep::WaitForWrite(write);
        }
        let cancel = || may_cancel && write.run_once.cancel();
        match self.check_out(cell, held, lists, cancel) {
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
        held: Option<Arc<T>>,
        lists: &impl PoolLists<T, B>,
        may: impl FnOnce() -> bool,
    ) -> CheckoutStep<T, B> {
        let mut value = self.slot.take().expect("a resident value is in its slot");
        // Never the last reference: `value` is another one.
        drop(held);
        if Arc::get_mut(&mut value).is_none() || !may() {
            self.slot.put(value.clone());
            return CheckoutStep::Pinned(value);
        }
        let file = cell.give_up_file();
        cell.key = crate::key::random();
        cell.is_map = false;
        cell.was_loaded = false;
        cell.state = State::CheckedOut;
        self.evicting.store(false, Ordering::SeqCst);
        lists.move_to(self, ListId::Unlisted);
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
        lists: &impl PoolLists<T, B>,
    ) {
        let mut cell = self.lock();
        debug_assert!(
            cell.state == State::CheckedOut,
            "only a checked-out value is checked in"
        );
        self.slot.put(value);
        cell.state = State::Dirty;
        self.set_weight(weight);
        self.settle(&cell, lists);
    }
}
