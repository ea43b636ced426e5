//! A persisted place with the keys known to be there.

use uuid::Uuid;

use super::keys::Keys;

/// A place where files are persisted, and the keys that are known to be there.
///
/// Made by [`BackingStore::track_path`](super::BackingStore::track_path). It
/// costs about 60 bytes for each key.
pub struct TrackedPath<P> {
    path: P,
    keys: Keys,
    read_only: bool,
}

impl<P> TrackedPath<P> {
    pub(crate) fn new(path: P, present: &[Uuid], read_only: bool) -> Self {
        let keys = Keys::new();
        for key in present {
            keys.adopt(*key, 1);
        }
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
        self.keys.all()
    }

    /// Whether `key` is known to be persisted here.
    pub fn contains_key(&self, key: Uuid) -> bool {
        self.keys.contains(key)
    }

    /// Whether it was tracked with
    /// [`track_read_only`](super::BackingStore::track_read_only), so that
    /// nothing can be persisted here or deleted.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.keys
    }
}

impl<P: std::fmt::Debug> std::fmt::Debug for TrackedPath<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrackedPath")
            .field("path", &self.path)
            .field("keys", &self.keys.len())
            .field("read_only", &self.read_only)
            .finish()
    }
}
