//! The file system of the machine.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use file_backed_codecs::Source;
use fs4::{FileExt, TryLockError};

use super::files::{Files, Identity, Ownership, SyncError};
use super::readers::Readers;
use super::spot::Spot;

#[cfg(unix)]
use super::names_by_handle as names;
#[cfg(not(unix))]
use super::names_by_path as names;

/// The file system of the machine.
pub(crate) struct RealFiles;

impl Files for RealFiles {
    fn create_dir(&self, spot: &Spot<'_>, readers: Readers) -> io::Result<()> {
        names::create_dir(spot, readers)
    }

    fn list(&self, spot: &Spot<'_>, each: &mut dyn FnMut(&OsStr, bool)) -> io::Result<()> {
        names::list(spot, each)
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
        names::reflink(from, to)
    }

    fn rename_new(&self, from: &Spot<'_>, to: &Spot<'_>) -> io::Result<()> {
        if let Some(renamed) = names::rename_exclusively(from, to) {
            return renamed;
        }
        match names::link(from, to) {
            Ok(()) => names::remove(from),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
            // Neither is to be had. This process has the directory, so nobody
            // makes the name in between.
            Err(_) if names::identity(to).is_ok() => Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => names::rename(from, to),
        }
    }

    fn remove(&self, spot: &Spot<'_>) -> io::Result<()> {
        names::remove(spot)
    }

    fn identity(&self, spot: &Spot<'_>) -> io::Result<Identity> {
        names::identity(spot)
    }

    fn sync(&self, spot: &Spot<'_>) -> Result<(), SyncError> {
        // Windows has no way to sync a directory, and keeps its names in a log.
        if cfg!(windows) && spot.path().is_dir() {
            return Ok(());
        }
        let file = names::open(spot).map_err(SyncError::Open)?;
        file.sync_all().map_err(SyncError::Sync)
    }

    fn open_up(&self, spot: &Spot<'_>, readers: Readers) -> io::Result<()> {
        names::open_up(spot, readers)
    }

    fn ownership(&self, spot: &Spot<'_>) -> io::Result<Ownership> {
        names::ownership(spot)
    }

    #[cfg(target_os = "linux")]
    fn anchor(&self, path: &Path) -> io::Result<Option<File>> {
        super::descriptor_budget::with_descriptors(|| File::open(path)).map(Some)
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

    fn open_lock(&self, spot: &Spot<'_>) -> io::Result<File> {
        names::open_lock(spot)
    }

    fn try_lock(&self, file: &File) -> io::Result<bool> {
        match FileExt::try_lock(file) {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn open_pin(&self, spot: &Spot<'_>) -> io::Result<File> {
        let file = names::open(spot)?;
        check_regular(&file.metadata()?)?;
        Ok(file)
    }

    fn try_lock_shared(&self, file: &File) -> io::Result<bool> {
        match FileExt::try_lock_shared(file) {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn free_space(&self, path: &Path) -> io::Result<u64> {
        fs4::available_space(path)
    }
}

/// Refuses pipes, devices and sockets, which may never answer.
pub(super) fn check_regular(metadata: &fs::Metadata) -> io::Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    let text = "it is not a regular file: move it away";
    Err(io::Error::new(io::ErrorKind::InvalidInput, text))
}
