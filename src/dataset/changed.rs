//! Waiting for the next commit, and moving on to it.
//!
//! A dataset that commits shows its commits as soon as they are acknowledged, so waiters only
//! look at what it shows. A reader looks for a later manifest. To miss none, it begins to
//! listen before it looks:
//!
//! 1. The store begins to watch the manifests. All waiters of a dataset share the watch, which
//!    ends with the last of them.
//! 2. The waiter begins to listen.
//! 3. The waiter looks. A manifest that is written before this is found, and one that is
//!    written after it wakes the waiter.
//!
//! Where the watch is not complete, waiters are also woken at an [`INTERVAL`], by a delayed job
//! of the store's queue, or, in blocking code, by their own thread.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::de::DeserializeOwned;

use super::cause::DatasetCause;
use super::{Dataset, Shared};
use crate::Result;
use crate::backing_store::{ManifestStore, ManifestWatch};
use crate::error::Operation;
use crate::sync::{Event, EventListener, block_on_until};

/// The rest between looks at a place that does not report all its commits.
const INTERVAL: Duration = Duration::from_secs(1);

impl<Root: Send + Sync + 'static, B: ManifestStore> Dataset<Root, B> {
    /// Waits until there is a later commit than the one that this dataset showed when this
    /// method was called, before the first poll. Returns the number of the last commit then;
    /// at once, if there is a later one already. No commit is missed between calls, but
    /// several may have been made when this returns.
    ///
    /// | this dataset was opened | a commit counts | move on by |
    /// |---|---|---|
    /// | to read | as soon as a reader can open it, whichever process commits | [`latest`](Self::latest) |
    /// | to commit | when this dataset has committed it, and shows it | nothing: [`root`](Self::root) and [`get`](Self::get) are of the new commit |
    ///
    /// A reader can open a commit slightly before its writer learns that it is durable.
    ///
    /// [`FBStore`](crate::fbstore::FBStore) is notified by inotify, on Linux. While a dataset
    /// has waiters, this takes a thread and two descriptors for all of them. On other systems,
    /// on file systems that other machines may write to, such as NFS, and when the process or
    /// the user has no descriptor or no inotify instance left, the waiters list the manifests
    /// once a second. That is the delay to expect there, beside the time for which NFS caches
    /// directories.
    ///
    /// The wait needs no runtime, does not count for
    /// [`finished`](crate::BackingStore::finished), and does not keep the process alive.
    ///
    /// # Errors
    ///
    /// If the generations cannot be listed. [`Error::is_not_found`] if the dataset was deleted,
    /// which ends the wait. [`Error::is_forked`] in a forked child.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future only ends the wait; with the last one, the thread ends and the
    /// descriptors are closed.
    ///
    /// # Examples
    ///
    /// A reader that follows a writer:
    ///
    /// ```
    /// # #[cfg(feature = "bincodec")]
    /// # #[tokio::main]
    /// # async fn main() -> file_backed::Result<()> {
    /// use std::sync::Arc;
    /// use file_backed::FBPool;
    /// use file_backed::dataset::Dataset;
    /// use file_backed::fbstore::{BinCodec, PreparedPath};
    ///
    /// # let dir = tempfile::tempdir().expect("a temporary directory");
    /// # let path = dir.path().join("prices");
    /// # let own: Arc<FBPool<u32, _>> = FBPool::temp(BinCodec, 100).await?;
    /// # let place = PreparedPath::open(path.clone()).await?;
    /// # let writer: Dataset<(), _> = Dataset::open(own.store(), place).await?;
    /// let pool: Arc<FBPool<u32, _>> = FBPool::temp(BinCodec, 100).await?;
    /// let path = PreparedPath::open_read_only(path).await?;
    /// let mut prices: Dataset<(), _> = Dataset::open_read_only(pool.store(), path).await?;
    /// # let writing = tokio::spawn(async move {
    /// #     for price in [3, 4] {
    /// #         writer.edit(|edit| edit.put_named("tea", &own.insert(price)).map(drop)).await?;
    /// #     }
    /// #     file_backed::Result::Ok(())
    /// # });
    /// loop {
    ///     prices.changed().await?;
    ///     prices = prices.latest().await?; // the former commit is no longer pinned
    ///     let tea = prices.get_named(&pool, "tea").await?;
    ///     println!("tea: {}", *tea.read().await?);
    /// #   if prices.generation() == 2 { break }
    /// }
    /// # writing.await.expect("it does not panic")
    /// # }
    /// # #[cfg(not(feature = "bincodec"))]
    /// # fn main() {}
    /// ```
    ///
    /// [`Error::is_forked`]: crate::Error::is_forked
    /// [`Error::is_not_found`]: crate::Error::is_not_found
    pub fn changed(&self) -> impl Future<Output = Result<u64>> + Send {
        let since = self.shared.shown();
        async move { self.shared.wait_for_later(since?).await }
    }

    /// The blocking form of [`changed`](Self::changed). Returns `None` if there is no later
    /// commit within `timeout`. Without a timeout, it waits for as long as it takes; with one
    /// of zero, it only looks.
    ///
    /// # Errors
    ///
    /// Same as [`changed`](Self::changed).
    ///
    /// # Blocking
    ///
    /// Waits, and looks for commits, on this thread.
    pub fn blocking_changed(&self, timeout: Option<Duration>) -> Result<Option<u64>> {
        let since = self.shared.shown()?;
        // A timeout beyond what the clock can count is none.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        self.shared.block_for_later(since, deadline)
    }
}

