//! Hits, guards and drops against the budget.

use shuttle::thread;

use super::super::super::eviction::Drops;
use super::world::poll_some;
use super::{World, explore, of};
use crate::residency::Weight;

#[test]
fn a_hit_during_an_eviction_reads_the_value() {
    explore(|| {
        let world = World::new(1);
        let first = world.pool.insert(of(1));
        let reader = {
            let first = first.clone();
            thread::spawn(move || {
                for _ in 0..2 {
                    assert_eq!(*first.blocking_load(), of(1));
                }
            })
        };
        let second = world.pool.insert(of(2));
        assert_eq!(*second.blocking_load(), of(2));
        reader.join().expect("it read");
        world.check(&[&first, &second]);
        let stats = world.pool.stats();
        assert_eq!((stats.resident, stats.pinned_over_budget), (1, 0));
        drop((first, second));
        world.end();
    });
}

/// An unpinned value must not stay in memory because the pool and the last guard
/// each left the eviction to the other.
#[test]
fn a_value_whose_last_guard_races_with_an_eviction_leaves_memory() {
    explore(|| {
        let world = World::new(1);
        let first = world.absent(of(1));
        let guards = [first.blocking_load(), first.blocking_load()];
        let owned = crate::sync::block_on(first.read_owned()).expect("a hit");
        let evictor = {
            let pool = world.pool.clone();
            thread::spawn(move || pool.insert(of(2)))
        };
        let owner = thread::spawn(move || drop(owned));
        drop(guards);
        let second = evictor.join().expect("it inserted");
        owner.join().expect("it dropped");
        world.check(&[&first, &second]);
        assert!(first.item().read().is_none(), "nobody uses it");
        drop((first, second));
        world.end();
    });
}

#[test]
fn a_try_load_never_misses_a_pinned_value() {
    explore(|| {
        let world = World::new(0);
        let item = world.absent(of(1));
        let guard = item.blocking_load();
        let evictor = {
            let pool = world.pool.clone();
            thread::spawn(move || drop(pool.insert(of(2))))
        };
        let other = {
            let item = item.clone();
            thread::spawn(move || drop(item.blocking_load()))
        };
        assert_eq!(item.try_load().as_deref(), Some(&of(1)), "a guard has it");
        drop(guard);
        evictor.join().expect("it inserted");
        other.join().expect("it read");
        drop(item);
        world.end();
    });
}

#[test]
fn dropping_the_last_handle_during_an_eviction_leaves_nothing() {
    explore(|| {
        let world = World::new(1);
        let first = world.pool.insert(of(1));
        let second = world.pool.insert(of(2));
        let dropper = thread::spawn(move || drop(first));
        let third = world.pool.insert(of(3));
        dropper.join().expect("it dropped");
        world.check(&[&second, &third]);
        assert_eq!(*second.blocking_load(), of(2));
        drop((second, third));
        world.end();
    });
}

/// Only one permit becomes free, and only once. A waiter that misses it waits forever.
#[test]
fn a_returned_permit_is_never_missed_by_a_waiter() {
    explore(|| {
        let world = World::new(0);
        let permit = world.pool.blocking_reserve().expect("there is room");
        let holder = thread::spawn(move || drop(permit));
        drop(world.pool.blocking_reserve().expect("there is room"));
        holder.join().expect("it gave it back");
        world.end();
    });
}

/// Producers that reserve are never ahead of the disk by more than the bound, and
/// each of them makes progress.
#[test]
fn producers_that_reserve_respect_the_bound_and_progress() {
    explore(|| {
        let world = World::new(0);
        let produce = |byte: u8| {
            let pool = world.pool.clone();
            move || {
                let permit = pool.blocking_reserve().expect("the store takes it");
                assert!(pool.stats().writes_waiting <= 1);
                permit.insert(of(byte))
            }
        };
        let threads = [1, 2, 3].map(|byte| thread::spawn(produce(byte)));
        poll_some(world.pool.reserve(), 2);
        let items = threads.map(|thread| thread.join().expect("it produced"));
        world.check(&items.each_ref());
        drop(items);
        drop(world.pool.try_reserve().expect("the store takes it"));
        world.end();
    });
}

