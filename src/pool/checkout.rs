//! Checking a value out of its item, to be changed.

use std::mem;
use std::sync::Arc;

use super::FBPool;
use super::eviction::Drops;
use super::loading::{FlightWait, LoadStart, leaked, waits_for_itself};
use crate::Result;
use crate::backing_store::{Strategy, running};
use crate::error::{Operation, StoreError};
use crate::residency::{CheckedOut, CheckoutStep, Held, Item, Weight, WriteBack, Written};

/// Copies a shared value.
pub(crate) type Duplicate<T, B> = fn(&B, &T) -> Result<T, StoreError>;

/// A checked-out value, and the item that it is checked in to: the handle's own,
/// or a new one that the handle switches to.
///
/// The caller puts it into a write guard, without an `.await` in between.
pub(crate) struct Checkout<T, B: Strategy<T>> {
    pub(crate) item: Arc<Item<T, B>>,
    pub(crate) value: Arc<T>,
}

/// A mutation that waits until the value is checked out, or can be copied. Its async and
/// its blocking form differ only in how they wait between the steps.
struct Mutation<'a, T: Send + Sync + 'static, B: Strategy<T>> {
    pool: &'a Arc<FBPool<T, B>>,
    item: &'a Arc<Item<T, B>>,
    /// No other handle is known. One that was found by its key may exist all the same.
    only_handle: bool,
    /// The value of the flight that it waited for.
    held: Held<T>,
    /// The first step counts as a hit or a miss, like a load.
    first: bool,
}

/// What a mutation has to do next.
enum Step<'a, T: Send + Sync + 'static, B: Strategy<T>> {
    Done(Checkout<T, B>),
    /// Others use the value: copy it.
    Copy(Arc<T>),
    Load(FlightWait<'a, T, B>),
    /// A save needs this write first, or the write is running.
    Write(Arc<WriteBack<B>>),
}

impl<T: Send + Sync + 'static, B: Strategy<T>> FBPool<T, B> {
    /// Checks the value out if this is the only handle, and copies it otherwise.
    /// `only_handle` is false if the caller shares its handle with others.
    pub(crate) async fn checkout(
        self: &Arc<Self>,
        item: &Arc<Item<T, B>>,
        only_handle: bool,
        duplicate: Duplicate<T, B>,
    ) -> Result<Checkout<T, B>> {
        self.make_time_for_inline_load().await;
        let mut mutation = Mutation::new(self, item, only_handle);
        loop {
            match mutation.step()? {
                Step::Done(checkout) => return Ok(checkout),
                Step::Copy(value) => return self.copy(item, value, duplicate).await,
                Step::Load(wait) => {
                    let flight = wait.flight().clone();
                    mutation.held = Held::Loaded(wait.value().await?, flight);
                }
                Step::Write(write) => {
                    self.queue_run_of(item, &write);
                    write.outcome.wait_for(|written| has_ended(written)).await;
                }
            }
        }
    }

    /// The blocking form of [`checkout`](Self::checkout).
    pub(crate) fn blocking_checkout(
        self: &Arc<Self>,
        item: &Arc<Item<T, B>>,
        only_handle: bool,
        duplicate: Duplicate<T, B>,
    ) -> Result<Checkout<T, B>> {
        let mut mutation = Mutation::new(self, item, only_handle);
        loop {
            match mutation.step()? {
                Step::Done(checkout) => return Ok(checkout),
                Step::Copy(value) => return self.blocking_copy(item, value, duplicate),
                Step::Load(wait) => {
                    let flight = wait.flight().clone();
                    mutation.held = Held::Loaded(wait.blocking_value()?, flight);
                }
                Step::Write(write) => {
                    self.run_write(item, &write, 0);
                    write.outcome.block_for(|written| has_ended(written));
                }
            }
        }
    }

    /// The fast path of a mutation: checks out a value that is in memory and not
    /// pinned.
    pub(crate) fn checkout_resident(
        self: &Arc<Self>,
        item: &Arc<Item<T, B>>,
    ) -> Option<Checkout<T, B>> {
        let mut held = Held::Value(item.read()?.into_counted());
        match item.begin_checkout(&mut held, false, &**self) {
            CheckoutStep::CheckedOut(value) => {
                self.counters.hit();
                Some(self.checked_out(item, value))
            }
            _ => None,
        }
    }

    /// Checks the value out, or copies it, if it is resident.
    pub(crate) fn try_checkout(
        self: &Arc<Self>,
        item: &Arc<Item<T, B>>,
        only_handle: bool,
        duplicate: Duplicate<T, B>,
    ) -> Result<Option<Checkout<T, B>>> {
        // Only if it is resident: `begin_checkout` would start a load.
        let Some(value) = self.find(item) else {
            return match item.is_checked_out() {
                true => Err(leaked(Operation::Load, item)),
                false => Ok(None),
            };
        };
        let mut held = Held::Value(value.into_counted());
        let step = match only_handle {
            true => item.begin_checkout(&mut held, false, &**self),
            false => CheckoutStep::Shared,
        };
        let value = match step {
            CheckoutStep::CheckedOut(value) => return Ok(Some(self.checked_out(item, value))),
            CheckoutStep::Pinned(value) => value,
            CheckoutStep::Shared => held.into_value().expect("it is held"),
            CheckoutStep::Wait { .. } | CheckoutStep::WaitForWrite(_) | CheckoutStep::Leaked => {
                unreachable!("a pinned value is resident")
            }
        };
        self.blocking_copy(item, value, duplicate).map(Some)
    }

