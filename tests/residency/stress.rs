//! Concurrent random operations from many threads.

use std::sync::Arc;

use crate::support::{ByHand, Fault, Handle, MemPath, On, Op, Tracked, World, test};

const THREADS: u64 = 8;
const STEPS: u64 = 1500;

/// A small generator, so that a run can be repeated.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }
}

/// A handle, and what its value must be.
struct Known {
    item: Handle<Vec<u64>>,
    value: Vec<u64>,
}

struct Worker {
    dice: Dice,
    own: Vec<Known>,
    shared: Arc<Vec<Handle<Vec<u64>>>>,
    tracked: Tracked,
    /// Whether the store fails now and then.
    faults: bool,
}

impl Worker {
    /// A failure is fine where the store fails; nothing has changed then.
    fn ok<R>(&self, result: file_backed::Result<R>) -> Option<R> {
        match result {
            Ok(value) => Some(value),
            Err(error) if self.faults && !error.is_leaked_guard() => None,
            Err(error) => panic!("{error}"),
        }
    }

    fn step(&mut self, n: u64) {
        let at = self.dice.roll(self.own.len());
        match self.dice.roll(12) {
            0..3 => self.read(at),
            3..6 => self.write(at, n),
            6 => {
                let Known { item, value } = &self.own[at];
                let (item, value) = (item.clone(), value.clone());
                self.own.push(Known { item, value });
            }
            7 | 8 if self.own.len() > 4 => drop(self.own.swap_remove(at)),
            7 | 8 => {
                let (item, value) = (self.own[at].item.pool().insert(vec![n]), vec![n]);
                self.own.push(Known { item, value });
            }
            9 => self.save(at),
            10 => {
                // Dropped where they wait.
                let item = &mut self.own[at].item;
                let _ = ByHand::new(item.write()).poll();
                let _ = ByHand::new(item.read()).poll();
            }
            _ => {
                let at = self.dice.roll(self.shared.len());
                let value = self.ok(self.shared[at].blocking_read());
                assert!(value.is_none_or(|value| *value == [at as u64]));
            }
        }
    }

    fn read(&mut self, at: usize) {
        let how = self.dice.roll(3);
        let Known { item, value } = &self.own[at];
        let read = match how {
            0 => self.ok(item.blocking_read()),
            1 => self.ok(ByHand::new(item.read()).finish()),
            _ => item.try_load(),
        };
        assert!(read.is_none_or(|read| *read == *value));
    }

    fn write(&mut self, at: usize, n: u64) {
        let how = self.dice.roll(4);
        let mut known = self.own.swap_remove(at);
        self.change(&mut known, how, n);
        self.own.push(known);
    }

    fn change(&self, known: &mut Known, how: usize, n: u64) {
        let reader = (how == 3)
            .then(|| self.ok(known.item.blocking_read_owned()))
            .flatten();
        let write = match how {
            0 => self.ok(known.item.blocking_write()),
            1 if !self.faults => known.item.try_load_mut(),
            _ => self.ok(ByHand::new(known.item.write()).finish()),
        };
        if let Some(mut write) = write {
            assert_eq!(*write, known.value);
            write.push(n);
            assert!(reader.is_none_or(|reader| *reader == known.value));
            known.value.push(n);
        }
    }

    fn save(&mut self, at: usize) {
        let how = self.dice.roll(3);
        let Known { item, value } = &self.own[at];
        if how == 0 {
            self.ok(item.blocking_persist(&self.tracked));
            return;
        }
        let task = ByHand::new(item.spawn_persist(&self.tracked)).finish();
        if how == 1 {
            drop(ByHand::new(item.spawn_write_now()).finish());
            return;
        }
        let registered = self
            .ok(task.wait())
            .and_then(|()| self.ok(item.pool().blocking_register(&self.tracked, item.key())));
        if let Some(item) = registered {
            let value = value.clone();
            self.own.push(Known { item, value });
        }
    }
}

fn run(mem_size: usize, faults: bool) {
    let world = World::new();
    let pool = world.pool::<Vec<u64>>(mem_size);
    let tracked = world.track(&MemPath::default());
    let shared: Arc<Vec<_>> = Arc::new((0..4).map(|n| pool.insert(vec![n])).collect());
    for after in (0..if faults { 2000 } else { 0 }).step_by(97) {
        for op in [
            Op::Store,
            Op::Load,
            Op::Duplicate,
            Op::Persist,
            Op::Register,
        ] {
            world.mem.fail(On::nth(op, after), Fault::Error);
        }
    }
    let threads: Vec<_> = (1..=THREADS)
        .map(|seed| {
            let mut worker = Worker {
                dice: Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
                own: vec![Known {
                    item: pool.insert(vec![]),
                    value: vec![],
                }],
                shared: shared.clone(),
                tracked: tracked.clone(),
                faults,
            };
            std::thread::spawn(move || (0..STEPS).for_each(|n| worker.step(n)))
        })
        .collect();
    for thread in threads {
        thread.join().expect("no assertion fails");
    }
    drop(shared);
    // Retries of items that are gone wait for the end of an outage.
    while faults && pool.stats().writes_waiting > 0 {
        std::thread::yield_now();
    }
    world.assert_empty(&pool);
    let stats = pool.stats();
    assert_eq!(stats.failed_deletions, 0);
    assert!(faults || (stats.write_failures, stats.failed_tasks) == (0, 0));
}

#[test]
fn concurrent_operations_are_consistent_in_a_cache_of_zero() {
    test(|| run(0, false));
}

#[test]
fn concurrent_operations_are_consistent_in_a_cache_of_one() {
    test(|| run(1, false));
}

#[test]
fn concurrent_operations_are_consistent_in_a_cache_of_two() {
    test(|| run(2, false));
}

#[test]
fn concurrent_operations_are_consistent_in_a_cache_for_most_items() {
    test(|| run(30, false));
}

#[test]
fn concurrent_operations_are_consistent_on_a_store_that_fails_at_times() {
    test(|| run(2, true));
}
