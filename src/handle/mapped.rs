//! Additional methods of handles to mapped values.

use crate::backing_store::Strategy;
use crate::error::Operation;
use crate::fbstore::{MaybeMapped, Prefault};
use crate::{Error, Fb, ReadGuard, Result};

/// For values that may be memory maps: `Mapped<T>` and `MappedBytes`.
impl<T: MaybeMapped + Send + Sync + 'static, B: Strategy<T>> Fb<T, B> {
    /// Like [`read`](Self::read), but first brings the pages of a mapped value into
    /// memory in the background, so that accesses to the value do not wait for the
    /// disk.
    ///
    /// # Errors
    ///
    /// Same as [`read`](Self::read). With [`Prefault::Populate`] also any error from
    /// [`Map::prefault`](crate::fbstore::Map::prefault), such as a page that cannot
    /// be read.
    ///
    /// # Cancel safety
    ///
    /// Same as [`read`](Self::read).
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
    /// Same as [`read_prefaulted`](Self::read_prefaulted).
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
    let prefaulted = value.map().map_or(Ok(()), |map| map.prefault(how));
    prefaulted.map_err(|error| Error::of_key(Operation::Load, key, error))
}
