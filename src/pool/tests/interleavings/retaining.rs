//! Items of a dataset, which stay in memory without a handle, against everything that
//! evicts, finds, moves or ends them.

use std::collections::BTreeSet;
use std::sync::Arc;

use shuttle::thread;
use uuid::Uuid;

use super::world::{Handle, Pool};
use super::{World, explore, of};
use crate::FBPool;
use crate::backing_store::{Commit, FileFingerprint, TrackedPath};
use crate::testing::{MemPath, Op};

type Tracked = Arc<TrackedPath<MemPath>>;

/// A commit of files that all have the same fingerprint.
struct Files {
    generation: u64,
    keys: BTreeSet<Uuid>,
}

impl Commit for Files {
    fn generation(&self) -> u64 {
        self.generation
    }

    fn fingerprint(&self, key: Uuid) -> Option<FileFingerprint> {
        let (len, check) = (1, 1);
        (self.keys.contains(&key)).then_some(FileFingerprint { len, check })
    }
}

/// A place with items, and a dataset that is open there.
struct Data {
    world: World,
    path: MemPath,
    tracked: Tracked,
    key: Uuid,
}

impl Data {
    /// A pool that keeps `mem_size` items, and a dataset with one item of the value 1.
    fn new(mem_size: usize) -> Self {
        let (world, path) = (World::new(mem_size), MemPath::default());
        world.mem.read_in_place();
        let tracked = world.track(path.clone());
        let item = world.pool.insert(of(1));
        item.blocking_persist(&tracked).expect("it is persisted");
        let key = item.key();
        drop(item);
        world.settle();
        world.mem.forget_calls();
        let data = Self {
            world,
            path,
            tracked,
            key,
        };
        data.open(&data.tracked, 1);
        data
    }

    fn open(&self, tracked: &Tracked, generation: u64) {
        let keys = [self.key].into();
        let commit = Arc::new(Files { generation, keys });
        self.world
            .store
            .core()
            .open_dataset(tracked.source(), commit);
    }

    fn close(&self, tracked: &Tracked) {
        self.world.store.core().close_dataset(tracked.source());
    }

    fn get(&self) -> Option<Handle> {
        get(&self.world.pool, &self.tracked, self.key)
    }

    /// Gets, reads and drops the item in another thread.
    fn use_in_thread(&self) -> thread::JoinHandle<()> {
        let (pool, tracked, key) = (self.world.pool.clone(), self.tracked.clone(), self.key);
        thread::spawn(move || {
            if let Some(item) = get(&pool, &tracked, key) {
                assert_eq!(*item.blocking_load(), of(1));
            }
        })
    }

    /// Nothing is left once the dataset is closed.
    fn end(self) {
        self.world.settle();
        let stats = self.world.pool.stats();
        assert!(stats.retained <= 1 && stats.items == 0);
        assert_eq!(stats.retained, stats.resident);
        self.close(&self.tracked);
        let stats = self.world.pool.stats();
        assert_eq!((stats.retained, stats.retained_bytes), (0, 0));
        self.world.end();
        drop(self.tracked);
    }
}

/// As `Dataset::get` does.
fn get(pool: &Arc<Pool>, tracked: &Tracked, key: Uuid) -> Option<Handle> {
    let found = pool.find_of_dataset(tracked, key);
    let handle = found.unwrap_or_else(|| pool.handle_of_dataset(tracked, key));
    let item_is_kept = handle.item().file().source().is_none();
    (item_is_kept || tracked.contains_key(key)).then_some(handle)
}

#[test]
fn getting_and_dropping_in_two_threads_loads_no_more_than_is_evicted() {
    for mem_size in [0, 1] {
        explore(move || {
            let data = Data::new(mem_size);
            let threads = [(); 2].map(|()| data.use_in_thread());
            for thread in threads {
                thread.join().expect("it used the item");
            }
            let item = data.get().expect("it is there");
            assert_eq!(*item.blocking_load(), of(1));
            drop(item);
            let loads = data.world.mem.count(Op::Load);
            assert!(loads <= if mem_size == 0 { 3 } else { 1 }, "{loads} loads");
            data.end();
        });
    }
}

#[test]
fn an_eviction_against_a_look_up_and_a_last_drop_ends_the_item_once() {
    explore(|| {
        let data = Data::new(1);
        drop(data.get().expect("it is there").blocking_load());
        let uses = data.use_in_thread();
        let other = data.world.pool.insert(of(9));
        let item = data.get().expect("it is there");
        drop(other);
        assert_eq!(*item.blocking_load(), of(1));
        drop(item);
        uses.join().expect("it used the item");
        data.end();
    });
}

#[test]
fn a_guard_outlives_the_item_that_nothing_else_owns() {
    explore(|| {
        let data = Data::new(1);
        let item = data.get().expect("it is there");
        let guard = item.blocking_read_owned().expect("it is loaded");
        let evicts = thread::spawn({
            let pool = data.world.pool.clone();
            move || drop(pool.insert(of(9)))
        });
        drop(item);
        let uses = data.use_in_thread();
        assert_eq!(*guard, of(1));
        drop(guard);
        evicts.join().expect("it inserted");
        uses.join().expect("it used the item");
        data.end();
    });
}

