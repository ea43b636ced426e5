//! The lists of a delta: items and names.

// The numbers here come from files.
#![warn(clippy::arithmetic_side_effects)]

use uuid::Uuid;

use super::header::Header;
use super::{ITEM, KEY, PACKED_ITEM};
use crate::backing_store::FileFingerprint;
use crate::dataset::cause::DatasetCause;
use crate::dataset::manifest::changes::{Changes, ItemEntry};
use crate::dataset::manifest::file_id::WrittenFile;
use crate::dataset::manifest::kind::ItemKind;
use crate::dataset::manifest::name::Name;
use crate::dataset::manifest::place::{PackedAt, Place};
use crate::dataset::manifest::sealed::{damaged, field};

/// The lists of items.
pub(super) struct Items<'a> {
    removed: &'a [[u8; KEY]],
    with_files: &'a [[u8; ITEM]],
    packed: &'a [[u8; PACKED_ITEM]],
}

impl<'a> Items<'a> {
    pub(super) fn take(parts: &mut Parts<'a>, header: &Header) -> Option<Self> {
        Some(Self {
            removed: parts.list(header.items_removed)?,
            with_files: parts.list(header.items_put)?,
            packed: parts.list(header.items_packed)?,
        })
    }

    pub(super) fn decode(
        &self,
        kinds: &[ItemKind],
        packs: &[WrittenFile],
        changes: &mut Changes,
    ) -> Result<(), DatasetCause> {
        if !is_sorted(self.removed) || !is_sorted(self.with_files) || !is_sorted(self.packed) {
            return Err(damaged("its keys are out of order"));
        }
        for key in self.removed {
            changes.items.insert(Uuid::from_bytes(*key), None);
        }
        let with_files = self.with_files.iter().map(|item| (&item[..], Place::File));
        let packed = self.packed.iter().map(|item| {
            let pack = u32::from_le_bytes(field(item, ITEM)) as usize;
            let place = packs.get(pack).map(|pack| {
                Place::Packed(PackedAt {
                    pack: *pack,
                    offset: u32::from_le_bytes(field(item, ITEM.saturating_add(4))),
                })
            });
            Ok((&item[..], place.ok_or(damaged("it lacks a pack"))?))
        });
        for item in with_files.map(Ok).chain(packed) {
            let (item, place) = item?;
            let kind = usize::from(u16::from_le_bytes(field(item, 28)));
            let entry = ItemEntry {
                fingerprint: FileFingerprint {
                    len: u64::from_le_bytes(field(item, 16)),
                    check: u32::from_le_bytes(field(item, 24)),
                },
                kind: *kinds.get(kind).ok_or(damaged("it lacks a kind"))?,
                place,
            };
            entry.check_place()?;
            let key = Uuid::from_bytes(field(item, 0));
            if changes.items.insert(key, Some(entry)).is_some() {
                return Err(damaged("it has two changes of one item"));
            }
        }
        Ok(())
    }
}

/// Whether the keys that these begin with are in strictly ascending order.
fn is_sorted<const N: usize>(items: &[[u8; N]]) -> bool {
    items.is_sorted_by(|one, next| one[..KEY] < next[..KEY])
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
