//! What a forked child can do with the stores, pools and datasets of its parent.

#![cfg(unix)]

use std::fs;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::task::{Context, Poll, Waker};

use file_backed::backing_store::TrackedPath;
use file_backed::convenience::WeakMap;
use file_backed::dataset::{Committed, Dataset, Key, VerifyOptions};
use file_backed::fbstore::{BinCodec, FBStore, PreparedPath};
use file_backed::{BackingStore, Error, FBPool, Fb, Result};
use file_backed_forks::{alone, in_a_fork};
use tokio::runtime::{Builder, Runtime};

type B = FBStore<BinCodec>;
type Store = Arc<BackingStore<B>>;
type Pool = Arc<FBPool<String, B>>;
type Notes = Dataset<Vec<Key<String>>, B>;

/// A program with a dataset, a directory that it persists to, and items of which
/// one is resident.
struct Program {
    dir: tempfile::TempDir,
    store: Store,
    pool: Pool,
    notes: Notes,
    /// It has pinned the empty commit.
    reader: Notes,
    tracked: Arc<TrackedPath<PreparedPath>>,
    items: Vec<Fb<String, B>>,
    /// Of the parent alone: it waits for its threads when it is dropped.
    _runtime: std::mem::ManuallyDrop<Runtime>,
}

fn runtime() -> Runtime {
    let runtime = Builder::new_multi_thread().worker_threads(1).build();
    runtime.expect("a runtime")
}

fn prepared(path: PathBuf) -> PreparedPath {
    PreparedPath::blocking_open(path).expect("it is made")
}

fn text(n: usize) -> String {
    format!("text {n}")
}

impl Program {
    fn start() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let runtime = runtime();
        let cache = PreparedPath::blocking_temp().expect("a temporary cache");
        let files = FBStore::open(BinCodec, cache).expect("it is new");
        let store = Arc::new(BackingStore::new(files, runtime.handle().clone()));
        let pool: Pool = Arc::new(FBPool::new(store.clone(), 1));
        let saved = prepared(dir.path().join("saved"));
        let notes = Notes::blocking_open(&store, saved).expect("it is made");
        let kept = prepared(dir.path().join("kept"));
        let tracked = store.blocking_track_path(kept).expect("it is ours");
        let items: Vec<_> = (0..4).map(|n| pool.insert(text(n))).collect();
        let saved = PreparedPath::blocking_open_read_only(dir.path().join("saved"));
        let reader = Notes::blocking_open_read_only(&store, saved.expect("it is there"));
        let program = Self {
            reader: reader.expect("it is there"),
            _runtime: std::mem::ManuallyDrop::new(runtime),
            dir,
            store,
            pool,
            notes,
            tracked: Arc::new(tracked),
            items,
        };
        program.commit().expect("nothing fails");
        for item in &program.items {
            item.blocking_persist(&program.tracked).expect("it is ours");
        }
        program.store.blocking_finished();
        assert_eq!(program.pool.stats().resident, 1);
        program
    }

    fn commit(&self) -> Result<Committed> {
        self.notes.blocking_commit(|saver| {
            let keys = self.items.iter().map(|item| saver.save(item));
            keys.collect::<Result<_>>()
        })
    }

    fn saved(&self) -> PathBuf {
        self.dir.path().join("saved")
    }

    /// An item whose value is in its file alone.
    fn absent(&self) -> &Fb<String, B> {
        let mut absent = self.items.iter().filter(|item| item.try_load().is_none());
        absent.next().expect("one of four is resident")
    }

    /// Everything of the parent's is as it was.
    fn check(&self) {
        for name in ["saved", "kept"] {
            let lock = fs::File::open(self.dir.path().join(name).join("file_backed.lock"));
            let lock = lock.expect("it is there").try_lock();
            lock.expect_err("the parent still has its lock");
        }
        for (n, item) in self.items.iter().enumerate() {
            assert_eq!(*item.blocking_read().expect("its file is there"), text(n));
        }
        let verified = self.notes.blocking_verify(VerifyOptions::all());
        assert!(verified.expect("it reads").is_whole());
        let before = self.notes.generation();
        let committed = self.commit().expect("it is ours");
        assert_eq!((committed.generation, committed.pinned), (before + 1, 1));
        let kept = self
            .dir
            .path()
            .join("saved/file_backed.manifest/0000000000000000");
        assert!(kept.exists(), "the reader has it still");
        assert_eq!(self.reader.generation(), 0);
        self.store.blocking_finished();
    }
}

