//! A cache whose bytes are bounded.

use std::sync::Arc;
use std::task::Poll;

use file_backed::fbstore::{FBStore, PreparedPath, key_path};
use file_backed::{BackingStore, Error, FBPool, Fb};
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::support::{ByHand, Fault, Handle, On, Op, Plain, Pool, World, scratch, test};

type Disk = Arc<FBPool<Vec<u8>, FBStore<Plain>>>;

/// A pool that keeps nothing in memory, on a directory with this quota.
fn disk(runtime: &Runtime, quota: u64) -> Disk {
    let path = PreparedPath::blocking_temp().expect("a cache");
    disk_on(runtime, path, quota)
}

fn disk_on(runtime: &Runtime, cache: PreparedPath, quota: u64) -> Disk {
    let files = FBStore::open(Plain, cache).expect("nobody else uses it");
    let files = files.with_quota(quota).expect("it is listed");
    let store = BackingStore::new(files, runtime.handle().clone());
    Arc::new(FBPool::new(Arc::new(store), 0))
}

/// What the text of an error says after the path of the file.
fn reason(error: &Error) -> String {
    let text = error.to_string();
    let (_, reason) = text.rsplit_once("): ").expect("it names the file");
    reason.to_owned()
}

/// The bytes of the files of these keys that are there.
fn bytes_of(cache: &std::path::Path, keys: impl Iterator<Item = Uuid>) -> u64 {
    let lengths =
        keys.map(|key| std::fs::metadata(key_path(cache, key)).map_or(0, |file| file.len()));
    lengths.sum()
}

fn text(byte: u8) -> String {
    char::from(byte).to_string().repeat(100)
}

/// Inserts texts of 100 bytes until one is refused.
fn fill(world: &World, pool: &Pool) -> Vec<Handle> {
    let mut items = Vec::new();
    while !pool.stats().store_failing {
        items.push(pool.insert(text(b'a')));
        world.settle();
    }
    items
}

#[test]
fn an_insert_beyond_the_quota_loses_nothing_and_is_written_when_there_is_room() {
    test(|| {
        let runtime = Runtime::new().expect("a runtime");
        let pool = disk(&runtime, 10_000);
        let mut items: Vec<_> = (0..100).map(|n| pool.insert(vec![n; 1000])).collect();
        pool.store().blocking_finished();
        let stats = pool.stats();
        // A file takes 1064 bytes.
        assert_eq!((stats.writes, stats.writes_waiting), (9, 91));
        assert!(stats.store_failing && stats.cache_bytes <= Some(10_000));
        for (n, item) in items.iter().enumerate() {
            let value = item.blocking_read().expect("nothing is lost");
            assert_eq!(*value, vec![n as u8; 1000]);
        }
        // No timer helps: `finished` does not wait for one.
        for left in (0..items.len()).rev().step_by(7) {
            items.drain(..items.len() - left);
            pool.store().blocking_finished();
            let stats = pool.stats();
            let written = left - stats.writes_waiting;
            assert_eq!(written, left.min(9), "{stats:?}");
            assert!(stats.cache_bytes <= Some(10_000));
        }
        assert!(!pool.stats().store_failing);
        drop(items);
    });
}

#[test]
fn reserve_waits_for_a_deletion_that_is_under_way() {
    test(|| {
        let world = World::with_quota(250);
        let pool = world.pool(0);
        let mut items = fill(&world, &pool);
        assert_eq!(items.len(), 3);
        assert!(pool.try_reserve().is_err());
        let gate = world.mem.gate(Op::Delete, None);
        drop(items.remove(0));
        let reserve = ByHand::waiting(pool.reserve());
        assert!(pool.try_reserve().expect("it may have room soon").is_none());
        gate.open();
        let permit = reserve.finish().expect("the waiting value is written");
        assert!(!pool.stats().store_failing);
        drop((permit, items));
        world.assert_empty(&pool);
    });
}

#[test]
fn reserve_waits_for_a_persist_that_is_under_way() {
    test(|| {
        let world = World::with_quota(250);
        let pool = world.pool(0);
        let items = fill(&world, &pool);
        let saved = world.track(&Default::default());
        let gate = world.mem.gate(Op::Persist, None);
        let persist = items[0].persist(&saved);
        let reserve = ByHand::waiting(pool.reserve());
        gate.open();
        persist.wait().expect("it is persisted");
        // In this store, a persisted value takes as much room as before.
        let error = reserve.finish().expect_err("there is still no room");
        assert!(error.is_storage_full(), "{error}");
    });
}

