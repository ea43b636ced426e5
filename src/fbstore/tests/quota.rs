//! The quota of a cache: what counts, that it is never exceeded, and what it costs.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;
use tokio::runtime::Runtime;
use uuid::Uuid;

use super::super::{FBStore, PreparedPath, key_path};
use crate::backing_store::{BackingStoreT as _, TrackedPath};
use crate::testing::errno::{EIO, EXDEV};
use crate::testing::{Fault, FaultyFiles, Links, Plain, runtime, scratch};
use crate::{BackingStore, FBPool, Fb};

type Store = Arc<BackingStore<FBStore<Plain>>>;
type Pool = Arc<FBPool<Vec<u8>, FBStore<Plain>>>;
type Item = Fb<Vec<u8>, FBStore<Plain>>;
type Tracked = Arc<TrackedPath<PreparedPath>>;

/// Of the mark in a cache.
const MARK: u64 = "cache\n".len() as u64;
const FOOTER: u64 = 64;

/// Bytes that deleting a directory would free.
fn bytes_in(path: &Path) -> u64 {
    bytes_of(path, |file| file.nlink() == 1)
}

/// The bytes of these files in a directory.
fn bytes_of(path: &Path, is_of_interest: impl Fn(&fs::Metadata) -> bool) -> u64 {
    let shards = (0..=u8::MAX).map(|shard| super::super::layout::shard_path(path, shard));
    let directories = shards.chain([path.to_owned()]);
    let entries = directories.flat_map(|directory| fs::read_dir(directory).expect("it is there"));
    let metadata = entries.map(|entry| entry.and_then(|entry| entry.metadata()).expect("a file"));
    let files = metadata.filter(|metadata| metadata.is_file() && is_of_interest(metadata));
    files.map(|metadata| metadata.len()).sum()
}

struct World {
    dir: TempDir,
    files: FaultyFiles,
    runtime: Runtime,
}

