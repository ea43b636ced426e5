//! Back-pressure: a bound on the backlog, the evicted values that stay in memory
//! until they are written.
//!
//! An insert never waits. Producers that can outrun the disk call `reserve` first.
//! An unused permit counts as one more value in the backlog, with the weight of
//! the last value that was inserted with a permit, or the guess for values that are not
//! written yet where that is larger.
//!
//! Before a pool without known weights has written its first value, nothing bounds the
//! bytes. Then the backlog has room for one value more than can be written at a time.

use std::sync::Arc;

use super::FBPool;
use super::eviction_lists::Amounts;
use super::weighing::Guess;
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
    /// How many values may wait while nothing is known of their weight.
    unweighed: usize,
    permits: Mutex<Permits>,
    /// Notified when there may be room, or a reason to give up.
    changed: Arc<Event>,
}

#[derive(Default)]
struct Permits {
    unused: usize,
    /// The weight of the last value that was inserted with a permit.
    weight: u64,
    /// The last write error that was the value's fault, not the system's.
    refusal: Option<Error>,
}

impl Permits {
    /// What the values will weigh that unused permits promise.
    fn promised(&self, guess: Guess) -> u64 {
        let each = self.weight.max(guess.bytes());
        each.saturating_mul(self.unused as u64)
    }
}

/// Whether the backlog has room for another value.
enum Room {
    Free,
    Full,
    /// Values that cannot be written fill the bound.
    Refused(Option<Error>),
}

impl Backlog {
    /// `writers` is how many values are written at a time.
    pub(crate) fn new(bound: Bound, writers: usize) -> Self {
        Self {
            bound,
            unweighed: writers + 1,
            permits: Mutex::default(),
            changed: Arc::default(),
        }
    }

    pub(crate) fn changed(&self) -> &Arc<Event> {
        &self.changed
    }

    /// The backlog may have shrunk. Wakes one waiter, which wakes the next if there
    /// is more room than it needs.
    pub(crate) fn room_made(&self) {
        self.changed.notify(1);
    }

    /// A write has ended; `error` is `None` if it succeeded.
    ///
    /// After a success, a waiter is woken only once half of the room is free: waking
    /// a producer for each value costs more than writing a small one, and until then
    /// other writes are still in flight. Permits in use and values that cannot be
    /// written do not drain by themselves, so they are left out of that calculation.
    pub(super) fn write_ended(&self, error: Option<&Error>, guess: Guess, amounts: &Amounts) {
        match error {
            None => {
                if self.is_half_free(guess, amounts) {
                    self.room_made();
                }
            }
            Some(error) => {
                if !error.is_refused_by_system() {
                    let before = self.permits.lock().refusal.replace(error.clone());
                    // Dropped without the lock: its source may be a user's type.
                    drop(before);
                }
                self.changed.notify(usize::MAX);
            }
        }
    }

    fn admit(&self, guess: Guess, amounts: impl FnOnce() -> Amounts) -> Room {
        let bound = self.bound(guess);
        let mut permits = self.permits.lock();
        let amounts = amounts();
        let (unwritten, refused) = (amounts.unwritten, amounts.unwritable);
        let promised = permits.promised(guess);
        let items = unwritten.items + permits.unused;
        let bytes = unwritten.bytes.saturating_add(promised);
        if items == 0 || items < bound.items && bytes < bound.bytes {
            permits.unused += 1;
            Room::Free
        } else if refused.items >= bound.items.max(1) || refused.bytes >= bound.bytes {
            Room::Refused(permits.refusal.clone())
        } else {
            Room::Full
        }
    }

    fn is_half_free(&self, guess: Guess, amounts: &Amounts) -> bool {
        let bound = self.bound(guess);
        let permits = self.permits.lock();
        let promised = permits.promised(guess);
        let stuck = amounts.unwritable;
        let items = bound.items.saturating_sub(stuck.items + permits.unused);
        let bytes = bound
            .bytes
            .saturating_sub(stuck.bytes.saturating_add(promised));
        let written = amounts.unwritten;
        (written.items - stuck.items) * 2 <= items && (written.bytes - stuck.bytes) <= bytes / 2
    }

