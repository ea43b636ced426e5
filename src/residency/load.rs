//! The events of an item for loads and hits.

use std::sync::Arc;

use uuid::Uuid;

use super::item::{Item, State};
use super::{Flight, PoolLists, ValueRef, Weight};
use crate::backing_store::{BackingStoreT, ItemFile, SourceId};
use crate::sync::atomic::Ordering;

pub(crate) enum LoadStep<T> {
    Hit(ValueRef<T>),
    /// Wait for the flight. If it is new, the caller must see that it runs.
    Wait {
        flight: Arc<Flight<T>>,
        new: bool,
    },
    Leaked,
}

/// The file that a load loads.
pub(crate) struct ToLoad {
    pub(crate) key: Uuid,
    /// Where the file is; `None` if it is in the cache.
    pub(crate) source: Option<SourceId>,
    /// Whether its value was loaded before.
    pub(crate) again: bool,
}

/// The cost of a resident value.
#[derive(Clone, Copy)]
pub(crate) struct Cost {
    /// Bytes of memory, or of the map.
    pub(crate) weight: u64,
    /// Whether it is a map of its file, and uses no memory of the process.
    pub(crate) is_map: bool,
}

impl<T, B: BackingStoreT> Item<T, B> {
    pub(crate) fn begin_load(self: &Arc<Self>, lists: &impl PoolLists<T, B>) -> LoadStep<T> {
        let mut cell = self.lock();
        match cell.state {
            State::Absent => {
                cell.state = State::Loading;
                LoadStep::Wait {
                    flight: lists.in_flight().flights.start(self, Flight::new()),
                    new: true,
                }
            }
            State::Loading => LoadStep::Wait {
                flight: lists.in_flight().flights.get(self),
                new: false,
            },
            State::Clean | State::Dirty | State::Writing => {
                LoadStep::Hit(self.slot.read().expect("a resident value is in its slot"))
            }
            State::CheckedOut => LoadStep::Leaked,
            State::Dead => unreachable!("a handle keeps its item alive"),
        }
    }

    /// Returns the file that a claimed load loads.
    pub(crate) fn to_load(&self) -> ToLoad {
        let cell = self.lock();
        ToLoad {
            key: cell.key,
            source: cell.file.source(),
            again: cell.was_loaded,
        }
    }

    /// Moves the item to the front, after a hit while it was in the older half or
    /// evicted. A job that is queued for its eviction then finds nothing to do.
    pub(crate) fn promote(self: &Arc<Self>, lists: &impl PoolLists<T, B>) {
        let cell = self.lock();
        if cell.state.is_resident() {
            self.evicting.store(false, Ordering::SeqCst);
            self.settle(&cell, lists);
        }
    }

    /// Ends a load. If the item died meanwhile, returns its file, to be released.
    pub(crate) fn finish_load(
        self: &Arc<Self>,
        loaded: Option<(&Arc<T>, Cost)>,
        lists: &impl PoolLists<T, B>,
    ) -> Option<ItemFile> {
        let mut cell = self.lock();
        match cell.state {
            State::Loading => drop(lists.in_flight().flights.end(self)),
            State::Dead => return cell.give_up_file(),
            _ => unreachable!("an item being loaded has exactly one flight until it dies"),
        }
        match loaded {
            Some((value, cost)) => {
                self.slot.put(value.clone());
                cell.state = State::Clean;
                cell.is_map = cost.is_map;
                cell.was_loaded = true;
                self.set_weight(Weight::Known(cost.weight));
                self.settle(&cell, lists);
            }
            None => cell.state = State::Absent,
        }
        None
    }
}
