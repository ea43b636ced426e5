//! No caller waits for a job that is only queued: it runs the job itself, or cancels it.

use crate::support::{ByHand, MemPath, Op, World, test};

#[test]
fn a_hit_promotes_an_item_whose_eviction_is_queued() {
    test(|| {
        let world = World::narrow();
        let pool = world.pool(1);
        let clog = world.clog();
        let a = pool.insert("a".to_owned());
        let b = pool.insert("b".to_owned());
        drop(a.try_load().expect("it is in memory"));
        clog.clear();
        world.settle();
        assert_eq!(world.mem.calls(Op::Store), [b.key()], "the other one went");
        assert!(a.try_load().is_some());
        assert_eq!(pool.stats().writes_waiting, 0);
    });
}

#[test]
fn a_blocking_load_runs_a_queued_load_itself() {
    test(|| {
        let (world, _pool, item) = World::narrow().and_absent(1);
        let clog = world.clog();
        let queued = ByHand::waiting(item.read());
        assert_eq!(*item.blocking_read().expect("it is loaded here"), "a");
        assert_eq!(*queued.finish().expect("it has the same"), "a");
        assert_eq!(world.mem.count(Op::Load), 1);
        clog.clear();
    });
}

#[test]
fn a_mutation_cancels_a_queued_eviction() {
    test(|| {
        let world = World::narrow();
        let pool = world.pool(1);
        let clog = world.clog();
        let mut item = pool.insert("a".to_owned());
        let before = item.key();
        let other = pool.insert("b".to_owned());
        item.blocking_write().expect("it is in memory").push('!');
        clog.clear();
        world.settle();
        assert_eq!(world.mem.calls_on(before), []);
        assert_eq!(*item.blocking_read().expect("it is loaded"), "a!");
        drop((item, other));
        world.assert_empty(&pool);
    });
}

#[test]
fn a_mutation_supersedes_a_queued_write_now() {
    test(|| {
        let world = World::narrow();
        let pool = world.pool(1);
        let clog = world.clog();
        let mut item = pool.insert("a".to_owned());
        let before = item.key();
        let task = world.block_on(item.spawn_write_now());
        item.blocking_write().expect("it is in memory").push('!');
        task.wait().expect("there is nothing left to write");
        assert_eq!(world.mem.calls_on(before), []);
        clog.clear();
    });
}

/// The persist has captured the value, so the mutation runs it first.
#[test]
fn a_mutation_runs_a_queued_persist_first() {
    test(|| {
        let world = World::narrow();
        let (pool, path) = (world.pool(1), MemPath::default());
        let tracked = world.track(&path);
        let clog = world.clog();
        let mut item = pool.insert("a".to_owned());
        let before = item.key();
        let task = world.block_on(item.spawn_persist(&tracked));
        item.blocking_write().expect("it is in memory").push('!');
        assert_eq!(world.mem.calls_on(before), [Op::Store]);
        task.wait().expect("it is saved");
        assert_eq!(path.get::<String>(before).as_deref(), Some("a"));
        clog.clear();
        drop(item);
        world.assert_empty(&pool);
    });
}

#[test]
fn dropping_the_last_handle_cancels_a_queued_eviction() {
    test(|| {
        let world = World::narrow();
        let pool = world.pool(0);
        let clog = world.clog();
        let item = pool.insert("a".to_owned());
        let key = item.key();
        drop(item);
        clog.clear();
        world.assert_empty(&pool);
        assert_eq!(world.mem.calls_on(key), []);
    });
}

#[test]
fn dropping_the_last_handle_cancels_a_queued_load() {
    test(|| {
        let (world, pool, item) = World::narrow().and_absent(1);
        let clog = world.clog();
        let read = ByHand::waiting(item.read());
        drop(read);
        drop(item);
        clog.clear();
        world.assert_empty(&pool);
        assert_eq!(world.mem.count(Op::Load), 0);
    });
}

#[test]
fn blocking_calls_need_no_background_thread() {
    test(|| {
        let world = World::narrow();
        let (pool, path) = (world.pool::<String>(1), MemPath::default());
        let item = world.absent(&pool, "a");
        let clog = world.clog();
        let tracked = world.track(&path);
        assert_eq!(*item.blocking_read().expect("it is loaded"), "a");
        let mut copy = item.clone();
        copy.blocking_write().expect("it is copied").push('!');
        copy.blocking_write_now().expect("it is written");
        copy.blocking_persist(&tracked).expect("it is saved");
        let again = pool.blocking_register(&tracked, copy.key());
        assert_eq!(*again.expect("registered").blocking_load(), "a!");
        world
            .store
            .blocking_delete_persisted(&tracked, copy.key())
            .expect("deleted");
        clog.clear();
    });
}
