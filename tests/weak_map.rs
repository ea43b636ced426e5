//! Finding items by keys of the program's own, and computing them once.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use file_backed::Error;
use file_backed::convenience::WeakMap;
use tokio::sync::oneshot;

use crate::support::{ByHand, Handle, MemPath, MemStore, Op, Pool, World, test};

type Map = WeakMap<&'static str, String, Arc<MemStore>>;
type Got<E> = Result<Handle, Arc<E>>;

#[derive(Debug, PartialEq, Eq)]
struct Failed(u8);

/// A map, and a pool that keeps ten items.
fn rig() -> (World, Pool, Map) {
    let world = World::new();
    let pool = world.pool(10);
    (world, pool, Map::new())
}

/// A call for the key "a" that waits for what is sent.
fn computing<'a>(
    pool: &'a Pool,
    map: &'a Map,
) -> (
    oneshot::Sender<Result<&'static str, Failed>>,
    ByHand<impl Future<Output = Got<Failed>> + use<'a>>,
) {
    let (sender, value) = oneshot::channel();
    let make = async || {
        let value: Result<&str, Failed> = value.await.expect("it is sent");
        Ok(pool.insert(value?.to_owned()))
    };
    let call = map.get_or_insert_with("a", make);
    (sender, ByHand::waiting(call))
}

/// A call for the key "a" that makes this value, if it has to.
fn making<'a>(
    pool: &'a Pool,
    map: &'a Map,
    value: &'static str,
) -> impl Future<Output = Got<Failed>> + use<'a> {
    let make = async move || Ok(pool.insert(value.to_owned()));
    map.get_or_insert_with("a", make)
}

/// The value of a key, computed as `value` if need be.
fn get(pool: &Pool, map: &Map, key: &'static str, value: &str) -> Handle {
    let make = || Ok::<_, Infallible>(pool.insert(value.to_owned()));
    let got = map.blocking_get_or_insert_with(key, make);
    got.unwrap_or_else(|never| match *never {})
}

fn text(item: &Handle) -> String {
    item.blocking_read().expect("it is whole").clone()
}

#[test]
fn concurrent_calls_make_an_item_once() {
    test(|| {
        let (world, pool, map) = rig();
        let (sender, first) = computing(&pool, &map);
        let others: Vec<_> = (0..5)
            .map(|_| ByHand::waiting(making(&pool, &map, "never")))
            .collect();
        assert!(map.get("a").is_none(), "it is not made yet");
        sender.send(Ok("1")).expect("it waits");
        let first = first.finish().expect("nothing fails");
        for other in others {
            let other = other.finish().expect("nothing fails");
            assert_eq!(other.key(), first.key());
        }
        assert_eq!((text(&first), pool.size(), map.len()), ("1".into(), 1, 1));
        drop(first);
        world.assert_empty(&pool);
    });
}

#[test]
fn threads_that_want_the_same_keys_make_each_item_once() {
    test(|| {
        let (world, pool, _) = rig();
        let map: WeakMap<usize, String, _> = WeakMap::new();
        let made: [AtomicUsize; 10] = Default::default();
        let made_by = |n: usize| {
            made[n].fetch_add(1, Ordering::SeqCst);
            Ok::<_, Error>(pool.insert(n.to_string()))
        };
        std::thread::scope(|scope| {
            let threads = [0, 1, 2, 3].map(|thread| {
                let (map, made_by) = (&map, &made_by);
                scope.spawn(move || {
                    let keys = (0..10).map(|n| (n + thread) % 10);
                    let get = |n| map.blocking_get_or_insert_with(n, || made_by(n));
                    let items = keys.map(|n| (n, get(n).expect("nothing fails")));
                    items.collect::<Vec<_>>()
                })
            });
            let all = threads.map(|thread| thread.join().expect("no panic"));
            for (n, item) in all.iter().flatten() {
                assert_eq!(text(item), n.to_string());
            }
        });
        assert!(made.iter().all(|made| made.load(Ordering::SeqCst) == 1));
        world.assert_empty(&pool);
    });
}

#[test]
fn an_item_is_found_while_it_has_a_handle_and_then_made_again() {
    test(|| {
        // Its value is in its file alone.
        let (world, map) = (World::new(), Map::new());
        let pool = world.pool(0);
        let first = get(&pool, &map, "a", "1");
        let clone = first.clone();
        drop(first);
        world.settle();
        let found = map.get("a").expect("a clone owns it");
        assert_eq!((found.key(), text(&found)), (clone.key(), "1".into()));
        assert_eq!(text(&get(&pool, &map, "a", "2")), "1");
        drop((found, clone));
        assert!(map.get("a").is_none() && map.is_empty());
        world.assert_empty(&pool);
        assert_eq!(text(&get(&pool, &map, "a", "2")), "2");
        world.assert_empty(&pool);
    });
}

#[test]
fn a_changed_value_is_not_found_until_it_is_inserted_again() {
    test(|| {
        let (world, pool, map) = rig();
        let mut changed = get(&pool, &map, "a", "1");
        changed.blocking_load_mut().push('!');
        assert!(map.get("a").is_none());
        let again = get(&pool, &map, "a", "1");
        assert_eq!((text(&changed), text(&again)), ("1!".into(), "1".into()));
        map.insert("a", &changed);
        assert_eq!(text(&map.get("a").expect("it is there")), "1!");
        // While a write guard has the value, it may be changed.
        let guard = changed.blocking_write().expect("it is in memory");
        assert!(map.get("a").is_none());
        drop(guard);
        assert!(map.get("a").is_none());
        drop((changed, again));
        world.assert_empty(&pool);
    });
}

