//! Mapped values: outside of the item budget, loadable as hits, and within the map budget
//! of the process.

use std::sync::Arc;

use file_backed::fbstore::{Mapped, MappedCodec, map_budget};
use file_backed::{FBPool, Fb};

use crate::support::{in_a_process_of_its_own, runtime, test};

type Pool = FBPool<Mapped<Vec<u64>>, file_backed::fbstore::FBStore<MappedCodec>>;
type Item = Fb<Mapped<Vec<u64>>, file_backed::fbstore::FBStore<MappedCodec>>;

/// Items whose values are in files, and in memory nowhere. The last handles are
/// of values in memory, as many as the budget allows.
async fn written_out(items: u64, mem_size: usize) -> (Arc<Pool>, Vec<Item>, Vec<Item>) {
    // SAFETY: the temporary directory is this pool's alone.
    let codec = unsafe { MappedCodec::new() }.crossover(0);
    let pool = Pool::temp(codec, mem_size).await.expect("a temporary pool");
    let handles: Vec<_> = (0..items)
        .map(|n| pool.insert(Mapped::new(&vec![n; 100]).expect("archives")))
        .collect();
    let last = (0..mem_size).map(|_| pool.insert(Mapped::new(&vec![0; 100]).expect("archives")));
    let last: Vec<_> = last.collect();
    for handle in &handles {
        handle.spawn_write_now().await.await.expect("writes");
    }
    pool.store().finished().await;
    (pool, handles, last)
}

#[test]
fn a_map_is_outside_of_the_item_budget_and_stays_a_hit() {
    test(|| {
        runtime().block_on(async {
            let (pool, items, _last) = written_out(50, 2).await;
            for item in &items {
                assert!(item.read().await.expect("loads").is_mapped());
            }
            pool.store().finished().await;
            let before = pool.stats();
            assert_eq!((before.resident, before.mapped), (2, 50));
            assert!(before.mapped_bytes >= 50 * 800);
            for (n, item) in items.iter().enumerate() {
                let value = item.try_load().expect("a kept map is a hit");
                assert_eq!(value[99], n as u64);
            }
            let after = pool.stats();
            assert_eq!(after.misses, before.misses, "nothing was loaded");
            assert_eq!(after.evictions, before.evictions, "nothing had to go");
        })
    });
}

/// The map budget belongs to the process, so a test that lowers it runs in its own
/// process.
#[test]
fn the_process_never_has_more_maps_than_its_budget() {
    in_a_process_of_its_own(
        "kept_maps::the_process_never_has_more_maps_than_its_budget",
        || {
            map_budget::set_limit(32);
            runtime().block_on(async {
                let (first, some, _) = written_out(100, 4).await;
                let (second, others, _) = written_out(100, 4).await;
                for item in some.iter().chain(&others).cycle().take(1000) {
                    let value = item.read().await.expect("loads, mapped or read");
                    assert_eq!(value[0], value[99]);
                    assert!(map_budget::in_use() <= 32);
                }
                first.store().finished().await;
                second.store().finished().await;
                assert!(
                    map_budget::in_use() <= 32 - 32 / 8,
                    "pools let go of maps before there are none left"
                );
                // Also when fewer are allowed than there are.
                map_budget::set_limit(4);
                for item in &some {
                    drop(item.read().await.expect("loads, mapped or read"));
                }
                first.store().finished().await;
                second.store().finished().await;
                let mapped = first.stats().mapped + second.stats().mapped;
                assert!(mapped <= 3 && map_budget::in_use() == mapped);
                drop((some, others));
                first.store().finished().await;
                second.store().finished().await;
                assert_eq!(map_budget::in_use(), 0);
            });
        },
    );
}