/// Drops all that there is of a program, but the runtime.
fn drop_all(program: Program) {
    let Program { dir, .. } = program;
    // It is the test's own, which deletes it: not in the child.
    let _ = dir.keep();
}

/// A child of the parent's own, in the words of another process: it has the
/// dataset open if the lock is free.
fn try_open(saved: &Path) -> Result<Notes> {
    let runtime = std::mem::ManuallyDrop::new(runtime());
    let files = FBStore::open(BinCodec, PreparedPath::blocking_temp()?)?;
    let store = Arc::new(BackingStore::new(files, runtime.handle().clone()));
    Notes::blocking_open(&store, prepared(saved.to_owned()))
}

/// A child that dropped a handle used to unlock the directory for its parent too, because
/// they share the lock. Another process took it and committed, and the parent's next
/// commit buried that. Dropping a store in a temporary directory deleted the directory.
#[test]
fn a_child_that_drops_everything_leaves_its_parent_intact() {
    alone(|| {
        let mut program = Some(Program::start());
        let theirs = program.as_ref().expect("it is there");
        let (store, pool, item) = (&theirs.store, &theirs.pool, &theirs.items[0]);
        let guard = item.blocking_read_owned().expect("its file is there");
        let mut changed = pool.insert(text(9));
        let permit = pool.blocking_reserve().expect("there is room");
        let tokens = store.blocking_register_all(&theirs.tracked);
        let tokens = tokens.expect("they are there");
        let task = store.sync(&theirs.tracked);
        store.blocking_finished();
        let change = changed.blocking_write().expect("it is resident");
        let mut all = Some((guard, change, permit, tokens, task));
        in_a_fork(|| {
            drop(all.take());
            drop_all(program.take().expect("it is there"));
        });
        drop(all);
        drop(changed);
        let program = program.expect("the parent still has it");
        program.check();
        let saved = program.saved();
        in_a_fork(move || {
            let error = try_open(&saved).expect_err("the parent has it");
            assert!(error.is_in_use(), "{error}");
        });
        program.check();
    });
}

#[track_caller]
fn forked<R>(result: Result<R>) {
    let Err(error) = result else {
        panic!("it cannot work in a child");
    };
    assert!(error.is_forked(), "{error}");
    let text = error.to_string();
    let advice = "this process was forked from the one that opened the store and has none of its background threads: open a new store in this process, or use `exec`";
    assert!(text.ends_with(advice), "{text}");
}

