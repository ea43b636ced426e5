//! Finding the keys in a directory.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use file_backed_codecs::BoxError;
use uuid::Uuid;

use super::directory::at;
use super::files::Files;
use super::layout::{Name, RESERVED, is_hex, name_in, shards};
use super::prepared_path::PreparedPath;
use crate::error::Operation;
use crate::{Error, Result};

/// Finds the keys whose files are in `path`. Names that are not the library's
/// own are reported through `tracing` and left alone.
///
/// # Errors
///
/// If a directory cannot be read.
///
/// # Blocking
///
/// Reads 256 directories.
pub fn sanitize_path(path: &PreparedPath) -> Result<Vec<Uuid>> {
    let found = find(path, path.directory().files(), path.ignored());
    let found = found.map_err(|error| Error::new(Operation::Track, error))?;
    Ok(found.keys)
}

/// What is in a directory.
pub(super) struct Found {
    pub(super) keys: Vec<Uuid>,
    /// Temporary names that a process which died has left.
    pub(super) left_over: Vec<PathBuf>,
}

pub(super) fn find(root: &Path, files: &dyn Files, ignored: &[&str]) -> Result<Found, BoxError> {
    let mut found = Found {
        keys: Vec::new(),
        left_over: Vec::new(),
    };
    let mut report = |name: &OsStr, _| {
        let known = name.to_str().is_some_and(|name| {
            is_shard(name) || RESERVED.contains(&name) || ignored.contains(&name)
        });
        if !known {
            report_foreign(&root.join(name));
        }
    };
    let listed = files.list(root, &mut report);
    listed.map_err(|error| at(root, error))?;
    for shard in shards() {
        find_in_shard(root, files, ignored, &shard, &mut found)?;
    }
    Ok(found)
}

fn find_in_shard(
    root: &Path,
    files: &dyn Files,
    ignored: &[&str],
    shard: &str,
    found: &mut Found,
) -> Result<(), BoxError> {
    let directory = root.join(shard);
    let mut note = |name: &OsStr, is_file| match name_in(shard, name).filter(|_| is_file) {
        Some(Name::Item(key)) => found.keys.push(key),
        Some(Name::Temporary { is_left_over }) if is_left_over => {
            found.left_over.push(directory.join(name));
        }
        Some(Name::Temporary { .. }) => {}
        None if ignored.iter().any(|ignored| name == *ignored) => {}
        None => report_foreign(&directory.join(name)),
    };
    match files.list(&directory, &mut note) {
        // A directory that is only read need not have all shards.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        listed => listed.map_err(|error| at(&directory, error)),
    }
}

fn is_shard(name: &str) -> bool {
    name.len() == 2 && is_hex(name)
}

fn report_foreign(path: &Path) {
    tracing::warn!(path = %path.display(), "a name that is not of an item was found, and is left alone");
}
