//! Writing a base.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "the numbers are indexes of lists in memory"
)]

use uuid::Uuid;

use super::blocks::BlockWriter;
use super::buckets::Buckets;
use super::layout::Header;
use crate::dataset::cause::DatasetCause;
use crate::dataset::manifest::changes::ItemEntry;
use crate::dataset::manifest::kind::KindTable;
use crate::dataset::manifest::name::Name;
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
    items.kind_table.encode_to(&mut bytes);
    bytes.extend(items.keys.as_flattened());
    bytes.extend(items.lens.as_flattened());
    bytes.extend(items.checks.as_flattened());
    bytes.extend(items.kinds.as_flattened());
    bytes.extend(
        names
            .blocks
            .starts
            .iter()
            .flat_map(|start| start.to_le_bytes()),
    );
    bytes.extend(&names.blocks.bytes);
    bytes.extend(names.items.iter().flat_map(|item| item.to_le_bytes()));
    let by_item = names.sorted_by_item(items.keys.len());
    bytes.extend(by_item.iter().flat_map(|name| name.to_le_bytes()));
    seal(&mut bytes);
    Ok(bytes)
}

/// The columns of the items.
#[derive(Default)]
struct Items {
    keys: Vec<[u8; 16]>,
    lens: Vec<[u8; 8]>,
    checks: Vec<[u8; 4]>,
    kinds: Vec<[u8; 2]>,
    kind_table: KindTable,
}

impl Items {
    fn collect(items: impl Iterator<Item = (Uuid, ItemEntry)>) -> Result<Self, DatasetCause> {
        let mut columns = Self::default();
        for (key, entry) in items {
            columns.keys.push(key.into_bytes());
            columns.lens.push(entry.fingerprint.len.to_le_bytes());
            columns.checks.push(entry.fingerprint.check.to_le_bytes());
            let kind = columns.kind_table.index_of(entry.kind)?;
            columns.kinds.push(kind.to_le_bytes());
        }
        Ok(columns)
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

    /// The indexes of the names, sorted by item and then by name.
    fn sorted_by_item(&self, items: usize) -> Vec<u32> {
        // Where the names of each item begin.
        let mut starts = vec![0; items + 1];
        for item in &self.items {
            starts[*item as usize + 1] += 1;
        }
        for item in 0..items {
            starts[item + 1] += starts[item];
        }
        let mut sorted = vec![0; self.items.len()];
        for (name, item) in (0..).zip(&self.items) {
            let next: &mut usize = &mut starts[*item as usize];
            sorted[*next] = name;
            *next += 1;
        }
        sorted
    }
}