#[test]
fn reserve_fails_at_once_when_nothing_can_make_room() {
    test(|| {
        let runtime = Runtime::new().expect("a runtime");
        let pool = disk(&runtime, 2500);
        let items: Vec<_> = (0..3).map(|n| pool.insert(vec![n; 1000])).collect();
        pool.store().blocking_finished();
        let used = pool.stats().cache_bytes.expect("there is a quota");
        let Poll::Ready(Err(error)) = ByHand::new(pool.reserve()).poll() else {
            panic!("nothing makes room");
        };
        assert!(error.is_storage_full());
        assert_eq!(
            reason(&error),
            format!(
                "the cache has reached its quota: {used} of 2500 bytes are in use, and the file takes 1064: drop handles, or raise the quota"
            )
        );
        drop(items);
        drop(pool.blocking_reserve().expect("there is room"));
    });
}

/// The value that was refused is dropped, and nothing is deleted.
#[test]
fn dropping_the_value_that_waits_for_room_lets_others_in() {
    test(|| {
        let world = World::with_quota(250);
        let pool = world.pool(0);
        let mut items = fill(&world, &pool);
        drop(items.pop());
        world.settle();
        assert!(!pool.stats().store_failing);
        drop(pool.blocking_reserve().expect("no value waits"));
    });
}

#[test]
fn every_pool_of_the_store_is_told_that_there_is_room() {
    test(|| {
        let world = World::with_quota(250);
        let (pool, other) = (world.pool(0), world.pool::<String>(0));
        let mut items = fill(&world, &pool);
        let gate = world.mem.gate(Op::Delete, None);
        drop(items.remove(0));
        let waiting = [&other, &other].map(|other| ByHand::waiting(other.reserve()));
        gate.open();
        for reserve in waiting {
            drop(reserve.finish().expect("there is room"));
        }
    });
}

/// This store does not say how much room a value needs. It is not left to wait for more than
/// there was after the room had been made.
#[test]
fn a_write_that_is_refused_just_before_there_is_room_is_tried_again() {
    test(|| {
        let world = World::with_quota(150);
        let pool = world.pool(0);
        let first = pool.insert(text(b'a'));
        world.settle();
        let (gate, key) = (world.mem.gate(Op::Refuse, None), first.key());
        let second = pool.insert(text(b'b'));
        gate.wait_for(1);
        drop(first);
        std::thread::scope(|scope| {
            // Runs the deletion, even if the write takes up the last thread for it.
            scope.spawn(|| world.settle());
            while world.mem.has(key) {
                std::thread::yield_now();
            }
            gate.open();
        });
        world.settle();
        assert_eq!(pool.stats().writes_waiting, 0, "it fits");
        assert!(world.mem.has(second.key()));
        drop(second);
        world.assert_empty(&pool);
    });
}

/// The cache stays full while a persist overlaps with the refused writes, and ends.
#[test]
fn writes_that_do_not_fit_do_not_keep_each_other_going() {
    test(|| {
        let world = World::with_quota(150);
        let pool = world.pool(0);
        let first = pool.insert(text(b'a'));
        world.settle();
        let saved = world.track(&Default::default());
        let gate = world.mem.gate(Op::Persist, None);
        let persist = first.persist(&saved);
        gate.wait_for(1);
        let others: Vec<_> = (b'b'..b'g').map(|byte| pool.insert(text(byte))).collect();
        while world.mem.count(Op::Refuse) < 1 {
            std::thread::yield_now();
        }
        gate.open();
        persist.wait().expect("it is persisted");
        world.settle();
        assert_eq!(pool.stats().writes_waiting, 5);
        // At first, after the persist, and some probes.
        let refused = world.mem.count(Op::Refuse);
        assert!(refused <= 20, "{refused} attempts");
        drop((first, others));
        world.assert_empty(&pool);
    });
}

