//! Where the items of a dataset are that share files.

use std::sync::Arc;

use file_backed_codecs::frame::Footer;
use file_backed_codecs::pack::PackIdentity;
use uuid::Uuid;

use crate::error::StoreError;

/// Where an item is in a [pack](crate::fbstore::pack).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedAt {
    /// The pack.
    pub pack: PackIdentity,
    /// Where the payload begins in it, in bytes.
    pub offset: u32,
    /// What a file of the item would end with.
    pub footer: Footer,
}

/// Knows which items of a dataset are in packs. The dataset makes it, and passes it to
/// [`PackStore::locate_by`].
pub trait PackLocator: Send + Sync {
    /// Where the item of this key is; `None` if it has a file of its own, or if there is no
    /// such item. Takes no lock and makes no system call.
    fn locate(&self, key: Uuid) -> Option<PackedAt>;

    /// Calls `each` with the key of each item that is in a pack, and the pack.
    fn keys(&self, each: &mut dyn FnMut(Uuid, PackIdentity));
}

/// An item that is to be put into a pack.
pub struct ToPack<P> {
    /// The key of the item.
    pub key: Uuid,
    /// Where its file is; `None` if it is in the cache.
    pub from: Option<Arc<P>>,
}

/// A pack that was written.
#[derive(Clone, Debug)]
pub struct WrittenPack {
    /// The pack.
    pub pack: PackIdentity,
    /// Of each item, in the order in which they were given, where its payload begins in the
    /// pack, and its footer.
    pub items: Vec<(u32, Footer)>,
}

/// A store that keeps items of datasets in packs. [`ManifestStore::packs`] returns it.
///
/// [`ManifestStore::packs`]: super::ManifestStore::packs
pub trait PackStore<P>: Send + Sync {
    /// A path to the same place of which `locator` says which items are in packs, and where:
    /// whatever reads an item of the path asks it.
    fn locate_by(&self, path: &P, locator: Arc<dyn PackLocator>) -> P;

    /// From now on, other paths to the place ask the locator of this one too, as long as it is
    /// in use.
    fn announce(&self, path: &P);

    /// Writes a pack of these items, in their order, and makes it durable with its name. A pack
    /// of this id that is there is the same.
    fn write(&self, path: &P, id: Uuid, items: &[ToPack<P>]) -> Result<WrittenPack, StoreError>;

    /// Makes packs that were found durable, with their names.
    fn sync(&self, path: &P, ids: &[Uuid]) -> Result<(), StoreError>;

    /// Fails if the pack is not there, or if the file of its name is another one.
    fn check(&self, path: &P, pack: &PackIdentity) -> Result<(), StoreError>;

    /// The ids of the packs of the place, in no particular order. Removes what an interrupted
    /// call of [`write`](Self::write) has left.
    fn list(&self, path: &P) -> Result<Vec<Uuid>, StoreError>;

    /// What the index of a pack says.
    fn items(&self, path: &P, id: Uuid) -> Result<Vec<(Uuid, PackedAt)>, StoreError>;

    /// Removes a pack. Not an error if it is not there.
    fn remove(&self, path: &P, id: Uuid) -> Result<(), StoreError>;

    /// The length in bytes of an item's file, which is in the cache unless it is at `from`.
    fn file_len(&self, from: Option<&P>, key: Uuid) -> Result<u64, StoreError>;
}