impl<Root: DeserializeOwned + Send + Sync + 'static, B: ManifestStore> Dataset<Root, B> {
    /// Opens the last commit of the same dataset to read, with the same store, whatever this
    /// dataset shows and was opened for. Items that both commits have stay in memory when this
    /// dataset is dropped.
    ///
    /// Does what [`open_read_only`](Self::open_read_only) does, and fails for the same
    /// reasons, but the base of the manifests, which is most of them, is read again only if it
    /// is another one by now. This dataset need not be dropped before.
    ///
    /// # Errors
    ///
    /// Same as [`open_read_only`](Self::open_read_only).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing behind.
    ///
    /// # Examples
    ///
    /// See [`changed`](Self::changed).
    pub async fn latest(&self) -> Result<Self> {
        let shared = self.shared.clone();
        let open = move || shared.latest();
        let store = &self.shared.path.store;
        store.task(Operation::OpenDataset, open).await
    }

    /// The blocking form of [`latest`](Self::latest).
    ///
    /// # Errors
    ///
    /// Same as [`latest`](Self::latest).
    ///
    /// # Blocking
    ///
    /// Does its file work on this thread.
    pub fn blocking_latest(&self) -> Result<Self> {
        self.shared.latest()
    }
}

/// What wakes those who wait for a commit.
#[derive(Default)]
pub(super) struct Changes {
    /// Notified when there may be a later commit.
    may_have_changed: Event,
    /// Whether a delayed job will notify.
    is_timed: AtomicBool,
    /// The watch that the waiters share.
    watch: Mutex<Weak<Watch>>,
}

/// A watch of a reader's place.
struct Watch(Box<dyn ManifestWatch>);

/// What a waiter has found.
enum Look {
    Later(u64),
    /// No later commit.
    None {
        /// Whether it is enough to wait for `notified`.
        is_complete: bool,
        notified: EventListener,
    },
}

impl Changes {
    pub(super) fn notify(&self) {
        self.may_have_changed.notify(usize::MAX);
    }

    #[cfg(test)]
    pub(super) fn is_watched(&self) -> bool {
        self.watch.lock().strong_count() > 0
    }
}

impl<Root, B: ManifestStore> Shared<Root, B> {
    /// The generation that the dataset shows.
    fn shown(&self) -> Result<u64> {
        let core = self.path.store.core();
        core.check_process(Operation::WaitForCommit)?;
        Ok(self.current().generation)
    }

    fn is_reader(&self) -> bool {
        self.path.tracked.is_read_only()
    }

    /// Looks, and takes part in the watch if it has to wait.
    fn look(&self, since: u64, watch: &mut Option<Arc<Watch>>) -> Result<Look> {
        if let Some(later) = self.later_than(since)? {
            return Ok(Look::Later(later));
        }
        if self.is_reader() && watch.is_none() {
            *watch = self.watch();
        }
        let notified = self.changes.may_have_changed.listen();
        if let Some(later) = self.later_than(since)? {
            return Ok(Look::Later(later));
        }
        let is_watched = watch.as_ref().is_some_and(|watch| watch.0.is_complete());
        Ok(Look::None {
            is_complete: is_watched || !self.is_reader(),
            notified,
        })
    }

