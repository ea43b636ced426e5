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
        Self::of(mem_size, true)
    }

    fn of(mem_size: usize, reads_in_place: bool) -> Self {
        let (world, path) = (World::new(mem_size), MemPath::recognized());
        if reads_in_place {
            world.mem.read_in_place();
        }
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
        self.open_commit(tracked, generation, [self.key].into());
    }

    fn open_commit(&self, tracked: &Tracked, generation: u64, keys: BTreeSet<Uuid>) {
        let commit = Arc::new(Files { generation, keys });
        self.world
            .store
            .core()
            .open_dataset(tracked.source(), commit);
    }

    /// The item as one that was committed: its file is in the cache too.
    fn committed(&self) -> Handle {
        let item = self.world.pool.blocking_register(&self.tracked, self.key);
        let item = item.expect("it is there");
        item.item().set_of_dataset();
        item
    }

    /// The next commit has no item, and deletes the file.
    fn commit_nothing(&self) {
        self.open_commit(&self.tracked, 2, BTreeSet::new());
        self.delete();
    }

    fn delete(&self) {
        let store = &self.world.store;
        let deleted = store.blocking_delete_persisted(&self.tracked, self.key);
        deleted.expect("it is deleted");
    }

    /// The next commit has no item, but a reader of the first one needs the file.
    fn commit_nothing_and_keep_the_file(&self) {
        self.open_commit(&self.tracked, 2, BTreeSet::new());
        let core = self.world.store.core();
        core.leave_commit(self.tracked.source(), &[self.key]);
    }

    /// Loads the item, which stays in memory without a handle.
    fn load(&self) {
        drop(self.get().expect("it is there").blocking_load());
        assert_eq!(self.world.pool.stats().retained, 1);
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
    let found = pool.find_staying(tracked, key);
    found
        .or_else(|| pool.find_of_dataset(tracked, key))
        .or_else(|| pool.handle_of_dataset(tracked, key))
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

/// A look-up takes the item from the index, and adds its handle only after the item was
/// changed, committed under its new key, and dropped. It must not return the item for the
/// former key.
#[test]
fn a_look_up_of_a_former_key_does_not_find_the_changed_item() {
    explore(|| {
        let data = Data::new(2);
        data.load();
        let (pool, source) = (&data.world.pool, Some(data.tracked.source()));
        let found = pool.index.find(data.key, source).expect("it is there");
        let mut item = data.get().expect("it is there");
        item.blocking_load_mut().push(2);
        item.blocking_persist(&data.tracked).expect("it is linked");
        let changed = item.key();
        data.open_commit(&data.tracked, 2, [data.key, changed].into());
        item.item().set_of_dataset();
        drop(item);
        assert_eq!(pool.stats().retained, 1);
        assert!(pool.handle_if_stays(found, data.key, source).is_none());
        assert_eq!(pool.stats().retained, 1);
        let item = get(pool, &data.tracked, changed).expect("it is there");
        assert_eq!(*item.blocking_load(), [1, 2]);
        drop(item);
        data.world.settle();
        data.close(&data.tracked);
        data.world.end();
    });
}

/// What decides is the commit: handles and the file may stay.
#[test]
fn a_commit_without_the_item_ends_its_stay() {
    explore(|| {
        let data = Data::new(1);
        data.load();
        let uses = [(); 2].map(|()| data.use_in_thread());
        data.commit_nothing_and_keep_the_file();
        let found = (data.world.pool).find_staying(&data.tracked, data.key);
        assert!(found.is_none(), "the commit has no such item");
        for thread in uses {
            thread.join().expect("it used the item");
        }
        assert_eq!(data.world.pool.stats().retained, 0);
        data.end();
    });
}

/// Every handle can be read, although the file is deleted.
#[test]
fn a_deletion_leaves_every_handle_its_file() {
    for mem_size in [0, 1] {
        explore(move || {
            let data = Data::new(mem_size);
            let held = data.get().expect("it is there");
            let uses = [(); 2].map(|()| data.use_in_thread());
            data.delete();
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
        data.delete();
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
fn values_that_are_in_use_move_to_the_next_commit() {
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
        let item = data.committed();
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

/// Two commits of one place are closed at once: the handover of the first one names
/// the source of the second one, without a share of it.
#[test]
fn closing_two_commits_at_once_leaves_nothing() {
    explore(|| {
        let data = Data::new(1);
        drop(data.get().expect("it is there").blocking_load());
        let next = data.world.store.track_known(data.path.clone(), &[data.key]);
        let next = Arc::new(next);
        data.open(&next, 2);
        let closes = thread::spawn({
            let store = data.world.store.clone();
            move || {
                store.core().close_dataset(next.source());
                drop(next);
            }
        });
        data.close(&data.tracked);
        closes.join().expect("it closed");
        assert_eq!(data.world.pool.stats().retained, 0, "nothing is open");
        data.world.end();
    });
}

/// The same, with another user of the second source (a handle of another item),
/// so that its number stays.
#[test]
fn closing_two_commits_at_once_leaves_nothing_retained() {
    explore(|| {
        let data = Data::new(1);
        drop(data.get().expect("it is there").blocking_load());
        let next = data.world.store.track_known(data.path.clone(), &[data.key]);
        let next = Arc::new(next);
        data.open(&next, 2);
        let closes = thread::spawn({
            let (store, next) = (data.world.store.clone(), next.clone());
            move || store.core().close_dataset(next.source())
        });
        data.close(&data.tracked);
        closes.join().expect("it closed");
        assert_eq!(data.world.pool.stats().retained, 0, "nothing is open");
        data.world.end();
        drop(next);
    });
}

/// A committed value is retained while a commit deletes its file: the item moves
/// from the cache to the dataset after `keep_items` has looked, and a `get` that has found
/// the key in the commit before gets a handle without a file.
#[test]
fn a_handle_is_readable_that_was_got_while_the_file_was_deleted() {
    explore(|| {
        let data = Data::new(1);
        let item = data.committed();
        drop(item.blocking_load());
        let drops = thread::spawn(move || drop(item));
        let is_committed = Arc::new(shuttle::sync::atomic::AtomicBool::new(true));
        let gets = thread::spawn({
            let (pool, tracked, key) = (data.world.pool.clone(), data.tracked.clone(), data.key);
            let is_committed = is_committed.clone();
            move || {
                // First it looks whether the commit has the key.
                if !is_committed.load(std::sync::atomic::Ordering::SeqCst) {
                    return None;
                }
                crate::sync::point();
                get(&pool, &tracked, key)
            }
        });
        // `set_current`, then `clean_up`.
        is_committed.store(false, std::sync::atomic::Ordering::SeqCst);
        data.commit_nothing();
        drops.join().expect("it dropped the item");
        let got = gets.join().expect("it got the item or not");
        let other = data.world.pool.insert(of(9));
        data.world.settle();
        if let Some(got) = got {
            assert_eq!(*got.blocking_read().expect("handles stay good"), of(1));
            drop(got);
        }
        drop(other);
        data.close(&data.tracked);
        data.world.end();
    });
}

/// The same without `get`: the item is retained although its file is gone.
#[test]
fn no_item_is_retained_once_its_file_is_deleted() {
    explore(|| {
        let data = Data::new(1);
        let item = data.committed();
        drop(item.blocking_load());
        let drops = thread::spawn(move || drop(item));
        data.commit_nothing();
        drops.join().expect("it dropped the item");
        assert_eq!(data.world.pool.stats().retained, 0);
        data.close(&data.tracked);
        data.world.end();
    });
}

/// A store that does not read in place: the second `get` finds the item in the
/// cache and marks it; the last handle then moves it to a place that it cannot load from.
#[test]
fn a_store_that_does_not_read_in_place_keeps_its_files() {
    explore(|| {
        let data = Data::of(1, false);
        // As `Dataset::get` does for such a store.
        let get = || {
            let found = data.world.pool.find_of_dataset(&data.tracked, data.key);
            found.unwrap_or_else(|| {
                let item = data.world.pool.blocking_register(&data.tracked, data.key);
                item.expect("it is there")
            })
        };
        let first = get();
        let second = get();
        assert_eq!(*second.blocking_load(), of(1));
        drop((first, second));
        let third = get();
        let other = data.world.pool.insert(of(9));
        data.world.settle();
        assert_eq!(*third.blocking_read().expect("its file is there"), of(1));
        drop((third, other));
        data.end();
    });
}

/// A registration from a place that is tracked read-only too, while the file is
/// deleted there.
#[test]
fn a_registration_in_place_against_the_deletion() {
    explore(|| {
        let data = Data::new(1);
        let read_only = data.world.store.blocking_track_read_only(data.path.clone());
        let read_only = Arc::new(read_only.expect("it is tracked"));
        let registers = thread::spawn({
            let (pool, key) = (data.world.pool.clone(), data.key);
            move || pool.blocking_register(&read_only, key)
        });
        data.delete();
        if let Ok(item) = registers.join().expect("no panic") {
            assert_eq!(*item.blocking_read().expect("items keep their file"), of(1));
        }
        data.close(&data.tracked);
        data.world.settle();
    });
}

/// A persist captures the file in place, which a commit then deletes.
#[test]
fn a_persist_that_began_before_the_deletion_succeeds() {
    explore(|| {
        let data = Data::new(1);
        let elsewhere = data.world.track(MemPath::recognized());
        let item = data.get().expect("it is there");
        let persist = data
            .world
            .pool
            .begin_persist(item.item(), elsewhere.clone());
        data.delete();
        assert_eq!(*item.blocking_load(), of(1));
        persist().expect("the handle is good, so it can be persisted");
        drop(item);
        data.end();
    });
}

/// A committed item is being loaded from the cache when its last handle is dropped:
/// its file is deleted under the load. Before, "a running load cleaned up after itself".
#[test]
fn a_file_is_not_deleted_while_it_is_loaded() {
    explore(|| {
        let data = Data::new(1);
        data.world.mem.check_loads();
        let item = data.committed();
        drop(super::world::poll_some(item.read(), 1));
        let runs = thread::spawn({
            let pool = data.world.pool.clone();
            move || pool.core().queue.finish_all()
        });
        crate::sync::point();
        drop(item);
        runs.join().expect("it ran");
        data.world.settle();
        assert_eq!(data.world.pool.stats().failed_deletions, 0);
        data.end();
    });
}

/// The pool takes an item out of its list to evict it, so closing the dataset, which looks for
/// items in the lists, misses it. A hit then puts it back.
#[test]
fn an_item_that_a_hit_saves_from_its_eviction_does_not_outlive_the_dataset() {
    explore(|| {
        let data = Data::new(1);
        data.load();
        let item = data.get().expect("it is there");
        let evicts = thread::spawn({
            let pool = data.world.pool.clone();
            move || drop(pool.insert(of(9)))
        });
        let hits = thread::spawn(move || {
            assert_eq!(*item.blocking_load(), of(1));
            drop(item);
        });
        data.close(&data.tracked);
        evicts.join().expect("it inserted");
        hits.join().expect("it hit");
        data.world.settle();
        assert_eq!(data.world.pool.stats().retained, 0, "nothing is open");
        data.world.end();
    });
}
