//! cargo run --example simple_usage --features=bincodec
//!
//! Insert, evict, load, clean up: a pool that keeps two words in memory receives three.

use std::sync::Arc;

use file_backed::fbstore::BinCodec;
use file_backed::{BackingStore, FBPool};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // The cache: one file for each value that is not in memory.
    let dir = tempfile::tempdir()?;
    let store = BackingStore::open(BinCodec, dir.path().join("cache")).await?;
    let pool: Arc<FBPool<String, _>> = Arc::new(FBPool::new(store.clone(), 2));

    // The third word exceeds the budget: the first is written and evicted.
    let mut words: Vec<_> = ["Hello", "world", "!"]
        .map(|word| pool.insert(word.to_owned()))
        .into();
    store.finished().await;
    let stats = pool.stats();
    println!(
        "{} words, {} of them in memory",
        stats.items, stats.resident
    );
    println!(
        "in memory: {:?}",
        words
            .iter()
            .map(|w| w.try_load().is_some())
            .collect::<Vec<_>>()
    );

    // A read loads it again, and a guard borrows it.
    println!("loaded: {}", *words[0].read().await?);

    // A mutation changes the key, because the file under the old one is gone.
    let before = words[0].key();
    words[0].write().await?.push_str(", again");
    println!(
        "changed: {} (the key changed: {})",
        *words[0].read().await?,
        words[0].key() != before
    );

    // Dropping the last handle of an item deletes its file.
    drop(words);
    store.finished().await;
    println!("left: {} words", pool.size());
    Ok(())
}
