//! Join handles of background work.

use std::sync::mpsc::channel;

use crate::support::{ByHand, Fault, MemPath, On, Op, World, test};

#[test]
fn a_task_can_be_awaited_waited_for_or_checked() {
    test(|| {
        let world = World::new();
        assert_eq!(
            world
                .block_on(world.store.spawn_blocking(|| 1))
                .expect("it runs"),
            1
        );
        assert_eq!(world.store.spawn_blocking(|| 2).wait().expect("it runs"), 2);
        let (go_on, gate) = channel::<()>();
        let (started, has_started) = channel();
        let task = world.store.spawn_blocking(move || {
            started.send(()).expect("the test waits");
            gate.recv().ok();
            3
        });
        has_started.recv().expect("it runs");
        assert!(!task.is_finished());
        drop(go_on);
        world.settle();
        assert!(task.is_finished());
        assert_eq!(world.block_on(task).expect("it ran"), 3);
    });
}

#[test]
fn a_task_can_be_polled_by_one_future_and_finished_by_another() {
    test(|| {
        let world = World::new();
        let gate = world.mem.gate(Op::Sync, None);
        let mut task = world.store.sync(&world.track(&MemPath::default()));
        let first = ByHand::waiting(&mut task);
        drop(first);
        gate.open();
        ByHand::new(&mut task).finish().expect("it is synced");
        assert!(task.is_finished(), "also when its result is taken");
    });
}

#[test]
#[should_panic(expected = "after it returned its result")]
fn polling_a_task_after_its_result_panics() {
    test(|| {
        let world = World::new();
        let mut task = world.store.spawn_blocking(|| ());
        world.block_on(&mut task).expect("it runs");
        let _ = ByHand::new(task).poll();
    });
}

#[test]
fn the_failure_of_a_dropped_task_is_counted() {
    test(|| {
        let world = World::new();
        let pool = world.pool(1);
        let tracked = world.track(&MemPath::default());
        let item = pool.insert("a".to_owned());
        world.mem.fail(On::every(Op::Persist), Fault::Error);
        // Dropped before the end, and after it.
        let gate = world.mem.gate(Op::Persist, None);
        drop(world.block_on(item.spawn_persist(&tracked)));
        gate.open();
        world.settle();
        assert_eq!(pool.stats().failed_tasks, 1);
        let task = world.block_on(item.spawn_persist(&tracked));
        world.settle();
        assert!(task.is_finished());
        drop(task);
        assert_eq!(pool.stats().failed_tasks, 2);
        // Seen by somebody: not counted.
        assert!(world.block_on(item.spawn_persist(&tracked)).wait().is_err());
        assert_eq!(pool.stats().failed_tasks, 2);
        world.mem.heal();
        drop(world.block_on(item.spawn_persist(&tracked)));
        world.settle();
        assert_eq!(pool.stats().failed_tasks, 2);
        assert!(tracked.contains_key(item.key()));
    });
}

#[test]
fn a_panic_in_a_task_is_an_error() {
    test(|| {
        let world = World::new();
        let panics = || {
            world
                .store
                .spawn_blocking(|| -> u8 { panic!("on {}", "purpose") })
        };
        let errors = [panics().wait(), world.block_on(panics())];
        for error in errors.map(|result| result.expect_err("it panics")) {
            assert!(
                error.is_panic() && error.to_string().contains("on purpose"),
                "{error}"
            );
            assert_eq!((error.key(), error.path()), (None, None));
        }
        let pool = world.pool::<u8>(1);
        drop(panics());
        world.settle();
        assert_eq!(pool.stats().failed_tasks, 1);
    });
}

#[test]
fn finished_also_waits_for_user_tasks() {
    test(|| {
        let world = World::new();
        let (go_on, gate) = channel::<()>();
        drop(world.store.spawn_blocking(move || gate.recv().ok()));
        let finished = ByHand::waiting(world.store.finished());
        drop(go_on);
        finished.finish();
    });
}

#[test]
fn the_task_tracker_counts_work_in_flight() {
    test(|| {
        let world = World::narrow();
        let tracker = world.store.task_tracker();
        assert!(tracker.is_closed() && tracker.is_empty());
        let gate = world.mem.gate(Op::Store, None);
        let pool = world.pool(0);
        let items: Vec<_> = (0..50).map(|n| pool.insert(n.to_string())).collect();
        // As many as run at a time.
        let writes = std::thread::available_parallelism().map_or(2, usize::from);
        gate.wait_for(writes);
        assert_eq!(tracker.len(), 1 + writes, "the queue as a whole, and these");
        let (go_on, block) = channel::<()>();
        let task = world.store.spawn_blocking(move || block.recv().ok());
        assert_eq!(tracker.len(), 2 + writes);
        drop(go_on);
        drop(task.wait());
        gate.open();
        ByHand::new(tracker.wait()).finish();
        assert!(tracker.is_empty());
        assert_eq!(world.mem.files().len(), items.len());
    });
}

#[test]
fn an_idle_store_is_finished() {
    test(|| {
        let world = World::new();
        assert!(ByHand::new(world.store.finished()).poll().is_ready());
        world.store.blocking_finished();
    });
}
