//! Every look-up in contents agrees with their iteration.

use std::collections::BTreeMap;
use std::ops::{Bound, RangeBounds};

use uuid::Uuid;

use crate::dataset::contents::Contents;
use crate::dataset::manifest::{Changes, ItemEntry, Name};

/// How many names are ends of ranges, and prefixes.
const ENDS: usize = 6;

/// What contents should be, in maps.
#[derive(Clone, Default)]
pub(super) struct Model {
    pub(super) items: BTreeMap<Uuid, ItemEntry>,
    pub(super) names: BTreeMap<Name, Uuid>,
}

impl Model {
    pub(super) fn of(contents: &Contents) -> Self {
        Self {
            items: contents.items().collect(),
            names: contents.names().collect(),
        }
    }

    pub(super) fn apply(&mut self, changes: &Changes) {
        for (key, entry) in &changes.items {
            match entry {
                Some(entry) => drop(self.items.insert(*key, *entry)),
                None => drop(self.items.remove(key)),
            }
        }
        for (name, key) in &changes.names {
            match key {
                Some(key) => drop(self.names.insert(name.clone(), *key)),
                None => drop(self.names.remove(name)),
            }
        }
    }

    /// Whether each name is one of an item.
    pub(super) fn is_consistent(&self) -> bool {
        self.names.values().all(|key| self.items.contains_key(key))
    }

    /// Compares all that can be asked of contents.
    pub(super) fn assert_is(&self, contents: &Contents) {
        contents.validate();
        assert!(self.is_consistent(), "a name is one of no item");
        assert_eq!(contents.len(), self.items.len() as u64);
        assert_eq!(contents.name_count(), self.names.len() as u64);
        self.assert_has_items(contents);
        self.assert_has_names(contents);
    }

    fn assert_has_items(&self, contents: &Contents) {
        let items = || self.items.iter().map(|(key, entry)| (*key, *entry));
        assert!(contents.items().eq(items()));
        assert!(contents.items().rev().eq(items().rev()));
        let near = |key: &Uuid| [0, 1, u128::MAX].map(|by| key.as_u128().wrapping_add(by));
        for key in self.items.keys().flat_map(near).map(Uuid::from_u128) {
            let expected = self.items.get(&key).copied();
            assert_eq!(contents.get(key), expected);
            assert_eq!(contents.contains(key), expected.is_some());
        }
        let mut named: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (name, key) in &self.names {
            named.entry(*key).or_default().push(name.clone());
        }
        for key in self.items.keys() {
            assert_eq!(
                contents.names_of(*key),
                named.remove(key).unwrap_or_default()
            );
        }
    }

    fn assert_has_names(&self, contents: &Contents) {
        let names = || self.names.iter().map(|(name, key)| (name.clone(), *key));
        assert!(contents.names().eq(names()));
        assert!(contents.names().rev().eq(names().rev()));
        for (name, key) in &self.names {
            assert_eq!(contents.key_of(name.as_str()), Some(*key));
        }
        let ends = self.ends();
        for (n, start) in ends.iter().enumerate() {
            let no_name = format!("{start}\0");
            let key = self.names.get(no_name.as_str()).copied();
            assert_eq!(contents.key_of(&no_name), key);
            let first = start.chars().next().map_or(0, char::len_utf8);
            for prefix in [start, &start[..first]] {
                let found = contents.names_with_prefix(prefix);
                self.assert_same(found, |name| name.starts_with(prefix));
            }
            let end = ends[(3 * n + 1) % ends.len()];
            for range in [
                (Bound::Included(*start), Bound::Excluded(end)),
                (Bound::Excluded(*start), Bound::Included(end)),
                (Bound::Excluded(*start), Bound::Excluded(end)),
                (Bound::Included(*start), Bound::Included(end)),
                (Bound::Unbounded, Bound::Excluded(end)),
                (Bound::Excluded(*start), Bound::Unbounded),
            ] {
                let is_in = |name: &str| RangeBounds::<str>::contains::<str>(&range, name);
                self.assert_same(contents.names_in(range), is_in);
            }
        }
    }

    /// A few names, and texts before and after all others.
    fn ends(&self) -> Vec<&str> {
        let step = self.names.len().div_ceil(ENDS).max(1);
        let names = self.names.keys().step_by(step).map(Name::as_str);
        names.chain(["", "\u{10FFFF}"]).collect()
    }

    /// Takes the names from both ends in turn.
    fn assert_same(
        &self,
        mut found: impl DoubleEndedIterator<Item = (Name, Uuid)>,
        is_in: impl Fn(&str) -> bool,
    ) {
        let mut expected = self.names.iter().filter(|(name, _)| is_in(name.as_str()));
        for n in 0.. {
            let (expected, found) = match n % 3 {
                0 => (expected.next_back(), found.next_back()),
                _ => (expected.next(), found.next()),
            };
            assert_eq!(found.as_ref().map(|(name, key)| (name, key)), expected);
            if found.is_none() {
                break;
            }
        }
    }
}