    #[inline]
    fn checked_out(&self, item: &Arc<Item<T, B>>, checked_out: CheckedOut<T, B>) -> Checkout<T, B> {
        if let Some(write) = checked_out.superseded {
            write.outcome.set(Ok(Written::Superseded));
        }
        self.backlog.room_made();
        if let Some(file) = checked_out.file {
            self.core().release(file);
        }
        Checkout {
            item: item.clone(),
            value: checked_out.value,
        }
    }

    async fn copy(
        self: &Arc<Self>,
        item: &Arc<Item<T, B>>,
        value: Arc<T>,
        duplicate: Duplicate<T, B>,
    ) -> Result<Checkout<T, B>> {
        let (pool, item) = (self.clone(), item.clone());
        self.store
            .task(Operation::Duplicate, move || {
                pool.blocking_copy(&item, value, duplicate)
            })
            .await
    }

    /// Makes a new item from a copy of `value`, which is `item`'s.
    fn blocking_copy(
        self: &Arc<Self>,
        item: &Arc<Item<T, B>>,
        value: Arc<T>,
        duplicate: Duplicate<T, B>,
    ) -> Result<Checkout<T, B>> {
        let key = Some(item.key());
        let copy = self
            .core()
            .call(Operation::Duplicate, key, None, |backing| {
                duplicate(backing, &value)
            });
        drop(value);
        self.user_gone(item);
        Ok(Checkout {
            item: Item::checked_out(),
            value: Arc::new(copy?),
        })
    }

    /// Checks a changed value in to its item. Returns its weight.
    pub(crate) fn check_in(self: &Arc<Self>, item: &Arc<Item<T, B>>, value: Arc<T>) -> Weight {
        let weight = self.weigh(&value);
        item.check_in(value, weight, &**self);
        self.enforce(Drops::InBackground);
        weight
    }

    /// Counts a new item.
    pub(crate) fn count_new_item(&self) {
        self.counts.enter();
    }
}

impl<'a, T: Send + Sync + 'static, B: Strategy<T>> Mutation<'a, T, B> {
    #[inline]
    fn new(pool: &'a Arc<FBPool<T, B>>, item: &'a Arc<Item<T, B>>, only_handle: bool) -> Self {
        Self {
            pool,
            item,
            only_handle,
            held: Held::Nothing,
            first: true,
        }
    }

    #[inline]
    fn step(&mut self) -> Result<Step<'a, T, B>> {
        match self.only_handle {
            true => self.check_out(),
            false => self.read(),
        }
    }

    #[inline]
    fn check_out(&mut self) -> Result<Step<'a, T, B>> {
        let (pool, item) = (self.pool, self.item);
        let first = mem::take(&mut self.first);
        if first {
            pool.core().check_process(Operation::Load)?;
        }
        let step = item.begin_checkout(&mut self.held, true, &**pool);
        match &step {
            CheckoutStep::CheckedOut(_)
            | CheckoutStep::Pinned(_)
            | CheckoutStep::WaitForWrite(_)
                if first =>
            {
                pool.counters.hit();
            }
            CheckoutStep::Wait { .. } if first => pool.counters.miss(),
            _ => {}
        }
        Ok(match step {
            CheckoutStep::CheckedOut(value) => Step::Done(pool.checked_out(item, value)),
            CheckoutStep::Shared => {
                self.only_handle = false;
                self.first = first;
                return self.read();
            }
            CheckoutStep::Pinned(value) => Step::Copy(value),
            CheckoutStep::Wait { flight, new } => {
                Step::Load(FlightWait::new(pool, item, flight, new))
            }
            CheckoutStep::WaitForWrite(write) if running::is_running(&*write) => {
                return Err(waits_for_itself(Operation::Load, item));
            }
            CheckoutStep::WaitForWrite(write) => Step::Write(write),
            CheckoutStep::Leaked => return Err(leaked(Operation::Load, item)),
        })
    }

    /// The handle shares its item, so it reads the value like any reader.
    fn read(&mut self) -> Result<Step<'a, T, B>> {
        if let Some(value) = self.held.take().into_value() {
            return Ok(Step::Copy(value));
        }
        Ok(match self.pool.begin_load(self.item)? {
            LoadStart::Hit(value) => Step::Copy(value.into_counted()),
            LoadStart::Waits(flight) => Step::Load(flight),
        })
    }
}

fn has_ended<R>(outcome: &Option<R>) -> Option<()> {
    outcome.as_ref().map(drop)
}
