//! The store that keeps each value in a separate file.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::OnceLock;
use std::time::Duration;

use file_backed_codecs::frame::{self, FOOTER_LEN, Footer, NoWait};
use file_backed_codecs::printable::PrintablePath;
use file_backed_codecs::{Codec, CodecError, Footprint, Load, Payload, Source};
use uuid::Uuid;

use super::directory::{Directory, at};
use super::file_ref::FileRef;
use super::kept_file::KeptFile;
use super::meter::{TrafficMeter, WithinQuota};
use super::prepared_path::{Mode, PreparedPath};
use super::quota::{self, Arrival, Quota, Reservation};
use super::role::Role;
use super::transfer::{Original, Taken};
use super::{scan, sweep, transfer};
use crate::backing_store::{
    Background, BackingStoreT, CacheUsage, InlineLoad, OpenedFile, PlaceKeys, Strategy, Traffic,
    Transfer, in_call, load_room,
};
use crate::error::{Cause, Operation, StoreError};
use crate::lock_timeout::retry_while_in_use;
use crate::{Error, Result};

/// Stores each value in a separate file in one directory, encoded by the codec `C`.
///
/// A write that fails removes its file again. No reader can see a partial file, because
/// its key is not known to anyone before the write is complete. Nothing in the cache is
/// synced: the cache is worthless after a restart.
///
/// The directory belongs to this process until its last [`PreparedPath`] and its last
/// store are dropped, and it is marked as a cache. The next start deletes the items
/// that a crashed process left in it. Items that were there before the directory became
/// a cache, and names that are not the library's, are reported and left alone; see the
/// [guide](crate::guide::directories).
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "bincodec")]
/// # #[tokio::main]
/// # async fn main() -> file_backed::Result<()> {
/// use std::sync::Arc;
/// use file_backed::fbstore::{BinCodec, FBStore, PreparedPath};
/// use file_backed::{BackingStore, FBPool};
/// use tokio::runtime::Handle;
///
/// // The long form of `BackingStore::temp(BinCodec)`. With another path than a
/// // temporary one, it is the long form of `BackingStore::open`.
/// let path = PreparedPath::temp().await?;
/// let files = FBStore::open(BinCodec, path)?;
/// let store = Arc::new(BackingStore::new(files, Handle::current()));
///
/// // Pools of several types can share a store.
/// let names: Arc<FBPool<String, _>> = Arc::new(FBPool::new(store.clone(), 100));
/// let sizes: Arc<FBPool<Vec<u64>, _>> = Arc::new(FBPool::new(store, 10));
/// # let (name, size) = (names.insert("a".to_owned()), sizes.insert(vec![1]));
/// # assert_eq!((&**name.read().await?, size.read().await?[0]), ("a", 1));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "bincodec"))]
/// # fn main() {}
/// ```
pub struct FBStore<C> {
    codec: C,
    path: PreparedPath,
    /// The permission to write to the directory; see [`Directory::take_as_cache`].
    epoch: u64,
    background: OnceLock<Background>,
    meter: TrafficMeter,
    /// Bounds the bytes of the cache.
    quota: Option<Arc<Quota>>,
}

impl<C> FBStore<C> {
    /// Opens a store with `path` as its cache.
    ///
    /// # Errors
    ///
    /// * [`Error::is_in_use`] if items of another store still own files in the
    ///   directory, or if another process has it. A store of this process that has no
    ///   file in the directory yet loses it to this store, and its writes then fail
    ///   with the same kind of error.
    /// * [`Error::is_wrong_role`] if the directory holds persisted items.
    /// * An error that names the cause if `path` was opened read-only, belongs to
    ///   another user, or is writable by every user.
    ///
    /// # Blocking
    ///
    /// Finishes the deletions that an earlier store left pending, on this thread;
    /// usually [`PreparedPath::open`] has already done so. Deletes leftovers of a
    /// crashed process. The first time, waits for the disk to make the mark durable.
    pub fn open(codec: C, path: PreparedPath) -> Result<Self> {
        Self::open_within(Duration::ZERO, codec, path)
    }

    /// Waits until the timeout while the directory is in use.
    pub(super) fn open_within(timeout: Duration, codec: C, path: PreparedPath) -> Result<Self> {
        let opened = |error| Error::new(Operation::OpenStore, error);
        if path.mode() != Mode::ReadWrite {
            return Err(opened(at(&path, Cause::ReadOnly)));
        }
        let take = || path.directory().take_as_cache().map_err(opened);
        let epoch = retry_while_in_use(timeout, take)?;
        Ok(Self {
            codec,
            path,
            epoch,
            background: OnceLock::new(),
            meter: TrafficMeter::default(),
            quota: None,
        })
    }

