//! Waiting until write-back keeps up.

use std::path::Path;
use std::task::Poll;

use file_backed::{FBPool, Permit};

use crate::support::{ByHand, Fault, On, Op, Pool, World, each_stop, test, told};

/// A pool that keeps nothing, so that every value waits to be written.
fn pool(world: &World, backlog: usize) -> Pool {
    FBPool::builder(world.store.clone())
        .items(0)
        .backlog_items(backlog)
        .build()
}

#[test]
fn a_producer_waits_while_the_backlog_is_full() {
    test(|| {
        let world = World::new();
        let pool = pool(&world, 3);
        let gate = world.mem.gate(Op::Store, None);
        let mut items = Vec::new();
        while let Some(permit) = pool.try_reserve().expect("nothing failed") {
            items.push(permit.insert("a".to_owned()));
        }
        assert_eq!((items.len(), pool.stats().writes_waiting), (3, 3));
        let reserve = ByHand::waiting(pool.reserve());
        gate.open();
        let permit = reserve.finish().expect("there is room");
        items.push(permit.insert("b".to_owned()));
        drop(items);
        world.assert_empty(&pool);
    });
}

#[test]
fn an_unused_permit_counts_until_it_is_dropped() {
    test(|| {
        let world = World::new();
        let pool = pool(&world, 2);
        let first = pool.blocking_reserve().expect("there is room");
        let second = pool.blocking_reserve().expect("there is room");
        let reserve = ByHand::waiting(pool.reserve());
        assert!(pool.try_reserve().expect("nothing failed").is_none());
        drop(first);
        let third = reserve.finish().expect("there is room");
        drop((second, third));
        assert!(pool.try_reserve().expect("nothing failed").is_some());
    });
}

/// Each waiter that gets room wakes the next one if there is more.
#[test]
fn every_waiting_producer_gets_a_permit() {
    test(|| {
        let world = World::new();
        let pool = pool(&world, 4);
        let permits = [(); 4].map(|()| pool.blocking_reserve().expect("there is room"));
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..16)
                .map(|n| {
                    let pool = &pool;
                    scope.spawn(move || {
                        let permit = pool.blocking_reserve().expect("there is room");
                        permit.insert(n.to_string())
                    })
                })
                .collect();
            drop(permits);
            for thread in threads {
                drop(thread.join().expect("it got room"));
            }
        });
        world.assert_empty(&pool);
    });
}

#[test]
fn a_backlog_of_zero_admits_one_value() {
    test(|| {
        let world = World::new();
        let pool = pool(&world, 0);
        let permit = pool.blocking_reserve().expect("nothing waits");
        assert!(pool.try_reserve().expect("nothing failed").is_none());
        let item = permit.insert("a".to_owned());
        world.settle();
        drop(pool.blocking_reserve().expect("it is written"));
        drop(item);
    });
}

#[test]
fn the_backlog_is_also_bounded_in_bytes() {
    test(|| {
        let world = World::new();
        let pool: Pool = FBPool::builder(world.store.clone())
            .bytes(0, |text: &String| text.len() as u64)
            .backlog_bytes(100)
            .build();
        let gate = world.mem.gate(Op::Store, None);
        let mut items = Vec::new();
        while let Some(permit) = pool.try_reserve().expect("nothing failed") {
            items.push(permit.insert("x".repeat(30)));
        }
        assert_eq!(
            pool.stats().writes_waiting_bytes,
            120,
            "the fourth was begun below"
        );
        gate.open();
        world.settle();
        assert_eq!(pool.stats().writes_waiting_bytes, 0);
        // From the last one it is known what the next will weigh.
        let permits: Vec<_> =
            std::iter::from_fn(|| pool.try_reserve().expect("nothing failed")).collect();
        assert_eq!(permits.len(), 4);
    });
}

#[test]
fn a_disk_that_refuses_writes_ends_the_wait_with_an_error() {
    test(|| {
        let world = World::new();
        let pool = pool(&world, 1);
        let other: Pool = self::pool(&world, 1);
        let gate = world.mem.gate(Op::Store, None);
        let item = pool
            .blocking_reserve()
            .expect("there is room")
            .insert("a".to_owned());
        let held = other.blocking_reserve().expect("there is room");
        let mut reserve = ByHand::new(pool.reserve());
        let mut elsewhere = ByHand::new(other.reserve());
        assert!(reserve.poll().is_pending() && elsewhere.poll().is_pending());
        world.mem.fail(On::every(Op::Store), Fault::Full);
        gate.open();
        for refused in [
            reserve.finish(),
            elsewhere.finish(),
            pool.blocking_reserve(),
        ] {
            let error = refused.expect_err("the disk is full");
            assert!(error.is_storage_full());
            assert_eq!(
                told(&error, Path::new("ROOT")),
                "could not reserve room for another value: could not write item KEY: no storage space"
            );
        }
        // Insert does not mind.
        drop(held.insert("b".to_owned()));
        world.mem.heal();
        // The retry ends the outage, without anybody's help.
        while pool.stats().store_failing {
            std::thread::yield_now();
        }
        drop(pool.blocking_reserve().expect("the disk takes it again"));
        drop(item);
        world.assert_empty(&pool);
        world.assert_empty(&other);
    });
}

