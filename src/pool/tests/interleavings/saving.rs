//! `write_now`, `persist` and `register` against every concurrent operation.

use std::sync::Arc;

use shuttle::{future, thread};

use super::world::poll_some;
use super::{World, explore, of};
use crate::testing::{Fault, MemPath};

/// A save captures the value at the time of the call.
#[test]
fn a_persist_captures_the_value_before_a_later_mutation() {
    explore(|| {
        let world = World::new(1);
        let tracked = world.track(MemPath::default());
        let mut item = world.pool.insert(of(1));
        let key = item.key();
        let evictor = {
            let pool = world.pool.clone();
            thread::spawn(move || drop(pool.insert(of(9))))
        };
        let saved = future::block_on(item.spawn_persist(&tracked));
        item.blocking_load_mut().push(2);
        saved.wait().expect("it is persisted");
        evictor.join().expect("it inserted");
        assert_eq!(tracked.all_keys(), [key]);
        assert_eq!(tracked.path().get(key), Some(of(1)));
        assert_eq!(*item.blocking_load(), [1, 2]);
        world.check(&[&item]);
        drop(item);
        world.end();
    });
}

#[test]
fn a_persist_outlives_the_last_handle() {
    explore(|| {
        let world = World::new(0);
        let tracked = world.track(MemPath::default());
        let item = world.pool.insert(of(1));
        let key = item.key();
        let saved = future::block_on(item.spawn_persist(&tracked));
        let dropper = thread::spawn(move || drop(item));
        future::block_on(saved).expect("it is persisted");
        dropper.join().expect("it dropped");
        world.settle();
        assert_eq!(tracked.path().get(key), Some(of(1)));
        let item = world.pool.blocking_register(&tracked, key);
        let item = item.expect("it is registered");
        assert_eq!(*item.blocking_load(), of(1));
        drop(item);
        world.end();
    });
}

/// No waiter waits for a write that only others could run, and a write that a
/// change supersedes succeeds.
#[test]
fn a_write_now_succeeds_during_a_mutation_and_a_drop() {
    explore(|| {
        let world = World::new(1);
        let mut item = world.pool.insert(of(1));
        let written = future::block_on(item.spawn_write_now());
        let waiter = thread::spawn(move || written.wait());
        item.blocking_load_mut().push(2);
        let again = future::block_on(item.spawn_write_now());
        let dropper = thread::spawn(move || drop(item));
        waiter
            .join()
            .expect("no panic")
            .expect("written or superseded");
        future::block_on(again).expect("written or superseded");
        dropper.join().expect("it dropped");
        world.end();
    });
}

/// A registration revives a key with a pending delete, and waits for a deletion
/// that is running.
#[test]
fn a_registration_during_the_deletion_of_its_file_succeeds() {
    explore(|| {
        let world = World::new(1);
        let tracked = world.track(MemPath::default());
        let item = world.pool.insert(of(1));
        let key = item.key();
        item.blocking_persist(&tracked).expect("it is persisted");
        let dropper = thread::spawn(move || drop(item));
        let register = {
            let (pool, tracked) = (world.pool.clone(), tracked.clone());
            move || {
                let item = pool.blocking_register(&tracked, key);
                let item = item.expect("it is registered");
                assert_eq!(*item.blocking_load(), of(1));
                drop(item);
            }
        };
        let other = thread::spawn(register.clone());
        poll_some(world.pool.register(&tracked, key), 1);
        register();
        dropper.join().expect("it dropped");
        other.join().expect("it registered");
        world.end();
    });
}

#[test]
fn values_stay_readable_on_a_failing_disk_and_are_written_later() {
    explore(|| {
        let world = World::new(0);
        world.fail_writes(Fault::Full);
        let item = Arc::new(world.pool.insert(of(1)));
        let healer = {
            let mem = world.mem.clone();
            thread::spawn(move || mem.heal())
        };
        let writer = {
            let item = item.clone();
            thread::spawn(move || drop(item.blocking_write_now()))
        };
        assert_eq!(*item.blocking_load(), of(1), "it stays readable");
        healer.join().expect("it healed");
        writer.join().expect("it tried");
        world.heal();
        world.check(&[&item]);
        assert!(item.item().read().is_none(), "it was written at last");
        assert_eq!(*item.blocking_load(), of(1));
        drop(item);
        world.end();
    });
}

/// It counts although it is no longer in the queue.
#[test]
fn a_job_that_its_waiter_runs_counts_as_in_flight() {
    explore(|| {
        let world = World::new(1);
        let item = world.pool.insert(of(1));
        let written = future::block_on(item.spawn_write_now());
        let waiter = thread::spawn(move || written.wait());
        let writer = {
            let item = item.clone();
            thread::spawn(move || item.blocking_write_now())
        };
        world.settle();
        if world.store.task_tracker().is_empty() {
            assert!(world.mem.files().contains(&item.key()), "it is written");
        }
        waiter.join().expect("no panic").expect("it is written");
        writer.join().expect("no panic").expect("it is written");
        drop(item);
        world.end();
    });
}
