//! Ownership of one file in the cache.

use std::sync::Arc;

use uuid::Uuid;

use super::BackingStoreT;
use super::core::Core;

/// What an item owns of its file. One byte, because there is one for each item;
/// whoever holds it gives it back through [`Core::release`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum File {
    /// There is no file.
    None,
    /// A file that nobody else owns or can find.
    Own,
    /// A share in a file that others may own too; the key table counts them.
    Shared,
}

/// One share in the cache's file of a key, held by a job or on its way to an
/// item. The last one dropped deletes the file in the background.
pub(crate) struct Token<B: BackingStoreT> {
    core: Arc<Core<B>>,
    key: Uuid,
    file: File,
}

impl<B: BackingStoreT> Token<B> {
    pub(super) fn new(core: Arc<Core<B>>, key: Uuid) -> Self {
        Self::own(core, key, File::Shared)
    }

    pub(super) fn own(core: Arc<Core<B>>, key: Uuid, file: File) -> Self {
        Self { core, key, file }
    }

    pub(crate) fn key(&self) -> Uuid {
        self.key
    }

    /// Leaves the share to an item.
    pub(crate) fn into_file(mut self) -> File {
        std::mem::replace(&mut self.file, File::None)
    }
}

impl<B: BackingStoreT> Drop for Token<B> {
    fn drop(&mut self) {
        if self.file == File::None || self.core.is_forked() {
            return;
        }
        self.core.release(self.key, self.file);
    }
}
