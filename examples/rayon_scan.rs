//! cargo run --example rayon_scan --features=bincodec
//!
//! A loop over many blobs on all cores, in threads without an async runtime.

use std::sync::Arc;

use file_backed::FBPool;
use file_backed::fbstore::{BinCodec, FBStore, PreparedPath};
use file_backed::{BackingStore, Fb};
use rayon::prelude::*;
use tokio::runtime::Runtime;

fn main() -> anyhow::Result<()> {
    // The store does its background work on a runtime. The loop needs none.
    let runtime = Runtime::new()?;
    let files = FBStore::open(BinCodec, PreparedPath::blocking_temp()?)?;
    let store = Arc::new(BackingStore::new(files, runtime.handle().clone()));
    let pool: Arc<FBPool<Vec<u64>, _>> = Arc::new(FBPool::new(store, 32));

    let blobs: Vec<Fb<Vec<u64>, _>> = (0..500_u64)
        .into_par_iter()
        .map(|n| Ok(pool.blocking_reserve()?.insert(vec![n; 10_000])))
        .collect::<file_backed::Result<_>>()?;
    pool.store().blocking_finished();
    println!("{} blobs, {} in memory", pool.size(), pool.stats().resident);

    // `blocking_load` reads the file on rayon's thread, and panics where `blocking_read`
    // returns an error.
    let sum: u64 = blobs
        .par_iter()
        .map(|blob| blob.blocking_load().iter().sum::<u64>())
        .sum();
    println!("the sum of all numbers is {sum}");

    let longest = blobs
        .par_iter()
        .map(|blob| blob.blocking_read().map(|blob| blob.len()))
        .try_reduce(|| 0, |one, other| Ok(one.max(other)))?;
    println!("the longest blob has {longest} numbers");
    println!("at most 32 blobs were in memory, apart from pinned ones");
    Ok(())
}
