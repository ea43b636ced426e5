//! How many loads and write-backs run at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use file_backed::fbstore::{BoxError, Codec, CodecId, FBStore, Payload, PayloadWriter};
use file_backed::{BackingStore, FBPool};
use tokio::runtime::{Builder, Runtime};

use crate::support::{ByHand, Gate, Handle, MemPath, Op, Plain, Pool, World, test};

/// How many loads run at a time by default, and how many writes.
const DEFAULT: usize = 64;

/// As many jobs run at a time if they do not wait.
fn without_waiting() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from) + 1
}

fn absent(world: &World, pool: &Pool, items: usize) -> Vec<Handle> {
    let (path, of) = (MemPath::default(), |n: usize| n.to_string());
    let tracked = world.track(&path);
    let inserted: Vec<_> = (0..items).map(|n| pool.insert(of(n))).collect();
    let persist = |item: &Handle| item.blocking_persist(&tracked).expect("it is saved");
    inserted.iter().for_each(persist);
    let keys: Vec<_> = inserted.iter().map(Handle::key).collect();
    drop(inserted);
    let register = |key| pool.blocking_register(&tracked, key);
    let items = keys.into_iter().map(register);
    let items = items.map(|item| item.expect("it is registered")).collect();
    world.settle();
    world.mem.forget_calls();
    items
}

/// Begins to read all items, and waits until so many of their loads are held at once.
fn hold_loads(world: &World, items: &[Handle], at_once: usize) -> Gate {
    let gate = world.mem.gate(Op::Load, None);
    let read = |item| ByHand::waiting(Handle::read(item));
    let reads: Vec<_> = items.iter().map(read).collect();
    gate.wait_for(at_once);
    assert_eq!(world.mem.count(Op::Load), at_once, "no others run");
    drop(reads);
    gate
}

/// Only as many as there are cores, and one, ran at a time.
#[test]
fn loads_that_wait_run_64_at_a_time() {
    test(|| {
        let world = World::new();
        let pool = world.pool(1000);
        let items = absent(&world, &pool, 100);
        let gate = hold_loads(&world, &items, DEFAULT);
        gate.open();
        world.settle();
        assert!(items.iter().all(|item| item.try_load().is_some()));
        assert_eq!(world.mem.count(Op::Load), 100);
        drop(items);
        world.assert_empty(&pool);
    });
}

#[test]
fn writes_that_wait_run_64_at_a_time() {
    test(|| {
        let world = World::new();
        let pool = world.pool(0);
        let gate = world.mem.gate(Op::Store, None);
        let items: Vec<_> = (0..100).map(|n| pool.insert(n.to_string())).collect();
        gate.wait_for(DEFAULT);
        assert_eq!(world.mem.count(Op::Store), DEFAULT, "no others run");
        gate.open();
        world.settle();
        assert_eq!(world.mem.files().len(), items.len());
        drop(items);
        world.assert_empty(&pool);
    });
}

#[test]
fn a_store_runs_as_many_at_a_time_as_it_is_told() {
    test(|| {
        for most in [20, 128] {
            let runtime = Runtime::new().expect("a runtime");
            let world = World::with_most_in_flight(most, runtime);
            let pool = world.pool(0);
            let items = absent(&world, &pool, 150);
            hold_loads(&world, &items, most).open();
            drop(items);
            world.assert_empty(&pool);
        }
    });
}

/// The runtime's threads do not run the loads there.
#[test]
fn loads_that_wait_run_on_runtimes_without_a_thread_to_spare() {
    test(|| {
        let one_thread = || {
            let runtime = Builder::new_current_thread()
                .max_blocking_threads(1)
                .build();
            runtime.expect("a runtime")
        };
        let (release, held) = std::sync::mpsc::channel::<()>();
        let busy = one_thread();
        busy.spawn_blocking(move || held.recv().ok());
        let mut worlds = [one_thread(), busy, one_thread()].map(World::on);
        worlds[2].shut_down();
        for world in &worlds {
            let pool = world.pool(0);
            let items = absent(world, &pool, 80);
            hold_loads(world, &items, DEFAULT).open();
            drop(items);
            world.settle();
            assert_eq!(pool.size(), 0);
        }
        drop(release);
    });
}

