//! Back-pressure: a bound on the values that wait to be written before they can
//! leave memory.
//!
//! An insert never waits; whoever may produce faster than the disk takes asks
//! for a permit first. A permit that is not used yet counts as one more value
//! that waits, of the weight of the last one that came with a permit.

use std::sync::Arc;

use super::FBPool;
use super::eviction_lists::Amounts;
use crate::backing_store::{BackingStoreT, Strategy};
use crate::error::Operation;
use crate::sync::{Event, EventListener, Listener as _, Mutex};
use crate::{Error, Fb, Result};

/// How much may wait to be written before `reserve` waits too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound {
    pub(crate) items: usize,
    pub(crate) bytes: u64,
}

pub(crate) struct Backlog {
    bound: Bound,
    permits: Mutex<Permits>,
    /// There may be room, or a reason to give up.
    changed: Arc<Event>,
}

#[derive(Default)]
struct Permits {
    unused: usize,
    /// What the last value weighed that came with a permit.
    weight: u64,
    /// Why the last value was refused that was to blame itself.
    refusal: Option<Error>,
}

/// Whether another value may come.
enum Room {
    Free,
    Full,
    /// Values that cannot be written take all of it.
    Refused(Option<Error>),
}

impl Backlog {
    pub(crate) fn new(bound: Bound) -> Self {
        Self {
            bound,
            permits: Mutex::default(),
            changed: Arc::default(),
        }
    }

    pub(crate) fn changed(&self) -> &Arc<Event> {
        &self.changed
    }

    /// Something no longer waits to be written, as far as the caller knows. One
    /// waiter looks; if it finds more room than it needs, it tells the next.
    pub(crate) fn room_made(&self) {
        self.changed.notify(1);
    }

    /// A write has ended, with this error or well.
    ///
    /// Waiters are told only when half of the room is free: to wake a producer
    /// for each value costs more than to write a small one, and writes go on
    /// until then. What does not go on by itself, a permit in somebody's hand or
    /// a value that cannot be written, takes no part in that.
    pub(crate) fn write_ended(&self, error: Option<&Error>, amounts: &Amounts) {
        match error {
            None => {
                if self.is_half_free(amounts) {
                    self.room_made();
                }
            }
            Some(error) => {
                if !error.is_refused_by_system() {
                    let before = self.permits.lock().refusal.replace(error.clone());
                    // It is the user's, and may look at the pool when it goes.
                    drop(before);
                }
                self.changed.notify(usize::MAX);
            }
        }
    }

    fn admit(&self, amounts: impl FnOnce() -> Amounts) -> Room {
        let mut permits = self.permits.lock();
        let amounts = amounts();
        let (unwritten, refused) = (amounts.unwritten, amounts.unwritable);
        let promised = permits.weight.saturating_mul(permits.unused as u64);
        let items = unwritten.items + permits.unused;
        let bytes = unwritten.bytes.saturating_add(promised);
        if items == 0 || items < self.bound.items && bytes < self.bound.bytes {
            permits.unused += 1;
            Room::Free
        } else if refused.items >= self.bound.items.max(1) || refused.bytes >= self.bound.bytes {
            Room::Refused(permits.refusal.clone())
        } else {
            Room::Full
        }
    }

    fn is_half_free(&self, amounts: &Amounts) -> bool {
        let permits = self.permits.lock();
        let promised = permits.weight.saturating_mul(permits.unused as u64);
        let stuck = amounts.unwritable;
        let items = self
            .bound
            .items
            .saturating_sub(stuck.items + permits.unused);
        let bytes = self
            .bound
            .bytes
            .saturating_sub(stuck.bytes.saturating_add(promised));
        let written = amounts.unwritten;
        (written.items - stuck.items) * 2 <= items && (written.bytes - stuck.bytes) <= bytes / 2
    }

    fn give_back(&self, used_for: Option<u64>) {
        let mut permits = self.permits.lock();
        permits.unused -= 1;
        permits.weight = used_for.unwrap_or(permits.weight);
        drop(permits);
        self.room_made();
    }
}

/// Room for one value; from [`FBPool::reserve`].
///
/// Dropped unused, it is given back.
#[must_use = "a permit holds room until it is used or dropped"]
pub struct Permit<T, B: BackingStoreT> {
    pool: Arc<FBPool<T, B>>,
    /// What the value weighed that it was used for.
    used_for: Option<u64>,
}