    /// Bounds the bytes of the cache, and counts what is in it already.
    ///
    /// A write that would exceed the quota is refused like one to a full disk: its value
    /// stays in memory, and is written once a deletion has made room. See the
    /// [guide](crate::guide::operations#a-quota-for-the-cache) for what counts, and
    /// [`StoreBuilder::quota`](crate::StoreBuilder::quota) for an example.
    ///
    /// # Errors
    ///
    /// If the directory cannot be read.
    ///
    /// # Blocking
    ///
    /// Lists the cache and asks for the length of each file in it. After the sweep of
    /// [`open`](Self::open), these are few.
    pub fn with_quota(mut self, bytes: u64) -> Result<Self> {
        let quota = Quota::new(self.path.directory(), bytes);
        let quota = quota.map_err(|error| Error::new(Operation::OpenStore, error))?;
        self.quota = Some(quota);
        Ok(self)
    }

    /// The cache directory.
    pub fn path(&self) -> &PreparedPath {
        &self.path
    }

    /// The codec.
    pub fn codec(&self) -> &C {
        &self.codec
    }

    #[cfg(test)]
    pub(super) fn quota(&self) -> Option<&Quota> {
        self.quota.as_deref()
    }

    fn directory(&self) -> &Directory {
        self.path.directory()
    }

    /// The cache, if this store may still write to it.
    pub(super) fn writable_cache(&self) -> Result<&Directory, StoreError> {
        let directory = self.directory();
        directory.check_permission(self.epoch)?;
        Ok(directory)
    }

    /// Creates the file of `key` with what `write` writes, and returns what it returns.
    /// On failure no file remains.
    pub(super) fn write_new<R>(
        &self,
        key: Uuid,
        write: impl FnOnce(&mut dyn io::Write) -> Result<R, CodecError>,
    ) -> Result<R, StoreError> {
        let directory = self.writable_cache()?;
        let file_ref = directory.file_ref(key);
        let room = self.quota.as_ref().map(|quota| quota.begin_file(key));
        let room = room.transpose();
        let room = room.map_err(|cause| at(&file_ref.path(), cause))?;
        let create = || {
            let _call = in_call();
            directory.files().create(&file_ref)
        };
        let file = match create() {
            // The only file that can have this key is the leftover of an earlier write
            // of this value that failed and could not be removed.
            Err(error)
                if error.kind() == io::ErrorKind::AlreadyExists && !directory.is_foreign(key) =>
            {
                self.remove_cached(key)?;
                create()
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                directory.restore(key)?;
                create()
            }
            created => created,
        }
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => at(&file_ref.path(), Cause::DirectoryGone),
            _ => at(&file_ref.path(), error),
        })?;
        let mut unfinished = Unfinished {
            directory,
            key,
            room,
        };
        let remove = || remove(directory, key).is_ok();
        let within = unfinished.room.as_mut().map(|room| WithinQuota {
            room,
            remove: &remove,
        });
        let mut out = self.meter.writing(file, within);
        let written = write(&mut out);
        let written = out
            .end(written)
            .map_err(|error| at(&file_ref.path(), error))?;
        unfinished.finish();
        tracing::debug!(path = %PrintablePath(&file_ref.path()), "wrote a value to its file");
        Ok(written)
    }

    /// Removes the cache's file of a key. A missing file is not an error.
    fn remove_cached(&self, key: Uuid) -> Result<(), StoreError> {
        let change = self.quota.as_ref().map(|quota| quota.change_names(key));
        remove(self.directory(), key)?;
        if let Some(change) = change {
            change.deleted();
        }
        Ok(())
    }

    /// Tries again to remove a temporary file, if there is one that could not be removed.
    fn remove_left_over(&self) {
        let Some(quota) = &self.quota else { return };
        let Some(key) = quota.any_left_over() else {
            return;
        };
        let change = quota.change_names(key);
        // Another thread may be making a copy under this name by now.
        if change.is_left_over() {
            let directory = self.directory();
            let removed =
                transfer::remove_left_over(directory.files(), &directory.temporary_ref(key));
            if removed.is_ok() {
                change.left_over_removed();
            }
        }
    }

    /// Brings the file `from` into the cache, as `take_in` does, and counts it. `home` is the
    /// directory that it is persisted in.
    pub(super) fn bring_in(
        &self,
        key: Uuid,
        from: Original<'_>,
        home: Option<&Directory>,
        take_in: impl FnOnce(Option<&mut Arrival<'_>>) -> Result<Taken, StoreError>,
    ) -> Result<Transfer, StoreError> {
        let Some(quota) = &self.quota else {
            return Ok(take_in(None)?.transfer);
        };
        let change = quota.change_names(key);
        let directory = self.directory();
        let len = from.len(directory.files())?;
        let home = home.and_then(Directory::lasting_identity);
        let arrival = quota.begin_arrival(change, key, len, home);
        let mut arrival = arrival.map_err(|cause| at(&directory.path_of(key), cause))?;
        let Taken { transfer, .. } = take_in(Some(&mut arrival))?;
        arrival.end(transfer);
        Ok(transfer)
    }

    /// Persists the file `from`.
    fn persist_file(
        &self,
        from: &FileRef<'_>,
        path: &PreparedPath,
        key: Uuid,
    ) -> Result<Taken, StoreError> {
        writable(path)?;
        let directory = path.directory();
        directory.durability().check_file(directory.files(), from)?;
        let taken = directory.take_in(from, key, Role::Persisted, None)?;
        directory.durability().note_linked(key);
        Ok(taken)
    }

    /// Refuses to persist to a directory that is the cache of a store.
    fn check_no_cache(&self, path: &PreparedPath) -> Result<(), StoreError> {
        let text = if std::ptr::eq(Arc::as_ptr(path.directory()), self.directory()) {
            "the directory is the cache directory of this store: persist to another directory"
        } else if path.directory().is_cache_in_use() {
            "the directory is the cache directory of another store: persist to another directory"
        } else {
            return Ok(());
        };
        Err(at(path, Cause::InUse(text.to_owned())))
    }

    /// Lets the next opener of the directory finish the work that this store has queued
    /// for it.
    fn become_user_of(&self, path: &PreparedPath) {
        if let Some(background) = self.background.get() {
            path.directory().add_user(background.clone());
        }
    }
}

