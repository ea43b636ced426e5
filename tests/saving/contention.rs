//! Few persisted files that many threads register, read and drop at once.

use std::sync::Arc;

use crate::support::{ByHand, MemPath, World, test};

#[test]
fn a_file_exists_as_long_as_it_has_an_owner() {
    test(|| {
        let world = World::new();
        let pool = world.pool(1);
        let tracked = world.track(&MemPath::default());
        let items: Vec<_> = (0..3).map(|n| pool.insert(n.to_string())).collect();
        for item in &items {
            item.blocking_persist(&tracked).expect("it is saved");
        }
        let keys: Arc<Vec<_>> = Arc::new(items.iter().map(|item| item.key()).collect());
        drop(items);
        let threads: Vec<_> = (0..6_usize)
            .map(|thread| {
                let (pool, tracked, keys) = (pool.clone(), tracked.clone(), keys.clone());
                std::thread::spawn(move || {
                    for round in 0..400 {
                        let n = (thread + round) % keys.len();
                        if (thread + round) % 5 == 0 {
                            let tokens = pool.store().blocking_register_all(&tracked);
                            assert_eq!(tokens.expect("registered").len(), keys.len());
                        }
                        let mut item = match round % 2 {
                            0 => pool.blocking_register(&tracked, keys[n]),
                            _ => ByHand::new(pool.register(&tracked, keys[n])).finish(),
                        }
                        .expect("registered");
                        assert_eq!(
                            *item.blocking_read().expect("its file is there"),
                            n.to_string()
                        );
                        if round % 3 == 0 {
                            item.blocking_write().expect("it is loaded").push('!');
                        }
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().expect("no assertion fails");
        }
        world.assert_empty(&pool);
        assert_eq!(tracked.all_keys().len(), 3);
    });
}

#[test]
fn concurrent_registrations_of_all_keys_do_not_deadlock() {
    test(|| {
        let world = World::new();
        let pool = world.pool::<u32>(1);
        let tracked = world.track(&MemPath::default());
        for n in 0..50 {
            pool.insert(n)
                .blocking_persist(&tracked)
                .expect("it is saved");
        }
        world.settle();
        for _ in 0..20 {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    let (store, tracked) = (world.store.clone(), tracked.clone());
                    std::thread::spawn(move || store.blocking_register_all(&tracked).map(drop))
                })
                .collect();
            for thread in threads {
                thread.join().expect("no panic").expect("registered");
            }
        }
        world.assert_empty(&pool);
    });
}

#[test]
fn tokens_may_outlive_their_store() {
    test(|| {
        let mut world = World::new();
        let pool = world.pool(1);
        let tracked = world.track(&MemPath::default());
        pool.insert("a".to_owned())
            .blocking_persist(&tracked)
            .expect("it is saved");
        world.assert_empty(&pool);
        let tokens = world
            .store
            .blocking_register_all(&tracked)
            .expect("registered");
        let mem = world.mem.clone();
        drop(pool);
        world.shut_down();
        drop(world);
        assert_eq!(mem.files().len(), 1);
        drop(tokens);
        while Arc::strong_count(&mem) > 1 {
            std::thread::yield_now();
        }
        assert!(mem.files().is_empty());
    });
}
