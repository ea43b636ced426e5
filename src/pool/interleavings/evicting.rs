//! Hits, guards and drops against the budget.

use shuttle::thread;

use super::world::poll_some;
use super::{World, explore, of};

#[test]
fn a_hit_against_an_eviction() {
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
        assert_eq!((stats.resident, stats.overdue), (1, 0));
        drop((first, second));
        world.end();
    });
}

/// A value that nobody uses any more must not stay in memory because the pool
/// and the last guard have each left it to the other.
#[test]
fn the_last_guard_against_an_eviction() {
    explore(|| {
        let world = World::new(1);
        let first = world.absent(of(1));
        let guards = [first.blocking_load(), first.blocking_load()];
        let owned = pollster::block_on(first.read_owned()).expect("a hit");
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
fn a_try_load_never_misses_what_is_in_memory() {
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
fn the_last_handle_against_an_eviction() {
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

/// The only room comes free once: whoever misses that waits for ever.
#[test]
fn a_permit_that_is_given_back_against_one_who_waits() {
    explore(|| {
        let world = World::new(0);
        let permit = world.pool.blocking_reserve().expect("there is room");
        let holder = thread::spawn(move || drop(permit));
        drop(world.pool.blocking_reserve().expect("there is room"));
        holder.join().expect("it gave it back");
        world.end();
    });
}

/// Producers that reserve are never more than the bound ahead of the disk, and
/// all of them get their turn.
#[test]
fn those_who_reserve_against_the_writes() {
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
