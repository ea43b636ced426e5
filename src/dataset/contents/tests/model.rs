//! What [`Contents`] and [`Edit`] do, in maps.

use std::collections::BTreeMap;
use std::ops::Bound;

use uuid::Uuid;

use super::{entry, key, texts};
use crate::dataset::contents::{Contents, Edit};
use crate::dataset::dice::Dice;
use crate::dataset::manifest::{ItemEntry, Name};

/// Keys and names are from few, so that edits often meet what is there.
const KEYS: usize = 40;

#[derive(Clone, Default, PartialEq)]
pub(super) struct Model {
    pub(super) items: BTreeMap<Uuid, ItemEntry>,
    pub(super) names: BTreeMap<String, Uuid>,
}

impl Model {
    pub(super) fn names_of(&self, key: Uuid) -> Vec<String> {
        let names = self.names.iter().filter(|(_, named)| **named == key);
        names.map(|(name, _)| name.clone()).collect()
    }

    fn remove(&mut self, key: Uuid) {
        self.items.remove(&key);
        self.names.retain(|_, named| *named != key);
    }

    fn remove_if_unnamed(&mut self, key: Option<Uuid>) -> Option<Uuid> {
        let key = key.filter(|key| self.names_of(*key).is_empty())?;
        self.remove(key);
        Some(key)
    }

    /// Does one random step to the edit and to the model. Returns the item that it kept.
    fn step(&mut self, edit: &mut Edit, dice: &mut Dice) -> Option<Uuid> {
        let (one, entry) = (key(dice.below(KEYS) as u64), entry(dice.roll() % 1000));
        let (name, other) = (random_name(dice), random_name(dice));
        let is_there = self.items.contains_key(&one);
        let named = self.names.get(&name).copied();
        match dice.below(9) {
            0 => {
                edit.put(one, entry);
                self.items.insert(one, entry);
                return Some(one);
            }
            1..=3 => {
                edit.put(one, entry);
                let removed = edit
                    .take_name(Name::new(&name).expect("it is short"), one)
                    .expect("it is there");
                self.items.insert(one, entry);
                self.names.insert(name, one);
                let expected = self.remove_if_unnamed(named.filter(|named| *named != one));
                assert_eq!(removed, expected);
                return Some(one);
            }
            4 => {
                assert_eq!(edit.remove(one).is_ok(), is_there);
                self.remove(one);
            }
            5 => {
                let lost = edit.set_name(&name, one);
                if is_there {
                    assert_eq!(
                        lost.expect("it is there"),
                        named.filter(|named| *named != one)
                    );
                    self.names.insert(name, one);
                    return Some(one);
                }
                lost.expect_err("there is no such item");
            }
            6 => {
                let removed = edit.rename(&name, &other);
                let Some(moved) = named else {
                    removed.expect_err("there is no such name");
                    return None;
                };
                self.names.remove(&name);
                let lost = self.names.insert(other, moved);
                let expected = self.remove_if_unnamed(lost.filter(|lost| *lost != moved));
                assert_eq!(removed.expect("it is there"), expected);
                return Some(moved);
            }
            7 => {
                assert_eq!(edit.remove_name(&name).ok(), named);
                self.names.remove(&name);
            }
            _ => {
                self.names.remove(&name);
                let expected = named.map(|named| self.remove_if_unnamed(Some(named)));
                assert_eq!(edit.unlink(&name).ok(), expected);
            }
        }
        None
    }

    /// Does random steps to a version and to the model.
    pub(super) fn edit(&mut self, before: &Contents, dice: &mut Dice, steps: usize) -> Edit {
        let mut edit = Edit::of(before);
        for _ in 0..steps {
            self.step(&mut edit, dice);
            self.assert_is_seen_by(&edit, dice);
        }
        edit
    }

