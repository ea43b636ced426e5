//! Names in ascending order, front-coded in blocks.

// The numbers here come from files.
#![warn(clippy::arithmetic_side_effects)]

use super::BLOCK;
use crate::dataset::manifest::name::Name;

/// The names of one block, decoded.
pub(super) struct Block {
    /// The names, one after the other.
    text: Vec<u8>,
    /// Where each name ends.
    ends: Vec<usize>,
}

impl Block {
    /// Decodes a block that was checked before.
    pub(super) fn decode(mut rest: &[u8]) -> Self {
        let mut block = Self {
            text: Vec::with_capacity(512),
            ends: Vec::with_capacity(BLOCK),
        };
        let mut before = 0_usize;
        while !rest.is_empty() {
            let entry = entry(&mut rest, block.ends.is_empty()).expect("it was checked");
            let start = block.text.len();
            block
                .text
                .extend_from_within(before..before.saturating_add(entry.shared));
            block.text.extend(entry.suffix);
            block.ends.push(block.text.len());
            before = start;
        }
        block
    }

    fn bytes_of(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..self.ends[index]]
    }

    /// The index of a name in this block, or where it would be.
    pub(super) fn find(&self, name: &str) -> Result<usize, usize> {
        for index in 0..self.ends.len() {
            let found = self.bytes_of(index);
            if found >= name.as_bytes() {
                return if found == name.as_bytes() {
                    Ok(index)
                } else {
                    Err(index)
                };
            }
        }
        Err(self.ends.len())
    }

    pub(super) fn name(&self, index: usize) -> Name {
        let text = std::str::from_utf8(self.bytes_of(index));
        Name::bound(text.expect("it was checked"))
    }
}

/// One name of a block, as it is stored.
pub(super) struct Entry<'a> {
    /// How many bytes of the name before it begins with.
    pub(super) shared: usize,
    /// The rest of the name.
    pub(super) suffix: &'a [u8],
}

/// Takes the next name off the bytes of a block. The first one of a block shares nothing.
pub(super) fn entry<'a>(rest: &mut &'a [u8], is_first: bool) -> Option<Entry<'a>> {
    let shared = if is_first { 0 } else { take_len(rest)? };
    let len = take_len(rest)?;
    let (suffix, left) = rest.split_at_checked(len)?;
    *rest = left;
    Some(Entry { shared, suffix })
}

/// A length is one byte below 128. Else its low seven bits come first, with the highest
/// bit set, and then the others.
fn take_len(rest: &mut &[u8]) -> Option<usize> {
    let (first, left) = rest.split_first()?;
    *rest = left;
    let low = usize::from(*first & 0x7F);
    if first & 0x80 == 0 {
        return Some(low);
    }
    let (second, left) = rest.split_first()?;
    *rest = left;
    let high = usize::from(*second).checked_shl(7)?;
    (*second != 0).then_some(low | high)
}

fn push_len(len: usize, bytes: &mut Vec<u8>) {
    if let Ok(len @ 0..128) = u8::try_from(len) {
        bytes.push(len);
    } else {
        bytes.extend([(len & 0x7F | 0x80) as u8, (len >> 7) as u8]);
    }
}

/// Encodes names that come in ascending order.
#[derive(Default)]
pub(super) struct BlockWriter {
    pub(super) bytes: Vec<u8>,
    /// Where each block begins.
    pub(super) starts: Vec<u64>,
    in_block: usize,
    last: Vec<u8>,
}

impl BlockWriter {
    pub(super) fn push(&mut self, name: &Name) {
        let name = name.as_str().as_bytes();
        let mut shared = 0;
        if self.in_block == 0 {
            self.starts.push(self.bytes.len() as u64);
        } else {
            let same = name.iter().zip(&self.last);
            shared = same.take_while(|(one, other)| one == other).count();
            push_len(shared, &mut self.bytes);
        }
        let suffix = &name[shared..];
        push_len(suffix.len(), &mut self.bytes);
        self.bytes.extend(suffix);
        self.last.clear();
        self.last.extend(name);
        self.in_block = self.in_block.wrapping_add(1) % BLOCK;
    }
}
