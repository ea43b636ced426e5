//! The file system of the machine.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use file_backed_codecs::Source;
use fs4::{FileExt, TryLockError};

use super::files::{Files, Identity, SyncError};
use super::spot::Spot;

/// The file system of the machine.
pub(crate) struct RealFiles;

impl Files for RealFiles {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        match fs::create_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => fs::create_dir_all(path),
            made => made,
        }
    }

    fn list(&self, path: &Path, each: &mut dyn FnMut(&OsStr, bool)) -> io::Result<()> {
        names::list(path, each)
    }

    fn create(&self, spot: &Spot<'_>) -> io::Result<Box<dyn Write + Send>> {
        Ok(Box::new(names::create(spot)?))
    }

    fn open(&self, spot: &Spot<'_>) -> io::Result<Box<dyn Source>> {
        Ok(Box::new(names::open(spot)?))
    }

    fn link(&self, from: &Spot<'_>, to: &Spot<'_>) -> io::Result<()> {
        names::link(from, to)
    }

    fn reflink(&self, from: &Spot<'_>, to: &Spot<'_>) -> io::Result<()> {
        let to = to.path();
        reflink_copy::reflink(from.path(), &to)?;
        let mut permissions = fs::metadata(&to)?.permissions();
        if !permissions.readonly() {
            permissions.set_readonly(true);
            fs::set_permissions(&to, permissions)?;
        }
        Ok(())
    }

    fn rename_new(&self, from: &Spot<'_>, to: &Spot<'_>) -> io::Result<()> {
        let (from, to) = (&*from.path(), &*to.path());
        if let Some(renamed) = names::rename_exclusively(from, to) {
            return renamed;
        }
        match fs::hard_link(from, to) {
            Ok(()) => fs::remove_file(from),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
            // Neither is to be had. This process has the directory, so nobody
            // makes the name in between.
            Err(_) if fs::symlink_metadata(to).is_ok() => Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => fs::rename(from, to),
        }
    }

    fn remove(&self, spot: &Spot<'_>) -> io::Result<()> {
        names::remove(spot)
    }

    fn identity(&self, spot: &Spot<'_>) -> io::Result<Identity> {
        Identity::at(&spot.path())
    }

    fn sync(&self, spot: &Spot<'_>) -> Result<(), SyncError> {
        // Windows has no way to sync a directory, and keeps its names in a log.
        if cfg!(windows) && spot.path().is_dir() {
            return Ok(());
        }
        let file = names::open(spot).map_err(SyncError::Open)?;
        file.sync_all().map_err(SyncError::Sync)
    }

    #[cfg(target_os = "linux")]
    fn anchor(&self, path: &Path) -> io::Result<Option<File>> {
        File::open(path).map(Some)
    }

    #[cfg(target_os = "linux")]
    fn sync_file_system(&self, anchor: &File) -> io::Result<()> {
        Ok(rustix::fs::syncfs(anchor)?)
    }

    #[cfg(not(target_os = "linux"))]
    fn anchor(&self, _: &Path) -> io::Result<Option<File>> {
        Ok(None)
    }

    #[cfg(not(target_os = "linux"))]
    fn sync_file_system(&self, _: &File) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn open_lock(&self, path: &Path) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        options.open(path)
    }

    fn try_lock(&self, file: &File) -> io::Result<bool> {
        match FileExt::try_lock(file) {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn free_space(&self, path: &Path) -> io::Result<u64> {
        fs4::available_space(path)
    }
}

/// Names that are reached through open directories.
#[cfg(unix)]
mod names {
    use std::ffi::OsStr;
    use std::fs::File;
    use std::io;
    use std::os::fd::{BorrowedFd, OwnedFd};
    use std::path::Path;

    use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, openat, unlinkat};
    use rustix::io::{Errno, retry_on_intr};

    use super::Spot;

    /// Calls with the open directory of a name, or else with its path.
    fn reach<R>(
        spot: &Spot<'_>,
        call: impl Fn(BorrowedFd<'_>, &Path) -> rustix::io::Result<R>,
    ) -> io::Result<R> {
        if let Some((directory, name)) = spot.opened() {
            match call(directory, name) {
                // Or the directory was replaced since it was opened.
                Err(Errno::NOENT) => {}
                done => return Ok(done?),
            }
        }
        Ok(call(CWD, &spot.path())?)
    }

    fn open_file(spot: &Spot<'_>, flags: OFlags, mode: Mode) -> io::Result<File> {
        let open = |directory: BorrowedFd<'_>, name: &Path| -> rustix::io::Result<OwnedFd> {
            retry_on_intr(|| openat(directory, name, flags | OFlags::CLOEXEC, mode))
        };
        reach(spot, open).map(File::from)
    }

    pub(super) fn create(spot: &Spot<'_>) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        open_file(spot, flags, Mode::RUSR | Mode::RGRP | Mode::ROTH)
    }

    pub(super) fn open(spot: &Spot<'_>) -> io::Result<File> {
        open_file(spot, OFlags::RDONLY, Mode::empty())
    }

    pub(super) fn link(from: &Spot<'_>, to: &Spot<'_>) -> io::Result<()> {
        reach(to, |to_directory, to_name| {
            let link = |directory: BorrowedFd<'_>, name: &Path| {
                linkat(directory, name, to_directory, to_name, AtFlags::empty())
            };
            match from.opened() {
                Some((directory, name)) => match link(directory, name) {
                    Err(Errno::NOENT) => link(CWD, &from.path()),
                    done => done,
                },
                None => link(CWD, &from.path()),
            }
        })
    }

    pub(super) fn remove(spot: &Spot<'_>) -> io::Result<()> {
        reach(spot, |directory, name| {
            unlinkat(directory, name, AtFlags::empty())
        })
    }

    /// A rename that does not replace, in one call; `None` where there is none.
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    pub(super) fn rename_exclusively(from: &Path, to: &Path) -> Option<io::Result<()>> {
        use rustix::fs::{RenameFlags, renameat_with};
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => None,
            renamed => Some(renamed.map_err(io::Error::from)),
        }
    }

    #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
    pub(super) fn rename_exclusively(_: &Path, _: &Path) -> Option<io::Result<()>> {
        None
    }

    /// Without an allocation for each name.
    #[cfg(target_os = "linux")]
    pub(super) fn list(path: &Path, each: &mut dyn FnMut(&OsStr, bool)) -> io::Result<()> {
        use std::os::unix::ffi::OsStrExt as _;

        use rustix::fs::{FileType, RawDir};

        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let directory = open_file(&Spot::Path(path), flags, Mode::empty())?;
        let mut buffer = Vec::with_capacity(32 << 10);
        let mut entries = RawDir::new(&directory, buffer.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            let is_file = match entry.file_type() {
                FileType::RegularFile => true,
                // Some file systems do not say.
                FileType::Unknown => std::fs::symlink_metadata(path.join(name))
                    .is_ok_and(|metadata| metadata.is_file()),
                _ => false,
            };
            each(name, is_file);
        }
        Ok(())
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) use super::list_by_std as list;
}

/// Names that are reached by their paths.
#[cfg(not(unix))]
mod names {
    use std::fs::{self, File, OpenOptions};
    use std::io;
    use std::path::Path;

    use super::Spot;
    pub(super) use super::list_by_std as list;

    pub(super) fn create(spot: &Spot<'_>) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).open(spot.path())
    }

    pub(super) fn open(spot: &Spot<'_>) -> io::Result<File> {
        File::open(spot.path())
    }

    pub(super) fn link(from: &Spot<'_>, to: &Spot<'_>) -> io::Result<()> {
        fs::hard_link(from.path(), to.path())
    }

    pub(super) fn remove(spot: &Spot<'_>) -> io::Result<()> {
        fs::remove_file(spot.path())
    }

    pub(super) fn rename_exclusively(_: &Path, _: &Path) -> Option<io::Result<()>> {
        None
    }
}

#[cfg(not(target_os = "linux"))]
fn list_by_std(path: &Path, each: &mut dyn FnMut(&OsStr, bool)) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        each(&entry.file_name(), entry.file_type()?.is_file());
    }
    Ok(())
}
