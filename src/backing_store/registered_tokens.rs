//! Many keys, registered at once.

use super::{BackingStoreT, FileShare};

/// Keeps every key of a tracked path registered. Made by
/// [`BackingStore::blocking_register_all`](super::BackingStore::blocking_register_all).
///
/// Dropping it gives up its shares. Keys that were registered elsewhere meanwhile stay;
/// the files of all others are deleted from the cache in the background.
#[must_use = "dropping the tokens gives up the registration"]
pub struct RegisteredTokens<B: BackingStoreT>(Vec<FileShare<B>>);

impl<B: BackingStoreT> RegisteredTokens<B> {
    pub(super) fn new(tokens: Vec<FileShare<B>>) -> Self {
        Self(tokens)
    }

    /// How many keys are kept registered.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the tracked path had no keys.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<B: BackingStoreT> std::fmt::Debug for RegisteredTokens<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegisteredTokens")
            .field("len", &self.len())
            .finish()
    }
}
