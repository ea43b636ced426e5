//! cargo run --example disk_full
//!
//! What you see when the disk fills up, and when there is room again. A codec that fails
//! like a full disk stands in for the disk.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use file_backed::FBPool;
use file_backed::fbstore::{BoxError, Codec, CodecId, Payload, PayloadWriter};

/// Stores bytes unchanged, unless `is_full` is set.
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
    // Shows what the library logs; `DEBUG` would show each load and write too.
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
    println!("may more come? {}", no_room.is_none());

    println!("-- there is room again");
    codec.is_full.store(false, Ordering::Relaxed);
    waiting.spawn_write_now().await.await?;
    pool.store().finished().await;
    println!("the store refuses: {}", pool.stats().store_failing);
    println!("values in memory: {}", pool.stats().resident);
    Ok(())
}
