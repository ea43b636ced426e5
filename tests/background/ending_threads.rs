//! Everything that a destructor of a thread-local may do while its thread ends.
//!
//! Thread-locals are dropped one after the other, the last one first. Code that runs
//! in such a destructor meets those of other crates that are gone already, and a
//! panic there aborts the process. `insert` did: the generator of its keys was one.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use file_backed::backing_store::TrackedPath;
use file_backed::fbstore::{FBStore, PreparedPath};
use file_backed::{BackingStore, FBPool, Fb};

use crate::support::{Plain, World, in_a_process_of_its_own, test};

type Store = FBStore<Plain>;

struct AtEnd(Option<Box<dyn FnOnce()>>);

impl Drop for AtEnd {
    fn drop(&mut self) {
        if let Some(run) = self.0.take() {
            run();
        }
    }
}

thread_local! {
    static AT_END: RefCell<AtEnd> = const { RefCell::new(AtEnd(None)) };
}

fn at_end(run: impl FnOnce() + 'static) {
    AT_END.with(|at_end| at_end.borrow_mut().0 = Some(Box::new(run)));
}

struct Used {
    pool: Arc<FBPool<String, Store>>,
    tracked: Arc<TrackedPath<PreparedPath>>,
    done: AtomicUsize,
}

impl Used {
    fn open(world: &World, dir: &Path) -> Arc<Self> {
        let prepared = |name| PreparedPath::blocking_open(dir.join(name));
        let files = FBStore::open(Plain, prepared("cache").expect("it is made"));
        let runtime = world.runtime().handle().clone();
        let store = Arc::new(BackingStore::new(files.expect("it is ours"), runtime));
        let tracked = store.blocking_track_path(prepared("saved").expect("it is made"));
        Arc::new(Self {
            pool: Arc::new(FBPool::new(store.clone(), 1)),
            tracked: Arc::new(tracked.expect("it is ours")),
            done: AtomicUsize::new(0),
        })
    }

    fn use_all(&self) {
        let pool = &self.pool;
        let mut item = pool.insert("value".to_owned());
        assert_eq!(*item.blocking_read().expect("a hit"), "value");
        item.blocking_write_now().expect("it is written");
        let other = pool.insert("another".to_owned());
        other.blocking_write_now().expect("it is written");
        pool.store().blocking_finished();
        assert_eq!(*item.blocking_read().expect("a load"), "value");
        item.blocking_write().expect("it is loaded").push('s');
        item.blocking_persist(&self.tracked).expect("it is saved");
        let store = pool.store();
        store.blocking_sync(&self.tracked).expect("a sync");
        let (key, copy) = (item.key(), item.clone());
        drop((item, other));
        let saved = pool.blocking_register(&self.tracked, key);
        assert_eq!(
            *saved.expect("it is there").blocking_read().expect("a load"),
            "values"
        );
        drop(copy);
        drop(PreparedPath::blocking_temp().expect("a temporary directory"));
        store.blocking_finished();
        self.done.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_destructor_of_a_thread_local_may_use_the_whole_api() {
    let name = "background::ending_threads::a_destructor_of_a_thread_local_may_use_the_whole_api";
    in_a_process_of_its_own(name, || {
        test(|| {
            let dir = tempfile::tempdir().expect("a temporary directory");
            let world = World::new();
            let used = Used::open(&world, dir.path());
            let spawn = |body: fn(Arc<Used>)| {
                let used = used.clone();
                thread::spawn(move || body(used)).join().expect("no panic");
            };
            // The thread-locals of others are dropped first.
            spawn(|used| {
                let at_its_end = used.clone();
                at_end(move || at_its_end.use_all());
                used.use_all();
            });
            assert_eq!(used.done.load(Ordering::Relaxed), 2);
            // And last.
            spawn(|used| {
                used.use_all();
                at_end(move || used.use_all());
            });
            assert_eq!(used.done.load(Ordering::Relaxed), 4);
            // They are made in the destructor.
            spawn(|used| at_end(move || used.use_all()));
            assert_eq!(used.done.load(Ordering::Relaxed), 5);
            // Nothing is left to do but to drop a handle, or a pool.
            spawn(|used| {
                let item: Fb<String, Store> = used.pool.insert("dropped".to_owned());
                at_end(move || drop(item));
            });
            spawn(|used| at_end(move || drop(used)));
        });
    });
}
