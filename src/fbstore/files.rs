//! The file system operations as a trait, so that tests can replace them.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use file_backed_codecs::Source;

use super::file_ref::FileRef;
use super::readers::Readers;
use crate::backing_store::ManifestWatch;
#[cfg(feature = "dataset")]
use crate::error::StoreError;

/// The file operations of a directory of items.
pub(crate) trait Files: Send + Sync + 'static {
    /// Creates a directory, and the parents of a [`FileRef::Path`]. An existing
    /// directory is success.
    fn create_dir(&self, file_ref: &FileRef<'_>, readers: Readers) -> io::Result<()>;

    /// Calls `each` with each name in a directory, and whether it names a file.
    fn list(&self, file_ref: &FileRef<'_>, each: &mut dyn FnMut(&OsStr, bool)) -> io::Result<()>;

    /// Creates a new file. Only the returned writer can write to it.
    fn create(&self, file_ref: &FileRef<'_>) -> io::Result<Box<dyn Write + Send>>;

    /// Opens a file for reading. It never blocks on what the name refers to: for
    /// anything but a regular file, asking for its length fails.
    fn open(&self, file_ref: &FileRef<'_>) -> io::Result<Box<dyn Source>>;

    /// Opens a file for reading, if that takes no waiting: the directory that contains it is
    /// open already, and the name is in memory. `None` otherwise, and for any failure; then
    /// the caller opens it with [`open`](Self::open), where it may wait. The source can read
    /// what is in memory without waiting ([`Source::read_cached_at`]).
    fn open_cached(&self, file_ref: &FileRef<'_>) -> Option<Box<dyn Source>>;

    /// Gives a file a second name.
    fn link(&self, from: &FileRef<'_>, to: &FileRef<'_>) -> io::Result<()>;

    /// Creates a new read-only file that shares the blocks of another until one of them
    /// is written to.
    fn reflink(&self, from: &FileRef<'_>, to: &FileRef<'_>) -> io::Result<()>;

    /// Renames a file to a name that does not exist yet.
    fn rename_new(&self, from: &FileRef<'_>, to: &FileRef<'_>) -> io::Result<()>;

    /// Removes a name.
    fn remove(&self, file_ref: &FileRef<'_>) -> io::Result<()>;

    /// The identity of the file or directory that a name refers to.
    fn identity(&self, file_ref: &FileRef<'_>) -> io::Result<Identity>;

    /// The length of a file.
    fn length(&self, file_ref: &FileRef<'_>) -> io::Result<u64>;

    /// Makes a file durable, or the names in a directory.
    fn sync(&self, file_ref: &FileRef<'_>) -> Result<(), SyncError>;

    /// Makes many files durable. Returns the result of each, in their order.
    fn sync_many(&self, file_refs: &[FileRef<'_>]) -> Vec<Result<(), SyncError>> {
        file_refs
            .iter()
            .map(|file_ref| self.sync(file_ref))
            .collect()
    }

    /// Starts to write a file's data to the disk, so that a later [`sync`](Self::sync) has
    /// less to wait for. It is a hint: a failure changes nothing.
    fn start_write_back(&self, _file_ref: &FileRef<'_>) {}

    /// Writes a file's data to the disk and waits for it, but does not make it durable. After
    /// an error, the data may be lost, even if a later [`sync`](Self::sync) succeeds.
    fn write_back(&self, _file_ref: &FileRef<'_>) -> io::Result<()> {
        Ok(())
    }

    /// Lets `readers` read a file, in addition to those who already may.
    fn open_up(&self, file_ref: &FileRef<'_>, readers: Readers) -> io::Result<()>;

    /// Who owns a file or directory, and who else may do what with it.
    fn ownership(&self, file_ref: &FileRef<'_>) -> io::Result<Ownership>;

    /// Opens a directory for [`sync_file_system`](Self::sync_file_system), which
    /// reports failures since this call. `None` on systems without `syncfs`.
    fn syncfs_handle(&self, path: &Path) -> io::Result<Option<File>>;

    /// Makes everything on the handle's file system durable.
    fn sync_file_system(&self, syncfs_handle: &File) -> io::Result<()>;

    /// Opens a regular file for locking, and creates it if it does not exist; or opens
    /// an existing directory.
    fn open_lock(&self, file_ref: &FileRef<'_>) -> io::Result<File>;

    /// Locks a file for this process. Returns false if another process has the lock.
    fn try_lock(&self, file: &File) -> io::Result<bool>;

    /// Opens an existing file for locking, with permission to read it only.
    fn open_pin(&self, file_ref: &FileRef<'_>) -> io::Result<File>;

    /// Takes a shared lock of a file. Returns false if the file is locked exclusively
    /// elsewhere.
    fn try_lock_shared(&self, file: &File) -> io::Result<bool>;

    /// Calls `changed` for each name that a directory gets or loses from now on, on a thread
    /// of the watch. `None` on systems that cannot notify.
    fn watch_names(
        &self,
        file_ref: &FileRef<'_>,
        changed: NameChanged,
    ) -> io::Result<Option<Box<dyn ManifestWatch>>>;

    /// The free space, in bytes.
    fn free_space(&self, path: &Path) -> io::Result<u64>;
}

/// Length of a file in bytes; `None` if there is none.
#[cfg(feature = "dataset")]
pub(super) fn len_if_present(
    files: &dyn Files,
    file_ref: &FileRef<'_>,
) -> Result<Option<u64>, StoreError> {
    match files.length(file_ref) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        len => len
            .map(Some)
            .map_err(|error| super::directory::at(&file_ref.path(), error)),
    }
}

/// Called with a name that a directory has got or lost, or with `None` if that may be any.
pub(crate) type NameChanged = Box<dyn Fn(Option<&OsStr>) + Send>;

/// Why a file or directory could not be made durable.
pub(crate) enum SyncError {
    /// It could not be opened, so no sync was attempted.
    Open(io::Error),
    Sync(io::Error),
}

impl SyncError {
    pub(crate) fn into_io(self) -> io::Error {
        match self {
            Self::Open(error) | Self::Sync(error) => error,
        }
    }
}

/// Who owns a file or directory, and who else may do what with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ownership {
    /// It belongs to the user that this process runs as.
    pub(crate) is_ours: bool,
    /// Every user may change it.
    pub(crate) is_world_writable: bool,
    pub(crate) readers: Readers,
}

/// Identifies a file or directory, whatever names it has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Identity {
    /// Device and inode.
    #[cfg(unix)]
    Inode(u64, u64),
    /// The canonical path, on systems without inodes.
    #[cfg(not(unix))]
    Path(std::path::PathBuf),
}

impl Identity {
    /// Whether both are on one file system, as far as the system reports it.
    pub(super) fn is_on_device_of(&self, other: &Self) -> bool {
        match (self, other) {
            #[cfg(unix)]
            (Self::Inode(one, _), Self::Inode(other, _)) => one == other,
            #[cfg(not(unix))]
            (Self::Path(_), Self::Path(_)) => true,
        }
    }

    /// The identity of a file that was opened at `path`.
    #[cfg(unix)]
    pub(super) fn of(file: &File, _path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt as _;
        let metadata = file.metadata()?;
        Ok(Self::Inode(metadata.dev(), metadata.ino()))
    }

    /// The identity of the file or directory at `path`.
    #[cfg(not(unix))]
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        std::fs::canonicalize(path).map(Self::Path)
    }

    /// The identity of a file that was opened at `path`.
    #[cfg(not(unix))]
    pub(super) fn of(_file: &File, path: &Path) -> io::Result<Self> {
        Self::at(path)
    }
}