/// The small values fit, although a larger one has waited for longer.
#[test]
fn values_that_fit_are_written_while_a_larger_one_waits() {
    test(|| {
        let runtime = Runtime::new().expect("a runtime");
        let pool = disk(&runtime, 10_000);
        let kept = pool.insert(vec![1; 5000]);
        pool.store().blocking_finished();
        let large = pool.insert(vec![2; 8000]);
        pool.store().blocking_finished();
        let small: Vec<_> = (0..4).map(|n| pool.insert(vec![n; 1000])).collect();
        pool.store().blocking_finished();
        let stats = pool.stats();
        assert_eq!((stats.writes, stats.writes_waiting), (5, 1));
        drop((kept, small));
        pool.store().blocking_finished();
        assert_eq!(
            (pool.stats().writes, pool.stats().store_failing),
            (6, false)
        );
        assert_eq!(large.blocking_read().expect("it is written").len(), 8000);
    });
}

#[test]
fn a_value_larger_than_the_quota_stops_no_other_write() {
    test(|| {
        let runtime = Runtime::new().expect("a runtime");
        let pool = disk(&runtime, 100_000);
        let large = pool.insert(vec![1; 300_000]);
        pool.store().blocking_finished();
        assert!(!pool.stats().store_failing);
        let error = large.blocking_write_now().expect_err("it never fits");
        assert!(!error.is_storage_full());
        assert_eq!(
            reason(&error),
            "the file takes 300000 bytes or more, but the quota of the cache is 100000: raise the quota, or make the value smaller"
        );
        for n in 0..100 {
            let permit = pool.blocking_reserve().expect("there is room");
            drop(permit.insert(vec![n; 1000]));
        }
        pool.store().blocking_finished();
        let stats = pool.stats();
        assert!(
            !stats.store_failing && stats.writes_waiting == 1,
            "{stats:?}"
        );
        assert_eq!(
            large.blocking_read().expect("it is in memory").len(),
            300_000
        );
    });
}

#[test]
fn persisting_makes_room_and_deleting_the_persisted_file_takes_it() {
    test(|| {
        let (dir, runtime) = (scratch(), Runtime::new().expect("a runtime"));
        // On the file system of the cache, which links need.
        let cache = PreparedPath::blocking_open(dir.path().join("cache"));
        let pool = disk_on(&runtime, cache.expect("prepared"), 2500);
        let store = pool.store();
        let saved = PreparedPath::blocking_open(dir.path().join("saved")).expect("prepared");
        let saved = Arc::new(store.blocking_track_path(saved).expect("it is tracked"));
        let items: Vec<_> = (0..4).map(|n| pool.insert(vec![n; 1000])).collect();
        store.blocking_finished();
        assert_eq!(pool.stats().writes_waiting, 2);
        let cache = dir.path().join("cache");
        let is_written = |item: &&Fb<_, _>| key_path(&cache, item.key()).exists();
        let first: Vec<_> = items.iter().filter(is_written).collect();
        for item in &first {
            item.blocking_persist(&saved).expect("it is linked");
        }
        store.blocking_finished();
        let full = pool.stats();
        assert_eq!((full.writes_waiting, full.store_failing), (0, false));
        store
            .blocking_delete_persisted(&saved, first[0].key())
            .expect("it is deleted");
        assert_eq!(
            pool.stats().cache_bytes,
            full.cache_bytes.map(|bytes| bytes + 1064)
        );
    });
}

/// The disk may fail in a store with a quota too.
#[test]
fn a_failing_disk_is_an_outage_as_without_a_quota() {
    test(|| {
        let world = World::with_quota(1000);
        let pool = world.pool(0);
        world.mem.fail(On::every(Op::Store), Fault::Error);
        let items = fill(&world, &pool);
        let gate = world.mem.gate(Op::Delete, None);
        let error = pool.blocking_reserve().expect_err("the disk fails");
        assert!(!error.is_storage_full(), "{error}");
        gate.open();
        world.mem.heal();
        while pool.stats().store_failing {
            std::thread::yield_now();
        }
        drop(items);
        world.assert_empty(&pool);
    });
}

#[test]
fn many_producers_that_reserve_go_on_as_handles_are_dropped() {
    test(|| {
        let world = World::with_quota(1000);
        let pool: Pool = world.pool(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut items = Vec::new();
                    for n in 0..100 {
                        // Other threads may hold what there is: then this one gives up
                        // some of its own.
                        let permit = loop {
                            match pool.blocking_reserve() {
                                Ok(permit) => break permit,
                                Err(error) => assert!(error.is_storage_full(), "{error}"),
                            }
                            items.clear();
                            std::thread::yield_now();
                        };
                        items.push(permit.insert(text(b'a' + n as u8 % 26)));
                        if items.len() > 2 {
                            items.remove(0);
                        }
                    }
                });
            }
        });
        world.assert_empty(&pool);
        assert!(!pool.stats().store_failing);
    });
}

