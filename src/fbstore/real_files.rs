//! The file system of the machine.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use file_backed_codecs::Source;
use file_backed_codecs::write_back::{start_write_back, write_back};
use fs4::{FileExt, TryLockError};

#[cfg(unix)]
use super::descriptor_budget::is_out_of_descriptors;
use super::file_ref::FileRef;
use super::files::{Files, Identity, NameChanged, Ownership, SyncError};
use super::readers::Readers;
use crate::backing_store::ManifestWatch;

#[cfg(unix)]
use super::names_by_handle as names;
#[cfg(not(unix))]
use super::names_by_path as names;

/// Files that are open at a time while many are synced. Each such group costs about one
/// commit of the file system's journal.
const SYNCED_TOGETHER: usize = 32;

#[cfg(not(unix))]
fn is_out_of_descriptors(_: &io::Error) -> bool {
    false
}

/// Syncs what was opened, after the data of all has been written.
fn sync_together(opened: &mut Vec<io::Result<File>>, synced: &mut Vec<Result<(), SyncError>>) {
    // The sync of a single file writes its data anyway.
    let are_many = opened.len() > 1;
    for file in opened.iter().flatten().filter(|_| are_many) {
        // If it does not start, the sync writes all of it.
        let _ = start_write_back(file);
    }
    let written = opened.drain(..).map(|file| {
        let file = file.map_err(SyncError::Open)?;
        if are_many {
            write_back(&file).map_err(SyncError::Sync)?;
        }
        Ok(file)
    });
    let written: Vec<Result<File, SyncError>> = written.collect();
    let written = written.into_iter();
    synced.extend(written.map(|file| file?.sync_all().map_err(SyncError::Sync)));
}

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

    #[cfg(all(target_os = "linux", target_pointer_width = "64"))]
    fn open_cached(&self, file_ref: &FileRef<'_>) -> Option<Box<dyn Source>> {
        Some(Box::new(names::open_cached(file_ref)?))
    }

    #[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
    fn open_cached(&self, _: &FileRef<'_>) -> Option<Box<dyn Source>> {
        None
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

    fn sync_many(&self, file_refs: &[FileRef<'_>]) -> Vec<Result<(), SyncError>> {
        let mut synced = Vec::with_capacity(file_refs.len());
        let mut opened = Vec::new();
        for file_ref in file_refs {
            if opened.len() == SYNCED_TOGETHER {
                sync_together(&mut opened, &mut synced);
            }
            let mut file = names::open(file_ref);
            if !opened.is_empty() && file.as_ref().is_err_and(is_out_of_descriptors) {
                // Those of the others are free then.
                sync_together(&mut opened, &mut synced);
                file = names::open(file_ref);
            }
            opened.push(file);
        }
        sync_together(&mut opened, &mut synced);
        synced
    }

    fn start_write_back(&self, file_ref: &FileRef<'_>) {
        // If it does not start, the sync writes all of it.
        let _ = names::open(file_ref).and_then(|file| start_write_back(&file));
    }

    fn write_back(&self, file_ref: &FileRef<'_>) -> io::Result<()> {
        write_back(&names::open(file_ref)?)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_files_are_synced_although_some_cannot_be() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let paths: Vec<_> = (0..2 * SYNCED_TOGETHER + 5)
            .map(|number| dir.path().join(number.to_string()))
            .collect();
        let is_missing = |number| number % SYNCED_TOGETHER == 3;
        for (number, path) in paths.iter().enumerate() {
            if !is_missing(number) {
                fs::write(path, "some data").expect("it is written");
            }
        }
        let file_refs: Vec<_> = paths.iter().map(|path| FileRef::Path(path)).collect();
        let synced = RealFiles.sync_many(&file_refs);
        assert_eq!(synced.len(), paths.len());
        for (number, synced) in synced.into_iter().enumerate() {
            match synced {
                Ok(()) => assert!(!is_missing(number)),
                Err(error) => {
                    assert!(is_missing(number));
                    let kind = error.into_io().kind();
                    assert_eq!(kind, io::ErrorKind::NotFound);
                }
            }
        }
    }
}
