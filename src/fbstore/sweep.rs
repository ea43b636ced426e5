//! Clearing away what a process that died has left.
//!
//! Only names of the library's own pattern are deleted, and only by the process
//! that has the directory's lock, so that nobody is at them.

use std::io;
use std::path::Path;

use super::directory::Directory;
use super::scan::Found;
use super::spot::Spot;

/// Empties a directory that is marked as a cache, and that this process has just
/// got. What is not the library's own is reported and left.
pub(super) fn cache(directory: &Directory, found: &Found) {
    let items = found.keys.iter().map(|key| directory.spot(*key));
    remove_all(directory, items);
    left_over(directory, found);
}

/// Removes the temporary names of processes that died.
pub(super) fn left_over(directory: &Directory, found: &Found) {
    let left_over = found.left_over.iter();
    remove_all(directory, left_over.map(|path| Spot::Path(path)));
}

fn remove_all<'a>(directory: &Directory, spots: impl Iterator<Item = Spot<'a>>) {
    let mut removed = 0_usize;
    for spot in spots {
        match directory.files().remove(&spot) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => report(&spot.path(), &error),
            _ => removed += 1,
        }
    }
    if removed > 0 {
        tracing::debug!(path = %directory.root().display(), removed, "what a process that died has left was swept");
    }
}

fn report(path: &Path, error: &io::Error) {
    tracing::warn!(path = %path.display(), %error, "what a process that died has left could not be removed");
}
