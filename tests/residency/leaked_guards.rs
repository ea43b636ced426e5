//! A leaked write guard loses its value, and nothing else.

use std::mem::forget;

use file_backed::Error;

use crate::support::{MemPath, World, test};

/// The handle can still be dropped.
#[test]
fn every_access_after_a_leaked_write_guard_fails() {
    test(|| {
        let world = World::new();
        let pool = world.pool(1);
        let tracked = world.track(&MemPath::default());
        let mut item = pool.insert("a".to_owned());
        item.blocking_write_now().expect("it is written");
        forget(item.blocking_write().expect("it is in memory"));
        let errors = world.block_on(async {
            [
                item.read().await.err(),
                item.write().await.err(),
                item.spawn_persist(&tracked).await.await.err(),
                item.spawn_write_now().await.await.err(),
                item.read_owned().await.err(),
            ]
        });
        let more = [
            item.blocking_read().err(),
            item.blocking_write().err(),
            item.blocking_persist(&tracked).err(),
            item.blocking_write_now().err(),
            item.clone().blocking_read().err(),
            item.clone().blocking_write().err(),
        ];
        for error in errors.into_iter().chain(more) {
            let error: Error = error.expect("the value is lost");
            assert!(error.is_leaked_guard(), "{error}");
            assert_eq!(error.key(), Some(item.key()));
        }
        let verbs = [
            item.blocking_read().map(drop),
            item.blocking_write_now(),
            item.blocking_persist(&tracked),
        ];
        for (result, verb) in verbs.into_iter().zip(["load", "write", "persist"]) {
            let text = result.expect_err("the value is lost").to_string();
            let key = item.key().simple();
            assert_eq!(
                text,
                format!(
                    "could not {verb} item {key}: a write guard of this item was leaked (`mem::forget`), so its value is lost: insert the value again"
                )
            );
        }
        assert!(item.try_load().is_none());
        assert!(tracked.all_keys().is_empty());
        let others: Vec<_> = (0..4).map(|n| pool.insert(n.to_string())).collect();
        drop((item, others));
        world.assert_empty(&pool);
    });
}

#[test]
fn panicking_methods_panic_with_the_text_of_the_error() {
    test(|| {
        let world = World::new();
        let pool = world.pool(1);
        let mut item = pool.insert("a".to_owned());
        forget(item.blocking_load_mut());
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            drop(item.try_load_mut());
        }));
        let panic = panic.expect_err("the value is lost");
        let text = panic.downcast_ref::<String>().expect("a message");
        assert!(text.contains("was leaked"), "{text}");
    });
}

#[test]
fn a_leaked_write_guard_of_a_copy_affects_no_other_handle() {
    test(|| {
        let world = World::new();
        let pool = world.pool(1);
        let item = pool.insert("a".to_owned());
        let mut clone = item.clone();
        forget(clone.blocking_load_mut());
        assert_eq!(*item.blocking_load(), "a");
        assert!(clone.blocking_read().expect_err("lost").is_leaked_guard());
        drop((item, clone));
        world.assert_empty(&pool);
    });
}

#[test]
fn a_leaked_read_guard_keeps_the_value_in_memory_and_leaves_no_file() {
    test(|| {
        let world = World::new();
        let pool = world.pool(0);
        let item = pool.insert("a".to_owned());
        forget(item.blocking_load());
        world.settle();
        assert_eq!(*item.blocking_load(), "a");
        drop(item);
        world.assert_empty(&pool);
    });
}
