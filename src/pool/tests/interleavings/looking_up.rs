//! Look-ups by key against everything that ends or changes an item.

use std::sync::Arc;

use shuttle::{future, thread};
use uuid::Uuid;

use super::world::{Handle, Pool, poll_some};
use super::{World, explore, of};
use crate::FBPool;
use crate::backing_store::TrackedPath;
use crate::testing::{MemPath, Op};

type Tracked = Arc<TrackedPath<MemPath>>;

/// A pool that keeps `mem_size` items, and a persisted item of the value 1.
fn saved(mem_size: usize) -> (World, Tracked, Handle) {
    let world = World::new(mem_size);
    let tracked = world.track(MemPath::default());
    let item = world.pool.insert(of(1));
    item.blocking_persist(&tracked).expect("it is persisted");
    (world, tracked, item)
}

/// Looks the item up in another thread, and reads it.
fn look_up(pool: &Arc<Pool>, tracked: &Tracked, key: Uuid) -> thread::JoinHandle<Handle> {
    let (pool, tracked) = (pool.clone(), tracked.clone());
    thread::spawn(move || {
        let found = pool.blocking_register(&tracked, key).expect("it is there");
        assert_eq!(*found.blocking_load(), of(1));
        found
    })
}

#[test]
fn a_look_up_against_the_last_drop_finds_the_item_or_registers_it_again() {
    explore(|| {
        let (world, tracked, item) = saved(1);
        let key = item.key();
        let looks_up = look_up(&world.pool, &tracked, key);
        drop(item);
        let found = looks_up.join().expect("it was found");
        assert_eq!(*found.blocking_load(), of(1));
        world.check(&[&found]);
        drop(found);
        world.end();
    });
}

/// A handle that was found and dropped again may be the last one a second time.
#[test]
fn an_item_that_is_revived_and_dropped_again_ends_once() {
    explore(|| {
        let (world, tracked, item) = saved(0);
        let key = item.key();
        let threads = [(); 2].map(|()| {
            let looks_up = look_up(&world.pool, &tracked, key);
            thread::spawn(move || drop(looks_up.join().expect("it was found")))
        });
        drop(item);
        for thread in threads {
            thread.join().expect("it dropped its handle");
        }
        world.end();
    });
}

#[test]
fn a_mutation_copies_or_is_not_found() {
    explore(|| {
        let (world, tracked, mut item) = saved(1);
        let key = item.key();
        let looks_up = look_up(&world.pool, &tracked, key);
        item.blocking_load_mut().push(2);
        let found = looks_up.join().expect("it was found");
        assert_eq!(*item.blocking_load(), [1, 2]);
        assert_eq!(*found.blocking_load(), of(1));
        assert_eq!((found.key() == key, item.key() == key), (true, false));
        world.check(&[&item, &found]);
        drop((item, found));
        world.end();
    });
}

#[test]
fn a_mutation_that_loads_first_copies_or_is_not_found() {
    explore(|| {
        let (world, tracked, item) = saved(0);
        let key = item.key();
        drop(item);
        let registered = world.pool.blocking_register(&tracked, key);
        let mut item = registered.expect("it is there");
        let looks_up = look_up(&world.pool, &tracked, key);
        future::block_on(async { item.load_mut().await.push(2) });
        let found = looks_up.join().expect("it was found");
        assert_eq!(*item.blocking_load(), [1, 2]);
        assert_eq!(*found.blocking_load(), of(1));
        world.check(&[&item, &found]);
        drop((item, found));
        world.end();
    });
}

#[test]
fn a_cancelled_mutation_leaves_an_item_that_is_found() {
    explore(|| {
        let (world, tracked, mut item) = saved(0);
        let key = item.key();
        let looks_up = look_up(&world.pool, &tracked, key);
        let changed = poll_some(item.write(), 1).map(|guard| guard.expect("loaded").push(2));
        let found = looks_up.join().expect("it was found");
        let expected = match changed {
            Some(()) => vec![1, 2],
            None => of(1),
        };
        assert_eq!(*item.blocking_load(), expected);
        drop(found);
        world.check(&[&item]);
        drop(item);
        world.end();
    });
}

