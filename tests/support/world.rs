//! A runtime and a store, and helpers to use them.

use std::sync::Arc;

use file_backed::backing_store::{Task, TrackedPath};
use file_backed::{BackingStore, FBPool, Fb};
use tokio::runtime::{Builder, Runtime};

use super::{Gate, MemPath, MemStore, Op};

pub(crate) type Pool<T = String> = Arc<FBPool<T, Arc<MemStore>>>;
pub(crate) type Handle<T = String> = Fb<T, Arc<MemStore>>;
pub(crate) type Tracked = Arc<TrackedPath<MemPath>>;

/// For tests that want a pool on files.
#[cfg(any(feature = "mappedcodec", feature = "bytescodec"))]
pub(crate) fn runtime() -> Runtime {
    Runtime::new().expect("a runtime")
}

pub(crate) struct World {
    pub(crate) mem: Arc<MemStore>,
    pub(crate) store: Arc<BackingStore<Arc<MemStore>>>,
    runtime: Option<Runtime>,
}

impl World {
    /// On a runtime of two workers.
    pub(crate) fn new() -> Self {
        Self::on(
            Builder::new_multi_thread()
                .worker_threads(2)
                .build()
                .expect("a runtime"),
        )
    }

    /// With a quota on the bytes of the cache.
    pub(crate) fn with_quota(bytes: u64) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        Self::with(MemStore::with_quota(bytes), runtime)
    }

    pub(crate) fn on(runtime: Runtime) -> Self {
        Self::with(MemStore::default(), runtime)
    }

    /// A store that starts no threads for jobs that wait, so that all of them can be held.
    pub(crate) fn narrow() -> Self {
        let runtime = Runtime::new().expect("a runtime");
        Self::with_most_in_flight(1, runtime)
    }

    /// So many loads, and as many writes, run at a time.
    pub(crate) fn with_most_in_flight(most: usize, runtime: Runtime) -> Self {
        let wrap = |mem, runtime| BackingStore::new(mem, runtime).most_in_flight(most);
        Self::wrapped(MemStore::default(), runtime, wrap)
    }

    fn with(mem: MemStore, runtime: Runtime) -> Self {
        Self::wrapped(mem, runtime, BackingStore::new)
    }

    fn wrapped(
        mem: MemStore,
        runtime: Runtime,
        wrap: impl FnOnce(Arc<MemStore>, tokio::runtime::Handle) -> BackingStore<Arc<MemStore>>,
    ) -> Self {
        let mem = Arc::new(mem);
        let store = Arc::new(wrap(mem.clone(), runtime.handle().clone()));
        Self {
            mem,
            store,
            runtime: Some(runtime),
        }
    }

    pub(crate) fn pool<T>(&self, mem_size: usize) -> Pool<T> {
        Arc::new(FBPool::new(self.store.clone(), mem_size))
    }

    pub(crate) fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("it is not shut down yet")
    }

    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime().block_on(future)
    }

    /// Shuts the runtime down without waiting for its threads.
    pub(crate) fn shut_down(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    /// Waits until no background work is left.
    pub(crate) fn settle(&self) {
        self.store.blocking_finished();
    }

    pub(crate) fn track(&self, path: &MemPath) -> Tracked {
        let tracked = self.store.blocking_track_path(path.clone());
        Arc::new(tracked.expect("it is tracked"))
    }

    /// Occupies every thread that runs background work of a [narrow](Self::narrow) store,
    /// so that whatever is queued from now on stays queued.
    pub(crate) fn clog(&self) -> Clog {
        let tracked = self.track(&MemPath::default());
        let gate = self.mem.gate(Op::Sync, None);
        // As many as the store asks of the runtime, one more than cores, and its
        // own thread.
        let threads = std::thread::available_parallelism().map_or(2, usize::from) + 2;
        let tasks = (0..threads).map(|_| self.store.sync(&tracked)).collect();
        gate.wait_for(threads);
        Clog { gate, tasks }
    }

    /// An item of `pool` that is in its file and not in memory, whatever the
    /// pool's budget is.
    pub(crate) fn absent(&self, pool: &Pool, value: &str) -> Handle {
        let path = MemPath::default();
        let tracked = self.track(&path);
        let inserted = pool.insert(value.to_owned());
        inserted.blocking_persist(&tracked).expect("it is saved");
        let key = inserted.key();
        drop(inserted);
        let item = pool
            .blocking_register(&tracked, key)
            .expect("it is registered");
        self.settle();
        self.mem.forget_calls();
        item
    }

    /// A world with a pool that keeps `mem_size` items in memory, and an item "a" that is
    /// in its file.
    pub(crate) fn with_absent(mem_size: usize) -> (Self, Pool, Handle) {
        Self::new().and_absent(mem_size)
    }

    /// This world with such a pool and item.
    pub(crate) fn and_absent(self, mem_size: usize) -> (Self, Pool, Handle) {
        let world = self;
        let pool = world.pool(mem_size);
        let item = world.absent(&pool, "a");
        (world, pool, item)
    }

    /// Asserts that the pool, whose handles are all gone, is empty, and that the
    /// store has no files of it.
    pub(crate) fn assert_empty<T>(&self, pool: &Pool<T>) {
        self.settle();
        assert_eq!(pool.size(), 0, "handles are gone");
        // A write that failed again and again keeps its place until its delay
        // is over, also when its item is gone.
        while pool.stats().writes_waiting > 0 {
            std::thread::yield_now();
        }
        let stats = pool.stats();
        assert_eq!(
            (
                stats.resident,
                stats.pinned_over_budget,
                stats.writes_waiting
            ),
            (0, 0, 0)
        );
        assert!(self.mem.files().is_empty(), "files are left");
    }
}

/// Held threads; see [`World::clog`].
pub(crate) struct Clog {
    gate: Gate,
    tasks: Vec<Task<()>>,
}

impl Clog {
    pub(crate) fn clear(self) {
        self.gate.open();
        for task in self.tasks {
            task.wait().expect("it is synced");
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.shut_down();
    }
}
