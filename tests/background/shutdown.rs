//! A runtime that is shut down while work is in flight: the store's own thread continues.

use crate::support::{ByHand, MemPath, Op, World, test};

#[test]
fn everything_works_after_the_runtime_is_shut_down() {
    test(|| {
        let mut world = World::new();
        let pool = world.pool(1);
        let before: Vec<_> = (0..10).map(|n| pool.insert(n.to_string())).collect();
        world.shut_down();
        let after: Vec<_> = (10..20).map(|n| pool.insert(n.to_string())).collect();
        let tracked = world.track(&MemPath::default());
        let mut items: Vec<_> = before.into_iter().chain(after).collect();
        world.settle();
        for (n, item) in items.iter_mut().enumerate() {
            assert_eq!(*item.blocking_read().expect("it is loaded"), n.to_string());
            item.blocking_write().expect("it is loaded").push('!');
            item.blocking_persist(&tracked).expect("it is saved");
            let read = ByHand::new(item.read()).finish();
            assert_eq!(*read.expect("it is loaded"), format!("{n}!"));
        }
        let task = ByHand::new(items[0].spawn_persist(&tracked)).finish();
        ByHand::new(task).finish().expect("it is saved");
        let again = ByHand::new(pool.register(&tracked, items[5].key())).finish();
        assert_eq!(*again.expect("registered").blocking_load(), "5!");
        ByHand::new(world.store.sync(&tracked))
            .finish()
            .expect("it is synced");
        drop(items);
        ByHand::new(world.store.finished()).finish();
        world.assert_empty(&pool);
    });
}

#[test]
fn jobs_that_run_at_the_shutdown_finish() {
    test(|| {
        let mut world = World::new();
        let (pool, path) = (world.pool(0), MemPath::default());
        let tracked = world.track(&path);
        let stored = world.mem.gate(Op::Store, None);
        let item = pool.insert("a".to_owned());
        stored.wait_for(1);
        let mut save = ByHand::waiting(world.block_on(item.spawn_persist(&tracked)));
        world.shut_down();
        assert!(save.poll().is_pending());
        stored.open();
        save.finish().expect("it is saved");
        let loaded = world.mem.gate(Op::Load, None);
        world.settle();
        let read = ByHand::waiting(item.read());
        loaded.wait_for(1);
        loaded.open();
        assert_eq!(*read.finish().expect("it is loaded"), "a");
        drop(item);
        world.assert_empty(&pool);
    });
}

#[test]
fn jobs_that_are_queued_at_the_shutdown_run() {
    test(|| {
        let mut world = World::narrow();
        let (pool, path) = (world.pool(0), MemPath::default());
        let tracked = world.track(&path);
        let absent = world.absent(&pool, "b");
        let clog = world.clog();
        let (written, deleted) = (pool.insert("a".to_owned()), absent.clone());
        let save = world.block_on(absent.spawn_persist(&tracked));
        let read = ByHand::waiting(absent.read());
        drop(deleted);
        world.shut_down();
        clog.clear();
        assert_eq!(*read.finish().expect("it is loaded"), "b");
        ByHand::new(save).finish().expect("it is saved");
        world.settle();
        assert!(world.mem.has(written.key()));
        assert_eq!(path.keys(), [absent.key()]);
        drop((absent, written));
        world.assert_empty(&pool);
    });
}

#[test]
fn a_user_task_after_the_shutdown_is_an_error() {
    test(|| {
        let mut world = World::new();
        world.shut_down();
        let task = world
            .store
            .spawn_blocking(|| -> u8 { unreachable!("there is no runtime") });
        let error = ByHand::new(task).finish().expect_err("it cannot run");
        assert!(error.is_shut_down(), "{error}");
        let task = world.store.spawn_blocking(|| ());
        assert!(task.wait().is_err_and(|error| error.is_shut_down()));
        world.settle();
        ByHand::new(world.store.finished()).finish();
    });
}

#[test]
fn dropping_everything_inside_a_runtime_that_ends_does_not_hang() {
    test(|| {
        let mut world = World::new();
        let pool = world.pool::<String>(1);
        let items: Vec<_> = (0..10).map(|n| pool.insert(n.to_string())).collect();
        let (store, mem) = (world.store.clone(), world.mem.clone());
        world.runtime().spawn(async move {
            let _held = (items, pool, store);
            std::future::pending::<()>().await
        });
        world.shut_down();
        drop(world);
        // Whoever drops the task last drops the items, and their files go.
        while std::sync::Arc::strong_count(&mem) > 1 {
            std::thread::yield_now();
        }
        assert!(mem.files().is_empty());
    });
}
