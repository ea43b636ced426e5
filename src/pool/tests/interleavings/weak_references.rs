//! Items that are found through weak references, against everything that ends or changes
//! them, and computations that end in all ways.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use shuttle::{future, thread};

use super::world::{Handle, Pool, poll_some};
use super::{World, explore, of};
use crate::convenience::WeakMap;
use crate::testing::MemStore;

type Map = WeakMap<u8, Vec<u8>, Arc<MemStore>>;

/// The key of everything here.
const KEY: u8 = 7;

/// A map with an item of the value 1.
fn map_of(item: &Handle) -> Arc<Map> {
    let map = Map::new();
    map.insert(KEY, item);
    Arc::new(map)
}

/// Gets the item in another thread, if it is found, and reads it.
fn get(map: &Arc<Map>) -> thread::JoinHandle<Option<Handle>> {
    let map = map.clone();
    thread::spawn(move || {
        let found = map.get(&KEY)?;
        assert_eq!(*found.blocking_load(), of(1));
        Some(found)
    })
}

/// Gets or makes the item of the value 1, and counts how often it is made.
fn get_or_make(pool: &Arc<Pool>, map: &Map, made: &AtomicUsize) -> Handle {
    let make = || {
        crate::sync::point();
        made.fetch_add(1, Ordering::SeqCst);
        Ok::<_, Infallible>(pool.insert(of(1)))
    };
    let got = map.blocking_get_or_insert_with(KEY, make);
    got.unwrap_or_else(|never| match *never {})
}

#[test]
fn a_look_up_against_the_last_drop_revives_the_item_or_finds_nothing() {
    for mem_size in [0, 1] {
        explore(move || {
            let world = World::new(mem_size);
            let item = world.pool.insert(of(1));
            let key = item.key();
            let map = map_of(&item);
            let gets = [(); 2].map(|()| get(&map));
            drop(item);
            let found = gets.map(|get| get.join().expect("no panic"));
            let handles: Vec<_> = found.iter().flatten().collect();
            assert!(handles.iter().all(|handle| handle.key() == key));
            // Those that were found are one item.
            world.settle();
            assert_eq!(world.pool.size(), usize::from(!handles.is_empty()));
            assert_eq!(map.get(&KEY).is_some(), !handles.is_empty());
            drop(found);
            assert!(map.get(&KEY).is_none());
            world.end();
        });
    }
}

/// A handle that was found and dropped again may be the last one a second time.
#[test]
fn an_item_that_is_revived_and_dropped_again_ends_once() {
    for mem_size in [0, 1] {
        explore(move || {
            let world = World::new(mem_size);
            let item = world.pool.insert(of(1));
            let map = map_of(&item);
            let threads = [(); 2].map(|()| {
                let get = get(&map);
                thread::spawn(move || drop(get.join().expect("no panic")))
            });
            drop(item);
            for thread in threads {
                thread.join().expect("it dropped its handle");
            }
            assert!(map.is_empty());
            world.end();
        });
    }
}

#[test]
fn a_change_copies_or_is_not_found() {
    for is_async in [false, true] {
        explore(move || {
            let world = World::new(1);
            let mut item = world.pool.insert(of(1));
            let key = item.key();
            let map = map_of(&item);
            let gets = get(&map);
            match is_async {
                false => item.blocking_load_mut().push(2),
                true => future::block_on(async { item.load_mut().await.push(2) }),
            }
            let found = gets.join().expect("no panic");
            assert_eq!(*item.blocking_load(), [1, 2]);
            assert_ne!(item.key(), key);
            let is_found = map.get(&KEY).map(|found| found.key());
            assert_eq!(is_found, found.as_ref().map(|_| key));
            if let Some(found) = found {
                assert_eq!(*found.blocking_load(), of(1));
                world.check(&[&item, &found]);
            }
            drop(item);
            world.end();
        });
    }
}

