//! Version 3 of the encoding of a generation: what differs from an earlier one.

// The numbers here come from files.
#![warn(clippy::arithmetic_side_effects)]

mod header;
mod lists;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use file_backed_codecs::Source;
use uuid::Uuid;

use super::changes::{Changes, ItemEntry};
use super::file_id::{FileId, WrittenFile};
use super::kind::{ItemKind, KIND, KindTable};
use super::name::Name;
use super::place::{PACK, PackTable, Place, decode_packs};
use super::sealed::{damaged, if_whole, read, seal, unseal};
use crate::dataset::cause::DatasetCause;
use crate::error::StoreError;
use crate::hash::HashSet;
use header::{HEADER, Header};
use lists::{Items, Parts, decode_names};

const KEY: usize = 16;
const ITEM: usize = 30;
const PACKED_ITEM: usize = 38;

/// A generation, as what it changes in its parent. A delta without a parent changes its
/// base, and one without either the empty dataset.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 8 | magic, `\x89fbdata\n` |
/// | 8 | 2 | format version, 3 |
/// | 10 | 2 | flags: 1 has a base, 2 has a parent, 4 holds the root |
/// | 12 | 4 | number of kinds, at most 65536 |
/// | 16 | 8 | generation |
/// | 24 | 16 | id of this file, random |
/// | 40 | 16 | id of the base; zero if there is none |
/// | 56 | 4 | checksum of the base: its last four bytes; zero if there is none |
/// | 60 | 4 | checksum of the parent; zero if there is none |
/// | 64 | 16 | id of the parent; zero if there is none |
/// | 80 | 8 | length of the root in bytes; zero if it is not here |
/// | 88 | 4 | number of removed items |
/// | 92 | 4 | number of added or replaced items with files of their own |
/// | 96 | 4 | number of removed names |
/// | 100 | 4 | number of set names |
/// | 104 | 8 | length of the removed and the set names in bytes |
/// | 112 | 4 | number of packs, at most as many as items in packs |
/// | 116 | 4 | number of added or replaced items in packs |
/// | 120 | | the root, as JSON |
/// | | 28 each | the kinds, see [`ItemKind`] |
/// | | 28 each | the packs: id (16), checksum (4), length in bytes (8) |
/// | | 16 each | the keys of the removed items |
/// | | 30 each | the added or replaced items with files: key (16), length of the file (8), checksum of its footer (4), index of its kind (2) |
/// | | 38 each | the added or replaced items in packs: the same, index of the pack (4), where the payload begins in it (4) |
/// | | | the removed names: length in bytes (2), UTF-8 |
/// | | | the set names: key of the item (16), length in bytes (2), UTF-8 |
/// | | 4 | CRC-32 of everything before |
///
/// All numbers are little-endian. Each of the five lists is in strictly ascending order,
/// of keys or of names bytewise. No key and no name is in two lists.
///
/// If the root is not here, it is the one of the parent or, without a parent, of the
/// base. The parent is of an earlier generation, or of the same one if that consists of more
/// than its manifest.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Delta {
    pub(crate) id: Uuid,
    pub(crate) generation: u64,
    pub(crate) base: Option<FileId>,
    pub(crate) parent: Option<FileId>,
    pub(crate) root: Option<Arc<[u8]>>,
    pub(crate) changes: Changes,
}

