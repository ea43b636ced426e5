//! Persisting and registering many items with one call.

use file_backed::Fb;
use uuid::Uuid;

use crate::support::{ByHand, Fault, Handle, MemPath, On, Op, Pool, World, test};

const ITEMS: usize = 600;

fn insert_many(pool: &Pool) -> Vec<Handle> {
    (0..ITEMS).map(|n| pool.insert(n.to_string())).collect()
}

#[test]
fn many_items_are_persisted_and_registered_in_their_order() {
    test(|| {
        for is_async in [true, false] {
            let world = World::new();
            let (pool, path) = (world.pool(10), MemPath::default());
            let tracked = world.track(&path);
            let items = insert_many(&pool);
            let results = match is_async {
                true => world.block_on(pool.persist_many(&tracked, &items)),
                false => pool.blocking_persist_many(&tracked, &items),
            };
            assert_eq!(results.len(), ITEMS);
            assert!(results.iter().all(Result::is_ok));
            let keys: Vec<_> = items.iter().map(Fb::key).collect();
            drop(items);
            world.assert_empty(&pool);
            // Some twice.
            let keys: Vec<_> = keys.iter().chain(&keys[..5]).copied().collect();
            let results = match is_async {
                true => world.block_on(pool.register_many(&tracked, &keys)),
                false => pool.blocking_register_many(&tracked, &keys),
            };
            assert_eq!(results.len(), keys.len());
            for (n, item) in results.into_iter().enumerate() {
                let item = item.expect("it is there");
                assert_eq!(item.key(), keys[n]);
                assert_eq!(
                    *item.blocking_read().expect("it is whole"),
                    (n % ITEMS).to_string()
                );
            }
            world.assert_empty(&pool);
        }
    });
}

#[test]
fn an_item_that_cannot_be_persisted_does_not_keep_the_others_from_it() {
    test(|| {
        for is_async in [true, false] {
            for fault in [Fault::Error, Fault::Panic] {
                let world = World::new();
                let (pool, path) = (world.pool(ITEMS), MemPath::default());
                let tracked = world.track(&path);
                let items = insert_many(&pool);
                let bad = items[7].key();
                world.mem.fail(On::every(Op::Persist).of(bad), fault);
                let results = match is_async {
                    true => world.block_on(pool.persist_many(&tracked, &items)),
                    false => pool.blocking_persist_many(&tracked, &items),
                };
                for (item, result) in items.iter().zip(results) {
                    match result {
                        Ok(()) => assert!(item.key() != bad && tracked.contains_key(item.key())),
                        Err(error) => {
                            assert_eq!((item.key(), error.key()), (bad, Some(bad)));
                            assert_eq!(error.is_panic(), matches!(fault, Fault::Panic));
                        }
                    }
                }
                assert_eq!(tracked.all_keys().len(), ITEMS - 1);
            }
        }
    });
}

#[test]
fn a_key_that_is_not_there_does_not_keep_the_others_from_being_registered() {
    test(|| {
        for is_async in [true, false] {
            let world = World::new();
            let (pool, path) = (world.pool(10), MemPath::default());
            let tracked = world.track(&path);
            let item = pool.insert("a".to_owned());
            item.blocking_persist(&tracked).expect("it is saved");
            let keys = [Uuid::from_u128(1), item.key(), Uuid::from_u128(2)];
            let results = match is_async {
                true => world.block_on(pool.register_many(&tracked, &keys)),
                false => pool.blocking_register_many(&tracked, &keys),
            };
            let found = results.iter().map(|result| match result {
                Ok(found) => found.key() == item.key(),
                Err(error) => !error.is_not_found(),
            });
            assert_eq!(found.collect::<Vec<_>>(), [false, true, false]);
        }
    });
}

#[test]
fn dropping_the_future_does_not_end_a_save() {
    test(|| {
        let world = World::new();
        let (pool, path) = (world.pool(10), MemPath::default());
        let tracked = world.track(&path);
        let items = insert_many(&pool);
        drop(pool.persist_many(&tracked, &items));
        pool.store().blocking_finished();
        assert_eq!(tracked.all_keys().len(), ITEMS);
    });
}

#[test]
fn what_was_registered_for_a_dropped_future_is_deleted_again() {
    test(|| {
        let world = World::new();
        let (pool, path) = (world.pool(10), MemPath::default());
        let tracked = world.track(&path);
        let items = insert_many(&pool);
        pool.blocking_persist_many(&tracked, &items);
        let keys = tracked.all_keys();
        drop(items);
        world.assert_empty(&pool);
        let gate = world.mem.gate(Op::Register, None);
        let mut registering = ByHand::new(pool.register_many(&tracked, &keys));
        assert!(registering.poll().is_pending());
        gate.wait_for(1);
        drop(registering);
        gate.open();
        world.assert_empty(&pool);
    });
}
