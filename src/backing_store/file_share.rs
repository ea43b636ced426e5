//! Ownership of the file of an item.

use std::sync::Arc;

use uuid::Uuid;

use super::keys::PlaceId;
use super::sources::SourceId;
use super::{BackingStoreT, StoreCore};

/// What an item owns of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileOwnership {
    /// There is no file.
    None,
    /// A file that has no other owner, and that no one else can find.
    Own,
    /// A file that has no other owner, but that others can find through the index of the
    /// item's pool; see [`StoreCore::become_sole_owner`]. It is known to be at this place
    /// too.
    Sole(PlaceId),
    /// A share of a file that may have other owners. The key table counts them.
    Shared,
    /// A share of the source that the file is loaded from. The file itself belongs to that
    /// place, and the cache has none of this key for the item.
    InPlace(SourceId),
}

/// The kind of a [`FileOwnership`], without its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileKind {
    None,
    Own,
    Sole,
    Shared,
    InPlace,
}

/// The number of a [`FileOwnership`]: where the file is, as far as others can find it
/// there. It takes four bytes, because each item has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Location(u32);

/// A file that an owner gives up, or whose last owner is gone.
#[must_use = "the file stays unless it is passed to `StoreCore::release`"]
pub(crate) struct ItemFile {
    pub(crate) key: Uuid,
    /// Never [`FileOwnership::None`].
    pub(super) file: FileOwnership,
}

impl FileOwnership {
    /// The source that the file is loaded from; `None` if it is in the cache.
    pub(crate) fn source(self) -> Option<SourceId> {
        match self {
            Self::InPlace(source) => Some(source),
            Self::None | Self::Own | Self::Sole(_) | Self::Shared => None,
        }
    }

    pub(crate) fn into_parts(self) -> (FileKind, Location) {
        match self {
            Self::None => (FileKind::None, Location::CACHE),
            Self::Own => (FileKind::Own, Location::CACHE),
            Self::Sole(at) => (FileKind::Sole, Location::in_cache(at)),
            Self::Shared => (FileKind::Shared, Location::CACHE),
            Self::InPlace(source) => (FileKind::InPlace, Location::in_place(source)),
        }
    }

    pub(crate) fn from_parts(kind: FileKind, location: Location) -> Self {
        match kind {
            FileKind::None => Self::None,
            FileKind::Own => Self::Own,
            FileKind::Sole => Self::Sole(PlaceId(location.number())),
            FileKind::Shared => Self::Shared,
            FileKind::InPlace => Self::InPlace(SourceId(location.number())),
        }
    }
}

impl Location {
    /// In the cache, and known to be at no other place.
    const CACHE: Self = Self::in_cache(PlaceId::NONE);
    /// The bit of files that are loaded from their source.
    const IN_PLACE: u32 = 1 << 31;

    const fn in_cache(at: PlaceId) -> Self {
        Self(at.0 & !Self::IN_PLACE)
    }

    const fn in_place(source: SourceId) -> Self {
        Self(source.0 | Self::IN_PLACE)
    }

    fn number(self) -> u32 {
        self.0 & !Self::IN_PLACE
    }

    /// The source that the file is loaded from; `None` if it is in the cache.
    pub(crate) fn source(self) -> Option<SourceId> {
        (self.0 & Self::IN_PLACE != 0).then(|| SourceId(self.number()))
    }

    pub(crate) fn to_bits(self) -> u32 {
        self.0
    }

    pub(crate) fn from_bits(bits: u32) -> Self {
        Self(bits)
    }
}

impl ItemFile {
    /// The file of `key` that `file` owned; `None` if there is none.
    pub(super) fn of(key: Uuid, file: FileOwnership) -> Option<Self> {
        (file != FileOwnership::None).then_some(Self { key, file })
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

    /// Whether the file is loaded from its source.
    pub(crate) fn is_in_place(&self) -> bool {
        self.source().is_some()
    }

    /// Hands the share over to an item.
    pub(crate) fn into_ownership(mut self) -> FileOwnership {
        std::mem::replace(&mut self.file, FileOwnership::None)
    }
}

impl<B: BackingStoreT> Drop for FileShare<B> {
    fn drop(&mut self) {
        if let Some(file) = ItemFile::of(self.key, self.file)
            && !self.core.is_forked()
        {
            self.core.release(file);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ownership_survives_being_taken_apart() {
        let all = [
            FileOwnership::None,
            FileOwnership::Own,
            FileOwnership::Sole(PlaceId(PlaceId::LAST)),
            FileOwnership::Shared,
            FileOwnership::InPlace(SourceId(0)),
            FileOwnership::InPlace(SourceId(SourceId::LAST)),
        ];
        for file in all {
            let (kind, location) = file.into_parts();
            let location = Location::from_bits(location.to_bits());
            assert_eq!(FileOwnership::from_parts(kind, location), file);
            assert_eq!(location.source(), file.source());
        }
    }
}