/// A map is chosen for eviction, and meanwhile its item is changed and evicted by
/// the budget. One of the two must queue the job that writes it.
#[test]
fn an_item_that_is_changed_while_its_map_is_released_is_written() {
    explore(|| {
        let world = World::new(0);
        world.mem.load_as_maps();
        let mut item = world.absent(of(1));
        drop(item.blocking_load());
        world.settle();
        assert_eq!(world.pool.stats().mapped, 1);
        let relieved = {
            let pool = world.pool.clone();
            thread::spawn(move || pool.release_maps(1))
        };
        item.blocking_load_mut().push(2);
        relieved.join().expect("it let go");
        world.settle();
        assert_eq!(world.pool.stats().writes_waiting, 0, "nobody writes it");
        world.check(&[&item]);
        drop(item);
        world.end();
    });
}

/// The race of the test above, step by step.
#[test]
fn an_item_whose_map_is_released_between_check_in_and_eviction_is_written() {
    explore(|| {
        let world = World::new(0);
        world.mem.load_as_maps();
        let item = world.absent(of(1));
        drop(item.blocking_load());
        world.settle();
        let pool = &world.pool;
        // Thread 1, in `release_maps`:
        let mut pass = pool.lists.begin_pass();
        let relieved = pool.lists.pop_mapped(&mut pass).expect("a map");
        // Thread 2, in `write`, `check_in` and `enforce`:
        let taken = pool.checkout_resident(item.item()).expect("nobody has it");
        item.item().check_in(taken.value, Weight::Known(1), &**pool);
        let victim = pool.lists.pop_victim().expect("nothing may stay");
        // Thread 1, and thread 2, which finds that thread 1 has evicted it:
        pool.evict(&relieved, Drops::Here);
        pool.evict(&victim, Drops::InBackground);
        world.settle();
        assert_eq!(pool.stats().writes_waiting, 0, "it was written");
        drop(item);
        world.end();
    });
}

/// A map that a guard pins stays in its list, and none is lost between the two.
#[test]
fn maps_are_kept_or_released_whole_while_guards_come_and_go() {
    explore(|| {
        let world = World::new(0);
        world.mem.load_as_maps();
        let items = [1, 2, 3].map(|byte| world.absent(of(byte)));
        for item in &items {
            drop(item.blocking_load());
        }
        let reader = {
            let items = items.clone();
            thread::spawn(move || {
                for (item, byte) in items.iter().zip(1..) {
                    let guard = item.blocking_load();
                    crate::sync::point();
                    assert_eq!(*guard, of(byte));
                }
            })
        };
        let relieved = {
            let pool = world.pool.clone();
            thread::spawn(move || pool.release_maps(2))
        };
        let guard = items[0].blocking_load();
        relieved.join().expect("it made room");
        assert!(items[0].try_load().is_some(), "a guard has it");
        reader.join().expect("it read");
        drop(guard);
        world.check(&items.each_ref());
        // All are evictable again.
        world.pool.release_maps(3);
        assert_eq!(world.pool.stats().mapped, 0);
        assert!(items.iter().all(|item| item.item().read().is_none()));
        drop(items);
        world.end();
    });
}

#[test]
fn two_passes_over_the_maps_at_once_leave_nothing_behind() {
    explore(|| {
        let world = World::new(0);
        world.mem.load_as_maps();
        let items = [1, 2, 3, 4].map(|byte| world.absent(of(byte)));
        let pinned = items[3].blocking_load();
        let passes = [(); 2].map(|()| {
            let pool = world.pool.clone();
            thread::spawn(move || pool.release_maps(4))
        });
        for item in &items[..3] {
            drop(item.blocking_load());
        }
        for pass in passes {
            pass.join().expect("it made room");
        }
        assert!(items[3].try_load().is_some(), "a guard has it");
        drop(pinned);
        world.check(&items.each_ref());
        world.pool.release_maps(4);
        assert_eq!(world.pool.stats().mapped, 0);
        drop(items);
        world.end();
    });
}
