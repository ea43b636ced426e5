//! The file system of the machine.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use file_backed_codecs::Source;
use fs4::{FileExt, TryLockError};

use super::file_ref::FileRef;
use super::files::{Files, Identity, NameChanged, Ownership, SyncError};
use super::readers::Readers;
use crate::backing_store::ManifestWatch;

#[cfg(unix)]
use super::names_by_handle as names;
#[cfg(not(unix))]
use super::names_by_path as names;

/// The file system of the machine.
pub(crate) struct RealFiles;

impl Files for RealFiles {
    fn create_dir(&self, file_ref: &FileRef<'_>, readers: Readers) -> io::Result<()> {
        names::create_dir(file_ref, readers)
    }

    fn list(&self, file_ref: &FileRef<'_>, each: &mut dyn FnMut(&OsStr, bool)) -> io::Result<()> {
        names::list(file_ref, each)
    }

    fn create(&self, file_ref: &FileRef<'_>) -> io::Result<Box<dyn Write + Send>> {
        Ok(Box::new(names::create(file_ref)?))
    }

    fn open(&self, file_ref: &FileRef<'_>) -> io::Result<Box<dyn Source>> {
        Ok(Box::new(names::open(file_ref)?))
    }

    fn link(&self, from: &FileRef<'_>, to: &FileRef<'_>) -> io::Result<()> {
        names::link(from, to)
    }

    fn reflink(&self, from: &FileRef<'_>, to: &FileRef<'_>) -> io::Result<()> {
        names::reflink(from, to)
    }

    fn rename_new(&self, from: &FileRef<'_>, to: &FileRef<'_>) -> io::Result<()> {
        if let Some(renamed) = names::rename_exclusively(from, to) {
            return renamed;
        }
        match names::link(from, to) {
            Ok(()) => names::remove(from),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
            // The file system supports neither a rename that does not replace nor a
            // link. This process has the directory, so no other process creates the
            // name in between.
            Err(_) if names::identity(to).is_ok() => Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => names::rename(from, to),
        }
    }

    fn remove(&self, file_ref: &FileRef<'_>) -> io::Result<()> {
        names::remove(file_ref)
    }

    fn identity(&self, file_ref: &FileRef<'_>) -> io::Result<Identity> {
        names::identity(file_ref)
    }

    fn length(&self, file_ref: &FileRef<'_>) -> io::Result<u64> {
        names::length(file_ref)
    }

    fn sync(&self, file_ref: &FileRef<'_>) -> Result<(), SyncError> {
        // Windows cannot sync a directory, and keeps its names in a log.
        if cfg!(windows) && file_ref.path().is_dir() {
            return Ok(());
        }
        let file = names::open(file_ref).map_err(SyncError::Open)?;
        file.sync_all().map_err(SyncError::Sync)
    }

    fn open_up(&self, file_ref: &FileRef<'_>, readers: Readers) -> io::Result<()> {
        names::open_up(file_ref, readers)
    }

    fn ownership(&self, file_ref: &FileRef<'_>) -> io::Result<Ownership> {
        names::ownership(file_ref)
    }

    #[cfg(target_os = "linux")]
    fn syncfs_handle(&self, path: &Path) -> io::Result<Option<File>> {
        super::descriptor_budget::with_descriptors(|| File::open(path)).map(Some)
    }

    #[cfg(target_os = "linux")]
    fn sync_file_system(&self, syncfs_handle: &File) -> io::Result<()> {
        Ok(rustix::fs::syncfs(syncfs_handle)?)
    }

    #[cfg(not(target_os = "linux"))]
    fn syncfs_handle(&self, _: &Path) -> io::Result<Option<File>> {
        Ok(None)
    }

    #[cfg(not(target_os = "linux"))]
    fn sync_file_system(&self, _: &File) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn open_lock(&self, file_ref: &FileRef<'_>) -> io::Result<File> {
        names::open_lock(file_ref)
    }

    fn try_lock(&self, file: &File) -> io::Result<bool> {
        match FileExt::try_lock(file) {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn open_pin(&self, file_ref: &FileRef<'_>) -> io::Result<File> {
        let file = names::open(file_ref)?;
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

    #[cfg(target_os = "linux")]
    fn watch_names(
        &self,
        file_ref: &FileRef<'_>,
        changed: NameChanged,
    ) -> io::Result<Option<Box<dyn ManifestWatch>>> {
        let watch = super::inotify::watch(file_ref, changed)?;
        Ok(Some(Box::new(watch)))
    }

    #[cfg(not(target_os = "linux"))]
    fn watch_names(
        &self,
        _: &FileRef<'_>,
        _: NameChanged,
    ) -> io::Result<Option<Box<dyn ManifestWatch>>> {
        Ok(None)
    }

    fn free_space(&self, path: &Path) -> io::Result<u64> {
        fs4::available_space(path)
    }
}

/// Refuses pipes, devices and sockets, which may block forever.
pub(super) fn check_regular(metadata: &fs::Metadata) -> io::Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    let text = "it is not a regular file: move it away";
    Err(io::Error::new(io::ErrorKind::InvalidInput, text))
}