    fn bound(&self, guess: Guess) -> Bound {
        let items = match guess {
            Guess::Unknown => self.bound.items.min(self.unweighed),
            Guess::Needless | Guess::Bytes(_) => self.bound.items,
        };
        Bound {
            items,
            ..self.bound
        }
    }

    fn give_back(&self, used_for: Option<u64>) {
        let mut permits = self.permits.lock();
        permits.unused -= 1;
        permits.weight = used_for.unwrap_or(permits.weight);
        drop(permits);
        self.room_made();
    }
}

/// Room for one value in the backlog; from [`FBPool::reserve`].
///
/// Dropping an unused permit gives the room back.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "bincodec")]
/// # #[tokio::main]
/// # async fn main() -> file_backed::Result<()> {
/// use std::sync::Arc;
/// use file_backed::fbstore::{BinCodec, FBStore};
/// use file_backed::{FBPool, Fb, Permit};
///
/// type Store = FBStore<BinCodec>;
///
/// /// Computes a tile in another task, which starts only once there is room for it.
/// fn compute(permit: Permit<Vec<u8>, Store>, n: u8) -> Fb<Vec<u8>, Store> {
///     permit.insert(vec![n; 4096])
/// }
///
/// let pool: Arc<FBPool<Vec<u8>, Store>> = FBPool::temp(BinCodec, 8).await?;
/// let permit = pool.reserve().await?;
/// let tile = tokio::task::spawn_blocking(|| compute(permit, 7));
/// let tile = tile.await.expect("it does not panic");
/// assert_eq!(tile.read().await?.len(), 4096);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "bincodec"))]
/// # fn main() {}
/// ```
#[must_use = "a permit holds room until it is used or dropped"]
pub struct Permit<T, B: BackingStoreT> {
    pool: Arc<FBPool<T, B>>,
    /// The weight of the inserted value, if the permit was used.
    used_for: Option<u64>,
}

impl<T: Send + Sync + 'static, B: Strategy<T>> Permit<T, B> {
    /// Puts `data` into the pool, like [`FBPool::insert`].
    pub fn insert(mut self, data: T) -> Fb<T, B> {
        let weight = self.pool.weigh(&data);
        self.used_for = Some(weight.bytes());
        self.pool.insert_weighing(data, weight)
    }
}

impl<T, B: BackingStoreT> Permit<T, B> {
    /// The pool that the permit is for.
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

impl<T: Send + Sync + 'static, B: Strategy<T>> FBPool<T, B> {
    /// Waits for room in the backlog, and returns a permit for one value. A producer
    /// that takes a permit for each value stays within the budgets, the bounds on
    /// the backlog ([`PoolBuilder::backlog_items`], [`PoolBuilder::backlog_bytes`])
    /// and one value for each permit that it holds.
    ///
    /// Use a permit before you wait for the next one: an unused permit takes up
    /// room. To bound changes as well as inserts, hold a permit across the change
    /// ([`Fb::write`]) and drop it afterwards. Do not call this from background work
    /// of the store (a codec, the drop of a value): it may wait for itself.
    ///
    /// Waiters are served only roughly in order.
    ///
    /// # Errors
    ///
    /// During an outage, the error with which the disk refuses writes. If values
    /// that cannot be written fill the bound, the error of the last one. Nothing is
    /// lost in either case: [`insert`](Self::insert) still works, in memory.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up its place in the queue.
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
    /// Same as [`reserve`](Self::reserve).
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

    /// Returns a permit for one value if there is room now, without waiting.
    ///
    /// # Errors
    ///
    /// Same as [`reserve`](Self::reserve).
    pub fn try_reserve(self: &Arc<Self>) -> Result<Option<Permit<T, B>>> {
        self.core().check_process(Operation::Reserve)?;
        let failed = |error: Error| Error::new(Operation::Reserve, error);
        if let Some(error) = self.core().outage.refusal() {
            return Err(failed(error));
        }
        let guess = self.guess();
        match self
            .backlog
            .admit(guess, || self.lists.amounts(guess.bytes()))
        {
            Room::Free => {
                // There may be room for another waiter.
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
        // Tried again, in case it changed before this listened.
        Ok(self.try_reserve()?.ok_or(changed))
    }
}
