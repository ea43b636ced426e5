//! Values while they are being written back.

use crate::support::{ByHand, Op, World, test};

#[test]
fn a_value_leaves_memory_after_it_is_written() {
    test(|| {
        let world = World::new();
        let pool = world.pool(0);
        let gate = world.mem.gate(Op::Store, None);
        let item = pool.insert("a".to_owned());
        gate.wait_for(1);
        assert_eq!(pool.stats().evictions, 0);
        assert_eq!(pool.stats().writes_waiting, 1);
        assert!(!world.mem.has(item.key()));
        gate.open();
        world.settle();
        assert_eq!(pool.stats().evictions, 1);
        assert!(world.mem.has(item.key()));
        assert!(item.try_load().is_none());
    });
}

#[test]
fn a_load_during_a_write_back_succeeds_and_keeps_the_value() {
    test(|| {
        let world = World::new();
        let pool = world.pool(1);
        let gate = world.mem.gate(Op::Store, None);
        let a = pool.insert("a".to_owned());
        let _b = pool.insert("b".to_owned());
        gate.wait_for(1);
        assert_eq!(a.try_load().as_deref().map(String::as_str), Some("a"));
        assert_eq!(
            world
                .block_on(async { a.read().await.map(|a| a.clone()) })
                .expect("read"),
            "a"
        );
        assert_eq!(*a.blocking_read().expect("it is resident"), "a");
        gate.open();
        world.settle();
        assert!(a.try_load().is_some(), "the hits have rescued it");
        assert_eq!(world.mem.count(Op::Load), 0);
    });
}

#[test]
fn a_guard_taken_during_a_write_back_delays_the_eviction() {
    test(|| {
        let world = World::new();
        let pool = world.pool(0);
        let gate = world.mem.gate(Op::Store, None);
        let item = pool.insert("a".to_owned());
        gate.wait_for(1);
        let guard = item.try_load().expect("it is in memory");
        gate.open();
        world.settle();
        assert_eq!(pool.stats().evictions, 0);
        drop(guard);
        world.settle();
        assert_eq!(
            (pool.stats().evictions, pool.stats().pinned_over_budget),
            (1, 0)
        );
    });
}

#[test]
fn a_mutation_waits_for_a_running_write() {
    test(|| {
        let world = World::new();
        let pool = world.pool(0);
        let gate = world.mem.gate(Op::Store, None);
        let mut item = pool.insert("a".to_owned());
        let before = item.key();
        gate.wait_for(1);
        let write = ByHand::waiting(item.write());
        gate.open();
        write.finish().expect("it is written").push('!');
        assert_ne!(item.key(), before);
        world.settle();
        assert!(!world.mem.has(before), "the old file is gone");
        assert_eq!(*item.blocking_read().expect("it is loaded"), "a!");
        assert_eq!(world.mem.count(Op::Duplicate), 0);
        drop(item);
        world.assert_empty(&pool);
    });
}

#[test]
fn try_load_mut_copies_instead_of_waiting_for_a_running_write() {
    test(|| {
        let world = World::new();
        let pool = world.pool(1);
        let mut a = pool.insert("a".to_owned());
        let gate = world.mem.gate(Op::Store, a.key());
        let _b = pool.insert("b".to_owned());
        gate.wait_for(1);
        a.try_load_mut().expect("it is in memory").push('!');
        assert_eq!(world.mem.count(Op::Duplicate), 1);
        assert_eq!(*a.blocking_read().expect("it is resident"), "a!");
        gate.open();
        drop((a, _b));
        world.assert_empty(&pool);
    });
}

#[test]
fn an_item_dropped_while_it_is_written_leaves_no_file() {
    test(|| {
        let world = World::new();
        let pool = world.pool(0);
        let gate = world.mem.gate(Op::Store, None);
        let item = pool.insert("a".to_owned());
        let key = item.key();
        gate.wait_for(1);
        drop(item);
        gate.open();
        world.assert_empty(&pool);
        assert_eq!(world.mem.calls_on(key), [Op::Store, Op::Delete]);
    });
}

#[test]
fn write_now_writes_once_and_the_later_eviction_writes_nothing() {
    test(|| {
        let world = World::new();
        let pool = world.pool(1);
        let item = pool.insert("a".to_owned());
        item.blocking_write_now().expect("it is written");
        world
            .block_on(async { item.spawn_write_now().await.await })
            .expect("it is written");
        assert!(world.mem.has(item.key()));
        assert!(item.try_load().is_some(), "it stays in memory");
        let _other = pool.insert("b".to_owned());
        world.settle();
        assert!(item.try_load().is_none());
        assert_eq!(world.mem.calls_on(item.key()), [Op::Store]);
    });
}

#[test]
fn a_write_now_joins_a_running_write_back() {
    test(|| {
        let world = World::new();
        let pool = world.pool(0);
        let gate = world.mem.gate(Op::Store, None);
        let item = pool.insert("a".to_owned());
        gate.wait_for(1);
        let task = world.block_on(item.spawn_write_now());
        assert!(!task.is_finished());
        gate.open();
        task.wait().expect("it is written");
        assert_eq!(world.mem.count(Op::Store), 1);
    });
}
