//! The traits that a store implements.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use file_backed_codecs::frame::Footer;
use file_backed_codecs::{Footprint, Load};
use uuid::Uuid;

use super::{Background, InlineLoad, OpenedFile, PlaceKeys};
use crate::error::StoreError;

/// How a file reached its destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transfer {
    /// A hard link: another name of the same file.
    Linked,
    /// A reflink: the two files share blocks until one of them is written.
    Cloned,
    /// A copy of the bytes.
    Copied,
    /// The file was already there.
    Present,
}

/// Bytes of values that a store has written and loaded since it was opened, footers
/// included, for [`Stats`](crate::Stats). Copying and verifying whole files does not
/// count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes written, including those of writes that failed later.
    pub written: u64,
    /// Bytes read into memory. Pages that the kernel loads for a map do not count.
    pub read: u64,
}

/// How many bytes a cache takes, and how many it may take; from
/// [`BackingStoreT::cache_usage`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheUsage {
    /// Bytes that the files of the cache take, those that are being written included. Files
    /// that a persisted directory has too need not count.
    pub used: u64,
    /// The most bytes that the store writes.
    pub quota: u64,
}

impl CacheUsage {
    /// Bytes that can still be written; 0 if more is used than the quota allows.
    pub fn free(&self) -> u64 {
        self.quota.saturating_sub(self.used)
    }
}

