//! Dropped mutations change nothing.

use std::cell::Cell;
use std::sync::Arc;

use crate::support::{Gate, Handle, Op, World, each_stop, test};

/// Opens one gate after the other.
fn one_by_one(gates: &[Gate]) -> impl Fn() {
    let next = Cell::new(0);
    move || {
        if let Some(gate) = gates.get(next.replace(next.get() + 1)) {
            gate.open();
        }
    }
}

fn check_and_end(world: &World, mut item: Handle, key: uuid::Uuid) {
    let pool = item.pool().clone();
    world.settle();
    // A change that came to its end, and changed nothing, has changed the key.
    if item.key() == key {
        assert!(world.mem.has(key) || item.try_load().is_some());
    }
    assert_eq!(*item.blocking_read().expect("nothing is lost"), "a");
    item.blocking_write().expect("it is loaded").push('!');
    world.settle();
    assert!(!world.mem.has(key), "the old file is gone");
    assert_eq!(*item.blocking_read().expect("it is loaded"), "a!");
    drop(item);
    world.assert_empty(&pool);
}

#[test]
fn a_dropped_mutation_of_an_absent_item_changes_nothing() {
    test(|| {
        for mem_size in [0, 1, 3] {
            for panicking in [false, true] {
                each_stop(|stop| {
                    let (world, _pool, mut item) = World::with_absent(mem_size);
                    let key = item.key();
                    let gate = world.mem.gate(Op::Load, None);
                    let ended = match panicking {
                        true => stop.drop_there(item.load_mut(), || gate.open()),
                        false => stop.drop_there(item.write(), || gate.open()),
                    };
                    gate.open();
                    assert_eq!(item.key() != key, ended, "{stop:?}");
                    check_and_end(&world, item, key);
                    ended
                });
            }
        }
    });
}

#[test]
fn a_dropped_mutation_during_a_write_changes_nothing() {
    test(|| {
        each_stop(|stop| {
            let world = World::new();
            let pool = world.pool(0);
            let gate = world.mem.gate(Op::Store, None);
            let mut item = pool.insert("a".to_owned());
            let key = item.key();
            gate.wait_for(1);
            let ended = stop.drop_there(item.write(), || gate.open());
            gate.open();
            assert_eq!(item.key() != key, ended);
            check_and_end(&world, item, key);
            ended
        });
    });
}

#[test]
fn a_dropped_mutation_of_an_absent_shared_item_changes_nothing() {
    test(|| {
        for mem_size in [0, 1, 3] {
            each_stop(|stop| {
                let (world, pool, item) = World::with_absent(mem_size);
                let mut clone = item.clone();
                let key = item.key();
                let gates = [Op::Load, Op::Duplicate].map(|op| world.mem.gate(op, None));
                let ended = stop.drop_there(clone.write(), one_by_one(&gates));
                drop(gates);
                assert_eq!(clone.key() != key, ended, "{stop:?}");
                assert_eq!(item.key(), key);
                assert_eq!(pool.size(), 1 + usize::from(ended));
                assert_eq!(*clone.blocking_load(), "a");
                drop(clone);
                check_and_end(&world, item, key);
                ended
            });
        }
    });
}

#[test]
fn a_dropped_mutation_of_a_pinned_item_changes_nothing() {
    test(|| {
        each_stop(|stop| {
            let world = World::new();
            let pool = world.pool(0);
            let mut item = pool.insert("a".to_owned());
            let guard = item.blocking_read_owned().expect("it is in memory");
            world.settle();
            let key = item.key();
            let gates = [world.mem.gate(Op::Duplicate, None)];
            let ended = stop.drop_there(item.write(), one_by_one(&gates));
            drop(gates);
            assert_eq!(item.key() != key, ended);
            assert_eq!(*guard, "a");
            drop(guard);
            check_and_end(&world, item, key);
            ended
        });
    });
}

#[test]
fn a_dropped_make_mut_of_a_shared_handle_changes_nothing() {
    test(|| {
        for panicking in [false, true] {
            each_stop(|stop| {
                let world = World::new();
                let pool = world.pool(1);
                let arc = Arc::new(world.absent(&pool, "a"));
                let mut other = arc.clone();
                let key = arc.key();
                let gates = [world.mem.gate(Op::Load, None)];
                let ended = match panicking {
                    true => stop.drop_there(other.make_mut(), one_by_one(&gates)),
                    false => stop.drop_there(other.make_write(), one_by_one(&gates)),
                };
                drop(gates);
                assert_eq!(other.key() != key, ended);
                // The copy is made in the background and may be on its way.
                world.settle();
                drop(other);
                assert_eq!(arc.key(), key);
                let item = Arc::into_inner(arc).expect("the other is gone");
                check_and_end(&world, item, key);
                ended
            });
        }
    });
}
