//! Stores that panic, and values that do.

use crate::support::{Fault, MemPath, On, Op, World, test};

#[test]
fn a_panic_in_any_store_operation_is_an_error_and_no_hang() {
    test(|| {
        let world = World::new();
        let pool = world.pool(2);
        let tracked = world.track(&MemPath::default());
        let item = pool.insert("a".to_owned());
        let panic_next = |op| world.mem.fail(On::next(op), Fault::Panic);
        let mut errors = Vec::new();
        panic_next(Op::Store);
        errors.push(item.blocking_write_now().err());
        panic_next(Op::Store);
        errors.push(world.block_on(async { item.spawn_persist(&tracked).await.await.err() }));
        panic_next(Op::Persist);
        errors.push(world.block_on(async { item.spawn_persist(&tracked).await.await.err() }));
        item.blocking_persist(&tracked).expect("it works now");
        panic_next(Op::Sync);
        errors.push(world.block_on(world.store.sync(&tracked)).err());
        panic_next(Op::Track);
        errors.push(world.store.track_path(MemPath::default()).wait().err());
        panic_next(Op::DeletePersisted);
        errors.push(
            world
                .store
                .delete_persisted(&tracked, item.key())
                .wait()
                .err(),
        );
        let other = world.absent(&pool, "b");
        panic_next(Op::Load);
        errors.push(world.block_on(other.read()).err());
        panic_next(Op::Load);
        errors.push(other.blocking_read().err());
        for (n, error) in errors.into_iter().enumerate() {
            let error = error.unwrap_or_else(|| panic!("call {n} panics"));
            assert!(error.is_panic(), "{error}");
            assert!(error.to_string().contains("on purpose"), "{error}");
        }
        assert_eq!(
            (&**item.blocking_load(), &**other.blocking_load()),
            ("a", "b")
        );
        drop((item, other));
        world.assert_empty(&pool);
    });
}

#[test]
fn a_panic_in_the_drop_of_a_value_affects_no_other_item() {
    #[derive(Clone)]
    struct Bomb(bool);
    impl Drop for Bomb {
        fn drop(&mut self) {
            if self.0 && !std::thread::panicking() {
                panic!("on purpose");
            }
        }
    }
    test(|| {
        let world = World::new();
        let pool = world.pool(1);
        drop(pool.insert(Bomb(true)));
        world.settle();
        let item = pool.insert(Bomb(false));
        item.blocking_write_now().expect("it is written");
        assert!(!item.blocking_load().0);
        drop(item);
        world.assert_empty(&pool);
    });
}

#[test]
fn a_panic_in_a_clone_is_an_error_of_the_mutation() {
    #[derive(Debug)]
    struct Unclonable;
    impl Clone for Unclonable {
        fn clone(&self) -> Self {
            panic!("on purpose")
        }
    }
    test(|| {
        let world = World::new();
        let pool = world.pool(1);
        let mut item = std::sync::Arc::new(pool.insert(Unclonable));
        let other = item.clone();
        let error = item.blocking_make_write().expect_err("it panics");
        assert!(error.is_panic(), "{error}");
        let error = world.block_on(async { item.make_write().await.err() });
        assert!(error.expect("it panics").is_panic());
        assert_eq!((item.key(), pool.size()), (other.key(), 1));
        drop(other);
        assert!(item.blocking_make_write().is_ok(), "nothing is shared");
        drop(item);
        world.assert_empty(&pool);
    });
}