#[test]
fn a_change_of_a_shared_item_leaves_what_is_found() {
    test(|| {
        let (world, pool, map) = rig();
        let mut changed = get(&pool, &map, "a", "1");
        let found = map.get("a").expect("it is there");
        changed.blocking_load_mut().push('!');
        let again = map.get("a").expect("it is there");
        assert_eq!((text(&again), again.key()), ("1".into(), found.key()));
        drop((changed, found, again));
        world.assert_empty(&pool);
    });
}

#[test]
fn if_the_call_that_computes_is_dropped_or_panics_another_one_computes() {
    test(|| {
        let (world, pool, map) = rig();
        let (sender, first) = computing(&pool, &map);
        let second = ByHand::waiting(making(&pool, &map, "second"));
        drop(first);
        assert!(sender.send(Ok("first")).is_err(), "its closure was dropped");
        assert_eq!(text(&second.finish().expect("nothing fails")), "second");

        let (sender, first) = computing(&pool, &map);
        let second = ByHand::waiting(making(&pool, &map, "second"));
        drop(sender); // the closure panics
        assert!(catch_unwind(AssertUnwindSafe(|| first.finish())).is_err());
        assert_eq!(text(&second.finish().expect("nothing fails")), "second");

        let panics = || -> Result<Handle, Failed> { panic!("on purpose") };
        let call = || map.blocking_get_or_insert_with("a", panics);
        assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
        assert_eq!(text(&get(&pool, &map, "a", "third")), "third");
        world.assert_empty(&pool);
    });
}

#[test]
fn calls_that_waited_get_the_same_error_and_the_next_one_computes() {
    test(|| {
        let (world, pool, map) = rig();
        let (sender, first) = computing(&pool, &map);
        let second = ByHand::waiting(making(&pool, &map, "never"));
        let third = ByHand::waiting(making(&pool, &map, "never"));
        sender.send(Err(Failed(1))).expect("it waits");
        let first = first.finish().expect_err("it failed");
        assert_eq!(*first, Failed(1));
        let second = second.finish().expect_err("it failed");
        assert!(Arc::ptr_eq(&first, &second));
        assert!(map.is_empty());
        assert_eq!(text(&get(&pool, &map, "a", "1")), "1");
        assert!(Arc::ptr_eq(&first, &third.finish().expect_err("it failed")));
        world.assert_empty(&pool);
    });
}

/// It cannot be given an error of the other type.
#[test]
fn a_call_with_another_type_of_errors_computes_after_a_failure_and_shares_a_success() {
    test(|| {
        let (world, pool, map) = rig();
        for fails in [true, false] {
            let (sender, first) = computing(&pool, &map);
            let make = async || Ok::<_, Error>(pool.insert("second".to_owned()));
            let second = ByHand::waiting(map.get_or_insert_with("a", make));
            let sent = if fails { Err(Failed(1)) } else { Ok("first") };
            sender.send(sent).expect("it waits");
            let first = first.finish();
            assert_eq!(first.is_err(), fails);
            let second = second.finish().expect("nothing fails");
            assert_eq!(text(&second), if fails { "second" } else { "first" });
        }
        world.assert_empty(&pool);
    });
}

#[test]
fn a_call_after_a_removal_does_not_get_what_was_being_computed() {
    test(|| {
        let (world, pool, map) = rig();
        let (sender, first) = computing(&pool, &map);
        assert!(map.remove("a").is_none());
        let second = get(&pool, &map, "a", "new");
        assert_eq!(text(&second), "new");
        sender.send(Ok("old")).expect("it waits");
        let first = first.finish().expect("nothing fails");
        assert_eq!(text(&first), "old");
        assert_eq!(text(&map.get("a").expect("it is there")), "new");
        let removed = map.remove("a").expect("it is there");
        assert_eq!(removed.key(), second.key());
        assert!(map.get("a").is_none());
        drop((first, second, removed));
        world.assert_empty(&pool);
    });
}

#[test]
fn an_inserted_item_stays_when_a_computation_ends_later() {
    test(|| {
        let (world, pool, map) = rig();
        let (sender, computing) = computing(&pool, &map);
        let inserted = pool.insert("inserted".to_owned());
        map.insert("a", &inserted);
        sender.send(Ok("computed")).expect("it waits");
        assert_eq!(
            text(&computing.finish().expect("nothing fails")),
            "computed"
        );
        assert_eq!(text(&map.get("a").expect("it is there")), "inserted");
        drop(inserted);
        world.assert_empty(&pool);
    });
}

#[test]
fn a_persisted_item_can_be_registered_by_the_computation() {
    test(|| {
        let (world, pool, map) = rig();
        let tracked = world.track(&MemPath::default());
        let saved = pool.insert("saved".to_owned());
        saved.blocking_persist(&tracked).expect("it is persisted");
        let key = saved.key();
        drop(saved);
        let register = || pool.blocking_register(&tracked, key);
        let first = map.blocking_get_or_insert_with("a", register);
        let again = map.blocking_get_or_insert_with("a", register);
        let keys = [first, again].map(|got| got.expect("it is there").key());
        assert_eq!(keys, [key, key]);
        assert_eq!(world.mem.count(Op::Persist), 1);
        world.assert_empty(&pool);
    });
}

#[test]
fn a_map_does_not_keep_its_pool() {
    test(|| {
        let (_world, pool, map) = rig();
        let pool_is_there = Arc::downgrade(&pool);
        let item = get(&pool, &map, "a", "1");
        drop(pool);
        assert!(map.get("a").is_some(), "the handle keeps its pool");
        drop(item);
        assert!(pool_is_there.upgrade().is_none());
        assert!(map.get("a").is_none());
    });
}
