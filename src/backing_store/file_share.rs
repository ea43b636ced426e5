//! Ownership of one file in the cache.

use std::sync::Arc;

use uuid::Uuid;

use super::{BackingStoreT, StoreCore};

/// What an item owns of its file. It is one byte, because each item has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileOwnership {
    /// There is no file.
    None,
    /// A file that has no other owner, and that no one else can find.
    Own,
    /// A share of a file that may have other owners. The key table counts them.
    Shared,
}

/// A file that an owner gives up, or whose last owner is gone.
#[must_use = "the file stays in the cache unless it is passed to `StoreCore::release`"]
pub(crate) struct CacheFile {
    pub(crate) key: Uuid,
    /// Whether the key table counts its owners.
    pub(super) shared: bool,
}

impl FileOwnership {
    /// Gives up what is owned of the file of `key`; `None` if there is no file.
    pub(crate) fn give_up(&mut self, key: Uuid) -> Option<CacheFile> {
        let shared = match std::mem::replace(self, Self::None) {
            Self::None => return None,
            Self::Own => false,
            Self::Shared => true,
        };
        Some(CacheFile { key, shared })
    }
}

/// One share of the cache's file of a key, held by a job or on its way to an item.
/// Dropping the last share deletes the file in the background.
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