#[test]
fn a_mutation_leaves_the_dataset_s_item_as_it_is() {
    explore(|| {
        let data = Data::new(1);
        let mut item = data.get().expect("it is there");
        let uses = data.use_in_thread();
        item.blocking_load_mut().push(2);
        uses.join().expect("it used the item");
        assert_eq!(*item.blocking_load(), [1, 2]);
        drop(item);
        assert_eq!(*data.get().expect("it is there").blocking_load(), of(1));
        data.end();
    });
}

/// Whoever got a handle can read it, although the file is deleted.
#[test]
fn a_deletion_leaves_every_handle_its_file() {
    for mem_size in [0, 1] {
        explore(move || {
            let data = Data::new(mem_size);
            let held = data.get().expect("it is there");
            let uses = [(); 2].map(|()| data.use_in_thread());
            let store = &data.world.store;
            let deleted = store.blocking_delete_persisted(&data.tracked, data.key);
            deleted.expect("it is deleted");
            assert!(data.path.keys().is_empty());
            assert_eq!(*held.blocking_load(), of(1));
            for thread in uses {
                thread.join().expect("it used the item");
            }
            assert_eq!(*held.blocking_load(), of(1));
            drop(held);
            data.end();
        });
    }
}

#[test]
fn a_deletion_against_the_last_drop_leaves_nothing() {
    explore(|| {
        let data = Data::new(1);
        let item = data.get().expect("it is there");
        drop(item.blocking_load());
        let drops = thread::spawn(move || drop(item));
        let store = &data.world.store;
        let deleted = store.blocking_delete_persisted(&data.tracked, data.key);
        deleted.expect("it is deleted");
        drops.join().expect("it dropped the item");
        data.end();
    });
}

#[test]
fn closing_against_the_last_drop_and_a_load_leaves_nothing() {
    explore(|| {
        let data = Data::new(1);
        let item = data.get().expect("it is there");
        let uses = data.use_in_thread();
        let drops = thread::spawn(move || {
            drop(super::world::poll_some(item.read(), 1));
            drop(item);
        });
        data.close(&data.tracked);
        drops.join().expect("it dropped the item");
        uses.join().expect("it used the item");
        data.world.settle();
        assert_eq!(data.world.pool.stats().retained, 0);
        data.end();
    });
}

/// The load goes on when its only handle is dropped, and may end after the dataset.
#[test]
fn a_load_that_outlives_its_handle_and_the_dataset_leaves_nothing() {
    explore(|| {
        let data = Data::new(1);
        let item = data.get().expect("it is there");
        drop(super::world::poll_some(item.read(), 1));
        crate::sync::point();
        drop(item);
        data.close(&data.tracked);
        data.world.settle();
        assert_eq!(data.world.pool.stats().retained, 0);
        data.end();
    });
}

#[test]
fn values_move_to_the_next_commit_whoever_uses_them() {
    explore(|| {
        let data = Data::new(1);
        drop(data.get().expect("it is there").blocking_load());
        let uses = data.use_in_thread();
        let next = data.world.track(data.path.clone());
        data.open(&next, 2);
        let key = data.key;
        let uses_next = thread::spawn({
            let (pool, next) = (data.world.pool.clone(), next.clone());
            move || {
                let item = get(&pool, &next, key).expect("it is there");
                assert_eq!(*item.blocking_load(), of(1));
            }
        });
        data.close(&data.tracked);
        uses.join().expect("it used the item");
        uses_next.join().expect("it used the item");
        assert!(data.world.pool.stats().retained <= 1);
        data.close(&next);
        assert_eq!(data.world.pool.stats().retained, 0);
        data.world.end();
    });
}

/// A committed item gives up its file in the cache with its last handle, while another pool
/// registers the key.
#[test]
fn a_committed_value_that_is_retained_against_look_ups_and_registrations() {
    explore(|| {
        let data = Data::new(1);
        let registered = data.world.pool.blocking_register(&data.tracked, data.key);
        let item = registered.expect("it is there");
        item.item().set_of_dataset();
        drop(item.blocking_load());
        let uses = data.use_in_thread();
        let other_pool = Arc::new(FBPool::new(data.world.store.clone(), 0));
        let registers = thread::spawn({
            let (tracked, key) = (data.tracked.clone(), data.key);
            move || {
                let item: Handle = other_pool
                    .blocking_register(&tracked, key)
                    .expect("it is there");
                assert_eq!(*item.blocking_load(), of(1));
            }
        });
        drop(item);
        uses.join().expect("it used the item");
        registers.join().expect("it registered");
        data.end();
    });
}

#[test]
fn a_pool_that_is_dropped_leaves_nothing_of_its_values() {
    explore(|| {
        let data = Data::new(1);
        let uses = data.use_in_thread();
        drop(data.get());
        uses.join().expect("it used the item");
        let Data {
            world,
            path,
            tracked,
            ..
        } = data;
        let World { mem, store, pool } = world;
        drop(pool);
        store.core().close_dataset(tracked.source());
        store.core().queue.finish_all();
        drop((tracked, path, store));
        assert!(mem.files().is_empty());
    });
}