#[test]
fn slow_writes_delay_no_load() {
    test(|| {
        let world = World::new();
        let pool = world.pool(0);
        let items = absent(&world, &pool, 80);
        let writes = world.mem.gate(Op::Store, None);
        let dirty: Vec<_> = (0..200).map(|n| pool.insert(n.to_string())).collect();
        writes.wait_for(DEFAULT);
        for (n, item) in items.iter().enumerate() {
            let value = ByHand::new(item.read()).finish().expect("it is loaded");
            assert_eq!(*value, n.to_string());
            drop(value);
            // The thread that has loaded it may hold it a moment longer.
            while item.try_load().is_some() {
                std::thread::yield_now();
            }
        }
        world.mem.forget_calls();
        hold_loads(&world, &items, DEFAULT).open();
        writes.open();
        drop((items, dirty));
        world.assert_empty(&pool);
    });
}

/// A commit waits for loads and writes, which then have to run.
#[test]
fn tasks_that_wait_leave_threads_for_loads_and_writes() {
    test(|| {
        let world = World::new();
        let (pool, tracked) = (world.pool(0), world.track(&MemPath::default()));
        let items = absent(&world, &pool, 80);
        let syncs = world.mem.gate(Op::Sync, None);
        let tasks: Vec<_> = (0..200).map(|_| world.store.sync(&tracked)).collect();
        syncs.wait_for(without_waiting());
        let dirty = pool.insert("a".to_owned());
        while pool.stats().writes < 1 {
            std::thread::yield_now();
        }
        hold_loads(&world, &items, DEFAULT).open();
        assert_eq!(
            world.mem.count(Op::Sync),
            without_waiting(),
            "no others run"
        );
        syncs.open();
        for task in tasks {
            task.wait().expect("it is synced");
        }
        drop((items, dirty));
        world.assert_empty(&pool);
    });
}

/// A codec that counts how many threads decode at once.
struct Counting {
    /// What a decode does.
    work: fn(&str),
    now: AtomicUsize,
    most: Arc<AtomicUsize>,
}

impl Codec<String> for Counting {
    const ID: CodecId = CodecId::user(61);

    fn encode(&self, value: &String, out: &mut PayloadWriter<'_>) -> Result<(), BoxError> {
        Plain.encode(value, out)
    }

    fn decode(&self, payload: Payload<'_>) -> Result<String, BoxError> {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        let value: String = Plain.decode(payload)?;
        (self.work)(&value);
        self.now.fetch_sub(1, Ordering::SeqCst);
        Ok(value)
    }
}

/// Keeps a core busy.
fn compute(value: &str) {
    let seed = value.len() as u64;
    let hash = (0..50_000).fold(seed, |hash: u64, n| {
        (hash ^ n).wrapping_mul(0x0100_0000_01b3)
    });
    std::hint::black_box(hash);
}

/// Sleeps until another thread has answered some questions.
fn ask(value: &str) {
    let (question, questions) = std::sync::mpsc::channel::<usize>();
    let (answer, answers) = std::sync::mpsc::channel();
    let answering = std::thread::spawn(move || {
        for question in questions {
            compute("");
            answer.send(question).expect("it waits");
        }
    });
    for _ in 0..4 {
        question.send(value.len()).expect("it answers");
        assert_eq!(answers.recv(), Ok(value.len()));
    }
    drop(question);
    answering.join().expect("no panic");
}

/// Decoding takes cores and memory, so that more threads would not make it faster.
#[test]
fn decoding_never_takes_more_threads_than_cores_and_one() {
    test(|| {
        for work in [compute as fn(&str), ask] {
            let runtime = Runtime::new().expect("a runtime");
            let most = Arc::new(AtomicUsize::new(0));
            let codec = Counting {
                work,
                now: AtomicUsize::new(0),
                most: most.clone(),
            };
            let store = runtime.block_on(BackingStore::temp(codec));
            let pool: Arc<FBPool<String, FBStore<Counting>>> =
                Arc::new(FBPool::new(store.expect("a store"), 0));
            let items: Vec<_> = (0..256).map(|n| pool.insert(n.to_string())).collect();
            pool.store().blocking_finished();
            let mut reads: Vec<_> = items.iter().map(|item| ByHand::new(item.read())).collect();
            // The first ones may have ended before the last ones begin.
            let ready: Vec<_> = reads.iter_mut().map(ByHand::poll).collect();
            for ((n, read), ready) in reads.into_iter().enumerate().zip(ready) {
                let value = match ready {
                    Poll::Ready(value) => value,
                    Poll::Pending => read.finish(),
                };
                assert_eq!(*value.expect("it is loaded"), n.to_string());
            }
            let most = most.load(Ordering::SeqCst);
            assert!(most <= without_waiting(), "{most} threads");
        }
    });
}
