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
use super::sealed::{damaged, if_whole, read, unseal};
use crate::backing_store::FileFingerprint;
use crate::dataset::cause::DatasetCause;
use crate::error::StoreError;
use buckets::Buckets;
pub(crate) use build::encode_base;
use layout::{Header, Layout};

/// Names in one block.
const BLOCK: usize = 16;

/// All items and names of one generation, and its root. The bytes of the file are what
/// is kept in memory: opening it checks them once, and every lookup indexes into them. Only
/// the root is kept apart.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 8 | magic, `\x89fbbase\n` |
/// | 8 | 2 | format version, 2 |
/// | 10 | 6 | reserved, zero |
/// | 16 | 8 | generation |
/// | 24 | 16 | id of this file, random |
/// | 40 | 8 | length of the root in bytes |
/// | 48 | 8 | length of the blocks of names in bytes |
/// | 56 | 4 | number of items |
/// | 60 | 4 | number of names |
/// | 64 | 4 | number of kinds, at most 65536 |
/// | 68 | 4 | reserved, zero |
/// | 72 | | the root, as JSON |
/// | | 28 each | the kinds, see [`ItemKind`] |
/// | | 16 each | the keys of the items, in strictly ascending order |
/// | | 8 each | the lengths of the items' files, in the order of the keys |
/// | | 4 each | the checksums of their footers, in the order of the keys |
/// | | 2 each | the indexes of their kinds, in the order of the keys |
/// | | 8 each | where each block of names begins, from the first block |
/// | | | the blocks: 16 names each, the last one fewer, in strictly ascending order, bytewise |
/// | | 4 each | the index of the item that a name is one of, in the order of the names |
/// | | 4 each | the indexes of the names, sorted by the index of the item, then by name |
/// | | 4 | CRC-32 of everything before |
///
/// All numbers are little-endian.
///
/// In a block, each name but the first begins with the number of bytes that it shares
/// with the name before, which is as large as possible. The number of its other bytes
/// follows, and these bytes. A number below 128 is one byte; of any other, the low seven
/// bits come first, with the highest bit set, and then the others.
///
/// It takes 30 bytes for each item, and for each name 10.5 bytes and those that it does
/// not share with the name before. The table that finds a key takes up to 2 bytes more
/// for each item.
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
    buckets: Buckets,
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
        check::check(&bytes, &layout)?;
        let written = WrittenFile {
            file: FileId::of(header.id, &bytes),
            len: bytes.len() as u64,
        };
        let root = bytes[layout.root.clone()].into();
        bytes.drain(..layout.root.end);
        bytes.shrink_to_fit();
        let layout = layout.after_root();
        let lens = list(&bytes, &layout.lens).iter();
        let lens = lens.map(|len| u128::from(u64::from_le_bytes(*len)));
        Ok(Self {
            generation: header.generation,
            kinds: ItemKind::decode_all(list(&bytes, &layout.kinds))?,
            buckets: Buckets::of(list(&bytes, &layout.keys)),
            total_bytes: lens.sum(),
            layout,
            bytes,
            root,
            written,
        })
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
        let index = index as usize;
        let kind = u16::from_le_bytes(self.list(&self.layout.item_kinds)[index]);
        ItemEntry {
            fingerprint: FileFingerprint {
                len: u64::from_le_bytes(self.list(&self.layout.lens)[index]),
                check: u32::from_le_bytes(self.list(&self.layout.checks)[index]),
            },
            kind: self.kinds[usize::from(kind)],
        }
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
        let bytes = self.bytes.capacity().saturating_add(size_of::<Self>());
        bytes
            .saturating_add(kinds)
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
