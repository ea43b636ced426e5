//! Where the parts of a base are.

// The numbers here come from files.
#![warn(clippy::arithmetic_side_effects)]

use std::ops::Range;

use file_backed_codecs::Source;
use uuid::Uuid;

use super::{BLOCK, LONG, list};
use crate::dataset::cause::DatasetCause;
use crate::dataset::manifest::kind::{KIND, MOST_KINDS};
use crate::dataset::manifest::name::LONGEST_NAME;
use crate::dataset::manifest::place::PACK;
use crate::dataset::manifest::sealed::{CHECKSUM, damaged, field};
use crate::dataset::manifest::whole::LONGEST;
use crate::error::StoreError;

const MAGIC: [u8; 8] = *b"\x89fbbase\n";
const VERSION: u16 = 3;
pub(super) const HEADER: usize = 72;

/// The most bytes of a name in a block: two numbers of up to two bytes each, and the name.
const LONGEST_IN_BLOCK: u64 = LONGEST_NAME as u64 + 4;

/// The first bytes of a base.
#[derive(Clone, Copy)]
pub(super) struct Header {
    pub(super) generation: u64,
    pub(super) id: Uuid,
    /// Length of the root in bytes.
    pub(super) root: u64,
    /// Length of the blocks of names in bytes.
    pub(super) blocks: u64,
    pub(super) items: u32,
    pub(super) names: u32,
    pub(super) kinds: u32,
    pub(super) packs: u32,
    /// Items whose length does not fit into four bytes.
    pub(super) long: u32,
}

impl Header {
    /// Reads the header of a base of length `len`, and checks that it implies this
    /// length.
    pub(super) fn read(source: &dyn Source, len: u64) -> Result<Self, StoreError> {
        let mut bytes = [0; HEADER];
        let known = &mut bytes[..usize::try_from(len).map_or(HEADER, |len| len.min(HEADER))];
        source.read_exact_at(known, 0)?;
        Ok(Self::parse(&bytes, len)?)
    }

    /// The header of a base of length `len`.
    pub(super) fn parse(bytes: &[u8; HEADER], len: u64) -> Result<Self, DatasetCause> {
        if bytes[..8] != MAGIC {
            return Err(damaged("it does not begin like a base"));
        }
        let version = u16::from_le_bytes(field(bytes, 8));
        if version != VERSION {
            return Err(DatasetCause::ManifestVersion(version));
        }
        let short = |offset| u32::from_le_bytes(field(bytes, offset));
        let long = |offset| u64::from_le_bytes(field(bytes, offset));
        let header = Self {
            generation: long(16),
            id: Uuid::from_bytes(field(bytes, 24)),
            root: long(40),
            blocks: long(48),
            items: short(56),
            names: short(60),
            kinds: short(64),
            packs: short(12),
            long: short(68),
        };
        if header.encode() != bytes {
            return Err(damaged("its reserved bytes are not zero"));
        }
        if header.kinds > MOST_KINDS as u32 {
            return Err(damaged("it has too many kinds"));
        }
        if header.packs > header.items || header.long > header.items {
            return Err(damaged("it has more packs or long items than items"));
        }
        // A sparse file has any length, and a checksum that anyone can compute.
        let longest_blocks = u64::from(header.names).saturating_mul(LONGEST_IN_BLOCK);
        if header.root > LONGEST || header.blocks > longest_blocks {
            return Err(damaged("its root or its names are too long"));
        }
        match header.encoded_len() == Some(len) {
            true => Ok(header),
            false => Err(damaged("its lengths are inconsistent")),
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER);
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend([0; 2]);
        bytes.extend(self.packs.to_le_bytes());
        bytes.extend(self.generation.to_le_bytes());
        bytes.extend(self.id.as_bytes());
        bytes.extend(self.root.to_le_bytes());
        bytes.extend(self.blocks.to_le_bytes());
        bytes.extend(self.items.to_le_bytes());
        bytes.extend(self.names.to_le_bytes());
        bytes.extend(self.kinds.to_le_bytes());
        bytes.extend(self.long.to_le_bytes());
        bytes
    }

    /// Bytes of the index of a kind.
    pub(super) fn kind_width(&self) -> Width {
        Width::of_numbers_below(self.kinds.into())
    }

    /// Bytes of the number of a pack, where 0 stands for none.
    pub(super) fn pack_width(&self) -> Width {
        Width::of_numbers_below(u64::from(self.packs).saturating_add(1))
    }

    /// Length of the whole base in bytes; `None` if it is longer than any file.
    pub(super) fn encoded_len(&self) -> Option<u64> {
        let parts = self.part_lens()?;
        let end = parts
            .iter()
            .try_fold(HEADER as u64, |end, len| end.checked_add(*len))?;
        end.checked_add(CHECKSUM as u64)
    }