impl<C: Send + Sync + 'static> BackingStoreT for FBStore<C> {
    type PersistPath = PreparedPath;

    fn delete(&self, key: Uuid) -> Result<(), StoreError> {
        self.directory().check_process()?;
        let directory = self.directory();
        if directory.is_foreign(key) || !directory.is_owned_by(self.epoch) {
            // This store did not write the file.
            return Ok(());
        }
        self.remove_cached(key)?;
        self.remove_left_over();
        Ok(())
    }

    fn delete_persisted(&self, path: &PreparedPath, key: Uuid) -> Result<(), StoreError> {
        writable(path)?;
        // An item of a pack goes with it, once no generation has an item there. There may be a
        // file of its key beside it.
        let directory = path.directory();
        let remove = || remove(directory, key);
        match directory.lasting_identity() {
            Some(home) => {
                let is_there = || directory.files().identity(&directory.file_ref(key)).is_ok();
                quota::remove_persisted(key, &home, remove, is_there)?;
            }
            None => remove()?,
        }
        path.directory().durability().note_removed(key);
        Ok(())
    }

    fn register(&self, path: &PreparedPath, key: Uuid) -> Result<Transfer, StoreError> {
        self.directory().check_permission(self.epoch)?;
        if matches!(path.mode(), Mode::Import { .. }) {
            let text = "files of file_backed 0.6 are read where they are: a store that wraps an \
                        `FBStore` must forward its `reads_in_place` and `load_in_place`";
            return Err(at(path, io::Error::new(io::ErrorKind::Unsupported, text)));
        }
        let packed = path.packed(key)?;
        let file_ref = path.directory().file_ref(key);
        let from = Original::of(packed.as_ref(), &file_ref);
        let home = path.directory();
        self.bring_in(key, from, Some(home), |mut arrival| {
            let own = self.directory();
            match own.take_original(from, key, Role::Cache, arrival.as_deref_mut()) {
                Err(error) if is_conflict(&error) && !own.is_foreign(key) => {
                    // A key that is only being registered has no owner in the cache: the
                    // file there is a leftover.
                    remove(own, key)?;
                    if let Some(arrival) = &arrival {
                        arrival.removed_other();
                    }
                    own.take_original(from, key, Role::Cache, arrival)
                }
                linked => linked,
            }
        })
    }

    fn has_same_content(&self, path: &PreparedPath, key: Uuid) -> Result<bool, StoreError> {
        let (own, other) = (self.directory(), path.directory());
        let (cached, file) = (own.file_ref(key), other.file_ref(key));
        let packed = path.packed(key)?;
        let persisted = Original::of(packed.as_ref(), &file);
        transfer::are_equal(own.files(), persisted, &cached)
    }

    fn register_many(
        &self,
        path: &PreparedPath,
        keys: &[Uuid],
    ) -> Result<Vec<Transfer>, StoreError> {
        // In the order of the keys, so that shards are visited one after the other.
        let mut order: Vec<_> = (0..keys.len()).collect();
        order.sort_unstable_by_key(|n| keys[*n]);
        let mut transfers = vec![Transfer::Present; keys.len()];
        for n in order {
            transfers[n] = self.register(path, keys[n])?;
        }
        Ok(transfers)
    }

    fn reads_in_place(&self) -> bool {
        true
    }

    fn check_in_place(&self, path: &PreparedPath, key: Uuid) -> Result<(), StoreError> {
        if path.packed(key)?.is_some() {
            return Ok(());
        }
        let file = path.directory().file_ref(key);
        let found = path.directory().files().identity(&file);
        found.map(drop).map_err(|error| at(&file.path(), error))
    }

    fn persist(&self, path: &PreparedPath, key: Uuid) -> Result<Transfer, StoreError> {
        let Some(quota) = &self.quota else {
            return self.persist_in_place(&self.path, path, key);
        };
        writable(path)?;
        let change = quota.change_names(key);
        let taken = self.persist_file(&self.directory().file_ref(key), path, key)?;
        if let Some(home) = path.directory().lasting_identity().filter(|_| taken.is_one) {
            change.linked_elsewhere(&home);
        }
        Ok(taken.transfer)
    }

    fn persist_in_place(
        &self,
        from: &PreparedPath,
        path: &PreparedPath,
        key: Uuid,
    ) -> Result<Transfer, StoreError> {
        writable(path)?;
        if let Some(packed) = from.packed(key)? {
            return packed.persist(path.directory(), key);
        }
        let mode = from.mode();
        let from = from.directory().file_ref(key);
        if matches!(mode, Mode::Import { .. }) {
            let text = "the file was written by file_backed 0.6 and has no footer: load the item, \
                        insert its value again, and persist the new item";
            let error = io::Error::new(io::ErrorKind::Unsupported, text);
            return Err(at(&from.path(), error));
        }
        Ok(self.persist_file(&from, path, key)?.transfer)
    }

    fn sanitize_path(&self, path: &PreparedPath) -> Result<Vec<Uuid>, StoreError> {
        self.check_no_cache(path)?;
        self.become_user_of(path);
        path.directory().check_role(Role::Persisted)?;
        let found = scan::contents_of(path)?;
        note_not_yet_synced(path, &found);
        remove_left_over(path, &found);
        Ok(found.into_keys())
    }

    fn keys_of(&self, path: &PreparedPath) -> Arc<PlaceKeys> {
        match path.is_import() {
            // Its files have another form than those beside them.
            true => Arc::default(),
            false => path.directory().persisted_keys(),
        }
    }

    fn lock_path(&self, path: &PreparedPath) -> Result<(), StoreError> {
        self.check_no_cache(path)?;
        match path.mode() {
            Mode::ReadWrite => path.directory().claim(Role::Persisted),
            Mode::ReadOnly | Mode::Import { .. } => Err(at(path, Cause::ReadOnlyPath)),
        }
    }

    fn sync_persisted(&self, path: &PreparedPath) -> Result<(), StoreError> {
        writable(path)?;
        path.directory().sync()
    }

    fn traffic(&self) -> Traffic {
        self.meter.traffic()
    }

    fn cache_usage(&self) -> Option<CacheUsage> {
        self.quota.as_ref().map(|quota| quota.usage())
    }

    fn attach(&self, background: Background) {
        if self.background.set(background.clone()).is_ok() {
            self.directory().set_cache_user(self.epoch, background);
        } else {
            // Two wrappers around one store would delete each other's files.
            self.directory().revoke(self.epoch);
        }
    }

    fn detach(&self) {
        self.directory().remove_temporary(self.epoch);
    }

    fn describe(&self, path: &PreparedPath) -> Option<PathBuf> {
        Some(path.path().to_owned())
    }
}

