//! Changing values that do not change in place.

use crate::backing_store::ArchiveStrategy;
use crate::error::Operation;
use crate::fbstore::{Archivable, Mapped, rkyv};
use crate::{Error, Fb, Result};
use rkyv::api::high::HighDeserializer;

impl<T, B> Fb<Mapped<T>, B>
where
    T: Archivable<Archived: rkyv::Deserialize<T, HighDeserializer<rkyv::rancor::BoxedError>>>,
    B: ArchiveStrategy<T, Mapped<T>>,
{
    /// Makes an owned value of the archive, lets `change` change it, and archives
    /// it anew, in the background. Gives what `change` gives. `T` derives
    /// `rkyv::Deserialize` for it, beside `Archive` and `Serialize`.
    ///
    /// The handle then has an item of its own with a new key, as after
    /// [`write`](Self::write): no other handle sees the change. It costs what
    /// decoding and encoding cost with any other codec, and for a moment the
    /// memory of the owned value and its archive. For values too large for that,
    /// make another one and [`insert_archived`](crate::FBPool::insert_archived)
    /// it.
    ///
    /// # Errors
    ///
    /// If the value cannot be loaded, deserialized or archived, or if `change`
    /// panics. The handle is then as before.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing; `change` may run all the same.
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
            let changed = pool.core().run(|backing| changed(backing, &value, change));
            changed.map_err(|error| Error::of_key(Operation::Update, key, error))
        });
        let (changed, result) = task.await?;
        *self = self.pool().insert(changed);
        Ok(result)
    }

    /// The blocking form of [`update`](Self::update).
    ///
    /// # Errors
    ///
    /// As there, but for a panic of `change`, which goes on.
    ///
    /// # Blocking
    ///
    /// Does everything on this thread.
    pub fn blocking_update<R>(&mut self, change: impl FnOnce(&mut T) -> R) -> Result<R> {
        self.pool().core().check_process(Operation::Update)?;
        let value = self.blocking_read()?;
        let changed = changed(&self.pool().core().backing, &value, change);
        let (changed, result) =
            changed.map_err(|error| Error::of_key(Operation::Update, self.key(), error))?;
        drop(value);
        *self = self.pool().insert(changed);
        Ok(result)
    }
}

fn changed<T, B, R>(
    backing: &B,
    value: &Mapped<T>,
    change: impl FnOnce(&mut T) -> R,
) -> Result<(Mapped<T>, R), crate::backing_store::StoreError>
where
    T: Archivable<Archived: rkyv::Deserialize<T, HighDeserializer<rkyv::rancor::BoxedError>>>,
    B: ArchiveStrategy<T, Mapped<T>>,
{
    let mut owned = value.deserialize()?;
    let result = change(&mut owned);
    Ok((backing.archive(&owned)?, result))
}
