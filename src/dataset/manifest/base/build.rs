//! Writing a base.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "the numbers are indexes of lists in memory"
)]

use uuid::Uuid;

use super::LONG;
use super::blocks::BlockWriter;
use super::buckets::Buckets;
use super::layout::Header;
use crate::dataset::cause::DatasetCause;
use crate::dataset::manifest::changes::ItemEntry;
use crate::dataset::manifest::kind::KindTable;
use crate::dataset::manifest::name::Name;
use crate::dataset::manifest::place::{PackTable, Place};
use crate::dataset::manifest::sealed::{damaged, seal};
use crate::dataset::manifest::whole::LONGEST;

/// The bytes of a base with these items and names, both in strictly ascending order. The
/// id is random. Each name has to be one of an item that is there.
///
/// Takes one pass and, meanwhile, about twice the memory of the base.
pub(crate) fn encode_base(
    id: Uuid,
    generation: u64,
    root: &[u8],
    items: impl Iterator<Item = (Uuid, ItemEntry)>,
    names: impl Iterator<Item = (Name, Uuid)>,
) -> Result<Vec<u8>, DatasetCause> {
    let items = Items::collect(items)?;
    let names = Names::collect(names, &items.keys)?;
    let count = |len: usize| u32::try_from(len).ok();
    let counts = count(items.keys.len()).zip(count(names.items.len()));
    let (items_count, names_count) = counts.ok_or(DatasetCause::TooMany {
        items: items.keys.len() as u64,
        names: names.items.len() as u64,
    })?;
    let header = Header {
        generation,
        id,
        root: root.len() as u64,
        blocks: names.blocks.bytes.len() as u64,
        items: items_count,
        names: names_count,
        kinds: items.kind_table.len() as u32,
        packs: items.pack_table.len() as u32,
        long: items.long.len() as u32,
    };
    if header.root > LONGEST {
        return Err(DatasetCause::TooLarge {
            root: header.root,
            entries: items_count.into(),
        });
    }
    let len = header
        .encoded_len()
        .and_then(|len| usize::try_from(len).ok());
    let mut bytes = Vec::with_capacity(len.unwrap_or_default());
    bytes.extend(header.encode());
    bytes.extend(root);
    items.encode_to(&header, &mut bytes);
    bytes.extend(
        names
            .blocks
            .starts
            .iter()
            .flat_map(|start| start.to_le_bytes()),
    );
    bytes.extend(&names.blocks.bytes);
    bytes.extend(names.items.iter().flat_map(|item| item.to_le_bytes()));
    seal(&mut bytes);
    Ok(bytes)
}

/// The columns of the items.
#[derive(Default)]
struct Items {
    keys: Vec<[u8; 16]>,
    lens: Vec<[u8; 4]>,
    long: Vec<[u8; LONG]>,
    checks: Vec<[u8; 4]>,
    kinds: Vec<u32>,
    /// The numbers of their packs from 1, or 0.
    packs: Vec<u32>,
    offsets: Vec<[u8; 4]>,
    kind_table: KindTable,
    pack_table: PackTable,
}

impl Items {
    fn collect(items: impl Iterator<Item = (Uuid, ItemEntry)>) -> Result<Self, DatasetCause> {
        let mut columns = Self::default();
        for (key, entry) in items {
            columns.push_len(entry.fingerprint.len);
            columns.keys.push(key.into_bytes());
            columns.checks.push(entry.fingerprint.check.to_le_bytes());
            let kind = columns.kind_table.index_of(entry.kind)?;
            columns.kinds.push(kind.into());
            let (pack, offset) = match entry.place {
                Place::File => (0, 0),
                Place::Packed(at) => (columns.pack_table.index_of(at.pack) + 1, at.offset),
            };
            columns.packs.push(pack);
            columns.offsets.push(offset.to_le_bytes());
        }
        Ok(columns)
    }

    /// Adds the length of the next item.
    fn push_len(&mut self, len: u64) {
        let short = u32::try_from(len).unwrap_or(u32::MAX);
        if short == u32::MAX {
            let mut long = [0; LONG];
            // Too many items are refused later.
            long[..4].copy_from_slice(&(self.keys.len() as u32).to_le_bytes());
            long[4..].copy_from_slice(&len.to_le_bytes());
            self.long.push(long);
        }
        self.lens.push(short.to_le_bytes());
    }

    fn encode_to(&self, header: &Header, bytes: &mut Vec<u8>) {
        self.kind_table.encode_to(bytes);
        self.pack_table.encode_to(bytes);
        bytes.extend(self.keys.as_flattened());
        bytes.extend(self.lens.as_flattened());
        bytes.extend(self.long.as_flattened());
        bytes.extend(self.checks.as_flattened());
        header.kind_width().encode(&self.kinds, bytes);
        header.pack_width().encode(&self.packs, bytes);
        if header.packs > 0 {
            bytes.extend(self.offsets.as_flattened());
        }
    }
}

#[derive(Default)]
struct Names {
    blocks: BlockWriter,
    /// The index of the item of each name.
    items: Vec<u32>,
}

impl Names {
    fn collect(
        names: impl Iterator<Item = (Name, Uuid)>,
        keys: &[[u8; 16]],
    ) -> Result<Self, DatasetCause> {
        let buckets = Buckets::of(keys);
        let mut collected = Self::default();
        for (name, key) in names {
            let item = buckets.find(keys, key.as_bytes());
            let item = item.map_err(|_| damaged("a name is one of no item"))?;
            collected.items.push(item);
            collected.blocks.push(&name);
        }
        Ok(collected)
    }
}