/// Each pass over more maps than fit would miss all of them in LRU order.
#[test]
fn kept_maps_survive_scans() {
    in_a_process_of_its_own("kept_maps::kept_maps_survive_scans", || {
        // Seven eighths are kept: a thousand.
        map_budget::set_limit(1143);
        runtime().block_on(async {
            let (pool, items, _) = written_out(1500, 1).await;
            let mut hits = Vec::new();
            for _ in 0..6 {
                let before = pool.stats().hits;
                for item in &items {
                    // Twice, as a program does that looks at an item before it uses it.
                    drop(item.read().await.expect("loads"));
                    drop(item.read().await.expect("loads"));
                    assert!(map_budget::in_use() <= 1143);
                }
                pool.store().finished().await;
                hits.push(pool.stats().hits - before - 1500);
            }
            // A policy that knows the future has 999 hits in each.
            assert!(hits[3..].iter().all(|hits| *hits >= 600), "{hits:?}");
        });
    });
}

#[test]
fn maps_in_use_stay_when_the_budget_runs_short() {
    in_a_process_of_its_own(
        "kept_maps::maps_in_use_stay_when_the_budget_runs_short",
        || {
            map_budget::set_limit(64);
            runtime().block_on(async {
                let (pool, items, _) = written_out(200, 1).await;
                let mut guards = Vec::new();
                for item in &items[..40] {
                    guards.push(item.read_owned().await.expect("loads"));
                }
                for item in &items[40..] {
                    drop(item.read().await.expect("loads, mapped or read"));
                }
                pool.store().finished().await;
                assert!(map_budget::in_use() <= 56);
                let before = pool.stats();
                assert_eq!(before.pinned_over_budget, 0, "they are in their list");
                drop(guards);
                for item in &items[..40] {
                    assert!(item.try_load().expect("it stayed").is_mapped());
                }
                assert_eq!(pool.stats().misses, before.misses);
            });
        },
    );
}

/// A map is given back once the last `Bytes` that was made from it is gone, which the pool
/// cannot see. Evicting such a map makes no room, so it must not cost all others.
#[cfg(feature = "bytescodec")]
#[test]
fn maps_that_the_program_has_otherwise_do_not_cost_all_others() {
    use file_backed::fbstore::{BytesCodec, MappedBytes};
    in_a_process_of_its_own(
        "kept_maps::maps_that_the_program_has_otherwise_do_not_cost_all_others",
        || {
            map_budget::set_limit(1024);
            runtime().block_on(async {
                // SAFETY: the temporary directory is this pool's alone.
                let codec = unsafe { BytesCodec::new() }.crossover(0);
                let pool = FBPool::<MappedBytes, _>::temp(codec, 0).await;
                let pool = pool.expect("a temporary pool");
                let insert = |n: u32| pool.insert(vec![n as u8; 100].into());
                let items: Vec<_> = (0..920).map(insert).collect();
                pool.store().finished().await;
                let mut bodies = Vec::new();
                for item in &items[..890] {
                    let value = item.read().await.expect("loads");
                    assert!(value.is_mapped());
                    bodies.push((*value).clone());
                }
                for item in &items[890..] {
                    drop(item.read().await.expect("loads"));
                }
                pool.store().finished().await;
                // Under pressure, and all but 30 maps cannot be given back.
                assert!(pool.stats().mapped > 500, "{:?}", pool.stats());
                drop(bodies);
                pool.store().finished().await;
                drop(items[0].read().await.expect("loads"));
            });
        },
    );
}

#[test]
fn pools_give_up_maps_in_proportion_to_what_they_have() {
    in_a_process_of_its_own(
        "kept_maps::pools_give_up_maps_in_proportion_to_what_they_have",
        || {
            map_budget::set_limit(1024);
            runtime().block_on(async {
                let (large, many, _) = written_out(700, 1).await;
                let (small, few, _) = written_out(100, 1).await;
                for item in many.iter().chain(&few) {
                    drop(item.read().await.expect("loads"));
                }
                assert_eq!((large.stats().mapped, small.stats().mapped), (700, 100));
                map_budget::set_limit(460); // of which 403 may stay
                drop(many[0].read().await.expect("it is there"));
                let (third, other, _) = written_out(1, 1).await;
                drop(other[0].read().await.expect("loads"));
                for pool in [&large, &small, &third] {
                    pool.store().finished().await;
                }
                let (large, small) = (large.stats().mapped, small.stats().mapped);
                assert!(large + small <= 403);
                assert!((40..=60).contains(&small), "{large} and {small}");
            });
        },
    );
}
