//! The one way to the file system, so that a test can put another in its place.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use file_backed_codecs::Source;
use fs4::{FileExt, TryLockError};

/// The file operations of a directory of items.
pub(crate) trait Files: Send + Sync + 'static {
    /// Makes a directory and its parents; one that is there is success.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// The names in a directory.
    fn list(&self, path: &Path) -> io::Result<Vec<Listed>>;

    /// Makes a new file, which nobody may write to later.
    fn create(&self, path: &Path) -> io::Result<Box<dyn Write + Send>>;

    /// Opens a file to be read.
    fn open(&self, path: &Path) -> io::Result<Box<dyn Source>>;

    /// Gives a file a second name.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a name.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Which file or directory a name stands for.
    fn identity(&self, path: &Path) -> io::Result<Identity>;

    /// Makes a file, or the names in a directory, durable.
    fn sync(&self, path: &Path) -> Result<(), SyncError>;

    /// Opens a directory for [`sync_file_system`](Self::sync_file_system), which
    /// tells of failures since then; `None` where there is no such call.
    fn anchor(&self, path: &Path) -> io::Result<Option<File>>;

    /// Makes everything in the anchor's file system durable.
    fn sync_file_system(&self, anchor: &File) -> io::Result<()>;

    /// Opens a file to be locked, and makes it if it is not there.
    fn open_lock(&self, path: &Path) -> io::Result<File>;

    /// Locks a file for this process. False if another has it.
    fn try_lock(&self, file: &File) -> io::Result<bool>;
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

/// One name in a directory.
pub(crate) struct Listed {
    pub(crate) name: OsString,
    pub(crate) is_file: bool,
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

#[cfg(unix)]
impl Identity {
    fn of(metadata: fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self::Inode(metadata.dev(), metadata.ino())
    }
}

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

    fn list(&self, path: &Path) -> io::Result<Vec<Listed>> {
        fs::read_dir(path)?
            .map(|entry| {
                let entry = entry?;
                let is_file = entry.file_type()?.is_file();
                Ok(Listed {
                    name: entry.file_name(),
                    is_file,
                })
            })
            .collect()
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn Write + Send>> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o444);
        Ok(Box::new(options.open(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Source>> {
        Ok(Box::new(File::open(path)?))
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    #[cfg(unix)]
    fn identity(&self, path: &Path) -> io::Result<Identity> {
        fs::metadata(path).map(Identity::of)
    }

    #[cfg(not(unix))]
    fn identity(&self, path: &Path) -> io::Result<Identity> {
        fs::canonicalize(path).map(Identity::Path)
    }

    fn sync(&self, path: &Path) -> Result<(), SyncError> {
        // Windows has no way to sync a directory, and keeps its names in a log.
        if cfg!(windows) && path.is_dir() {
            return Ok(());
        }
        let file = File::open(path).map_err(SyncError::Open)?;
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
}

/// Which file this is, that was opened at `path`.
#[cfg(unix)]
pub(super) fn identity_of(file: &File, _path: &Path) -> io::Result<Identity> {
    file.metadata().map(Identity::of)
}

/// Which file this is, that was opened at `path`.
#[cfg(not(unix))]
pub(super) fn identity_of(_file: &File, path: &Path) -> io::Result<Identity> {
    fs::canonicalize(path).map(Identity::Path)
}
