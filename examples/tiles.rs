//! cargo run --example tiles --features=bincodec
//!
//! A map of tiles in 16 MiB of memory: a budget in bytes that evicts the least recently
//! used tiles to the disk, and a producer that waits for a slower disk.

use std::sync::Arc;

use file_backed::fbstore::BinCodec;
use file_backed::{BackingStore, FBPool, Fb};

const SIDE: usize = 256;

/// The heights of one square of the map.
type Tile = Vec<f32>;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let store = BackingStore::temp(BinCodec).await?;
    // A tile owns its heights, so it weighs what its vector has allocated.
    let pool: Arc<FBPool<Tile, _>> = FBPool::builder(store)
        .bytes(16 << 20, |tile: &Tile| 4 * tile.capacity() as u64)
        .backlog_bytes(4 << 20)
        .build();

    let mut tiles: Vec<Fb<Tile, _>> = Vec::new();
    for n in 0..256 {
        // Waits while 4 MiB are waiting to be written. An `insert` alone never waits.
        let permit = pool.reserve().await?;
        tiles.push(permit.insert(vec![n as f32; SIDE * SIDE]));
    }
    pool.store().finished().await;
    let stats = pool.stats();
    println!(
        "{} tiles of 256 KiB, {} of them ({} MiB) in memory",
        stats.items,
        stats.resident,
        stats.resident_bytes >> 20
    );

    // Read one corner twice: after the first look its tiles are in memory.
    for look in ["first", "second"] {
        let before = pool.stats();
        let mut sum = 0.0;
        for tile in &tiles[100..116] {
            sum += tile.read().await?[0];
        }
        let (hits, misses) = (pool.stats().hits, pool.stats().misses);
        println!(
            "{look} read: mean height {}, {} from memory, {} from the disk",
            sum / 16.0,
            hits - before.hits,
            misses - before.misses
        );
    }

    // A change stays in memory until the tile is evicted, and is written then.
    tiles[100].write().await?[0] = -1.0;
    println!("changed: {}", tiles[100].read().await?[0]);
    Ok(())
}
