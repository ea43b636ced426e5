//! Clearing away what a process that died has left.
//!
//! Only names of the library's own pattern are deleted, and only by the process
//! that has the directory's lock, so that nobody is at them.

use std::io;
use std::path::{Path, PathBuf};

use super::directory::Directory;
use super::layout::key_path;
use super::scan::Found;

/// Empties a directory that is marked as a cache, and that this process has just
/// got. What is not the library's own is reported and left.
pub(super) fn cache(directory: &Directory, found: &Found) {
    let (root, files) = (directory.root(), found.keys.iter());
    remove_all(directory, files.map(|key| key_path(root, *key)));
    left_over(directory, found);
}

/// Removes the temporary names of processes that died.
pub(super) fn left_over(directory: &Directory, found: &Found) {
    remove_all(directory, found.left_over.iter().cloned());
}

fn remove_all(directory: &Directory, paths: impl Iterator<Item = PathBuf>) {
    let mut removed = 0_usize;
    for path in paths {
        match directory.files().remove(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => report(&path, &error),
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
