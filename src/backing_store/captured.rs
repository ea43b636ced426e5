//! Items whose files exist, and that are to be persisted in one way or another.

#[cfg(feature = "dataset")]
use std::sync::Arc;

#[cfg(feature = "dataset")]
use uuid::Uuid;

use super::BackingStoreT;
use crate::Result;

/// An item with the value that it had when it was captured, in a file.
pub(crate) trait Captured<B: BackingStoreT>: Send {
    #[cfg(feature = "dataset")]
    fn key(&self) -> Uuid;

    /// The place of the file; `None` if it is in the cache.
    #[cfg(feature = "dataset")]
    fn from(&self) -> Option<Arc<B::PersistPath>>;

    /// Persists it as a file.
    fn link(self: Box<Self>) -> Result<()>;

    /// Notes that it is persisted in a pack.
    #[cfg(feature = "dataset")]
    fn note_packed(self: Box<Self>) -> Result<()>;
}
