//! References to files, and the open directories through which they are reached.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};

use uuid::Uuid;

use super::files::Identity;
use super::handles::Handles;
use super::layout::{TEMPORARY_LEN, key_path, shard_path, temporary_suffix};
use super::readers::Readers;

/// A file or directory, as it is passed to file operations.
///
/// All variants but [`Path`](Self::Path) are reached through the directory that was
/// opened, without following symbolic links. If that directory was deleted or replaced
/// since, the operation fails, whatever is at its path now.
#[derive(Clone, Copy)]
pub(crate) enum FileRef<'a> {
    /// The file of a key, or its temporary file.
    Item(&'a Shards, ItemName),
    /// Another name in a shard.
    InShard(&'a Shards, u8, &'a Path),
    Shard(&'a Shards, u8),
    /// A name next to the shards.
    Beside(&'a Shards, &'a Path),
    /// A name in a directory next to the shards.
    Below(&'a Shards, &'static str, &'a Path),
    Root(&'a Shards),
    /// Any other path.
    Path(&'a Path),
}

/// A directory of items. It and its shards are opened once and kept open, so that no
/// path is built and resolved for each file.
pub(crate) struct Shards {
    root: PathBuf,
    pub(super) handles: Handles,
    /// A [`Readers`], as a number.
    readers: AtomicU8,
}

impl Shards {
    /// Opens an existing directory.
    pub(super) fn open(root: PathBuf) -> io::Result<Self> {
        Ok(Self {
            handles: Handles::open(&root)?,
            root,
            readers: AtomicU8::new(Readers::Owner as u8),
        })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The identity of the opened directory.
    pub(super) fn identity(&self) -> Identity {
        self.handles.identity(&self.root)
    }

    /// Who may read the files created here.
    pub(super) fn readers(&self) -> Readers {
        Readers::from_number(self.readers.load(Ordering::Relaxed))
    }

    pub(super) fn set_readers(&self, readers: Readers) {
        self.readers.store(readers as u8, Ordering::Relaxed);
    }

    /// The file of a key.
    pub(super) fn item(&self, key: Uuid) -> FileRef<'_> {
        FileRef::Item(self, ItemName::new(key, ""))
    }

    /// The temporary file of a key, before it is renamed to its final name.
    pub(super) fn temporary(&self, key: Uuid) -> FileRef<'_> {
        FileRef::Item(self, ItemName::new(key, temporary_suffix()))
    }

    /// A name next to the shards.
    pub(super) fn beside<'a>(&'a self, name: &'a str) -> FileRef<'a> {
        FileRef::Beside(self, Path::new(name))
    }
}

/// The name of a file in a shard.
#[derive(Clone, Copy)]
pub(crate) struct ItemName {
    key: Uuid,
    /// The name in ASCII, in the first `len` bytes.
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

    pub(super) fn shard(&self) -> u8 {
        self.key.as_bytes()[0]
    }

    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.text[..self.len]).expect("hex digits and the suffix are ASCII")
    }
}

impl<'a> FileRef<'a> {
    pub(crate) fn path(&self) -> Cow<'a, Path> {
        let path = match self {
            Self::Path(path) => return Cow::Borrowed(path),
            Self::Root(shards) => return Cow::Borrowed(&shards.root),
            Self::Item(shards, name) => {
                let mut path = key_path(&shards.root, name.key);
                path.set_file_name(name.as_str());
                path
            }
            Self::InShard(shards, shard, name) => shard_path(&shards.root, *shard).join(name),
            Self::Shard(shards, shard) => shard_path(&shards.root, *shard),
            Self::Beside(shards, name) => shards.root.join(name),
            Self::Below(shards, directory, name) => shards.root.join(directory).join(name),
        };
        Cow::Owned(path)
    }

    /// The directory of items that contains it, or that it is.
    pub(super) fn shards(&self) -> Option<&'a Shards> {
        match self {
            Self::Item(shards, _)
            | Self::InShard(shards, ..)
            | Self::Shard(shards, _)
            | Self::Beside(shards, _)
            | Self::Below(shards, ..)
            | Self::Root(shards) => Some(shards),
            Self::Path(_) => None,
        }
    }

    /// Who may read what is created there.
    pub(super) fn readers(&self) -> Readers {
        self.shards().map_or(Readers::Owner, Shards::readers)
    }
}
