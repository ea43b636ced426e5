//! Threads that do random operations on a few items.

use shuttle::rand::{Rng, thread_rng};
use shuttle::{future, thread};

use super::world::{Handle, World, explore, poll_some};
use crate::Policy;
use crate::testing::{Fault, MemPath};

/// A handle, and the value that it must read.
type Expected = (Handle, Vec<u8>);

fn anything(world: &World, handles: &mut Vec<Expected>) {
    let tracked = world.track(MemPath::default());
    for step in 0..6_u8 {
        let at = thread_rng().gen_range(0..handles.len());
        let (handle, value) = &mut handles[at];
        match thread_rng().gen_range(0..12) {
            0 => assert_eq!(*handle.blocking_load(), *value),
            1 => future::block_on(async { assert_eq!(*handle.load().await, *value) }),
            2 => assert!(poll_some(handle.read(), 2).is_none_or(|read| read.is_ok())),
            3 | 4 => {
                handle.blocking_load_mut().push(step);
                value.push(step);
            }
            5 => {
                if let Some(guard) = poll_some(handle.write(), 2) {
                    guard.expect("it can be loaded").push(step);
                    value.push(step);
                }
            }
            6 => {
                if let Some(mut guard) = handle.try_load_mut() {
                    guard.push(step);
                    drop(guard);
                    value.push(step);
                }
            }
            7 => {
                let clone = (handle.clone(), value.clone());
                handles.push(clone);
            }
            8 => {
                let inserted = vec![step];
                handles[at] = (world.pool.insert(inserted.clone()), inserted);
            }
            9 => drop(handle.blocking_write_now()),
            10 => drop(poll_some(async { handle.spawn_write_now().await.await }, 2)),
            _ => {
                let key = handle.key();
                if handle.blocking_persist(&tracked).is_ok() {
                    let registered = world.pool.blocking_register(&tracked, key);
                    let expected = value.clone();
                    handles.push((registered.expect("it is there"), expected));
                }
            }
        }
    }
    for (handle, value) in handles {
        assert_eq!(*handle.blocking_load(), *value);
    }
}

fn threads_that_do_anything(mem_size: usize, fails: Option<Fault>) {
    do_anything_in(mem_size, Policy::default(), fails);
}

fn do_anything_in(mem_size: usize, policy: Policy, fails: Option<Fault>) {
    explore(move || {
        let world = World::with_policy(mem_size, policy);
        let world = std::sync::Arc::new(world);
        let shared = world.pool.insert(vec![7]);
        let threads = [0, 1].map(|_| {
            let (world, shared) = (world.clone(), shared.clone());
            thread::spawn(move || {
                let own = (world.pool.insert(vec![]), vec![]);
                let mut handles = vec![own, (shared, vec![7])];
                anything(&world, &mut handles);
            })
        });
        if let Some(fault) = fails {
            world.fail_writes(fault);
            crate::sync::point();
            world.mem.heal();
        }
        assert_eq!(*shared.blocking_load(), [7]);
        for thread in threads {
            thread.join().expect("it did");
        }
        world.heal();
        world.check(&[&shared]);
        drop(shared);
        let world = std::sync::Arc::into_inner(world).expect("the threads are gone");
        world.end();
    });
}

#[test]
fn random_operations_are_consistent_in_a_pool_that_keeps_nothing() {
    threads_that_do_anything(0, None);
}

#[test]
fn random_operations_are_consistent_in_a_pool_that_keeps_one_item() {
    threads_that_do_anything(1, None);
}

#[test]
fn random_operations_are_consistent_in_a_pool_that_keeps_a_few_items() {
    threads_that_do_anything(3, None);
}

#[test]
fn random_operations_are_consistent_on_a_disk_that_is_full_at_times() {
    threads_that_do_anything(1, Some(Fault::Full));
}

#[test]
fn random_operations_are_consistent_with_a_codec_that_refuses_at_times() {
    threads_that_do_anything(1, Some(Fault::Refused));
}

#[test]
fn random_operations_are_consistent_in_a_pool_that_keeps_what_is_old() {
    do_anything_in(2, Policy::Bip, None);
}

#[test]
fn random_operations_are_consistent_in_a_pool_that_resists_scans() {
    do_anything_in(3, Policy::Dip, None);
}

/// Items move between the queues of an order while others are evicted from them.
#[test]
fn hits_and_loads_in_each_order_keep_to_the_budget() {
    for policy in [Policy::Bip, Policy::Dip] {
        explore(move || {
            let world = World::with_policy(3, policy);
            let items: Vec<_> = (0..6).map(|byte| world.absent(vec![byte])).collect();
            let threads = [0, 1].map(|thread| {
                let items = items.clone();
                thread::spawn(move || {
                    for step in 0..8 {
                        let at = (step * (thread + 1)) % items.len();
                        assert_eq!(*items[at].blocking_load(), [at as u8]);
                    }
                })
            });
            for thread in threads {
                thread.join().expect("it read");
            }
            world.check(&items.iter().collect::<Vec<_>>());
            assert!(world.pool.stats().resident <= 3);
            drop(items);
            world.end();
        });
    }
}
