//! cargo run --example share_read_only --features=bincodec
//!
//! One process persists items. Another reads them while the first still has the directory
//! open. The example starts itself as the second process.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use file_backed::FBPool;
use file_backed::fbstore::{BinCodec, PreparedPath};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    if let Some(saved) = std::env::args_os().nth(1) {
        return reader(saved.into()).await;
    }
    let dir = tempfile::tempdir()?;
    writer(&dir.path().join("saved")).await
}

async fn writer(saved: &Path) -> anyhow::Result<()> {
    let pool: Arc<FBPool<String, _>> = FBPool::temp(BinCodec, 100).await?;
    let path = PreparedPath::open(saved.to_owned()).await?;
    let tracked = Arc::new(pool.store().track_path(path).await?);
    for text in ["one", "two", "three"] {
        let item = pool.insert(text.to_owned());
        item.persist(&tracked).await?;
    }
    println!("writer: persisted {} items", tracked.all_keys().len());

    // `tracked` is still alive, so this process still holds the directory's lock.
    let status = Command::new(std::env::current_exe()?).arg(saved).status()?;
    anyhow::ensure!(status.success(), "the reader failed: {status}");
    println!("writer: still tracks {} items", tracked.all_keys().len());
    Ok(())
}

async fn reader(saved: PathBuf) -> anyhow::Result<()> {
    // This process has a separate cache.
    let pool: Arc<FBPool<String, _>> = FBPool::temp(BinCodec, 100).await?;

    // Writing requires the lock of the directory, which the other process holds.
    let path = PreparedPath::open(saved.clone()).await?;
    let refused = pool.store().track_path(path).await;
    let error = refused.expect_err("the other process holds the lock");
    anyhow::ensure!(error.is_in_use(), "unexpected error: {error}");
    println!("reader: could not track it for writing: another process has locked it");

    let path = PreparedPath::open_read_only(saved).await?;
    let tracked = Arc::new(pool.store().track_read_only(path).await?);
    let mut texts = Vec::new();
    for key in tracked.all_keys() {
        let item = pool.register(&tracked, key).await?;
        texts.push(item.read().await?.clone());
    }
    texts.sort();
    println!("reader: {texts:?}");
    Ok(())
}
