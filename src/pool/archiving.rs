//! Items that enter the pool as files: values archived straight into their files,
//! and files that were made elsewhere.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::FBPool;
use crate::backing_store::{AdoptStrategy, ArchiveStrategy, Strategy};
use crate::error::Operation;
use crate::residency::Item;
use crate::{Fb, Result};

impl<T: Send + Sync + 'static, B: Strategy<T>> FBPool<T, B> {
    /// Archives `value` straight into its file and loads it from there. The archive
    /// is never in memory next to the value, and a large one ends up as a map of its
    /// file. With [`insert`](Self::insert), by contrast, the archive is in memory
    /// until it has been written.
    ///
    /// `value` is an `Arc` of the value, or the value itself. The file is complete
    /// when the future ends.
    ///
    /// With `BytesCodec` the value is a `[u8]`, and becomes a `MappedBytes`. An
    /// `Arc<[u8]>` is written as it is. Making one from a slice or a `Vec` copies the
    /// bytes; [`blocking_insert_archived`](Self::blocking_insert_archived) avoids
    /// that copy.
    ///
    /// # Errors
    ///
    /// If the value cannot be archived, written or loaded again. Nothing is left
    /// behind.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future discards the item: work that has started finishes in the
    /// background, and its file is deleted.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "mappedcodec")]
    /// # #[tokio::main]
    /// # async fn main() -> file_backed::Result<()> {
    /// use std::sync::Arc;
    /// use file_backed::FBPool;
    /// use file_backed::fbstore::{Mapped, MappedCodec};
    ///
    /// // SAFETY: only this pool touches the files of the temporary directory
    /// // that it makes for itself.
    /// let codec = unsafe { MappedCodec::new() };
    /// let pool: Arc<FBPool<Mapped<Vec<f32>>, _>> = FBPool::temp(codec, 10).await?;
    /// let heights = pool.insert_archived(vec![612.0; 1_000_000]).await?;
    /// assert_eq!(heights.read().await?.is_mapped(), cfg!(unix));
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "mappedcodec"))]
    /// # fn main() {}
    /// ```
    pub async fn insert_archived<S>(self: &Arc<Self>, value: impl Into<Arc<S>>) -> Result<Fb<T, B>>
    where
        S: ?Sized + Send + Sync + 'static,
        B: ArchiveStrategy<S, T>,
    {
        let (pool, value) = (self.clone(), value.into());
        self.store
            .task(Operation::Archive, move || {
                pool.blocking_insert_archived(&*value)
            })
            .await
    }

    /// The blocking form of [`insert_archived`](Self::insert_archived). It takes the
    /// value by reference and copies it only into the file.
    ///
    /// # Errors
    ///
    /// Same as [`insert_archived`](Self::insert_archived).
    ///
    /// # Blocking
    ///
    /// Writes and loads on this thread.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "bytescodec")]
    /// # #[tokio::main]
    /// # async fn main() -> file_backed::Result<()> {
    /// use std::sync::Arc;
    /// use file_backed::FBPool;
    /// use file_backed::fbstore::{BytesCodec, MappedBytes};
    ///
    /// // SAFETY: only this pool touches the files of the temporary directory
    /// // that it makes for itself.
    /// let codec = unsafe { BytesCodec::new() };
    /// let pool: Arc<FBPool<MappedBytes, _>> = FBPool::temp(codec, 10).await?;
    /// let upload = vec![7; 1_000_000];
    /// let blob = pool.blocking_insert_archived(&upload[..])?;
    /// assert_eq!(blob.read().await?.is_mapped(), cfg!(unix));
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bytescodec"))]
    /// # fn main() {}
    /// ```
    pub fn blocking_insert_archived<S>(self: &Arc<Self>, value: &S) -> Result<Fb<T, B>>
    where
        S: ?Sized,
        B: ArchiveStrategy<S, T>,
    {
        let key = crate::key::random();
        self.core()
            .call(Operation::Archive, Some(key), None, |backing| {
                backing.store_archived(key, value)
            })?;
        self.counters.writes.fetch_add(1, Ordering::Relaxed);
        let handle = self.handle(Item::absent(self.core().own_new_file(key)));
        drop(handle.blocking_read()?);
        Ok(handle)
    }

    /// Makes an item from a file that was written elsewhere with this pool's codec,
    /// including its footer (see [`frame::write_file`]). Nothing is loaded.
    ///
    /// With a codec that maps, the item's file is a hard link to the same file where
    /// the file system allows it. From then on, nothing may modify the file in place,
    /// as the mapping contract says. Otherwise the item's file is a copy, which
    /// shares its blocks with the original if the file system can do that. The
    /// original keeps its name and is not changed.
    ///
    /// # Errors
    ///
    /// [`Error::is_damaged`] for a file without a complete footer, and
    /// [`Error::is_mismatch`] for a file of another codec, type or schema;
    /// [`Error::is_storage_full`] if the cache has a
    /// [quota](crate::StoreBuilder::quota) without room for the file. Any other error
    /// from linking or copying. The original is left as it is. (The payload is
    /// validated when the item is loaded; see
    /// [`archived_types`](crate::guide::archived_types#what-validation-does-not-cover).)
    ///
    /// # Cancel safety
    ///
    /// Dropping the future discards the item: work that has started finishes in the
    /// background, and its file is deleted.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "bincodec")]
    /// # #[tokio::main]
    /// # async fn main() -> file_backed::Result<()> {
    /// use std::fs::File;
    /// use std::sync::Arc;
    /// use file_backed::FBPool;
    /// use file_backed::fbstore::{BinCodec, frame};
    ///
    /// # let dir = tempfile::tempdir().expect("a temporary directory");
    /// # let path = dir.path().join("made elsewhere");
    /// // In another program:
    /// let words = vec!["one".to_owned(), "two".to_owned()];
    /// # let mut file = File::create(&path).expect("a file");
    /// frame::write_file(&BinCodec, &words, &mut file).expect("it is written");
    ///
    /// let pool: Arc<FBPool<Vec<String>, _>> = FBPool::temp(BinCodec, 10).await?;
    /// let item = pool.adopt(path).await?;
    /// assert_eq!(item.read().await?[1], "two");
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bincodec"))]
    /// # fn main() {}
    /// ```
    ///
    /// [`frame::write_file`]: crate::fbstore::frame::write_file
    /// [`Error::is_damaged`]: crate::Error::is_damaged
    /// [`Error::is_mismatch`]: crate::Error::is_mismatch
    /// [`Error::is_storage_full`]: crate::Error::is_storage_full
    pub async fn adopt(self: &Arc<Self>, file: impl Into<PathBuf>) -> Result<Fb<T, B>>
    where
        B: AdoptStrategy<T>,
    {
        let (pool, file) = (self.clone(), file.into());
        self.store
            .task(Operation::Adopt, move || pool.blocking_adopt(&file))
            .await
    }

    /// The blocking form of [`adopt`](Self::adopt).
    ///
    /// # Errors
    ///
    /// Same as [`adopt`](Self::adopt).
    ///
    /// # Blocking
    ///
    /// Checks the file, and links or copies it, on this thread.
    pub fn blocking_adopt(self: &Arc<Self>, file: impl AsRef<Path>) -> Result<Fb<T, B>>
    where
        B: AdoptStrategy<T>,
    {
        let key = crate::key::random();
        let transfer = self
            .core()
            .call(Operation::Adopt, Some(key), None, |backing| {
                backing.adopt(key, file.as_ref())
            })?;
        self.core().transfers.count(transfer);
        Ok(self.handle(Item::absent(self.core().own_new_file(key))))
    }
}
