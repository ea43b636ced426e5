//! The events of an item for changing its value.

use std::sync::Arc;

use super::item::{Cell, Item, State};
use super::list_id::{ListId, PoolLists};
use super::{Flight, Wanted, WriteBack};
use crate::backing_store::{BackingStoreT, CacheFile};
use crate::sync::atomic::Ordering;

pub(crate) enum CheckoutStep<T, B: BackingStoreT> {
    CheckedOut(CheckedOut<T>),
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
pub(crate) struct CheckedOut<T> {
    pub(crate) value: Arc<T>,
    /// The file of the value as it was, to be released.
    pub(crate) file: Option<CacheFile>,
}

impl<T, B: BackingStoreT> Item<T, B> {
    /// Checks the value out, to be changed by the item's only handle. `held` is the
    /// value that the caller got from a flight. If a write is running, the value is
    /// copied or, with `wait`, the caller waits for the write. The second result is a
    /// write that the checkout supersedes.
    pub(crate) fn begin_checkout(
        self: &Arc<Self>,
        held: Option<Arc<T>>,
        wait: bool,
        lists: &impl PoolLists<T, B>,
    ) -> (CheckoutStep<T, B>, Option<Arc<WriteBack<B>>>) {
        let in_flight = lists.in_flight();
        let mut superseded = None;
        let mut cell = self.lock();
        let step = match cell.state {
            State::Absent => {
                cell.state = State::Loading;
                CheckoutStep::Wait {
                    flight: in_flight.start_flight(self),
                    new: true,
                }
            }
            State::Loading => CheckoutStep::Wait {
                flight: in_flight.flight(self),
                new: false,
            },
            State::Clean | State::Dirty => self.check_out(&mut cell, held, lists, || true),
            State::Writing => {
                let write = in_flight.write(self);
                // Not if a save needs this value written, or the write has started.
                let may_cancel = !write.is_wanted(Wanted::Persist) && !write.run_once.is_decided();
                if !may_cancel && wait {
                    CheckoutStep::WaitForWrite(write)
                } else {
                    let cancel = || may_cancel && write.run_once.cancel();
                    match self.check_out(&mut cell, held, lists, cancel) {
                        CheckoutStep::Pinned(_) if wait && write.run_once.is_decided() => {
                            CheckoutStep::WaitForWrite(write)
                        }
                        CheckoutStep::CheckedOut(value) => {
                            superseded = Some(in_flight.end_write(self));
                            CheckoutStep::CheckedOut(value)
                        }
                        other => other,
                    }
                }
            }
            State::CheckedOut => CheckoutStep::Leaked,
            State::Dead => unreachable!("a handle keeps its item alive"),
        };
        (step, superseded)
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
        CheckoutStep::CheckedOut(CheckedOut { value, file })
    }

    /// Checks the changed value in, when the write guard is dropped.
    pub(crate) fn check_in(
        self: &Arc<Self>,
        value: Arc<T>,
        weight: u64,
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
