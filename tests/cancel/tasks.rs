//! Dropped tasks continue by themselves.

use crate::support::{MemPath, Op, World, each_stop, test};

#[test]
fn a_dropped_write_now_still_writes() {
    test(|| {
        each_stop(|stop| {
            let world = World::new();
            let pool = world.pool(1);
            let item = pool.insert("a".to_owned());
            let gate = world.mem.gate(Op::Store, None);
            let task = async { item.spawn_write_now().await.await };
            let ended = stop.drop_there(task, || gate.open());
            gate.open();
            world.settle();
            assert_eq!(world.mem.has(item.key()), stop.polls > 0);
            assert_eq!(*item.blocking_load(), "a");
            drop(item);
            world.assert_empty(&pool);
            ended
        });
    });
}

#[test]
fn a_dropped_persist_still_persists() {
    test(|| {
        for gated in [Op::Store, Op::Persist] {
            each_stop(|stop| {
                let world = World::new();
                let (pool, path) = (world.pool(0), MemPath::default());
                let tracked = world.track(&path);
                let item = pool.insert("a".to_owned());
                let key = item.key();
                let gate = world.mem.gate(gated, None);
                let task = async { item.spawn_persist(&tracked).await.await };
                let ended = stop.drop_there(task, || gate.open());
                drop(item);
                gate.open();
                world.assert_empty(&pool);
                assert_eq!(path.keys(), tracked.all_keys());
                assert_eq!(tracked.contains_key(key), stop.polls > 0);
                ended
            });
        }
    });
}

#[test]
fn a_dropped_tracking_still_scans_the_path() {
    test(|| {
        each_stop(|stop| {
            let world = World::new();
            let gate = world.mem.gate(Op::Track, None);
            let task = world.store.track_path(MemPath::default());
            let ended = stop.drop_there(task, || gate.open());
            gate.open();
            world.settle();
            assert_eq!(world.mem.count(Op::Track), 1);
            ended
        });
    });
}

#[test]
fn a_dropped_sync_still_syncs() {
    test(|| {
        each_stop(|stop| {
            let world = World::new();
            let tracked = world.track(&MemPath::default());
            let gate = world.mem.gate(Op::Sync, None);
            let ended = stop.drop_there(world.store.sync(&tracked), || gate.open());
            gate.open();
            world.settle();
            assert_eq!(world.mem.count(Op::Sync), 1);
            ended
        });
    });
}

#[test]
fn a_dropped_deletion_still_deletes() {
    test(|| {
        each_stop(|stop| {
            let world = World::new();
            let (pool, path) = (world.pool(1), MemPath::default());
            let tracked = world.track(&path);
            let item = pool.insert("a".to_owned());
            item.blocking_persist(&tracked).expect("it is saved");
            let gate = world.mem.gate(Op::DeletePersisted, None);
            let task = world.store.delete_persisted(&tracked, item.key());
            let ended = stop.drop_there(task, || gate.open());
            gate.open();
            world.settle();
            assert!(tracked.all_keys().is_empty() && path.keys().is_empty());
            assert!(world.mem.has(item.key()), "the item keeps its file");
            ended
        });
    });
}

#[test]
fn a_dropped_user_task_still_runs() {
    test(|| {
        each_stop(|stop| {
            let world = World::new();
            let (go_on, gate) = std::sync::mpsc::channel::<()>();
            let (done, ran) = std::sync::mpsc::channel();
            let task = world.store.spawn_blocking(move || {
                gate.recv().ok();
                done.send(()).expect("the test waits");
            });
            let ended = stop.drop_there(task, || go_on.send(()).expect("it waits"));
            drop(go_on);
            ran.recv().expect("it goes on");
            ended
        });
    });
}

#[test]
fn a_dropped_wait_for_finished_stops_no_work() {
    test(|| {
        each_stop(|stop| {
            let world = World::new();
            let pool = world.pool(0);
            let gate = world.mem.gate(Op::Store, None);
            let item = pool.insert("a".to_owned());
            gate.wait_for(1);
            let ended = stop.drop_there(world.store.finished(), || gate.open());
            gate.open();
            world.block_on(world.store.finished());
            assert!(world.mem.has(item.key()));
            drop(item);
            world.assert_empty(&pool);
            ended
        });
    });
}