#[test]
fn a_look_up_against_an_eviction_loads_once() {
    explore(|| {
        let (world, tracked, item) = saved(1);
        let looks_up = look_up(&world.pool, &tracked, item.key());
        let other = world.pool.insert(of(9));
        let found = looks_up.join().expect("it was found");
        assert!(world.mem.count(Op::Load) <= 1);
        world.check(&[&item, &other]);
        drop((item, other, found));
        world.end();
    });
}

/// The file is linked once, in every order.
#[test]
fn registrations_of_one_key_make_one_item() {
    explore(|| {
        let (world, tracked, item) = saved(1);
        let key = item.key();
        drop(item);
        let threads = [(); 2].map(|()| look_up(&world.pool, &tracked, key));
        let handles = threads.map(|thread| thread.join().expect("it is registered"));
        assert_eq!(world.pool.size(), 1);
        drop(handles);
        world.end();
    });
}

#[test]
fn registrations_in_two_pools_share_the_file() {
    explore(|| {
        let (world, tracked, item) = saved(1);
        let key = item.key();
        drop(item);
        let other_pool = Arc::new(FBPool::new(world.store.clone(), 1));
        let pools = [&world.pool, &other_pool];
        let threads = pools.map(|pool| look_up(pool, &tracked, key));
        let [one, other] = threads.map(|thread| thread.join().expect("it is registered"));
        world.check(&[&one]);
        drop(one);
        world.settle();
        assert!(world.mem.has(key), "the other pool's item owns it");
        assert_eq!(*other.blocking_load(), of(1));
        drop((other, other_pool));
        world.end();
    });
}

#[test]
fn a_registration_in_another_pool_against_the_last_drop_has_its_file() {
    explore(|| {
        let (world, tracked, item) = saved(1);
        let key = item.key();
        let other_pool = Arc::new(FBPool::new(world.store.clone(), 0));
        let registers = look_up(&other_pool, &tracked, key);
        drop(item);
        let other = registers.join().expect("it is registered");
        world.settle();
        assert_eq!(*other.blocking_load(), of(1));
        drop((other, other_pool));
        world.end();
    });
}

#[test]
fn registering_all_against_registrations_and_drops_loses_no_file() {
    explore(|| {
        let (world, tracked, item) = saved(0);
        let key = item.key();
        let looks_up = look_up(&world.pool, &tracked, key);
        let registers_all = thread::spawn({
            let (store, tracked) = (world.store.clone(), tracked.clone());
            move || store.blocking_register_all(&tracked).expect("registered")
        });
        drop(item);
        let all = registers_all.join().expect("it registered");
        drop(looks_up.join().expect("it was found"));
        world.settle();
        assert!(world.mem.has(key), "the tokens own it");
        drop(all);
        world.end();
    });
}

#[test]
fn a_persist_against_a_registration_leaves_one_file() {
    explore(|| {
        let (world, tracked, item) = saved(0);
        let key = item.key();
        let again = world.track(MemPath::default());
        let looks_up = look_up(&world.pool, &tracked, key);
        item.blocking_persist(&again).expect("it is persisted");
        let elsewhere = world.pool.blocking_register(&again, key);
        let elsewhere = elsewhere.expect("it is there");
        let found = looks_up.join().expect("it was found");
        assert_eq!(world.pool.size(), 1);
        drop((item, elsewhere, found));
        world.end();
    });
}

#[test]
fn a_deletion_against_a_look_up_leaves_every_handle_its_file() {
    explore(|| {
        let (world, tracked, item) = saved(0);
        let key = item.key();
        let looks_up = thread::spawn({
            let (pool, tracked) = (world.pool.clone(), tracked.clone());
            move || pool.blocking_register(&tracked, key)
        });
        let deleted = world.store.blocking_delete_persisted(&tracked, key);
        deleted.expect("it is deleted");
        let found = looks_up.join().expect("it looked");
        if let Ok(found) = &found {
            assert_eq!(*found.blocking_load(), of(1));
        }
        item.blocking_persist(&tracked).expect("it is persisted");
        let again = world.pool.blocking_register(&tracked, key);
        assert_eq!(*again.expect("it is there again").blocking_load(), of(1));
        drop((item, found));
        world.end();
    });
}
