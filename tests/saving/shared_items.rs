//! A pool has one item for each key: who asks for it again gets a handle to it.

use crate::support::{ByHand, Handle, MemPath, Op, Pool, Tracked, World, test};

struct Saved {
    world: World,
    pool: Pool,
    tracked: Tracked,
    /// The handle of the value "a", which is persisted.
    item: Handle,
}

impl Saved {
    /// In a pool that keeps this many items.
    fn new(mem_size: usize) -> Self {
        let world = World::new();
        let pool = world.pool(mem_size);
        let tracked = world.track(&MemPath::default());
        let item = pool.insert("a".to_owned());
        item.blocking_persist(&tracked).expect("it is saved");
        Self {
            world,
            pool,
            tracked,
            item,
        }
    }

    /// The item was registered, and its value is only in a file.
    fn registered() -> Self {
        let mut saved = Self::new(1);
        let key = saved.item.key();
        saved.item = saved.pool.insert("another".to_owned());
        saved.world.settle();
        saved.world.mem.forget_calls();
        let registered = saved.pool.blocking_register(&saved.tracked, key);
        saved.item = registered.expect("it is registered");
        saved
    }

    fn look_up(&self) -> Handle {
        self.look_up_in(&self.pool)
    }

    fn look_up_in(&self, pool: &Pool) -> Handle {
        let found = pool.blocking_register(&self.tracked, self.item.key());
        found.expect("it is found")
    }

    fn end(self) {
        drop(self.item);
        self.world.assert_empty(&self.pool);
    }
}

#[test]
fn a_registered_item_that_is_registered_again_is_loaded_and_held_once() {
    test(|| {
        let saved = Saved::registered();
        let again = saved.look_up();
        let by_future = saved.pool.register(&saved.tracked, saved.item.key());
        let third = ByHand::new(by_future).poll();
        let std::task::Poll::Ready(Ok(third)) = third else {
            panic!("a look-up that finds an item does not wait")
        };
        assert_eq!(saved.pool.size(), 1);
        for handle in [&saved.item, &again, &third] {
            assert_eq!(*handle.blocking_load(), "a");
        }
        let mem = &saved.world.mem;
        assert_eq!((mem.count(Op::Register), mem.count(Op::Load)), (1, 1));
        assert_eq!(saved.pool.stats().hits, 2);
        drop((again, third));
        assert_eq!(saved.pool.size(), 1);
        saved.end();
    });
}

#[test]
fn a_persisted_item_is_found_by_its_key() {
    test(|| {
        let saved = Saved::new(1);
        let found = saved.look_up();
        assert_eq!(*found.blocking_load(), "a");
        let mem = &saved.world.mem;
        assert_eq!((mem.count(Op::Register), mem.count(Op::Load)), (0, 0));
        assert_eq!(saved.pool.size(), 1);
        drop(found);
        saved.end();
    });
}

#[test]
fn a_look_up_joins_a_load_under_way() {
    test(|| {
        let saved = Saved::registered();
        let gate = saved.world.mem.gate(Op::Load, None);
        let first = ByHand::waiting(saved.item.read());
        gate.wait_for(1);
        let found = saved.look_up();
        let second = ByHand::waiting(found.read());
        gate.open();
        for read in [first.finish(), second.finish()] {
            assert_eq!(*read.expect("it is loaded"), "a");
        }
        assert_eq!(saved.world.mem.count(Op::Load), 1);
        drop(found);
        saved.end();
    });
}

#[test]
fn a_change_of_an_item_that_was_looked_up_twice_copies() {
    test(|| {
        let saved = Saved::registered();
        let key = saved.item.key();
        let mut other = saved.look_up();
        other.blocking_load_mut().push('!');
        assert_eq!((saved.item.key(), other.key() == key), (key, false));
        assert_eq!(*saved.item.blocking_load(), "a");
        assert_eq!(*other.blocking_load(), "a!");
        assert_eq!(saved.world.mem.count(Op::Duplicate), 1);
        assert_eq!(saved.pool.size(), 2);
        drop(other);
        saved.end();
    });
}

