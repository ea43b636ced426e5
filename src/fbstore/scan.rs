//! Finding the keys in a directory.

use std::ffi::OsStr;
use std::io;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread::{self, ScopedJoinHandle};

use uuid::Uuid;

use super::directory::at;
use super::files::Files;
use super::layout::{Name, RESERVED, is_hex, name_in, shards};
use super::prepared_path::PreparedPath;
use crate::error::{Operation, StoreError};
use crate::{Error, Result};

/// More find nothing faster.
const MOST_THREADS: usize = 8;

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
#[derive(Default)]
pub(super) struct Found {
    pub(super) keys: Vec<Uuid>,
    /// Temporary names that a process which died has left.
    pub(super) left_over: Vec<PathBuf>,
    foreign: Vec<PathBuf>,
}

impl Found {
    fn append(&mut self, mut other: Self) {
        self.keys.append(&mut other.keys);
        self.left_over.append(&mut other.left_over);
        self.foreign.append(&mut other.foreign);
    }
}

/// A directory and who asks what is in it.
#[derive(Clone, Copy)]
struct Scan<'a> {
    root: &'a Path,
    files: &'a dyn Files,
    ignored: &'a [&'static str],
}

/// Finds what is in a directory, on as many threads as there are cores. What is
/// foreign is reported.
pub(super) fn find(
    root: &Path,
    files: &dyn Files,
    ignored: &[&'static str],
) -> Result<Found, StoreError> {
    let scan = Scan {
        root,
        files,
        ignored,
    };
    let mut found = scan.beside_the_shards()?;
    for part in scan.all_shards() {
        found.append(part?);
    }
    found.foreign.iter().for_each(|path| report_foreign(path));
    Ok(found)
}

impl Scan<'_> {
    fn beside_the_shards(self) -> Result<Found, StoreError> {
        let mut found = Found::default();
        let mut note = |name: &OsStr, _| {
            let known = name.to_str().is_some_and(|name| {
                is_shard(name) || RESERVED.contains(&name) || self.ignored.contains(&name)
            });
            if !known {
                found.foreign.push(self.root.join(name));
            }
        };
        let listed = self.files.list(self.root, &mut note);
        listed.map_err(|error| at(self.root, error))?;
        Ok(found)
    }

    /// What is in the shards, a part of them after the other.
    fn all_shards(self) -> Vec<Result<Found, StoreError>> {
        let shards: Vec<_> = shards().collect();
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let parts = shards.chunks(shards.len().div_ceil(threads.min(MOST_THREADS)));
        thread::scope(|scope| {
            // Where there is no thread to be had, this one does it.
            let begun: Vec<_> = parts
                .map(|part| {
                    let work = move || self.some_shards(part);
                    let builder = thread::Builder::new().name("file_backed scan".to_owned());
                    (part, builder.spawn_scoped(scope, work))
                })
                .collect();
            let end = |(part, thread): (&[String], io::Result<ScopedJoinHandle<'_, _>>)| {
                let Ok(thread) = thread else {
                    return self.some_shards(part);
                };
                thread.join().unwrap_or_else(|panic| resume_unwind(panic))
            };
            begun.into_iter().map(end).collect()
        })
    }

    fn some_shards(self, shards: &[String]) -> Result<Found, StoreError> {
        let mut found = Found::default();
        for shard in shards {
            self.one_shard(shard, &mut found)?;
        }
        Ok(found)
    }

    fn one_shard(self, shard: &str, found: &mut Found) -> Result<(), StoreError> {
        let directory = self.root.join(shard);
        let mut note = |name: &OsStr, is_file| match name_in(shard, name).filter(|_| is_file) {
            Some(Name::Item(key)) => found.keys.push(key),
            Some(Name::Temporary { is_left_over }) if is_left_over => {
                found.left_over.push(directory.join(name));
            }
            Some(Name::Temporary { .. }) => {}
            None if self.ignored.iter().any(|ignored| name == *ignored) => {}
            None => found.foreign.push(directory.join(name)),
        };
        match self.files.list(&directory, &mut note) {
            // A directory that is only read need not have all shards.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            listed => listed.map_err(|error| at(&directory, error)),
        }
    }
}

fn is_shard(name: &str) -> bool {
    name.len() == 2 && is_hex(name)
}

fn report_foreign(path: &Path) {
    tracing::warn!(path = %path.display(), "a name that is not of an item was found, and is left alone");
}
