//! The one way to the file system, so that a test can put another in its place.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use file_backed_codecs::Source;

use super::file_ref::FileRef;
use super::readers::Readers;

/// The file operations of a directory of items.
pub(crate) trait Files: Send + Sync + 'static {
    /// Makes a directory, and the parents of a [`FileRef::Path`]; one that is there is
    /// success.
    fn create_dir(&self, file_ref: &FileRef<'_>, readers: Readers) -> io::Result<()>;

    /// Tells each name in a directory, and whether it is of a file.
    fn list(&self, file_ref: &FileRef<'_>, each: &mut dyn FnMut(&OsStr, bool)) -> io::Result<()>;

    /// Makes a new file, which nobody may write to later.
    fn create(&self, file_ref: &FileRef<'_>) -> io::Result<Box<dyn Write + Send>>;

    /// Opens a file to be read. It never waits, whatever stands there: what is not a
    /// regular file tells so when its length is asked for.
    fn open(&self, file_ref: &FileRef<'_>) -> io::Result<Box<dyn Source>>;

    /// Gives a file a second name.
    fn link(&self, from: &FileRef<'_>, to: &FileRef<'_>) -> io::Result<()>;

    /// Makes a new file that shares the blocks of another until one of them is
    /// written to, and which nobody may write to later.
    fn reflink(&self, from: &FileRef<'_>, to: &FileRef<'_>) -> io::Result<()>;

    /// Gives a file another name, which is not there yet.
    fn rename_new(&self, from: &FileRef<'_>, to: &FileRef<'_>) -> io::Result<()>;

    /// Removes a name.
    fn remove(&self, file_ref: &FileRef<'_>) -> io::Result<()>;

    /// Which file or directory a name stands for.
    fn identity(&self, file_ref: &FileRef<'_>) -> io::Result<Identity>;

    /// Makes a file, or the names in a directory, durable.
    fn sync(&self, file_ref: &FileRef<'_>) -> Result<(), SyncError>;

    /// Lets `readers` read a file, beside those who may already.
    fn open_up(&self, file_ref: &FileRef<'_>, readers: Readers) -> io::Result<()>;

    /// Who owns a file or directory, and who else may do what with it.
    fn ownership(&self, file_ref: &FileRef<'_>) -> io::Result<Ownership>;

    /// Opens a directory for [`sync_file_system`](Self::sync_file_system), which
    /// tells of failures since then; `None` where there is no such call.
    fn syncfs_handle(&self, path: &Path) -> io::Result<Option<File>>;

    /// Makes everything in the anchor's file system durable.
    fn sync_file_system(&self, syncfs_handle: &File) -> io::Result<()>;

    /// Opens a regular file to be locked, and makes it if it is not there; or a
    /// directory that is there.
    fn open_lock(&self, file_ref: &FileRef<'_>) -> io::Result<File>;

    /// Locks a file for this process. False if another has it.
    fn try_lock(&self, file: &File) -> io::Result<bool>;

    /// Opens a file that is there to be locked, for who may only read it.
    fn open_pin(&self, file_ref: &FileRef<'_>) -> io::Result<File>;

    /// Locks a file together with others who do so. False if somebody has it for
    /// himself.
    fn try_lock_shared(&self, file: &File) -> io::Result<bool>;

    /// How many bytes there is room for.
    fn free_space(&self, path: &Path) -> io::Result<u64>;
}

/// Why something could not be made durable.
pub(crate) enum SyncError {
    /// It could not be opened, and so was not asked.
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

/// Tells two files or directories apart, whatever names they have.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Identity {
    /// Device and inode.
    #[cfg(unix)]
    Inode(u64, u64),
    /// The canonical path, where nothing better is to be had.
    #[cfg(not(unix))]
    Path(std::path::PathBuf),
}

impl Identity {
    /// Whether both are on one file system, as far as can be told.
    pub(super) fn is_on_device_of(&self, other: &Self) -> bool {
        match (self, other) {
            #[cfg(unix)]
            (Self::Inode(one, _), Self::Inode(other, _)) => one == other,
            #[cfg(not(unix))]
            (Self::Path(_), Self::Path(_)) => true,
        }
    }

    /// Which file this is, that was opened at `path`.
    #[cfg(unix)]
    pub(super) fn of(file: &File, _path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt as _;
        let metadata = file.metadata()?;
        Ok(Self::Inode(metadata.dev(), metadata.ino()))
    }

    /// Which file or directory is at `path`.
    #[cfg(not(unix))]
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        std::fs::canonicalize(path).map(Self::Path)
    }

    /// Which file this is, that was opened at `path`.
    #[cfg(not(unix))]
    pub(super) fn of(_file: &File, path: &Path) -> io::Result<Self> {
        Self::at(path)
    }
}
