//! Loading values into memory.

use std::cell::Cell;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use super::eviction::Drops;
use super::inline::{Sample, units_of};
use super::{FBPool, maps};
use crate::backing_store::{BackingStoreT, InlineLoad, Lane, Strategy, load_room, running};
use crate::error::{Cause, Operation};
use crate::residency::{Flight, Item, LoadStep, RefusedLoad, ToLoad, ValueRef};
use crate::sync::{has_poll_budget, spend_poll_budget, yield_without_poll_budget};
use crate::{Error, Result};

impl<T: Send + Sync + 'static, B: Strategy<T>> FBPool<T, B> {
    /// The fast path of every load: returns a value in memory without a lock. It may
    /// miss a value whose references the pool is counting at this moment.
    #[inline]
    pub(crate) fn try_hit<'a>(
        self: &Arc<Self>,
        item: &'a Arc<Item<T, B>>,
    ) -> Option<ValueRef<'a, T>> {
        let value = item.read()?;
        self.counters.hit();
        self.note_hit(item);
        Some(value)
    }

    /// Returns a value in memory. Unlike [`try_hit`](Self::try_hit), it also finds a
    /// value whose references are being counted.
    #[inline]
    pub(crate) fn find<'a>(self: &Arc<Self>, item: &'a Arc<Item<T, B>>) -> Option<ValueRef<'a, T>> {
        self.try_hit(item).or_else(|| self.find_locked(item))
    }

    #[cold]
    fn find_locked<'a>(self: &Arc<Self>, item: &'a Arc<Item<T, B>>) -> Option<ValueRef<'a, T>> {
        if self.core().is_forked() {
            return item.read_forked();
        }
        let value = item.read_locked()?;
        self.counters.hit();
        self.note_hit(item);
        Some(value)
    }

    /// Tells the order of a hit that it has to know of.
    #[inline]
    fn note_hit(self: &Arc<Self>, item: &Arc<Item<T, B>>) {
        if !self.lists.is_recent(item) {
            self.promote(item);
        }
    }

    #[cold]
    fn promote(self: &Arc<Self>, item: &Arc<Item<T, B>>) {
        if self.core().is_forked() || self.lists.hit_in_place(item) {
            return;
        }
        item.promote(&**self);
        self.backlog.room_made();
        self.enforce(Drops::InBackground);
    }

    pub(crate) async fn load<'a>(
        self: &'a Arc<Self>,
        item: &'a Arc<Item<T, B>>,
    ) -> Result<ValueRef<'a, T>> {
        self.make_time_for_inline_load().await;
        match self.begin_load(item)? {
            LoadStart::Hit(value) => Ok(value),
            LoadStart::Waits(waiting) => waiting.value().await.map(ValueRef::counted),
        }
    }

    /// Called before the flight of a load is claimed: from then on, no cancellation may come
    /// between.
    pub(super) async fn make_time_for_inline_load(&self) {
        if self.inline.are_usual() {
            yield_without_poll_budget().await;
        }
    }

    pub(crate) fn blocking_load<'a>(
        self: &'a Arc<Self>,
        item: &'a Arc<Item<T, B>>,
    ) -> Result<ValueRef<'a, T>> {
        match self.begin_load(item)? {
            LoadStart::Hit(value) => Ok(value),
            LoadStart::Waits(waiting) => waiting.blocking_value().map(ValueRef::counted),
        }
    }

    #[inline]
    pub(super) fn begin_load<'a>(
        self: &'a Arc<Self>,
        item: &'a Arc<Item<T, B>>,
    ) -> Result<LoadStart<'a, T, B>> {
        if let Err(forked) = self.core().check_process(Operation::Load) {
            return item.read_forked().map(LoadStart::Hit).ok_or(forked);
        }
        match item.begin_load(&**self) {
            LoadStep::Hit(value) => {
                self.counters.hit();
                self.note_hit(item);
                Ok(LoadStart::Hit(value))
            }
            LoadStep::Wait { flight, new } => {
                self.counters.miss();
                Ok(LoadStart::Waits(FlightWait::new(self, item, flight, new)))
            }
            LoadStep::Leaked => Err(leaked(Operation::Load, item)),
        }
    }

    /// Runs a load, unless it is already running, done or cancelled.
    fn run_load(self: &Arc<Self>, item: &Arc<Item<T, B>>, flight: &Flight<T>) {
        if !flight.run_once.claim() {
            return;
        }
        let _under_way = self.core().queue.token();
        let note = running::note(flight);
        let mut refused = flight.refused.lock().take();
        let sample = match refused {
            // It may not be what was expected.
            Some(RefusedLoad {
                opened: Some(_), ..
            }) => Sample::begin(),
            _ => self.inline.begin(),
        };
        let loaded = loop {
            let to_load = item.to_load(&**self);
            match self.load_file(&to_load, refused.take()) {
                Err(error) if error.is_not_found() && item.has_moved(&to_load) => {}
                loaded => break loaded,
            }
        };
        if let (Ok((_, Some(len))), Some(sample)) = (&loaded, sample) {
            self.inline.learn(*len, &sample);
        }
        self.land(item, flight, note, loaded, Drops::Here);
    }

    /// Runs a load on this thread, which must not wait, if that is expected to take little
    /// time. Returns what it took, in units of the budget of a poll; as an error if somebody
    /// else has to run it.
    ///
    /// The claim is held until the value has landed or is given back, and then the caller
    /// queues the flight. There must be no `.await` in between, so that a caller that is
    /// cancelled leaves no flight that is neither queued nor running.
    fn try_load_inline(
        self: &Arc<Self>,
        item: &Arc<Item<T, B>>,
        flight: &Flight<T>,
    ) -> Result<u32, u32> {
        if !self.inline.are_worth_trying() || !has_poll_budget() || !flight.run_once.claim() {
            return Err(0);
        }
        let (note, begun) = (running::note(flight), Instant::now());
        let sample = self.inline.begin();
        let to_load = item.to_load(&**self);
        let place = to_load.place.as_deref();
        let (key, load) = (Some(to_load.key), to_load.load());
        let span = self.core().span(Operation::Load, key, place);
        let is_short = Cell::new(true);
        let fits = |len| {
            is_short.set(self.inline.fits(len));
            is_short.get()
        };
        let tried = (self.core()).call_in(&span, Operation::Load, key, |backing| {
            Ok(backing.load_inline(to_load.key, place, load, &fits))
        });
        match tried {
            Ok(InlineLoad::Loaded(value, len)) => {
                self.inline.was_loaded();
                if let (Some(len), Some(sample)) = (len, sample) {
                    self.inline.learn(len, &sample);
                }
                self.land(
                    item,
                    flight,
                    note,
                    Ok((Arc::new(value), len)),
                    Drops::Batched,
                );
                Ok(units_of(begun.elapsed()))
            }
            tried => {
                let (opened, waste) = match tried {
                    Ok(InlineLoad::Refused { opened, waste }) => (opened, waste),
                    _ => (None, None),
                };
                if let Some(waste) = waste {
                    self.core().queue.drop_later(Arc::new(waste));
                }
                drop(note);
                if is_short.get() {
                    self.inline.was_refused();
                }
                *flight.refused.lock() = Some(RefusedLoad { opened, span });
                flight.run_once.give_back();
                // A caller that blocks runs the load itself.
                flight.outcome.wake();
                Err(units_of(begun.elapsed()))
            }
        }
    }

    /// Ends a load that this thread has claimed.
    fn land(
        self: &Arc<Self>,
        item: &Arc<Item<T, B>>,
        flight: &Flight<T>,
        note: running::Note<'_>,
        loaded: Result<Loaded<T>>,
        drops: Drops,
    ) {
        let value = loaded.as_ref().ok();
        let value = value.map(|(value, len)| (value, self.cost_of(value, *len)));
        drop(note);
        let is_map = value.is_some_and(|(_, cost)| cost.is_map);
        if let Some(file) = item.finish_load(value, &**self) {
            self.core().release(file);
        }
        flight.outcome.set(loaded.map(|(value, _)| value));
        self.enforce(drops);
        maps::keep_within_budget(self, is_map);
    }

    /// Loads a file, which an inline load may have opened already.
    fn load_file(&self, to_load: &ToLoad<B>, refused: Option<RefusedLoad>) -> Result<Loaded<T>> {
        let (key, place) = (to_load.key, to_load.place.as_deref());
        let (opened, span) = match refused {
            Some(RefusedLoad { opened, span }) => (opened, span),
            None => (None, self.core().span(Operation::Load, Some(key), place)),
        };
        let _load = self.load_room.begin();
        let load = to_load.load();
        (self.core()).call_in(&span, Operation::Load, Some(key), |backing| {
            let (value, encoded_len) = match (opened, place) {
                (Some(opened), place) => backing.load_opened(opened, key, place, load)?,
                (None, None) => backing.load_measured(key, load)?,
                (None, Some(place)) => backing.load_in_place(place, key, load)?,
            };
            Ok((Arc::new(value), encoded_len))
        })
    }
}

