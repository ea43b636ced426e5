//! Putting the small items of a commit into packs.

use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::commit::PendingCommit;
use super::contents::Edit;
use super::manifest::ItemEntry;
use super::saver::CapturedItem;
use crate::Result;
use crate::backing_store::{ManifestStore, PackedAt, ToPack, WrittenPack};
use crate::error::Operation;
use crate::hash::HashSet;

/// Fewer bytes than this get files of their own if they are of few items.
const LEAST_BYTES: u64 = 1 << 20;

/// Which items commits put into packs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packing {
    /// Files of up to this many bytes; 0 for none.
    pub(super) below: u64,
    /// How many bytes of items a pack has, at most, unless it has one item.
    pub(super) size: u64,
    /// Fewer items of a commit get files of their own: a pack costs two syncs.
    pub(super) least_items: usize,
}

impl Packing {
    /// Packs are long enough for their syncs and their open files not to count, and short
    /// enough to be written again once most of their items are gone.
    pub(super) const SIZE: u64 = 16 << 20;

    /// An item is read into memory to be put into a pack.
    pub(super) const MOST_BELOW: u64 = 64 << 20;

    pub(super) const NONE: Self = Self {
        below: 0,
        size: Self::SIZE,
        least_items: 8,
    };
}

impl Default for Packing {
    fn default() -> Self {
        Self::NONE
    }
}

impl<Root, B> PendingCommit<Root, B>
where
    Root: Serialize + DeserializeOwned + Send + Sync + 'static,
    B: ManifestStore,
{
    /// Puts captured items into packs, in the order of their names, or links them if they are
    /// few. Returns the entries of those that the commit still has.
    pub(super) fn place_captured(
        &mut self,
        captured: Vec<CapturedItem<B>>,
        edit: &Edit,
    ) -> Result<Vec<(Uuid, ItemEntry)>> {
        let needed = captured
            .into_iter()
            .filter(|item| edit.get(item.key).is_some());
        let mut items: Vec<_> = needed.collect();
        let bytes = items
            .iter()
            .map(|item| item.len)
            .fold(0, u64::saturating_add);
        if items.len() < self.path().packing.least_items && bytes < LEAST_BYTES {
            return items.into_iter().map(CapturedItem::link).collect();
        }
        items.sort_by_cached_key(|item| {
            let first_name = edit.names_of(item.key).into_iter().min();
            // Those with names come first.
            (first_name.is_none(), first_name, item.key)
        });
        // An item of another dataset is captured each time that it is named.
        let mut named = HashSet::default();
        items.retain(|item| named.insert(item.key));
        let mut entries = Vec::with_capacity(items.len());
        let mut rest = items.into_iter().peekable();
        while rest.peek().is_some() {
            let (mut part, mut len) = (Vec::new(), 0_u64);
            let size = self.path().packing.size;
            while let Some(item) =
                rest.next_if(|next| part.is_empty() || len.saturating_add(next.len) <= size)
            {
                len = len.saturating_add(item.len);
                part.push(item);
            }
            self.write_pack(part, &mut entries)?;
        }
        Ok(entries)
    }

    fn write_pack(
        &mut self,
        items: Vec<CapturedItem<B>>,
        entries: &mut Vec<(Uuid, ItemEntry)>,
    ) -> Result<()> {
        let id = crate::key::random();
        self.note_pack(id);
        let to_pack: Vec<_> = items
            .iter()
            .map(|item| ToPack {
                key: item.key,
                from: item.captured.from(),
            })
            .collect();
        let path = self.path();
        let written = path.call_packs(Operation::Commit, |packs, place| {
            packs.write(place, id, &to_pack)
        });
        let WrittenPack {
            pack,
            items: written,
        } = match written {
            // One has moved to the cache; linking it finds it there.
            Err(error)
                if error.is_not_found() && to_pack.iter().any(|item| item.from.is_some()) =>
            {
                for item in items {
                    entries.push(item.link()?);
                }
                return Ok(());
            }
            written => written?.expect("only a store that has packs captures items"),
        };
        let first = entries.len();
        for (item, (offset, footer)) in items.iter().zip(written) {
            let at = PackedAt {
                pack,
                offset,
                footer,
            };
            entries.push((item.key, ItemEntry::packed(&at)));
        }
        // Until the commit is the current one, its items are found here.
        path.contents.note_beside(&entries[first..]);
        items
            .into_iter()
            .try_for_each(|item| item.captured.note_packed())
    }
}
