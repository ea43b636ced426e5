//! A change is seen by the handle that made it, and by no other.

use std::sync::Arc;

use crate::support::{Op, World, test};

#[test]
fn a_mutation_changes_the_key_and_deletes_the_old_file() {
    test(|| {
        let world = World::new();
        let pool = world.pool(1);
        let mut item = pool.insert("a".to_owned());
        item.blocking_write_now().expect("it is written");
        let before = item.key();
        let mut guard = item.blocking_write().expect("it is in memory");
        guard.push('!');
        assert_eq!(*guard, "a!");
        drop(guard);
        assert_ne!(item.key(), before);
        world.settle();
        assert_eq!(world.mem.calls_on(before), [Op::Store, Op::Delete]);
        item.blocking_write_now().expect("it is written");
        assert_eq!(world.mem.files(), [item.key()].into());
        assert_eq!(world.mem.count(Op::Duplicate), 0);
    });
}

#[test]
fn clones_share_an_item_until_one_is_changed() {
    test(|| {
        let world = World::new();
        let pool = world.pool(4);
        let mut item = pool.insert("a".to_owned());
        let clones = [item.clone(), item.clone()];
        assert_eq!((pool.size(), clones[0].key()), (1, item.key()));
        let shared = item.key();
        world
            .block_on(async { item.write().await.map(|mut value| value.push('!')) })
            .expect("copied");
        assert_eq!(pool.size(), 2);
        assert_ne!(item.key(), shared);
        assert_eq!(*item.blocking_load(), "a!");
        for clone in &clones {
            assert_eq!((clone.key(), &**clone.blocking_load()), (shared, "a"));
        }
        let [mut last, other] = clones;
        drop(other);
        last.blocking_load_mut().push('?');
        assert_eq!(
            world.mem.count(Op::Duplicate),
            1,
            "the last one needs no copy"
        );
        assert_eq!(
            (&**last.blocking_load(), &**item.blocking_load()),
            ("a?", "a!")
        );
        drop((last, item));
        world.assert_empty(&pool);
    });
}

#[test]
fn a_mutation_of_an_absent_shared_item_loads_and_copies_it() {
    test(|| {
        let (world, pool, item) = World::with_absent(0);
        let mut clone = item.clone();
        clone.blocking_write().expect("it is copied").push('!');
        world.settle();
        assert_eq!(*item.blocking_load(), "a");
        assert_eq!(*clone.blocking_load(), "a!");
        drop((item, clone));
        world.assert_empty(&pool);
    });
}

#[test]
fn a_mutation_does_not_wait_for_owned_guards() {
    test(|| {
        let world = World::new();
        let pool = world.pool(2);
        let mut item = pool.insert("a".to_owned());
        let readers = [(); 3].map(|()| item.blocking_read_owned().expect("it is resident"));
        item.try_load_mut().expect("it is in memory").push('1');
        world.block_on(async { item.load_mut().await.push('2') });
        item.blocking_load_mut().push('3');
        assert_eq!(*item.blocking_load(), "a123");
        for reader in &readers {
            assert_eq!(**reader, "a");
        }
        assert_eq!(world.mem.count(Op::Duplicate), 1, "the copy has no readers");
        assert_eq!(pool.size(), 1);
        drop((readers, item));
        world.assert_empty(&pool);
    });
}

#[test]
fn a_failed_copy_leaves_the_handle_unchanged() {
    use crate::support::{Fault, On};
    test(|| {
        let world = World::new();
        let pool = world.pool(2);
        let item = pool.insert("a".to_owned());
        let mut clone = item.clone();
        world.mem.fail(On::every(Op::Duplicate), Fault::Error);
        let error = clone.blocking_write().expect_err("it cannot be copied");
        assert_eq!(error.key(), Some(item.key()));
        world.mem.heal();
        world.mem.fail(On::every(Op::Duplicate), Fault::Panic);
        let error = world.block_on(async { clone.write().await.err() });
        assert!(error.expect("it panics").is_panic());
        assert_eq!((pool.size(), clone.key()), (1, item.key()));
        world.mem.heal();
        clone.blocking_write().expect("it is copied").push('!');
        drop((item, clone));
        world.assert_empty(&pool);
    });
}

#[test]
fn a_panic_with_a_write_guard_puts_the_value_back() {
    test(|| {
        let world = World::new();
        let pool = world.pool(1);
        let mut item = pool.insert("a".to_owned());
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut guard = item.blocking_load_mut();
            guard.push('!');
            panic!("on purpose");
        }));
        assert!(panicked.is_err());
        assert_eq!(*item.blocking_read().expect("it is back"), "a!");
        drop(item);
        world.assert_empty(&pool);
    });
}

#[test]
fn try_load_mut_of_an_absent_value_is_none_and_loads_nothing() {
    test(|| {
        let (world, _pool, mut item) = World::with_absent(1);
        assert!(item.try_load().is_none());
        assert!(item.try_load_mut().is_none());
        world.settle();
        assert!(item.try_load_mut().is_none());
        assert_eq!(world.mem.count(Op::Load), 0);
        drop(item.blocking_load());
        item.try_load_mut().expect("it is in memory").push('!');
        assert_eq!(*item.blocking_load(), "a!");
    });
}

#[test]
fn make_mut_clones_only_shared_handles() {
    test(|| {
        let world = World::new();
        let pool = world.pool(4);
        let mut item = Arc::new(pool.insert("a".to_owned()));
        item.blocking_make_mut().push('1');
        let (arc, handle) = (item.clone(), (*item).clone());
        world.block_on(async { item.make_mut().await.push('2') });
        assert_eq!(*item.blocking_load(), "a12");
        assert_eq!(
            (&**arc.blocking_load(), &**handle.blocking_load()),
            ("a1", "a1")
        );
        assert_eq!(arc.key(), handle.key());
        assert_eq!(pool.size(), 2);
        let weak = Arc::downgrade(&item);
        item.blocking_make_write()
            .expect("it is in memory")
            .push('3');
        assert_eq!(*item.blocking_load(), "a123");
        assert!(weak.upgrade().is_none(), "as with `Arc::make_mut`");
        assert_eq!(world.mem.count(Op::Duplicate), 0, "it clones");
        drop((item, arc, handle));
        world.assert_empty(&pool);
    });
}

#[test]
fn a_value_may_own_items() {
    test(|| {
        let world = World::new();
        let (words, lists) = (world.pool(0), world.pool(0));
        let mut list = lists.insert(
            ["a", "b"]
                .map(|word| words.insert(word.to_owned()))
                .to_vec(),
        );
        world.settle();
        assert_eq!(*list.blocking_load()[1].blocking_load(), "b");
        let last = list.blocking_load_mut().pop().expect("there are two");
        assert_eq!(*last.blocking_load(), "b");
        drop((last, list));
        // The files of the lists hold handles too, and go one after the other.
        world.settle();
        world.assert_empty(&lists);
        world.assert_empty(&words);
    });
}
