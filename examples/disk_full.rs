//! cargo run --example disk_full --features=bincodec
//!
//! What you see when the disk fills up, and when there is room again. A store that fails
//! like a full disk stands in for the disk.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use file_backed::backing_store::{Background, BackingStoreT, StoreError, Strategy, Transfer};
use file_backed::fbstore::{BinCodec, FBStore, PreparedPath};
use file_backed::uuid::Uuid;
use file_backed::{BackingStore, FBPool};
use tokio::runtime::Handle;

/// A store on a disk that is full while the flag is set. Everything else goes to the
/// library's own store.
struct SmallDisk {
    files: FBStore<BinCodec>,
    is_full: Arc<AtomicBool>,
}

impl Strategy<Vec<u8>> for SmallDisk {
    fn store(&self, key: Uuid, value: &Vec<u8>) -> Result<(), StoreError> {
        if self.is_full.load(Ordering::Relaxed) {
            // An `io::Error` of a store is the system's failure: an outage begins.
            return Err(io::Error::from(io::ErrorKind::StorageFull).into());
        }
        self.files.store(key, value)
    }

    fn load(&self, key: Uuid) -> Result<Vec<u8>, StoreError> {
        self.files.load(key)
    }
}

impl BackingStoreT for SmallDisk {
    type PersistPath = PreparedPath;

    fn delete(&self, key: Uuid) -> Result<(), StoreError> {
        BackingStoreT::delete(&self.files, key)
    }

    fn delete_persisted(&self, path: &PreparedPath, key: Uuid) -> Result<(), StoreError> {
        self.files.delete_persisted(path, key)
    }

    fn register(&self, path: &PreparedPath, key: Uuid) -> Result<Transfer, StoreError> {
        self.files.register(path, key)
    }

    fn persist(&self, path: &PreparedPath, key: Uuid) -> Result<Transfer, StoreError> {
        self.files.persist(path, key)
    }

    fn sanitize_path(&self, path: &PreparedPath) -> Result<Vec<Uuid>, StoreError> {
        self.files.sanitize_path(path)
    }

    fn sync_persisted(&self, path: &PreparedPath) -> Result<(), StoreError> {
        self.files.sync_persisted(path)
    }

    fn attach(&self, background: Background) {
        self.files.attach(background);
    }

    fn detach(&self) {
        self.files.detach();
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // Shows what the library logs; `DEBUG` would show each load and write too.
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::INFO)
        .without_time()
        .with_ansi(false)
        .with_writer(io::stdout)
        .init();

    let is_full = Arc::new(AtomicBool::new(false));
    let disk = SmallDisk {
        files: FBStore::open(BinCodec, PreparedPath::temp().await?)?,
        is_full: is_full.clone(),
    };
    let store = Arc::new(BackingStore::new(disk, Handle::current()));
    let pool: Arc<FBPool<Vec<u8>, _>> = Arc::new(FBPool::new(store, 1));
    let kept = pool.insert(b"written in time".to_vec());
    kept.write_now().await?;

    println!("-- the disk is full");
    is_full.store(true, Ordering::Relaxed);
    let waiting = pool.insert(b"not written yet".to_vec());
    let refused = waiting.write_now().await;
    let error = refused.expect_err("there is no room");
    println!("error: {error}");
    println!("the disk is full: {}", error.is_storage_full());

    // Nothing is lost: values that cannot be written stay in memory, above the budget.
    let more: Vec<_> = (0..3_u8).map(|n| pool.insert(vec![n; 1000])).collect();
    while !pool.stats().store_failing {
        tokio::task::yield_now().await;
    }
    for value in &more {
        anyhow::ensure!(value.read().await?.len() == 1000, "a value was lost");
    }
    println!("read: {}", String::from_utf8_lossy(&waiting.read().await?));

    // A producer calls `reserve` first, and gets an error.
    let no_room = pool.reserve().await.err();
    println!("room for more: {}", no_room.is_none());

    println!("-- the disk has room again");
    is_full.store(false, Ordering::Relaxed);
    waiting.write_now().await?;
    pool.store().finished().await;
    println!("the store is failing: {}", pool.stats().store_failing);
    println!("values in memory: {}", pool.stats().resident);
    Ok(())
}
