//! Many loads and writes at a time, on threads that come and go. In the model every thread
//! that runs a job waits, so the lanes grow as soon as time passes.

use std::sync::Arc;

use shuttle::{future, thread};

use super::world::poll_some;
use super::{World, explore, of};
use crate::testing::{Fault, MemPath, On, Op};

#[test]
fn many_loads_end_while_a_caller_finishes_the_queue() {
    explore(|| {
        let world = World::new(2);
        let items: Vec<_> = (0..5).map(|n| Arc::new(world.absent(of(n)))).collect();
        let readers: Vec<_> = (0..5)
            .map(|n| {
                let item = items[usize::from(n)].clone();
                future::spawn(async move { assert_eq!(*item.load().await, of(n)) })
            })
            .collect();
        let finisher = {
            let pool = world.pool.clone();
            thread::spawn(move || pool.core().queue.finish_current())
        };
        finisher.join().expect("everything ends");
        for reader in readers {
            future::block_on(reader).expect("it loaded");
        }
        let handles: Vec<_> = items.iter().map(|item| &**item).collect();
        world.check(&handles);
        drop(items);
        world.end();
    });
}

#[test]
fn what_is_queued_when_a_caller_begins_to_finish_has_ended_afterwards() {
    explore(|| {
        let world = World::new(0);
        let items: Vec<_> = (0..4).map(|n| world.pool.insert(of(n))).collect();
        let other = {
            let pool = world.pool.clone();
            thread::spawn(move || {
                pool.core().queue.finish_current();
                drop(pool.insert(of(9)));
            })
        };
        world.pool.core().queue.finish_current();
        assert!(world.mem.count(Op::Store) >= 4, "all were written");
        other.join().expect("everything ends");
        let handles: Vec<_> = items.iter().collect();
        world.check(&handles);
        drop(items);
        world.end();
    });
}

#[test]
fn many_threads_share_one_load_of_each_item() {
    explore(|| {
        let world = World::new(4);
        let items: Vec<_> = (0..3).map(|n| Arc::new(world.absent(of(n)))).collect();
        let before = world.mem.count(Op::Load);
        let readers: Vec<_> = (0..6)
            .map(|n| {
                let item = items[usize::from(n) % 3].clone();
                future::spawn(async move { assert_eq!(*item.load().await, of(n % 3)) })
            })
            .collect();
        for reader in readers {
            future::block_on(reader).expect("it loaded");
        }
        assert_eq!(world.mem.count(Op::Load) - before, 3);
        drop(items);
        world.end();
    });
}

/// The store asserts that no key is registered, persisted or deleted twice at once.
#[test]
fn busy_keys_are_waited_for_by_many_threads() {
    explore(|| {
        let world = World::new(1);
        let (one, other) = (
            world.track(MemPath::default()),
            world.track(MemPath::default()),
        );
        let items: Vec<_> = (0..3).map(|n| world.pool.insert(of(n))).collect();
        let tasks: Vec<_> = items
            .iter()
            .flat_map(|item| [item.persist(&one), item.persist(&other)])
            .collect();
        for task in tasks {
            future::block_on(task).expect("it is persisted");
        }
        for item in &items {
            assert!(one.contains_key(item.key()) && other.contains_key(item.key()));
        }
        drop(items);
        world.end();
    });
}

#[test]
fn a_prefetch_that_is_dropped_at_any_await_leaves_nothing() {
    for polls in 0..4 {
        explore(move || {
            let world = World::new(8);
            let items: Vec<_> = (0..3).map(|n| world.absent(of(n))).collect();
            world
                .mem
                .fail(On::next(Op::Load).of(items[1].key()), Fault::Refused);
            if let Some(prefetched) = poll_some(world.pool.prefetch(&items), polls) {
                assert_eq!((prefetched.loaded, prefetched.failed), (2, 1));
            }
            let reader = {
                let item = items[0].clone();
                thread::spawn(move || assert_eq!(*item.blocking_load(), of(0)))
            };
            reader.join().expect("it loaded");
            let handles: Vec<_> = items.iter().collect();
            world.check(&handles);
            drop(items);
            world.end();
        });
    }
}