/// Values that can never be written must not make producers wait forever.
#[test]
fn refused_values_that_fill_the_backlog_are_an_error() {
    test(|| {
        let world = World::new();
        let pool = pool(&world, 1);
        let permit = pool.blocking_reserve().expect("there is room");
        world.mem.fail(On::every(Op::Store), Fault::Refused);
        let poison = permit.insert("poison".to_owned());
        let error = pool.blocking_reserve().expect_err("it is refused");
        let key = poison.key().simple().to_string();
        assert_eq!(
            error.to_string().replace(&key, "KEY"),
            "could not reserve room for another value: could not write item KEY: Store refuses the value"
        );
        drop(poison);
        drop(pool.blocking_reserve().expect("it is gone"));
        world.mem.heal();
        world.assert_empty(&pool);
    });
}

#[test]
fn a_hit_a_change_and_a_drop_make_room_in_the_backlog() {
    test(|| {
        let world = World::narrow();
        let pool: Pool = FBPool::builder(world.store.clone())
            .items(1)
            .backlog_items(1)
            .build();
        let clog = world.clog();
        let full = |pool: &Pool| pool.try_reserve().expect("nothing failed").is_none();
        let mut first = pool.insert("a".to_owned());
        let second = pool.insert("b".to_owned());
        assert!(full(&pool), "the first waits to be written");
        drop(second);
        assert_eq!(*first.blocking_load(), "a");
        assert!(!full(&pool), "it was rescued");
        let second = pool.insert("b".to_owned());
        assert!(full(&pool), "it waits again");
        first.blocking_load_mut().push('!');
        assert_eq!(pool.stats().writes_waiting, 1, "the second waits now");
        drop(second);
        assert!(!full(&pool));
        let second = pool.insert("b".to_owned());
        assert!(full(&pool));
        drop(first);
        assert!(!full(&pool));
        clog.clear();
        drop(second);
        world.assert_empty(&pool);
    });
}

#[test]
fn a_cancelled_reservation_takes_no_room() {
    test(|| {
        each_stop(|stop| {
            let world = World::new();
            let pool = pool(&world, 1);
            let gate = world.mem.gate(Op::Store, None);
            let item = pool
                .blocking_reserve()
                .expect("there is room")
                .insert("a".to_owned());
            let ended = stop.drop_there(pool.reserve(), || gate.open());
            gate.open();
            world.settle();
            let permit: Permit<_, _> = pool.blocking_reserve().expect("there is room");
            assert!(pool.try_reserve().expect("nothing failed").is_none());
            drop((permit, item));
            world.assert_empty(&pool);
            ended
        });
    });
}

/// The first waiter has already been woken when it is cancelled.
#[test]
fn a_cancelled_waiter_passes_its_room_to_the_next() {
    test(|| {
        let world = World::new();
        let pool = pool(&world, 1);
        let permit = pool.blocking_reserve().expect("there is room");
        let mut first = ByHand::new(pool.reserve());
        let mut second = ByHand::new(pool.reserve());
        assert!(first.poll().is_pending() && second.poll().is_pending());
        drop(permit);
        first.wait_until_woken();
        drop(first);
        second.wait_until_woken();
        assert!(matches!(second.poll(), Poll::Ready(Ok(_))));
    });
}

/// Held permits and values that cannot be written do not free their room by themselves.
/// While they take it, no waiter may wait for half of the room to become free.
#[test]
fn held_permits_and_refused_values_leave_the_rest_of_the_room_usable() {
    test(|| {
        let world = World::new();
        let pool = pool(&world, 4);
        let held = [(); 2].map(|()| pool.blocking_reserve().expect("there is room"));
        world.mem.fail(On::every(Op::Store), Fault::Refused);
        let permit = pool.blocking_reserve().expect("there is room");
        let poison = permit.insert("poison".to_owned());
        world.settle();
        world.mem.heal();
        let gate = world.mem.gate(Op::Store, None);
        let permit = pool.blocking_reserve().expect("there is room");
        let item = permit.insert("a".to_owned());
        let reserve = ByHand::waiting(pool.reserve());
        gate.open();
        drop(reserve.finish().expect("there is room for one"));
        drop((held, poison, item));
        world.assert_empty(&pool);
    });
}

/// Only one waiter is notified, although there is room for two. A waiter that finds more
/// room than it needs notifies the next one, and keeps its own.
#[test]
fn room_for_two_is_found_by_two_waiters() {
    test(|| {
        let world = World::new();
        let pool = pool(&world, 2);
        let gate = world.mem.gate(Op::Store, None);
        let items = ["a", "b"].map(|text| {
            let permit = pool.blocking_reserve().expect("there is room");
            permit.insert(text.to_owned())
        });
        let mut first = ByHand::new(pool.reserve());
        let mut second = ByHand::new(pool.reserve());
        assert!(first.poll().is_pending() && second.poll().is_pending());
        gate.open();
        world.settle();
        let first = first.finish().expect("there is room");
        let second = second.finish().expect("there is room for it too");
        drop((first, second, items));
        world.assert_empty(&pool);
    });
}
