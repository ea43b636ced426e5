//! The store that pools share.

use std::fmt;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::queue::Queue;
use super::{Background, BackingStoreT, Core, Lane, RegisteredTokens, Task, TrackedPath};
use crate::Result;
use crate::error::Operation;
use crate::sync::atomic::AtomicUsize;

/// The store that pools share: it wraps a [`BackingStoreT`] and adds background work,
/// ownership of files, and tracked paths.
///
/// Background jobs run on a tokio runtime. A job that the runtime does not start within
/// 20 ms, because all its blocking threads are busy or it has been shut down, runs on a
/// thread that belongs to the store. Blocking calls do their file work on the calling
/// thread.
///
/// A store belongs to the process that made it. In a child that was
/// [forked](crate#forks) without an `exec`, operations that need a file or the
/// background fail at once, and dropping a value touches none of the parent's files.
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
/// # let dir = tempfile::tempdir().expect("a temporary directory");
/// # let path = dir.path().join("cache");
/// let files = FBStore::open(BinCodec, PreparedPath::open(path).await?)?;
/// let store = Arc::new(BackingStore::new(files, Handle::current()));
/// let words: FBPool<String, _> = FBPool::new(store.clone(), 100);
/// let numbers: FBPool<Vec<u64>, _> = FBPool::new(store.clone(), 10);
/// # drop((words, numbers));
/// store.finished().await;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "bincodec"))]
/// # fn main() {}
/// ```
pub struct BackingStore<B: BackingStoreT> {
    core: Arc<Core<B>>,
    runtime: Handle,
    /// Always closed, so that `wait` returns as soon as the tracker is empty.
    tracker: TaskTracker,
}

impl<B: BackingStoreT> BackingStore<B> {
    /// Wraps `backing`. Background jobs run on the blocking threads of `runtime`, at
    /// most the number of cores plus one at a time.
    pub fn new(backing: B, runtime: Handle) -> Self {
        let tracker = TaskTracker::new();
        tracker.close();
        let queue = Queue::new(runtime.clone(), tracker.clone());
        let files = Arc::new(AtomicUsize::new(0));
        backing.attach(Background::new(&queue, files.clone()));
        Self {
            core: Core::new(backing, queue, files),
            runtime,
            tracker,
        }
    }

    pub(crate) fn core(&self) -> &Arc<Core<B>> {
        &self.core
    }

