//! One run of a program: a runtime, a store, a pool. Closing it and opening
//! another is a restart.

use std::sync::Arc;

use file_backed::backing_store::{BackingStoreT, Strategy, TrackedPath};
use file_backed::uuid::Uuid;
use file_backed::{BackingStore, FBPool, Fb};
use tokio::runtime::{Builder, Runtime};

use super::values::Sample;

pub(crate) type PathOf<S> = <<S as Subject>::Store as BackingStoreT>::PersistPath;
pub(crate) type Handle<S> = Fb<<S as Subject>::Value, <S as Subject>::Store>;

/// Places that outlive a program, and the store that uses them.
pub(crate) trait Subject {
    type Value: Sample;
    type Store: Strategy<Self::Value>;

    /// Whether what is tracked read-only is loaded without a file in the cache.
    const LOADS_IN_PLACE: bool;

    /// Opens a store on the cache.
    fn store(&self) -> Self::Store;

    /// Opens the place where items are saved.
    fn saved(&self) -> PathOf<Self>;

    /// Another such place.
    fn other(&self) -> PathOf<Self>;

    /// The keys that have a file in the cache.
    fn cached_keys(&self) -> Vec<Uuid>;

    /// The keys that have a file in the place of saved items.
    fn saved_keys(&self) -> Vec<Uuid>;
}

pub(crate) struct Session<S: Subject + ?Sized> {
    pub(crate) pool: Arc<FBPool<S::Value, S::Store>>,
    pub(crate) store: Arc<BackingStore<S::Store>>,
    pub(crate) runtime: Runtime,
}

impl<S: Subject> Session<S> {
    /// Starts a program that keeps `mem_size` items in memory.
    pub(crate) fn open(subject: &S, mem_size: usize) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(2)
            .build()
            .unwrap();
        let store = Arc::new(BackingStore::new(subject.store(), runtime.handle().clone()));
        Self {
            pool: Arc::new(FBPool::new(store.clone(), mem_size)),
            store,
            runtime,
        }
    }

    pub(crate) fn insert(&self, n: u32) -> Handle<S> {
        self.pool.insert(S::Value::sample(n))
    }

    pub(crate) fn track(&self, path: PathOf<S>) -> Arc<TrackedPath<PathOf<S>>> {
        Arc::new(self.store.blocking_track_path(path).unwrap())
    }

    /// Lets whatever is queued run to its end.
    pub(crate) fn settle(&self) {
        self.store.blocking_finished();
    }

    /// Ends the program in good order; there must be no handle any more.
    pub(crate) fn close(self, subject: &S) {
        assert_eq!(self.pool.size(), 0, "a handle is left");
        drop(self.pool);
        self.store.blocking_finished();
        assert!(
            subject.cached_keys().is_empty(),
            "the cache is empty at the end"
        );
        drop(self.store);
        self.runtime.shutdown_background();
    }
}

pub(crate) fn sorted(mut keys: Vec<Uuid>) -> Vec<Uuid> {
    keys.sort_unstable();
    keys
}
