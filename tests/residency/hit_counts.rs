//! What the pool counts as a hit and what as a miss.

use crate::support::{Handle, World, test};

/// What `f` adds to hits and misses.
#[track_caller]
fn assert_counts(item: &mut Handle, expected: (u64, u64), f: impl FnOnce(&mut Handle)) {
    let pool = item.pool().clone();
    let before = pool.stats();
    f(item);
    let after = pool.stats();
    let added = (after.hits - before.hits, after.misses - before.misses);
    assert_eq!(added, expected);
}

/// Like a load, a change needs its value, and finds it in memory or not.
#[test]
fn a_change_counts_as_one_hit_or_miss() {
    test(|| {
        let world = World::new();
        let pool = world.pool::<String>(8);
        let changes: [fn(&World, &mut Handle); 3] = [
            |_, item| item.blocking_write().expect("it is taken").push('!'),
            |world, item| {
                let taken = world.block_on(async { item.write().await.map(|mut it| it.push('!')) });
                taken.expect("it is taken");
            },
            |_, item| {
                let mut item = std::sync::Arc::new(item.clone());
                item.blocking_make_mut().push('!');
            },
        ];
        for change in changes {
            let change = |item: &mut Handle| change(&world, item);
            let mut resident = pool.insert("a".to_owned());
            assert_counts(&mut resident, (1, 0), change);
            let mut absent = world.absent(&pool, "b");
            assert_counts(&mut absent, (0, 1), change);
            // Of others too: copied.
            let mut shared = pool.insert("c".to_owned());
            let _other = shared.clone();
            assert_counts(&mut shared, (1, 0), change);
            let mut absent = world.absent(&pool, "d");
            let _other = absent.clone();
            assert_counts(&mut absent, (0, 1), change);
            let mut read = pool.insert("e".to_owned());
            let _reader = read.blocking_read_owned().expect("it is in memory");
            assert_counts(&mut read, (1, 0), change);
        }
        let mut resident = pool.insert("f".to_owned());
        assert_counts(&mut resident, (1, 0), |item| {
            item.try_load_mut().expect("it is in memory").push('!');
        });
        let mut absent = world.absent(&pool, "g");
        assert_counts(&mut absent, (0, 0), |item| {
            assert!(item.try_load_mut().is_none());
        });
    });
}