impl<C: Send + Sync + 'static> FBStore<C> {
    /// Returns the value and the length of its payload.
    fn load_file<T>(
        &self,
        home: &PreparedPath,
        key: Uuid,
        load: Load,
    ) -> Result<(T, u64), StoreError>
    where
        C: Codec<T>,
    {
        if let Some(packed) = home.packed(key)? {
            let path = || Cow::Borrowed(packed.path());
            return self.load_from(&packed.source(), home, &path, load);
        }
        let file_ref = home.directory().file_ref(key);
        let call = in_call();
        let opened = self.directory().files().open(&file_ref);
        drop(call);
        let source = opened.map_err(|error| at(&file_ref.path(), error))?;
        if load_room::is_ahead() {
            read_ahead(&*source);
        }
        self.load_from(&*source, home, &|| file_ref.path(), load)
    }

    /// Same as [`load_file`](Self::load_file), from an open file that has this path.
    fn load_from<'p, T>(
        &self,
        source: &dyn Source,
        home: &PreparedPath,
        path: &dyn Fn() -> Cow<'p, Path>,
        load: Load,
    ) -> Result<(T, u64), StoreError>
    where
        C: Codec<T>,
    {
        let may_map = || home.directory().may_be_mapped();
        let source = self.meter.reading(source, &may_map);
        let (decoded, footer_len) = match home.mode() {
            Mode::Import { limit } => {
                let payload = Payload::open_unframed(&source, limit);
                let decoded = payload.and_then(|payload| Ok(self.codec.decode(payload)?));
                (decoded, 0)
            }
            Mode::ReadWrite | Mode::ReadOnly => {
                let decoded = frame::load_file(&self.codec, &source, load);
                (decoded, FOOTER_LEN as u64)
            }
        };
        let len = source.seen_len().saturating_sub(footer_len);
        let value = (source.end(decoded)).map_err(|error| at(&path(), error))?;
        note_read(path);
        Ok((value, len))
    }

    /// Loads from an open file without waiting. Returns the value and the length of its
    /// payload, or, if a read was refused, the value that the codec has made all the same.
    fn load_cached<T>(
        &self,
        source: &dyn Source,
        home: &PreparedPath,
        load: Load,
        fits: &dyn Fn(u64) -> bool,
    ) -> Result<(T, u64), Option<T>>
    where
        C: Codec<T>,
    {
        let source = NoWait::new(source).map_err(|_| None)?;
        let len = (source.len()).map_err(|_| None)?;
        let len = len.saturating_sub(FOOTER_LEN as u64);
        if !fits(len) {
            return Err(None);
        }
        let may_map = || home.directory().may_be_mapped();
        // Bytes of a load that is refused later are counted by the load that follows.
        let meter = TrafficMeter::default();
        let decoded = frame::load_file(&self.codec, &meter.reading(&source, &may_map), load);
        match decoded {
            Ok(value) if !source.is_refused() => {
                self.meter.add(&meter);
                Ok((value, len))
            }
            decoded => Err(decoded.ok()),
        }
    }
}

