//! A persisted place with the keys known to be there.

use std::sync::Arc;

use uuid::Uuid;

use super::keys::Keys;

/// A place where files are persisted, and the keys that are known to be there.
///
/// Made by [`BackingStore::track_path`](super::BackingStore::track_path). It
/// costs about 60 bytes for each key.
pub struct TrackedPath<P> {
    path: P,
    keys: Arc<PlaceKeys>,
    read_only: bool,
}

/// The keys of one place, and what is being done to them. Trackings of one place
/// share it, if the store knows that it is one; see
/// [`BackingStoreT::keys_of`](super::BackingStoreT::keys_of).
pub struct PlaceKeys(Keys);

impl Default for PlaceKeys {
    fn default() -> Self {
        Self(Keys::new())
    }
}

impl std::fmt::Debug for PlaceKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("PlaceKeys").field(&self.0.len()).finish()
    }
}

impl PlaceKeys {
    pub(super) fn keys(&self) -> &Keys {
        &self.0
    }
}

impl<P> TrackedPath<P> {
    pub(super) fn new(path: P, keys: Arc<PlaceKeys>, read_only: bool) -> Self {
        Self {
            path,
            keys,
            read_only,
        }
    }

    /// The place itself.
    pub fn path(&self) -> &P {
        &self.path
    }

    /// The keys known to be persisted here, in no particular order.
    pub fn all_keys(&self) -> Vec<Uuid> {
        self.keys().all()
    }

    /// Whether `key` is known to be persisted here.
    pub fn contains_key(&self, key: Uuid) -> bool {
        self.keys().contains(key)
    }

    /// Whether it was tracked with
    /// [`track_read_only`](super::BackingStore::track_read_only), so that
    /// nothing can be persisted here or deleted.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    pub(super) fn keys(&self) -> &Keys {
        self.keys.keys()
    }
}

impl<P: std::fmt::Debug> std::fmt::Debug for TrackedPath<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrackedPath")
            .field("path", &self.path)
            .field("keys", &self.keys().len())
            .field("read_only", &self.read_only)
            .finish()
    }
}
