//! The handle that owns an item.

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

use super::reading::Read;
use crate::backing_store::{BackingStoreT, Strategy, Task, TrackedPath};
use crate::error::StoreError;
use crate::pool::{Checkout, Duplicate, FBPool};
use crate::residency::Item;
use crate::{OwnedReadGuard, ReadGuard, Result, WriteGuard};

/// An owning handle to one item of a pool. The item's value is in memory, in a
/// file, or both.
///
/// Handles are cheap to clone, and clones have *value semantics*: they share one
/// item until one of them is changed, and that one then gets a separate item. A pool also
/// returns such a handle for a key whose item it has ([`FBPool::register`],
/// `Dataset::get`).
///
/// Dropping the last handle deletes the item's cache file in the background. An item of a
/// dataset has none: its value stays in memory, within the budget. A handle to such an
/// item keeps what the dataset's path keeps, its pin or the lock of the directory.
///
/// Every access comes in two forms, which differ only in how they report a
/// failure. [`load`](Self::load), [`load_mut`](Self::load_mut) and
/// [`make_mut`](Self::make_mut) panic with the error's text;
/// [`read`](Self::read), [`write`](Self::write) and
/// [`make_write`](Self::make_write) return the error. Each has a `blocking_`
/// form, which does its file work on the calling thread, and some have a `try_`
/// form, which does not wait.
///
/// | to | call |
/// |---|---|
/// | read | [`read`](Self::read); [`try_load`](Self::try_load) without waiting; [`read_owned`](Self::read_owned) for another task or thread |
/// | change | [`write`](Self::write); [`Permit::write`](crate::Permit::write) if changes may outrun the disk; [`make_write`](Self::make_write) if the handle is in an [`Arc`]; [`update`] for a `Mapped` value |
/// | save | [`persist`](Self::persist) |
/// | write to the cache now | [`write_now`](Self::write_now) |
/// | get its name | [`key`](Self::key) |
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
/// let pool: Arc<FBPool<Vec<String>, _>> = FBPool::temp(BinCodec, 100).await?;
/// let mut names = pool.insert(vec!["Ada".to_owned()]);
/// let before = names.clone();
///
/// names.write().await?.push("Grace".to_owned());
///
/// assert_eq!(names.read().await?.len(), 2);
/// assert_eq!(before.read().await?.len(), 1, "a clone does not see the change");
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "bincodec"))]
/// # fn main() {}
/// ```
///
// Links to the item if the feature is on, and to the feature table otherwise.
#[cfg_attr(feature = "mappedcodec", doc = "[`update`]: Fb::update")]
#[cfg_attr(not(feature = "mappedcodec"), doc = "[`update`]: crate#features")]
pub struct Fb<T, B: BackingStoreT> {
    item: Arc<Item<T, B>>,
    pool: Arc<FBPool<T, B>>,
}

impl<T, B: BackingStoreT> Fb<T, B> {
    /// Wraps a handle that the item has already counted.
    pub(crate) fn new(pool: Arc<FBPool<T, B>>, item: Arc<Item<T, B>>) -> Self {
        Self { item, pool }
    }

    /// The item's key. Every change of the value gives the item a new key. File
    /// names and error messages show it without hyphens ([`Uuid::simple`]).
    pub fn key(&self) -> Uuid {
        self.item.key()
    }

    /// The pool that the item belongs to.
    pub fn pool(&self) -> &Arc<FBPool<T, B>> {
        &self.pool
    }

    pub(crate) fn item(&self) -> &Arc<Item<T, B>> {
        &self.item
    }
}

