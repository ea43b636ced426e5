//! The packs that the items of a version are in.

use rpds::RedBlackTreeMapSync;

use crate::dataset::manifest::{ItemEntry, PackUse, WrittenFile};

/// How much of each pack is in use. A clone shares all of it.
#[derive(Clone, Default)]
pub(super) struct PackUses(RedBlackTreeMapSync<WrittenFile, PackUse>);

impl PackUses {
    pub(super) fn of(uses: &[(WrittenFile, PackUse)]) -> Self {
        // A forged base may name a pack twice.
        let mut all = Self::default();
        for (pack, of_pack) in uses {
            let before = all.0.get(pack).copied().unwrap_or_default();
            all.set(*pack, before.and(*of_pack));
        }
        all
    }

    /// Notes that an item is somewhere else now.
    pub(super) fn moved(&mut self, before: Option<ItemEntry>, after: Option<ItemEntry>) {
        if let Some((pack, of_item)) = before.and_then(PackUse::of_item) {
            let of_pack = self.0.get(&pack).copied().unwrap_or_default();
            self.set(pack, of_pack.without(of_item));
        }
        if let Some((pack, of_item)) = after.and_then(PackUse::of_item) {
            let of_pack = self.0.get(&pack).copied().unwrap_or_default();
            self.set(pack, of_pack.and(of_item));
        }
    }

    fn set(&mut self, pack: WrittenFile, of_pack: PackUse) {
        match of_pack.items {
            0 => drop(self.0.remove_mut(&pack)),
            _ => self.0.insert_mut(pack, of_pack),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (WrittenFile, PackUse)> {
        self.0.iter().map(|(pack, of_pack)| (*pack, *of_pack))
    }
}