    fn later_than(&self, since: u64) -> Result<Option<u64>> {
        let last = match self.is_reader() {
            true => self.last_generation()?,
            false => self.current().generation,
        };
        Ok(Some(last).filter(|last| *last > since))
    }

    /// The last generation at the path. There is always one, because this dataset has pinned
    /// one, unless the dataset was deleted.
    fn last_generation(&self) -> Result<u64> {
        let operation = Operation::WaitForCommit;
        let last = self.path.generations(operation)?.last().copied();
        last.ok_or_else(|| self.path.error(operation, DatasetCause::Deleted))
    }

    /// The watch that all waiters share, if the store can notify.
    fn watch(&self) -> Option<Arc<Watch>> {
        let shared = self.changes.watch.lock().upgrade();
        if shared.is_some() {
            return shared;
        }
        let changes = self.changes.clone();
        let changed = Box::new(move || changes.notify());
        let begun = self.path.call(Operation::WaitForCommit, |backing, path| {
            backing.watch_manifests(path, changed)
        });
        let begun = begun.unwrap_or_else(|error| {
            tracing::debug!(%error, "could not watch a dataset for commits, and looks for them once a second");
            None
        });
        let begun = Arc::new(Watch(begun?));
        let mut current = self.changes.watch.lock();
        // Another waiter may have begun one meanwhile. Both work.
        if current.strong_count() == 0 {
            *current = Arc::downgrade(&begun);
        }
        Some(begun)
    }

    fn block_for_later(&self, since: u64, deadline: Option<Instant>) -> Result<Option<u64>> {
        let mut watch = None;
        loop {
            let (is_complete, notified) = match self.look(since, &mut watch)? {
                Look::Later(later) => return Ok(Some(later)),
                Look::None {
                    is_complete,
                    notified,
                } => (is_complete, notified),
            };
            let next_look = (!is_complete).then(|| Instant::now() + INTERVAL);
            let until = deadline.into_iter().chain(next_look).min();
            if block_on_until(notified, until).is_none() && deadline == until {
                // Without a complete watch, there may be one all the same.
                return self.later_than(since);
            }
        }
    }

    /// Notifies all waiters after the interval.
    fn notify_later(&self) {
        if self.changes.is_timed.swap(true, Ordering::SeqCst) {
            return;
        }
        let changes = Arc::downgrade(&self.changes);
        self.path.store.core().queue.run_after(INTERVAL, move || {
            if let Some(changes) = changes.upgrade() {
                changes.is_timed.store(false, Ordering::SeqCst);
                changes.notify();
            }
        });
    }
}

impl<Root: Send + Sync + 'static, B: ManifestStore> Shared<Root, B> {
    async fn wait_for_later(self: &Arc<Self>, since: u64) -> Result<u64> {
        let core = self.path.store.core();
        let mut watch = None;
        loop {
            let look = match self.is_reader() {
                true => {
                    let (own, mut kept) = (self.clone(), watch.take());
                    let look = move || Ok((own.look(since, &mut kept)?, kept));
                    let store = &self.path.store;
                    let (look, kept) = store.task(Operation::WaitForCommit, look).await?;
                    watch = kept;
                    look
                }
                // It reads no file.
                false => self.look(since, &mut watch)?,
            };
            let (is_complete, mut notified) = match look {
                Look::Later(later) => return Ok(later),
                Look::None {
                    is_complete,
                    notified,
                } => (is_complete, notified),
            };
            if !is_complete {
                self.notify_later();
            }
            poll_fn(|context| {
                core.check_process(Operation::WaitForCommit)?;
                Pin::new(&mut notified)
                    .poll(context)
                    .map(Ok::<_, crate::Error>)
            })
            .await?;
        }
    }
}

impl<Root: DeserializeOwned + Send + Sync + 'static, B: ManifestStore> Shared<Root, B> {
    fn latest(&self) -> Result<Dataset<Root, B>> {
        let known = &self.current().contents;
        Dataset::open_last(&self.path.store, self.path.tracked.path(), Some(known))
    }
}
