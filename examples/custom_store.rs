//! cargo run --example custom_store
//!
//! A custom store that keeps run-length encoded values in memory. The same two traits can
//! store values in a database or an object store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use file_backed::backing_store::{BackingStoreT, StoreError, Strategy, Transfer};
use file_backed::fbstore::BoxError;
use file_backed::uuid::Uuid;
use file_backed::{BackingStore, FBPool};
use tokio::runtime::Handle;

/// A run-length encoded row: the length of each run, and its cell.
type Runs = Arc<[(u32, u8)]>;

/// Rows by key: a cache, or a place to persist to.
#[derive(Clone, Default)]
struct Shelf(Arc<Mutex<HashMap<Uuid, Runs>>>);

impl Shelf {
    fn with<R>(&self, f: impl FnOnce(&mut HashMap<Uuid, Runs>) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// An error is one of three kinds: something is missing, the system failed, or the
    /// value is at fault. `?` converts a `BoxError` to the third kind.
    fn get(&self, key: Uuid) -> Result<Runs, StoreError> {
        let found = self.with(|runs| runs.get(&key).cloned());
        found.ok_or_else(|| StoreError::not_found("no such runs on the shelf"))
    }

    /// Inserts the row, and reports whether it was already there.
    fn put(&self, key: Uuid, runs: Runs) -> Transfer {
        match self.with(|shelf| shelf.insert(key, runs)) {
            None => Transfer::Linked,
            Some(_) => Transfer::Present,
        }
    }

    fn remove(&self, key: Uuid) {
        self.with(|runs| runs.remove(&key));
    }
}

#[derive(Default)]
struct RunStore {
    cache: Shelf,
}

/// Where the values are stored. The library never runs two changes of one key at the same
/// time.
impl BackingStoreT for RunStore {
    type PersistPath = Shelf;

    fn delete(&self, key: Uuid) -> Result<(), StoreError> {
        self.cache.remove(key);
        Ok(())
    }

    fn delete_persisted(&self, path: &Shelf, key: Uuid) -> Result<(), StoreError> {
        path.remove(key);
        Ok(())
    }

    fn register(&self, path: &Shelf, key: Uuid) -> Result<Transfer, StoreError> {
        Ok(self.cache.put(key, path.get(key)?))
    }

    fn persist(&self, path: &Shelf, key: Uuid) -> Result<Transfer, StoreError> {
        Ok(path.put(key, self.cache.get(key)?))
    }

    fn sanitize_path(&self, path: &Shelf) -> Result<Vec<Uuid>, StoreError> {
        Ok(path.with(|runs| runs.keys().copied().collect()))
    }

    fn sync_persisted(&self, _: &Shelf) -> Result<(), StoreError> {
        // Nothing in this store outlives the process.
        Ok(())
    }
}

/// How a value is stored and loaded.
impl Strategy<Vec<u8>> for RunStore {
    fn store(&self, key: Uuid, cells: &Vec<u8>) -> Result<(), StoreError> {
        let runs = cells.chunk_by(|one, next| one == next);
        let runs = runs.map(|run| Ok((u32::try_from(run.len())?, run[0])));
        let runs = runs.collect::<Result<Runs, BoxError>>()?;
        self.cache.put(key, runs);
        Ok(())
    }

    fn load(&self, key: Uuid) -> Result<Vec<u8>, StoreError> {
        let runs = self.cache.get(key)?;
        let cells = runs.iter();
        let cells = cells.flat_map(|(length, cell)| std::iter::repeat_n(*cell, *length as usize));
        Ok(cells.collect())
    }

    // Without this method, a copy would go through `store` and `load`.
    fn duplicate(&self, cells: &Vec<u8>) -> Result<Vec<u8>, StoreError> {
        Ok(cells.clone())
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let store = Arc::new(BackingStore::new(RunStore::default(), Handle::current()));
    let pool: Arc<FBPool<Vec<u8>, _>> = Arc::new(FBPool::new(store.clone(), 2));
    let rows: Vec<_> = (0..100).map(|n| pool.insert(row(n))).collect();
    store.finished().await;
    println!("{} rows, {} unpacked", pool.size(), pool.stats().resident);
    anyhow::ensure!(*rows[42].read().await? == row(42), "the row changed");
    println!("row 42 is unchanged");

    // Persisting works as it does for files.
    let shelf = Shelf::default();
    let tracked = Arc::new(store.track_path(shelf.clone()).await?);
    rows[7].persist(&tracked).await?;
    let key = rows[7].key();
    drop((rows, pool, tracked, store));

    let store = Arc::new(BackingStore::new(RunStore::default(), Handle::current()));
    let pool: Arc<FBPool<Vec<u8>, _>> = Arc::new(FBPool::new(store.clone(), 2));
    let tracked = Arc::new(store.track_path(shelf).await?);
    let row_7 = pool.register(&tracked, key).await?;
    println!(
        "row 7 outlived its pool: {} cells",
        row_7.read().await?.len()
    );
    Ok(())
}

/// A thousand cells, of which the first `n` are set.
fn row(n: usize) -> Vec<u8> {
    (0..1000).map(|at| u8::from(at < n)).collect()
}
