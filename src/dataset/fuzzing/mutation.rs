//! Changes to files: of bytes, of lengths that still add up, and of what a file holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use super::agreement::Model;
use super::formats::generation_of;
use super::generation::{is_base, is_delta, joined, link, split};
use super::samples::{entry, key};
use super::{Dice, seal};
use crate::dataset::contents::Contents;
use crate::dataset::manifest::{Base, Delta, FileId, ItemRecord, Manifest, Name, encode_base};

/// The longest root that a change of what a file holds makes.
const LONGEST_ROOT: usize = 40;

/// The files of a generation after a change of one of them, or of which there are.
pub(super) fn change_files(bytes: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut files = split(bytes);
    if files.is_empty() {
        return bytes.to_vec();
    }
    let (one, other) = (dice.below(files.len()), dice.below(files.len()));
    match dice.below(16) {
        0 => drop(files.remove(one)),
        1 => files.push(files[one].clone()),
        2 => files.swap(one, other),
        3 => link(&mut files),
        _ => files[one] = change_file(&files[one], dice),
    }
    if dice.below(4) == 0 {
        link(&mut files);
    }
    joined(&files)
}

/// A file after a change.
pub(super) fn change_file(file: &[u8], dice: &mut Dice) -> Vec<u8> {
    if dice.below(3) == 0
        && let Some(edited) = edited(file, dice)
    {
        return edited;
    }
    let mut file = file.to_vec();
    for _ in 0..=dice.below(3) {
        change_bytes(&mut file, dice);
    }
    if dice.below(2) == 0 {
        let fitted = fit(&file, dice);
        file = fitted.unwrap_or(file);
    }
    if dice.below(8) != 0 {
        seal(&mut file);
    }
    file
}

fn change_bytes(file: &mut Vec<u8>, dice: &mut Dice) {
    if file.is_empty() {
        return;
    }
    // Every second change is in a header, which says where everything is.
    let end = match dice.below(2) {
        0 => file.len().min(120),
        _ => file.len(),
    };
    let at = dice.below(end);
    let end = file.len().min(at + 1 + dice.below(32));
    match dice.below(10) {
        0 => file[at] = dice.below(256) as u8,
        1 => file[at] = file[at].wrapping_add(1),
        2 => file[at] = file[at].wrapping_sub(1),
        3 => file[at] ^= 1 << dice.below(8),
        4 => file[at..end].fill(0xff),
        5 => file[at..end].fill(0),
        6 => drop(file.drain(at..end)),
        7 => {
            let to = dice.below(file.len());
            let part = file[at..end].to_vec();
            drop(file.splice(to..to, part));
        }
        8 => {
            let from = dice.below(file.len() - (end - at) + 1);
            file.copy_within(from..from + (end - at), at);
        }
        _ => file.insert(at, dice.below(4) as u8),
    }
}

/// A field of a header: where it is, how many bytes it has, and what it counts, in bytes.
type Field = (usize, usize, u64);

/// The fields of a format that say how long it is, and the bytes that it has in any case.
fn fields_of(file: &[u8]) -> (Vec<Field>, u64) {
    if is_base(file) {
        let short = |at| number(file, at, 4).unwrap_or_default();
        let (packs, names, kinds) = (short(12), short(60), short(64));
        let width = |end: u64| match end {
            0 | 1 => 0,
            2..=0x100 => 1,
            0x101..=0x1_0000 => 2,
            _ => 4,
        };
        let offset = if packs > 0 { 4 } else { 0 };
        let item = 24 + width(kinds) + width(packs + 1) + offset;
        let fields = vec![
            (40, 8, 1),
            (48, 8, 1),
            (12, 4, 28),
            (56, 4, item),
            (60, 4, 4),
            (64, 4, 28),
            (68, 4, 12),
        ];
        return (fields, 76 + 8 * names.div_ceil(16));
    }
    if is_delta(file) {
        let fields = vec![
            (80, 8, 1),
            (104, 8, 1),
            (12, 4, 28),
            (88, 4, 16),
            (92, 4, 30),
            (112, 4, 28),
            (116, 4, 38),
        ];
        return (fields, 124);
    }
    (vec![(24, 8, 1), (32, 8, 28)], 44)
}

fn number(file: &[u8], at: usize, len: usize) -> Option<u64> {
    let mut number = [0; 8];
    number[..len].copy_from_slice(file.get(at..at + len)?);
    Some(u64::from_le_bytes(number))
}

/// Sets one of the lengths so that all of them together are that of the file, if one can be.
fn fit(file: &[u8], dice: &mut Dice) -> Option<Vec<u8>> {
    let (fields, fixed) = fields_of(file);
    let (chosen, (at, len, each)) = {
        let chosen = dice.below(fields.len());
        (chosen, fields[chosen])
    };
    let mut others = fixed;
    for (n, (at, len, each)) in fields.iter().enumerate() {
        if n != chosen {
            let taken = number(file, *at, *len)?.checked_mul(*each)?;
            others = others.checked_add(taken)?;
        }
    }
    let count = (file.len() as u64).checked_sub(others)? / each;
    let mut fitted = file.to_vec();
    fitted[at..at + len].copy_from_slice(&count.to_le_bytes()[..len]);
    Some(fitted)
}