    pub(crate) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Queues `work` for the background.
    pub(crate) fn task<R: Send + 'static>(
        &self,
        operation: Operation,
        work: impl FnOnce() -> Result<R> + Send + 'static,
    ) -> Task<R> {
        if self.core.is_forked() {
            let (task, job) = Task::new(operation, self.core.failures.clone(), work);
            job.refuse();
            return task;
        }
        // Counts as work under way even if the waiter runs it.
        let under_way = self.core.queue.token();
        let work = move || {
            let _under_way = under_way;
            work()
        };
        let (task, job) = Task::new(operation, self.core.failures.clone(), work);
        self.core.queue.run(Lane::Urgent, move || job.run());
        task
    }

    /// Finds the keys that are persisted at `path`, and keeps track of them from then
    /// on.
    ///
    /// Two trackings of one directory share its keys: each sees what is persisted or
    /// deleted through the other.
    ///
    /// The process locks the place until the last user of the path is gone. Other
    /// processes can read it meanwhile, but not write to it.
    ///
    /// # Errors
    ///
    /// If the place cannot be read. [`Error::is_in_use`](crate::Error::is_in_use) if
    /// another process writes to it or a store uses it as its cache,
    /// [`Error::is_wrong_role`](crate::Error::is_wrong_role) if it is marked as a
    /// cache.
    pub fn track_path(self: &Arc<Self>, path: B::PersistPath) -> Task<TrackedPath<B::PersistPath>> {
        let core = self.core.clone();
        self.task(Operation::Track, move || core.track(path, false))
    }

    /// The blocking form of [`track_path`](Self::track_path).
    ///
    /// # Errors
    ///
    /// Same as [`track_path`](Self::track_path).
    ///
    /// # Blocking
    ///
    /// Does its file work on the calling thread.
    pub fn blocking_track_path(
        self: &Arc<Self>,
        path: B::PersistPath,
    ) -> Result<TrackedPath<B::PersistPath>> {
        self.core.track(path, false)
    }

    /// Finds the keys that are persisted at `path`, for reading only. Items registered
    /// from it are loaded from where they are, without a link in the cache. Nothing can
    /// be persisted to the place or deleted from it. Another process may write to it
    /// meanwhile.
    ///
    /// # Errors
    ///
    /// If the place cannot be read, or is a cache.
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
    /// # PreparedPath::open(path.clone()).await?;
    /// // Another process persists to `path` meanwhile.
    /// let pool: Arc<FBPool<String, _>> = FBPool::temp(BinCodec, 100).await?;
    /// let theirs = PreparedPath::open_read_only(path).await?;
    /// let theirs = Arc::new(pool.store().track_read_only(theirs).await?);
    /// assert!(theirs.is_read_only());
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bincodec"))]
    /// # fn main() {}
    /// ```
    pub fn track_read_only(
        self: &Arc<Self>,
        path: B::PersistPath,
    ) -> Task<TrackedPath<B::PersistPath>> {
        let core = self.core.clone();
        self.task(Operation::Track, move || core.track(path, true))
    }

    /// The blocking form of [`track_read_only`](Self::track_read_only).
    ///
    /// # Errors
    ///
    /// Same as [`track_read_only`](Self::track_read_only).
    ///
    /// # Blocking
    ///
    /// Does its file work on the calling thread.
    pub fn blocking_track_read_only(
        self: &Arc<Self>,
        path: B::PersistPath,
    ) -> Result<TrackedPath<B::PersistPath>> {
        self.core.track(path, true)
    }

    /// Makes all earlier persists to the tracked path, and deletions from it, durable.
    /// That includes the files that the scan found there, because the process that left
    /// them may not have synced them.
    ///
    /// A few files are synced one by one. Many are synced with one call for the whole
    /// file system, which then also waits for writes of other programs.
    ///
    /// # Errors
    ///
    /// If the system cannot confirm that everything is on the disk.
    pub fn sync(self: &Arc<Self>, tracked: &Arc<TrackedPath<B::PersistPath>>) -> Task<()> {
        let (core, tracked) = (self.core.clone(), tracked.clone());
        self.task(Operation::Sync, move || core.sync(&tracked))
    }

    /// The blocking form of [`sync`](Self::sync).
    ///
    /// # Errors
    ///
    /// Same as [`sync`](Self::sync).
    ///
    /// # Blocking
    ///
    /// Waits for the disk on the calling thread.
    pub fn blocking_sync(&self, tracked: &TrackedPath<B::PersistPath>) -> Result<()> {
        self.core.sync(tracked)
    }

    /// Deletes the persisted file of `key`. Items registered from it keep their file. A
    /// missing key is not an error.
    ///
    /// # Errors
    ///
    /// If the file cannot be deleted. The key then stays tracked.
    pub fn delete_persisted(
        self: &Arc<Self>,
        tracked: &Arc<TrackedPath<B::PersistPath>>,
        key: Uuid,
    ) -> Task<()> {
        let (core, tracked) = (self.core.clone(), tracked.clone());
        self.task(Operation::DeletePersisted, move || {
            core.delete_persisted(&tracked, key)
        })
    }

    /// The blocking form of [`delete_persisted`](Self::delete_persisted).
    ///
    /// # Errors
    ///
    /// Same as [`delete_persisted`](Self::delete_persisted).
    ///
    /// # Blocking
    ///
    /// Does its file work on the calling thread.
    pub fn blocking_delete_persisted(
        &self,
        tracked: &TrackedPath<B::PersistPath>,
        key: Uuid,
    ) -> Result<()> {
        self.core.delete_persisted(tracked, key)
    }

    /// Registers every key of the tracked path at once. While the result lives,
    /// registering one of the keys with a pool touches no file.
    ///
    /// # Errors
    ///
    /// The task fails if one of the files cannot be registered; none is then.
    pub fn register_all(
        self: &Arc<Self>,
        tracked: &Arc<TrackedPath<B::PersistPath>>,
    ) -> Task<RegisteredTokens<B>> {
        let (core, tracked) = (self.core.clone(), tracked.clone());
        self.task(Operation::RegisterAll, move || {
            core.register_all(&tracked).map(RegisteredTokens::new)
        })
    }

    /// The blocking form of [`register_all`](Self::register_all).
    ///
    /// # Errors
    ///
    /// Same as [`register_all`](Self::register_all).
    ///
    /// # Blocking
    ///
    /// Does its file work on the calling thread.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "bincodec")]
    /// # fn main() -> file_backed::Result<()> {
    /// # let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    /// use std::sync::Arc;
    /// use file_backed::FBPool;
    /// use file_backed::fbstore::{BinCodec, PreparedPath};
    ///
    /// # let pool: Arc<FBPool<String, _>> = runtime.block_on(FBPool::temp(BinCodec, 100))?;
    /// # let saved = Arc::new(pool.store().blocking_track_path(PreparedPath::blocking_temp()?)?);
    /// # pool.insert("one".to_owned()).blocking_persist(&saved)?;
    /// let registered = pool.store().blocking_register_all(&saved)?;
    /// assert_eq!(registered.len(), saved.all_keys().len());
    /// for key in saved.all_keys() {
    ///     let item = pool.blocking_register(&saved, key)?; // the link is there
    ///     println!("{}", *item.blocking_read()?);
    /// }
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bincodec"))]
    /// # fn main() {}
    /// ```
    pub fn blocking_register_all(
        self: &Arc<Self>,
        tracked: &TrackedPath<B::PersistPath>,
    ) -> Result<RegisteredTokens<B>> {
        self.core.register_all(tracked).map(RegisteredTokens::new)
    }

    /// Runs `f` on a blocking thread of the runtime, or on the thread that calls
    /// [`Task::wait`] before `f` has started. [`finished`](Self::finished) waits for it
    /// too.
    ///
    /// # Errors
    ///
    /// The task fails if `f` panics, or if the runtime shuts down before `f` has
    /// started.
    pub fn spawn_blocking<R: Send + 'static>(
        self: &Arc<Self>,
        f: impl FnOnce() -> R + Send + 'static,
    ) -> Task<R> {
        let failures = self.core.failures.clone();
        let (task, job) = Task::new(Operation::RunTask, failures, move || Ok(f()));
        if self.core.is_forked() {
            job.refuse();
            return task;
        }
        let job = RunOrTell(job);
        drop(
            self.tracker
                .spawn_blocking_on(move || job.run(), &self.runtime),
        );
        task
    }

    /// Counts the work under way: one while anything is queued or running in the
    /// background, one for each [`Task`], and one for each running load and write. The
    /// tracker is always closed, so its `wait` returns when the count is zero.
    pub fn task_tracker(&self) -> &TaskTracker {
        &self.tracker
    }

    /// Waits until no background work is left. This covers write-backs, deletions and
    /// all other work that was started before the call, what follows from that work,
    /// and work that a waiting caller runs on its own thread. Work that is started
    /// after the call may prolong the wait.
    ///
    /// During an outage, writes that wait for the store do not count: this returns, and
    /// [`Stats::store_failing`](crate::Stats::store_failing) and
    /// [`Stats::writes_waiting`](crate::Stats::writes_waiting) show that values are
    /// still only in memory.
    ///
    /// Never returns if it is called from within a background job. Returns at once in a
    /// [forked](crate#forks) child.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future only ends the wait.
    pub async fn finished(&self) {
        if self.core.is_forked() {
            return;
        }
        self.tracker.wait().await;
    }

    /// The blocking form of [`finished`](Self::finished).
    ///
    /// # Blocking
    ///
    /// Runs queued work on the calling thread, and waits for work that runs elsewhere.
    /// Never returns if it is called from within a background job.
    pub fn blocking_finished(&self) {
        if self.core.is_forked() {
            return;
        }
        self.core.queue.finish_all();
        crate::sync::block_on(self.tracker.wait());
    }
}

impl<B: BackingStoreT> Drop for BackingStore<B> {
    fn drop(&mut self) {
        if self.core.is_forked() {
            return;
        }
        self.core.queue.close();
        self.core.backing.detach();
    }
}

impl<B: BackingStoreT> fmt::Debug for BackingStore<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackingStore").finish_non_exhaustive()
    }
}

/// Runs a task on the runtime. If the runtime drops it unrun, its waiters get an error.
struct RunOrTell<R>(Arc<super::task::TaskJob<R>>);

impl<R> RunOrTell<R> {
    fn run(self) {
        self.0.run();
    }
}

impl<R> Drop for RunOrTell<R> {
    fn drop(&mut self) {
        self.0.shut_down();
    }
}
