//! Explicit saves: `write_now` and `persist`.
//!
//! Both capture what they save when they are called, so later changes of the item
//! do not affect what is saved.

use std::sync::Arc;

use super::FBPool;
use super::loading::leaked;
use crate::Result;
use crate::backing_store::{BackingStoreT, FileShare, Strategy, Task, TrackedPath};
use crate::error::Operation;
use crate::residency::{Item, Save, Wanted, WriteBack, Written};

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
        self.store
            .task(Operation::Persist, self.begin_persist(item, tracked))
    }

    /// Captures what is to be saved. The caller must run the result: the item stays
    /// in memory until then.
    pub(crate) fn begin_persist(
        self: &Arc<Self>,
        item: &Arc<Item<T, B>>,
        tracked: Arc<TrackedPath<B::PersistPath>>,
    ) -> impl FnOnce() -> Result<()> + Send + use<T, B> {
        let save = self.begin_save(item, Wanted::Persist);
        let (pool, item) = (self.clone(), item.clone());
        move || pool.finish_persist(&item, save?, &tracked)
    }

    pub(crate) fn blocking_persist(
        self: &Arc<Self>,
        item: &Arc<Item<T, B>>,
        tracked: &TrackedPath<B::PersistPath>,
    ) -> Result<()> {
        let save = self.begin_save(item, Wanted::Persist)?;
        self.finish_persist(item, save, tracked)
    }

    fn begin_save(self: &Arc<Self>, item: &Arc<Item<T, B>>, wanted: Wanted) -> Result<Saving<B>> {
        let operation = match wanted {
            Wanted::Persist => Operation::Persist,
            _ => Operation::Write,
        };
        self.core().check_process(operation)?;
        match item.begin_save(wanted, self.core(), &**self) {
            Save::Written(token) => Ok(Saving::Written(token.map(Arc::new))),
            Save::Write(write) => Ok(Saving::Writing(write)),
            Save::Leaked => Err(leaked(operation, item)),
        }
    }

    /// Writes the value if it is not written yet. Returns a share of the file if the
    /// save wants one.
    fn finish_save(
        self: &Arc<Self>,
        item: &Arc<Item<T, B>>,
        save: Saving<B>,
    ) -> Result<Option<Arc<FileShare<B>>>> {
        let write = match save {
            Saving::Written(token) => return Ok(token),
            Saving::Writing(write) => write,
        };
        self.run_write(item, &write, 0);
        match write.outcome.block_for(|outcome| outcome.clone())? {
            Written::Done(token) => Ok(token),
            Written::Superseded => Ok(None),
        }
    }

    fn finish_persist(
        self: &Arc<Self>,
        item: &Arc<Item<T, B>>,
        save: Saving<B>,
        tracked: &TrackedPath<B::PersistPath>,
    ) -> Result<()> {
        let token = self
            .finish_save(item, save)?
            .expect("a write that a save waits for is never superseded and yields a share");
        self.store.persist(&token, tracked)
    }
}

/// What a save has captured.
enum Saving<B: BackingStoreT> {
    Written(Option<Arc<FileShare<B>>>),
    Writing(Arc<WriteBack<B>>),
}
