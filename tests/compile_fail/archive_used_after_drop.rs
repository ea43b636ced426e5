//! The guard may not go while its archived data is in use.

use file_backed::fbstore::{FBStore, Mapped, MappedCodec};
use file_backed::Fb;

fn len(item: &Fb<Mapped<String>, FBStore<MappedCodec>>) -> usize {
    let guard = item.blocking_read().unwrap();
    let text: &str = guard.as_str();
    drop(guard);
    text.len()
}

fn main() {}
