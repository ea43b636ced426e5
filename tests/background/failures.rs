//! A store that fails loses nothing.

use crate::support::{Fault, On, Op, World, test};

#[test]
fn a_failed_write_leaves_the_value_in_memory_and_is_reported() {
    test(|| {
        for fault in [Fault::Full, Fault::Panic] {
            let world = World::new();
            let pool = world.pool(1);
            world.mem.fail(On::every(Op::Store), fault);
            let items: Vec<_> = (0..10).map(|n| pool.insert(n.to_string())).collect();
            world.settle();
            let stats = pool.stats();
            assert!(stats.write_failures > 0);
            assert_eq!(stats.store_failing, matches!(fault, Fault::Full));
            assert_eq!((stats.evictions, stats.writes), (0, 0));
            for (n, item) in items.iter().enumerate() {
                assert_eq!(*item.try_load().expect("it is in memory"), n.to_string());
            }
            assert!(world.mem.files().is_empty());
        }
    });
}

/// A codec that refused one value used to count as a disk that refuses all of them, so
/// the evictions of every pool waited.
#[test]
fn a_value_that_can_never_be_written_delays_no_other() {
    test(|| {
        let world = World::new();
        let pool = world.pool(1);
        let poison = pool.insert("poison".to_owned());
        world
            .mem
            .fail(On::every(Op::Store).of(poison.key()), Fault::Refused);
        let items: Vec<_> = (0..10).map(|n| pool.insert(n.to_string())).collect();
        world.settle();
        let stats = pool.stats();
        assert!(stats.write_failures > 0 && !stats.store_failing);
        assert_eq!((stats.evictions, stats.resident), (9, 1));
        assert_eq!(*poison.try_load().expect("it is in memory"), "poison");
        drop((items, poison));
        world.mem.heal();
    });
}

/// Every value in the queue used to be tried, and every value that was dropped meanwhile
/// stayed in the list of those that wait.
#[test]
fn an_outage_tries_few_writes_and_forgets_dropped_values() {
    test(|| {
        let world = World::new();
        let pool = world.pool(0);
        world.mem.fail(On::every(Op::Store), Fault::Full);
        let items: Vec<_> = (0..2000).map(|n| pool.insert(n.to_string())).collect();
        world.settle();
        assert!(world.mem.count(Op::Store) < 200);
        assert_eq!(pool.stats().writes_waiting, 2000);
        drop(items);
        world.settle();
        assert_eq!(pool.stats().writes_waiting, 0);
        world.mem.heal();
        world.assert_empty(&pool);
    });
}

/// The store retries by itself. The test only calls `finished`, which does not wait for a
/// retry.
#[test]
fn a_failed_write_is_retried_until_it_succeeds() {
    test(|| {
        let world = World::new();
        let pool = world.pool(0);
        let item = pool.insert("a".to_owned());
        world.settle();
        drop(item);
        world.mem.fail(On::every(Op::Store), Fault::Error);
        let items: Vec<_> = (0..3).map(|n| pool.insert(n.to_string())).collect();
        while pool.stats().write_failures < 4 {
            std::thread::yield_now();
        }
        world.mem.heal();
        while pool.stats().evictions < 4 {
            std::thread::yield_now();
        }
        world.settle();
        assert!(!pool.stats().store_failing);
        for (n, item) in items.iter().enumerate() {
            assert!(world.mem.has(item.key()));
            assert_eq!(*item.blocking_load(), n.to_string());
        }
        drop(items);
        world.assert_empty(&pool);
    });
}

#[test]
fn a_successful_write_ends_the_outage() {
    test(|| {
        let world = World::new();
        let pool = world.pool(0);
        world.mem.fail(On::every(Op::Store), Fault::Error);
        let items: Vec<_> = (0..10).map(|n| pool.insert(n.to_string())).collect();
        world.settle();
        assert!(pool.stats().store_failing);
        world.mem.heal();
        items[0].blocking_write_now().expect("it works now");
        // Where a probe has failed before, its value waits for its delay.
        while pool.stats().evictions < 10 || pool.stats().store_failing {
            std::thread::yield_now();
        }
        drop(items);
        world.assert_empty(&pool);
    });
}

