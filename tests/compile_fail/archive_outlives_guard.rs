//! Archived data is borrowed from the guard that keeps the value resident.

use file_backed::fbstore::{FBStore, Mapped, MappedCodec};
use file_backed::Fb;

fn name(item: &Fb<Mapped<String>, FBStore<MappedCodec>>) -> &str {
    let guard = item.blocking_read().unwrap();
    guard.as_str()
}

fn main() {}
