//! Random sequences of operations on one pool, checked against a prediction of
//! what is in memory, what is in files and what every handle reads.
//!
//! Everything runs on one thread, and background work finishes after each step,
//! so the prediction is exact.

mod prediction;

use std::sync::Arc;
use std::task::{Context, Waker};

use proptest::prelude::*;
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

use crate::FBPool;
use crate::backing_store::{BackingStore, TrackedPath};
use crate::testing::{Fault, MemPath, MemStore, On, Op};
use crate::{Fb, OwnedReadGuard};
use prediction::Prediction;

type Bytes = Vec<u8>;

/// More bytes than any run has in memory.
const UNLIMITED: usize = 1 << 20;

#[derive(Clone, Debug)]
enum Step {
    Insert(usize),
    Read(usize),
    /// A read while the store refuses loads.
    ReadInVain(usize),
    /// The future is dropped after its first poll.
    ReadAndGiveUp(usize),
    Write(usize),
    Clone(usize),
    Drop(usize),
    Pin(usize),
    Unpin(usize),
    WriteNow(usize),
    Persist(usize),
    Register(usize),
    Fail(Fault),
    Heal,
}

fn step() -> impl Strategy<Value = Step> {
    let at = 0..64_usize;
    prop_oneof![
        4 => (0..4_usize).prop_map(Step::Insert),
        6 => at.clone().prop_map(Step::Read),
        1 => at.clone().prop_map(Step::ReadInVain),
        1 => at.clone().prop_map(Step::ReadAndGiveUp),
        4 => at.clone().prop_map(Step::Write),
        2 => at.clone().prop_map(Step::Clone),
        3 => at.clone().prop_map(Step::Drop),
        2 => at.clone().prop_map(Step::Pin),
        2 => at.clone().prop_map(Step::Unpin),
        1 => at.clone().prop_map(Step::WriteNow),
        2 => at.clone().prop_map(Step::Persist),
        2 => at.prop_map(Step::Register),
        1 => Just(Step::Fail(Fault::Refused)),
        1 => Just(Step::Fail(Fault::Full)),
        1 => Just(Step::Heal),
    ]
}

struct Run {
    store: Arc<BackingStore<Arc<MemStore>>>,
    mem: Arc<MemStore>,
    pool: Arc<FBPool<Bytes, Arc<MemStore>>>,
    tracked: TrackedPath<MemPath>,
    /// Handles, and the predicted item of each.
    handles: Vec<(Fb<Bytes, Arc<MemStore>>, usize)>,
    /// Guards, with the item of each and the value that it must always read.
    guards: Vec<(OwnedReadGuard<Bytes, Arc<MemStore>>, usize, Bytes)>,
    saved: Vec<(Uuid, Bytes)>,
    prediction: Prediction,
    /// The pool has a weigher.
    weighs: bool,
    written: u8,
}

impl Run {
    /// With `None` for `mem_bytes`, the pool has no weigher, and the store measures.
    fn new(runtime: &Runtime, mem_size: usize, mem_bytes: Option<usize>) -> Self {
        let mem = Arc::new(MemStore::strict());
        let store = BackingStore::new(mem.clone(), runtime.handle().clone());
        let store = Arc::new(store);
        let builder = FBPool::builder(store.clone()).items(mem_size);
        let builder = match mem_bytes {
            Some(bytes) => builder.bytes(bytes as u64, |value: &Bytes| value.len() as u64),
            None => {
                mem.measure();
                builder
            }
        };
        Self {
            mem,
            pool: builder.build(),
            weighs: mem_bytes.is_some(),
            tracked: store.blocking_track_path(MemPath::default()).unwrap(),
            store,
            handles: Vec::new(),
            guards: Vec::new(),
            saved: Vec::new(),
            prediction: Prediction::new(mem_size, mem_bytes.unwrap_or(UNLIMITED)),
            written: 0,
        }
    }

