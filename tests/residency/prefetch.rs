//! Values that are brought in ahead of their use.

use file_backed::{FBPool, Policy, Prefetched};

use crate::support::{ByHand, Fault, Handle, On, Op, Pool, World, each_stop, test};

fn absent(world: &World, pool: &Pool, items: usize) -> Vec<Handle> {
    (0..items)
        .map(|n| world.absent(pool, &n.to_string()))
        .collect()
}

/// How many were loaded, resident, left out and failed.
fn counts(prefetched: &Prefetched) -> (usize, usize, usize, usize) {
    let Prefetched {
        loaded,
        resident,
        left_out,
        failed,
        ..
    } = *prefetched;
    (loaded, resident, left_out, failed)
}

fn resident(items: &[Handle]) -> usize {
    items
        .iter()
        .filter(|item| item.try_load().is_some())
        .count()
}

#[test]
fn a_prefetch_brings_in_many_at_once_without_guards() {
    test(|| {
        let world = World::new();
        let pool = world.pool(100);
        let items = absent(&world, &pool, 40);
        let gate = world.mem.gate(Op::Load, None);
        let prefetch = ByHand::waiting(pool.prefetch(&items));
        gate.wait_for(40);
        gate.open();
        assert_eq!(counts(&prefetch.finish()), (40, 0, 0, 0));
        let misses = pool.stats().misses;
        for (n, item) in items.iter().enumerate() {
            assert_eq!(*item.blocking_load(), n.to_string());
        }
        assert_eq!(pool.stats().misses, misses, "each read is a hit");
        assert_eq!(
            counts(&ByHand::new(pool.prefetch(&items)).finish()),
            (0, 40, 0, 0)
        );
        drop(items);
        world.assert_empty(&pool);
    });
}

/// Where a policy keeps what is old, loaded values replaced each other, and what a prefetch
/// had brought in was gone before it was read.
#[test]
fn a_prefetch_brings_in_what_it_says_whatever_the_policy() {
    test(|| {
        for policy in [Policy::Lru, Policy::Bip, Policy::Dip] {
            let world = World::new();
            let pool: Pool = FBPool::builder(world.store.clone())
                .items(100)
                .policy(policy)
                .build();
            let items = absent(&world, &pool, 300);
            // It is full.
            for item in &items[..200] {
                drop(item.blocking_load());
            }
            let next = &items[200..225];
            let prefetched = pool.blocking_prefetch(next);
            assert_eq!(counts(&prefetched), (25, 0, 0, 0), "{policy:?}");
            let misses = pool.stats().misses;
            for item in next {
                drop(item.blocking_load());
            }
            assert_eq!(
                pool.stats().misses,
                misses,
                "{policy:?}: each read is a hit"
            );
        }
    });
}

#[test]
fn a_blocking_prefetch_does_the_same() {
    test(|| {
        let world = World::new();
        let pool = world.pool(100);
        let items = absent(&world, &pool, 40);
        assert_eq!(counts(&pool.blocking_prefetch(&items)), (40, 0, 0, 0));
        assert_eq!(resident(&items), 40);
        assert_eq!(world.mem.count(Op::Load), 40);
        drop(items);
        world.assert_empty(&pool);
    });
}

#[test]
fn a_prefetch_stops_at_half_of_the_budget_and_displaces_nothing_recent() {
    test(|| {
        let world = World::new();
        let pool = world.pool(10);
        let (recent, items) = (absent(&world, &pool, 5), absent(&world, &pool, 20));
        recent.iter().for_each(|item| drop(item.blocking_load()));
        for _ in 0..3 {
            let prefetched = pool.blocking_prefetch(&items);
            assert_eq!(prefetched.loaded + prefetched.resident, 5);
            assert_eq!(prefetched.left_out, 15);
            let memory = pool.stats().resident;
            assert_eq!(memory, 10);
        }
        // What is used makes room for others.
        assert_eq!(resident(&items), 5);
        assert_eq!(resident(&recent), 5, "they were in the recent half");
        let prefetched = pool.blocking_prefetch(&items);
        assert_eq!(counts(&prefetched), (5, 5, 10, 0));
        assert_eq!(resident(&recent), 5, "they were used last");
        drop((recent, items));
        world.assert_empty(&pool);
    });
}

#[test]
fn a_pool_that_keeps_nothing_prefetches_nothing() {
    test(|| {
        let world = World::new();
        let pool = world.pool(0);
        let items = absent(&world, &pool, 3);
        assert_eq!(counts(&pool.blocking_prefetch(&items)), (0, 0, 3, 0));
        assert_eq!(world.mem.count(Op::Load), 0);
        assert_eq!(counts(&pool.blocking_prefetch(&[])), (0, 0, 0, 0));
        drop(items);
        world.assert_empty(&pool);
    });
}

#[test]
fn an_item_that_cannot_be_prefetched_is_counted_and_read_again() {
    test(|| {
        let world = World::new();
        let pool = world.pool(100);
        let items = absent(&world, &pool, 10);
        let (faulty, other) = (items[3].key(), items[7].key());
        world
            .mem
            .fail(On::next(Op::Load).of(faulty), Fault::Refused);
        world.mem.fail(On::next(Op::Load).of(other), Fault::Panic);
        let prefetched = ByHand::new(pool.prefetch(&items)).finish();
        assert_eq!(counts(&prefetched), (8, 0, 0, 2));
        let error = prefetched.first_error.expect("two have failed");
        assert_eq!(error.key(), Some(faulty));
        assert_eq!(*items[3].blocking_read().expect("it is loaded now"), "3");
        drop(items);
        world.assert_empty(&pool);
    });
}

#[test]
fn a_prefetch_that_is_dropped_anywhere_leaves_nothing_behind() {
    test(|| {
        each_stop(|stop| {
            let world = World::new();
            let pool = world.pool(12);
            let items = absent(&world, &pool, 8);
            let gate = world.mem.gate(Op::Load, None);
            let ended = stop.drop_there(pool.prefetch(&items), || gate.open());
            gate.open();
            world.settle();
            for (n, item) in items.iter().enumerate() {
                let value = ByHand::new(item.read()).finish().expect("it is loaded");
                assert_eq!(*value, n.to_string());
            }
            drop(items);
            world.assert_empty(&pool);
            ended
        });
    });
}

#[test]
fn a_value_that_is_inserted_or_changed_after_a_prefetch_is_kept() {
    test(|| {
        let world = World::new();
        let pool = world.pool(10);
        let mut items = absent(&world, &pool, 5);
        assert_eq!(pool.blocking_prefetch(&items).loaded, 5);
        for item in &mut items {
            item.blocking_write().expect("it is in memory").push('!');
        }
        let more: Vec<_> = (0..20).map(|n| pool.insert(format!("more {n}"))).collect();
        world.settle();
        for (n, item) in items.iter().enumerate() {
            assert_eq!(*item.blocking_load(), format!("{n}!"));
        }
        drop((items, more));
        world.assert_empty(&pool);
    });
}
