//! What an item is, without opening its file.

use file_backed_codecs::frame::{ArchiveLayout, Footer};

use super::sealed::{damaged, field};
use crate::dataset::cause::DatasetCause;
use crate::hash::HashMap;

/// Length of an encoded kind in bytes.
pub(crate) const KIND: usize = 28;

/// The most kinds of one file, whose items name them by a `u16`.
pub(super) const MOST_KINDS: usize = 1 << 16;

/// The codec, the layout and the schema of an item, as the footer of its file has them.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 4 | codec id; 0 if the kind is not known |
/// | 4 | 2 | rkyv format flags |
/// | 6 | 2 | reserved, zero |
/// | 8 | 4 | alignment of the archive's root |
/// | 12 | 8 | size of the archive's root |
/// | 20 | 8 | schema id |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ItemKind {
    pub(crate) codec: u32,
    pub(crate) format: u16,
    pub(crate) root_align: u32,
    pub(crate) root_size: u64,
    pub(crate) schema: u64,
}

impl ItemKind {
    /// The kind of the items of version 1, whose manifests do not record it.
    pub(crate) const UNKNOWN: Self = Self {
        codec: 0,
        format: 0,
        root_align: 0,
        root_size: 0,
        schema: 0,
    };

    pub(crate) fn of(footer: &Footer) -> Self {
        let archive = footer.archive();
        Self {
            codec: footer.codec().to_u32(),
            format: archive.format,
            root_align: archive.root_align,
            root_size: archive.root_size,
            schema: footer.schema(),
        }
    }

    /// The description of the archive, if the payload is one.
    pub(crate) fn archive(&self) -> ArchiveLayout {
        ArchiveLayout {
            format: self.format,
            root_align: self.root_align,
            root_size: self.root_size,
        }
    }

    fn encode(&self) -> [u8; KIND] {
        let mut bytes = [0; KIND];
        bytes[0..4].copy_from_slice(&self.codec.to_le_bytes());
        bytes[4..6].copy_from_slice(&self.format.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.root_align.to_le_bytes());
        bytes[12..20].copy_from_slice(&self.root_size.to_le_bytes());
        bytes[20..28].copy_from_slice(&self.schema.to_le_bytes());
        bytes
    }

    /// The kinds of these encodings. Fails if a reserved byte is not zero.
    pub(super) fn decode_all(kinds: &[[u8; KIND]]) -> Result<Vec<Self>, DatasetCause> {
        let kinds = kinds.iter().map(|bytes| {
            let kind = Self::decode(bytes);
            (kind.encode() == *bytes).then_some(kind)
        });
        let kinds: Option<_> = kinds.collect();
        kinds.ok_or(damaged("the reserved bytes of a kind are not zero"))
    }

    fn decode(bytes: &[u8; KIND]) -> Self {
        Self {
            codec: u32::from_le_bytes(field(bytes, 0)),
            format: u16::from_le_bytes(field(bytes, 4)),
            root_align: u32::from_le_bytes(field(bytes, 8)),
            root_size: u64::from_le_bytes(field(bytes, 12)),
            schema: u64::from_le_bytes(field(bytes, 20)),
        }
    }
}

/// The kinds of one file, in the order in which its items first name them.
#[derive(Default)]
pub(super) struct KindTable {
    kinds: Vec<ItemKind>,
    indexes: HashMap<ItemKind, u16>,
}

impl KindTable {
    pub(super) fn index_of(&mut self, kind: ItemKind) -> Result<u16, DatasetCause> {
        if let Some(index) = self.indexes.get(&kind) {
            return Ok(*index);
        }
        let next = u16::try_from(self.kinds.len()).map_err(|_| DatasetCause::TooManyKinds)?;
        self.kinds.push(kind);
        self.indexes.insert(kind, next);
        Ok(next)
    }

    pub(super) fn len(&self) -> usize {
        self.kinds.len()
    }

    pub(super) fn encode_to(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.kinds.iter().flat_map(ItemKind::encode));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(n: u64) -> ItemKind {
        ItemKind {
            codec: 3,
            format: 7,
            root_align: 16,
            root_size: n,
            schema: !n,
        }
    }

    #[test]
    fn a_kind_is_decoded_as_it_was_encoded() {
        for kind in [ItemKind::UNKNOWN, numbered(0), numbered(u64::MAX - 5)] {
            assert_eq!(ItemKind::decode(&kind.encode()), kind);
        }
    }

    #[test]
    fn a_file_has_at_most_as_many_kinds_as_a_u16_can_name() {
        let mut table = KindTable::default();
        for n in 0..MOST_KINDS as u64 {
            assert_eq!(table.index_of(numbered(n)).expect("it fits"), n as u16);
        }
        assert_eq!(table.index_of(numbered(5)).expect("it is known"), 5);
        let error = table
            .index_of(ItemKind::UNKNOWN)
            .expect_err("it is one more");
        let text = "the items have more than 65536 combinations of codec, layout and schema: \
                    give one schema id to each type, or split the dataset";
        assert_eq!(error.to_string(), text);
    }
}
