//! File operations on names by path, for systems without directory handles.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io;

use super::file_ref::FileRef;
use super::files::{Identity, Ownership};
use super::readers::Readers;
use super::real_files::check_regular;

pub(super) fn create_dir(file_ref: &FileRef<'_>, _: Readers) -> io::Result<()> {
    let path = file_ref.path();
    match fs::create_dir(&path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => match file_ref {
            FileRef::Path(path) => fs::create_dir_all(path),
            _ => Err(error),
        },
        made => made,
    }
}

pub(super) fn create(file_ref: &FileRef<'_>) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).open(file_ref.path())
}

pub(super) fn open(file_ref: &FileRef<'_>) -> io::Result<File> {
    File::open(file_ref.path())
}

pub(super) fn open_lock(file_ref: &FileRef<'_>) -> io::Result<File> {
    if matches!(file_ref, FileRef::Root(_)) {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let file = options.open(file_ref.path())?;
    check_regular(&file.metadata()?)?;
    Ok(file)
}

pub(super) fn link(from: &FileRef<'_>, to: &FileRef<'_>) -> io::Result<()> {
    fs::hard_link(from.path(), to.path())
}

pub(super) fn reflink(from: &FileRef<'_>, to: &FileRef<'_>) -> io::Result<()> {
    let to = to.path();
    reflink_copy::reflink(from.path(), &to)?;
    let mut permissions = fs::metadata(&to)?.permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&to, permissions)
}

pub(super) fn remove(file_ref: &FileRef<'_>) -> io::Result<()> {
    fs::remove_file(file_ref.path())
}

pub(super) fn rename(from: &FileRef<'_>, to: &FileRef<'_>) -> io::Result<()> {
    fs::rename(from.path(), to.path())
}

pub(super) fn rename_exclusively(_: &FileRef<'_>, _: &FileRef<'_>) -> Option<io::Result<()>> {
    None
}

pub(super) fn identity(file_ref: &FileRef<'_>) -> io::Result<Identity> {
    Identity::at(&file_ref.path())
}

pub(super) fn length(file_ref: &FileRef<'_>) -> io::Result<u64> {
    Ok(fs::symlink_metadata(file_ref.path())?.len())
}

/// The permissions of other users are those of the directory.
pub(super) fn open_up(_: &FileRef<'_>, _: Readers) -> io::Result<()> {
    Ok(())
}

pub(super) fn ownership(_: &FileRef<'_>) -> io::Result<Ownership> {
    Ok(Ownership {
        is_ours: true,
        is_world_writable: false,
        readers: Readers::Owner,
    })
}

pub(super) fn list(file_ref: &FileRef<'_>, each: &mut dyn FnMut(&OsStr, bool)) -> io::Result<()> {
    for entry in fs::read_dir(file_ref.path())? {
        let entry = entry?;
        each(&entry.file_name(), entry.file_type()?.is_file());
    }
    Ok(())
}
