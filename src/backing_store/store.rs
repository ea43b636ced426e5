//! The store that pools share.

use std::fmt;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

use super::queue::Queue;
use super::{Background, BackingStoreT, PreparedTask, RoomWorkToken, StoreCore, Task};
use crate::Result;
use crate::error::Operation;
use crate::sync::atomic::AtomicUsize;

/// The store that pools share: it wraps a [`BackingStoreT`] and adds background work,
/// ownership of files, and tracked paths.
///
/// Background jobs run on a tokio runtime. A job that the runtime does not start within
/// 20 ms, because all its blocking threads are busy or it has been shut down, runs on a
/// thread that belongs to the store. So do loads and write-backs that wait for the disk, of
/// which [many](Self::most_in_flight) run at a time. Blocking calls do their file work on
/// the calling thread.
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
    pub(super) core: Arc<StoreCore<B>>,
    runtime: Handle,
    /// Always closed, so that `wait` returns as soon as the tracker is empty.
    tracker: TaskTracker,
}

impl<B: BackingStoreT> BackingStore<B> {
    /// Wraps `backing`. Background jobs run on the blocking threads of `runtime`, at
    /// most the number of cores plus one at a time, and, where they wait, on threads of the
    /// store (see [`most_in_flight`](Self::most_in_flight)).
    pub fn new(backing: B, runtime: Handle) -> Self {
        let tracker = TaskTracker::new();
        tracker.close();
        let queue = Queue::new(runtime.clone(), tracker.clone());
        let files = Arc::new(AtomicUsize::new(0));
        backing.attach(Background::new(&queue, files.clone()));
        Self {
            core: StoreCore::new(backing, queue, files),
            runtime,
            tracker,
        }
    }

    /// Sets how many loads run at a time in the background, and how many write-backs, while
    /// they wait for the disk. The default is 64.
    ///
    /// As long as they use the processor, such as a codec that decodes, only as many run as
    /// there are cores, and one. If they wait, others are started beside them, within some
    /// tens of milliseconds, as long as more of them end in a second. A store waits if its
    /// calls sleep; with [`FBStore`](crate::fbstore::FBStore), only the calls of files count.
    /// These threads belong to the store, are named `file_backed-io`, and end after two
    /// seconds without work. All stores of a process have at most 512 of them together.
    ///
    /// | disk | |
    /// |---|---|
    /// | NVMe | serves 32 to 128 reads at a time well; 64 is a good number |
    /// | network, such as a cloud disk or a store of objects | a call takes milliseconds, so the number divided by their time bounds the calls in a second: raise it to as many as the server allows |
    /// | spinning | gains little from more than a few; the store finds that out, and takes most of its threads back |
    /// | memory, page cache | does not wait: the number changes nothing |
    ///
    /// Each load in flight takes memory: see
    /// [`PoolBuilder::bytes`](crate::PoolBuilder::bytes). With as many as there are cores and
    /// one, or fewer, the store starts no more than one thread of its own for jobs, and all
    /// kinds of work share as many threads as there are cores, and two.
    ///
    /// To be called before the store is used.
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
    /// // A store of your own is wrapped in the same way.
    /// let files = FBStore::open(BinCodec, PreparedPath::temp().await?)?;
    /// let store = BackingStore::new(files, Handle::current()).most_in_flight(256);
    /// let pool: FBPool<String, _> = FBPool::new(Arc::new(store), 100);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bincodec"))]
    /// # fn main() {}
    /// ```
    #[must_use]
    pub fn most_in_flight(self, most: usize) -> Self {
        self.core.queue.set_most_in_flight(most);
        self
    }

    pub(crate) fn core(&self) -> &Arc<StoreCore<B>> {
        &self.core
    }

    /// Queues `work` for the background.
    pub(crate) fn task<R: Send + 'static>(
        &self,
        operation: Operation,
        work: impl FnOnce() -> Result<R> + Send + 'static,
    ) -> Task<R> {
        self.prepare_task(operation, work).start()
    }

    /// Same as [`prepare_task`](Self::prepare_task), for work that makes room in a store with
    /// a quota: a file that is linked to a persisted path does not count in the cache.
    pub(crate) fn prepare_room_task<R: Send + 'static>(
        &self,
        operation: Operation,
        work: impl FnOnce() -> Result<R> + Send + 'static,
    ) -> PreparedTask<R, B> {
        let room = RoomWorkToken::new(self.core.clone());
        self.prepare_task(operation, move || {
            let _room = room;
            work()
        })
    }

    /// The task of `work`, which is to be started, or to be waited for on this thread.
    pub(crate) fn prepare_task<R: Send + 'static>(
        &self,
        operation: Operation,
        work: impl FnOnce() -> Result<R> + Send + 'static,
    ) -> PreparedTask<R, B> {
        let failures = self.core.failures.clone();
        if self.core.is_forked() {
            let (task, job) = Task::new(operation, failures, work);
            job.refuse();
            return PreparedTask::new(self.core.clone(), task, job);
        }
        // Counts as work under way even if the waiter runs it.
        let under_way = self.core.queue.token();
        let work = move || {
            let _under_way = under_way;
            work()
        };
        let (task, job) = Task::new(operation, failures, work);
        PreparedTask::new(self.core.clone(), task, job)
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
    /// Never returns if it is called from within a background job, a codec or a store. Returns at once in a
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
    /// Never returns if it is called from within a background job, a codec or
    /// a store.
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
