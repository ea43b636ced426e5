//! Permits: room in the backlog that a producer waits for.

use std::sync::Arc;

use super::FBPool;
use super::backlog::Room;
use crate::backing_store::{BackingStoreT, Strategy, running};
use crate::error::{Cause, Operation};
use crate::residency::Weight;
use crate::sync::{EventListener, Listener as _};
use crate::{Error, Fb, Result, WriteGuard};

/// Room for one value in the backlog; from [`FBPool::reserve`].
///
/// Use it to [`insert`](Self::insert) a value or to [`write`](Self::write) to one.
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
    /// The weight of the value, if the permit was used.
    used_for: Option<u64>,
}

impl<T: Send + Sync + 'static, B: Strategy<T>> Permit<T, B> {
    /// Puts `data` into the pool, like [`FBPool::insert`].
    pub fn insert(mut self, data: T) -> Fb<T, B> {
        let weight = self.pool.weigh(&data);
        self.used_for = Some(weight.bytes());
        self.pool.insert_weighing(data, weight)
    }

    /// Borrows the value of `item` mutably, like [`Fb::write`]. The guard holds the
    /// permit: once it is dropped, the changed value counts in the backlog, like a value
    /// that was inserted with the permit.
    ///
    /// # Errors
    ///
    /// Same as [`Fb::write`], and if `item` is of another pool than the permit. The room
    /// is given back.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing, and gives the room back.
    ///
    /// # Examples
    ///
    /// A loop of changes that cannot outrun the disk:
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
    /// let mut tiles: Vec<_> = (0..1000).map(|_| pool.insert(vec![0; 4096])).collect();
    /// for tile in &mut tiles {
    ///     let permit = pool.reserve().await?; // waits if the disk is behind
    ///     let mut tile = permit.write(tile).await?;
    ///     tile.fill(1);
    /// }
    /// assert_eq!(tiles[0].read().await?[0], 1);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bincodec"))]
    /// # fn main() {}
    /// ```
    pub async fn write(self, item: &mut Fb<T, B>) -> Result<WriteGuard<'_, T, B>> {
        self.check_pool_of(item)?;
        Ok(item.write().await?.with_permit(self))
    }

    /// The blocking form of [`write`](Self::write).
    ///
    /// # Errors
    ///
    /// Same as [`write`](Self::write).
    ///
    /// # Blocking
    ///
    /// Same as [`Fb::blocking_write`].
    pub fn blocking_write(self, item: &mut Fb<T, B>) -> Result<WriteGuard<'_, T, B>> {
        self.check_pool_of(item)?;
        Ok(item.blocking_write()?.with_permit(self))
    }

    fn check_pool_of(&self, item: &Fb<T, B>) -> Result<()> {
        match Arc::ptr_eq(&self.pool, item.pool()) {
            true => Ok(()),
            false => Err(Error::of_key(
                Operation::Load,
                item.key(),
                Cause::PermitOfAnotherPool,
            )),
        }
    }
}

impl<T, B: BackingStoreT> Permit<T, B> {
    /// The pool that the permit is for.
    pub fn pool(&self) -> &Arc<FBPool<T, B>> {
        &self.pool
    }

    /// Ends the permit, whose value has entered the backlog.
    pub(crate) fn used_for(mut self, weight: Weight) {
        self.used_for = Some(weight.bytes());
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
    /// room. Until the first write has told how large values are, a pool without a
    /// weigher hands out at most one permit for each core, and one more. Changes take permits too, with [`Permit::write`]; for other forms of
    /// change, such as [`Fb::make_write`], hold the permit until the guard is dropped.
    ///
    /// Room may depend on the end of the calls that a store is running. From inside one,
    /// such as from a codec, this is therefore an error. Do not call it from the drop of a
    /// value either, which the background runs.
    ///
    /// Waiters are served only roughly in order.
    ///
    /// # Errors
    ///
    /// During an outage, the error with which the disk refuses writes. In a store with a
    /// [quota](crate::StoreBuilder::quota), an outage for lack of room is an error only once
    /// no work is under way that may make room, such as a deletion or a persist: drop handles,
    /// or raise the quota. If values that cannot be written fill the bound, the error of the
    /// last one. [`Error::is_deadlock`] inside a call of the pool's own store. Nothing is
    /// lost in any of these cases: [`insert`](Self::insert) still works, in memory.
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

    /// Returns a permit for one value if there is room now, without waiting; `None` if
    /// [`reserve`](Self::reserve) would wait.
    ///
    /// # Errors
    ///
    /// Same as [`reserve`](Self::reserve).
    pub fn try_reserve(self: &Arc<Self>) -> Result<Option<Permit<T, B>>> {
        self.core().check_process(Operation::Reserve)?;
        let failed = |error: Error| Error::new(Operation::Reserve, error);
        match self.core().outage.refusal() {
            Some(refusal) if refusal.may_end => return Ok(None),
            Some(refusal) => return Err(failed(refusal.error)),
            None => {}
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
        // Also if there is room, so that a program fails in its first test.
        if running::is_running(&**self.core()) {
            return Err(Error::new(Operation::Reserve, Cause::ReserveInStore));
        }
        if let Some(permit) = self.try_reserve()? {
            return Ok(Ok(permit));
        }
        let changed = self.backlog.changed().listen();
        // Tried again, in case it changed before this listened.
        Ok(self.try_reserve()?.ok_or(changed))
    }
}
