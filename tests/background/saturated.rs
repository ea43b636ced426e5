//! Runtimes without a thread to spare.

use std::sync::mpsc::{Sender, channel};

use tokio::runtime::{Builder, Runtime};

use crate::support::{MemPath, Pool, World, test};

/// A world on `runtime`, whose only blocking thread is taken until the sender is
/// dropped.
fn hogged(runtime: Runtime) -> (World, Sender<()>) {
    let (release, gate) = channel::<()>();
    let (taken, is_taken) = channel();
    runtime.handle().spawn_blocking(move || {
        taken.send(()).expect("the test waits");
        gate.recv().ok();
    });
    is_taken.recv().expect("the hog runs");
    (World::on(runtime), release)
}

fn one_worker() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(1)
        .build()
        .expect("a runtime")
}

fn current_thread() -> Runtime {
    Builder::new_current_thread()
        .max_blocking_threads(1)
        .build()
        .expect("a runtime")
}

/// Goes through everything that is async.
async fn use_everything(world: &World, pool: &Pool) {
    let (store, path) = (&world.store, MemPath::default());
    let tracked = std::sync::Arc::new(store.track_path(path).await.expect("tracked"));
    let items: Vec<_> = (0..10).map(|n| pool.insert(n.to_string())).collect();
    for (n, item) in items.iter().enumerate() {
        item.spawn_persist(&tracked)
            .await
            .await
            .expect("it is saved");
        item.spawn_write_now().await.await.expect("it is written");
        assert_eq!(*item.read().await.expect("it is loaded"), n.to_string());
    }
    store.finished().await;
    store.sync(&tracked).await.expect("it is synced");
    let mut again = pool
        .register(&tracked, items[3].key())
        .await
        .expect("registered");
    again.write().await.expect("it is loaded").push('!');
    let mut clone = again.clone();
    clone.load_mut().await.push('!');
    assert_eq!(*again.load_owned().await, "3!");
    assert_eq!(*clone.load().await, "3!!");
    store
        .delete_persisted(&tracked, items[0].key())
        .await
        .expect("it is deleted");
    drop((items, again, clone));
    store.finished().await;
    assert!(world.mem.files().is_empty());
}

#[test]
fn a_busy_blocking_pool_delays_nothing() {
    test(|| {
        for runtime in [one_worker(), current_thread()] {
            let (world, hog) = hogged(runtime);
            let pool = world.pool(1);
            world.block_on(use_everything(&world, &pool));
            drop(hog);
            world.assert_empty(&pool);
        }
    });
}

#[test]
fn everything_works_on_a_runtime_of_one_thread() {
    test(|| {
        for mem_size in [0, 1, 3] {
            let world = World::on(current_thread());
            let pool = world.pool(mem_size);
            world.block_on(use_everything(&world, &pool));
            world.assert_empty(&pool);
        }
    });
}

/// `spawn_blocking` belongs to the runtime, so the task waits for its busy thread.
#[test]
fn a_user_task_waits_for_the_runtime_or_runs_in_its_waiter() {
    test(|| {
        let (world, hog) = hogged(current_thread());
        let queued = world.store.spawn_blocking(|| 1);
        let waited_for = world.store.spawn_blocking(|| 2);
        assert_eq!(waited_for.wait().expect("it runs here"), 2);
        assert!(!queued.is_finished());
        drop(hog);
        assert_eq!(world.block_on(queued).expect("it runs"), 1);
    });
}

#[test]
fn load_in_place_works_in_a_task_of_a_multi_threaded_runtime() {
    test(|| {
        let world = World::on(one_worker());
        let pool = world.pool(1);
        let item = std::sync::Arc::new(world.absent(&pool, "a"));
        let shared = item.clone();
        let loaded = world
            .runtime()
            .spawn(async move { shared.load_in_place().clone() });
        assert_eq!(world.block_on(loaded).expect("no panic"), "a");
        assert_eq!(*item.load_in_place(), "a", "outside of a runtime too");
    });
}

#[test]
fn load_in_place_on_a_current_thread_runtime_panics_only_when_it_misses() {
    test(|| {
        let world = World::on(current_thread());
        let pool = world.pool(1);
        let item = world.absent(&pool, "a");
        let load = || world.block_on(async { item.load_in_place().clone() });
        let missed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(load));
        assert!(missed.is_err());
        drop(item.blocking_load());
        assert_eq!(load(), "a");
    });
}

#[test]
fn blocking_calls_work_on_the_only_thread_of_a_runtime() {
    test(|| {
        let (world, hog) = hogged(current_thread());
        let (pool, tracked) = (world.pool(0), world.track(&MemPath::default()));
        world.block_on(async {
            let mut item = pool.insert("a".to_owned());
            item.blocking_write().expect("it is in memory").push('!');
            item.blocking_persist(&tracked).expect("it is saved");
            item.spawn_persist(&tracked)
                .await
                .wait()
                .expect("it is saved");
            world.store.blocking_finished();
            assert_eq!(*item.blocking_read().expect("it is loaded"), "a!");
        });
        drop(hog);
        world.assert_empty(&pool);
    });
}
