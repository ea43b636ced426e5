//! Mutations against write-backs, evictions, readers and each other.

use std::sync::Arc;

use shuttle::{future, thread};

use super::world::poll_some;
use super::{World, explore, of};
use crate::testing::Fault;

#[test]
fn a_mutation_during_an_eviction_write_keeps_the_change() {
    explore(|| {
        let world = World::new(0);
        let mut item = world.pool.insert(of(1));
        let first = item.key();
        item.blocking_load_mut().push(2);
        assert_ne!(item.key(), first, "a change has a new key");
        let other = thread::spawn({
            let pool = world.pool.clone();
            move || drop(pool.insert(of(9)))
        });
        future::block_on(async { item.load_mut().await.push(3) });
        assert_eq!(*item.blocking_load(), [1, 2, 3]);
        other.join().expect("it inserted");
        world.check(&[&item]);
        let keys = world.mem.files();
        assert!(keys.len() == 1 && keys.contains(&item.key()));
        drop(item);
        world.end();
    });
}

/// No other handle ever sees a change, and no reader's value changes.
#[test]
fn readers_never_see_a_mutation_of_a_shared_handle() {
    explore(|| {
        let world = World::new(1);
        let mut item = world.pool.insert(of(1));
        let shared = item.clone();
        let reader = thread::spawn(move || {
            let value = shared.blocking_load();
            assert_eq!(*value, of(1));
            drop(value);
            assert_eq!(*shared.blocking_load(), of(1));
            shared
        });
        item.blocking_load_mut().push(2);
        assert_eq!(*item.blocking_load(), [1, 2]);
        let shared = reader.join().expect("it read");
        assert_eq!(*shared.blocking_load(), of(1));
        world.check(&[&item, &shared]);
        drop((item, shared));
        world.end();
    });
}

#[test]
fn a_mutation_leaves_the_value_of_an_owned_guard() {
    explore(|| {
        let world = World::new(1);
        let mut item = world.pool.insert(of(1));
        let guard = item.blocking_read_owned().expect("a hit");
        let reader = thread::spawn(move || {
            assert_eq!(*guard, of(1));
            drop(guard);
        });
        item.blocking_load_mut().push(2);
        assert_eq!(*item.blocking_load(), [1, 2]);
        reader.join().expect("it read");
        world.check(&[&item]);
        drop(item);
        world.end();
    });
}

#[test]
fn a_cancelled_mutation_changes_nothing() {
    explore(|| {
        let world = World::new(0);
        let mut item = world.pool.insert(of(1));
        let shared = item.clone();
        let evictor = {
            let pool = world.pool.clone();
            thread::spawn(move || drop(pool.insert(of(9))))
        };
        drop(poll_some(item.write(), 1));
        drop(shared);
        drop(poll_some(item.write(), 2));
        assert_eq!(*item.blocking_load(), of(1));
        evictor.join().expect("it inserted");
        world.check(&[&item]);
        drop(item);
        world.end();
    });
}

#[test]
fn a_mutation_during_failing_writes_keeps_the_change() {
    explore(|| {
        let world = World::new(0);
        for fault in [Fault::Full, Fault::Refused] {
            world.fail_writes(fault);
            let mut item = world.pool.insert(of(1));
            let healer = {
                let mem = world.mem.clone();
                thread::spawn(move || mem.heal())
            };
            item.blocking_load_mut().push(2);
            assert_eq!(*item.blocking_load(), [1, 2]);
            healer.join().expect("it healed");
            world.heal();
            world.check(&[&item]);
            assert!(item.item().read().is_none(), "it was written at last");
            assert_eq!(*item.blocking_load(), [1, 2]);
            drop(item);
        }
        world.end();
    });
}

#[test]
fn readers_never_see_a_copy_on_write_behind_an_arc() {
    explore(|| {
        let world = World::new(1);
        let mut item = Arc::new(world.pool.insert(of(1)));
        let shared = item.clone();
        let reader = thread::spawn(move || assert_eq!(*shared.blocking_load(), of(1)));
        item.blocking_make_mut().push(2);
        assert_eq!(*item.blocking_load(), [1, 2]);
        reader.join().expect("it read");
        world.check(&[&item]);
        drop(item);
        world.end();
    });
}
