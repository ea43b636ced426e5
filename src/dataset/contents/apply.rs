//! Applying changes to contents.

use std::sync::Arc;

use uuid::Uuid;

use super::merged::Merged;
use super::{Contents, Totals, built};
use crate::dataset::cause::DatasetCause;
use crate::dataset::manifest::{Changes, ItemEntry, Name};

/// A change of contents smaller than this does not make a new base in memory.
const LEAST_REBUILT: usize = 1024;

/// The part of the contents that the overlay may be before it is merged into a base.
const OVERLAY_PART: usize = 20;

impl Contents {
    /// The contents after these changes. Fails, without an effect, if a name would be one
    /// of no item, or if there would be more than 2³² − 1 items or names.
    ///
    /// Costs O(log n) for each change. Once more than a twentieth of the contents differs
    /// from the base, the next commit that is itself more than a twentieth of that makes a
    /// new base in memory, in one pass. This bounds the memory; small commits never make
    /// one.
    pub(crate) fn with(&self, changes: &Changes) -> Result<Self, DatasetCause> {
        let overlay = self.overlay.len() + changes.len();
        let all = self.base.len() as usize + self.base.name_count() as usize;
        let is_large = overlay > LEAST_REBUILT && overlay > all / OVERLAY_PART;
        if is_large && changes.len() > overlay / OVERLAY_PART {
            return self.rebuilt_with(changes);
        }
        let mut next = self.clone();
        for (key, entry) in &changes.items {
            next.set(*key, *entry);
        }
        for (name, key) in &changes.names {
            next.set_name(name, *key);
        }
        next.check(changes)?;
        Ok(next)
    }

    fn rebuilt_with(&self, changes: &Changes) -> Result<Self, DatasetCause> {
        let items = changes.items.iter().map(|(key, entry)| (*key, *entry));
        let names = changes.names.iter().map(|(name, key)| (name.clone(), *key));
        let base = built(
            Merged::new(self.items(), items),
            Merged::new(self.names(), names),
        )?;
        Ok(Self::of(Arc::new(base)))
    }

    fn set(&mut self, key: Uuid, entry: Option<ItemEntry>) {
        let len = |entry: Option<ItemEntry>| entry.map_or(0, |entry| entry.fingerprint.len.into());
        let before = self.get(key);
        self.totals.items -= u64::from(before.is_some());
        self.totals.items += u64::from(entry.is_some());
        self.totals.bytes -= len(before);
        self.totals.bytes += len(entry);
        self.packs.moved(before, entry);
        self.overlay.set(key, entry, self.base.get(key));
    }

    fn set_name(&mut self, name: &Name, key: Option<Uuid>) {
        let before = self.key_of(name.as_str());
        self.totals.names -= u64::from(before.is_some());
        self.totals.names += u64::from(key.is_some());
        self.overlay
            .set_name(name, key, self.base.key_of(name.as_str()));
    }

    /// Checks that each changed name is one of an item, and that each name of a changed
    /// item is.
    fn check(&self, changes: &Changes) -> Result<(), DatasetCause> {
        self.totals.check()?;
        let removed = changes.items.iter().filter(|(_, entry)| entry.is_none());
        let has_no_name = |key: Uuid| {
            let mut names = self.base.names_of(key);
            self.overlay.names_of(key).next().is_none()
                && names.all(|name| self.overlay.names.contains_key(&name))
        };
        let mut set = changes.names.values().flatten();
        let is_consistent = set.all(|key| self.contains(*key))
            && removed.into_iter().all(|(key, _)| has_no_name(*key));
        match is_consistent {
            true => Ok(()),
            false => Err(DatasetCause::DamagedManifest("a name is one of no item")),
        }
    }
}

impl Totals {
    /// Fails if there are more items or names than a base can number.
    fn check(&self) -> Result<(), DatasetCause> {
        let Self { items, names, .. } = *self;
        match items.max(names) > u32::MAX.into() {
            true => Err(DatasetCause::TooMany { items, names }),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_items_or_names_than_a_u32_can_number_are_refused() {
        let most = u64::from(u32::MAX);
        let totals = |items, names| Totals {
            items,
            names,
            bytes: 0,
        };
        totals(most, most).check().expect("they fit");
        for (items, names) in [(most + 1, 0), (0, most + 1)] {
            let error = totals(items, names)
                .check()
                .expect_err("it is one too many");
            let text = format!(
                "a dataset of {items} items with {names} names: it can have 4294967295 of each: \
                 split the dataset"
            );
            assert_eq!(error.to_string(), text);
        }
    }
}
