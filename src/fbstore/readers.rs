//! Who may read what the library creates.

/// Who may read the files and directories that the library creates, on systems with
/// Unix permissions. Only the owner may write.
///
/// Existing directories and files keep their permissions. The process's umask removes
/// permissions from those listed here, as it does for any file.
///
/// | | directories | files |
/// |---|---|---|
/// | [`Owner`](Self::Owner) | 0700 | 0400 |
/// | [`Group`](Self::Group) | 0750 | 0440 |
/// | [`Everyone`](Self::Everyone) | 0755 | 0444 |
///
/// # Examples
///
/// A dataset that other users of the group may read:
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> file_backed::Result<()> {
/// use file_backed::fbstore::{Readers, PreparedPath};
///
/// # let dir = tempfile::tempdir().expect("a temporary directory");
/// # let path = dir.path().join("shared");
/// let shared = PreparedPath::builder().readers(Readers::Group).open(path).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Readers {
    /// Only the user that the process runs as.
    #[default]
    Owner,
    /// The owner, and the group of the directory.
    Group,
    /// Every user.
    Everyone,
}

impl Readers {
    pub(super) fn from_number(number: u8) -> Self {
        match number {
            1 => Self::Group,
            2 => Self::Everyone,
            _ => Self::Owner,
        }
    }

    /// The permissions of a directory.
    pub(super) fn of_directory(self) -> u32 {
        match self {
            Self::Owner => 0o700,
            Self::Group => 0o750,
            Self::Everyone => 0o755,
        }
    }

    /// The permissions of a file, which is never written to again.
    pub(super) fn of_file(self) -> u32 {
        match self {
            Self::Owner => 0o400,
            Self::Group => 0o440,
            Self::Everyone => 0o444,
        }
    }

    /// The readers that the mode of a file allows.
    #[cfg(unix)]
    pub(super) fn by_mode(mode: u32) -> Self {
        match (mode & 0o040 != 0, mode & 0o004 != 0) {
            (_, true) => Self::Everyone,
            (true, false) => Self::Group,
            (false, false) => Self::Owner,
        }
    }
}
