//! What a generation of a dataset contains, in memory.
//!
//! | part | what it does |
//! |---|---|
//! | [`Contents`] | items by key, names in order; a version, which shares what it can with others |
//! | [`Edit`] | changes a version into the next one |
//! | [`Chain`] | decides which file a commit writes, and puts a generation together from its files |
//!
//! Nothing here does I/O.

mod apply;
mod chain;
mod difference;
mod edit;
mod merged;
mod overlay;
mod packs;
mod range;
#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use uuid::Uuid;

use super::cause::DatasetCause;
use super::manifest::{
    Base, FileId, ItemEntry, ItemKind, Manifest, Name, PackUse, Place, WrittenFile, encode_base,
};
pub(crate) use chain::{Chain, Commit, ReadChain};
pub(crate) use edit::Edit;
use merged::Merged;
use overlay::Overlay;
use packs::PackUses;
use range::{after_prefix, is_backwards};

/// The items and names of one version of a dataset.
///
/// An *item* has a key; what is recorded is the fingerprint of its file and its kind. A
/// *name* is one of an item; an item may have several names, or none.
///
/// Versions share a [`Base`] and most of what differs from it, so a clone costs nothing
/// and a change O(log n). A changed item with one name takes about 480 bytes of memory
/// until a base holds it, and up to 39 bytes and its name from then on, 47 in a pack.
#[derive(Clone)]
pub(crate) struct Contents {
    base: Arc<Base>,
    /// What differs from the base.
    overlay: Overlay,
    packs: PackUses,
    totals: Totals,
}

/// Kept up to date with each change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Totals {
    items: u64,
    names: u64,
    /// The lengths come from files, and their sum may exceed 64 bits.
    bytes: u128,
}

impl Contents {
    /// Nothing.
    pub(crate) fn empty() -> Self {
        let base = built(std::iter::empty(), std::iter::empty());
        Self::of(Arc::new(base.expect("it is empty")))
    }

    /// What a base holds.
    pub(crate) fn of(base: Arc<Base>) -> Self {
        let totals = Totals {
            items: base.len().into(),
            names: base.name_count().into(),
            bytes: base.total_bytes(),
        };
        Self {
            packs: PackUses::of(base.packs()),
            base,
            overlay: Overlay::default(),
            totals,
        }
    }

    /// The base, if it is the one of this file.
    pub(crate) fn base_of(&self, file: FileId) -> Option<Arc<Base>> {
        (self.base.written().file == file).then(|| self.base.clone())
    }

    /// What a manifest of version 1 lists: items of unknown kind, without names.
    pub(crate) fn of_manifest(manifest: &Manifest) -> Result<Self, DatasetCause> {
        let items = manifest.entries.iter().map(|record| {
            let entry = ItemEntry {
                fingerprint: record.fingerprint,
                kind: ItemKind::UNKNOWN,
                place: Place::File,
            };
            (record.key, entry)
        });
        Ok(Self::of(Arc::new(built(items, std::iter::empty())?)))
    }

    /// Items of which only the keys are known, in ascending order.
    pub(crate) fn of_unknown_files(keys: impl Iterator<Item = Uuid>) -> Result<Self, DatasetCause> {
        let items = keys.map(|key| (key, ItemEntry::UNKNOWN));
        Ok(Self::of(Arc::new(built(items, std::iter::empty())?)))
    }

    /// Number of items.
    pub(crate) fn len(&self) -> u64 {
        self.totals.items
    }

    /// Number of names.
    pub(crate) fn name_count(&self) -> u64 {
        self.totals.names
    }

    /// Total length of the items' files in bytes. It saturates.
    pub(crate) fn bytes(&self) -> u64 {
        u64::try_from(self.totals.bytes).unwrap_or(u64::MAX)
    }

    /// Whether there is an item of this key. Costs less than [`get`](Self::get), which reads
    /// the entry too.
    pub(crate) fn contains(&self, key: Uuid) -> bool {
        match self.overlay.items.get(&key) {
            Some(changed) => changed.is_some(),
            None => self.base.find(key).is_ok(),
        }
    }

    pub(crate) fn get(&self, key: Uuid) -> Option<ItemEntry> {
        match self.overlay.items.get(&key) {
            Some(changed) => *changed,
            None => self.base.get(key),
        }
    }

    /// The key of the item that has this name.
    pub(crate) fn key_of(&self, name: &str) -> Option<Uuid> {
        match self.overlay.names.get(name) {
            Some(changed) => *changed,
            None => self.base.key_of(name),
        }
    }