    /// Same as [`edit`](Self::edit), for an edit that begins empty.
    pub(super) fn edit_anew(&mut self, before: &Contents, dice: &mut Dice, steps: usize) -> Edit {
        let mut edit = Edit::beginning_empty(before);
        let mut kept = Vec::new();
        for _ in 0..steps {
            let one = key(dice.below(KEYS) as u64);
            if dice.below(2) == 0 {
                assert_eq!(edit.keep(one).is_ok(), self.items.contains_key(&one));
                kept.push(one);
            } else {
                kept.extend(self.step(&mut edit, dice));
            }
            // A later put does not bring back that an item was kept before its removal.
            kept.retain(|key| self.items.contains_key(key));
        }
        if dice.below(4) == 0 {
            edit.keep_all();
            return edit;
        }
        self.items.retain(|key, _| kept.contains(key));
        self.names.retain(|_, key| self.items.contains_key(key));
        edit
    }

    fn assert_is_seen_by(&self, edit: &Edit, dice: &mut Dice) {
        let (key, name) = (key(dice.below(KEYS) as u64), random_name(dice));
        assert_eq!(edit.get(key), self.items.get(&key).copied());
        assert_eq!(edit.key_of(&name), self.names.get(&name).copied());
        let mut names = texts(edit.names_of(key));
        names.sort();
        assert_eq!(names, self.names_of(key));
    }

    /// Compares all that can be asked of contents.
    pub(super) fn assert_is(&self, contents: &Contents, dice: &mut Dice) {
        contents.validate();
        assert_eq!(contents.len(), self.items.len() as u64);
        assert_eq!(contents.name_count(), self.names.len() as u64);
        let lens = self.items.values().map(|entry| entry.fingerprint.len);
        assert_eq!(contents.bytes(), lens.sum::<u64>());
        let items = || self.items.iter().map(|(key, entry)| (*key, *entry));
        assert!(contents.items().eq(items()));
        assert!(contents.items().rev().eq(items().rev()));
        let all = (Bound::Unbounded, Bound::Unbounded);
        self.assert_has_names(contents.names(), all, dice);
        for key in (0..KEYS as u64).map(key) {
            assert_eq!(contents.get(key), self.items.get(&key).copied());
            assert_eq!(contents.contains(key), self.items.contains_key(&key));
            assert_eq!(texts(contents.names_of(key)), self.names_of(key));
        }
        for _ in 0..10 {
            let (start, end) = (random_name(dice), random_name(dice));
            assert_eq!(contents.key_of(&start), self.names.get(&start).copied());
            let range = (random_bound(&start, dice), random_bound(&end, dice));
            self.assert_has_names(contents.names_in(range), range, dice);
            let prefix = &start[..dice.below(2)];
            let named = contents.names_with_prefix(prefix);
            let named = texts(named.map(|(name, _)| name));
            let expected = self.names.keys().filter(|name| name.starts_with(prefix));
            assert!(named.iter().eq(expected));
        }
    }

    /// Takes names from both ends in a random order.
    fn assert_has_names(
        &self,
        mut found: impl DoubleEndedIterator<Item = (Name, Uuid)>,
        range: (Bound<&str>, Bound<&str>),
        dice: &mut Dice,
    ) {
        let is_in = |name: &str| {
            let is_after = match range.0 {
                Bound::Included(start) => name >= start,
                Bound::Excluded(start) => name > start,
                Bound::Unbounded => true,
            };
            let is_before = match range.1 {
                Bound::Included(end) => name <= end,
                Bound::Excluded(end) => name < end,
                Bound::Unbounded => true,
            };
            is_after && is_before
        };
        let mut expected = self.names.iter().filter(|(name, _)| is_in(name));
        loop {
            let (expected, found) = match dice.below(2) {
                0 => (expected.next(), found.next()),
                _ => (expected.next_back(), found.next_back()),
            };
            let found = found.as_ref().map(|(name, key)| (name.as_str(), key));
            assert_eq!(found, expected.map(|(name, key)| (name.as_str(), key)));
            if found.is_none() {
                return;
            }
        }
    }
}

fn random_bound<'a>(text: &'a str, dice: &mut Dice) -> Bound<&'a str> {
    match dice.below(3) {
        0 => Bound::Included(text),
        1 => Bound::Excluded(text),
        _ => Bound::Unbounded,
    }
}

fn random_name(dice: &mut Dice) -> String {
    let n = dice.below(30);
    match dice.below(10) {
        0 => format!("b/{n}/é"),
        1..4 => format!("a{n:02}"),
        4..7 => format!("a/{n}"),
        _ => format!("z{n}"),
    }
}