#[test]
fn a_value_that_could_not_be_written_can_be_changed_and_dropped() {
    test(|| {
        let world = World::new();
        let pool = world.pool(0);
        world.mem.fail(On::every(Op::Store), Fault::Error);
        let mut items: Vec<_> = (0..4).map(|n| pool.insert(n.to_string())).collect();
        world.settle();
        items[1]
            .blocking_write()
            .expect("it is in memory")
            .push('!');
        items.remove(0);
        let mut clone = items[0].clone();
        clone.blocking_write().expect("it is in memory").push('!');
        world.settle();
        assert_eq!(*clone.blocking_load(), "1!!");
        assert_eq!(*items[0].blocking_load(), "1!");
        world.mem.heal();
        clone.blocking_write_now().expect("it works now");
        drop((items, clone));
        world.assert_empty(&pool);
    });
}

#[test]
fn a_requested_write_returns_why_it_failed() {
    test(|| {
        let world = World::new();
        let pool = world.pool(1);
        let item = pool.insert("a".to_owned());
        world.mem.fail(On::every(Op::Store), Fault::Full);
        let errors = [
            item.blocking_write_now().err(),
            world.block_on(async { item.spawn_write_now().await.await.err() }),
        ];
        for error in errors {
            let error = error.expect("it fails");
            assert!(error.is_storage_full() && !error.is_not_found(), "{error}");
            assert_eq!(error.key(), Some(item.key()));
        }
        assert_eq!(pool.stats().write_failures, 2);
        assert!(item.try_load().is_some());
        world.mem.heal();
        item.blocking_write_now().expect("it works now");
    });
}

#[test]
fn a_failed_deletion_is_counted() {
    test(|| {
        let world = World::new();
        let pool = world.pool(0);
        for (n, fault) in [Fault::Error, Fault::Panic].into_iter().enumerate() {
            let item = pool.insert("a".to_owned());
            world.settle();
            world.mem.fail(On::next(Op::Delete), fault);
            drop(item);
            world.settle();
            assert_eq!(pool.stats().failed_deletions, n as u64 + 1);
        }
        assert_eq!((pool.size(), world.mem.files().len()), (0, 2));
    });
}

#[test]
fn a_failed_load_can_be_repeated() {
    test(|| {
        let (world, pool, mut item) = World::with_absent(1);
        world.mem.fail(On::every(Op::Load), Fault::NotFound);
        let errors = [
            item.blocking_read().err(),
            world.block_on(item.read()).err(),
            item.blocking_write().err(),
            item.clone().blocking_write().err(),
            world.block_on(item.clone().write()).err(),
        ];
        for error in errors {
            let error = error.expect("it fails");
            assert!(error.is_not_found(), "{error}");
            assert_eq!(error.key(), Some(item.key()));
        }
        world.mem.heal();
        assert_eq!(*item.blocking_read().expect("it works now"), "a");
        drop(item);
        world.assert_empty(&pool);
    });
}

/// Each hit promotes one item and evicts another. While the store refuses writes, the
/// backlog must not grow with the hits.
#[test]
fn hits_during_an_outage_do_not_pile_up_writes() {
    test(|| {
        let world = World::new();
        let pool = world.pool(1);
        world.mem.fail(On::every(Op::Store), Fault::Error);
        let items: Vec<_> = (0..4).map(|n| pool.insert(n.to_string())).collect();
        world.settle();
        for _ in 0..1000 {
            for item in &items {
                drop(item.try_load().expect("it is in memory"));
            }
        }
        let waiting = pool.stats().writes_waiting;
        assert!(
            waiting <= items.len(),
            "{waiting} writes of {} items",
            items.len()
        );
    });
}