    /// The names of an item, in ascending order.
    pub(crate) fn names_of(&self, key: Uuid) -> Vec<Name> {
        let unchanged = |name: &Name| !self.overlay.names.contains_key(name);
        let mut names: Vec<_> = self.base.names_of(key).filter(unchanged).collect();
        names.extend(self.overlay.names_of(key).cloned());
        names.sort_unstable();
        names
    }

    /// Whether any item is in a pack.
    pub(crate) fn has_packs(&self) -> bool {
        !self.packs.is_empty()
    }

    /// The packs that items are in, and how much of them the items take.
    pub(crate) fn packs(&self) -> impl Iterator<Item = (WrittenFile, PackUse)> {
        self.packs.iter()
    }

    /// All items, in ascending order of their keys.
    pub(crate) fn items(&self) -> impl DoubleEndedIterator<Item = (Uuid, ItemEntry)> {
        let of_base = (0..self.base.len()).map(|at| (self.base.key(at), self.base.entry(at)));
        let changed = self.overlay.items.iter();
        Merged::new(of_base, changed.map(|(key, entry)| (*key, *entry)))
    }

    /// All names with the keys of their items, in ascending order.
    pub(crate) fn names(&self) -> impl DoubleEndedIterator<Item = (Name, Uuid)> {
        self.names_in((Bound::Unbounded, Bound::Unbounded))
    }

    /// The names within a range, with the keys of their items, in ascending order. A
    /// range that ends before it starts has none.
    pub(crate) fn names_in<'a>(
        &'a self,
        range: (Bound<&str>, Bound<&str>),
    ) -> impl DoubleEndedIterator<Item = (Name, Uuid)> + use<'a> {
        let range = match is_backwards(range) {
            true => (Bound::Unbounded, Bound::Excluded("")),
            false => range,
        };
        let changed = self.overlay.names_in(range);
        let changed = changed.map(|(name, key)| (name.clone(), *key));
        Merged::new(self.base.names(range), changed)
    }

    /// The names that begin with `prefix`, with the keys of their items, in ascending
    /// order.
    pub(crate) fn names_with_prefix<'a>(
        &'a self,
        prefix: &str,
    ) -> impl DoubleEndedIterator<Item = (Name, Uuid)> + use<'a> {
        let end = after_prefix(prefix);
        let end = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        self.names_in((Bound::Included(prefix), end))
    }

    /// The same items and names, if each item had a file of its own.
    pub(crate) fn without_packs(&self) -> Result<Self, DatasetCause> {
        if !self.has_packs() {
            return Ok(self.clone());
        }
        let place = Place::File;
        let items = self
            .items()
            .map(|(key, entry)| (key, ItemEntry { place, ..entry }));
        Ok(Self::of(Arc::new(built(items, self.names())?)))
    }

    /// The bytes of a base that holds these contents and this root, with a random id.
    /// Costs one pass over the contents.
    pub(crate) fn encode_base(
        &self,
        id: Uuid,
        generation: u64,
        root: &[u8],
    ) -> Result<Vec<u8>, DatasetCause> {
        encode_base(id, generation, root, self.items(), self.names())
    }
}

impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contents")
            .field("base", &self.base)
            .field("changed", &self.overlay.len())
            .field("totals", &self.totals)
            .finish()
    }
}

/// A base that is in memory only.
fn built(
    items: impl Iterator<Item = (Uuid, ItemEntry)>,
    names: impl Iterator<Item = (Name, Uuid)>,
) -> Result<Base, DatasetCause> {
    Base::from_bytes(encode_base(Uuid::nil(), 0, &[], items, names)?)
}

#[cfg(any(test, fuzzing))]
impl Contents {
    /// Checks the invariants.
    pub(crate) fn validate(&self) {
        self.overlay.validate();
        for (key, entry) in &self.overlay.items {
            assert_ne!(*entry, self.base.get(*key));
        }
        for (name, key) in &self.overlay.names {
            assert_ne!(*key, self.base.key_of(name.as_str()));
        }
        let mut totals = Totals::default();
        for (_, entry) in self.items() {
            totals.items += 1;
            totals.bytes += u128::from(entry.fingerprint.len);
        }
        for (_, key) in self.names() {
            totals.names += 1;
            assert!(self.contains(key));
        }
        assert_eq!(self.totals, totals);
        let mut packs = PackUses::default();
        for (_, entry) in self.items() {
            packs.moved(None, Some(entry));
        }
        assert!(self.packs().eq(packs.iter()));
    }
}
