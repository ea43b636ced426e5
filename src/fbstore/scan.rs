//! Finding the keys in a directory.

use std::io;
use std::path::Path;

use file_backed_codecs::BoxError;
use uuid::Uuid;

use super::directory::at;
use super::layout::{RESERVED, key_of, shards};
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
    keys(path).map_err(|error| Error::new(Operation::Track, error))
}

pub(super) fn keys(path: &PreparedPath) -> Result<Vec<Uuid>, BoxError> {
    let files = path.directory().files();
    let mut keys = Vec::new();
    for entry in files.list(path).map_err(|error| at(path, error))? {
        let known = entry.name.to_str().is_some_and(|name| {
            is_shard(name) || RESERVED.contains(&name) || path.ignored().contains(&name)
        });
        if !known {
            report_foreign(&path.join(&entry.name));
        }
    }
    for shard in shards() {
        let directory = path.join(&shard);
        let entries = match files.list(&directory) {
            Ok(entries) => entries,
            // A directory that is only read need not have all shards.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(at(&directory, error)),
        };
        for entry in entries {
            match key_of(&shard, &entry.name).filter(|_| entry.is_file) {
                Some(key) => keys.push(key),
                None if path.ignored().iter().any(|name| entry.name == **name) => {}
                None => report_foreign(&directory.join(&entry.name)),
            }
        }
    }
    Ok(keys)
}

fn is_shard(name: &str) -> bool {
    name.len() == 2
        && name
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn report_foreign(path: &Path) {
    tracing::warn!(path = %path.display(), "a name that is not of an item was found, and is left alone");
}
