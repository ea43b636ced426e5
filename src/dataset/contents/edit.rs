//! Changing a version into the next one.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::Contents;
use crate::dataset::cause::DatasetCause;
use crate::dataset::manifest::{Changes, ItemEntry, Name};
use crate::hash::HashSet;

/// Changes of a version. Nothing happens until [`finish`](Self::finish), and all of it
/// then.
///
/// | after | the item |
/// |---|---|
/// | [`put`](Self::put) | is there, with the names that it had |
/// | [`take_name`](Self::take_name), [`rename`](Self::rename) | has the name; an item that lost it and has no other name is removed |
/// | [`set_name`](Self::set_name) | has the name; an item that lost it stays |
/// | [`remove_name`](Self::remove_name) | has lost the name, and stays |
/// | [`unlink`](Self::unlink) | has lost the name, and is removed if it has no other one |
/// | [`remove`](Self::remove) | is gone, with all of its names |
///
/// So an item stays until it is removed by key, except where a name is used as if it were
/// the name of a file: who puts another item under a name, moves one there, or unlinks
/// the name expects that what was there does not take up space any more.
///
/// An edit that [begins empty](Self::beginning_empty) ends without the items that it did
/// not put, keep or name, and without their names.
pub(crate) struct Edit {
    before: Contents,
    /// They hold nothing that is the same before.
    changes: Changes,
    /// The names in `changes` that are set, by item.
    by_item: BTreeSet<(Uuid, Name)>,
    /// The items to stay; `None` for all.
    kept: Option<HashSet<Uuid>>,
}

impl Edit {
    /// An edit that keeps all items that it does not remove.
    pub(crate) fn of(before: &Contents) -> Self {
        Self {
            before: before.clone(),
            changes: Changes::default(),
            by_item: BTreeSet::new(),
            kept: None,
        }
    }

    /// An edit that removes all items that it does not put, keep or name.
    pub(crate) fn beginning_empty(before: &Contents) -> Self {
        Self {
            kept: Some(HashSet::default()),
            ..Self::of(before)
        }
    }

    /// The item as it is after the changes so far. Items that were not kept yet are
    /// there until the end.
    pub(crate) fn get(&self, key: Uuid) -> Option<ItemEntry> {
        match self.changes.items.get(&key) {
            Some(changed) => *changed,
            None => self.before.get(key),
        }
    }

    /// The key of the item that has this name after the changes so far.
    pub(crate) fn key_of(&self, name: &str) -> Option<Uuid> {
        match self.changes.names.get(name) {
            Some(changed) => *changed,
            None => self.before.key_of(name),
        }
    }

    /// The names that an item has after the changes so far, in no particular order.
    pub(crate) fn names_of(&self, key: Uuid) -> Vec<Name> {
        let mut names = self.before.names_of(key);
        names.retain(|name| !self.changes.names.contains_key(name));
        let set = self.by_item.range((key, Name::bound(""))..);
        let set = set.take_while(|(item, _)| *item == key);
        names.extend(set.map(|(_, name)| name.clone()));
        names
    }

    /// Adds an item, or replaces the record of this key. Its names stay.
    pub(crate) fn put(&mut self, key: Uuid, entry: ItemEntry) {
        self.mark_kept(key);
        self.record(key, Some(entry));
    }

    /// Adds an item whose record is [put](Self::put) later, unless it is there.
    pub(crate) fn announce(&mut self, key: Uuid) {
        match self.get(key) {
            Some(_) => self.mark_kept(key),
            None => self.put(key, ItemEntry::UNKNOWN),
        }
    }

    /// Whether the item is there, and its record is not.
    pub(crate) fn is_announced(&self, key: Uuid) -> bool {
        self.changes.items.get(&key) == Some(&Some(ItemEntry::UNKNOWN))
    }

    /// Gives an item that is there a name, which it may have already. Returns the key of the
    /// item that had the name if it was removed, because it has no other name.
    pub(crate) fn take_name(
        &mut self,
        name: Name,
        key: Uuid,
    ) -> Result<Option<Uuid>, DatasetCause> {
        self.keep(key)?;
        Ok(self.take_over(name, key))
    }

    /// The contents before all changes.
    pub(crate) fn before(&self) -> &Contents {
        &self.before
    }

    /// Keeps an item, with its names.
    pub(crate) fn keep(&mut self, key: Uuid) -> Result<(), DatasetCause> {
        self.get(key).ok_or(DatasetCause::NotCommitted)?;
        self.mark_kept(key);
        Ok(())
    }

