//! Names of files, and the open directories that they are reached through.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::handles::Handles;
use super::layout::{TEMPORARY_LEN, key_path, temporary_suffix};

/// A file, as an operation on files is told of it.
#[derive(Clone, Copy)]
pub(crate) enum Spot<'a> {
    /// The file of a key, or a file on its way to there.
    Item(&'a Shards, ItemName),
    Path(&'a Path),
}

/// A directory of items: its shards are opened once and kept open, so that no
/// path is built and resolved for each file.
pub(crate) struct Shards {
    root: PathBuf,
    handles: Handles,
}

impl Shards {
    pub(super) fn new(root: PathBuf) -> Self {
        Self {
            root,
            handles: Handles::new(),
        }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The file of a key.
    pub(super) fn item(&self, key: Uuid) -> Spot<'_> {
        Spot::Item(self, ItemName::new(key, ""))
    }

    /// A file on its way to there.
    pub(super) fn temporary(&self, key: Uuid) -> Spot<'_> {
        Spot::Item(self, ItemName::new(key, temporary_suffix()))
    }
}

/// The name of a file in a shard.
#[derive(Clone, Copy)]
pub(crate) struct ItemName {
    key: Uuid,
    /// ASCII.
    text: [u8; ItemName::MOST],
    len: usize,
}

impl ItemName {
    const KEY: usize = uuid::fmt::Simple::LENGTH;
    const MOST: usize = Self::KEY + TEMPORARY_LEN;

    fn new(key: Uuid, suffix: &str) -> Self {
        let mut text = [0; Self::MOST];
        let len = Self::KEY + suffix.len();
        key.simple().encode_lower(&mut text[..Self::KEY]);
        text[Self::KEY..len].copy_from_slice(suffix.as_bytes());
        Self { key, text, len }
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.text[..self.len]).expect("hex digits and a suffix in ASCII")
    }
}

impl<'a> Spot<'a> {
    pub(crate) fn path(&self) -> Cow<'a, Path> {
        match self {
            Self::Path(path) => Cow::Borrowed(path),
            Self::Item(shards, name) => {
                let mut path = key_path(&shards.root, name.key);
                path.set_file_name(name.as_str());
                Cow::Owned(path)
            }
        }
    }

    /// The name, and the open directory that it is in; `None` if it has to be
    /// reached by its path.
    #[cfg(unix)]
    pub(super) fn opened(&self) -> Option<(std::os::fd::BorrowedFd<'a>, &Path)> {
        match self {
            Self::Path(_) => None,
            Self::Item(shards, name) => {
                let shard = shards.handles.get(&shards.root, name.key.as_bytes()[0])?;
                Some((shard, Path::new(name.as_str())))
            }
        }
    }
}
