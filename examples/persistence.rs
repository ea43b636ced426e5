//! cargo run --example persistence --features=bincodec
//!
//! Persist, "restart", register, load: a value that outlives its process.

use std::path::Path;
use std::sync::Arc;

use file_backed::fbstore::{BinCodec, PreparedPath};
use file_backed::uuid::Uuid;
use file_backed::{BackingStore, FBPool};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let (cache, saved) = (dir.path().join("cache"), dir.path().join("saved"));
    let key = first_process(&cache, &saved).await?;
    second_process(&cache, &saved, key).await
}

async fn first_process(cache: &Path, saved: &Path) -> anyhow::Result<Uuid> {
    let store = BackingStore::open(BinCodec, cache).await?;
    let pool: Arc<FBPool<String, _>> = Arc::new(FBPool::new(store.clone(), 100));

    let saved = PreparedPath::open(saved).await?;
    let tracked = Arc::new(store.track_path(saved).await?);
    let item = pool.insert("worth keeping".to_owned());

    // The first `await` starts the save, and the second waits for it.
    item.persist(&tracked).await?;
    // Only now does the value survive a power cut.
    store.sync(&tracked).await?;
    println!("persisted {}", item.key());
    Ok(item.key())
    // Dropping the item here deletes its cache file. The persisted file stays.
}

async fn second_process(cache: &Path, saved: &Path, key: Uuid) -> anyhow::Result<()> {
    let store = BackingStore::open(BinCodec, cache).await?;
    let pool: Arc<FBPool<String, _>> = Arc::new(FBPool::new(store.clone(), 100));

    let saved = PreparedPath::open(saved).await?;
    let tracked = Arc::new(store.track_path(saved).await?);
    println!("found {} item(s)", tracked.all_keys().len());

    let item = pool.register(&tracked, key).await?;
    println!("loaded: {}", *item.read().await?);

    // A key that was never saved is an error, not a panic.
    let unknown = pool.register(&tracked, Uuid::nil()).await;
    println!(
        "expected error: {}",
        unknown.expect_err("nothing is saved under it")
    );
    Ok(())
}
