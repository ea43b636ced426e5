//! Finds the keys in a directory.

use std::ffi::{OsStr, OsString};
use std::io;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, ScopedJoinHandle};

use file_backed_codecs::printable::PrintablePath;
use uuid::Uuid;

use super::directory::at;
use super::file_ref::{FileRef, Shards};
use super::files::Files;
use super::layout::{Name, RESERVED, is_shard, name_in, shard_name};
use super::packs::{self, FoundPacks};
use super::prepared_path::{Mode, PreparedPath};
use crate::error::{Operation, StoreError};
use crate::{Error, Result};

/// More threads do not make a scan faster.
const MOST_THREADS: usize = 8;

/// The keys whose files are in `path`. Nothing is changed there.
pub(crate) fn keys_in(path: &PreparedPath) -> Result<Vec<Uuid>> {
    let found = contents_of(path).map_err(|error| Error::new(Operation::Track, error))?;
    Ok(found.into_keys())
}

/// The keys of the items in the shards of a directory.
pub(super) fn keys(shards: &Shards, files: &dyn Files) -> Result<Vec<Uuid>, StoreError> {
    let scan = DirectoryScan {
        shards,
        files,
        ignored: &[],
    };
    let mut found = Found::default();
    for part in scan.all_shards() {
        found.append(part?);
    }
    Ok(found.keys)
}

/// The contents of `path`: those of its packs too, if it is only read. Reports foreign names.
pub(super) fn contents_of(path: &PreparedPath) -> Result<Found, StoreError> {
    let directory = path.directory();
    let mut found = find(directory.shards(), directory.files(), path.ignored())?;
    if let Some(locator) = path.locator() {
        found.packed = packs::keys_that_are_there(directory, &*locator);
        // A dataset that is being opened does not know its items yet, and another one may have
        // handles.
        if path.mode() == Mode::ReadWrite
            && let Some(before) = directory.locator()
            && !Arc::ptr_eq(&before, &locator)
        {
            let others = packs::keys_that_are_there(directory, &*before);
            found.packed.extend(others);
        }
    } else if path.mode() == Mode::ReadOnly {
        let packs = FoundPacks::read(path, &found.keys)?;
        found.packed.extend(packs.keys());
        path.set_packs(packs);
    }
    Ok(found)
}

/// The contents of a directory.
#[derive(Default)]
pub(super) struct Found {
    /// Those that have files.
    pub(super) keys: Vec<Uuid>,
    /// Those that are in packs.
    packed: Vec<Uuid>,
    /// Temporary names that crashed processes left, with their shards.
    pub(super) left_over: Vec<(u8, OsString)>,
    foreign: Vec<PathBuf>,
}

impl Found {
    /// All keys, in no particular order.
    pub(super) fn into_keys(mut self) -> Vec<Uuid> {
        self.keys.append(&mut self.packed);
        self.keys
    }

    fn append(&mut self, mut other: Self) {
        self.keys.append(&mut other.keys);
        self.packed.append(&mut other.packed);
        self.left_over.append(&mut other.left_over);
        self.foreign.append(&mut other.foreign);
    }
}

/// The parameters of a scan.
#[derive(Clone, Copy)]
struct DirectoryScan<'a> {
    shards: &'a Shards,
    files: &'a dyn Files,
    ignored: &'a [&'static str],
}

/// Finds the contents of a directory, on a thread for each core, up to
/// [`MOST_THREADS`]. Reports foreign names.
pub(super) fn find(
    shards: &Shards,
    files: &dyn Files,
    ignored: &[&'static str],
) -> Result<Found, StoreError> {
    let scan = DirectoryScan {
        shards,
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

impl DirectoryScan<'_> {
    fn beside_the_shards(self) -> Result<Found, StoreError> {
        let mut found = Found::default();
        let mut note = |name: &OsStr, _| {
            let known = name.to_str().is_some_and(|name| {
                is_shard(name) || RESERVED.contains(&name) || self.ignored.contains(&name)
            });
            if !known {
                found.foreign.push(self.shards.root().join(name));
            }
        };
        let listed = self.files.list(&FileRef::Root(self.shards), &mut note);
        listed.map_err(|error| at(self.shards.root(), error))?;
        Ok(found)
    }

    /// The contents of all shards, in parts of consecutive shards.
    fn all_shards(self) -> Vec<Result<Found, StoreError>> {
        let shards: Vec<u8> = (0..=u8::MAX).collect();
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let parts = shards.chunks(shards.len().div_ceil(threads.min(MOST_THREADS)));
        thread::scope(|scope| {
            // If a thread cannot be started, this thread scans its part.
            let begun: Vec<_> = parts
                .map(|part| {
                    let work = move || self.some_shards(part);
                    let builder = thread::Builder::new().name("file_backed scan".to_owned());
                    (part, builder.spawn_scoped(scope, work))
                })
                .collect();
            let end = |(part, thread): (&[u8], io::Result<ScopedJoinHandle<'_, _>>)| {
                let Ok(thread) = thread else {
                    return self.some_shards(part);
                };
                thread.join().unwrap_or_else(|panic| resume_unwind(panic))
            };
            begun.into_iter().map(end).collect()
        })
    }

    fn some_shards(self, shards: &[u8]) -> Result<Found, StoreError> {
        let mut found = Found::default();
        for shard in shards {
            self.one_shard(*shard, &mut found)?;
        }
        Ok(found)
    }

    fn one_shard(self, shard: u8, found: &mut Found) -> Result<(), StoreError> {
        let file_ref = FileRef::Shard(self.shards, shard);
        let directory = file_ref.path();
        let in_shard = shard_name(shard);
        let in_shard = in_shard.as_str();
        let mut note = |name: &OsStr, is_file| match name_in(in_shard, name).filter(|_| is_file) {
            Some(Name::Item(key)) => found.keys.push(key),
            Some(Name::Temporary { is_left_over, .. }) if is_left_over => {
                found.left_over.push((shard, name.to_owned()));
            }
            Some(Name::Temporary { .. }) => {}
            None if self.ignored.iter().any(|ignored| name == *ignored) => {}
            None => found.foreign.push(directory.join(name)),
        };
        match self.files.list(&file_ref, &mut note) {
            // A directory that is only read may lack shards.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            listed => listed.map_err(|error| at(&directory, error)),
        }
    }
}

fn report_foreign(path: &Path) {
    tracing::warn!(path = %PrintablePath(path), "found a name that does not belong to an item, and left it alone");
}
