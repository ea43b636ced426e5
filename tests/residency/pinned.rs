//! Pinned values stay in memory, and afterwards the pool returns to its budget.

use file_backed::ReadGuard;

use crate::support::{Op, World, test};

#[test]
fn a_pinned_item_survives_its_eviction_and_is_not_loaded_twice() {
    test(|| {
        let world = World::new();
        let pool = world.pool(1);
        let pinned = pool.insert("a".to_owned());
        let guard = pinned.blocking_read().expect("it is resident");
        let others: Vec<_> = (0..3).map(|n| pool.insert(n.to_string())).collect();
        world.settle();
        assert_eq!(pool.stats().pinned_over_budget, 1);
        assert_eq!(*guard, "a");
        let again = pinned.blocking_read().expect("it is still in memory");
        assert!(std::ptr::eq(&*guard, &*again), "there is one value");
        assert_eq!(world.mem.count(Op::Load), 0);
        drop((guard, again));
        world.settle();
        let stats = pool.stats();
        assert_eq!((stats.resident, stats.pinned_over_budget), (1, 0));
        drop((pinned, others));
        world.assert_empty(&pool);
    });
}

#[test]
fn dropping_a_guard_brings_the_pool_back_to_its_budget() {
    test(|| {
        let world = World::new();
        let pool = world.pool(1);
        let pinned = pool.insert("a".to_owned());
        let guard = pinned.blocking_read().expect("it is resident");
        let _other = pool.insert("b".to_owned());
        world.settle();
        assert_eq!(
            (pool.stats().pinned_over_budget, pool.stats().evictions),
            (1, 0)
        );
        drop(guard);
        assert_eq!(
            (pool.stats().pinned_over_budget, pool.stats().evictions),
            (0, 1)
        );
        assert!(pinned.try_load().is_none());
    });
}

#[test]
fn dropping_the_last_owned_or_mapped_guard_evicts_the_value() {
    test(|| {
        let world = World::new();
        let pool = world.pool(0);
        let item = pool.insert("abc".to_owned());
        let owned = item.blocking_read_owned().expect("it is resident");
        let part = ReadGuard::map(item.blocking_read().expect("it is resident"), |word| {
            &word[1..]
        });
        world.settle();
        assert_eq!((&**owned, &*part), ("abc", "bc"));
        // The first write may have been done before anybody read.
        let before = pool.stats().evictions;
        drop(owned);
        assert_eq!(pool.stats().evictions, before);
        drop(part);
        assert_eq!(pool.stats().evictions, before + 1);
        assert!(item.try_load().is_none());
    });
}

#[test]
fn with_everything_pinned_the_pool_overshoots_and_comes_back() {
    test(|| {
        let world = World::new();
        let pool = world.pool(2);
        let items: Vec<_> = (0..20).map(|n| pool.insert(n.to_string())).collect();
        // More guards than a thread has fast slots for.
        let guards: Vec<_> = items
            .iter()
            .map(|item| item.blocking_read().expect("it is loaded"))
            .collect();
        world.settle();
        let stats = pool.stats();
        assert_eq!(stats.resident + stats.pinned_over_budget, 20);
        for (n, guard) in guards.iter().enumerate() {
            assert_eq!(**guard, n.to_string());
        }
        drop(guards);
        world.settle();
        let stats = pool.stats();
        assert_eq!((stats.resident, stats.pinned_over_budget), (2, 0));
        drop(items);
        world.assert_empty(&pool);
    });
}

#[test]
fn an_owned_guard_outlives_the_last_handle_and_the_file() {
    test(|| {
        let world = World::new();
        let pool = world.pool(0);
        let item = pool.insert("a".to_owned());
        let guard = item.blocking_read_owned().expect("it is resident");
        world.settle();
        assert!(world.mem.has(item.key()));
        drop(item);
        world.assert_empty(&pool);
        let elsewhere = std::thread::spawn(move || guard.to_uppercase());
        assert_eq!(elsewhere.join().expect("it reads"), "A");
    });
}

#[test]
fn an_owned_guard_keeps_its_value_while_the_item_is_changed() {
    test(|| {
        let world = World::new();
        let pool = world.pool(1);
        let mut item = pool.insert("a".to_owned());
        let before = item.blocking_read_owned().expect("it is resident");
        item.blocking_write().expect("nobody waits").push('!');
        assert_eq!(*before, "a");
        assert_eq!(*item.blocking_read().expect("it is resident"), "a!");
        drop((before, item));
        world.assert_empty(&pool);
    });
}

/// A `try_load` used to find nothing at times, although a guard of the same thread had
/// the value, because the pool takes a value out of its slot to count its users before it
/// evicts it.
#[test]
fn try_load_always_finds_a_pinned_value() {
    test(|| {
        let world = World::new();
        let pool = world.pool(1);
        let mut pinned = pool.insert("a".to_owned());
        pinned.blocking_write_now().expect("it is written");
        let guard = pinned.blocking_read_owned().expect("it is in memory");
        let ended = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let (others, stop) = (pool.clone(), ended.clone());
        let evictor = std::thread::spawn(move || {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                drop(others.insert("b".to_owned()));
            }
        });
        let found = (0..100_000).filter(|_| pinned.try_load().is_some()).count();
        let changed = pinned.try_load_mut().is_some();
        ended.store(true, std::sync::atomic::Ordering::Relaxed);
        evictor.join().expect("no panic");
        assert_eq!((found, changed), (100_000, true));
        assert_eq!(*guard, "a");
    });
}
