//! What handles to mapped values can do beside.

use crate::backing_store::Strategy;
use crate::error::Operation;
use crate::fbstore::{BoxError, MaybeMapped, Prefault};
use crate::{Error, Fb, ReadGuard, Result};

/// For values that may be maps: `Mapped<T>` and `MappedBytes`.
impl<T: MaybeMapped + Send + Sync + 'static, B: Strategy<T>> Fb<T, B> {
    /// As [`read`](Self::read), and brings the pages of a mapped value into
    /// memory in the background first, so that nobody waits for the disk while
    /// reading the value.
    ///
    /// # Errors
    ///
    /// As `read`; with [`Prefault::Populate`] also those of
    /// [`Map::prefault`](crate::fbstore::Map::prefault), above all a page that
    /// cannot be read.
    ///
    /// # Cancel safety
    ///
    /// As `read`.
    pub async fn read_prefaulted(&self, how: Prefault) -> Result<ReadGuard<'_, T, B>> {
        let guard = self.read().await?;
        if how == Prefault::Lazy || guard.map().is_none() {
            return Ok(guard);
        }
        let (value, key) = (self.read_owned().await?, self.key());
        let store = self.pool().store();
        store
            .task(Operation::Load, move || prefault(&*value, how, key))
            .await?;
        Ok(guard)
    }

    /// The blocking form of [`read_prefaulted`](Self::read_prefaulted).
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Blocking
    ///
    /// Waits for the disk on this thread.
    pub fn blocking_read_prefaulted(&self, how: Prefault) -> Result<ReadGuard<'_, T, B>> {
        let guard = self.blocking_read()?;
        prefault(&*guard, how, self.key())?;
        Ok(guard)
    }
}

fn prefault(value: &impl MaybeMapped, how: Prefault, key: uuid::Uuid) -> Result<()> {
    let prefaulted: Result<(), BoxError> = value.map().map_or(Ok(()), |map| map.prefault(how));
    prefaulted.map_err(|error| Error::of_key(Operation::Load, key, error))
}