/// The value is loaded before it can be changed.
#[test]
fn a_change_that_loads_first_copies_or_is_not_found() {
    explore(|| {
        let world = World::new(0);
        let mut item = world.absent(of(1));
        let map = map_of(&item);
        let gets = get(&map);
        let changed = poll_some(item.write(), 2).map(|guard| guard.expect("loaded").push(2));
        let found = gets.join().expect("no panic");
        let is_changed = changed.is_some();
        let expected = if is_changed { vec![1, 2] } else { of(1) };
        assert_eq!(*item.blocking_load(), expected);
        if let Some(found) = &found {
            assert_eq!(*found.blocking_load(), of(1));
        }
        assert_eq!(map.get(&KEY).is_some(), found.is_some() || !is_changed);
        drop((item, found));
        world.end();
    });
}

#[test]
fn calls_at_once_make_one_item() {
    explore(|| {
        let world = World::new(1);
        let (map, made) = (Arc::new(Map::new()), Arc::new(AtomicUsize::new(0)));
        let threads = [(); 3].map(|()| {
            let (pool, map, made) = (world.pool.clone(), map.clone(), made.clone());
            thread::spawn(move || get_or_make(&pool, &map, &made))
        });
        let handles = threads.map(|thread| thread.join().expect("no panic"));
        assert_eq!(made.load(Ordering::SeqCst), 1);
        assert!(handles.iter().all(|item| item.key() == handles[0].key()));
        drop(handles);
        assert!(map.computations_are_idle());
        world.end();
    });
}

/// Each call drops its handle at once, so the item may be made several times.
#[test]
fn calls_against_last_drops_and_removals_leave_nothing() {
    explore(|| {
        let world = World::new(0);
        let (map, made) = (Arc::new(Map::new()), Arc::new(AtomicUsize::new(0)));
        let threads = [(); 2].map(|()| {
            let (pool, map, made) = (world.pool.clone(), map.clone(), made.clone());
            thread::spawn(move || {
                let item = get_or_make(&pool, &map, &made);
                assert_eq!(*item.blocking_load(), of(1));
            })
        });
        drop(map.remove(&KEY));
        for thread in threads {
            thread.join().expect("no panic");
        }
        assert!((1..=2).contains(&made.load(Ordering::SeqCst)));
        assert!(map.is_empty() && map.computations_are_idle());
        world.end();
    });
}

/// The call that computes is dropped while it waits, at any time, or ends.
#[test]
fn when_the_call_that_computes_is_dropped_one_that_waits_computes() {
    explore(|| {
        let world = World::new(1);
        let (map, made) = (Arc::new(Map::new()), Arc::new(AtomicUsize::new(0)));
        let threads = [(); 2].map(|()| {
            let (pool, map, made) = (world.pool.clone(), map.clone(), made.clone());
            thread::spawn(move || get_or_make(&pool, &map, &made))
        });
        let make = async || {
            for _ in 0..2 {
                shuttle::future::yield_now().await;
            }
            made.fetch_add(1, Ordering::SeqCst);
            Ok::<_, Infallible>(world.pool.insert(of(1)))
        };
        let first = poll_some(map.get_or_insert_with(KEY, make), 3);
        let handles = threads.map(|thread| thread.join().expect("no panic"));
        assert_eq!(made.load(Ordering::SeqCst), 1);
        assert_eq!(handles[0].key(), handles[1].key());
        drop((first, handles));
        assert!(map.is_empty() && map.computations_are_idle());
        world.end();
    });
}

/// A sweep probes items while they end.
#[test]
fn a_sweep_against_last_drops_and_changes_keeps_what_is_found() {
    explore(|| {
        let world = World::new(1);
        let (first, mut second) = (world.pool.insert(of(1)), world.pool.insert(of(1)));
        let map = map_of(&first);
        map.insert(KEY + 1, &second);
        let sweeps = thread::spawn({
            let map = map.clone();
            move || map.len()
        });
        let gets = get(&map);
        drop(first);
        second.blocking_load_mut().push(2);
        sweeps.join().expect("no panic");
        let found = gets.join().expect("no panic");
        assert_eq!(map.len(), usize::from(found.is_some()));
        drop((second, found));
        world.end();
    });
}