/// Stores bytes under keys: in the cache, and in persisted places that outlive the
/// process.
///
/// Implement this trait and [`Strategy`] for a store of your own;
/// [`FBStore`](crate::fbstore::FBStore) is the one that comes with the crate. The
/// example `custom_store` is a complete store in memory.
///
/// [`BackingStore`](super::BackingStore) wraps an implementation. It never runs two
/// operations that change one key of one place at once, though loads of a file and
/// persists of a cache file may overlap. It adds operation and key to errors, and turns
/// panics into errors.
///
/// A store that wraps another one forwards the provided methods too: without
/// [`reads_in_place`](Self::reads_in_place) and its companions, files of places that are
/// only read are brought into the cache, and without
/// [`has_same_content`](Self::has_same_content), keys are trusted.
///
/// Errors are [`StoreError`]s, which say whether the system failed, one value is at
/// fault, or something is missing. All methods but [`Strategy::load_inline`] run on threads
/// that may block. They may use
/// the library, but must not wait for the operation that called them. A load, a write or a
/// `reserve` that would wait for itself is an error on the thread that runs the method
/// ([`Error::is_deadlock`](crate::Error::is_deadlock)); other such waits are not detected.
///
/// # Examples
///
/// A store of strings in memory:
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> file_backed::Result<()> {
/// use std::collections::HashMap;
/// use std::sync::{Arc, Mutex};
///
/// use file_backed::backing_store::{BackingStoreT, StoreError, Strategy, Transfer};
/// use file_backed::uuid::Uuid;
/// use file_backed::{BackingStore, FBPool};
/// use tokio::runtime::Handle;
///
/// #[derive(Clone, Default)]
/// struct Shelf(Arc<Mutex<HashMap<Uuid, String>>>);
///
/// impl Shelf {
///     fn put(&self, key: Uuid, text: String) {
///         self.0.lock().expect("no panic").insert(key, text);
///     }
///
///     fn get(&self, key: Uuid) -> Result<String, StoreError> {
///         let found = self.0.lock().expect("no panic").get(&key).cloned();
///         found.ok_or_else(|| StoreError::not_found("the shelf has no such text"))
///     }
///
///     fn remove(&self, key: Uuid) {
///         self.0.lock().expect("no panic").remove(&key);
///     }
/// }
///
/// #[derive(Default)]
/// struct Texts {
///     cache: Shelf,
/// }
///
/// impl BackingStoreT for Texts {
///     type PersistPath = Shelf;
///
///     fn delete(&self, key: Uuid) -> Result<(), StoreError> {
///         self.cache.remove(key);
///         Ok(())
///     }
///
///     fn delete_persisted(&self, shelf: &Shelf, key: Uuid) -> Result<(), StoreError> {
///         shelf.remove(key);
///         Ok(())
///     }
///
///     fn register(&self, shelf: &Shelf, key: Uuid) -> Result<Transfer, StoreError> {
///         self.cache.put(key, shelf.get(key)?);
///         Ok(Transfer::Copied)
///     }
///
///     fn persist(&self, shelf: &Shelf, key: Uuid) -> Result<Transfer, StoreError> {
///         shelf.put(key, self.cache.get(key)?);
///         Ok(Transfer::Copied)
///     }
///
///     fn sanitize_path(&self, shelf: &Shelf) -> Result<Vec<Uuid>, StoreError> {
///         Ok(shelf.0.lock().expect("no panic").keys().copied().collect())
///     }
///
///     fn sync_persisted(&self, _: &Shelf) -> Result<(), StoreError> {
///         Ok(()) // nothing in memory outlives the process
///     }
/// }
///
/// impl Strategy<String> for Texts {
///     fn store(&self, key: Uuid, text: &String) -> Result<(), StoreError> {
///         self.cache.put(key, text.clone());
///         Ok(())
///     }
///
///     fn load(&self, key: Uuid) -> Result<String, StoreError> {
///         self.cache.get(key)
///     }
/// }
///
/// let store = Arc::new(BackingStore::new(Texts::default(), Handle::current()));
/// let pool: Arc<FBPool<String, _>> = Arc::new(FBPool::new(store.clone(), 0));
/// let text = pool.insert("a text".to_owned());
/// assert_eq!(*text.read().await?, "a text");
///
/// let shelf = Arc::new(store.track_path(Shelf::default()).await?);
/// text.persist(&shelf).await?;
/// assert!(shelf.contains_key(text.key()));
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a store",
    note = "use `FBStore`, which is made of a codec and a directory (`FBStore::open(codec, path)`), or implement `BackingStoreT` and `Strategy` for a store of your own"
)]
pub trait BackingStoreT: Send + Sync + 'static {
    /// A place where files are persisted. For a file system, this is a directory.
    type PersistPath: Send + Sync + 'static;

    /// Deletes the file of `key` from the cache. A missing file is not an error.
    ///
    /// # Errors
    ///
    /// Any error from deleting the file. The error is logged and counted, and the file
    /// is left for the next start to remove.
    fn delete(&self, key: Uuid) -> Result<(), StoreError>;

    /// Deletes the persisted file of `key` at `path`. A missing file is not an error.
    ///
    /// # Errors
    ///
    /// Any error from deleting the file. The key then stays tracked.
    fn delete_persisted(&self, path: &Self::PersistPath, key: Uuid) -> Result<(), StoreError>;

    /// Brings the persisted file of `key` at `path` into the cache. For a file system
    /// this is a hard link.
    ///
    /// # Errors
    ///
    /// Any error from bringing the file in; [`StoreError::not_found`] if it is missing.
    fn register(&self, path: &Self::PersistPath, key: Uuid) -> Result<Transfer, StoreError>;

    /// Whether the cache's file of `key` has the content of the one at `path`. It is
    /// called where both are there, but may come from different places. If it returns
    /// `false`, the item is not registered, or not persisted there. The provided method
    /// trusts the key, and returns `true`.
    ///
    /// # Errors
    ///
    /// Any error from comparing the files; [`StoreError::not_found`] if the one at `path`
    /// is missing.
    fn has_same_content(&self, path: &Self::PersistPath, key: Uuid) -> Result<bool, StoreError> {
        let _ = (path, key);
        Ok(true)
    }

    /// Registers many keys, and returns their transfers in the order of `keys`. The
    /// provided method calls [`register`](Self::register) for each key; override it if
    /// one operation can serve many.
    ///
    /// # Errors
    ///
    /// The first failure. The caller then deletes what was registered before it.
    fn register_many(
        &self,
        path: &Self::PersistPath,
        keys: &[Uuid],
    ) -> Result<Vec<Transfer>, StoreError> {
        keys.iter().map(|key| self.register(path, *key)).collect()
    }

    /// Whether items of places that are tracked read-only are loaded from where they
    /// are ([`Strategy::load_in_place`]), without being brought into the cache. The
    /// provided method returns `false`: they are [registered](Self::register) like all
    /// others.
    fn reads_in_place(&self) -> bool {
        false
    }

    /// Checks that the file of `key` at `path` can be loaded from where it is. It is
    /// called for each registration, if the store
    /// [reads in place](Self::reads_in_place). The provided method checks nothing, so
    /// that a missing file is noticed by the load.
    ///
    /// # Errors
    ///
    /// [`StoreError::not_found`] if the file is missing; any error from looking at it.
    fn check_in_place(&self, path: &Self::PersistPath, key: Uuid) -> Result<(), StoreError> {
        let _ = (path, key);
        Ok(())
    }

    /// Puts the cache's file of `key` at `path`, atomically. For a file system this is
    /// a hard link. If a file with the same content is already there, this succeeds.
    ///
    /// # Errors
    ///
    /// Any error from putting the file there.
    fn persist(&self, path: &Self::PersistPath, key: Uuid) -> Result<Transfer, StoreError>;

    /// Puts the file of `key` at `from`, which is loaded from where it is, at `path`. A
    /// store that [reads in place](Self::reads_in_place) overrides it; the provided
    /// method fails.
    ///
    /// # Errors
    ///
    /// Same as [`persist`](Self::persist).
    fn persist_in_place(
        &self,
        from: &Self::PersistPath,
        path: &Self::PersistPath,
        key: Uuid,
    ) -> Result<Transfer, StoreError> {
        let _ = (from, path, key);
        Err(no_items_in_place())
    }

    /// Locks `path`, so that no other process persists to it or deletes from it. It is
    /// called before [`sanitize_path`](Self::sanitize_path), unless the path is tracked
    /// read-only. The lock is held as long as `path` lives. The provided method does
    /// nothing, which suits places that many processes may write to.
    ///
    /// # Errors
    ///
    /// If another process has the lock.
    fn lock_path(&self, path: &Self::PersistPath) -> Result<(), StoreError> {
        let _ = path;
        Ok(())
    }

    /// The key table of `path`. All trackings of one place share it: each sees what the
    /// others persist or delete, and two never work on one key at once. A store returns
    /// the same table for every path that names the same place, as long as one of these
    /// paths is in use. The provided method returns a new table each time.
    fn keys_of(&self, path: &Self::PersistPath) -> Arc<PlaceKeys> {
        let _ = path;
        Arc::default()
    }

    /// Returns the keys that are persisted at `path`, and removes what an interrupted
    /// process left there.
    ///
    /// # Errors
    ///
    /// Any error from reading the place.
    fn sanitize_path(&self, path: &Self::PersistPath) -> Result<Vec<Uuid>, StoreError>;

    /// Makes all earlier persists to `path`, and deletions from it, durable.
    ///
    /// # Errors
    ///
    /// Any error from making them durable.
    fn sync_persisted(&self, path: &Self::PersistPath) -> Result<(), StoreError>;

    /// Where `path` is, for error messages. The provided method returns `None`.
    fn describe(&self, path: &Self::PersistPath) -> Option<PathBuf> {
        let _ = path;
        None
    }

    /// How much the store has written and read. The provided method counts nothing.
    fn traffic(&self) -> Traffic {
        Traffic::default()
    }

    /// The bytes of the cache and their quota, if the store has one. Whether it has one must
    /// not change. The provided method returns `None`: there is no quota, and nothing is
    /// counted.
    ///
    /// A store with a quota refuses a write that would exceed it with a
    /// [system](StoreError::system) error of kind [`io::ErrorKind::QuotaExceeded`], and a
    /// value that is larger than the whole quota with a [value](StoreError::value) error.
    /// The method is called after each deletion while writes wait for room, and must be
    /// cheap.
    fn cache_usage(&self) -> Option<CacheUsage> {
        None
    }

    /// Called once, when a [`BackingStore`](super::BackingStore) wraps this store.
    /// `background` is a view of its background work. The provided method ignores it.
    fn attach(&self, background: Background) {
        drop(background);
    }

    /// Called when that [`BackingStore`](super::BackingStore) is dropped. No items are
    /// left then, and only queued deletions may follow. The provided method does
    /// nothing.
    fn detach(&self) {}
}

