//! What a commit changes.

use std::collections::BTreeMap;

use file_backed_codecs::CodecId;
use file_backed_codecs::frame::{FOOTER_LEN, Footer};
use uuid::Uuid;

use super::kind::ItemKind;
use super::name::Name;
use super::place::Place;
use crate::backing_store::FileFingerprint;

/// An item as a dataset records it, without its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ItemEntry {
    pub(crate) fingerprint: FileFingerprint,
    pub(crate) kind: ItemKind,
    pub(crate) place: Place,
}

impl ItemEntry {
    /// An item with a file of its own.
    pub(crate) fn new(fingerprint: FileFingerprint, footer: Option<&Footer>) -> Self {
        Self {
            fingerprint,
            kind: footer.map_or(ItemKind::UNKNOWN, ItemKind::of),
            place: Place::File,
        }
    }

    /// The footer of the item's file, but for the checksum of the payload; `None` if its kind
    /// is not recorded.
    pub(crate) fn footer(&self) -> Option<Footer> {
        let (kind, len) = (self.kind, self.fingerprint.len);
        let payload_len = len.saturating_sub(FOOTER_LEN as u64);
        let codec = CodecId::from_u32(kind.codec);
        (kind != ItemKind::UNKNOWN)
            .then(|| Footer::describing(codec, kind.archive(), kind.schema, payload_len))
    }

    /// The record of a file of which only the key is known. No file has this fingerprint.
    pub(crate) const UNKNOWN: Self = Self {
        fingerprint: FileFingerprint { len: 0, check: 0 },
        kind: ItemKind::UNKNOWN,
        place: Place::File,
    };
}

/// The difference of one generation to an earlier one. `None` stands for an item or a
/// name that was removed.
///
/// Changes may remove what the earlier generation does not have: an item that was added
/// and removed again between the two.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Changes {
    pub(crate) items: BTreeMap<Uuid, Option<ItemEntry>>,
    pub(crate) names: BTreeMap<Name, Option<Uuid>>,
}

impl Changes {
    /// Number of changed items and names.
    pub(crate) fn len(&self) -> usize {
        self.items.len() + self.names.len()
    }

    /// The keys of the items that were removed.
    pub(crate) fn removed_keys(&self) -> impl Iterator<Item = Uuid> {
        let removed = self.items.iter().filter(|(_, entry)| entry.is_none());
        removed.map(|(key, _)| *key)
    }

    /// Adds the changes that were made after these.
    pub(crate) fn extend(&mut self, later: Self) {
        self.items.extend(later.items);
        self.names.extend(later.names);
    }
}
