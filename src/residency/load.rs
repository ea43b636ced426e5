//! The events of an item for loads and hits.

use std::sync::Arc;

use file_backed_codecs::Load;
use file_backed_codecs::slot::ValueRef;
use uuid::Uuid;

use super::item::{Fact, Item, State};
use super::{Flight, PoolParts, Usage, Weight};
use crate::backing_store::{BackingStoreT, ItemFile, SourceId};
use crate::sync::atomic::Ordering;

pub(crate) enum LoadStep<'a, T> {
    Hit(ValueRef<'a, T>),
    /// Wait for the flight. If it is new, the caller must see that it runs.
    Wait {
        flight: Arc<Flight<T>>,
        new: bool,
    },
    Leaked,
}

/// The file that a load loads.
pub(crate) struct ToLoad<B: BackingStoreT> {
    pub(crate) key: Uuid,
    source: Option<SourceId>,
    /// Where the file is; `None` if it is in the cache.
    pub(crate) place: Option<Arc<B::PersistPath>>,
    /// Whether its value was loaded before.
    again: bool,
}

/// The cost of a resident value.
#[derive(Clone, Copy)]
pub(crate) struct Cost {
    /// Bytes of memory, or of the map.
    pub(crate) weight: u64,
    /// Whether it is a map of its file, and uses no memory of the process.
    pub(crate) is_map: bool,
}

impl<B: BackingStoreT> ToLoad<B> {
    pub(crate) fn load(&self) -> Load {
        match self.again {
            true => Load::Again,
            false => Load::First,
        }
    }
}

impl<T, B: BackingStoreT> Item<T, B> {
    pub(crate) fn begin_load(self: &Arc<Self>, pool: &impl PoolParts<T, B>) -> LoadStep<'_, T> {
        let mut cell = self.lock();
        match cell.state {
            State::Absent => {
                cell.state = State::Loading;
                LoadStep::Wait {
                    flight: pool.in_flight().flights.start(self, Flight::new()),
                    new: true,
                }
            }
            State::Loading => LoadStep::Wait {
                flight: pool.in_flight().flights.get(self),
                new: false,
            },
            State::Clean | State::Dirty | State::Writing => {
                let value = self.slot.read_counted();
                let value = value.expect("a resident value is in its slot");
                LoadStep::Hit(ValueRef::counted(value))
            }
            State::CheckedOut => LoadStep::Leaked,
            State::Dead => unreachable!("a handle keeps its item alive"),
        }
    }

    /// Returns the file that a claimed load loads.
    pub(crate) fn to_load(&self, pool: &impl PoolParts<T, B>) -> ToLoad<B> {
        let cell = self.lock();
        let source = self.file_of(&cell).source();
        ToLoad {
            key: self.key_of(&cell),
            source,
            // Under the lock, because the item may move to another source.
            place: source.map(|source| pool.core().place_of(source)),
            again: cell.is(Fact::WasLoaded),
        }
    }

    /// Whether the file has moved since, so that a load that did not find it tries again.
    pub(crate) fn has_moved(&self, from: &ToLoad<B>) -> bool {
        let cell = self.lock();
        cell.state != State::Dead && self.file_of(&cell).source() != from.source
    }

    /// Tells the order of a hit on an item that may be in the older half, and lets an evicted
    /// one stay. A job that is queued for its eviction then finds nothing to do.
    pub(crate) fn promote(self: &Arc<Self>, pool: &impl PoolParts<T, B>) {
        let cell = self.lock();
        if cell.state.is_resident() {
            self.evicting.store(false, Ordering::SeqCst);
            self.settle(&cell, Usage::Hit, pool);
            // Closing the dataset looks for items that stay in the lists, and this one may have
            // been in none. The caller has a handle, so the item does not end.
            if self.stays() && !self.is_committed(&cell, pool) {
                self.end_staying(pool);
            }
        }
    }

    /// Ends a load. If the item died meanwhile, or now ends, returns its file, to be
    /// released.
    pub(crate) fn finish_load(
        self: &Arc<Self>,
        loaded: Option<(&Arc<T>, Cost)>,
        pool: &impl PoolParts<T, B>,
    ) -> Option<ItemFile> {
        let mut cell = self.lock();
        match cell.state {
            State::Loading => drop(pool.in_flight().flights.end(self)),
            State::Dead => return self.give_up_file(&mut cell, pool),
            _ => unreachable!("an item being loaded has exactly one flight until it dies"),
        }
        let stayed = self.stays();
        let was_retained = self.end_staying(pool);
        let Some((value, cost)) = loaded else {
            cell.state = State::Absent;
            let ended = was_retained.then(|| self.end_retained(&mut cell, pool));
            return ended.and_then(|ended| ended.file);
        };
        self.slot.put(value.clone());
        cell.state = State::Clean;
        cell.set(Fact::IsMap, cost.is_map);
        cell.set(Fact::WasLoaded, true);
        self.set_weight(Weight::Known(cost.weight));
        self.settle(&cell, Usage::Load, pool);
        // After it has entered a list, because closing the dataset looks for items there.
        if stayed && !self.try_stay(&cell, pool) {
            // The value is not the last reference: the flight has one.
            return self.end_retained(&mut cell, pool).file;
        }
        None
    }
}