/// A value, and the length of its encoding.
type Loaded<T> = (Arc<T>, Option<u64>);

pub(super) enum LoadStart<'a, T: Send + Sync + 'static, B: Strategy<T>> {
    Hit(ValueRef<'a, T>),
    Waits(FlightWait<'a, T, B>),
}

/// A caller that waits for a flight.
pub(super) struct FlightWait<'a, T: Send + Sync + 'static, B: Strategy<T>> {
    pool: &'a Arc<FBPool<T, B>>,
    item: &'a Arc<Item<T, B>>,
    flight: Option<Arc<Flight<T>>>,
    /// The flight is new, so this caller must see that it runs.
    new: bool,
}

impl<'a, T: Send + Sync + 'static, B: Strategy<T>> FlightWait<'a, T, B> {
    pub(super) fn new(
        pool: &'a Arc<FBPool<T, B>>,
        item: &'a Arc<Item<T, B>>,
        flight: Arc<Flight<T>>,
        new: bool,
    ) -> Self {
        Self {
            pool,
            item,
            flight: Some(flight),
            new,
        }
    }

    /// Waits for the value. A new flight is run on this thread, if that takes little time
    /// and no waiting, or queued.
    pub(super) async fn value(self) -> Result<Arc<T>> {
        self.check_thread()?;
        if self.new {
            // Work under way until the load has landed, or a job for it is queued.
            let under_way = self.pool.core().queue.token();
            let tried = self.pool.try_load_inline(self.item, self.flight());
            let units = tried.unwrap_or_else(|units| {
                self.queue(false);
                units
            });
            drop(under_way);
            // An attempt costs time too, although it is refused.
            poll_fn(|context| {
                spend_poll_budget(context, units);
                Poll::Ready(())
            })
            .await;
        }
        load_room::give_up();
        self.flight()
            .outcome
            .wait_for(|loaded| loaded.clone())
            .await
    }

    /// The blocking form of [`value`](Self::value). It runs the flight on this thread if
    /// the flight has not started, and also once an inline load of it is given up.
    pub(super) fn blocking_value(self) -> Result<Arc<T>> {
        self.check_thread()?;
        let outcome = &self.flight().outcome;
        let run = || {
            self.pool.run_load(self.item, self.flight());
            if !outcome.is_set() {
                load_room::give_up();
            }
        };
        outcome.block_for_or(|loaded| loaded.clone(), run)
    }

    /// Fails if this thread is running the flight, and so would wait for itself.
    fn check_thread(&self) -> Result<()> {
        match running::is_running(&**self.flight()) {
            true => Err(waits_for_itself(Operation::Load, self.item)),
            false => Ok(()),
        }
    }

    /// Queues the load, if this caller must see that it runs, as one ahead of its use.
    pub(super) fn queue_ahead(&mut self) {
        if std::mem::take(&mut self.new) {
            self.queue(true);
        }
    }

    fn queue(&self, is_ahead: bool) {
        let (pool, item, flight) = (self.pool.clone(), self.item.clone(), self.flight.clone());
        self.pool.core().queue.run(Lane::Load, move || {
            let _ahead = is_ahead.then(load_room::ahead);
            let job = FlightWait {
                pool: &pool,
                item: &item,
                flight,
                new: false,
            };
            pool.run_load(&item, job.flight());
        });
    }

    pub(super) fn flight(&self) -> &Arc<Flight<T>> {
        self.flight
            .as_ref()
            .expect("the flight is set until the drop")
    }
}

/// A flight holds a reference to its value, so the value cannot be evicted while
/// the flight lives. Dropping the reference therefore retries the eviction.
impl<T: Send + Sync + 'static, B: Strategy<T>> Drop for FlightWait<'_, T, B> {
    fn drop(&mut self) {
        self.flight = None;
        self.pool.user_gone(self.item);
    }
}

pub(super) fn waits_for_itself<T, B: BackingStoreT>(
    operation: Operation,
    item: &Item<T, B>,
) -> Error {
    Error::of_key(operation, item.key(), Cause::WaitsForItself)
}

pub(super) fn leaked<T, B: BackingStoreT>(operation: Operation, item: &Item<T, B>) -> Error {
    Error::of_key(operation, item.key(), Cause::LeakedGuard)
}
