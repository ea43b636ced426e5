//! Dropped loads and registrations.

use crate::support::{ByHand, Handle, MemPath, Op, Stop, World, each_stop, test};

/// Drops a load of an item that is not in memory, with caches of several sizes.
fn drop_each(load: impl Fn(&World, &Handle, Stop, &dyn Fn()) -> bool + Send + 'static) {
    test(move || {
        for mem_size in [0, 1, 3] {
            each_stop(|stop| {
                let (world, pool, item) = World::with_absent(mem_size);
                let key = item.key();
                let gate = world.mem.gate(Op::Load, None);
                let ended = load(&world, &item, stop, &|| gate.open());
                gate.open();
                world.settle();
                assert_eq!(world.mem.count(Op::Load), usize::from(stop.polls > 0));
                let is_in_memory = item.try_load().is_some();
                assert_eq!(is_in_memory, mem_size > 0 && stop.polls > 0, "{stop:?}");
                assert_eq!(*item.blocking_read().expect("it is loaded"), "a");
                assert_eq!(item.key(), key);
                drop(item);
                world.assert_empty(&pool);
                ended
            });
        }
    });
}

#[test]
fn a_dropped_read_finishes_its_load_and_changes_nothing() {
    drop_each(|_, item, stop, go_on| stop.drop_there(item.read(), go_on));
}

#[test]
fn a_dropped_load_finishes_and_changes_nothing() {
    drop_each(|_, item, stop, go_on| stop.drop_there(item.load(), go_on));
}

#[test]
fn a_dropped_read_owned_finishes_its_load_and_changes_nothing() {
    drop_each(|_, item, stop, go_on| stop.drop_there(item.read_owned(), go_on));
}

#[test]
fn a_dropped_load_owned_finishes_and_changes_nothing() {
    drop_each(|_, item, stop, go_on| stop.drop_there(item.load_owned(), go_on));
}

#[test]
fn a_dropped_read_leaves_the_value_to_the_other_reader() {
    test(|| {
        each_stop(|stop| {
            let (world, pool, item) = World::with_absent(0);
            let gate = world.mem.gate(Op::Load, None);
            let other = ByHand::waiting(item.read());
            let ended = stop.drop_there(item.read(), || gate.open());
            gate.open();
            assert_eq!(*other.finish().expect("it is loaded"), "a");
            world.settle();
            assert_eq!(world.mem.count(Op::Load), 1);
            assert_eq!(
                (pool.stats().resident, pool.stats().pinned_over_budget),
                (0, 0)
            );
            ended
        });
    });
}

#[test]
fn a_dropped_registration_leaves_no_file() {
    test(|| {
        each_stop(|stop| {
            let world = World::new();
            let (pool, path) = (world.pool::<String>(1), MemPath::default());
            let tracked = world.track(&path);
            let item = pool.insert("a".to_owned());
            let key = item.key();
            item.blocking_persist(&tracked).expect("it is saved");
            drop(item);
            world.settle();
            let gate = world.mem.gate(Op::Register, None);
            let ended = stop.drop_there(pool.register(&tracked, key), || gate.open());
            gate.open();
            world.assert_empty(&pool);
            let item = pool.blocking_register(&tracked, key).expect("registered");
            assert_eq!(*item.blocking_read().expect("it is loaded"), "a");
            drop(item);
            world.assert_empty(&pool);
            assert_eq!(path.keys(), [key], "the saved file stays");
            ended
        });
    });
}
