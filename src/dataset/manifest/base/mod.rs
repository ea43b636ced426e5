//! All items and names of a generation, in the form in which they are used.

// The numbers here come from files.
#![warn(clippy::arithmetic_side_effects)]

mod blocks;
mod buckets;
mod build;
mod check;
mod layout;
mod names;
#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use file_backed_codecs::Source;
use uuid::Uuid;

use super::changes::ItemEntry;
use super::file_id::{FileId, WrittenFile};
use super::kind::ItemKind;
use super::place::{PackUse, PackedAt, Place, decode_packs};
use super::sealed::{damaged, field, if_whole, read, unseal};
use crate::backing_store::FileFingerprint;
use crate::dataset::cause::DatasetCause;
use crate::error::StoreError;
use buckets::Buckets;
pub(crate) use build::encode_base;
use layout::{Header, Layout};
use names::sorted_by_item;

/// Names in one block.
const BLOCK: usize = 16;

/// Bytes of a long item.
const LONG: usize = 12;

/// All items and names of one generation, and its root. The bytes of the file are what
/// is kept in memory: opening it checks them once, and every lookup indexes into them. Only
/// the root is kept apart.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 8 | magic, `\x89fbbase\n` |
/// | 8 | 2 | format version, 3 |
/// | 10 | 2 | reserved, zero |
/// | 12 | 4 | number of packs, at most as many as items |
/// | 16 | 8 | generation |
/// | 24 | 16 | id of this file, random |
/// | 40 | 8 | length of the root in bytes |
/// | 48 | 8 | length of the blocks of names in bytes |
/// | 56 | 4 | number of items |
/// | 60 | 4 | number of names |
/// | 64 | 4 | number of kinds, at most 65536 |
/// | 68 | 4 | number of long items |
/// | 72 | | the root, as JSON |
/// | | 28 each | the kinds, see [`ItemKind`] |
/// | | 28 each | the packs: id (16), checksum (4), length in bytes (8) |
/// | | 16 each | the keys of the items, in strictly ascending order |
/// | | 4 each | the lengths of the items' files, in the order of the keys; 2³² − 1 for a long item |
/// | | 12 each | the long items, of at least 2³² − 1 bytes: index (4) and length (8), in ascending order |
/// | | 4 each | the checksums of their footers, in the order of the keys |
/// | | 0, 1 or 2 each | the indexes of their kinds, in the order of the keys |
/// | | 0, 1, 2 or 4 each | the numbers of their packs from 1, in the order of the keys; 0 for an item with a file of its own |
/// | | 4 each | where in their packs their payloads begin, in the order of the keys; 0 for an item with a file; nothing if there is no pack |
/// | | 8 each | where each block of names begins, from the first block |
/// | | | the blocks: 16 names each, the last one fewer, in strictly ascending order, bytewise |
/// | | 4 each | the index of the item that a name is one of, in the order of the names |
/// | | 4 | CRC-32 of everything before |
///
/// All numbers are little-endian. The indexes of kinds and the numbers of packs take as few
/// bytes as the largest that there may be: none if all are zero.
///
/// In a block, each name but the first begins with the number of bytes that it shares
/// with the name before, which is as large as possible. The number of its other bytes
/// follows, and these bytes. A number below 128 is one byte; of any other, the low seven
/// bits come first, with the highest bit set, and then the others.
///
/// It takes 24 to 26 bytes for each item, 5 to 8 more if there are packs, and for each name
/// 6.5 bytes and those that it does not share with the name before. In memory, the table that
/// finds a key takes up to 2 bytes more for each item, and the one that finds the names of an
/// item 4 for each name.
pub(crate) struct Base {
    /// Those of the file after the root. They were checked, and are indexed without checks.
    bytes: Vec<u8>,
    /// Of `bytes`.
    layout: Layout,
    /// Apart from `bytes`, so that generations can share it.
    root: Arc<[u8]>,
    written: WrittenFile,
    generation: u64,
    kinds: Vec<ItemKind>,
    packs: Vec<(WrittenFile, PackUse)>,
    buckets: Buckets,
    /// The indexes of the names, sorted by the index of the item, then by name.
    names_by_item: Box<[u32]>,
    total_bytes: u128,
}

impl Base {
    /// Reads a base, and checks everything in it.
    pub(crate) fn read(source: &dyn Source) -> Result<Self, StoreError> {
        let len = source.len()?;
        if_whole(source, len, Header::read(source, len))?;
        Ok(Self::from_bytes(read(source, len)?)?)
    }

