//! Ownership of the file of an item.

use std::sync::Arc;

use uuid::Uuid;

use super::sources::SourceId;
use super::{BackingStoreT, StoreCore};

/// What an item owns of its file. It is five bytes without alignment, because each item
/// has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileOwnership {
    /// There is no file.
    None,
    /// A file that has no other owner, and that no one else can find.
    Own,
    /// A share of a file that may have other owners. The key table counts them.
    Shared,
    /// A share of the place that the file is loaded from. The file itself belongs to that
    /// place, and the cache has none of this key for the item.
    InPlace(SourceId),
}

/// A file that an owner gives up, or whose last owner is gone.
#[must_use = "the file stays unless it is passed to `StoreCore::release`"]
pub(crate) struct ItemFile {
    pub(crate) key: Uuid,
    /// Never [`FileOwnership::None`].
    pub(super) file: FileOwnership,
}

impl FileOwnership {
    /// Gives up what is owned of the file of `key`; `None` if there is no file.
    pub(crate) fn give_up(&mut self, key: Uuid) -> Option<ItemFile> {
        match std::mem::replace(self, Self::None) {
            Self::None => None,
            file => Some(ItemFile { key, file }),
        }
    }

    /// The source that the file is loaded from; `None` if it is in the cache.
    pub(crate) fn source(self) -> Option<SourceId> {
        match self {
            Self::InPlace(source) => Some(source),
            Self::None | Self::Own | Self::Shared => None,
        }
    }
}

/// One share of the file of a key, held by a job or on its way to an item. Dropping the
/// last share of a file in the cache deletes the file in the background.
pub(crate) struct FileShare<B: BackingStoreT> {
    core: Arc<StoreCore<B>>,
    key: Uuid,
    file: FileOwnership,
}

impl<B: BackingStoreT> FileShare<B> {
    pub(super) fn new(core: Arc<StoreCore<B>>, key: Uuid, file: FileOwnership) -> Self {
        Self { core, key, file }
    }

    pub(crate) fn key(&self) -> Uuid {
        self.key
    }

    /// The source that the file is loaded from; `None` if it is in the cache.
    pub(super) fn source(&self) -> Option<SourceId> {
        self.file.source()
    }

    /// Hands the share over to an item.
    pub(crate) fn into_ownership(mut self) -> FileOwnership {
        std::mem::replace(&mut self.file, FileOwnership::None)
    }
}

impl<B: BackingStoreT> Drop for FileShare<B> {
    fn drop(&mut self) {
        if let Some(file) = self.file.give_up(self.key)
            && !self.core.is_forked()
        {
            self.core.release(file);
        }
    }
}
