//! cargo run --example disk_full
//!
//! What one sees when the disk fills up, and when there is room again. The disk
//! here is a codec that refuses as a full disk does, so that it needs no disk of
//! its own.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use file_backed::FBPool;
use file_backed::fbstore::{BoxError, Codec, CodecId, Payload, PayloadWriter};

/// Bytes as they are, while there is room for them.
#[derive(Clone, Default)]
struct Bytes {
    is_full: Arc<AtomicBool>,
}

impl Codec<Vec<u8>> for Bytes {
    const ID: CodecId = CodecId::user(18);

    fn encode(&self, value: &Vec<u8>, out: &mut PayloadWriter<'_>) -> Result<(), BoxError> {
        if self.is_full.load(Ordering::Relaxed) {
            return Err(io::Error::from(io::ErrorKind::StorageFull).into());
        }
        Ok(out.write_all(value)?)
    }

    fn decode(&self, payload: Payload<'_>) -> Result<Vec<u8>, BoxError> {
        Ok(payload.read_whole()?.to_vec())
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // The lines of the library go here; `debug` would tell of each load and write.
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::INFO)
        .without_time()
        .with_ansi(false)
        .with_writer(io::stdout)
        .init();

    let codec = Bytes::default();
    let pool: Arc<FBPool<Vec<u8>, _>> = FBPool::temp(codec.clone(), 1).await?;
    let kept = pool.insert(b"written in time".to_vec());
    kept.spawn_write_now().await.await?;

    println!("-- the disk is full");
    codec.is_full.store(true, Ordering::Relaxed);
    let waiting = pool.insert(b"not written yet".to_vec());
    let refused = waiting.spawn_write_now().await.await;
    let error = refused.expect_err("there is no room");
    println!("told: {error}");
    println!("it is the disk: {}", error.is_storage_full());

    // Nothing is lost: what cannot be written stays in memory, over the budget.
    let more: Vec<_> = (0..3_u8).map(|n| pool.insert(vec![n; 1000])).collect();
    while !pool.stats().store_failing {
        tokio::task::yield_now().await;
    }
    for value in &more {
        anyhow::ensure!(value.read().await?.len() == 1000, "a value was lost");
    }
    println!("read: {}", String::from_utf8_lossy(&waiting.read().await?));

    // Whoever produces more asks first, and is told.
    let no_room = pool.reserve().await.err();
    println!("may more come? {}", no_room.is_none());

    println!("-- there is room again");
    codec.is_full.store(false, Ordering::Relaxed);
    waiting.spawn_write_now().await.await?;
    pool.store().finished().await;
    println!("the store refuses: {}", pool.stats().store_failing);
    println!("values in memory: {}", pool.stats().resident);
    Ok(())
}