impl<T: Send + Sync + 'static, B: Strategy<T>> Permit<T, B> {
    /// Puts `data` into the pool, as [`FBPool::insert`] does.
    pub fn insert(mut self, data: T) -> Fb<T, B> {
        let weight = self.pool.weigh(&data);
        self.used_for = Some(weight);
        self.pool.insert_weighing(data, weight)
    }
}

impl<T, B: BackingStoreT> Permit<T, B> {
    /// The pool that it is for.
    pub fn pool(&self) -> &Arc<FBPool<T, B>> {
        &self.pool
    }
}

impl<T, B: BackingStoreT> Drop for Permit<T, B> {
    fn drop(&mut self) {
        self.pool.backlog.give_back(self.used_for);
    }
}

impl<T, B: BackingStoreT> std::fmt::Debug for Permit<T, B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

impl<T, B: BackingStoreT> FBPool<T, B> {
    /// Waits until write-back keeps up, and gives room for one value. A producer
    /// that takes a permit for each value keeps within the budgets, the bounds
    /// on write-back ([`PoolBuilder::backlog_items`],
    /// [`PoolBuilder::backlog_bytes`]) and one value for each permit in hand.
    ///
    /// Use a permit before you wait for the next: as long as you hold it, it takes
    /// part of the room. A permit that is held across a change
    /// ([`Fb::write`]) and dropped after it bounds changes as it bounds inserts.
    /// Called from within background work of the store (a codec, the drop of a
    /// value) it may wait for itself.
    ///
    /// The order of those who wait is not kept strictly.
    ///
    /// # Errors
    ///
    /// What the disk refuses writes with, as long as it does; what values were
    /// refused with that fill the bound and cannot be written. Nothing is lost
    /// by it: [`insert`](Self::insert) is free to go on in memory.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up its place among those who wait.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "bincodec")]
    /// # #[tokio::main]
    /// # async fn main() -> file_backed::Result<()> {
    /// use std::sync::Arc;
    /// use file_backed::FBPool;
    /// use file_backed::fbstore::BinCodec;
    ///
    /// let pool: Arc<FBPool<Vec<u8>, _>> = FBPool::temp(BinCodec, 8).await?;
    /// let mut tiles = Vec::new();
    /// for n in 0..1000_u32 {
    ///     let permit = pool.reserve().await?;
    ///     let tile = vec![n as u8; 4096];
    ///     tiles.push(permit.insert(tile));
    /// }
    /// assert!(pool.stats().writes_waiting <= 128);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bincodec"))]
    /// # fn main() {}
    /// ```
    ///
    /// [`PoolBuilder::backlog_items`]: super::PoolBuilder::backlog_items
    /// [`PoolBuilder::backlog_bytes`]: super::PoolBuilder::backlog_bytes
    pub async fn reserve(self: &Arc<Self>) -> Result<Permit<T, B>> {
        loop {
            let changed = match self.reserve_or_listen()? {
                Ok(permit) => return Ok(permit),
                Err(changed) => changed,
            };
            changed.await;
        }
    }

    /// The blocking form of [`reserve`](Self::reserve).
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Blocking
    ///
    /// Waits for writes that run on other threads.
    pub fn blocking_reserve(self: &Arc<Self>) -> Result<Permit<T, B>> {
        loop {
            match self.reserve_or_listen()? {
                Ok(permit) => return Ok(permit),
                Err(changed) => changed.wait(),
            }
        }
    }

    /// Gives room for one value if there is some now, without waiting.
    ///
    /// # Errors
    ///
    /// As [`reserve`](Self::reserve).
    pub fn try_reserve(self: &Arc<Self>) -> Result<Option<Permit<T, B>>> {
        self.core().check_process(Operation::Reserve)?;
        let failed = |error: Error| Error::new(Operation::Reserve, error);
        if let Some(error) = self.core().outage.refusal() {
            return Err(failed(error));
        }
        match self.backlog.admit(|| self.lists.amounts()) {
            Room::Free => {
                // There may be room for another.
                self.backlog.room_made();
                Ok(Some(Permit {
                    pool: self.clone(),
                    used_for: None,
                }))
            }
            Room::Refused(Some(error)) => Err(failed(error)),
            Room::Refused(None) | Room::Full => Ok(None),
        }
    }

    fn reserve_or_listen(self: &Arc<Self>) -> Result<Result<Permit<T, B>, EventListener>> {
        if let Some(permit) = self.try_reserve()? {
            return Ok(Ok(permit));
        }
        let changed = self.backlog.changed.listen();
        // Once more: it may have changed before this listened.
        Ok(self.try_reserve()?.ok_or(changed))
    }
}
