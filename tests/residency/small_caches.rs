//! Caches of 0, 1 and 2 items, with more concurrent loads than they hold.

use std::sync::{Arc, Barrier};

use crate::support::{ByHand, Handle, Op, World, test};

#[test]
fn more_concurrent_loads_than_the_cache_holds_all_get_their_value() {
    test(|| {
        for mem_size in [0, 1, 2] {
            let world = World::new();
            let pool = world.pool(mem_size);
            let items: Vec<_> = (0..8)
                .map(|n| world.absent(&pool, &n.to_string()))
                .collect();
            let gate = world.mem.gate(Op::Load, None);
            let mut reads: Vec<_> = items.iter().map(|item| ByHand::new(item.read())).collect();
            for read in &mut reads {
                assert!(read.poll().is_pending());
            }
            gate.open();
            let guards: Vec<_> = reads
                .into_iter()
                .map(|read| read.finish().expect("it is loaded"))
                .collect();
            for (n, guard) in guards.iter().enumerate() {
                assert_eq!(**guard, n.to_string());
            }
            assert_eq!(world.mem.count(Op::Load), 8);
            drop(guards);
            world.settle();
            let stats = pool.stats();
            assert_eq!((stats.resident, stats.pinned_over_budget), (mem_size, 0));
            drop(items);
            world.assert_empty(&pool);
        }
    });
}

#[test]
fn threads_that_all_hold_guards_do_not_wait_for_each_other() {
    test(|| {
        for mem_size in [0, 1, 2] {
            let world = World::new();
            let pool = world.pool(mem_size);
            let items: Arc<Vec<Handle>> =
                Arc::new((0..8).map(|n| pool.insert(n.to_string())).collect());
            world.settle();
            let all_hold = Arc::new(Barrier::new(8));
            let threads: Vec<_> = (0..8)
                .map(|n: usize| {
                    let (items, all_hold) = (items.clone(), all_hold.clone());
                    std::thread::spawn(move || {
                        for round in 0..50 {
                            let n = (n + round) % items.len();
                            let guard = items[n].blocking_read().expect("it is loaded");
                            all_hold.wait();
                            assert_eq!(*guard, n.to_string());
                        }
                    })
                })
                .collect();
            for thread in threads {
                thread.join().expect("no panic");
            }
            drop(items);
            world.assert_empty(&pool);
        }
    });
}

#[test]
fn a_cache_of_zero_keeps_a_value_only_while_it_is_pinned() {
    test(|| {
        let world = World::new();
        let pool = world.pool(0);
        let mut item = pool.insert("a".to_owned());
        world.settle();
        for n in 1..4 {
            let guard = item.blocking_read().expect("it is loaded");
            assert!(std::ptr::eq(
                &*guard,
                &*item.blocking_read().expect("a hit")
            ));
            assert_eq!(world.mem.count(Op::Load), 2 * n - 1);
            drop(guard);
            assert!(item.try_load().is_none());
            item.blocking_write().expect("it is loaded").push('!');
            world.settle();
            assert!(item.try_load().is_none());
            assert_eq!(world.mem.count(Op::Load), 2 * n);
        }
        assert_eq!(*item.blocking_load(), "a!!!");
        assert_eq!(world.mem.count(Op::Duplicate), 0);
        drop(item);
        world.assert_empty(&pool);
    });
}