impl<T, C: Codec<T>> Strategy<T> for FBStore<C> {
    fn store(&self, key: Uuid, data: &T) -> Result<(), StoreError> {
        self.store_measured(key, data).map(drop)
    }

    fn load(&self, key: Uuid) -> Result<T, StoreError> {
        Ok(self.load_file(&self.path, key, Load::First)?.0)
    }

    fn reload(&self, key: Uuid) -> Result<T, StoreError> {
        Ok(self.load_file(&self.path, key, Load::Again)?.0)
    }

    fn reads(&self, footer: &Footer) -> bool {
        footer.codec() == C::ID && self.codec.accepts(footer).is_ok()
    }

    fn measures_values(&self) -> bool {
        !self.codec.footprint_is_exact()
    }

    fn store_measured(&self, key: Uuid, data: &T) -> Result<Option<u64>, StoreError> {
        let footer = self.write_new(key, |out| frame::write_file(&self.codec, data, out))?;
        Ok(Some(footer.payload_len()))
    }

    fn load_measured(&self, key: Uuid, load: Load) -> Result<(T, Option<u64>), StoreError> {
        let (value, len) = self.load_file(&self.path, key, load)?;
        Ok((value, Some(len)))
    }

    fn load_in_place(
        &self,
        place: &PreparedPath,
        key: Uuid,
        load: Load,
    ) -> Result<(T, Option<u64>), StoreError> {
        let (value, len) = self.load_file(place, key, load)?;
        Ok((value, Some(len)))
    }