/// Stores and loads values of type `T` under a key.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "bincodec")]
/// # #[tokio::main]
/// # async fn main() -> file_backed::Result<()> {
/// use std::sync::Arc;
/// use file_backed::backing_store::Strategy;
/// use file_backed::fbstore::BinCodec;
/// use file_backed::{FBPool, Fb, Result};
///
/// /// Works with every store that can hold these values.
/// async fn sum<B: Strategy<Vec<u64>>>(parts: &[Fb<Vec<u64>, B>]) -> Result<u64> {
///     let mut sum = 0;
///     for part in parts {
///         sum += part.read().await?.iter().sum::<u64>();
///     }
///     Ok(sum)
/// }
///
/// let pool = FBPool::temp(BinCodec, 1).await?;
/// let parts = [vec![1, 2], vec![3]].map(|part| pool.insert(part));
/// assert_eq!(sum(&parts).await?, 6);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "bincodec"))]
/// # fn main() {}
/// ```
///
/// For an implementation, see [`BackingStoreT`].
///
/// # What a value weighs
///
/// Without a weigher, a pool counts bytes by [`footprint`](Self::footprint). A store
/// whose footprints are exact has nothing else to implement. A store that leaves
/// `footprint` to the provided method too bounds the backlog only in items.
///
/// A store that can only encode values does not know what they take in memory. It
/// implements [`measures_values`](Self::measures_values),
/// [`store_measured`](Self::store_measured) and [`load_measured`](Self::load_measured),
/// which report the length of a value's encoding. The pool then counts the larger of
/// length and footprint. Until a value is written, it counts what similar values took
/// (see [`Stats`](crate::Stats)).
///
/// A store that wraps another one forwards all three, like every other method.
#[diagnostic::on_unimplemented(
    message = "the store `{Self}` cannot hold values of type `{T}`",
    label = "this store does not hold `{T}`",
    note = "`FBStore<C>` holds what its codec `C` stores: `C` must implement `Codec<{T}>`"
)]
pub trait Strategy<T>: BackingStoreT {
    /// Writes `data` to the cache under `key`, atomically.
    ///
    /// # Errors
    ///
    /// Any error from writing it. The value then stays in memory, and the write is
    /// tried again later. A [system](StoreError::system) error also delays the writes
    /// of other values; any other error concerns this value alone.
    fn store(&self, key: Uuid, data: &T) -> Result<(), StoreError>;

