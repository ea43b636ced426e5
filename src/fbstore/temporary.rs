//! Temporary directories, and removal of those that crashed processes left.
//!
//! A killed process cannot delete its temporary directories. The next process that
//! creates such a directory does. Locks show which directories are in use: the owner
//! locks its directory as soon as it exists, and then checks that it still exists. A
//! sweep deletes only what it has locked itself. So whichever comes first, the other
//! notices.
//!
//! A directory is swept only if it has the mark of a temporary directory, which is
//! created first. Anything else that a program keeps under such a name is not touched.
//! (A process that is killed before it creates the mark leaves an empty directory.)

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use file_backed_codecs::printable::PrintablePath;
use tempfile::TempDir;

use super::directory::{at, create_shards};
use super::file_ref::{FileRef, Shards};
use super::files::Files;
use super::layout::is_shard;
use super::lock::Locks;
use crate::error::{Cause, StoreError};

/// The start of the names of temporary directories.
const PREFIX: &str = "file_backed-";

/// Random characters after the prefix.
const RANDOM: usize = 6;

/// The name of the mark.
const MARK: &str = "file_backed.temporary";

/// The names that may exist next to the shards of a directory that is swept.
const BESIDE: [&str; 2] = [MARK, "file_backed.lock"];

/// The time limit of a sweep. The next sweep continues where it stopped.
const LONGEST: Duration = Duration::from_millis(100);

/// The number of attempts, if the sweep of another process deletes each new directory.
const ATTEMPTS: usize = 8;

/// A temporary directory that this process has just created and locked. Dropping it
/// deletes the directory.
pub(super) struct Made {
    pub(super) directory: TempDir,
    pub(super) shards: Shards,
    pub(super) locks: Locks,
}

impl Made {
    /// Renames it to the path of a deleted directory. Fails if that name is in use
    /// again, unless by an empty directory.
    pub(super) fn rename(self, to: &Path) -> io::Result<(Shards, Locks)> {
        fs::rename(self.directory.path(), to)?;
        let _renamed = self.directory.keep();
        Ok((self.shards, self.locks))
    }
}

/// Creates a temporary directory, with its shards, in `parent`.
pub(super) fn make(files: &dyn Files, parent: &Path) -> Result<Made, StoreError> {
    for _ in 1..ATTEMPTS {
        if let Some(made) = try_make(files, parent)? {
            return Ok(made);
        }
    }
    try_make(files, parent)?.ok_or_else(|| at(parent, Cause::Locked))
}

/// Returns `None` if a sweep took the directory before it was locked.
fn try_make(files: &dyn Files, parent: &Path) -> Result<Option<Made>, StoreError> {
    let directory = make_dir(parent).map_err(|error| at(parent, error))?;
    let locked = || -> Result<_, StoreError> {
        let root = directory.path();
        let shards = Shards::open(root.to_owned()).map_err(|error| at(root, error))?;
        let locks = Locks::take(files, &shards)?;
        if locks.is_shared() || !locks.are_in_place(files, &shards) {
            return Err(at(root, Cause::Locked));
        }
        create_shards(files, &shards)?;
        let now = files.identity(&FileRef::Path(root));
        let now = now.map_err(|error| at(root, error))?;
        Ok((now == shards.identity()).then_some((shards, locks)))
    };
    match locked() {
        Ok(Some((shards, locks))) => Ok(Some(Made {
            directory,
            shards,
            locks,
        })),
        Ok(None) => Ok(None),
        Err(error) if error.is_not_found() || is_locked(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_locked(error: &StoreError) -> bool {
    matches!(error.get_ref().downcast_ref(), Some(Cause::Locked))
}

fn make_dir(parent: &Path) -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).rand_bytes(RANDOM);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o700));
    }
    let directory = builder.tempdir_in(parent)?;
    mark(directory.path())?;
    Ok(directory)
}

fn mark(directory: &Path) -> io::Result<()> {
    fs::File::create_new(directory.join(MARK)).map(drop)
}

/// Deletes what crashed processes of this user left in `parent`.
pub(super) fn sweep(files: &dyn Files, parent: &Path) {
    sweep_until(files, parent, Instant::now() + LONGEST);
}

fn sweep_until(files: &dyn Files, parent: &Path, deadline: Instant) {
    let Ok(names) = fs::read_dir(parent) else {
        return;
    };
    for entry in names.flatten() {
        if Instant::now() > deadline {
            return;
        }
        let name = entry.file_name();
        let is_ours = (name.to_str())
            .and_then(|name| name.strip_prefix(PREFIX))
            .is_some_and(|random| random.len() == RANDOM);
        if is_ours && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            sweep_one(files, &entry.path(), deadline);
        }
    }
}

fn sweep_one(files: &dyn Files, path: &Path, deadline: Instant) {
    let Ok(shards) = Shards::open(path.to_owned()) else {
        return;
    };
    let root = FileRef::Root(&shards);
    if !files.ownership(&root).is_ok_and(|owner| owner.is_ours) || !holds_only_ours(files, &root) {
        return;
    }
    // An error means that another process has the directory.
    let Ok(Some(_locks)) = Locks::take_unused(files, &shards) else {
        return;
    };
    match delete(files, &shards, deadline) {
        Ok(true) => {
            tracing::debug!(path = %PrintablePath(path), "removed the temporary directory of a crashed process");
        }
        Ok(false) => {}
        Err(error) => {
            tracing::warn!(path = %PrintablePath(path), %error, "could not remove the temporary directory of a crashed process");
        }
    }
}

/// Whether the directory is marked and contains only names of a temporary directory.
fn holds_only_ours(files: &dyn Files, root: &FileRef<'_>) -> bool {
    let (mut is_marked, mut is_ours) = (false, true);
    let listed = files.list(root, &mut |name, _| {
        let name = name.to_str().unwrap_or_default();
        is_marked |= name == MARK;
        is_ours &= is_shard(name) || BESIDE.contains(&name);
    });
    listed.is_ok() && is_marked && is_ours
}

/// Deletes the items, shard by shard, and then the rest. Returns false if the deadline
/// has passed.
fn delete(files: &dyn Files, shards: &Shards, deadline: Instant) -> io::Result<bool> {
    for shard in 0..=u8::MAX {
        let mut names = Vec::new();
        let file_ref = FileRef::Shard(shards, shard);
        match files.list(&file_ref, &mut |name, _| names.push(name.to_owned())) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            listed => listed?,
        }
        for name in names {
            if Instant::now() > deadline {
                return Ok(false);
            }
            files.remove(&FileRef::InShard(shards, shard, Path::new(&name)))?;
        }
    }
    fs::remove_dir_all(shards.root()).map(|()| true)
}
