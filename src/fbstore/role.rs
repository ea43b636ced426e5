//! The role of a directory, as recorded in its mark.
//!
//! A directory is marked when it is first used. The mark keeps a directory of persisted
//! items from being mistaken for a cache, whose files are swept.

use std::io;
use std::path::Path;

use super::directory::at;
use super::file_ref::{FileRef, Shards};
use super::files::{Files, SyncError};
use super::readers::Readers;
use crate::error::{Cause, StoreError};

/// The name of the mark.
pub(super) const MARK: &str = "file_backed.role";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Its items are worthless after a restart.
    Cache,
    /// It holds items that were persisted on purpose.
    Persisted,
}

impl Role {
    const ALL: [Self; 2] = [Self::Cache, Self::Persisted];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::Persisted => "persisted",
        }
    }

    fn text(self) -> String {
        format!("{}\n", self.name())
    }

    /// Reads the mark of a directory.
    pub(super) fn of(files: &dyn Files, shards: &Shards) -> Result<Option<Self>, StoreError> {
        let mark = shards.beside(MARK);
        let text = match read(files, &mark) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(|error| at(&mark.path(), error))?,
        };
        if let Some(role) = Self::ALL.into_iter().find(|role| role.text() == text) {
            return Ok(Some(role));
        }
        // A crash or a power cut can leave the name without its text.
        let is_unfinished = text.bytes().all(|byte| byte == 0)
            || Self::ALL.iter().any(|role| role.text().starts_with(&text));
        match is_unfinished {
            true => Ok(None),
            false => Err(at(&mark.path(), Cause::UnknownRole)),
        }
    }

    /// Marks a directory in which [`of`](Self::of) found no mark. The mark is durable
    /// before the first item is created. Without it, what a power cut leaves of a cache
    /// would be indistinguishable from persisted items.
    pub(super) fn mark(self, files: &dyn Files, shards: &Shards) -> Result<(), StoreError> {
        let mark = shards.beside(MARK);
        write_durably(files, shards, MARK, self.text().as_bytes())
            .map_err(|error| at(&mark.path(), error))
    }

    /// The readers of the mark, who are also those of the items.
    pub(super) fn readers(files: &dyn Files, shards: &Shards) -> io::Result<Readers> {
        Ok(files.ownership(&shards.beside(MARK))?.readers)
    }

    /// Lets the readers of the items read the mark.
    pub(super) fn open_up(files: &dyn Files, shards: &Shards) -> Result<(), StoreError> {
        let mark = shards.beside(MARK);
        let opened = files.open_up(&mark, shards.readers());
        opened.map_err(|error| at(&mark.path(), error))
    }

    pub(super) fn file_ref(shards: &Shards) -> FileRef<'_> {
        shards.beside(MARK)
    }

    /// Refuses a directory that has another role.
    pub(super) fn check(self, wanted: Self, root: &Path) -> Result<(), StoreError> {
        if self == wanted {
            return Ok(());
        }
        let cause = match self {
            Self::Cache => Cause::IsCache,
            Self::Persisted => Cause::IsPersisted,
        };
        Err(at(root, cause))
    }
}

/// Writes a small file next to the shards and makes it durable. Replaces an unfinished
/// one.
pub(super) fn write_durably(
    files: &dyn Files,
    shards: &Shards,
    name: &str,
    bytes: &[u8],
) -> io::Result<()> {
    let file_ref = shards.beside(name);
    let mut file = match files.create(&file_ref) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            files.remove(&file_ref)?;
            files.create(&file_ref)?
        }
        created => created?,
    };
    file.write_all(bytes)?;
    file.flush()?;
    drop(file);
    files.sync(&file_ref).map_err(SyncError::into_io)?;
    files
        .sync(&FileRef::Root(shards))
        .map_err(SyncError::into_io)
}

/// The first bytes of a small file.
fn read(files: &dyn Files, file_ref: &FileRef<'_>) -> io::Result<String> {
    let file = files.open(file_ref)?;
    let len = file.len()?.min(64) as usize;
    let mut text = vec![0; len];
    file.read_exact_at(&mut text, 0)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::super::real_files::RealFiles;
    use super::*;

    fn directory() -> (TempDir, Shards) {
        let dir = tempfile::tempdir().expect("a directory");
        let shards = Shards::open(dir.path().to_owned()).expect("it is there");
        (dir, shards)
    }

    #[test]
    fn an_unfinished_mark_counts_as_no_mark() {
        let (dir, shards) = directory();
        let of = || Role::of(&RealFiles, &shards);
        assert_eq!(of().expect("it is read"), None);
        for left in [&b""[..], b"c", b"persisted", &[0; 6]] {
            fs::write(dir.path().join(MARK), left).expect("it is written");
            assert_eq!(of().expect("it is read"), None);
            Role::Cache.mark(&RealFiles, &shards).expect("marked");
            assert_eq!(of().expect("it is read"), Some(Role::Cache));
            fs::remove_file(dir.path().join(MARK)).expect("it is there");
        }
    }

    #[test]
    fn a_mark_of_a_later_version_is_refused() {
        let (dir, shards) = directory();
        for text in ["cached\n", "dataset\n", "cache\npersisted\n", "\u{ff}"] {
            fs::write(dir.path().join(MARK), text).expect("it is written");
            Role::of(&RealFiles, &shards).expect_err("its meaning is not known");
        }
    }
}
