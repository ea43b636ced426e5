//! Checks a base once, so that it can be indexed without checks afterwards.

// The numbers here come from files.
#![warn(clippy::arithmetic_side_effects)]

use super::blocks::entry;
use super::layout::Layout;
use super::{BLOCK, LONG, index_of_long, len_of_long, list};
use crate::dataset::cause::DatasetCause;
use crate::dataset::manifest::name::LONGEST_NAME;
use crate::dataset::manifest::place::PACK;
use crate::dataset::manifest::sealed::damaged;

/// Checks what the checksum does not: that keys and names are in order, that indexes are in
/// range, that numbers are where they belong, and that names are names.
pub(super) fn check(bytes: &[u8], layout: &Layout, kinds: usize) -> Result<(), DatasetCause> {
    let keys = list::<16>(bytes, &layout.keys);
    if !keys.is_sorted_by(|one, next| one < next) {
        return Err(damaged("its keys are out of order"));
    }
    let packs = list::<PACK>(bytes, &layout.packs).len();
    for index in 0..keys.len() {
        if layout.item_kinds.get(bytes, index) as usize >= kinds {
            return Err(damaged("it lacks a kind"));
        }
        let pack = layout.item_packs.get(bytes, index) as usize;
        if pack > packs {
            return Err(damaged("it lacks a pack"));
        }
        if pack == 0 && layout.offsets.get(bytes, index) != 0 {
            return Err(damaged("an item with a file has a place in a pack"));
        }
    }
    check_long(bytes, layout)?;
    check_blocks(bytes, layout)?;
    let mut items_of_names = list(bytes, &layout.items_of_names).iter();
    if items_of_names.any(|item| u32::from_le_bytes(*item) as usize >= keys.len()) {
        return Err(damaged("a name is one of no item"));
    }
    Ok(())
}

/// The items with a length that does not fit into four bytes are in the list of long ones, and
/// no others.
fn check_long(bytes: &[u8], layout: &Layout) -> Result<(), DatasetCause> {
    let lens = list(bytes, &layout.lens).iter().zip(0_u32..);
    let is_long = |(len, _): &(&[u8; 4], u32)| u32::from_le_bytes(**len) == u32::MAX;
    let long = list::<LONG>(bytes, &layout.long).iter();
    let is_listed = lens.filter(is_long).map(|(_, index)| index);
    let is_same = is_listed.eq(long.clone().map(index_of_long));
    let mut long = long;
    match is_same && long.all(|item| len_of_long(item) >= u32::MAX.into()) {
        true => Ok(()),
        false => Err(damaged("the lengths of its long items are wrong")),
    }
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
