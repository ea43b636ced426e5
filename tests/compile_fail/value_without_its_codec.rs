//! A codec is asked for a value that it does not store.

use std::sync::Arc;

use file_backed::FBPool;
use file_backed::fbstore::{FBStore, Mapped, MappedCodec};

struct Plain;

fn insert(pool: &Arc<FBPool<Vec<f32>, FBStore<MappedCodec>>>) {
    let _ = pool.insert(vec![1.0]);
}

fn archive() {
    let _ = Mapped::new(&Plain);
}

fn main() {}
