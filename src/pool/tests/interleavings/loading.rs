//! Loads against each other, against failures and against the last drop.

use std::sync::Arc;

use shuttle::{future, thread};

use super::world::poll_some;
use super::{World, explore, of};
use crate::testing::{Fault, On, Op};

#[test]
fn concurrent_loads_share_one_load_of_the_store() {
    explore(|| {
        let world = World::new(1);
        let item = Arc::new(world.absent(of(1)));
        let before = world.mem.count(Op::Load);
        let blocking = {
            let item = item.clone();
            thread::spawn(move || assert_eq!(*item.blocking_load(), of(1)))
        };
        let other = {
            let item = item.clone();
            future::spawn(async move { assert_eq!(*item.load().await, of(1)) })
        };
        poll_some(item.read(), 2);
        blocking.join().expect("it loaded");
        future::block_on(other).expect("it loaded");
        world.check(&[&item]);
        assert_eq!(world.mem.count(Op::Load) - before, 1, "one load serves all");
        drop(item);
        world.end();
    });
}

/// Waiters take the value from the flight, so they get it although the pool keeps
/// nothing.
#[test]
fn concurrent_loads_get_the_value_in_a_pool_that_keeps_nothing() {
    explore(|| {
        let world = World::new(0);
        let item = Arc::new(world.absent(of(1)));
        let threads = [(); 3].map(|()| {
            let item = item.clone();
            thread::spawn(move || assert_eq!(*item.blocking_load(), of(1)))
        });
        for thread in threads {
            thread.join().expect("it loaded");
        }
        world.check(&[&item]);
        assert!(item.item().read().is_none(), "nobody uses it");
        drop(item);
        world.end();
    });
}

#[test]
fn a_load_during_the_last_drop_leaves_nothing() {
    explore(|| {
        let world = World::new(1);
        let item = world.absent(of(1));
        let other = item.clone();
        let loader = thread::spawn(move || {
            poll_some(other.read(), 1);
            drop(other);
        });
        poll_some(item.read(), 2);
        drop(item);
        loader.join().expect("it tried");
        world.end();
    });
}

#[test]
fn a_failed_load_does_not_spoil_other_loads() {
    explore(|| {
        let world = World::new(1);
        let item = Arc::new(world.absent(of(1)));
        world.mem.fail(On::every(Op::Load), Fault::Refused);
        let healer = {
            let mem = world.mem.clone();
            thread::spawn(move || mem.heal())
        };
        let threads = [(); 2].map(|()| {
            let item = item.clone();
            thread::spawn(move || {
                if let Ok(value) = item.blocking_read() {
                    assert_eq!(*value, of(1));
                }
            })
        });
        healer.join().expect("it healed");
        for thread in threads {
            thread.join().expect("it tried");
        }
        assert_eq!(*item.blocking_load(), of(1), "nothing keeps the failure");
        world.check(&[&item]);
        drop(item);
        world.end();
    });
}

/// An async caller claims the load, and gives it back. The queue or a caller that blocks
/// then runs it, once.
#[test]
fn a_load_that_is_given_back_is_made_once_for_all() {
    explore(|| {
        let world = World::new(1);
        world.mem.load_inline();
        let item = Arc::new(world.absent(of(1)));
        world.mem.fail(On::every(Op::LoadInline), Fault::Refused);
        let before = world.mem.count(Op::Load);
        let blocking = [(); 2].map(|()| {
            let item = item.clone();
            thread::spawn(move || assert_eq!(*item.blocking_load(), of(1)))
        });
        let other = {
            let item = item.clone();
            future::spawn(async move { assert_eq!(*item.load().await, of(1)) })
        };
        poll_some(item.read(), 2);
        for thread in blocking {
            thread.join().expect("it loaded");
        }
        future::block_on(other).expect("it loaded");
        world.check(&[&item]);
        assert_eq!(world.mem.count(Op::Load) - before, 1, "one load serves all");
        drop(item);
        world.end();
    });
}

#[test]
fn a_load_that_is_given_back_fails_for_all_that_wait_for_it() {
    explore(|| {
        let world = World::new(0);
        world.mem.load_inline();
        let item = Arc::new(world.absent(of(1)));
        world.mem.fail(On::next(Op::LoadInline), Fault::Panic);
        world.mem.fail(On::next(Op::Load), Fault::Refused);
        let blocking = {
            let item = item.clone();
            thread::spawn(move || drop(item.blocking_read()))
        };
        let other = {
            let item = item.clone();
            future::spawn(async move { drop(item.read().await) })
        };
        blocking.join().expect("it tried");
        future::block_on(other).expect("it tried");
        assert_eq!(*item.blocking_load(), of(1), "nothing keeps the failure");
        world.check(&[&item]);
        drop(item);
        world.end();
    });
}

#[test]
fn an_inline_load_during_the_last_drop_leaves_nothing() {
    for is_refused in [false, true] {
        explore(move || {
            let world = World::new(1);
            world.mem.load_inline();
            let item = world.absent(of(1));
            if is_refused {
                world.mem.fail(On::every(Op::LoadInline), Fault::Refused);
            }
            let other = item.clone();
            let loader = thread::spawn(move || {
                poll_some(other.read(), 1);
                drop(other);
            });
            poll_some(item.read(), 2);
            drop(item);
            loader.join().expect("it tried");
            world.end();
        });
    }
}

/// What an inline load evicts waits for other values, to be dropped with them.
#[test]
fn inline_loads_that_evict_each_other_leave_nothing() {
    explore(|| {
        let world = World::new(1);
        world.mem.load_inline();
        let items = [1, 2, 3].map(|byte| (Arc::new(world.absent(of(byte))), byte));
        let loads = items.each_ref().map(|(item, byte)| {
            let (item, byte) = (item.clone(), *byte);
            future::spawn(async move { assert_eq!(*item.load().await, of(byte)) })
        });
        for load in loads {
            future::block_on(load).expect("it loaded");
        }
        let [one, two, three] = items.each_ref().map(|(item, _)| &**item);
        world.check(&[one, two, three]);
        assert!(world.pool.stats().resident <= 1);
        drop(items);
        world.end();
    });
}
