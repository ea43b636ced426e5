//! Checks a base once, so that it can be indexed without checks afterwards.

// The numbers here come from files.
#![warn(clippy::arithmetic_side_effects)]

use super::blocks::entry;
use super::layout::Layout;
use super::{BLOCK, list};
use crate::dataset::cause::DatasetCause;
use crate::dataset::manifest::name::LONGEST_NAME;
use crate::dataset::manifest::sealed::damaged;

/// Checks everything that the checksum does not: that keys and names are in order, that
/// indexes are in range, and that names are names.
pub(super) fn check(bytes: &[u8], layout: &Layout) -> Result<(), DatasetCause> {
    let keys = list::<16>(bytes, &layout.keys);
    if !keys.is_sorted_by(|one, next| one < next) {
        return Err(damaged("its keys are out of order"));
    }
    let kinds = list::<28>(bytes, &layout.kinds).len();
    let mut item_kinds = list(bytes, &layout.item_kinds).iter();
    if item_kinds.any(|kind| usize::from(u16::from_le_bytes(*kind)) >= kinds) {
        return Err(damaged("it lacks a kind"));
    }
    check_blocks(bytes, layout)?;
    let mut items_of_names = list(bytes, &layout.items_of_names).iter();
    if items_of_names.any(|item| u32::from_le_bytes(*item) as usize >= keys.len()) {
        return Err(damaged("a name is one of no item"));
    }
    check_names_by_item(bytes, layout)
}

/// Decodes all names. Each block has to begin where the one before ends.
fn check_blocks(bytes: &[u8], layout: &Layout) -> Result<(), DatasetCause> {
    let names = list::<4>(bytes, &layout.items_of_names).len();
    let starts = list::<8>(bytes, &layout.block_starts);
    let blocks = &bytes[layout.blocks.clone()];
    let mut rest = blocks;
    let mut name = Vec::with_capacity(LONGEST_NAME);
    for index in 0..names {
        let is_first = index % BLOCK == 0;
        if is_first {
            let start = blocks.len().saturating_sub(rest.len()) as u64;
            if u64::from_le_bytes(starts[index / BLOCK]) != start {
                return Err(damaged("a block of names is at the wrong place"));
            }
        }
        let next = entry(&mut rest, is_first).ok_or(damaged("its names are cut off"))?;
        let is_later = match is_first {
            true => next.suffix > name.as_slice(),
            // All bytes that are shared are counted as such, so one byte decides.
            false => match name.get(next.shared) {
                Some(differs) => next.suffix.first() > Some(differs),
                None => next.shared == name.len() && !next.suffix.is_empty(),
            },
        };
        if !is_later {
            return Err(damaged("its names are out of order"));
        }
        name.truncate(next.shared);
        name.extend(next.suffix);
        if name.len() > LONGEST_NAME {
            return Err(damaged("a name has a wrong length"));
        }
        if std::str::from_utf8(&name).is_err() {
            return Err(damaged("a name is not UTF-8"));
        }
    }
    match rest.is_empty() {
        true => Ok(()),
        false => Err(damaged("its names do not have the stated length")),
    }
}

/// The list has as many entries as there are names. If it is in strictly ascending
/// order, they are different, and so each name is in it once.
fn check_names_by_item(bytes: &[u8], layout: &Layout) -> Result<(), DatasetCause> {
    let items = list(bytes, &layout.items_of_names);
    let mut last = None;
    for name in list(bytes, &layout.names_by_item) {
        let name = u32::from_le_bytes(*name);
        let item = items
            .get(name as usize)
            .map(|item| u32::from_le_bytes(*item));
        let item = item.ok_or(damaged("an item has a name that is not there"))?;
        let next = Some((item, name));
        if last >= next {
            return Err(damaged("the names of its items are out of order"));
        }
        last = next;
    }
    Ok(())
}
