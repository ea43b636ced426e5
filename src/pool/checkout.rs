//! Checking a value out of its item, to be changed.

use std::mem;
use std::sync::Arc;

use super::FBPool;
use super::eviction::Drops;
use super::loading::{FlightWait, leaked};
use crate::Result;
use crate::backing_store::Strategy;
use crate::error::{Operation, StoreError};
use crate::residency::{CheckedOut, CheckoutStep, Item, ValueRef, WriteBack, Written};
use crate::sync::atomic::Ordering;

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

/// The next step of a mutation that may wait.
enum Step<'a, T: Send + Sync + 'static, B: Strategy<T>> {
    Done(Checkout<T, B>),
    /// The value is pinned: copy it.
    Copy(Arc<T>),
    /// The handle shares its item: load the value and copy it.
    CopyLoaded,
    Load(FlightWait<'a, T, B>),
    /// A save needs this write first, or the write is running.
    Write(Arc<WriteBack<B>>),
}

impl<T: Send + Sync + 'static, B: Strategy<T>> FBPool<T, B> {
    /// Checks the value out if this is the only handle, and copies it otherwise.
    pub(crate) async fn take(
        self: &Arc<Self>,
        item: &Arc<Item<T, B>>,
        only_handle: bool,
        duplicate: Duplicate<T, B>,
    ) -> Result<Checkout<T, B>> {
        let (mut held, mut first) = (None, true);
        let value = loop {
            match self.step(item, only_handle, held.take(), mem::take(&mut first))? {
                Step::Done(taken) => return Ok(taken),
                Step::Copy(value) => break value,
                Step::CopyLoaded => break self.load(item).await?.into_full(),
                Step::Load(waiting) => held = Some(waiting.value(Option::take).await?),
                Step::Write(write) => {
                    self.queue_run_of(item, &write);
                    let written = write.outcome.wait_for(|outcome| outcome.as_ref().map(drop));
                    written.await;
                }
            }
        };
        self.copy(item, value, duplicate).await
    }

    /// The blocking form of [`take`](Self::take).
    pub(crate) fn blocking_take(
        self: &Arc<Self>,
        item: &Arc<Item<T, B>>,
        only_handle: bool,
        duplicate: Duplicate<T, B>,
    ) -> Result<Checkout<T, B>> {
        let (mut held, mut first) = (None, true);
        let value = loop {
            match self.step(item, only_handle, held.take(), mem::take(&mut first))? {
                Step::Done(taken) => return Ok(taken),
                Step::Copy(value) => break value,
                Step::CopyLoaded => break self.blocking_load(item)?.into_full(),
                Step::Load(waiting) => held = Some(waiting.blocking_value(Option::take)?),
                Step::Write(write) => {
                    self.run_write(item, &write);
                    write
                        .outcome
                        .block_for(|outcome| outcome.as_ref().map(drop));
                }
            }
        };
        self.blocking_copy(item, value, duplicate)
    }

    /// The next step of a mutation that may wait. The first step counts as a hit or
    /// a miss, like a load.
    fn step<'a>(
        self: &'a Arc<Self>,
        item: &'a Arc<Item<T, B>>,
        only_handle: bool,
        held: Option<Arc<T>>,
        first: bool,
    ) -> Result<Step<'a, T, B>> {
        if first {
            self.core().check_process(Operation::Load)?;
        }
        if !only_handle {
            return Ok(Step::CopyLoaded);
        }
        let take = self.begin_checkout(item, held, true);
        match &take {
            CheckoutStep::CheckedOut(_)
            | CheckoutStep::Pinned(_)
            | CheckoutStep::WaitForWrite(_)
                if first =>
            {
                self.counters.hit()
            }
            CheckoutStep::Wait { .. } if first => self.counters.miss(),
            _ => {}
        }
        Ok(match take {
            CheckoutStep::CheckedOut(taken) => Step::Done(self.checked_out(item, taken)),
            CheckoutStep::Pinned(value) => Step::Copy(value),
            CheckoutStep::Wait { flight, new } => Step::Load(self.wait_for(item, flight, new)),
            CheckoutStep::WaitForWrite(write) => Step::Write(write),
            CheckoutStep::Leaked => return Err(leaked(Operation::Load, item)),
        })
    }

    /// The fast path of a mutation: checks out a value that is in memory and not
    /// pinned.
    pub(crate) fn take_resident(
        self: &Arc<Self>,
        item: &Arc<Item<T, B>>,
    ) -> Option<Checkout<T, B>> {
        let value = item.read()?.into_full();
        match self.begin_checkout(item, Some(value), false) {
            CheckoutStep::CheckedOut(taken) => {
                self.counters.hit();
                Some(self.checked_out(item, taken))
            }
            _ => None,
        }
    }

    /// Checks the value out, or copies it, if it is resident.
    pub(crate) fn try_take(
        self: &Arc<Self>,
        item: &Arc<Item<T, B>>,
        only_handle: bool,
        duplicate: Duplicate<T, B>,
    ) -> Result<Option<Checkout<T, B>>> {
        // Only if it is resident: `begin_checkout` would start a load.
        let Some(value) = self.find(item).map(ValueRef::into_full) else {
            return match item.is_checked_out() {
                true => Err(leaked(Operation::Load, item)),
                false => Ok(None),
            };
        };
        if !only_handle {
            return self.blocking_copy(item, value, duplicate).map(Some);
        }
        match self.begin_checkout(item, Some(value), false) {
            CheckoutStep::CheckedOut(taken) => Ok(Some(self.checked_out(item, taken))),
            CheckoutStep::Pinned(value) => self.blocking_copy(item, value, duplicate).map(Some),
            CheckoutStep::Wait { .. } | CheckoutStep::WaitForWrite(_) | CheckoutStep::Leaked => {
                unreachable!("a pinned value is resident")
            }
        }
    }

    fn begin_checkout(
        self: &Arc<Self>,
        item: &Arc<Item<T, B>>,
        held: Option<Arc<T>>,
        wait: bool,
    ) -> CheckoutStep<T, B> {
        let (take, superseded) = item.begin_checkout(held, wait, &**self);
        if let Some(write) = superseded {
            write.outcome.set(Ok(Written::Superseded));
        }
        self.backlog.room_made();
        take
    }

    fn checked_out(&self, item: &Arc<Item<T, B>>, taken: CheckedOut<T>) -> Checkout<T, B> {
        if let Some(file) = taken.file {
            self.core().release(file);
        }
        Checkout {
            item: item.clone(),
            value: taken.value,
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

    /// Checks a changed value in to its item.
    pub(crate) fn check_in(self: &Arc<Self>, item: &Arc<Item<T, B>>, value: Arc<T>) {
        let weight = self.weigh(&value);
        item.check_in(value, weight, &**self);
        self.enforce(Drops::InBackground);
    }

    /// Counts a new item.
    pub(crate) fn count_new_item(&self) {
        self.counters.items.fetch_add(1, Ordering::Relaxed);
    }
}
