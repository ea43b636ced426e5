//! What differs from a base.

use std::ops::Bound;

use rpds::{RedBlackTreeMapSync, RedBlackTreeSetSync};
use uuid::Uuid;

use crate::dataset::manifest::{ItemEntry, Name};

/// The items and names that differ from those of a base. `None` stands for one that the
/// base has and that was removed. A clone shares all of it.
#[derive(Clone, Default)]
pub(super) struct Overlay {
    pub(super) items: RedBlackTreeMapSync<Uuid, Option<ItemEntry>>,
    pub(super) names: RedBlackTreeMapSync<Name, Option<Uuid>>,
    /// The names in `names` that are set, by item.
    by_item: RedBlackTreeSetSync<(Uuid, Name)>,
}

impl Overlay {
    /// Number of items and names that differ.
    pub(super) fn len(&self) -> usize {
        self.items.size() + self.names.size()
    }

    /// Changes an item that the base has as `in_base`.
    pub(super) fn set(&mut self, key: Uuid, entry: Option<ItemEntry>, in_base: Option<ItemEntry>) {
        match entry == in_base {
            true => drop(self.items.remove_mut(&key)),
            false => self.items.insert_mut(key, entry),
        }
    }

    /// Changes a name that is one of `in_base` in the base.
    pub(super) fn set_name(&mut self, name: &Name, key: Option<Uuid>, in_base: Option<Uuid>) {
        if let Some(Some(before)) = self.names.get(name) {
            self.by_item.remove_mut(&(*before, name.clone()));
        }
        if key == in_base {
            self.names.remove_mut(name);
            return;
        }
        self.names.insert_mut(name.clone(), key);
        if let Some(key) = key {
            self.by_item.insert_mut((key, name.clone()));
        }
    }

    /// The names of an item that its base does not have or has for another one.
    pub(super) fn names_of(&self, key: Uuid) -> impl Iterator<Item = &Name> {
        let start = Bound::Included((key, Name::bound("")));
        let range = self.by_item.range((start, Bound::Unbounded));
        let range = range.take_while(move |(item, _)| *item == key);
        range.map(|(_, name)| name)
    }

    /// The range must not end before it starts.
    pub(super) fn names_in<'a>(
        &'a self,
        (start, end): (Bound<&str>, Bound<&str>),
    ) -> impl DoubleEndedIterator<Item = (&'a Name, &'a Option<Uuid>)> + use<'a> {
        let range = (start.map(Name::bound), end.map(Name::bound));
        self.names.range::<Name, _>(range)
    }

    /// Checks the invariants.
    #[cfg(any(test, fuzzing))]
    pub(super) fn validate(&self) {
        let set = self.names.iter();
        let set = set.filter_map(|(name, key)| Some(((*key)?, name.clone())));
        let mut set: Vec<_> = set.collect();
        set.sort();
        assert!(set.iter().eq(self.by_item.iter()));
    }
}
