//! Loads on the thread of an async task, before they are left to another one.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::runtime::Builder;
use tokio::task::coop;

use crate::support::{Fault, On, Op, World, test};

/// A world whose tasks run on the thread that waits for them, and all of whose other threads
/// can be held.
fn world() -> World {
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let world = World::with_most_in_flight(1, runtime);
    world.mem.load_inline();
    world
}

#[test]
fn a_task_loads_although_no_other_thread_is_free() {
    test(|| {
        let world = world();
        let pool = world.pool(1);
        let item = world.absent(&pool, "a");
        let clog = world.clog();
        assert_eq!(*world.block_on(item.read()).expect("it is loaded"), "a");
        assert_eq!(world.mem.count(Op::LoadInline), 1);
        assert_eq!(pool.stats().misses, 1);
        clog.clear();
    });
}

/// The load counts once, and the store gets what the first attempt has opened.
#[test]
fn a_refused_load_is_made_by_another_thread() {
    for fault in [Fault::Error, Fault::Panic] {
        test(move || {
            let world = world();
            let pool = world.pool(1);
            let item = world.absent(&pool, "a");
            world.mem.fail(On::next(Op::LoadInline), fault);
            assert_eq!(*world.block_on(item.read()).expect("it is loaded"), "a");
            let calls = world.mem.calls_on(item.key());
            match fault {
                // The panic has lost it.
                Fault::Panic => assert_eq!(calls, [Op::LoadInline, Op::Load]),
                _ => assert_eq!(calls, [Op::LoadInline, Op::LoadOpened, Op::Load]),
            }
            assert_eq!(pool.stats().misses, 1);
        });
    }
}

/// An error is never taken from the first attempt.
#[test]
fn a_load_that_fails_inline_is_tried_where_it_may_wait() {
    test(|| {
        let world = world();
        let pool = world.pool(1);
        let item = world.absent(&pool, "a");
        world.mem.fail(On::next(Op::Load), Fault::Refused);
        assert_eq!(*world.block_on(item.read()).expect("it is loaded"), "a");
        assert_eq!(world.mem.count(Op::Load), 2);
        drop(item);
        let item = world.absent(&pool, "b");
        world.mem.fail(On::every(Op::Load), Fault::NotFound);
        let error = world.block_on(item.read()).expect_err("it fails twice");
        assert!(error.is_not_found(), "{error}");
    });
}

/// The caller that blocks was waiting for the task. The queue would serve it too, if any of
/// its threads were free.
#[test]
fn a_blocking_caller_makes_the_load_that_was_refused() {
    test(|| {
        let world = Arc::new(world());
        let pool = world.pool(1);
        let item = Arc::new(world.absent(&pool, "a"));
        let clog = world.clog();
        let gate = world.mem.gate(Op::LoadInline, item.key());
        world.mem.fail(On::next(Op::LoadInline), Fault::Error);
        let task = {
            let (world, item) = (world.clone(), item.clone());
            std::thread::spawn(move || world.block_on(async { item.read().await.map(drop) }))
        };
        gate.wait_for(1);
        let blocked = {
            let item = item.clone();
            std::thread::spawn(move || item.blocking_read().map(drop))
        };
        while pool.stats().misses < 2 {
            std::thread::yield_now();
        }
        gate.open();
        blocked.join().expect("no panic").expect("it is loaded");
        task.join().expect("no panic").expect("it is loaded");
        assert_eq!(world.mem.count(Op::Load), 1);
        clog.clear();
    });
}

/// A task that is dropped after its load was refused leaves it to the queue.
#[test]
fn a_refused_load_continues_after_its_task_is_dropped() {
    test(|| {
        let world = world();
        let pool = world.pool(1);
        let item = world.absent(&pool, "a");
        let clog = world.clog();
        world.mem.fail(On::next(Op::LoadInline), Fault::Error);
        world.block_on(async {
            tokio::select! {
                biased;
                _ = item.read() => unreachable!("no thread is free"),
                () = std::future::ready(()) => {}
            }
        });
        clog.clear();
        world.settle();
        assert_eq!(*item.try_load().expect("it was loaded"), "a");
        drop(item);
        world.assert_empty(&pool);
    });
}

/// Does all the work that one poll of a task may do.
fn spend_budget(context: &mut Context<'_>) {
    while coop::has_budget_remaining() {
        let _ = pin!(tokio::task::consume_budget()).poll(context);
    }
}

/// A task that loads many values one after the other never goes to another thread because it
/// has done a lot.
#[test]
fn a_task_without_time_lets_others_run_and_then_loads_itself() {
    test(|| {
        let world = world();
        let pool = world.pool(1);
        let item = world.absent(&pool, "a");
        let clog = world.clog();
        let mut polls = 0;
        let value = world.block_on(async {
            poll_fn(|context| {
                spend_budget(context);
                Poll::Ready(())
            })
            .await;
            let mut read = pin!(item.read());
            poll_fn(|context| {
                polls += 1;
                read.as_mut().poll(context)
            })
            .await
        });
        assert_eq!(*value.expect("it is loaded"), "a");
        assert_eq!((polls, world.mem.count(Op::LoadInline)), (2, 1));
        clog.clear();
    });
}

/// As do many loads in one task, of which each poll makes some.
#[test]
fn a_load_without_time_in_two_polls_is_made_by_another_thread() {
    test(|| {
        let world = world();
        let pool = world.pool(1);
        let item = world.absent(&pool, "a");
        let value = world.block_on(async {
            let mut read = pin!(item.read());
            poll_fn(|context| {
                spend_budget(context);
                read.as_mut().poll(context)
            })
            .await
        });
        assert_eq!(*value.expect("it is loaded"), "a");
        assert_eq!(world.mem.count(Op::LoadInline), 0);
    });
}
