//! Where the payload of an item is.

// The numbers here come from files.
#![warn(clippy::arithmetic_side_effects)]

use file_backed_codecs::frame::{FOOTER_LEN, Footer};
use uuid::Uuid;

use super::changes::ItemEntry;
use super::file_id::{FileId, WrittenFile};
use super::kind::ItemKind;
use super::sealed::{damaged, field};
use crate::backing_store;
use crate::dataset::cause::DatasetCause;
use crate::fbstore::Stamped as _;
use crate::hash::HashMap;

/// Length of a reference to a pack in bytes.
pub(super) const PACK: usize = 28;

/// Where the payload of an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a file of its own.
    File,
    Packed(PackedAt),
}

/// A place in a pack. The kind of the item, and the length and the checksum of its footer, say
/// everything else that reading it takes, so the index of the pack is not needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PackedAt {
    pub(crate) pack: WrittenFile,
    /// Where the payload begins, in bytes.
    pub(crate) offset: u32,
}

impl Place {
    pub(crate) fn packed(self) -> Option<PackedAt> {
        match self {
            Self::File => None,
            Self::Packed(at) => Some(at),
        }
    }
}

impl PackedAt {
    /// Where the item of this entry is, which is in this place.
    fn of_item(self, footer: Footer) -> backing_store::PackedAt {
        backing_store::PackedAt {
            pack: self.pack.to_identity(),
            offset: self.offset,
            footer,
        }
    }
}

impl ItemEntry {
    /// An item that the index of a pack has.
    pub(crate) fn packed(at: &backing_store::PackedAt) -> Self {
        let pack = WrittenFile {
            file: FileId {
                id: Uuid::from_bytes(at.pack.id),
                check: at.pack.check,
            },
            len: at.pack.len,
        };
        let offset = at.offset;
        Self {
            place: Place::Packed(PackedAt { pack, offset }),
            ..Self::new(at.footer.fingerprint(), Some(&at.footer))
        }
    }

    /// Where the item is, if it is in a pack.
    pub(crate) fn packed_at(&self) -> Option<backing_store::PackedAt> {
        let at = self.place.packed()?;
        let footer = self.footer()?.with_check(self.fingerprint.check);
        Some(at.of_item(footer))
    }

    /// Fails if the item is in a pack, but not within it, or if its footer cannot be made.
    pub(super) fn check_place(&self) -> Result<(), DatasetCause> {
        let Place::Packed(PackedAt { pack, offset }) = self.place else {
            return Ok(());
        };
        if self.kind == ItemKind::UNKNOWN {
            return Err(damaged("the kind of an item in a pack is not known"));
        }
        let payload = self.fingerprint.len.checked_sub(FOOTER_LEN as u64);
        let end = payload.and_then(|len| len.checked_add(offset.into()));
        match end.is_some_and(|end| end <= pack.len) {
            true => Ok(()),
            false => Err(damaged("an item is not within its pack")),
        }
    }
}

/// What items are in a pack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PackUse {
    /// Number of items.
    pub(crate) items: u64,
    /// Total length of their payloads in bytes. It saturates, because the lengths may come
    /// from a file.
    pub(crate) bytes: u64,
}

impl PackUse {
    /// The pack of an item, and what the item takes there.
    pub(crate) fn of_item(entry: ItemEntry) -> Option<(WrittenFile, Self)> {
        let bytes = entry.fingerprint.len.saturating_sub(FOOTER_LEN as u64);
        let at = entry.place.packed()?;
        Some((at.pack, Self { items: 1, bytes }))
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            items: self.items.saturating_add(other.items),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }

    pub(crate) fn without(self, other: Self) -> Self {
        Self {
            items: self.items.saturating_sub(other.items),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }
}

/// The packs of one file, in the order in which its items first name them.
#[derive(Default)]
pub(super) struct PackTable {
    packs: Vec<WrittenFile>,
    indexes: HashMap<WrittenFile, u32>,
}

impl PackTable {
    /// There are fewer packs than items, which a `u32` can number.
    pub(super) fn index_of(&mut self, pack: WrittenFile) -> u32 {
        let next = self.packs.len() as u32;
        let index = *self.indexes.entry(pack).or_insert(next);
        if index == next {
            self.packs.push(pack);
        }
        index
    }

    pub(super) fn len(&self) -> usize {
        self.packs.len()
    }

    pub(super) fn encode_to(&self, bytes: &mut Vec<u8>) {
        for WrittenFile { file, len } in &self.packs {
            bytes.extend(file.id.as_bytes());
            bytes.extend(file.check.to_le_bytes());
            bytes.extend(len.to_le_bytes());
        }
    }
}

/// The packs of these encodings.
pub(super) fn decode_packs(packs: &[[u8; PACK]]) -> Vec<WrittenFile> {
    let decode = |bytes: &[u8; PACK]| WrittenFile {
        file: FileId {
            id: Uuid::from_bytes(field(bytes, 0)),
            check: u32::from_le_bytes(field(bytes, 16)),
        },
        len: u64::from_le_bytes(field(bytes, 20)),
    };
    packs.iter().map(decode).collect()
}
