//! The budget in bytes.

use std::sync::Arc;

use file_backed::FBPool;

use crate::support::{Pool, World, test};

/// A pool whose items weigh as much as their text is long.
fn pool(world: &World, bytes: u64, items: Option<usize>) -> Pool {
    let builder = FBPool::builder(world.store.clone());
    let builder = builder.bytes(bytes, |text: &String| text.len() as u64);
    match items {
        Some(items) => builder.items(items),
        None => builder,
    }
    .build()
}

fn text(length: usize) -> String {
    "x".repeat(length)
}

#[test]
fn items_stay_in_memory_as_long_as_their_bytes_fit() {
    test(|| {
        let world = World::new();
        let pool = pool(&world, 100, None);
        let items: Vec<_> = (0..2000).map(|_| pool.insert(text(0))).collect();
        let heavy: Vec<_> = (0..3).map(|_| pool.insert(text(40))).collect();
        world.settle();
        assert!(heavy[0].try_load().is_none(), "three do not fit");
        assert_eq!(heavy[1].try_load().expect("two do").len(), 40);
        let stats = pool.stats();
        assert_eq!((stats.resident_bytes, stats.resident), (80, 2));
        drop((items, heavy));
        world.assert_empty(&pool);
        assert_eq!(pool.stats().resident_bytes, 0);
    });
}

#[test]
fn the_item_budget_and_the_byte_budget_both_hold() {
    test(|| {
        let world = World::new();
        let pool = pool(&world, 100, Some(3));
        let light: Vec<_> = (0..5).map(|_| pool.insert(text(1))).collect();
        world.settle();
        assert_eq!((pool.stats().resident, pool.stats().resident_bytes), (3, 3));
        let heavy = [pool.insert(text(60)), pool.insert(text(60))];
        world.settle();
        assert_eq!(pool.stats().resident_bytes, 60);
        drop((light, heavy));
        world.assert_empty(&pool);
    });
}

#[test]
fn an_item_heavier_than_the_budget_evicts_no_other() {
    test(|| {
        let world = World::new();
        let pool = pool(&world, 100, None);
        let light: Vec<_> = (0..10).map(|_| pool.insert(text(10))).collect();
        let heavy = pool.insert(text(101));
        world.settle();
        assert!(heavy.try_load().is_none());
        assert!(light.iter().all(|item| item.try_load().is_some()));
        assert_eq!(heavy.blocking_load().len(), 101, "it can be loaded");
        world.settle();
        assert!(light.iter().all(|item| item.try_load().is_some()));
        assert_eq!(pool.stats().resident_bytes, 100);
    });
}

#[test]
fn a_changed_value_is_weighed_again() {
    test(|| {
        let world = World::new();
        let pool = pool(&world, 100, None);
        let mut item = pool.insert(text(10));
        let other = pool.insert(text(50));
        item.blocking_load_mut().push_str(&text(30));
        assert_eq!(pool.stats().resident_bytes, 90);
        item.blocking_load_mut().push_str(&text(30));
        world.settle();
        assert!(other.try_load().is_none(), "there is no room for it now");
        assert_eq!(pool.stats().resident_bytes, 70);
        item.blocking_load_mut().clear();
        assert_eq!(other.blocking_load().len(), 50);
        assert_eq!(pool.stats().resident_bytes, 50);
    });
}

/// A guard keeps its value in memory, whatever it weighs. Dropping the guard brings the
/// pool back to its budget.
#[test]
fn pinned_values_over_budget_are_counted_separately() {
    test(|| {
        let world = World::new();
        let pool = pool(&world, 100, None);
        let items: Vec<_> = (0..5).map(|_| pool.insert(text(60))).collect();
        world.settle();
        let guards: Vec<_> = items.iter().map(|item| item.blocking_load()).collect();
        world.settle();
        let stats = pool.stats();
        assert_eq!(
            (stats.resident_bytes, stats.pinned_over_budget_bytes),
            (60, 240)
        );
        drop(guards);
        world.settle();
        let stats = pool.stats();
        assert_eq!(
            (stats.resident_bytes, stats.pinned_over_budget_bytes),
            (60, 0)
        );
    });
}

#[test]
fn a_weigher_that_panics_affects_no_item() {
    test(|| {
        let world = World::new();
        let weigh = |text: &String| match text.is_empty() {
            true => panic!("it weighs nothing on purpose"),
            false => text.len() as u64,
        };
        let pool: Pool = FBPool::builder(world.store.clone())
            .bytes(100, weigh)
            .build();
        let empty = pool.insert(text(0));
        let item = pool.insert(text(50));
        assert_eq!(
            (empty.blocking_load().len(), item.blocking_load().len()),
            (0, 50)
        );
        drop((empty, item));
        world.assert_empty(&pool);
    });
}

#[test]
fn without_a_weigher_the_strategy_states_the_weight() {
    test(|| {
        let world = World::new();
        let pool: Pool<u64> = world.pool(3);
        let items: Vec<_> = (0..3).map(|n| pool.insert(n)).collect();
        assert_eq!(pool.stats().resident_bytes, 24);
        drop(items);
        let _: Arc<_> = pool;
    });
}

#[test]
fn values_of_the_maximum_weight_are_evicted() {
    test(|| {
        let world = World::new();
        let pool: Pool = FBPool::builder(world.store.clone())
            .bytes(100, |_: &String| u64::MAX)
            .build();
        let gate = world.mem.gate(crate::support::Op::Store, None);
        let items = [pool.insert(text(1)), pool.insert(text(2))];
        assert_eq!(pool.stats().writes_waiting, 2);
        gate.open();
        drop(items);
        world.assert_empty(&pool);
    });
}
