//! The lists of a delta: items and names.

// The numbers here come from files.
#![warn(clippy::arithmetic_side_effects)]

use uuid::Uuid;

use super::header::Header;
use super::{ITEM, KEY};
use crate::backing_store::FileFingerprint;
use crate::dataset::cause::DatasetCause;
use crate::dataset::manifest::changes::{Changes, ItemEntry};
use crate::dataset::manifest::kind::ItemKind;
use crate::dataset::manifest::name::Name;
use crate::dataset::manifest::sealed::{damaged, field};

pub(super) fn decode_items(
    removed: &[[u8; KEY]],
    put: &[[u8; ITEM]],
    kinds: &[ItemKind],
    changes: &mut Changes,
) -> Result<(), DatasetCause> {
    let key_of = |item: &[u8; ITEM]| -> [u8; KEY] { field(item, 0) };
    let is_sorted = removed.is_sorted_by(|one, next| one < next)
        && put.is_sorted_by(|one, next| key_of(one) < key_of(next));
    if !is_sorted {
        return Err(damaged("its keys are out of order"));
    }
    for key in removed {
        changes.items.insert(Uuid::from_bytes(*key), None);
    }
    for item in put {
        let kind = usize::from(u16::from_le_bytes(field(item, 28)));
        let kind = *kinds.get(kind).ok_or(damaged("it lacks a kind"))?;
        let entry = ItemEntry {
            fingerprint: FileFingerprint {
                len: u64::from_le_bytes(field(item, 16)),
                check: u32::from_le_bytes(field(item, 24)),
            },
            kind,
        };
        let key = Uuid::from_bytes(key_of(item));
        if changes.items.insert(key, Some(entry)).is_some() {
            return Err(damaged("it removes and adds one item"));
        }
    }
    Ok(())
}

pub(super) fn decode_names(
    mut parts: Parts<'_>,
    header: &Header,
    changes: &mut Changes,
) -> Result<(), DatasetCause> {
    let out_of_order = || damaged("its names are out of order");
    let mut last = None;
    for _ in 0..header.names_removed {
        let name = Some(parts.name()?);
        if last >= name {
            return Err(out_of_order());
        }
        changes.names.extend(name.clone().map(|name| (name, None)));
        last = name;
    }
    let mut last = None;
    for _ in 0..header.names_set {
        let key = parts.list::<KEY>(1).and_then(<[_]>::first);
        let key = Uuid::from_bytes(*key.ok_or_else(names_too_short)?);
        let name = parts.name()?;
        if last.as_ref() >= Some(&name) {
            return Err(out_of_order());
        }
        last = Some(name.clone());
        if changes.names.insert(name, Some(key)).is_some() {
            return Err(damaged("it removes and sets one name"));
        }
    }
    match parts.0.is_empty() {
        true => Ok(()),
        false => Err(names_too_short()),
    }
}

fn names_too_short() -> DatasetCause {
    damaged("its names do not have the stated length")
}

/// The parts of an encoding that were not taken yet.
pub(super) struct Parts<'a>(pub(super) &'a [u8]);

impl<'a> Parts<'a> {
    pub(super) fn take(&mut self, len: u64) -> Option<&'a [u8]> {
        let (part, rest) = self.0.split_at_checked(usize::try_from(len).ok()?)?;
        self.0 = rest;
        Some(part)
    }

    pub(super) fn list<const N: usize>(&mut self, count: u64) -> Option<&'a [[u8; N]]> {
        let part = self.take(count.checked_mul(N as u64)?)?;
        Some(part.as_chunks().0)
    }

    fn name(&mut self) -> Result<Name, DatasetCause> {
        let len = self.take(2).ok_or_else(names_too_short)?;
        let len = u16::from_le_bytes(field(len, 0));
        let name = self.take(len.into()).ok_or_else(names_too_short)?;
        let name = std::str::from_utf8(name).map_err(|_| damaged("a name is not UTF-8"))?;
        Name::new(name).map_err(|_| damaged("a name has a wrong length"))
    }
}