    /// Loads the value that was stored or registered under `key`.
    ///
    /// # Errors
    ///
    /// Any error from loading it; [`StoreError::not_found`] if its file is missing.
    fn load(&self, key: Uuid) -> Result<T, StoreError>;

    /// Loads a value that was loaded before and has been evicted since. More loads are
    /// likely to follow, so this one may do extra work to make them cheaper: for
    /// example, it may map a file that the first load read. The provided method calls
    /// [`load`](Self::load).
    ///
    /// # Errors
    ///
    /// Same as [`load`](Self::load).
    fn reload(&self, key: Uuid) -> Result<T, StoreError> {
        self.load(key)
    }

    /// Whether [`store_measured`](Self::store_measured) and
    /// [`load_measured`](Self::load_measured) report lengths, because the footprint of a
    /// value is not exact. The answer must not change. The provided method returns false.
    fn measures_values(&self) -> bool {
        false
    }

    /// Same as [`store`](Self::store), and returns the length of the encoded value in
    /// bytes, before any compression. The provided method calls [`store`](Self::store)
    /// and returns `None`, which counts as 0.
    ///
    /// # Errors
    ///
    /// Same as [`store`](Self::store).
    fn store_measured(&self, key: Uuid, data: &T) -> Result<Option<u64>, StoreError> {
        self.store(key, data).map(|()| None)
    }