/// A file that holds something else; `None` if this one is damaged.
fn edited(file: &[u8], dice: &mut Dice) -> Option<Vec<u8>> {
    let mut file = file.to_vec();
    seal(&mut file);
    if is_base(&file) {
        let base = Base::read(&file).ok()?;
        let generation = near(base.generation(), dice);
        let id = base.written().file.id;
        let root = edited_root(base.root(), dice);
        let mut model = Model::of(&Contents::of(Arc::new(base)));
        edit(&mut model, dice);
        let (items, names) = (model.items.into_iter(), model.names.into_iter());
        return encode_base(id, generation, &root, items, names).ok();
    }
    if is_delta(&file) {
        let (delta, _) = Delta::read(&file).ok()?;
        return edited_delta(delta, dice).encode().ok();
    }
    let mut manifest = Manifest::read(&file, generation_of(&file)).ok()?;
    let entries = manifest.entries.iter();
    let mut items: BTreeMap<_, _> = entries.map(|record| (record.key, *record)).collect();
    let key = any_key(&items, dice);
    match dice.below(3) {
        0 => drop(items.remove(&key)),
        _ => drop(items.insert(key, ItemRecord::of(key, entry(dice.roll())))),
    }
    manifest.entries = items.into_values().collect();
    manifest.generation = near(manifest.generation, dice);
    manifest.root = edited_root(&manifest.root, dice);
    manifest.encode().ok()
}

/// Changes items and names; each name is one of an item.
fn edit(model: &mut Model, dice: &mut Dice) {
    for _ in 0..=dice.below(4) {
        let (key, name) = (any_key(&model.items, dice), any_name(&model.names, dice));
        match dice.below(4) {
            0 => {
                model.items.remove(&key);
                model.names.retain(|_, named| *named != key);
            }
            1 => drop(model.names.remove(&name)),
            kind => {
                model.items.insert(key, entry(dice.roll()));
                if kind == 2 {
                    model.names.insert(name, key);
                }
            }
        }
    }
}

fn edited_delta(mut delta: Delta, dice: &mut Dice) -> Delta {
    let changes = &mut delta.changes;
    for _ in 0..dice.below(4) {
        let (key, name) = (
            any_key(&changes.items, dice),
            any_name(&changes.names, dice),
        );
        match dice.below(6) {
            0 => drop(changes.items.remove(&key)),
            1 => drop(changes.items.insert(key, None)),
            2 => drop(changes.items.insert(key, Some(entry(dice.roll())))),
            3 => drop(changes.names.remove(&name)),
            4 => drop(changes.names.insert(name, None)),
            _ => drop(changes.names.insert(name, Some(key))),
        }
    }
    let file = FileId {
        id: key(dice.below(16) as u64),
        check: 0,
    };
    match dice.below(8) {
        0 => delta.base = delta.base.xor(Some(file)),
        1 => delta.parent = delta.parent.xor(Some(file)),
        2 => delta.root = None,
        3 => {
            let root = delta.root.as_deref().unwrap_or_default();
            delta.root = Some(edited_root(root, dice).into());
        }
        4 => delta.generation = near(delta.generation, dice),
        5 => delta.id = file.id,
        _ => {}
    }
    delta
}

fn edited_root(root: &[u8], dice: &mut Dice) -> Vec<u8> {
    match dice.below(8) {
        0 => vec![b'x'; dice.below(LONGEST_ROOT)],
        _ => root.to_vec(),
    }
}

fn near(generation: u64, dice: &mut Dice) -> u64 {
    match dice.below(8) {
        0 => generation.wrapping_add(1),
        1 => generation.wrapping_sub(1),
        2 => u64::MAX - dice.below(2) as u64,
        _ => generation,
    }
}

/// A key that is there, one next to it, one of the samples', or a random one.
fn any_key<V>(items: &BTreeMap<Uuid, V>, dice: &mut Dice) -> Uuid {
    let there = items.keys().nth(dice.below(items.len().max(1)));
    match (dice.below(5), there) {
        (0 | 1, Some(there)) => *there,
        (2, Some(there)) => Uuid::from_u128(there.as_u128().wrapping_add(1)),
        (3, _) => Uuid::from_u64_pair(dice.roll(), dice.roll()),
        _ => key(dice.below(8) as u64),
    }
}

/// A name that is there, one that begins like it, or another one.
fn any_name<V>(names: &BTreeMap<Name, V>, dice: &mut Dice) -> Name {
    let there = names.keys().nth(dice.below(names.len().max(1)));
    let there = there.map_or("", Name::as_str);
    let parts = ["a", "b", "/", "é", "日", "𝄞", "\0", "aaaaaaaaaaaaaaaa"];
    let mut text = match dice.below(3) {
        0 => String::new(),
        _ => there.to_owned(),
    };
    for _ in 0..dice.below(4) {
        text += parts[dice.below(parts.len())];
    }
    match dice.below(32) {
        0 => text = text.repeat(1 + dice.below(20)),
        1 => drop(text.pop()),
        _ => {}
    }
    let fallback = || Name::new("a").expect("it is short");
    Name::new(&text).unwrap_or_else(|_| fallback())
}
