//! Removes leftovers of crashed processes.
//!
//! Only names of the library's own pattern are deleted, and only by the process that
//! has the lock of the directory, so that no other process uses them.

use std::io;
use std::path::Path;

use file_backed_codecs::printable::PrintablePath;
use uuid::Uuid;

use super::file_ref::{FileRef, Shards};
use super::files::Files;
use super::scan::Found;

/// Empties a directory that is marked as a cache and that this process has just locked.
/// Names that are not the library's are reported and left alone.
pub(super) fn cache(
    files: &dyn Files,
    shards: &Shards,
    found: &Found,
    is_foreign: impl Fn(&Uuid) -> bool,
) {
    let own = found.keys.iter().filter(|key| !is_foreign(key));
    remove_all(files, shards, own.map(|key| shards.item(*key)));
    left_over(files, shards, found);
}

/// Removes the temporary files of crashed processes.
pub(super) fn left_over(files: &dyn Files, shards: &Shards, found: &Found) {
    let left_over = found.left_over.iter();
    let spots = left_over.map(|(shard, name)| FileRef::InShard(shards, *shard, Path::new(name)));
    remove_all(files, shards, spots);
}

fn remove_all<'a>(files: &dyn Files, shards: &Shards, spots: impl Iterator<Item = FileRef<'a>>) {
    let mut removed = 0_usize;
    for file_ref in spots {
        match files.remove(&file_ref) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                report(&file_ref.path(), &error)
            }
            _ => removed += 1,
        }
    }
    if removed > 0 {
        tracing::debug!(path = %PrintablePath(shards.root()), removed, "removed leftovers of a crashed process");
    }
}

fn report(path: &Path, error: &io::Error) {
    tracing::warn!(path = %PrintablePath(path), %error, "could not remove a leftover of a crashed process");
}
