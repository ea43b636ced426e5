//! Copy on write behind an [`Arc`].

use std::sync::Arc;

use crate::backing_store::{BackingStoreT, Strategy};
use crate::handle::clone_value;
use crate::{Fb, Result, WriteGuard};

impl<T: Clone + Send + Sync + 'static, B: Strategy<T>> Fb<T, B> {
    /// Borrows the value of a handle in an [`Arc`] mutably, like [`Arc::make_mut`].
    /// If the [`Arc`] or the item is shared, this handle first gets a separate item
    /// with a [`Clone`] of the value.
    ///
    /// # Errors
    ///
    /// If the value cannot be loaded. The handle is then unchanged.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
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
    /// let pool: Arc<FBPool<Vec<u64>, _>> = FBPool::temp(BinCodec, 100).await?;
    /// let mut numbers = Arc::new(pool.insert(vec![1, 2]));
    /// let before = numbers.clone();
    ///
    /// numbers.make_write().await?.push(3);
    /// assert_eq!(*numbers.read().await?, [1, 2, 3]);
    /// assert_eq!(*before.read().await?, [1, 2]);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bincodec"))]
    /// # fn main() {}
    /// ```
    pub async fn make_write(self: &mut Arc<Self>) -> Result<WriteGuard<'_, T, B>> {
        let only = self.is_only_handle();
        let value = self.checkout(only, clone_value).await?;
        Ok(own_handle(self).guard_of(value))
    }

    /// The blocking form of [`make_write`](Self::make_write).
    ///
    /// # Errors
    ///
    /// Same as [`make_write`](Self::make_write).
    ///
    /// # Blocking
    ///
    /// Loads and clones on this thread. If a write-back of the value has started,
    /// or a save needs it, runs that write here or waits for it.
    pub fn blocking_make_write(self: &mut Arc<Self>) -> Result<WriteGuard<'_, T, B>> {
        let only = self.is_only_handle();
        let value = self
            .pool()
            .blocking_checkout(self.item(), only, clone_value)?;
        Ok(own_handle(self).guard_of(value))
    }

    fn is_only_handle(self: &mut Arc<Self>) -> bool {
        Arc::get_mut(self).is_some()
    }
}

/// The handle, cloned first if the `Arc` is shared.
fn own_handle<T, B: BackingStoreT>(handle: &mut Arc<Fb<T, B>>) -> &mut Fb<T, B> {
    Arc::make_mut(handle)
}