#[test]
fn the_builder_opens_a_cache_or_a_temporary_one_with_a_quota_or_without() {
    test(|| {
        let (dir, runtime) = (scratch(), Runtime::new().expect("a runtime"));
        let cache = dir.path().join("cache");
        let stores = [
            BackingStore::builder(Plain, cache.clone()).quota(1000),
            BackingStore::temp_builder(Plain).quota(1000),
            BackingStore::builder(Plain, cache),
            BackingStore::temp_builder(Plain),
        ];
        for (builder, quota) in stores.into_iter().zip([Some(1000), Some(1000), None, None]) {
            let awaited = runtime.block_on(builder.clone().open());
            drop(awaited.expect("it is opened"));
            let store = builder.blocking_open(runtime.handle().clone());
            let pool: Disk = Arc::new(FBPool::new(store.expect("it is opened"), 0));
            let stats = pool.stats();
            assert_eq!(stats.cache_quota, quota);
            assert_eq!(stats.cache_bytes.is_some(), quota.is_some());
        }
    });
}

/// Such a directory goes with its last user, and no file of it is deleted by name.
#[test]
fn files_count_although_a_temporary_persisted_directory_has_them() {
    test(|| {
        let runtime = Runtime::new().expect("a runtime");
        let cache = PreparedPath::blocking_temp().expect("a cache");
        let directory = cache.path().to_owned();
        let pool = disk_on(&runtime, cache, 5000);
        let store = pool.store().clone();
        let (mut items, mut persisted) = (Vec::new(), 0);
        for n in 0..20 {
            let saved = PreparedPath::blocking_temp().expect("prepared");
            let saved = Arc::new(store.blocking_track_path(saved).expect("it is tracked"));
            let item = pool.insert(vec![n; 1000]);
            match item.blocking_persist(&saved) {
                Ok(()) => persisted += 1,
                Err(error) => assert!(error.is_storage_full(), "{error}"),
            }
            items.push(item);
            drop(saved);
            store.blocking_finished();
        }
        assert_eq!(persisted, 4, "there is room for four");
        let there = bytes_of(&directory, items.iter().map(Fb::key));
        let counted = pool.stats().cache_bytes.expect("there is a quota");
        assert!(there <= counted && counted <= 5000, "{there}, {counted}");
        for (n, item) in items.iter().enumerate() {
            let value = item.blocking_read().expect("nothing is lost");
            assert_eq!(*value, vec![n as u8; 1000]);
        }
    });
}

/// The program may remove the original at any time.
#[cfg(all(unix, feature = "bytescodec"))]
#[test]
#[expect(unsafe_code, reason = "nothing modifies the files")]
fn adopted_files_count_although_they_have_another_name() {
    use file_backed::fbstore::{BytesCodec, MappedBytes, frame};
    test(|| {
        let (dir, runtime) = (scratch(), Runtime::new().expect("a runtime"));
        // SAFETY: nothing modifies the files.
        let codec = || unsafe { BytesCodec::new() };
        let cache = dir.path().join("cache");
        let store = BackingStore::builder(codec(), cache.clone()).quota(5000);
        let store = store.blocking_open(runtime.handle().clone());
        let pool: Arc<FBPool<MappedBytes, _>> = Arc::new(FBPool::new(store.expect("opened"), 0));
        let mut items = Vec::new();
        for n in 0..20_u8 {
            let original = dir.path().join("original");
            let mut file = std::fs::File::create(&original).expect("it is made");
            let value: MappedBytes = vec![n; 1000].into();
            frame::write_file(&codec(), &value, &mut file).expect("it is written");
            match pool.blocking_adopt(&original) {
                Ok(item) => items.push(item),
                Err(error) => assert!(error.is_storage_full(), "{error}"),
            }
            std::fs::remove_file(&original).expect("it is there");
        }
        assert_eq!(items.len(), 4, "there is room for four");
        let there = bytes_of(&cache, items.iter().map(Fb::key));
        let counted = pool.stats().cache_bytes.expect("there is a quota");
        assert!(there <= counted && counted <= 5000, "{there}, {counted}");
    });
}
