//! Changing mapped values, which cannot be changed in place.

use crate::backing_store::{ArchiveStrategy, StoreError, guarded};
use crate::error::Operation;
use crate::fbstore::{Archivable, Mapped, rkyv};
use crate::{Error, Fb, Result};
use rkyv::api::high::HighDeserializer;

impl<T, B> Fb<Mapped<T>, B>
where
    T: Archivable<Archived: rkyv::Deserialize<T, HighDeserializer<rkyv::rancor::BoxedError>>>,
    B: ArchiveStrategy<T, Mapped<T>>,
{
    /// Deserializes the archive, applies `change` to the owned value and archives
    /// the result, all in the background. Returns what `change` returns. `T` must
    /// derive `rkyv::Deserialize` in addition to `Archive` and `Serialize`.
    ///
    /// As after [`write`](Self::write), the handle then has a separate item with a
    /// new key, so no other handle sees the change. The call costs what decoding and
    /// encoding cost with any other codec, and briefly needs memory for both the
    /// owned value and its archive. If a value is too large for that, build a new
    /// one and pass it to [`insert_archived`](crate::FBPool::insert_archived).
    ///
    /// # Errors
    ///
    /// If the value cannot be loaded, deserialized or archived, or if `change`
    /// panics. The handle is then unchanged.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the handle unchanged, but `change` may still run.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> file_backed::Result<()> {
    /// use std::sync::Arc;
    /// use file_backed::FBPool;
    /// use file_backed::fbstore::{Mapped, MappedCodec};
    ///
    /// let codec = MappedCodec::heap();
    /// let pool: Arc<FBPool<Mapped<Vec<u32>>, _>> = FBPool::temp(codec, 10).await?;
    /// let mut numbers = pool.insert_archived(vec![1, 2]).await?;
    /// let before = numbers.clone();
    /// numbers.update(|numbers| numbers.push(3)).await?;
    /// assert_eq!(numbers.read().await?.len(), 3);
    /// assert_eq!(before.read().await?.len(), 2);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn update<R: Send + 'static>(
        &mut self,
        change: impl FnOnce(&mut T) -> R + Send + 'static,
    ) -> Result<R> {
        let (pool, key, value) = (self.pool().clone(), self.key(), self.read_owned().await?);
        let task = self.pool().store().task(Operation::Update, move || {
            // Not as a call of the store, in which `change` may not do everything.
            let (owned, result) = guarded(|| changed(&value, change))
                .map_err(|error| Error::of_key(Operation::Update, key, error))?;
            let changed = (pool.core()).call(Operation::Update, Some(key), None, |backing| {
                backing.archive(&owned)
            })?;
            Ok((changed, result))
        });
        let (changed, result) = task.await?;
        *self = self.pool().insert(changed);
        Ok(result)
    }

    /// The blocking form of [`update`](Self::update).
    ///
    /// # Errors
    ///
    /// Same as [`update`](Self::update), except that a panic of `change` propagates.
    ///
    /// # Blocking
    ///
    /// Does everything on this thread.
    pub fn blocking_update<R>(&mut self, change: impl FnOnce(&mut T) -> R) -> Result<R> {
        let (core, key) = (self.pool().core(), self.key());
        core.check_process(Operation::Update)?;
        let value = self.blocking_read()?;
        let (owned, result) = changed(&value, change)
            .map_err(|error| Error::of_key(Operation::Update, key, error))?;
        let changed = core.call(Operation::Update, Some(key), None, |backing| {
            backing.archive(&owned)
        })?;
        drop(value);
        *self = self.pool().insert(changed);
        Ok(result)
    }
}

/// Returns the changed value, and what `change` returns.
fn changed<T, R>(value: &Mapped<T>, change: impl FnOnce(&mut T) -> R) -> Result<(T, R), StoreError>
where
    T: Archivable<Archived: rkyv::Deserialize<T, HighDeserializer<rkyv::rancor::BoxedError>>>,
{
    let mut owned = value.deserialize()?;
    let result = change(&mut owned);
    Ok((owned, result))
}