    /// A base of the bytes that [`encode_base`] returned, or that a file has.
    pub(crate) fn from_bytes(mut bytes: Vec<u8>) -> Result<Self, DatasetCause> {
        unseal(&bytes)?;
        let header = bytes.first_chunk().ok_or(damaged("it is too short"))?;
        let header = Header::parse(header, bytes.len() as u64)?;
        let layout = Layout::of(&header).ok_or(damaged("its lengths are inconsistent"))?;
        let kinds = ItemKind::decode_all(list(&bytes, &layout.kinds))?;
        check::check(&bytes, &layout, kinds.len())?;
        let written = WrittenFile {
            file: FileId::of(header.id, &bytes),
            len: bytes.len() as u64,
        };
        let root = bytes[layout.root.clone()].into();
        bytes.drain(..layout.root.end);
        bytes.shrink_to_fit();
        let layout = layout.after_root();
        let items = list::<16>(&bytes, &layout.keys).len();
        let mut base = Self {
            generation: header.generation,
            kinds,
            packs: decode_packs(list(&bytes, &layout.packs))
                .into_iter()
                .map(|pack| (pack, PackUse::default()))
                .collect(),
            buckets: Buckets::of(list(&bytes, &layout.keys)),
            names_by_item: sorted_by_item(list(&bytes, &layout.items_of_names), items),
            total_bytes: 0,
            layout,
            bytes,
            root,
            written,
        };
        for index in 0..base.len() {
            base.add_up(index)?;
        }
        Ok(base)
    }

    /// Adds an item to the sums, and checks where it is.
    fn add_up(&mut self, index: u32) -> Result<(), DatasetCause> {
        let entry = self.entry(index);
        entry.check_place()?;
        let len = entry.fingerprint.len.into();
        self.total_bytes = self.total_bytes.saturating_add(len);
        if let Some((_, of_item)) = PackUse::of_item(entry)
            && let Some(pack) = self.pack_of(index)
        {
            let (_, of_pack) = &mut self.packs[pack];
            *of_pack = of_pack.and(of_item);
        }
        Ok(())
    }

    /// The generation whose contents these are.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// How the file with these bytes is referred to.
    pub(crate) fn written(&self) -> WrittenFile {
        self.written
    }

    pub(crate) fn root(&self) -> &Arc<[u8]> {
        &self.root
    }

    /// Number of items.
    pub(crate) fn len(&self) -> u32 {
        self.keys().len() as u32
    }

    /// Total length of the items' files in bytes.
    pub(crate) fn total_bytes(&self) -> u128 {
        self.total_bytes
    }

    /// The index of a key, or where it would be.
    pub(crate) fn find(&self, key: Uuid) -> Result<u32, u32> {
        self.buckets.find(self.keys(), key.as_bytes())
    }

    pub(crate) fn get(&self, key: Uuid) -> Option<ItemEntry> {
        self.find(key).ok().map(|index| self.entry(index))
    }

    pub(crate) fn key(&self, index: u32) -> Uuid {
        Uuid::from_bytes(self.keys()[index as usize])
    }

    pub(crate) fn entry(&self, index: u32) -> ItemEntry {
        let at = index as usize;
        let (bytes, layout) = (&*self.bytes, &self.layout);
        ItemEntry {
            fingerprint: FileFingerprint {
                len: self.len_of(index),
                check: u32::from_le_bytes(self.list(&layout.checks)[at]),
            },
            kind: self.kinds[layout.item_kinds.get(bytes, at) as usize],
            place: self.pack_of(index).map_or(Place::File, |pack| {
                Place::Packed(PackedAt {
                    pack: self.packs[pack].0,
                    offset: layout.offsets.get(bytes, at),
                })
            }),
        }
    }

    /// The length of an item's file in bytes.
    fn len_of(&self, index: u32) -> u64 {
        match u32::from_le_bytes(self.list(&self.layout.lens)[index as usize]) {
            u32::MAX => {
                let long = self.list::<LONG>(&self.layout.long);
                let at = long.partition_point(|item| index_of_long(item) < index);
                len_of_long(&long[at])
            }
            short => short.into(),
        }
    }

    /// The index of the pack that an item is in.
    fn pack_of(&self, index: u32) -> Option<usize> {
        let number = self.layout.item_packs.get(&self.bytes, index as usize) as usize;
        number.checked_sub(1)
    }

    /// The packs that items are in.
    pub(crate) fn packs(&self) -> &[(WrittenFile, PackUse)] {
        &self.packs
    }

    fn keys(&self) -> &[[u8; 16]] {
        self.list(&self.layout.keys)
    }

    fn list<const N: usize>(&self, part: &Range<usize>) -> &[[u8; N]] {
        list(&self.bytes, part)
    }

    /// Memory in bytes.
    #[cfg(test)]
    pub(crate) fn memory(&self) -> usize {
        let kinds = self.kinds.capacity().saturating_mul(size_of::<ItemKind>());
        let packs = size_of_val(&*self.packs);
        let names = size_of_val(&*self.names_by_item);
        let bytes = self.bytes.capacity().saturating_add(size_of::<Self>());
        bytes
            .saturating_add(kinds)
            .saturating_add(packs)
            .saturating_add(names)
            .saturating_add(self.buckets.memory())
    }
}

impl fmt::Debug for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Base")
            .field("file", &self.written())
            .field("generation", &self.generation)
            .field("items", &self.len())
            .finish_non_exhaustive()
    }
}

/// A part of a base, as a list of encodings of the same length.
fn list<'a, const N: usize>(bytes: &'a [u8], part: &Range<usize>) -> &'a [[u8; N]] {
    bytes[part.clone()].as_chunks().0
}

fn index_of_long(item: &[u8; LONG]) -> u32 {
    u32::from_le_bytes(field(item, 0))
}

fn len_of_long(item: &[u8; LONG]) -> u64 {
    u64::from_le_bytes(field(item, 4))
}