    /// Same as [`load`](Self::load), or [`reload`](Self::reload) for [`Load::Again`],
    /// and returns the length of the encoded value in bytes, before any compression. The
    /// provided method calls the one or the other and returns `None`, which counts as 0.
    ///
    /// # Errors
    ///
    /// Same as [`load`](Self::load).
    fn load_measured(&self, key: Uuid, load: Load) -> Result<(T, Option<u64>), StoreError> {
        let value = match load {
            Load::First => self.load(key),
            Load::Again => self.reload(key),
        };
        value.map(|value| (value, None))
    }

    /// Loads the value of `key` from `place`, where it is persisted, for the first time or
    /// [again](Self::reload). Returns the length of the encoded value too, as
    /// [`load_measured`](Self::load_measured) does. A store that
    /// [reads in place](BackingStoreT::reads_in_place) overrides it; the provided method
    /// fails.
    ///
    /// # Errors
    ///
    /// Same as [`load`](Self::load).
    fn load_in_place(
        &self,
        place: &Self::PersistPath,
        key: Uuid,
        load: Load,
    ) -> Result<(T, Option<u64>), StoreError> {
        let _ = (place, key, load);
        Err(no_items_in_place())
    }

    /// Tries to load the value of `key` inline, that is, on the thread that runs an async
    /// task: from `place`, if that is given, or else from the cache. It is called before a
    /// load is queued for a thread that may block, which takes some 15 µs.
    ///
    /// The method must not wait for a disk, a network or another thread. If the load would,
    /// or fails for whatever reason, it returns [`InlineLoad::Refused`], and the load is
    /// made by [`load_opened`](Self::load_opened). Before it reads anything, it asks `fits`
    /// whether a value whose encoding has so many bytes may be loaded here; the answer
    /// depends on how long such loads have taken. The provided method refuses every load.
    fn load_inline(
        &self,
        key: Uuid,
        place: Option<&Self::PersistPath>,
        load: Load,
        fits: &dyn Fn(u64) -> bool,
    ) -> InlineLoad<T> {
        let _ = (key, place, load, fits);
        InlineLoad::refused()
    }

    /// Makes a load that [`load_inline`](Self::load_inline) has refused, with the file that
    /// it had opened. The provided method ignores the file, and calls
    /// [`load_in_place`](Self::load_in_place) or [`load_measured`](Self::load_measured).
    ///
    /// # Errors
    ///
    /// Same as [`load`](Self::load).
    fn load_opened(
        &self,
        opened: OpenedFile,
        key: Uuid,
        place: Option<&Self::PersistPath>,
        load: Load,
    ) -> Result<(T, Option<u64>), StoreError> {
        drop(opened);
        match place {
            Some(place) => self.load_in_place(place, key, load),
            None => self.load_measured(key, load),
        }
    }

    /// Whether a file with this footer can be loaded as a value of type `T`, as far as the
    /// footer tells. A dataset asks it about footers of which its manifest records all but
    /// the checksum of the payload, which is 0. The provided method returns true.
    fn reads(&self, footer: &Footer) -> bool {
        let _ = footer;
        true
    }

    /// Makes an independent copy of `data`. The provided method stores it under a new
    /// key, loads it and deletes it. Override it if the copy can be made in memory.
    ///
    /// # Errors
    ///
    /// Any error from making the copy.
    fn duplicate(&self, data: &T) -> Result<T, StoreError> {
        let key = crate::key::random();
        self.store(key, data)?;
        let copy = self.load(key);
        self.delete(key)?;
        copy
    }

    /// What `data` costs while it is resident. The provided method returns the size of
    /// `T` itself.
    fn footprint(&self, data: &T) -> Footprint {
        Footprint::heap(size_of_val(data))
    }
}

/// The error of a store that says that it reads in place and does not.
fn no_items_in_place() -> StoreError {
    let text = "the store reads items in place but lacks the method for it: implement \
                `load_in_place` and `persist_in_place`";
    io::Error::new(io::ErrorKind::Unsupported, text).into()
}
