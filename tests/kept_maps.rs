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