/// A child used to wait forever for background work, because it has none of its parent's
/// threads.
#[test]
fn a_child_gets_an_error_at_once_where_its_parents_threads_are_needed() {
    alone(|| {
        let program = Program::start();
        let (release, gate) = channel::<()>();
        let waits = program.store.spawn_blocking(move || gate.recv());
        let waits_too = program.store.spawn_blocking(|| ());
        let pending = Arc::new(std::sync::Mutex::new(Some((waits, waits_too))));
        let (theirs, mine) = (&program, pending.clone());
        in_a_fork(move || {
            let Program {
                store,
                pool,
                notes,
                tracked,
                ..
            } = theirs;
            let item = theirs.absent();
            let own = Builder::new_current_thread().build().expect("a runtime");
            // Hits go on, and what is inserted is one.
            let hits = theirs.items.iter().filter(|item| item.try_load().is_some());
            assert_eq!(hits.count(), 1);
            let new: Vec<_> = (0..5).map(|n| pool.insert(text(n))).collect();
            for (n, item) in new.iter().enumerate() {
                assert_eq!(*item.blocking_read().expect("it is in memory"), text(n));
            }
            forked(item.blocking_read());
            forked(own.block_on(item.read()));
            let mut change = item.clone();
            forked(change.blocking_write());
            forked(own.block_on(change.write()));
            forked(item.blocking_write_now());
            forked(own.block_on(async { item.spawn_write_now().await.await }));
            forked(item.blocking_persist(tracked));
            forked(own.block_on(async { item.spawn_persist(tracked).await.await }));
            forked(new[0].blocking_persist(tracked));
            forked(pool.blocking_reserve());
            forked(own.block_on(pool.reserve()));
            forked(pool.blocking_register(tracked, item.key()));
            forked(own.block_on(pool.register(tracked, item.key())));
            forked(store.blocking_register_all(tracked).map(drop));
            forked(store.blocking_sync(tracked));
            forked(store.sync(tracked).wait());
            forked(store.blocking_delete_persisted(tracked, item.key()));
            forked(store.delete_persisted(tracked, item.key()).wait());
            forked(store.blocking_track_path(tracked.path().clone()));
            forked(store.blocking_track_read_only(tracked.path().clone()));
            forked(store.spawn_blocking(|| ()).wait());
            forked(own.block_on(store.spawn_blocking(|| ())));
            forked(theirs.commit());
            let commit = notes.commit(|_| Ok::<_, Error>(vec![]));
            forked(own.block_on(commit));
            forked(notes.blocking_verify(VerifyOptions::all()));
            forked(own.block_on(notes.verify(VerifyOptions::all())));
            forked(notes.blocking_changed(None));
            for notes in [notes, &theirs.reader] {
                forked(own.block_on(notes.changed()));
                forked(own.block_on(notes.latest()));
            }
            forked(theirs.reader.blocking_changed(None));
            forked(theirs.reader.blocking_latest());
            let key = notes.root()[0];
            forked(notes.blocking_get(pool, key));
            forked(Notes::blocking_open(store, tracked.path().clone()));
            forked(Notes::blocking_open_read_only(
                store,
                tracked.path().clone(),
            ));
            let (one, _) = mine
                .lock()
                .expect("nobody panics")
                .take()
                .expect("they wait");
            forked(one.wait());
            store.blocking_finished();
            own.block_on(store.finished());
            drop((change, new));
        });
        release.send(()).expect("it waits");
        let pending = pending.lock().expect("nobody panics").take();
        let (one, other) = pending.expect("the parent still has them");
        one.wait().expect("it runs").expect("it was released");
        other.wait().expect("it runs");
        program.check();
    });
}

