//! A pool to explore, and the checks on it when it is idle.

use std::pin::{Pin, pin};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Waker};

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, FailurePersistence, MaxSteps, Runner};
use tokio::runtime::{Builder, Runtime};

use crate::backing_store::{BackingStore, TrackedPath};
use crate::testing::{Fault, MemPath, MemStore, On, Op};
use crate::{FBPool, Fb, Policy};

/// What a pool of these tests keeps.
type Bytes = Vec<u8>;

pub(super) type Pool = FBPool<Bytes, Arc<MemStore>>;
pub(super) type Handle = Fb<Bytes, Arc<MemStore>>;

/// Nothing runs on it: the checker provides the threads.
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().build().expect("a runtime"));

/// Explores schedules of `body`: half of them chosen uniformly, half with few
/// preemptions, at unlikely places.
pub(super) fn explore(body: impl Fn() + Send + Sync + 'static) {
    let iterations = std::env::var("SHUTTLE_ITERATIONS").map_or(300, |text| {
        text.parse().expect("SHUTTLE_ITERATIONS is a number")
    });
    let body = Arc::new(body);
    let config = || {
        let mut config = Config::new();
        config.max_steps = MaxSteps::FailAfter(200_000);
        config.failure_persistence = FailurePersistence::Print;
        config
    };
    let random = RandomScheduler::new(iterations);
    Runner::new(random, config()).run({
        let body = body.clone();
        move || body()
    });
    let few_preemptions = PctScheduler::new(3, iterations);
    Runner::new(few_preemptions, config()).run(move || body());
}

pub(super) struct World {
    pub(super) mem: Arc<MemStore>,
    pub(super) store: Arc<BackingStore<Arc<MemStore>>>,
    pub(super) pool: Arc<Pool>,
}

impl World {
    /// Makes a pool that keeps `mem_size` items in memory, with a backlog of one
    /// value, on a store whose reports after writes change weights.
    pub(super) fn new(mem_size: usize) -> Self {
        Self::with_policy(mem_size, Policy::default())
    }

    pub(super) fn with_policy(mem_size: usize, policy: Policy) -> Self {
        Self::on(MemStore::strict(), mem_size, policy)
    }

    /// The same on a store that keeps at most `quota` bytes of values, and says no more than
    /// that when it refuses one.
    pub(super) fn with_quota(mem_size: usize, quota: u64) -> Self {
        Self::on(MemStore::with_quota(quota), mem_size, Policy::default())
    }

    fn on(mem: MemStore, mem_size: usize, policy: Policy) -> Self {
        let mem = Arc::new(mem);
        mem.measure();
        let store = BackingStore::new(mem.clone(), RUNTIME.handle().clone());
        let store = Arc::new(store);
        Self {
            pool: FBPool::builder(store.clone())
                .items(mem_size)
                .policy(policy)
                .backlog_items(1)
                .build(),
            store,
            mem,
        }
    }

    pub(super) fn track(&self, place: MemPath) -> Arc<TrackedPath<MemPath>> {
        let tracked = self.store.blocking_track_path(place);
        Arc::new(tracked.expect("it can be tracked"))
    }

    /// Makes an item whose value is in a file only.
    pub(super) fn absent(&self, value: Bytes) -> Handle {
        let tracked = self.track(MemPath::default());
        let saved = self.pool.insert(value);
        let key = saved.key();
        saved.blocking_persist(&tracked).expect("it is persisted");
        drop(saved);
        self.pool
            .blocking_register(&tracked, key)
            .expect("it is registered")
    }

    /// Makes every write fail.
    pub(super) fn fail_writes(&self, fault: Fault) {
        self.mem.fail(On::every(Op::Store), fault);
    }

    pub(super) fn settle(&self) {
        self.pool.core().queue.finish_all();
    }

    /// The store accepts writes again, and the deferred ones are done.
    pub(super) fn heal(&self) {
        self.mem.heal();
        let core = self.pool.core();
        core.queue.hurry();
        self.settle();
        core.outage.write_succeeded(&core.queue);
        core.queue.hurry();
        self.settle();
    }

    /// Checks the invariants of an idle pool that has these handles left.
    pub(super) fn check(&self, handles: &[&Handle]) {
        self.settle();
        self.pool.lists.validate();
        assert_eq!(self.pool.in_flight.len(), (0, 0), "nothing is under way");
        assert_eq!(self.pool.size(), handles.len());
        for handle in handles {
            handle.item().validate();
        }
    }

    /// Checks that nothing is left of any item.
    pub(super) fn end(self) {
        self.check(&[]);
        let stats = self.pool.stats();
        assert_eq!((stats.resident, stats.pinned_over_budget), (0, 0));
        assert_eq!(stats.writes_waiting, 0);
        assert!(self.mem.files().is_empty(), "every file was deleted");
    }
}

/// Polls a future up to `times` times, and then drops it.
pub(super) fn poll_some<F: Future>(future: F, times: usize) -> Option<F::Output> {
    let mut future: Pin<&mut F> = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..times {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Some(output);
        }
        crate::sync::point();
    }
    None
}