#[test]
fn a_changed_item_is_not_found_under_its_former_key() {
    test(|| {
        let mut saved = Saved::registered();
        let key = saved.item.key();
        saved.item.blocking_load_mut().push('!');
        assert_eq!(saved.world.mem.count(Op::Duplicate), 0);
        let former = saved.pool.blocking_register(&saved.tracked, key);
        let former = former.expect("it is registered");
        assert_eq!(*former.blocking_load(), "a");
        assert_eq!(*saved.item.blocking_load(), "a!");
        assert_eq!(saved.pool.size(), 2);
        drop(former);
        saved.end();
    });
}

#[test]
fn a_mutation_that_waits_for_its_load_shares_the_item_with_a_look_up() {
    test(|| {
        let mut saved = Saved::registered();
        let key = saved.item.key();
        let (pool, tracked) = (saved.pool.clone(), saved.tracked.clone());
        let gate = saved.world.mem.gate(Op::Load, None);
        let mutation = ByHand::waiting(saved.item.write());
        gate.wait_for(1);
        let found = pool.blocking_register(&tracked, key).expect("it is found");
        gate.open();
        mutation.finish().expect("it is loaded").push('!');
        let mem = &saved.world.mem;
        assert_eq!((mem.count(Op::Load), mem.count(Op::Duplicate)), (1, 1));
        assert_eq!(*found.blocking_load(), "a");
        assert_eq!(*saved.item.blocking_load(), "a!");
        drop(found);
        saved.end();
    });
}

#[test]
fn pools_share_the_file_but_not_the_item() {
    test(|| {
        let saved = Saved::registered();
        let other_pool = saved.world.pool(1);
        let other = saved.look_up_in(&other_pool);
        let mem = saved.world.mem.clone();
        assert_eq!((saved.pool.size(), other_pool.size()), (1, 1));
        assert_eq!(*saved.item.blocking_load(), *other.blocking_load());
        assert_eq!((mem.count(Op::Register), mem.count(Op::Load)), (1, 2));

        let key = other.key();
        let Saved {
            world, pool, item, ..
        } = saved;
        drop(item);
        world.settle();
        assert!(mem.has(key), "the other pool's item owns the file");
        drop(other);
        world.assert_empty(&pool);
        world.assert_empty(&other_pool);
    });
}

#[test]
fn registering_all_shares_the_files_of_items() {
    test(|| {
        let saved = Saved::registered();
        let store = &saved.world.store;
        let all = store.blocking_register_all(&saved.tracked);
        let all = all.expect("they are registered");
        assert_eq!((all.len(), saved.world.mem.count(Op::Register)), (1, 1));
        let key = saved.item.key();
        let Saved {
            world, pool, item, ..
        } = saved;
        drop(item);
        world.settle();
        assert!(world.mem.has(key));
        drop(all);
        world.assert_empty(&pool);
    });
}

#[test]
fn a_deleted_file_is_not_found_although_an_item_of_it_lives() {
    test(|| {
        let saved = Saved::registered();
        let key = saved.item.key();
        let store = &saved.world.store;
        let deleted = store.blocking_delete_persisted(&saved.tracked, key);
        deleted.expect("it is deleted");
        let found = saved.pool.blocking_register(&saved.tracked, key);
        assert!(found.expect_err("it is gone").is_not_found());
        assert_eq!(*saved.item.blocking_load(), "a");

        saved.item.blocking_persist(&saved.tracked).expect("saved");
        assert_eq!(saved.world.mem.count(Op::Persist), 1, "it was gone there");
        assert_eq!(*saved.look_up().blocking_load(), "a");
        assert_eq!(saved.pool.size(), 1);
        saved.end();
    });
}

#[test]
fn the_last_handle_gives_up_the_file_and_a_registration_brings_it_back() {
    test(|| {
        let saved = Saved::registered();
        let key = saved.item.key();
        let Saved {
            world,
            pool,
            tracked,
            item,
        } = saved;
        let other = pool.blocking_register(&tracked, key).expect("it is found");
        drop(item);
        world.settle();
        assert!(world.mem.has(key));
        drop(other);
        world.assert_empty(&pool);
        assert!(!world.mem.has(key));
        let again = pool.blocking_register(&tracked, key).expect("it is there");
        assert_eq!(*again.blocking_load(), "a");
        assert_eq!(world.mem.count(Op::Register), 2);
    });
}