fn poll<F: Future>(future: &mut Option<Pin<Box<F>>>) -> Poll<F::Output> {
    let future = future.as_mut().expect("it is there").as_mut();
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// The child has the descriptors by which its parent ends a watch.
#[test]
fn a_child_that_drops_a_wait_for_a_commit_leaves_that_of_its_parent() {
    alone(|| {
        let program = Program::start();
        let latest = program.reader.blocking_latest().expect("nothing fails");
        let mut changed = Some(Box::pin(latest.changed()));
        for _ in 0..2 {
            assert!(poll(&mut changed).is_pending());
            program.store.blocking_finished();
        }
        assert!(poll(&mut changed).is_pending());
        in_a_fork(|| {
            let Poll::Ready(polled) = poll(&mut changed) else {
                panic!("nothing would wake it");
            };
            forked(polled);
            drop(changed.take());
        });
        let committed = program.commit().expect("nothing fails");
        let own = Builder::new_current_thread().build().expect("a runtime");
        let changed = own.block_on(changed.expect("the parent has it still"));
        assert_eq!(changed.expect("nothing fails"), committed.generation);
    });
}

/// More than the process has leases by which guards borrow values.
#[test]
fn a_child_reads_what_is_in_memory_however_many_guards_its_parent_has() {
    alone(|| {
        let program = Program::start();
        let resident = program.items.iter().find(|item| item.try_load().is_some());
        let resident = resident.expect("one of four is resident");
        let read = || resident.blocking_read().expect("it is in memory");
        let expected = read().clone();
        let guards: Vec<_> = (0..2_000).map(|_| read()).collect();
        in_a_fork(|| {
            assert_eq!(*read(), expected);
            assert_eq!(resident.try_load().as_deref(), Some(&expected));
            let own = Builder::new_current_thread().build().expect("a runtime");
            let guard = own.block_on(resident.read());
            assert_eq!(*guard.expect("it is in memory"), expected);
        });
        drop(guards);
        program.check();
    });
}

/// A child that opened its parent's directory by name used to get its parent's entry of
/// that directory, lock and all.
#[test]
fn a_child_does_not_take_its_parents_locks_for_its_own() {
    alone(|| {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let runtime = runtime();
        let cache = dir.path().join("cache");
        let cache_path = prepared(cache.clone());
        let files = FBStore::open(BinCodec, cache_path.clone()).expect("it is new");
        let store = Arc::new(BackingStore::new(files, runtime.handle().clone()));
        let pool: Pool = Arc::new(FBPool::new(store.clone(), 0));
        let theirs = pool.insert(text(1));
        let program = Program::start();
        store.blocking_finished();
        in_a_fork(|| {
            let error = FBStore::open(BinCodec, prepared(cache)).expect_err("it is not free");
            assert!(error.is_in_use(), "{error}");
            forked(FBStore::open(BinCodec, cache_path.clone()));
            let error = try_open(&program.saved()).expect_err("it is not free");
            assert!(error.is_in_use(), "{error}");

            // A store of its own works as anywhere, and reads what is committed.
            let runtime = runtime_of_the_child();
            let own = PreparedPath::blocking_temp().expect("a temporary cache");
            let own_path = own.path().to_owned();
            let files = FBStore::open(BinCodec, own).expect("it is new");
            let store = Arc::new(BackingStore::new(files, runtime.handle().clone()));
            let pool: Pool = Arc::new(FBPool::new(store.clone(), 1));
            let items: Vec<_> = (0..9).map(|n| pool.insert(text(n))).collect();
            store.blocking_finished();
            assert_eq!(pool.stats().writes, 8);
            for (n, item) in items.iter().enumerate() {
                assert_eq!(*item.blocking_read().expect("its file is there"), text(n));
            }
            let saved = PreparedPath::blocking_open_read_only(program.saved());
            let saved = saved.expect("it is there");
            let notes = Notes::blocking_open_read_only(&store, saved).expect("it is there");
            let read = notes
                .blocking_get(&pool, notes.root()[1])
                .expect("committed");
            assert_eq!(*read.blocking_read().expect("it is whole"), text(1));
            drop((items, read, notes, pool));
            store.blocking_finished();
            drop(store);
            assert!(
                !own_path.exists(),
                "the child's own is deleted with its store"
            );
        });
        assert_eq!(*theirs.blocking_read().expect("its file is there"), text(1));
        program.check();
    });
}

/// The threads of the parent that waited were in a table of the process, which pointed into
/// their stacks. The child's own threads got those stacks, and crashed when they waited too.
#[test]
fn stores_of_a_child_wait_although_threads_of_its_parent_waited_at_the_fork() {
    /// So many that the threads of the child meet those of the parent in any table.
    const STORES: usize = 24;
    alone(|| {
        let runtime = runtime();
        let theirs: Vec<_> = (0..STORES).map(|_| small_pool(&runtime)).collect();
        theirs.iter().for_each(|(_, pool)| use_pool(pool));
        in_a_fork(|| {
            let runtime = runtime_of_the_child();
            let own: Vec<_> = (0..STORES).map(|_| small_pool(&runtime)).collect();
            for _ in 0..3 {
                own.iter().for_each(|(_, pool)| use_pool(pool));
            }
        });
        theirs.iter().for_each(|(_, pool)| use_pool(pool));
    });
}

/// A pool that keeps nothing in memory, with a store of its own.
fn small_pool(runtime: &Runtime) -> (Store, Pool) {
    let cache = PreparedPath::blocking_temp().expect("a temporary cache");
    let files = FBStore::open(BinCodec, cache).expect("it is new");
    let store = Arc::new(BackingStore::new(files, runtime.handle().clone()));
    let pool = Arc::new(FBPool::new(store.clone(), 0));
    (store, pool)
}

/// Writes, reads and deletes. The threads of the store wait for more afterwards.
fn use_pool(pool: &Pool) {
    let items: Vec<_> = (0..9).map(|n| pool.insert(text(n))).collect();
    pool.store().blocking_finished();
    for (n, item) in items.iter().enumerate() {
        assert_eq!(*item.blocking_read().expect("its file is there"), text(n));
    }
    drop(items);
    pool.store().blocking_finished();
}

/// A child used to make the keys of its parent, because it had the state of the parent's
/// random number generator.
#[test]
fn a_child_makes_other_keys_than_its_parent() {
    alone(|| {
        let program = Program::start();
        let keys = program.dir.path().join("keys");
        let told = keys.clone();
        in_a_fork(|| {
            let runtime = runtime_of_the_child();
            let own = PreparedPath::blocking_temp().expect("a temporary cache");
            let files = FBStore::open(BinCodec, own).expect("it is new");
            let store = Arc::new(BackingStore::new(files, runtime.handle().clone()));
            let pool: Pool = Arc::new(FBPool::new(store, 10));
            let item = pool.insert(text(0));
            let path = prepared(told.clone());
            let tracked = pool.store().blocking_track_path(path).expect("it is ours");
            item.blocking_persist(&tracked).expect("it is saved");
        });
        let theirs = PreparedPath::blocking_open_read_only(keys).expect("it is there");
        let theirs = program.store.blocking_track_read_only(theirs);
        let theirs = theirs.expect("it is there").all_keys();
        assert_eq!(theirs.len(), 1);
        for _ in 0..100 {
            let ours = program.pool.insert(text(0)).key();
            assert!(!theirs.contains(&ours), "two values have one key");
        }
    });
}

/// Its drop would wait for nothing of the child's.
fn runtime_of_the_child() -> std::mem::ManuallyDrop<Runtime> {
    std::mem::ManuallyDrop::new(runtime())
}

/// A thread of the parent, which the child does not have, computes the value of a name.
#[test]
fn a_child_does_not_wait_for_a_computation_of_its_parent() {
    alone(|| {
        let program = Program::start();
        std::thread::scope(|scope| {
            let ((begun, has_begun), (release, gate)) = (channel::<()>(), channel::<()>());
            let theirs = &program;
            scope.spawn(move || {
                let computed = theirs
                    .notes
                    .blocking_get_or_put_with(&theirs.pool, "a", || {
                        begun.send(()).expect("it waits");
                        let _ = gate.recv();
                        Ok::<_, Error>("a".to_owned())
                    });
                computed.expect("nothing fails");
            });
            has_begun.recv().expect("it begins");
            in_a_fork(|| {
                let (notes, pool) = (&theirs.notes, &theirs.pool);
                let got = notes.blocking_get_or_put_with(pool, "a", || Ok::<_, Error>("b".into()));
                let error = got.expect_err("it cannot work in a child");
                assert!(error.is_forked(), "{error}");
            });
            drop(release);
        });
    });
}

/// The same for the key of a map, where a call in a child computes for itself.
#[test]
fn a_child_computes_for_itself_what_its_parent_computes_for_all() {
    alone(|| {
        let program = Program::start();
        let map = WeakMap::new();
        map.insert("b", &program.items[0]);
        std::thread::scope(|scope| {
            let ((begun, has_begun), (release, gate)) = (channel::<()>(), channel::<()>());
            let (theirs, map) = (&program, &map);
            scope.spawn(move || {
                let computed = map.blocking_get_or_insert_with("a", || {
                    begun.send(()).expect("it waits");
                    let _ = gate.recv();
                    Ok::<_, Error>(theirs.pool.insert("a".to_owned()))
                });
                computed.expect("nothing fails");
            });
            has_begun.recv().expect("it begins");
            in_a_fork(|| {
                let make = || Ok::<_, Error>(theirs.pool.insert("b".to_owned()));
                for key in ["a", "b"] {
                    let made = map.blocking_get_or_insert_with(key, make);
                    let made = made.expect("it inserts");
                    assert_eq!(*made.blocking_read().expect("it is in memory"), "b");
                    map.insert(key, &made);
                    assert!(map.get(key).is_none() && map.remove(key).is_none());
                }
                assert!(map.is_empty());
            });
            assert_eq!(map.len(), 1, "what the parent has is still there");
            drop(release);
        });
    });
}
