//! A small file is read on its first load, which is faster, and mapped on the second one,
//! so that the third load is a hit.

use std::sync::Arc;

use file_backed::fbstore::{Codec, FBStore, Mapped, MappedCodec, PreparedPath, map_budget};
use file_backed::{BackingStore, FBPool, Fb};

use crate::support::{World, in_a_process_of_its_own, test};

type Pool<T, C> = Arc<FBPool<T, FBStore<C>>>;
type Item<T, C> = Fb<T, FBStore<C>>;

/// A pool that keeps one value beside the kept maps.
fn pool<T: Send + Sync + 'static, C: Codec<T>>(world: &World, codec: C) -> Pool<T, C> {
    let prepared = PreparedPath::blocking_temp().expect("a directory");
    let files = FBStore::open(codec, prepared).expect("a store");
    let store = BackingStore::new(files, world.runtime().handle().clone());
    Arc::new(FBPool::new(Arc::new(store), 1))
}

fn codec() -> MappedCodec {
    // SAFETY: the files are in a temporary directory of the test's own.
    unsafe { MappedCodec::new() }
}

fn numbers(n: u64) -> Mapped<Vec<u64>> {
    Mapped::new(&vec![n; 1000]).expect("it is archived")
}

/// Loads the first item, after the second one has taken its place.
fn load_after<T: Send + Sync + 'static, C: Codec<T>, R>(
    pool: &Pool<T, C>,
    [item, other]: &[Item<T, C>; 2],
    look: impl Fn(&T) -> R,
) -> R {
    drop(other.blocking_read().expect("it is loaded"));
    pool.store().blocking_finished();
    let result = look(&item.blocking_read().expect("it is loaded"));
    pool.store().blocking_finished();
    result
}

fn two<T: Send + Sync + 'static, C: Codec<T>>(
    pool: &Pool<T, C>,
    value: impl Fn(u64) -> T,
) -> [Item<T, C>; 2] {
    let items = [7, 8].map(|n| pool.insert(value(n)));
    for item in &items {
        item.blocking_write_now().expect("it is written");
    }
    items
}

fn is_mapped_when_loaded_again<T: Send + Sync + 'static, C: Codec<T>>(
    codec: C,
    value: impl Fn(u64) -> T,
    is_mapped: impl Fn(&T) -> bool + Copy,
) {
    let world = World::new();
    let pool = pool(&world, codec);
    let items = two(&pool, value);
    assert!(!load_after(&pool, &items, is_mapped), "the first is read");
    assert!(load_after(&pool, &items, is_mapped), "the second is mapped");
    let mapped = pool.stats().mapped;
    drop(items[1].blocking_read().expect("it is loaded"));
    pool.store().blocking_finished();
    let value = items[0].try_load().expect("its map was kept");
    assert!(is_mapped(&value) && mapped >= 1);
}

fn is_read_each_time(codec: MappedCodec) {
    let world = World::new();
    let pool = pool(&world, codec);
    let items = two(&pool, numbers);
    for _ in 0..3 {
        assert!(!load_after(&pool, &items, Mapped::is_mapped));
    }
}

#[test]
fn an_archive_is_mapped_when_it_is_loaded_again() {
    test(|| is_mapped_when_loaded_again(codec(), numbers, Mapped::is_mapped));
}

#[cfg(feature = "bytescodec")]
#[test]
fn plain_bytes_are_mapped_when_they_are_loaded_again() {
    use file_backed::fbstore::{BytesCodec, MappedBytes};
    // SAFETY: as above.
    let codec = || unsafe { BytesCodec::new() };
    let value = |n| MappedBytes::from(vec![n as u8; 8000]);
    test(move || is_mapped_when_loaded_again(codec(), value, MappedBytes::is_mapped));
}

#[cfg(feature = "bincodec")]
#[test]
fn an_archive_of_mixedcodec_is_mapped_when_it_is_loaded_again() {
    use file_backed::fbstore::MixedCodec;
    test(|| is_mapped_when_loaded_again(MixedCodec::from(codec()), numbers, Mapped::is_mapped));
}

#[test]
fn a_file_smaller_than_map_on_reload_is_read_each_time() {
    test(|| is_read_each_time(codec().map_on_reload(u64::MAX)));
}

#[test]
fn a_codec_without_a_licence_reads_each_time() {
    test(|| is_read_each_time(MappedCodec::heap()));
}

/// A small file can just as well be read.
#[test]
fn a_reload_does_not_take_one_of_the_last_maps() {
    in_a_process_of_its_own(
        "codecs::reloading::a_reload_does_not_take_one_of_the_last_maps",
        || {
            let world = World::new();
            // Pinned, so that their maps cannot be evicted. The limit is lowered
            // afterwards: under pressure, a map could be evicted between its insert and
            // its read, and the read would then find no map left for a moment.
            let many = pool(&world, codec().crossover(0));
            let held: Vec<_> = (0..16)
                .map(|n| {
                    many.blocking_insert_archived(&vec![n; 10])
                        .expect("archived")
                })
                .map(|item| item.blocking_read_owned().expect("loaded"))
                .collect();
            assert_eq!(map_budget::in_use(), 16);
            map_budget::set_limit(16);

            let small = pool(&world, codec());
            let items = two(&small, numbers);
            for _ in 0..3 {
                assert!(!load_after(&small, &items, Mapped::is_mapped));
            }
            assert_eq!(small.stats().map_fallbacks, 0, "no map was asked for");

            drop(held);
            drop(many);
            world.runtime().block_on(small.store().finished());
            while map_budget::in_use() > 0 {
                std::thread::yield_now();
            }
            let other = items[1].blocking_read().expect("it is loaded");
            assert!(other.is_mapped());
        },
    );
}