impl Delta {
    /// The delta's bytes.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, DatasetCause> {
        let Changes { items, names } = &self.changes;
        let (mut kinds, mut packs) = (KindTable::default(), PackTable::default());
        for entry in items.values().flatten() {
            kinds.index_of(entry.kind)?;
            entry.place.packed().map(|at| packs.index_of(at.pack));
        }
        let root = self.root.as_deref().unwrap_or_default();
        let mut header = Header {
            flags: 0,
            kinds: kinds.len() as u64,
            generation: self.generation,
            id: self.id,
            base: self.base,
            parent: self.parent,
            root: root.len() as u64,
            items_removed: count(items.values(), Option::is_none),
            items_put: count(items.values(), has_file),
            items_packed: count(items.values(), is_packed),
            packs: packs.len() as u64,
            names_removed: count(names.values(), Option::is_none),
            names_set: count(names.values(), Option::is_some),
            names_len: names.iter().map(|(name, key)| name_len(name, *key)).sum(),
        };
        header.flags = header.flags_of(self.root.is_some());
        let len = header.encoded_len().ok_or(DatasetCause::TooLarge {
            root: header.root,
            entries: self.changes.len() as u64,
        })?;
        let mut bytes = Vec::with_capacity(usize::try_from(len).unwrap_or_default());
        bytes.extend(header.encode());
        bytes.extend(root);
        kinds.encode_to(&mut bytes);
        packs.encode_to(&mut bytes);
        for (key, _) in items.iter().filter(|(_, entry)| entry.is_none()) {
            bytes.extend(key.as_bytes());
        }
        let put = || {
            items
                .iter()
                .filter_map(|(key, entry)| Some((*key, (*entry)?)))
        };
        for (key, entry) in put().filter(|(_, entry)| entry.place == Place::File) {
            encode_item(key, &entry, &mut kinds, &mut bytes)?;
        }
        for (key, entry) in put() {
            let Some(at) = entry.place.packed() else {
                continue;
            };
            encode_item(key, &entry, &mut kinds, &mut bytes)?;
            bytes.extend(packs.index_of(at.pack).to_le_bytes());
            bytes.extend(at.offset.to_le_bytes());
        }
        for (name, _) in names.iter().filter(|(_, key)| key.is_none()) {
            encode_name(name, &mut bytes);
        }
        for (name, key) in names {
            let Some(key) = key else { continue };
            bytes.extend(key.as_bytes());
            encode_name(name, &mut bytes);
        }
        seal(&mut bytes);
        Ok(bytes)
    }

    /// How the file with these bytes, which [`encode`](Self::encode) returned, is
    /// referred to.
    pub(crate) fn written(&self, bytes: &[u8]) -> WrittenFile {
        WrittenFile {
            file: FileId::of(self.id, bytes),
            len: bytes.len() as u64,
        }
    }

    /// Reads a delta, and checks everything in it.
    pub(crate) fn read(source: &dyn Source) -> Result<(Self, WrittenFile), StoreError> {
        let len = source.len()?;
        let header = if_whole(source, len, Header::read(source, len))?;
        let bytes = read(source, len)?;
        let delta = Self::decode(&bytes, &header)?;
        let written = delta.written(&bytes);
        Ok((delta, written))
    }

    /// `header` was read from the same bytes before.
    fn decode(bytes: &[u8], header: &Header) -> Result<Self, DatasetCause> {
        let whole = unseal(bytes)?;
        let wrong_lengths = || damaged("its lengths are inconsistent");
        let mut parts = Parts(whole);
        header.check(parts.take(HEADER as u64).ok_or_else(wrong_lengths)?)?;
        let root = parts.take(header.root).ok_or_else(wrong_lengths)?;
        let kinds = parts.list::<KIND>(header.kinds);
        let packs = parts.list::<PACK>(header.packs);
        let items = Items::take(&mut parts, header);
        let (Some(kinds), Some(packs), Some(items)) = (kinds, packs, items) else {
            return Err(wrong_lengths());
        };
        if parts.0.len() as u64 != header.names_len {
            return Err(wrong_lengths());
        }
        let kinds = ItemKind::decode_all(kinds)?;
        let mut changes = Changes::default();
        items.decode(&kinds, &decode_packs(packs), &mut changes)?;
        decode_names(parts, header, &mut changes)?;
        Ok(Self {
            id: header.id,
            generation: header.generation,
            base: header.base,
            parent: header.parent,
            root: header.has_root().then(|| root.into()),
            changes,
        })
    }
}

/// How many bytes the changes take in a delta.
pub(crate) fn encoded_len_of(changes: &Changes) -> u64 {
    let Changes { items, names } = changes;
    let entries = || items.values().flatten();
    let kinds: HashSet<_> = entries().map(|entry| entry.kind).collect();
    let packs = entries().filter_map(|entry| entry.place.packed());
    let packs: HashSet<_> = packs.map(|at| at.pack).collect();
    let lists = [
        (kinds.len() as u64, KIND),
        (count(items.values(), Option::is_none), KEY),
        (packs.len() as u64, PACK),
        (count(items.values(), has_file), ITEM),
        (count(items.values(), is_packed), PACKED_ITEM),
    ];
    let lists = lists.map(|(count, each)| count.saturating_mul(each as u64));
    let names = names.iter().map(|(name, key)| name_len(name, *key));
    lists.into_iter().chain(names).fold(0, u64::saturating_add)
}

fn count<'a, T: 'a>(
    changes: impl Iterator<Item = &'a Option<T>>,
    is_counted: fn(&Option<T>) -> bool,
) -> u64 {
    changes.filter(|change| is_counted(change)).count() as u64
}

fn has_file(change: &Option<ItemEntry>) -> bool {
    change.is_some_and(|entry| entry.place == Place::File)
}

fn is_packed(change: &Option<ItemEntry>) -> bool {
    change.is_some_and(|entry| entry.place != Place::File)
}

fn encode_item(
    key: Uuid,
    entry: &ItemEntry,
    kinds: &mut KindTable,
    bytes: &mut Vec<u8>,
) -> Result<(), DatasetCause> {
    bytes.extend(key.as_bytes());
    bytes.extend(entry.fingerprint.len.to_le_bytes());
    bytes.extend(entry.fingerprint.check.to_le_bytes());
    bytes.extend(kinds.index_of(entry.kind)?.to_le_bytes());
    Ok(())
}

fn name_len(name: &Name, key: Option<Uuid>) -> u64 {
    let key_len = key.map_or(0, |_| KEY);
    key_len
        .saturating_add(2)
        .saturating_add(name.as_str().len()) as u64
}

fn encode_name(name: &Name, bytes: &mut Vec<u8>) {
    let len = u16::try_from(name.as_str().len()).expect("names are short");
    bytes.extend(len.to_le_bytes());
    bytes.extend(name.as_str().as_bytes());
}
