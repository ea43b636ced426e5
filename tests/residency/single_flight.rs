//! Concurrent loads of one item are one load of the store.

use std::sync::Arc;

use file_backed::Error;

use crate::support::{ByHand, Fault, Handle, On, Op, World, test};

/// Loads `item` by many at once, while the store's one load is held.
fn load_by_many(world: &World, item: &Arc<Handle>) -> Vec<Result<String, Error>> {
    let gate = world.mem.gate(Op::Load, item.key());
    let mut waiting: Vec<_> = (0..8)
        .map(|_| ByHand::new(async { item.read().await.map(|value| value.clone()) }))
        .collect();
    for read in &mut waiting {
        assert!(read.poll().is_pending());
    }
    gate.wait_for(1);
    let blocked: Vec<_> = (0..4)
        .map(|_| {
            let item = item.clone();
            std::thread::spawn(move || item.blocking_read().map(|value| value.clone()))
        })
        .collect();
    while item.pool().stats().misses < 12 {
        std::thread::yield_now();
    }
    gate.open();
    let mut results: Vec<_> = waiting.into_iter().map(ByHand::finish).collect();
    results.extend(
        blocked
            .into_iter()
            .map(|thread| thread.join().expect("no panic")),
    );
    assert_eq!(world.mem.count(Op::Load), 1);
    results
}

#[test]
fn concurrent_loads_all_get_the_value_however_small_the_cache_is() {
    test(|| {
        for mem_size in [0, 1, 10] {
            let world = World::new();
            let pool = world.pool(mem_size);
            let item = Arc::new(world.absent(&pool, "a"));
            for result in load_by_many(&world, &item) {
                assert_eq!(result.expect("it is loaded"), "a");
            }
            world.settle();
            assert_eq!(item.try_load().is_some(), mem_size > 0);
            drop(item);
            world.assert_empty(&pool);
        }
    });
}

#[test]
fn concurrent_loads_all_get_the_same_error_and_the_next_tries_again() {
    test(|| {
        for (fault, is_it) in [
            (Fault::NotFound, Error::is_not_found as fn(&Error) -> bool),
            (Fault::Panic, Error::is_panic),
        ] {
            let world = World::new();
            let pool = world.pool(1);
            let item = Arc::new(world.absent(&pool, "a"));
            world.mem.fail(On::next(Op::Load), fault);
            let errors: Vec<_> = load_by_many(&world, &item)
                .into_iter()
                .map(|result| result.expect_err("the load fails"))
                .collect();
            for error in &errors {
                assert!(is_it(error), "{error}");
                assert_eq!(error.key(), Some(item.key()));
                assert_eq!(error.to_string(), errors[0].to_string());
            }
            assert_eq!(*item.blocking_read().expect("it works now"), "a");
            drop(item);
            world.assert_empty(&pool);
        }
    });
}

#[test]
fn concurrent_loads_share_one_value_in_memory() {
    test(|| {
        let (world, pool, item) = World::with_absent(0);
        let gate = world.mem.gate(Op::Load, item.key());
        let (mut one, mut other) = (ByHand::new(item.read()), ByHand::new(item.read()));
        assert!(one.poll().is_pending() && other.poll().is_pending());
        gate.open();
        let (one, other) = (
            one.finish().expect("loaded"),
            other.finish().expect("loaded"),
        );
        assert!(std::ptr::eq(&*one, &*other));
        assert_eq!(pool.stats().misses, 2);
    });
}

#[test]
fn an_abandoned_load_still_enters_the_pool() {
    test(|| {
        let (world, _pool, item) = World::with_absent(1);
        let gate = world.mem.gate(Op::Load, None);
        let read = ByHand::waiting(item.read());
        drop(read);
        gate.open();
        world.settle();
        assert_eq!(item.try_load().as_deref().map(String::as_str), Some("a"));
    });
}

#[test]
fn an_item_dropped_while_it_loads_leaves_nothing() {
    test(|| {
        let (world, pool, item) = World::with_absent(1);
        let gate = world.mem.gate(Op::Load, None);
        let read = ByHand::waiting(item.read());
        gate.wait_for(1);
        drop(read);
        let key = item.key();
        drop(item);
        assert!(world.mem.has(key), "it is still being read");
        gate.open();
        world.assert_empty(&pool);
    });
}

#[test]
fn a_mutation_of_an_absent_item_copies_nothing() {
    test(|| {
        for mem_size in [0, 1] {
            let (world, pool, mut item) = World::with_absent(mem_size);
            let before = item.key();
            item.blocking_write().expect("it is loaded").push('!');
            world.settle();
            assert_eq!(
                (world.mem.count(Op::Load), world.mem.count(Op::Duplicate)),
                (1, 0)
            );
            assert!(!world.mem.has(before));
            assert_eq!(*item.blocking_read().expect("it is loaded"), "a!");
            drop(item);
            world.assert_empty(&pool);
        }
    });
}
