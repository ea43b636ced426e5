//! Names that are reached by their paths, where there are no open directories.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io;

use super::files::{Identity, Ownership};
use super::readers::Readers;
use super::real_files::check_regular;
use super::spot::Spot;

pub(super) fn create_dir(spot: &Spot<'_>, _: Readers) -> io::Result<()> {
    let path = spot.path();
    match fs::create_dir(&path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => match spot {
            Spot::Path(path) => fs::create_dir_all(path),
            _ => Err(error),
        },
        made => made,
    }
}

pub(super) fn create(spot: &Spot<'_>) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).open(spot.path())
}

pub(super) fn open(spot: &Spot<'_>) -> io::Result<File> {
    File::open(spot.path())
}

pub(super) fn open_lock(spot: &Spot<'_>) -> io::Result<File> {
    if matches!(spot, Spot::Root(_)) {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let file = options.open(spot.path())?;
    check_regular(&file.metadata()?)?;
    Ok(file)
}

pub(super) fn link(from: &Spot<'_>, to: &Spot<'_>) -> io::Result<()> {
    fs::hard_link(from.path(), to.path())
}

pub(super) fn reflink(from: &Spot<'_>, to: &Spot<'_>) -> io::Result<()> {
    let to = to.path();
    reflink_copy::reflink(from.path(), &to)?;
    let mut permissions = fs::metadata(&to)?.permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&to, permissions)
}

pub(super) fn remove(spot: &Spot<'_>) -> io::Result<()> {
    fs::remove_file(spot.path())
}

pub(super) fn rename(from: &Spot<'_>, to: &Spot<'_>) -> io::Result<()> {
    fs::rename(from.path(), to.path())
}

pub(super) fn rename_exclusively(_: &Spot<'_>, _: &Spot<'_>) -> Option<io::Result<()>> {
    None
}

pub(super) fn identity(spot: &Spot<'_>) -> io::Result<Identity> {
    Identity::at(&spot.path())
}

/// Permissions of other users are those of the directory.
pub(super) fn open_up(_: &Spot<'_>, _: Readers) -> io::Result<()> {
    Ok(())
}

pub(super) fn ownership(_: &Spot<'_>) -> io::Result<Ownership> {
    Ok(Ownership {
        is_ours: true,
        is_world_writable: false,
        readers: Readers::Owner,
    })
}

pub(super) fn list(spot: &Spot<'_>, each: &mut dyn FnMut(&OsStr, bool)) -> io::Result<()> {
    for entry in fs::read_dir(spot.path())? {
        let entry = entry?;
        each(&entry.file_name(), entry.file_type()?.is_file());
    }
    Ok(())
}
