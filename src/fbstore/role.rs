//! What a directory is for, as its mark says.
//!
//! A mark is made when a directory is first used. It keeps what was saved from
//! being taken for a cache, whose files are swept.

use std::io;
use std::path::{Path, PathBuf};

use super::directory::at;
use super::files::Files;
use super::spot::Spot;
use crate::error::{Fault, StoreError};

/// The name of the mark.
const MARK: &str = "file_backed.role";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Worth nothing after a restart.
    Cache,
    /// Holds what was saved on purpose.
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

    /// What the directory is marked as.
    pub(super) fn of(files: &dyn Files, root: &Path) -> Result<Option<Self>, StoreError> {
        let path = Self::path(root);
        let text = match read(files, &path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(|error| at(&path, error))?,
        };
        if let Some(role) = Self::ALL.into_iter().find(|role| role.text() == text) {
            return Ok(Some(role));
        }
        // A process that died, or a power cut, left the name without its text.
        let is_unfinished = text.bytes().all(|byte| byte == 0)
            || Self::ALL.iter().any(|role| role.text().starts_with(&text));
        match is_unfinished {
            true => Ok(None),
            false => Err(at(&path, Fault::UnknownRole)),
        }
    }

    /// Marks a directory that [`of`](Self::of) has found to have no mark.
    pub(super) fn mark(self, files: &dyn Files, root: &Path) -> Result<(), StoreError> {
        let path = Self::path(root);
        self.write(files, &path).map_err(|error| at(&path, error))
    }

    fn write(self, files: &dyn Files, path: &Path) -> io::Result<()> {
        let spot = Spot::Path(path);
        let mut file = match files.create(&spot) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                files.remove(&spot)?;
                files.create(&spot)?
            }
            created => created?,
        };
        file.write_all(self.text().as_bytes())
    }

    pub(super) fn path(root: &Path) -> PathBuf {
        root.join(MARK)
    }

    /// Refuses a directory that is for something else.
    pub(super) fn check(self, wanted: Self, root: &Path) -> Result<(), StoreError> {
        if self == wanted {
            return Ok(());
        }
        let fault = match self {
            Self::Cache => Fault::IsCache,
            Self::Persisted => Fault::IsPersisted,
        };
        Err(at(root, fault))
    }
}

/// The first bytes of a small file.
fn read(files: &dyn Files, path: &Path) -> io::Result<String> {
    let file = files.open(&Spot::Path(path))?;
    let len = file.len()?.min(64) as usize;
    let mut text = vec![0; len];
    file.read_exact_at(&mut text, 0)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::super::real_files::RealFiles;
    use super::*;

    #[test]
    fn a_mark_that_was_not_finished_is_none() {
        let dir = tempfile::tempdir().expect("a directory");
        let of = || Role::of(&RealFiles, dir.path());
        assert_eq!(of().expect("it is read"), None);
        for left in [&b""[..], b"c", b"persisted", &[0; 6]] {
            std::fs::write(Role::path(dir.path()), left).expect("it is written");
            assert_eq!(of().expect("it is read"), None);
            Role::Cache.mark(&RealFiles, dir.path()).expect("marked");
            assert_eq!(of().expect("it is read"), Some(Role::Cache));
            std::fs::remove_file(Role::path(dir.path())).expect("it is there");
        }
    }

    #[test]
    fn a_mark_of_a_later_version_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        for text in ["cached\n", "dataset\n", "cache\npersisted\n", "\u{ff}"] {
            std::fs::write(Role::path(dir.path()), text).expect("it is written");
            Role::of(&RealFiles, dir.path()).expect_err("nobody knows what it means");
        }
    }
}
