//! The names of a base.

// The numbers here come from files.
#![warn(clippy::arithmetic_side_effects)]

use std::ops::{Bound, Range};

use uuid::Uuid;

use super::blocks::{Block, entry};
use super::{BLOCK, Base};
use crate::dataset::manifest::name::Name;

impl Base {
    /// Number of names.
    pub(crate) fn name_count(&self) -> u32 {
        self.list::<4>(&self.layout.items_of_names).len() as u32
    }

    /// The key of the item that has this name.
    pub(crate) fn key_of(&self, name: &str) -> Option<Uuid> {
        let index = self.find_name(name).ok()?;
        Some(self.key(self.item_of(index)))
    }

    /// The names of an item, in ascending order.
    pub(crate) fn names_of(&self, key: Uuid) -> impl Iterator<Item = Name> {
        let by_item = &self.names_by_item;
        let item_of = |name: &u32| self.item_of(*name);
        let item = self.find(key).ok();
        let start = item.map_or(by_item.len(), |item| {
            by_item.partition_point(|name| item_of(name) < item)
        });
        let names = by_item[start..].iter();
        let names = names.take_while(move |name| Some(item_of(name)) == item);
        names.map(|name| self.name(*name))
    }

    /// The names within a range, in ascending order, with the keys of their items.
    pub(crate) fn names(&self, range: (Bound<&str>, Bound<&str>)) -> BaseNames<'_> {
        let start = match range.0 {
            Bound::Included(name) => self.find_name(name).unwrap_or_else(|at| at),
            Bound::Excluded(name) => {
                (self.find_name(name)).map_or_else(|at| at, |at| at.saturating_add(1))
            }
            Bound::Unbounded => 0,
        };
        let end = match range.1 {
            Bound::Included(name) => {
                (self.find_name(name)).map_or_else(|at| at, |at| at.saturating_add(1))
            }
            Bound::Excluded(name) => self.find_name(name).unwrap_or_else(|at| at),
            Bound::Unbounded => self.name_count(),
        };
        BaseNames {
            base: self,
            indexes: start..end,
            front: None,
            back: None,
        }
    }

    /// The index of a name, or where it would be.
    fn find_name(&self, name: &str) -> Result<u32, u32> {
        let starts = self.list::<8>(&self.layout.block_starts);
        // The last block whose first name is not after the one that is looked for.
        let after = starts.partition_point(|start| self.first_name_at(start) <= name.as_bytes());
        let Some(block) = after.checked_sub(1) else {
            return Err(0);
        };
        let before = block.saturating_mul(BLOCK);
        let index = |at: usize| before.saturating_add(at) as u32;
        self.block(block).find(name).map(index).map_err(index)
    }

    fn name(&self, index: u32) -> Name {
        let index = index as usize;
        self.block(index / BLOCK).name(index % BLOCK)
    }

    fn item_of(&self, name: u32) -> u32 {
        let items = self.list(&self.layout.items_of_names);
        u32::from_le_bytes(items[name as usize])
    }

    fn block(&self, index: usize) -> Block {
        let starts = self.list(&self.layout.block_starts);
        let start = |index| {
            starts
                .get(index)
                .map(|start| u64::from_le_bytes(*start) as usize)
        };
        let blocks = &self.bytes[self.layout.blocks.clone()];
        let end = start(index.saturating_add(1)).unwrap_or(blocks.len());
        Block::decode(&blocks[start(index).unwrap_or(end)..end])
    }

    /// The first name of the block that begins there.
    fn first_name_at(&self, start: &[u8; 8]) -> &[u8] {
        let blocks = &self.bytes[self.layout.blocks.clone()];
        let mut rest = &blocks[u64::from_le_bytes(*start) as usize..];
        entry(&mut rest, true).expect("it was checked").suffix
    }
}

/// Names of a base with the keys of their items, in ascending order.
pub(crate) struct BaseNames<'a> {
    base: &'a Base,
    indexes: Range<u32>,
    /// The block that the last name from this end was in.
    front: Option<(usize, Block)>,
    back: Option<(usize, Block)>,
}

impl Iterator for BaseNames<'_> {
    type Item = (Name, Uuid);

    fn next(&mut self) -> Option<Self::Item> {
        let index = self.indexes.next()?;
        Some(look_up(self.base, &mut self.front, index))
    }
}

impl DoubleEndedIterator for BaseNames<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let index = self.indexes.next_back()?;
        Some(look_up(self.base, &mut self.back, index))
    }
}

/// The name with this index, and the key of its item. `cached` is the block of the last
/// call.
fn look_up(base: &Base, cached: &mut Option<(usize, Block)>, index: u32) -> (Name, Uuid) {
    let (block, within) = (index as usize / BLOCK, index as usize % BLOCK);
    let key = base.key(base.item_of(index));
    let decoded = match cached.take() {
        Some((at, decoded)) if at == block => decoded,
        _ => base.block(block),
    };
    let (_, decoded) = cached.insert((block, decoded));
    (decoded.name(within), key)
}

/// The indexes of the names, sorted by item and then by name. `items_of_names` has the index of
/// the item of each name.
pub(super) fn sorted_by_item(items_of_names: &[[u8; 4]], items: usize) -> Box<[u32]> {
    let item_of = |name: &[u8; 4]| u32::from_le_bytes(*name) as usize;
    // How many names each item has, and then where they begin.
    let mut starts = vec![0_u32; items];
    for name in items_of_names {
        let count = &mut starts[item_of(name)];
        *count = count.saturating_add(1);
    }
    let mut next = 0_u32;
    for start in &mut starts {
        let count = std::mem::replace(start, next);
        next = next.saturating_add(count);
    }
    let mut sorted = vec![0; items_of_names.len()];
    for (index, name) in (0..).zip(items_of_names) {
        let next = &mut starts[item_of(name)];
        sorted[*next as usize] = index;
        *next = next.saturating_add(1);
    }
    sorted.into()
}