    /// Keeps all items that are not removed, before or after this call.
    pub(crate) fn keep_all(&mut self) {
        self.kept = None;
    }

    /// Removes an item and all of its names.
    pub(crate) fn remove(&mut self, key: Uuid) -> Result<(), DatasetCause> {
        self.get(key).ok_or(DatasetCause::NotCommitted)?;
        self.discard(key);
        Ok(())
    }

    /// Gives an item a name. Returns the key of the item that had it before, which stays.
    pub(crate) fn set_name(&mut self, name: &str, key: Uuid) -> Result<Option<Uuid>, DatasetCause> {
        let name = Name::new(name)?;
        self.keep(key)?;
        let before = self.key_of(name.as_str());
        self.record_name(name, Some(key));
        Ok(before.filter(|before| *before != key))
    }

    /// Gives the item that has the name `from` the name `to` instead. Returns the key of
    /// the item that had the name `to` if it was removed, because it has no other name.
    pub(crate) fn rename(&mut self, from: &str, to: &str) -> Result<Option<Uuid>, DatasetCause> {
        let key = self.named(from)?;
        let to = Name::new(to)?;
        self.mark_kept(key);
        if from == to.as_str() {
            return Ok(None);
        }
        self.record_name(Name::new(from)?, None);
        Ok(self.take_over(to, key))
    }

    /// Removes a name. Its item, whose key is returned, stays.
    pub(crate) fn remove_name(&mut self, name: &str) -> Result<Uuid, DatasetCause> {
        let key = self.named(name)?;
        self.record_name(Name::new(name)?, None);
        Ok(key)
    }

    /// Removes a name, and its item if that has no other name. Returns the key of the
    /// item if it was removed.
    pub(crate) fn unlink(&mut self, name: &str) -> Result<Option<Uuid>, DatasetCause> {
        let key = self.remove_name(name)?;
        Ok(self.discard_unnamed(key))
    }

    /// The changed contents, and the changes.
    pub(crate) fn finish(mut self) -> Result<(Contents, Changes), DatasetCause> {
        if let Some(kept) = self.kept.take() {
            self.discard_all_but(&kept);
        }
        let after = self.before.with(&self.changes)?;
        Ok((after, self.changes))
    }

    /// Same as [`key_of`](Self::key_of), but fails if no item has the name.
    pub(crate) fn named(&self, name: &str) -> Result<Uuid, DatasetCause> {
        self.key_of(name)
            .ok_or_else(|| DatasetCause::NoSuchName(name.to_owned()))
    }

    fn mark_kept(&mut self, key: Uuid) {
        if let Some(kept) = &mut self.kept {
            kept.insert(key);
        }
    }

    fn take_over(&mut self, name: Name, key: Uuid) -> Option<Uuid> {
        let before = self.key_of(name.as_str());
        self.record_name(name, Some(key));
        self.discard_unnamed(before.filter(|before| *before != key)?)
    }

    /// Removes an item that has no name.
    fn discard_unnamed(&mut self, key: Uuid) -> Option<Uuid> {
        if !self.names_of(key).is_empty() {
            return None;
        }
        self.discard(key);
        Some(key)
    }

    fn discard(&mut self, key: Uuid) {
        for name in self.names_of(key) {
            self.record_name(name, None);
        }
        self.record(key, None);
        if let Some(kept) = &mut self.kept {
            kept.remove(&key);
        }
    }

    fn discard_all_but(&mut self, kept: &HashSet<Uuid>) {
        let before = self.before.clone();
        for (name, key) in before.names() {
            if !kept.contains(&key) && self.key_of(name.as_str()) == Some(key) {
                self.record_name(name, None);
            }
        }
        for (key, _) in before.items() {
            if !kept.contains(&key) {
                self.record(key, None);
            }
        }
    }

    fn record(&mut self, key: Uuid, entry: Option<ItemEntry>) {
        match self.before.get(key) == entry {
            true => self.changes.items.remove(&key),
            false => self.changes.items.insert(key, entry),
        };
    }

    fn record_name(&mut self, name: Name, key: Option<Uuid>) {
        if let Some(Some(before)) = self.changes.names.get(&name) {
            self.by_item.remove(&(*before, name.clone()));
        }
        if self.before.key_of(name.as_str()) == key {
            self.changes.names.remove(&name);
            return;
        }
        if let Some(key) = key {
            self.by_item.insert((key, name.clone()));
        }
        self.changes.names.insert(name, key);
    }
}
