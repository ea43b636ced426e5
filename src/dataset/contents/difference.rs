//! What differs between two versions.

use std::cmp::Ordering;
use std::sync::Arc;

use uuid::Uuid;

use super::Contents;
use crate::dataset::manifest::Changes;

impl Contents {
    /// What has to be changed to get from these contents to `later`.
    ///
    /// If both share a base, as a version and the next one do, that costs a pass over what
    /// differs from the base. Otherwise it costs a pass over both.
    pub(crate) fn changes_to(&self, later: &Self) -> Changes {
        match Arc::ptr_eq(&self.base, &later.base) {
            true => self.changed_in_overlays(later),
            false => self.changed_anywhere(later),
        }
    }

    /// The keys of items that `other` does not have. Costs what
    /// [`changes_to`](Self::changes_to) costs.
    pub(crate) fn keys_not_in(&self, other: &Self) -> Vec<Uuid> {
        let changes = self.changes_to(other);
        changes.removed_keys().collect()
    }

    fn changed_in_overlays(&self, later: &Self) -> Changes {
        let mut changes = Changes::default();
        let (before, after) = (&self.overlay, &later.overlay);
        if !before.items.ptr_eq(&after.items) {
            let items = differing(before.items.iter(), after.items.iter());
            let items = items.map(|(key, _)| (*key, later.get(*key)));
            changes.items.extend(items);
        }
        if !before.names.ptr_eq(&after.names) {
            let names = differing(before.names.iter(), after.names.iter());
            let names = names.map(|(name, _)| (name.clone(), later.key_of(name.as_str())));
            changes.names.extend(names);
        }
        changes
    }

    fn changed_anywhere(&self, later: &Self) -> Changes {
        Changes {
            items: differing(self.items(), later.items()).collect(),
            names: differing(self.names(), later.names()).collect(),
        }
    }
}

/// The keys that two sorted lists have with different values, or that only one of them
/// has, with the value of the second list.
fn differing<K: Ord, V: PartialEq>(
    before: impl Iterator<Item = (K, V)>,
    after: impl Iterator<Item = (K, V)>,
) -> impl Iterator<Item = (K, Option<V>)> {
    let (mut before, mut after) = (before.peekable(), after.peekable());
    std::iter::from_fn(move || {
        loop {
            let order = match (before.peek(), after.peek()) {
                (Some((old, _)), Some((new, _))) => old.cmp(new),
                (Some(_), None) => Ordering::Less,
                (None, _) => Ordering::Greater,
            };
            match order {
                Ordering::Less => return before.next().map(|(key, _)| (key, None)),
                Ordering::Greater => return after.next().map(|(key, value)| (key, Some(value))),
                Ordering::Equal => {
                    let (old, (key, new)) = (before.next()?, after.next()?);
                    if old.1 != new {
                        return Some((key, Some(new)));
                    }
                }
            }
        }
    })
}
