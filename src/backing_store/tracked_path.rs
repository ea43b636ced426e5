//! A persisted place with the keys known to be there.

use std::sync::{Arc, Weak};

use uuid::Uuid;

use super::keys::{Keys, PlaceId};
use super::sources::{SourceId, SourceShare, Sources};
use crate::Result;
use crate::sync::Mutex;

/// A place where files are persisted, and the keys known to be there.
///
/// Made by [`BackingStore::track_path`](super::BackingStore::track_path). It costs
/// about 16 bytes for each key that the first scan finds, and about 50 for each that is found
/// or persisted later.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "bincodec")]
/// # #[tokio::main]
/// # async fn main() -> file_backed::Result<()> {
/// use std::sync::Arc;
/// use file_backed::FBPool;
/// use file_backed::fbstore::{BinCodec, PreparedPath};
///
/// # let dir = tempfile::tempdir().expect("a temporary directory");
/// # let path = dir.path().join("saved");
/// let pool: Arc<FBPool<String, _>> = FBPool::temp(BinCodec, 100).await?;
/// let saved = PreparedPath::open(path).await?;
/// let saved = Arc::new(pool.store().track_path(saved).await?);
/// for key in saved.all_keys() {
///     let item = pool.register(&saved, key).await?;
///     println!("{key}: {}", *item.read().await?);
/// }
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "bincodec"))]
/// # fn main() {}
/// ```
pub struct TrackedPath<P> {
    /// The path, as a source of items that are loaded from it.
    source: SourceShare<P>,
    keys: Arc<PlaceKeys>,
    read_only: bool,
}

/// The keys of one place, and the operations that run on them.
///
/// All trackings of one place share it, if the store recognizes the place; see
/// [`BackingStoreT::keys_of`](super::BackingStoreT::keys_of).
pub struct PlaceKeys {
    keys: Keys,
    id: PlaceId,
    /// The stores that track the place.
    stores: Mutex<Vec<Weak<dyn UsesPlace>>>,
}

/// A store whose items may be loaded from a place.
pub(super) trait UsesPlace: Send + Sync {
    /// The file of the key at this place is about to be deleted.
    fn keep_items(&self, place: &PlaceKeys, key: Uuid) -> Result<()>;

    /// The file of the key at this place is gone or is another one.
    fn forget_place(&self, place: PlaceId, key: Uuid);
}

impl Default for PlaceKeys {
    fn default() -> Self {
        Self {
            keys: Keys::new(),
            id: PlaceId::next(),
            stores: Mutex::new(Vec::new()),
        }
    }
}

impl std::fmt::Debug for PlaceKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("PlaceKeys").field(&self.keys.len()).finish()
    }
}

impl PlaceKeys {
    pub(super) fn keys(&self) -> &Keys {
        &self.keys
    }

    pub(super) fn id(&self) -> PlaceId {
        self.id
    }

    /// Adds a store that tracks the place.
    pub(super) fn add_user(&self, store: Weak<dyn UsesPlace>) {
        let mut stores = self.stores.lock();
        stores.retain(|store| store.strong_count() > 0);
        if !stores.iter().any(|other| Weak::ptr_eq(other, &store)) {
            stores.push(store);
        }
    }

    /// The stores that track the place, or have items that are loaded from it.
    pub(super) fn users(&self) -> impl Iterator<Item = Arc<dyn UsesPlace>> {
        let stores = self.stores.lock().clone();
        stores.into_iter().filter_map(|store| store.upgrade())
    }

    /// The table of a place that has exactly these keys.
    #[cfg(feature = "dataset")]
    pub(super) fn of_known(present: &[Uuid]) -> Arc<Self> {
        Arc::new(Self {
            keys: Keys::of_known(present),
            ..Self::default()
        })
    }
}

impl<P> TrackedPath<P> {
    pub(super) fn new(
        path: P,
        sources: &Arc<Sources<P>>,
        keys: Arc<PlaceKeys>,
        whole: Arc<PlaceKeys>,
        read_only: bool,
    ) -> Self {
        Self {
            source: sources.enter(path, keys.clone(), whole),
            keys,
            read_only,
        }
    }

    /// The place itself.
    pub fn path(&self) -> &P {
        self.source.path()
    }

    /// The number of the place.
    pub(crate) fn id(&self) -> PlaceId {
        self.keys.id
    }

    /// The number of the place as a source of items.
    pub(crate) fn source(&self) -> SourceId {
        self.source.id()
    }

    /// The keys known to be persisted here, in no particular order.
    pub fn all_keys(&self) -> Vec<Uuid> {
        self.keys().all()
    }

    /// The number of keys known to be persisted here.
    pub(crate) fn len(&self) -> usize {
        self.keys().len()
    }

    /// Whether `key` is known to be persisted here.
    pub fn contains_key(&self, key: Uuid) -> bool {
        self.keys().contains(key)
    }

    /// Whether the place was tracked with
    /// [`track_read_only`](super::BackingStore::track_read_only), so that nothing can
    /// be persisted to it or deleted from it.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Adds keys that were found otherwise than by a scan. Those that were known stay as they
    /// are.
    #[cfg(feature = "dataset")]
    pub(crate) fn add_found(&self, keys: &[Uuid]) {
        self.keys().add_found(keys);
    }

    pub(super) fn keys(&self) -> &Keys {
        self.keys.keys()
    }

    pub(super) fn place_keys(&self) -> &PlaceKeys {
        &self.keys
    }
}

impl<P: std::fmt::Debug> std::fmt::Debug for TrackedPath<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrackedPath")
            .field("path", self.path())
            .field("keys", &self.keys().len())
            .field("read_only", &self.read_only)
            .finish()
    }
}