    /// Reduces `at` to an index below `of`; `None` if `of` is 0.
    fn pick(at: usize, of: usize) -> Option<usize> {
        (of > 0).then(|| at % of)
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Insert(length) => {
                let value = vec![0; length];
                let item = self.prediction.insert(value.clone());
                self.handles.push((self.pool.insert(value), item));
            }
            Step::Register(at) => {
                if let Some(at) = Self::pick(at, self.saved.len()) {
                    let (key, value) = self.saved[at].clone();
                    let handle = self.pool.blocking_register(&self.tracked, key).unwrap();
                    let item = self.prediction.register(key, value);
                    self.handles.push((handle, item));
                }
            }
            Step::Unpin(at) => {
                if let Some(at) = Self::pick(at, self.guards.len()) {
                    let (guard, item, _) = self.guards.swap_remove(at);
                    drop(guard);
                    self.prediction.unpin(item);
                }
            }
            Step::Fail(fault) => {
                self.mem.heal_only(Op::Store);
                self.mem.fail(On::every(Op::Store), fault);
                self.prediction.failing = true;
            }
            Step::Heal => self.heal(),
            Step::Read(at)
            | Step::ReadInVain(at)
            | Step::ReadAndGiveUp(at)
            | Step::Write(at)
            | Step::Clone(at)
            | Step::Drop(at)
            | Step::Pin(at)
            | Step::WriteNow(at)
            | Step::Persist(at) => {
                if let Some(at) = Self::pick(at, self.handles.len()) {
                    self.step_on(step, at);
                }
            }
        }
    }

    fn step_on(&mut self, step: &Step, at: usize) {
        let (handle, item) = &mut self.handles[at];
        match step {
            Step::Read(_) => {
                let loads = usize::from(!self.prediction.is_in_memory(*item));
                let before = self.mem.count(Op::Load);
                self.prediction.read(*item);
                assert_eq!(
                    *handle.blocking_read().unwrap(),
                    *self.prediction.value(*item)
                );
                assert_eq!(self.mem.count(Op::Load) - before, loads);
            }
            Step::ReadInVain(_) => {
                let is_there = self.prediction.is_in_memory(*item);
                self.mem.fail(On::every(Op::Load), Fault::Refused);
                assert_eq!(handle.blocking_read().is_ok(), is_there);
                self.mem.heal_only(Op::Load);
                if is_there {
                    self.prediction.read(*item);
                }
            }
            Step::ReadAndGiveUp(_) => {
                let mut read = Box::pin(handle.read());
                let _ = read.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                drop(read);
                self.prediction.read(*item);
            }
            Step::Write(_) => {
                self.written = self.written.wrapping_add(1);
                handle.blocking_write().unwrap().push(self.written);
                *item = self.prediction.write(*item, self.written);
            }
            Step::Clone(_) => {
                let clone = (handle.clone(), *item);
                self.prediction.clone_handle(clone.1);
                self.handles.push(clone);
            }
            Step::Drop(_) => {
                let (handle, item) = self.handles.swap_remove(at);
                drop(handle);
                self.prediction.drop_handle(item);
            }
            Step::Pin(_) => {
                self.prediction.read(*item);
                self.prediction.pin(*item);
                let guard = handle.blocking_read_owned().unwrap();
                let value = guard.clone();
                self.guards.push((guard, *item, value));
            }
            Step::WriteNow(_) => {
                let written = handle.blocking_write_now().is_ok();
                assert_eq!(written, self.prediction.write_now(*item));
            }
            _ => {
                let saved = handle.blocking_persist(&self.tracked).is_ok();
                assert_eq!(saved, self.prediction.write_now(*item));
                if saved {
                    let value = self.prediction.value(*item).clone();
                    self.saved.push((handle.key(), value));
                }
            }
        }
    }

    /// The store works again, and deferred work is done.
    fn heal(&mut self) {
        self.mem.heal();
        let core = self.pool.core();
        self.store.blocking_finished();
        core.outage.write_succeeded(&core.queue);
        core.queue.hurry();
        self.store.blocking_finished();
        self.prediction.heal();
    }

    fn check(&mut self) {
        self.store.blocking_finished();
        self.pool.lists.validate();
        assert_eq!(self.pool.in_flight.len(), (0, 0), "nothing is under way");
        for (handle, item) in &self.handles {
            handle.item().validate();
            let in_memory = handle.item().read().is_some();
            assert_eq!(in_memory, self.prediction.is_in_memory(*item), "of {item}");
            self.prediction.note_key(*item, handle.key());
        }
        for (guard, _, value) in &self.guards {
            assert_eq!(**guard, *value);
        }
        let stats = self.pool.stats();
        assert_eq!(stats.items, self.prediction.size());
        assert_eq!(stats.resident, self.prediction.resident());
        if self.weighs {
            let predicted = self.prediction.resident_bytes() as u64;
            assert_eq!(stats.resident_bytes, predicted);
        }
        assert_eq!(stats.writes_waiting, self.prediction.unwritten());
        assert_eq!(self.mem.files(), self.prediction.files());
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        rng_algorithm: prop::test_runner::RngAlgorithm::XorShift,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_pool_behaves_as_its_model_predicts(
        mem_size in 0..5_usize,
        mem_bytes in prop_oneof![Just(None), Just(Some(UNLIMITED)), (0..8_usize).prop_map(Some)],
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let runtime = Builder::new_current_thread().build().expect("a runtime");
        let mut run = Run::new(&runtime, mem_size, mem_bytes);
        for step in &steps {
            run.step(step);
            run.check();
        }
        run.heal();
        run.handles.clear();
        run.guards.clear();
        run.store.blocking_finished();
        let stats = run.pool.stats();
        prop_assert_eq!((stats.items, stats.resident, stats.pinned_over_budget), (0, 0, 0));
        prop_assert_eq!((stats.resident_bytes, stats.pinned_over_budget_bytes), (0, 0));
        prop_assert_eq!((stats.writes_waiting, stats.writes_waiting_bytes), (0, 0));
        prop_assert!(run.mem.files().is_empty());
        runtime.shutdown_background();
    }
}
