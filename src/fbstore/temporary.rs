//! Temporary directories, and what crashed processes have left of them.
//!
//! A process that is killed cannot delete its temporary directories; the next one
//! that makes such a directory does. The locks tell which are in use: the owner
//! takes them as soon as the directory is there, and then looks whether it still is;
//! a sweep deletes nothing but what it has locked itself. So whichever comes first,
//! the other sees it.
//!
//! A directory is swept only if it has the mark of a temporary one, which is there
//! before anything else: what a program keeps under such a name is not touched. (A
//! process that is killed before the mark is there leaves an empty directory.)

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use file_backed_codecs::printable::PrintablePath;
use tempfile::TempDir;

use super::directory::{Directory, Opening, at};
use super::files::Files;
use super::layout::is_shard;
use super::lock::Locks;
use super::spot::{Shards, Spot};
use crate::error::{Fault, StoreError};

/// How the names of temporary directories begin.
const PREFIX: &str = "file_backed-";

/// Random characters behind it.
const RANDOM: usize = 6;

/// The name of the mark.
const MARK: &str = "file_backed.temporary";

/// What may stand beside the shards of one that is swept.
const BESIDE: [&str; 2] = [MARK, "file_backed.lock"];

/// How long a sweep may take. What is left is swept by the next one.
const LONGEST: Duration = Duration::from_millis(100);

/// How often a directory is made that a sweep of another process has taken at once.
const ATTEMPTS: usize = 8;

/// Makes a temporary directory, which this process has locked. Sweeps what crashed
/// processes of this user have left beside it.
pub(super) fn make(files: &Arc<dyn Files>) -> Result<Arc<Directory>, StoreError> {
    let parent = tempfile::env::temp_dir();
    sweep(&**files, &parent, Instant::now() + LONGEST);
    for _ in 1..ATTEMPTS {
        if let Some(directory) = try_make(files, &parent)? {
            return Ok(directory);
        }
    }
    try_make(files, &parent)?.ok_or_else(|| at(&parent, Fault::Locked))
}

/// `None` if a sweep got hold of it before it was locked.
fn try_make(files: &Arc<dyn Files>, parent: &Path) -> Result<Option<Arc<Directory>>, StoreError> {
    let temporary = make_dir(parent).map_err(|error| at(parent, error))?;
    let path = temporary.path().to_owned();
    let made = Directory::open(path, files.clone(), Opening::Temporary(temporary));
    let is_swept = |error: &StoreError| {
        error.is_not_found()
            || matches!(
                error.get_ref().downcast_ref(),
                Some(Fault::Locked | Fault::DirectoryGone)
            )
    };
    let locked = made.and_then(|directory| directory.lock_temporary().map(|()| directory));
    match locked {
        Ok(directory) if directory.is_at_its_path() => Ok(Some(directory)),
        Ok(_) => Ok(None),
        Err(error) if is_swept(&error) => Ok(None),
        Err(error) => Err(error),
    }
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

/// Makes the directory of a store again, whose name is known to this process alone.
/// Fails if something has that name meanwhile.
pub(super) fn make_again(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)?;
    mark(directory)
}

/// Deletes the temporary directories of crashed processes of this user.
fn sweep(files: &dyn Files, parent: &Path, deadline: Instant) {
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
    let root = Spot::Root(&shards);
    if !files.ownership(&root).is_ok_and(|owner| owner.is_ours) || !holds_only_ours(files, &root) {
        return;
    }
    // An error is an answer too: another process has it.
    let Ok(locks) = Locks::take(files, &shards) else {
        return;
    };
    if locks.is_shared() {
        return;
    }
    match delete(files, &shards, deadline) {
        Ok(true) => {
            tracing::debug!(path = %PrintablePath(path), "removed the temporary directory of a crashed process");
        }
        Ok(false) => {}
        Err(error) => {
            tracing::warn!(path = %PrintablePath(path), %error, "the temporary directory of a crashed process could not be removed");
        }
    }
}

/// Whether it is marked, and nothing is there that a temporary directory has not.
fn holds_only_ours(files: &dyn Files, root: &Spot<'_>) -> bool {
    let (mut is_marked, mut is_ours) = (false, true);
    let listed = files.list(root, &mut |name, _| {
        let name = name.to_str().unwrap_or_default();
        is_marked |= name == MARK;
        is_ours &= is_shard(name) || BESIDE.contains(&name);
    });
    listed.is_ok() && is_marked && is_ours
}

/// Deletes the items, shard by shard, and then the rest; false if the time is over.
fn delete(files: &dyn Files, shards: &Shards, deadline: Instant) -> io::Result<bool> {
    for shard in 0..=u8::MAX {
        let mut names = Vec::new();
        let spot = Spot::Shard(shards, shard);
        match files.list(&spot, &mut |name, _| names.push(name.to_owned())) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            listed => listed?,
        }
        for name in names {
            if Instant::now() > deadline {
                return Ok(false);
            }
            files.remove(&Spot::InShard(shards, shard, Path::new(&name)))?;
        }
    }
    fs::remove_dir_all(shards.root()).map(|()| true)
}