    fn load_inline(
        &self,
        key: Uuid,
        place: Option<&PreparedPath>,
        load: Load,
        fits: &dyn Fn(u64) -> bool,
    ) -> InlineLoad<T> {
        let home = place.unwrap_or(&self.path);
        if !self.codec.decodes_inline() || home.is_import() {
            return InlineLoad::refused();
        }
        let Ok(packed) = home.packed_if_open(key) else {
            return InlineLoad::refused();
        };
        if let Some(packed) = packed {
            return match self.load_cached(&packed.source(), home, load, fits) {
                Ok((value, len)) => {
                    note_read(&|| Cow::Borrowed(packed.path()));
                    InlineLoad::Loaded(value, Some(len))
                }
                Err(waste) => InlineLoad::Refused {
                    opened: None,
                    waste,
                },
            };
        }
        let file_ref = home.directory().file_ref(key);
        let Some(source) = self.directory().files().open_cached(&file_ref) else {
            return InlineLoad::refused();
        };
        match self.load_cached(&*source, home, load, fits) {
            Ok((value, len)) => {
                note_read(&|| file_ref.path());
                InlineLoad::Loaded(value, Some(len))
            }
            Err(waste) => InlineLoad::Refused {
                opened: KeptFile::keep(source).map(OpenedFile::new),
                waste,
            },
        }
    }

    fn load_opened(
        &self,
        opened: OpenedFile,
        key: Uuid,
        place: Option<&PreparedPath>,
        load: Load,
    ) -> Result<(T, Option<u64>), StoreError> {
        let home = place.unwrap_or(&self.path);
        let (value, len) = match opened.downcast::<KeptFile>() {
            Some(kept) => {
                let file_ref = home.directory().file_ref(key);
                self.load_from(&*kept.source, home, &|| file_ref.path(), load)?
            }
            None => self.load_file(home, key, load)?,
        };
        Ok((value, Some(len)))
    }

    fn duplicate(&self, data: &T) -> Result<T, StoreError> {
        Ok(self.codec.duplicate(data)?)
    }

    fn footprint(&self, data: &T) -> Footprint {
        self.codec.footprint(data)
    }
}

/// Asks the system to read a whole file before its pages are accessed one by one. That is
/// advice, which may be ignored.
fn read_ahead(source: &dyn Source) {
    #[cfg(target_os = "linux")]
    if let Some(file) = source.file() {
        let _call = in_call();
        let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::WillNeed);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = source;
}

fn note_read<'p>(path: &dyn Fn() -> Cow<'p, Path>) {
    tracing::debug!(path = %PrintablePath(&path()), "read a value from its file");
}

/// A file that is being written. Dropping it, also when the codec panics, removes the
/// partial file.
struct Unfinished<'a> {
    directory: &'a Directory,
    key: Uuid,
    /// Given back after the file is removed.
    room: Option<Reservation>,
}

impl Unfinished<'_> {
    /// The file is complete.
    fn finish(mut self) {
        self.room.take().into_iter().for_each(Reservation::end);
        std::mem::forget(self);
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Err(error) = remove(self.directory, self.key) {
            tracing::warn!(%error, "could not remove the leftovers of a failed write");
            // It still takes room.
            self.room.take().into_iter().for_each(Reservation::end);
        }
    }
}

/// Removes the file of a key. A missing file is not an error.
fn remove(directory: &Directory, key: Uuid) -> Result<(), StoreError> {
    let file_ref = directory.file_ref(key);
    match directory.files().remove(&file_ref) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(&file_ref.path(), error)),
        _ => Ok(()),
    }
}

pub(super) fn writable(path: &PreparedPath) -> Result<(), StoreError> {
    path.directory().check_process()?;
    match path.mode() {
        Mode::ReadWrite => Ok(()),
        Mode::ReadOnly | Mode::Import { .. } => Err(at(path, Cause::ReadOnly)),
    }
}

/// The next sync makes files durable that an earlier process persisted. Only a process
/// that writes to the directory syncs it.
fn note_not_yet_synced(path: &PreparedPath, found: &scan::Found) {
    if path.mode() == Mode::ReadWrite {
        path.directory().durability().note_found(&found.keys);
    }
}

/// Removes what crashed processes left, if this process has locked the directory as a
/// persisted one.
fn remove_left_over(path: &PreparedPath, found: &scan::Found) {
    let directory = path.directory();
    if directory.is_persisted() {
        sweep::left_over(directory.files(), directory.shards(), found);
    }
}

fn is_conflict(error: &StoreError) -> bool {
    matches!(error.get_ref().downcast_ref(), Some(Cause::Conflict))
}

impl<C> fmt::Debug for FBStore<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FBStore")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
