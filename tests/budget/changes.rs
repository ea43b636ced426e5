//! Changes that wait until write-back keeps up.

use std::path::Path;

use file_backed::FBPool;

use crate::support::{ByHand, Fault, Handle, On, Op, Pool, World, test, told};

/// A pool that keeps nothing, and items that are in their files.
fn absent_items(world: &World, number: usize) -> (Pool, Vec<Handle>) {
    let pool = FBPool::builder(world.store.clone())
        .items(0)
        .bytes(u64::MAX, |text: &String| text.len() as u64)
        .backlog_items(3)
        .backlog_bytes(100)
        .build();
    let items = (0..number).map(|n| world.absent(&pool, &n.to_string()));
    let items = items.collect();
    (pool, items)
}

#[test]
fn changes_wait_while_the_backlog_is_full() {
    test(|| {
        let world = World::new();
        let (pool, mut items) = absent_items(&world, 5);
        let gate = world.mem.gate(Op::Store, None);
        let mut changed = 0;
        while let Some(permit) = pool.try_reserve().expect("nothing failed") {
            let guard = match changed % 2 {
                0 => permit.blocking_write(&mut items[changed]),
                _ => world.block_on(permit.write(&mut items[changed])),
            };
            guard.expect("it is loaded").push('!');
            changed += 1;
        }
        assert_eq!((changed, pool.stats().writes_waiting), (3, 3));
        let reserve = ByHand::waiting(pool.reserve());
        gate.open();
        let permit = reserve.finish().expect("there is room");
        let guard = permit.blocking_write(&mut items[3]);
        guard.expect("it is loaded").push('!');
        world.settle();
        for (n, item) in items.iter().enumerate() {
            let mark = if n < 4 { "!" } else { "" };
            assert_eq!(**item.blocking_load(), *format!("{n}{mark}"));
        }
        drop(items);
        world.assert_empty(&pool);
    });
}

#[test]
fn a_write_guard_holds_its_permit_until_the_value_is_checked_in() {
    test(|| {
        let world = World::new();
        let (pool, mut items) = absent_items(&world, 1);
        let _others = [(); 2].map(|()| pool.blocking_reserve().expect("there is room"));
        let permit = pool.blocking_reserve().expect("there is room");
        let guard = permit.blocking_write(&mut items[0]).expect("it is loaded");
        assert!(pool.try_reserve().expect("nothing failed").is_none());
        let gate = world.mem.gate(Op::Store, None);
        drop(guard);
        assert!(
            pool.try_reserve().expect("nothing failed").is_none(),
            "the value waits"
        );
        gate.open();
        world.settle();
        assert!(pool.try_reserve().expect("nothing failed").is_some());
    });
}

/// Two permits at this weight fill the bound.
#[test]
fn the_next_change_is_expected_to_weigh_as_much_as_the_last() {
    test(|| {
        let world = World::new();
        let (pool, mut items) = absent_items(&world, 1);
        let permit = pool.blocking_reserve().expect("there is room");
        let guard = permit.blocking_write(&mut items[0]);
        guard.expect("it is loaded").push_str(&"x".repeat(50));
        world.settle();
        let permits: Vec<_> =
            std::iter::from_fn(|| pool.try_reserve().expect("nothing failed")).collect();
        assert_eq!(permits.len(), 2);
    });
}

#[test]
fn a_change_that_fails_gives_the_room_back() {
    test(|| {
        let world = World::new();
        let (pool, mut items) = absent_items(&world, 1);
        let other: Pool = world.pool(0);
        let _others = [(); 2].map(|()| pool.blocking_reserve().expect("there is room"));
        world.mem.fail(On::every(Op::Load), Fault::Refused);
        let permit = pool.blocking_reserve().expect("there is room");
        assert!(permit.blocking_write(&mut items[0]).is_err());
        world.mem.heal();

        let permit = other.blocking_reserve().expect("there is room");
        let error = permit
            .blocking_write(&mut items[0])
            .expect_err("of another pool");
        assert_eq!(
            told(&error, Path::new("ROOT")),
            "could not load item KEY: the permit is for another pool: reserve it from the pool of \
             the handle (`Fb::pool`)"
        );
        assert!(other.try_reserve().expect("nothing failed").is_some());

        let permit = pool.blocking_reserve().expect("there is room");
        let guard = permit.blocking_write(&mut items[0]);
        guard.expect("it is loaded").push('!');
    });
}