impl World {
    fn new() -> Self {
        Self {
            dir: scratch(),
            files: FaultyFiles::default(),
            runtime: runtime("under a quota"),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn prepare(&self, name: &str) -> PreparedPath {
        let files = Arc::new(self.files.clone());
        PreparedPath::open_with(self.path(name), files).expect("it is prepared")
    }

    fn store(&self, cache: &str, quota: impl Into<Option<u64>>) -> Store {
        let files = FBStore::open(Plain, self.prepare(cache)).expect("nobody else uses it");
        let files = match quota.into() {
            Some(bytes) => files.with_quota(bytes).expect("it is listed"),
            None => files,
        };
        Arc::new(BackingStore::new(files, self.runtime.handle().clone()))
    }

    fn track(&self, store: &Store, name: &str) -> Tracked {
        let tracked = store.blocking_track_path(self.prepare(name));
        Arc::new(tracked.expect("it is tracked"))
    }
}

/// A pool that keeps all values in memory, so that only the test writes.
fn pool(store: &Store) -> Pool {
    Arc::new(FBPool::new(store.clone(), 1000))
}

fn used(store: &Store) -> u64 {
    let usage = store.core().backing.cache_usage();
    usage.expect("there is a quota").used
}

fn written(pool: &Pool, len: usize) -> Item {
    let item = pool.insert(vec![7; len]);
    item.blocking_write_now().expect("there is room");
    item
}

#[test]
fn the_files_of_the_cache_count_with_their_footers_until_they_are_deleted() {
    let world = World::new();
    let store = world.store("cache", 1 << 20);
    let pool = pool(&store);
    assert_eq!(used(&store), MARK);
    let items = [0, 100, 200_000].map(|len| written(&pool, len));
    assert_eq!(used(&store), MARK + 200_100 + 3 * FOOTER);
    assert_eq!(used(&store), bytes_in(&world.path("cache")));
    drop(items);
    store.blocking_finished();
    assert_eq!(used(&store), MARK);
    let stats = pool.stats();
    assert_eq!(stats.cache_bytes, Some(MARK));
    assert_eq!(stats.cache_quota, Some(1 << 20));
}

#[test]
fn a_persisted_file_counts_only_while_the_cache_alone_has_it() {
    let world = World::new();
    let store = world.store("cache", 1 << 20);
    let (pool, saved) = (pool(&store), world.track(&store, "saved"));
    let item = written(&pool, 100);
    let alone = MARK + 100 + FOOTER;
    assert_eq!(used(&store), alone);
    item.blocking_persist(&saved).expect("it is linked");
    assert_eq!(used(&store), MARK);
    item.blocking_persist(&saved).expect("it is there");
    assert_eq!(used(&store), MARK);
    store
        .blocking_delete_persisted(&saved, item.key())
        .expect("it is deleted");
    assert_eq!(used(&store), alone);
    item.blocking_persist(&saved).expect("it is linked again");
    drop(item);
    store.blocking_finished();
    assert_eq!(used(&store), MARK);
    assert_eq!(bytes_in(&world.path("cache")), MARK);
}

#[test]
fn a_file_with_several_persisted_names_counts_after_the_last_is_deleted() {
    let world = World::new();
    let store = world.store("cache", 1 << 20);
    let (pool, one) = (pool(&store), world.track(&store, "one"));
    let other = world.track(&store, "other");
    let item = written(&pool, 100);
    for saved in [&one, &other] {
        item.blocking_persist(saved).expect("it is linked");
    }
    for saved in [&one, &other] {
        assert_eq!(used(&store), MARK);
        store
            .blocking_delete_persisted(saved, item.key())
            .expect("it is deleted");
    }
    assert_eq!(used(&store), MARK + 100 + FOOTER);
}

#[test]
fn a_registered_file_counts_if_it_is_a_copy_or_the_cache_alone_has_it() {
    for (links, counts) in [
        (Links::AsTheMachine, 0),
        (Links::Refused(EXDEV), 100 + FOOTER),
        (Links::Reflinks(EXDEV), 100 + FOOTER),
    ] {
        let world = World::new();
        let (key, saved) = {
            let store = world.store("first", None);
            let saved = world.track(&store, "saved");
            let item = pool(&store).insert(vec![7; 100]);
            item.blocking_persist(&saved).expect("it is persisted");
            (item.key(), saved)
        };
        world.files.set_links(links);
        let store = world.store("cache", 1 << 20);
        let pool = pool(&store);
        let item = pool
            .blocking_register(&saved, key)
            .expect("it is registered");
        assert_eq!(used(&store), MARK + counts, "{links:?}");
        assert_eq!(bytes_in(&world.path("cache")), MARK + counts, "{links:?}");
        store
            .blocking_delete_persisted(&saved, key)
            .expect("it is deleted");
        assert_eq!(used(&store), MARK + 100 + FOOTER, "{links:?}");
        drop(item);
        store.blocking_finished();
        assert_eq!(used(&store), MARK, "{links:?}");
    }
}

/// The names in a temporary directory go with its last user, and no call says so.
#[test]
fn a_file_counts_although_a_temporary_directory_has_it() {
    // On the file system of temporary directories, which links need.
    let world = World {
        dir: tempfile::tempdir().expect("a temporary directory"),
        ..World::new()
    };
    let store = world.store("cache", 1 << 20);
    let (first, pool) = (pool(&world.store("first", None)), pool(&store));
    let temporary = |pool: &Pool| {
        let path = PreparedPath::blocking_temp().expect("it is made");
        Arc::new(pool.store().blocking_track_path(path).expect("tracked"))
    };
    let alone = MARK + 100 + FOOTER;
    let own = written(&pool, 100);
    own.blocking_persist(&temporary(&pool))
        .expect("it is linked");
    assert_eq!(used(&store), alone, "linked to it");
    drop(own);
    store.blocking_finished();
    let original = first.insert(vec![7; 100]);
    let saved = temporary(&first);
    original.blocking_persist(&saved).expect("it is persisted");
    let item = pool.blocking_register(&saved, original.key());
    let item = item.expect("it is there");
    assert_eq!(used(&store), alone, "linked from it");
    assert_eq!(bytes_in(&world.path("cache")), MARK, "it is a link");
    let lasting = world.track(&store, "saved");
    item.blocking_persist(&lasting).expect("it is linked");
    assert_eq!(used(&store), MARK, "another directory has it");
    store
        .blocking_delete_persisted(&lasting, item.key())
        .expect("it is deleted");
    assert_eq!(used(&store), alone, "the temporary one has it still");
    let full = world.store("full", 100 + FOOTER);
    let refused = self::pool(&full).blocking_register(&saved, item.key());
    let error = refused.expect_err("there is no room");
    assert!(error.is_storage_full(), "{error}");
}

/// Neither cache learns when the other one deletes the file.
#[test]
fn a_file_of_two_caches_counts_in_both_after_the_persisted_one_is_deleted() {
    let world = World::new();
    let stores = ["cache", "other cache"].map(|cache| world.store(cache, 1 << 20));
    let saved = world.track(&stores[0], "saved");
    let item = written(&pool(&stores[0]), 100);
    item.blocking_persist(&saved).expect("it is linked");
    let other = pool(&stores[1]).blocking_register(&saved, item.key());
    let other = other.expect("it is registered");
    assert_eq!(stores.each_ref().map(used), [MARK; 2]);
    let deleted = stores[0].blocking_delete_persisted(&saved, item.key());
    deleted.expect("it is deleted");
    assert_eq!(stores.each_ref().map(used), [MARK + 100 + FOOTER; 2]);
    drop(other);
    stores[1].blocking_finished();
    assert_eq!(used(&stores[1]), MARK);
}

#[test]
fn deleting_an_independent_copy_changes_nothing() {
    let world = World::new();
    let store = world.store("cache", 1 << 20);
    let (linked, copied) = (world.track(&store, "linked"), world.track(&store, "copied"));
    let item = written(&pool(&store), 100);
    item.blocking_persist(&linked).expect("it is linked");
    world.files.set_links(Links::Refused(EXDEV));
    item.blocking_persist(&copied).expect("it is copied");
    let deleted = store.blocking_delete_persisted(&copied, item.key());
    deleted.expect("it is deleted");
    assert_eq!(used(&store), MARK, "the other directory has the file");
}

#[test]
fn a_persisted_file_that_cannot_be_deleted_changes_nothing() {
    let world = World::new();
    let store = world.store("cache", 1 << 20);
    let saved = world.track(&store, "saved");
    let item = written(&pool(&store), 100);
    item.blocking_persist(&saved).expect("it is linked");
    world.files.plan(0, 1, Fault::Errno(EIO));
    let failed = store.blocking_delete_persisted(&saved, item.key());
    failed.expect_err("the disk fails");
    assert_eq!(world.files.lift(), ["remove"]);
    assert_eq!(used(&store), MARK, "the persisted file is there");
}

/// A copy into the cache fails, and so does the removal of its temporary file.
#[test]
fn a_leftover_that_cannot_be_removed_counts_until_a_later_deletion_removes_it() {
    let mut left_over = 0;
    for after in 0..40 {
        let world = World::new();
        let first = world.store("first", None);
        let saved = world.track(&first, "saved");
        let item = pool(&first).insert(vec![7; 1000]);
        item.blocking_persist(&saved).expect("it is persisted");
        world.files.set_links(Links::Refused(EXDEV));
        let store = world.store("cache", 1 << 20);
        let pool = pool(&store);
        world.files.plan(after, 1 << 20, Fault::Errno(EIO));
        let registered = pool.blocking_register(&saved, item.key());
        world.files.lift();
        store.blocking_finished();
        let (counted, there) = (used(&store), bytes_in(&world.path("cache")));
        assert!(
            counted >= there,
            "after {after}: {counted} counted, {there} there"
        );
        left_over += usize::from(registered.is_err() && there > MARK);
        drop((registered, written(&pool, 10)));
        store.blocking_finished();
        assert_eq!(bytes_in(&world.path("cache")), MARK, "after {after}");
        assert_eq!(used(&store), MARK, "after {after}");
    }
    assert!(left_over > 0, "some failures leave a file");
}

/// The temporary file of an earlier store of this process.
#[test]
fn a_leftover_counts_when_the_cache_is_opened_until_a_copy_replaces_it() {
    let world = World::new();
    let first = world.store("first", None);
    let saved = world.track(&first, "saved");
    let item = pool(&first).insert(vec![7; 1000]);
    item.blocking_persist(&saved).expect("it is persisted");
    let files = FBStore::open(Plain, world.prepare("cache")).expect("nobody else uses it");
    let temporary = files.path().directory().temporary_ref(item.key());
    fs::write(temporary.path(), [1; 500]).expect("it is written");
    let files = files.with_quota(1 << 20).expect("it is listed");
    assert_eq!(
        files.cache_usage().map(|usage| usage.used),
        Some(MARK + 500)
    );
    let store = Arc::new(BackingStore::new(files, world.runtime.handle().clone()));
    world.files.set_links(Links::Refused(EXDEV));
    let copied = pool(&store).blocking_register(&saved, item.key());
    copied.as_ref().expect("it is copied");
    assert_eq!(used(&store), MARK + 1000 + FOOTER);
    assert_eq!(used(&store), bytes_in(&world.path("cache")));
}

/// The persisted file is deleted through a store that has nothing to do with the cache.
#[test]
fn another_store_may_delete_the_persisted_copy() {
    let world = World::new();
    let (store, other) = (world.store("cache", 1 << 20), world.store("other", None));
    let (pool, saved) = (pool(&store), world.track(&store, "saved"));
    let item = written(&pool, 100);
    item.blocking_persist(&saved).expect("it is linked");
    let elsewhere = world.track(&other, "saved");
    other
        .blocking_delete_persisted(&elsewhere, item.key())
        .expect("it is deleted");
    assert_eq!(used(&store), MARK + 100 + FOOTER);
}

#[test]
fn copies_into_a_full_cache_are_refused_before_they_are_written() {
    for links in [Links::Refused(EXDEV), Links::Reflinks(EXDEV)] {
        let world = World::new();
        let first = world.store("first", None);
        let saved = world.track(&first, "saved");
        let item = pool(&first).insert(vec![7; 100]);
        item.blocking_persist(&saved).expect("it is persisted");
        world.files.set_links(links);
        let store = world.store("cache", MARK + 100 + FOOTER - 1);
        let copies = world.files.calls("write") + world.files.calls("reflink");
        let refused = pool(&store).blocking_register(&saved, item.key());
        let error = refused.expect_err("there is no room");
        assert!(error.to_string().contains("quota"), "{error}");
        assert_eq!(
            world.files.calls("write") + world.files.calls("reflink"),
            copies
        );
        assert_eq!(used(&store), MARK);
    }
}

#[test]
fn what_is_in_the_cache_when_it_is_opened_counts_unless_it_is_swept() {
    let world = World::new();
    let cache = world.path("cache");
    let foreign = key_path(&cache, Uuid::from_u128(7));
    fs::create_dir_all(foreign.parent().expect("a shard")).expect("it is made");
    fs::write(&foreign, [1; 1000]).expect("it is written");
    // A file of the cache's first process, which has not deleted it.
    let files = FBStore::open(Plain, world.prepare("cache")).expect("nobody else uses it");
    let left_over = key_path(&cache, Uuid::from_u128(8));
    fs::write(&left_over, [1; 500]).expect("it is written");
    fs::write(cache.join("note.txt"), "a note").expect("it is written");
    let files = files.with_quota(1 << 20).expect("it is listed");
    let counted = files.cache_usage().expect("there is a quota").used;
    assert_eq!(counted, bytes_in(&cache));
    assert!(counted >= MARK + 1506);
    drop(files);
    let store = world.store("cache", 1 << 20);
    assert_eq!(used(&store), bytes_in(&cache));
    assert!(!left_over.exists() && foreign.exists());
}

#[test]
fn a_cache_that_is_created_again_after_it_was_deleted_is_empty() {
    let world = World::new();
    let store = world.store("cache", 2000);
    let pool = pool(&store);
    let _gone = written(&pool, 1500);
    fs::remove_dir_all(world.path("cache")).expect("it is ours");
    drop(world.prepare("cache"));
    drop(written(&pool, 1500));
    store.blocking_finished();
    assert_eq!(used(&store), MARK);
}

#[test]
fn a_refused_write_leaves_no_file_and_takes_no_room() {
    let world = World::new();
    let store = world.store("cache", 500_000);
    let pool = pool(&store);
    let kept = written(&pool, 300_000);
    let before = used(&store);
    // Written in several parts, of which the first fit.
    let refused = pool.insert(vec![8; 250_000]);
    for _ in 0..2 {
        let error = refused.blocking_write_now().expect_err("there is no room");
        assert!(error.is_storage_full(), "{error}");
        assert_eq!(error.key(), Some(refused.key()));
        let file = key_path(&world.path("cache"), refused.key());
        assert_eq!(error.path(), Some(&*file));
        assert!(!file.exists());
        assert_eq!(used(&store), before);
    }
    let creates = world.files.calls("create");
    refused.blocking_write_now().expect_err("there is no room");
    assert_eq!(world.files.calls("create"), creates, "its length is known");
    drop(kept);
    store.blocking_finished();
    refused.blocking_write_now().expect("there is room");
    assert_eq!(used(&store), MARK + 250_000 + FOOTER);
}

#[test]
fn a_value_larger_than_the_quota_is_at_fault_itself() {
    let world = World::new();
    let store = world.store("cache", 200_000);
    let pool = pool(&store);
    let large = pool.insert(vec![7; 1 << 20]);
    for _ in 0..2 {
        let error = large.blocking_write_now().expect_err("it never fits");
        assert!(!error.is_storage_full() && !error.is_refused_by_system());
        assert!(error.to_string().contains("raise the quota"), "{error}");
    }
    assert_eq!(used(&store), MARK);
    drop(written(&pool, 190_000));
}

/// Many threads write, persist, delete and register the same few items; after each change
/// of the disk, the cache is measured.
#[test]
fn the_quota_is_never_exceeded_and_the_count_ends_exact() {
    const QUOTA: u64 = 400_000;
    let world = World::new();
    let store = world.store("cache", QUOTA);
    let saved = [world.track(&store, "one"), world.track(&store, "other")];
    let most = Arc::new(AtomicU64::new(0));
    let (cache, seen) = (world.path("cache"), most.clone());
    world.files.watch(move || {
        seen.fetch_max(bytes_in(&cache), Ordering::Relaxed);
    });
    let pool: Pool = Arc::new(FBPool::new(store.clone(), 2));
    std::thread::scope(|scope| {
        for thread in 0..3_usize {
            let (pool, saved) = (&pool, &saved);
            scope.spawn(move || {
                let mut items = Vec::new();
                for n in 0..25 {
                    let len = [100, 30_000, 90_000][(n + thread) % 3];
                    items.push(pool.insert(vec![n as u8; len]));
                    let item: &Item = &items[n / 2 % items.len()];
                    // It may have no room, and then stays in memory.
                    let persisted = saved
                        .iter()
                        .filter(|saved| item.blocking_persist(saved).is_ok())
                        .count();
                    if persisted == 2 {
                        let key = item.key();
                        let again = pool.blocking_register(&saved[0], key);
                        drop(again.expect("it is there"));
                    }
                    if items.len() > 6 {
                        items.remove(0);
                    }
                }
                for (n, item) in items.iter().enumerate() {
                    let value = item.blocking_read().expect("nothing is lost");
                    assert!(value.iter().all(|byte| *byte == value[0]), "{n}");
                }
            });
        }
    });
    store.blocking_finished();
    let most = most.load(Ordering::Relaxed);
    assert!(most <= QUOTA && most > QUOTA / 2, "{most}");
    assert_eq!(used(&store), bytes_in(&world.path("cache")));
    let quota = store.core().backing.quota().expect("there is one");
    quota.validate(0);
}

/// The cache file is deleted, and registered again, while its persisted names are deleted.
/// Without the exclusion, a registration notes another name that is gone by then. A file
/// that is in both caches counts in both.
#[test]
fn the_count_stays_exact_when_all_names_of_a_key_change_at_once() {
    let world = World::new();
    let stores = ["cache", "other cache"].map(|cache| world.store(cache, 1 << 20));
    let saved = ["one", "other"].map(|name| world.track(&stores[0], name));
    let pools = stores.each_ref().map(pool);
    // Others get their turn after each change.
    world
        .files
        .watch(|| (0..3).for_each(|_| std::thread::yield_now()));
    let check = |when: &str| {
        for (store, cache) in stores.iter().zip(["cache", "other cache"]) {
            store.blocking_finished();
            let there = bytes_of(&world.path(cache), |_| true);
            assert_eq!(used(store), there, "{when}");
        }
    };
    for round in 0..150 {
        let item = written(&pools[0], 1000);
        for saved in &saved {
            item.blocking_persist(saved).expect("it is linked");
        }
        let key = item.key();
        let start = std::sync::Barrier::new(7);
        let (saved, pools, store, start) = (&saved, &pools, &stores[0], &start);
        let registered: Vec<_> = std::thread::scope(|scope| {
            scope.spawn(move || {
                start.wait();
                drop(item);
            });
            for saved in saved {
                scope.spawn(move || {
                    start.wait();
                    let deleted = store.blocking_delete_persisted(saved, key);
                    deleted.expect("it is deleted");
                });
            }
            let all = pools
                .iter()
                .flat_map(|pool| saved.iter().map(move |saved| (pool, saved)));
            let threads = all.map(|(pool, saved)| {
                scope.spawn(move || {
                    start.wait();
                    // Whether it is still there depends on who is first.
                    pool.blocking_register(saved, key).ok()
                })
            });
            let threads: Vec<_> = threads.collect();
            let joined = threads.into_iter().map(|thread| thread.join());
            joined.map(|item| item.expect("no panic")).collect()
        });
        check(&format!("while registered in round {round}"));
        drop(registered);
        check(&format!("after round {round}"));
    }
    assert_eq!(used(&stores[0]), MARK);
}

/// File operations of each call, with and without a quota.
#[test]
fn a_quota_costs_one_look_for_a_registration_and_none_otherwise() {
    let mut costs = Vec::new();
    for quota in [None, Some(1 << 20)] {
        let world = World::new();
        let store = world.store("cache", quota);
        let (pool, saved) = (pool(&store), world.track(&store, "saved"));
        let calls = |work: &mut dyn FnMut()| {
            let before = world.files.all_calls();
            work();
            store.blocking_finished();
            world.files.all_calls() - before
        };
        let mut item = Some(pool.insert(vec![7; 100]));
        let item_of = |item: &Option<Item>| item.clone().expect("it is there");
        let write = calls(&mut || item_of(&item).blocking_write_now().expect("room"));
        let key = item_of(&item).key();
        let persist = calls(&mut || item_of(&item).blocking_persist(&saved).expect("linked"));
        let delete = calls(&mut || drop(item.take()));
        let register = calls(&mut || {
            item = Some(pool.blocking_register(&saved, key).expect("it is there"));
        });
        let delete_persisted = calls(&mut || {
            let deleted = store.blocking_delete_persisted(&saved, key);
            deleted.expect("it is deleted");
        });
        if quota.is_none() {
            assert_eq!(world.files.calls("length"), 0);
        }
        costs.push([write, persist, delete, register, delete_persisted]);
    }
    let more: Vec<_> = (costs[1].iter().zip(costs[0]))
        .map(|(with, without)| with - without)
        .collect();
    assert_eq!(more, [0, 0, 0, 1, 0], "{costs:?}");
}
