//! Explicit saves: `write_now` and `persist`.
//!
//! Both capture what they save when they are called, so later changes of the item
//! do not affect what is saved.

use std::sync::Arc;

#[cfg(feature = "dataset")]
use uuid::Uuid;

use super::FBPool;
use super::loading::{leaked, waits_for_itself};
use crate::backing_store::{Captured, FileShare, Strategy, Task, TrackedPath, running};
use crate::error::Operation;
use crate::residency::{Item, Save, Wanted, Written};
use crate::{Error, Result};

impl<T: Send + Sync + 'static, B: Strategy<T>> FBPool<T, B> {
    pub(crate) fn write_now(self: &Arc<Self>, item: &Arc<Item<T, B>>) -> Task<()> {
        let save = self.begin_save(item, Wanted::WriteNow);
        let (pool, item) = (self.clone(), item.clone());
        self.store.task(Operation::Write, move || {
            pool.finish_save(&item, save?).map(drop)
        })
    }

    pub(crate) fn blocking_write_now(self: &Arc<Self>, item: &Arc<Item<T, B>>) -> Result<()> {
        let save = self.begin_save(item, Wanted::WriteNow)?;
        self.finish_save(item, save).map(drop)
    }

    pub(crate) fn persist(
        self: &Arc<Self>,
        item: &Arc<Item<T, B>>,
        tracked: Arc<TrackedPath<B::PersistPath>>,
    ) -> Task<()> {
        let persist = self.begin_persist(item, tracked);
        self.store
            .prepare_room_task(Operation::Persist, persist)
            .start()
    }

    /// Captures what is to be saved. The caller must run the result: the item stays
    /// in memory until then.
    pub(crate) fn begin_persist(
        self: &Arc<Self>,
        item: &Arc<Item<T, B>>,
        tracked: Arc<TrackedPath<B::PersistPath>>,
    ) -> impl FnOnce() -> Result<()> + Send + use<T, B> {
        let (capture, _) = self.begin_capture(item, tracked);
        move || Box::new(capture()?).link()
    }

    /// Captures what is to be saved. The result writes the value if it has no file yet; the
    /// caller must run it, because the item stays in memory until then. Also tells whether
    /// it writes.
    pub(crate) fn begin_capture(
        self: &Arc<Self>,
        item: &Arc<Item<T, B>>,
        tracked: Arc<TrackedPath<B::PersistPath>>,
    ) -> (
        impl FnOnce() -> Result<CapturedItem<T, B>> + Send + use<T, B>,
        bool,
    ) {
        let save = self.begin_save(item, Wanted::Persist);
        let writes = matches!(save, Ok(Save::Write(_)));
        let (pool, item) = (self.clone(), item.clone());
        let capture = move || {
            let share = pool.finish_persistable(&item, save?)?;
            Ok(CapturedItem {
                pool,
                item,
                share,
                tracked,
            })
        };
        (capture, writes)
    }

    /// Whether a file of the item's key at the tracked path is known to be the item's.
    /// Otherwise it may be another one, of an item that came from elsewhere.
    pub(crate) fn is_known_at(
        &self,
        item: &Item<T, B>,
        tracked: &TrackedPath<B::PersistPath>,
    ) -> bool {
        item.is_known_at(tracked.id(), self)
    }

    /// Whether a path is known to have the file of the item. It may have it if this is not
    /// known.
    pub(crate) fn is_found_at(
        &self,
        item: &Item<T, B>,
        tracked: &TrackedPath<B::PersistPath>,
    ) -> bool {
        item.is_found_at(tracked.id(), self)
    }

    pub(crate) fn blocking_persist(
        self: &Arc<Self>,
        item: &Arc<Item<T, B>>,
        tracked: &TrackedPath<B::PersistPath>,
    ) -> Result<()> {
        let save = self.begin_save(item, Wanted::Persist)?;
        let share = self.finish_persistable(item, save)?;
        self.persist_share(item, share, tracked)
    }

    fn begin_save(self: &Arc<Self>, item: &Arc<Item<T, B>>, wanted: Wanted) -> Result<Save<B>> {
        let operation = match wanted {
            Wanted::Persist => Operation::Persist,
            Wanted::WriteNow => Operation::Write,
        };
        self.core().check_process(operation)?;
        let save = item.begin_save(wanted, &**self);
        match save.ok_or_else(|| leaked(operation, item))? {
            // A task that waits for the write would never end either.
            Save::Write(write) if running::is_running(&*write) => {
                Err(waits_for_itself(operation, item))
            }
            save => Ok(save),
        }
    }

    /// Writes the value if it is not written yet. Returns a share of the file if the
    /// save wants one.
    fn finish_save(
        self: &Arc<Self>,
        item: &Arc<Item<T, B>>,
        save: Save<B>,
    ) -> Result<Option<Arc<FileShare<B>>>> {
        let write = match save {
            Save::Written(share) => return Ok(share.map(Arc::new)),
            Save::Write(write) => write,
        };
        self.run_write(item, &write, 0);
        match write.outcome.block_for(|outcome| outcome.clone())? {
            Written::Done(token) => Ok(token),
            Written::Superseded => Ok(None),
        }
    }

    /// Finishes a save for the sake of the file.
    fn finish_persistable(
        self: &Arc<Self>,
        item: &Arc<Item<T, B>>,
        save: Save<B>,
    ) -> Result<Arc<FileShare<B>>> {
        let share = self.finish_save(item, save)?;
        Ok(share.expect("a write that a save waits for is never superseded and yields a share"))
    }

    fn persist_share(
        self: &Arc<Self>,
        item: &Arc<Item<T, B>>,
        share: Arc<FileShare<B>>,
        tracked: &TrackedPath<B::PersistPath>,
    ) -> Result<()> {
        let persisted = self.store.persist(&share, tracked);
        // The file may have been moved to the cache, and deleted where it was.
        let has_moved = |error: &Error| error.is_not_found() && share.is_in_place();
        match persisted {
            Err(error) if has_moved(&error) => match item.share_file(share.key(), &**self) {
                Some(share) => self.store.persist(&share, tracked)?,
                None => return Err(error),
            },
            persisted => persisted?,
        }
        self.is_persisted(item, share);
        Ok(())
    }

    /// The item of this share is persisted: others can find it.
    fn is_persisted(self: &Arc<Self>, item: &Arc<Item<T, B>>, share: Arc<FileShare<B>>) {
        let key = share.key();
        drop(share);
        self.known_to_store();
        item.enter_persisted(key, &**self);
    }
}

/// An item with the value that it had when it was captured, in a file.
pub(crate) struct CapturedItem<T: Send + Sync + 'static, B: Strategy<T>> {
    pool: Arc<FBPool<T, B>>,
    item: Arc<Item<T, B>>,
    share: Arc<FileShare<B>>,
    tracked: Arc<TrackedPath<B::PersistPath>>,
}

impl<T: Send + Sync + 'static, B: Strategy<T>> Captured<B> for CapturedItem<T, B> {
    #[cfg(feature = "dataset")]
    fn key(&self) -> Uuid {
        self.share.key()
    }

    #[cfg(feature = "dataset")]
    fn from(&self) -> Option<Arc<B::PersistPath>> {
        self.pool.store.place_of(&self.share)
    }

    fn link(self: Box<Self>) -> Result<()> {
        (self.pool).persist_share(&self.item, self.share, &self.tracked)
    }

    #[cfg(feature = "dataset")]
    fn note_packed(self: Box<Self>) -> Result<()> {
        (self.pool.store).note_packed(&self.share, &self.tracked)?;
        self.pool.is_persisted(&self.item, self.share);
        Ok(())
    }
}