    /// The lengths of the parts that follow the header, in bytes and in their order.
    fn part_lens(&self) -> Option<[u64; 13]> {
        let list = |count: u32, each: u64| u64::from(count).checked_mul(each);
        let offset = if self.packs > 0 { 4 } else { 0 };
        Some([
            self.root,
            list(self.kinds, KIND as u64)?,
            list(self.packs, PACK as u64)?,
            list(self.items, 16)?,
            list(self.items, 4)?,
            list(self.long, LONG as u64)?,
            list(self.items, 4)?,
            list(self.items, self.kind_width().bytes())?,
            list(self.items, self.pack_width().bytes())?,
            list(self.items, offset)?,
            list(self.names.div_ceil(BLOCK as u32), 8)?,
            self.blocks,
            list(self.names, 4)?,
        ])
    }
}

/// How many bytes each number of a column has.
#[derive(Clone, Copy, Default)]
pub(super) enum Width {
    /// They are all zero.
    #[default]
    Zero,
    One,
    Two,
    Four,
}

impl Width {
    pub(super) fn of_numbers_below(end: u64) -> Self {
        match end {
            0 | 1 => Self::Zero,
            2..=0x100 => Self::One,
            0x101..=0x1_0000 => Self::Two,
            _ => Self::Four,
        }
    }

    fn bytes(self) -> u64 {
        match self {
            Self::Zero => 0,
            Self::One => 1,
            Self::Two => 2,
            Self::Four => 4,
        }
    }

    /// Appends numbers, which have this width.
    pub(super) fn encode(self, numbers: &[u32], bytes: &mut Vec<u8>) {
        let width = self.bytes() as usize;
        for number in numbers {
            bytes.extend(&number.to_le_bytes()[..width]);
        }
    }
}

/// A number for each item.
#[derive(Clone, Default)]
pub(super) struct Column {
    pub(super) bytes: Range<usize>,
    pub(super) width: Width,
}

impl Column {
    /// `base` are the bytes that the column is in.
    pub(super) fn get(&self, base: &[u8], index: usize) -> u32 {
        match self.width {
            Width::Zero => 0,
            Width::One => base[self.bytes.clone()][index].into(),
            Width::Two => u16::from_le_bytes(list(base, &self.bytes)[index]).into(),
            Width::Four => u32::from_le_bytes(list(base, &self.bytes)[index]),
        }
    }
}

/// The parts of a base, as ranges of its bytes.
#[derive(Default)]
pub(super) struct Layout {
    pub(super) root: Range<usize>,
    pub(super) kinds: Range<usize>,
    pub(super) packs: Range<usize>,
    pub(super) keys: Range<usize>,
    pub(super) lens: Range<usize>,
    pub(super) long: Range<usize>,
    pub(super) checks: Range<usize>,
    pub(super) item_kinds: Column,
    pub(super) item_packs: Column,
    pub(super) offsets: Column,
    pub(super) block_starts: Range<usize>,
    pub(super) blocks: Range<usize>,
    pub(super) items_of_names: Range<usize>,
}

impl Layout {
    /// The parts of a base with this header; `None` if they do not fit into memory.
    pub(super) fn of(header: &Header) -> Option<Self> {
        let mut layout = Self::default();
        layout.item_kinds.width = header.kind_width();
        layout.item_packs.width = header.pack_width();
        layout.offsets.width = match header.packs {
            0 => Width::Zero,
            _ => Width::Four,
        };
        let mut start = HEADER;
        for (part, len) in layout.parts().into_iter().zip(header.part_lens()?) {
            let end = start.checked_add(usize::try_from(len).ok()?)?;
            *part = start..end;
            start = end;
        }
        Some(layout)
    }

    /// In their order.
    fn parts(&mut self) -> [&mut Range<usize>; 13] {
        [
            &mut self.root,
            &mut self.kinds,
            &mut self.packs,
            &mut self.keys,
            &mut self.lens,
            &mut self.long,
            &mut self.checks,
            &mut self.item_kinds.bytes,
            &mut self.item_packs.bytes,
            &mut self.offsets.bytes,
            &mut self.block_starts,
            &mut self.blocks,
            &mut self.items_of_names,
        ]
    }

    /// The parts after the root, as ranges of the bytes after the root.
    pub(super) fn after_root(mut self) -> Self {
        let start = self.root.end;
        for part in self.parts() {
            *part = part.start.saturating_sub(start)..part.end.saturating_sub(start);
        }
        self
    }
}