impl<T: Send + Sync + 'static, B: Strategy<T>> Fb<T, B> {
    /// Borrows the value, and loads it first if it is not in memory.
    ///
    /// A value in memory costs no lock and no allocation. Concurrent loads of one
    /// item share a single load.
    ///
    /// # Errors
    ///
    /// If the value cannot be loaded: its file is missing or damaged, or a codec
    /// rejects it. Every caller that waited for the same load gets the same error;
    /// the next call tries again.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: the load continues, and its value enters
    /// the pool.
    ///
    /// # Blocking
    ///
    /// A load runs on the thread that polls the future if the file is in the page cache and
    /// the load is expected to take at most 50 µs; all others run on threads that may block.
    /// Expected is what earlier loads of values of similar length have taken in this pool. A
    /// poll of a task does at most about 0.5 ms of such work, and then lets other tasks run; a
    /// load for which the next poll has no time either goes to another thread. A task that is
    /// [`unconstrained`](tokio::task::unconstrained) has no such bound.
    /// Only tokio tasks load on their own thread, on 64-bit Linux, from ext4,
    /// XFS, Btrfs, F2FS or tmpfs, and with codecs that
    /// [allow it](crate::fbstore::Codec::decodes_inline).
    ///
    /// What the kernel has in memory at one moment may be gone at the next, so a page of a
    /// map can still have to be read. A program that watches the opening of files with
    /// fanotify delays it, here as elsewhere.
    #[inline]
    pub fn read(&self) -> impl Future<Output = Result<ReadGuard<'_, T, B>>> + Send {
        Read::new(self)
    }

    /// The blocking form of [`read`](Self::read).
    ///
    /// # Errors
    ///
    /// Same as [`read`](Self::read).
    ///
    /// # Blocking
    ///
    /// Loads on this thread, or waits for a load that is running on another.
    #[inline]
    pub fn blocking_read(&self) -> Result<ReadGuard<'_, T, B>> {
        match self.hit() {
            Some(guard) => Ok(guard),
            None => self.blocking_miss(),
        }
    }

    /// Borrows the value if it is in memory, without waiting. A value that is being
    /// written is still in memory.
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
    /// let pool: Arc<FBPool<u64, _>> = FBPool::temp(BinCodec, 1).await?;
    /// let (first, second) = (pool.insert(1), pool.insert(2));
    /// pool.store().finished().await;
    ///
    /// assert!(first.try_load().is_none(), "it is in its file alone");
    /// assert_eq!(*second.try_load().expect("it is in memory"), 2);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bincodec"))]
    /// # fn main() {}
    /// ```
    #[inline]
    pub fn try_load(&self) -> Option<ReadGuard<'_, T, B>> {
        let value = self.pool.find(&self.item)?;
        Some(ReadGuard::new(self, value))
    }

    /// The miss path. It is a separate function so that the guard of a hit stays in
    /// registers: through a `Result` in memory, a hit takes three times as long.
    #[cold]
    #[inline(never)]
    pub(crate) fn blocking_miss(&self) -> Result<ReadGuard<'_, T, B>> {
        Ok(ReadGuard::new(self, self.pool.blocking_load(&self.item)?))
    }

    #[inline]
    pub(crate) fn hit(&self) -> Option<ReadGuard<'_, T, B>> {
        let value = self.pool.try_hit(&self.item)?;
        Some(ReadGuard::new(self, value))
    }

    /// Like [`read`](Self::read), but returns a guard that borrows nothing: it is
    /// `'static` and can be sent to other threads and tasks.
    ///
    /// # Errors
    ///
    /// Same as [`read`](Self::read).
    ///
    /// # Cancel safety
    ///
    /// Same as [`read`](Self::read).
    pub async fn read_owned(&self) -> Result<OwnedReadGuard<T, B>> {
        self.read().await.map(ReadGuard::into_owned)
    }

    /// The blocking form of [`read_owned`](Self::read_owned).
    ///
    /// # Errors
    ///
    /// Same as [`read`](Self::read).
    ///
    /// # Blocking
    ///
    /// Same as [`blocking_read`](Self::blocking_read).
    pub fn blocking_read_owned(&self) -> Result<OwnedReadGuard<T, B>> {
        self.blocking_read().map(ReadGuard::into_owned)
    }

    /// Borrows the value mutably, and loads it first if it is not in memory.
    ///
    /// The item gets a new key, and its old file is deleted once nothing owns it any
    /// more. If other handles share the item, or an owned guard still reads the
    /// value, the handle first gets a separate item with a copy of the value
    /// ([`Strategy::duplicate`]). So no one else sees the change, and a change never
    /// waits for a reader.
    ///
    /// # Errors
    ///
    /// If the value cannot be loaded or copied. The handle is then unchanged.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    ///
    /// # Blocking
    ///
    /// A short load runs on this thread, as in [`read`](Self::read). A copy never does.
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
    /// let pool: Arc<FBPool<Vec<u64>, _>> = FBPool::temp(BinCodec, 10).await?;
    /// let mut numbers = pool.insert(vec![1, 2]);
    /// let key = numbers.key();
    ///
    /// let mut guard = numbers.write().await?;
    /// guard.push(3);
    /// drop(guard); // checks the value in; only now can it be read or written
    ///
    /// assert_eq!(*numbers.read().await?, [1, 2, 3]);
    /// assert_ne!(numbers.key(), key);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bincodec"))]
    /// # fn main() {}
    /// ```
    pub async fn write(&mut self) -> Result<WriteGuard<'_, T, B>> {
        let value = self.checkout(true, B::duplicate).await?;
        Ok(self.guard_of(value))
    }

    /// The blocking form of [`write`](Self::write).
    ///
    /// # Errors
    ///
    /// Same as [`write`](Self::write).
    ///
    /// # Blocking
    ///
    /// Loads and copies on this thread. If a write-back of the value has started,
    /// or a save needs it, runs that write here or waits for it.
    pub fn blocking_write(&mut self) -> Result<WriteGuard<'_, T, B>> {
        let value = self
            .pool
            .blocking_checkout(&self.item, true, B::duplicate)?;
        Ok(self.guard_of(value))
    }

    /// Borrows the value mutably if it is in memory, without waiting. A value that
    /// is shared, pinned by a guard or being written is copied on this thread.
    ///
    /// # Errors
    ///
    /// If the copy fails or a write guard of the item was leaked.
    pub fn try_write(&mut self) -> Result<Option<WriteGuard<'_, T, B>>> {
        let value = self.pool.try_checkout(&self.item, true, B::duplicate)?;
        Ok(value.map(|value| self.guard_of(value)))
    }

    /// Writes the value to its file now, if it is not in a file yet. The task writes
    /// the current value. If the item is changed before the write starts, the write
    /// is cancelled and the task succeeds, since it has nothing left to write.
    ///
    /// # Errors
    ///
    /// The task fails if the value cannot be written. The value stays in memory.
    ///
    /// # Cancel safety
    ///
    /// The write is queued at once, and continues if the task is dropped.
    pub fn write_now(&self) -> Task<()> {
        self.pool.write_now(&self.item)
    }

    /// The blocking form of [`write_now`](Self::write_now).
    ///
    /// # Errors
    ///
    /// Same as [`write_now`](Self::write_now).
    ///
    /// # Blocking
    ///
    /// Writes on this thread, or waits for a write that is running on another.
    pub fn blocking_write_now(&self) -> Result<()> {
        self.pool.blocking_write_now(&self.item)
    }

    /// Persists the item at `path`: writes the value if it is not in a file yet, and
    /// links the file into `path`. Later changes of the item do not affect what is
    /// saved. Persisting an item that is already at `path` does nothing;
    /// if the item came from another directory, the files are compared. For many items, see
    /// [`FBPool::persist_many`].
    ///
    /// The file is complete when the task ends;
    /// [`BackingStore::sync`](crate::BackingStore::sync) makes it durable.
    ///
    /// # Errors
    ///
    /// The task fails if the value cannot be written or linked. The value stays in
    /// memory. [`Error::is_conflict`](crate::Error::is_conflict) if `path` has
    /// another file under the same key. [`Error::is_deadlock`](crate::Error::is_deadlock)
    /// from the code that encodes this very value.
    ///
    /// # Cancel safety
    ///
    /// The save begins at once, and continues if the task is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "bincodec")]
    /// # #[tokio::main]
    /// # async fn main() -> file_backed::Result<()> {
    /// use std::sync::Arc;
    /// use file_backed::FBPool;
    /// use file_backed::fbstore::{BinCodec, PreparedPath};
    ///
    /// # let dir = tempfile::tempdir().expect("a temporary directory");
    /// # let path = dir.path().join("saved");
    /// let pool: Arc<FBPool<String, _>> = FBPool::temp(BinCodec, 100).await?;
    /// let saved = PreparedPath::open(path).await?;
    /// let tracked = Arc::new(pool.store().track_path(saved).await?);
    ///
    /// let item = pool.insert("to be kept".to_owned());
    /// item.persist(&tracked).await?;
    /// pool.store().sync(&tracked).await?;
    /// assert!(tracked.contains_key(item.key()));
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bincodec"))]
    /// # fn main() {}
    /// ```
    pub fn persist(&self, path: &Arc<TrackedPath<B::PersistPath>>) -> Task<()> {
        self.pool.persist(&self.item, path.clone())
    }

    /// The blocking form of [`persist`](Self::persist).
    ///
    /// # Errors
    ///
    /// Same as [`persist`](Self::persist).
    ///
    /// # Blocking
    ///
    /// Writes and links on this thread, or waits for a write that is running on
    /// another.
    pub fn blocking_persist(&self, path: &TrackedPath<B::PersistPath>) -> Result<()> {
        self.pool.blocking_persist(&self.item, path)
    }

    /// Checks the value out. A value that is in memory and not pinned takes no boxed
    /// future.
    pub(crate) async fn checkout(
        &self,
        only_handle: bool,
        duplicate: Duplicate<T, B>,
    ) -> Result<Checkout<T, B>> {
        if only_handle && let Some(value) = self.pool.checkout_resident(&self.item) {
            return Ok(value);
        }
        Box::pin(self.pool.checkout(&self.item, only_handle, duplicate)).await
    }

    /// Switches the handle to the item of the checked-out value, if it is a new one.
    pub(crate) fn guard_of(&mut self, checkout: Checkout<T, B>) -> WriteGuard<'_, T, B> {
        if !Arc::ptr_eq(&self.item, &checkout.item) {
            self.pool.count_new_item();
            let shared = std::mem::replace(&mut self.item, checkout.item);
            self.pool.drop_handle(&shared);
        }
        WriteGuard::new(self, checkout.value)
    }
}

/// Copies a value for `make_mut` and `make_write`.
pub(crate) fn clone_value<T: Clone, B>(_: &B, value: &T) -> Result<T, StoreError> {
    Ok(value.clone())
}

/// Makes another handle of the same item. Costs a few nanoseconds.
impl<T, B: BackingStoreT> Clone for Fb<T, B> {
    fn clone(&self) -> Self {
        self.item.add_handle();
        Self::new(self.pool.clone(), self.item.clone())
    }
}

#[cfg(feature = "dupe")]
impl<T, B: BackingStoreT> dupe::Dupe for Fb<T, B> {}

impl<T, B: BackingStoreT> Drop for Fb<T, B> {
    fn drop(&mut self) {
        self.pool.drop_handle(&self.item);
    }
}

impl<T, B: BackingStoreT> fmt::Debug for Fb<T, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fb")
            .field("key", &format_args!("{}", self.key().simple()))
            .finish_non_exhaustive()
    }
}
