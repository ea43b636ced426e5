//! What is evicted, and in which order.

use file_backed::{FBPool, Policy};
use uuid::Uuid;

use crate::support::{Handle, MemPath, Op, Pool, World, test};

/// Inserts, and lets the background come to rest, so that the order of the
/// writes is the order of the evictions.
fn insert(world: &World, pool: &Pool, value: &str) -> Handle {
    let item = pool.insert(value.to_owned());
    world.settle();
    item
}

#[test]
fn the_least_recently_used_item_is_evicted_first() {
    test(|| {
        let world = World::new();
        let pool = world.pool(3);
        let items: Vec<_> = (0..6)
            .map(|n| insert(&world, &pool, &n.to_string()))
            .collect();
        let keys: Vec<_> = items[..3].iter().map(Handle::key).collect();
        assert_eq!(world.mem.calls(Op::Store), keys);
        for (n, item) in items.iter().enumerate() {
            assert_eq!(world.mem.has(item.key()), n < 3);
        }
        let stats = pool.stats();
        assert_eq!((stats.items, stats.resident, stats.evictions), (6, 3, 3));
    });
}

/// In a cache of four, the two items that came to the front last are the recent half. A
/// hit there moves nothing.
#[test]
fn a_hit_in_the_older_half_moves_to_the_front_and_one_in_the_recent_half_does_not() {
    test(|| {
        let world = World::new();
        let pool = world.pool(4);
        let [a, b, c, d] = ["a", "b", "c", "d"].map(|value| insert(&world, &pool, value));
        let e = insert(&world, &pool, "e");
        assert_eq!(world.mem.calls(Op::Store), [a.key()]);
        // From the front: e d c b.
        drop(b.try_load().expect("it is in memory"));
        // b e d c
        let _f = insert(&world, &pool, "f");
        assert_eq!(world.mem.calls(Op::Store), [a.key(), c.key()]);
        // f b e d, and b is recent
        drop(b.try_load().expect("it is in memory"));
        let _rest: Vec<_> = ["g", "h", "i"]
            .map(|value| insert(&world, &pool, value))
            .into();
        let keys = [&a, &c, &d, &e, &b].map(Handle::key);
        assert_eq!(world.mem.calls(Op::Store), keys);
    });
}

#[test]
fn a_load_brings_an_item_to_the_front() {
    test(|| {
        let world = World::new();
        let pool = world.pool(2);
        let [a, b, c] = ["a", "b", "c"].map(|value| insert(&world, &pool, value));
        assert_eq!(*a.blocking_read().expect("it is loaded"), "a");
        world.settle();
        assert_eq!(world.mem.calls(Op::Store), [a.key(), b.key()]);
        assert_eq!(world.mem.calls(Op::Load), [a.key()]);
        assert!(b.try_load().is_none());
        assert!(a.try_load().is_some() && c.try_load().is_some());
    });
}

#[test]
fn a_mutation_brings_an_item_to_the_front() {
    test(|| {
        let world = World::new();
        let pool = world.pool(2);
        let [mut a, b] = ["a", "b"].map(|value| insert(&world, &pool, value));
        a.blocking_write().expect("it is resident").push('!');
        let _c = insert(&world, &pool, "c");
        assert_eq!(world.mem.calls(Op::Store), [b.key()]);
    });
}

#[test]
fn an_unchanged_item_is_written_once_and_loaded_as_it_was() {
    test(|| {
        let world = World::new();
        let pool = world.pool(1);
        let items = ["a", "b"].map(|value| insert(&world, &pool, value));
        for _ in 0..5 {
            for (item, value) in items.iter().zip(["a", "b"]) {
                assert_eq!(*item.blocking_read().expect("it is loaded"), value);
                world.settle();
            }
        }
        for item in &items {
            let calls = world.mem.calls_on(item.key());
            assert_eq!(calls.iter().filter(|op| **op == Op::Store).count(), 1);
        }
        assert_eq!(world.mem.count(Op::Load), 10);
        assert_eq!(pool.stats().writes, 2);
        drop(items);
        world.assert_empty(&pool);
    });
}

#[test]
fn an_item_that_was_never_evicted_touches_no_file() {
    test(|| {
        let world = World::new();
        let pool = world.pool(2);
        let mut item = insert(&world, &pool, "a");
        item.blocking_write().expect("it is resident").push('!');
        drop(item);
        world.assert_empty(&pool);
        assert_eq!(world.mem.count(Op::Store) + world.mem.count(Op::Delete), 0);
    });
}

#[test]
fn two_pools_on_one_store_have_separate_budgets() {
    test(|| {
        let world = World::new();
        let (words, numbers) = (world.pool::<String>(1), world.pool::<u64>(1));
        let word = words.insert("a".to_owned());
        let number = numbers.insert(1);
        world.settle();
        assert_eq!(world.mem.count(Op::Store), 0);
        let _other = numbers.insert(2);
        world.settle();
        assert_eq!(world.mem.calls(Op::Store), [number.key()]);
        assert_eq!(*number.blocking_read().expect("it is loaded"), 1);
        assert!(word.try_load().is_some());
    });
}

/// More items than fit are read in turn, so that the least recently used one is always the
/// next.
#[test]
fn a_policy_decides_what_is_in_memory_in_a_cycle() {
    test(|| {
        for (policy, hits) in [
            (Policy::Lru, 0..=0),
            (Policy::Bip, 3 * 350..=3 * 599),
            (Policy::Dip, 3 * 350..=3 * 599),
        ] {
            let world = World::new();
            let pool: Pool = FBPool::builder(world.store.clone())
                .items(600)
                .policy(policy)
                .build();
            // With the same keys each time: they say which policy is tried with an item, and
            // some draws of so few items decide for another one.
            let items: Vec<_> = (0..1200)
                .map(|n: u128| {
                    let key = Uuid::from_u128(n << 64 | n);
                    let tracked = world.track(&MemPath::with(key, n.to_string()));
                    let item = pool.blocking_register(&tracked, key);
                    item.expect("it is registered")
                })
                .collect();
            let read_all = || {
                for (n, item) in items.iter().enumerate() {
                    assert_eq!(*item.blocking_read().expect("it loads"), n.to_string());
                }
            };
            (0..4).for_each(|_| read_all());
            let before = world.mem.count(Op::Load);
            (0..3).for_each(|_| read_all());
            let loads = world.mem.count(Op::Load) - before;
            assert!(hits.contains(&(3 * 1200 - loads)), "{policy:?}: {loads}");
            assert!(pool.stats().resident <= 600);
        }
    });
}
