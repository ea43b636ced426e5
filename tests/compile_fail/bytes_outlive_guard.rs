//! A slice of plain bytes is borrowed from the guard.

use file_backed::fbstore::{BytesCodec, FBStore, MappedBytes};
use file_backed::Fb;

fn head(item: &Fb<MappedBytes, FBStore<BytesCodec>>) -> &[u8] {
    let guard = item.blocking_read().unwrap();
    &guard[..4]
}

fn main() {}
