//! Maps that the budget evicts stay loadable as hits.

use std::sync::Arc;

use file_backed::FBPool;
use file_backed::fbstore::{FBStore, Mapped, MappedCodec, PreparedPath};

use crate::support::{World, test};

type Pool = Arc<FBPool<Mapped<Vec<u64>>, FBStore<MappedCodec>>>;

fn pool(world: &World, codec: MappedCodec) -> Pool {
    let prepared = PreparedPath::blocking_temp().expect("a directory");
    let files = FBStore::open(codec, prepared).expect("a store");
    let handle = world.runtime().handle().clone();
    let store = Arc::new(file_backed::BackingStore::new(files, handle));
    Arc::new(FBPool::new(store, 1))
}

fn mapped() -> MappedCodec {
    // SAFETY: the files are in a temporary directory of the test's own, which
    // nobody changes.
    unsafe { MappedCodec::new() }.crossover(0)
}

fn numbers(n: u64) -> Mapped<Vec<u64>> {
    Mapped::new(&vec![n; 1000]).expect("it is archived")
}

/// Brings the values of three items into memory, one after the other.
fn load_all(pool: &Pool, codec_maps: bool) {
    let items: Vec<_> = (0..3).map(|n| pool.insert(numbers(n))).collect();
    let last = pool.insert(numbers(3));
    pool.store().blocking_finished();
    for _ in 0..3 {
        for (n, item) in items.iter().enumerate() {
            let value = item.blocking_read().expect("it is loaded");
            assert_eq!((value.len(), value[999].to_native()), (1000, n as u64));
            assert_eq!(value.is_mapped(), codec_maps);
            drop(value);
            pool.store().blocking_finished();
        }
    }
    let stats = pool.stats();
    assert_eq!(
        (stats.resident, stats.mapped),
        (1, if codec_maps { 3 } else { 0 })
    );
    drop((items, last));
    pool.store().blocking_finished();
    assert_eq!((pool.stats().mapped, pool.size()), (0, 0));
}

#[cfg(unix)]
#[test]
fn a_map_over_the_budget_stays_loadable_as_a_hit() {
    test(|| {
        let world = World::new();
        let pool = pool(&world, mapped());
        load_all(&pool, true);
        assert_eq!(pool.stats().misses, 3, "each was mapped once");
    });
}

#[test]
fn a_value_on_the_heap_over_the_budget_is_loaded_again() {
    test(|| {
        let world = World::new();
        let pool = pool(&world, MappedCodec::heap());
        load_all(&pool, false);
        assert!(pool.stats().misses > 3);
    });
}

#[cfg(unix)]
#[test]
fn a_pinned_map_keeps_its_value_when_its_item_is_changed() {
    test(|| {
        let world = World::new();
        let pool = pool(&world, mapped());
        let mut item = pool.insert(numbers(7));
        let other = pool.insert(numbers(8));
        pool.store().blocking_finished();
        drop(item.blocking_read().expect("it is mapped"));
        drop(other.blocking_read().expect("it is in memory"));
        assert_eq!(pool.stats().mapped, 1, "the other was never written");
        let reader = item.blocking_read_owned().expect("a hit");
        *item.blocking_write().expect("it is copied") = numbers(9);
        pool.store().blocking_finished();
        assert!(reader.is_mapped());
        assert_eq!(reader[999].to_native(), 7, "its file is gone");
        assert_eq!(
            item.blocking_read().expect("it is loaded")[0].to_native(),
            9
        );
        drop((item, other, reader));
        pool.store().blocking_finished();
        assert_eq!((pool.stats().mapped, pool.size()), (0, 0));
    });
}
