//! The first bytes of a delta.

// The numbers here come from files.
#![warn(clippy::arithmetic_side_effects)]

use file_backed_codecs::Source;
use uuid::Uuid;

use super::{ITEM, KEY, PACKED_ITEM};
use crate::dataset::cause::DatasetCause;
use crate::dataset::manifest::file_id::FileId;
use crate::dataset::manifest::kind::{KIND, MOST_KINDS};
use crate::dataset::manifest::place::PACK;
use crate::dataset::manifest::sealed::{CHECKSUM, damaged, field};
use crate::dataset::manifest::whole::{LONGEST, MAGIC};
use crate::error::StoreError;

const VERSION: u16 = 3;
pub(super) const HEADER: usize = 120;

const HAS_BASE: u16 = 1;
const HAS_PARENT: u16 = 2;
const HAS_ROOT: u16 = 4;

/// The first bytes of a delta.
pub(super) struct Header {
    pub(super) flags: u16,
    pub(super) kinds: u64,
    pub(super) generation: u64,
    pub(super) id: Uuid,
    pub(super) base: Option<FileId>,
    pub(super) parent: Option<FileId>,
    pub(super) root: u64,
    pub(super) items_removed: u64,
    /// Without those that are in packs.
    pub(super) items_put: u64,
    pub(super) items_packed: u64,
    pub(super) packs: u64,
    pub(super) names_removed: u64,
    pub(super) names_set: u64,
    pub(super) names_len: u64,
}

impl Header {
    /// Reads the header of a delta of length `len`, and checks that it implies this
    /// length.
    pub(super) fn read(source: &dyn Source, len: u64) -> Result<Self, StoreError> {
        let mut start = [0; 10];
        if len >= start.len() as u64 {
            source.read_exact_at(&mut start, 0)?;
        }
        if start[..8] != MAGIC {
            return Err(damaged("it does not begin like a manifest").into());
        }
        let version = u16::from_le_bytes(field(&start, 8));
        match version {
            VERSION => {}
            0 => return Err(damaged("its format version is 0").into()),
            _ => return Err(DatasetCause::ManifestVersion(version).into()),
        }
        if len < (HEADER as u64).saturating_add(CHECKSUM as u64) {
            return Err(damaged("it is too short").into());
        }
        let mut bytes = [0; HEADER];
        source.read_exact_at(&mut bytes, 0)?;
        let header = Self::decode(&bytes);
        match header.encoded_len() == Some(len) {
            true => Ok(header),
            false => Err(damaged("its lengths are inconsistent").into()),
        }
    }

    fn decode(bytes: &[u8; HEADER]) -> Self {
        let short = |offset| u32::from_le_bytes(field(bytes, offset));
        let long = |offset| u64::from_le_bytes(field(bytes, offset));
        let id = |offset| Uuid::from_bytes(field(bytes, offset));
        let file = |offset, check| FileId {
            id: id(offset),
            check: short(check),
        };
        let flags = u16::from_le_bytes(field(bytes, 10));
        Self {
            flags,
            kinds: short(12).into(),
            generation: long(16),
            id: id(24),
            base: (flags & HAS_BASE != 0).then_some(file(40, 56)),
            parent: (flags & HAS_PARENT != 0).then_some(file(64, 60)),
            root: long(80),
            items_removed: short(88).into(),
            items_put: short(92).into(),
            names_removed: short(96).into(),
            names_set: short(100).into(),
            names_len: long(104),
            packs: short(112).into(),
            items_packed: short(116).into(),
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER);
        let short = |number: u64| u32::try_from(number).expect("the length is limited");
        let nothing = FileId {
            id: Uuid::nil(),
            check: 0,
        };
        let base = self.base.unwrap_or(nothing);
        let parent = self.parent.unwrap_or(nothing);
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(self.flags.to_le_bytes());
        bytes.extend(short(self.kinds).to_le_bytes());
        bytes.extend(self.generation.to_le_bytes());
        bytes.extend(self.id.as_bytes());
        bytes.extend(base.id.as_bytes());
        bytes.extend(base.check.to_le_bytes());
        bytes.extend(parent.check.to_le_bytes());
        bytes.extend(parent.id.as_bytes());
        bytes.extend(self.root.to_le_bytes());
        bytes.extend(short(self.items_removed).to_le_bytes());
        bytes.extend(short(self.items_put).to_le_bytes());
        bytes.extend(short(self.names_removed).to_le_bytes());
        bytes.extend(short(self.names_set).to_le_bytes());
        bytes.extend(self.names_len.to_le_bytes());
        bytes.extend(short(self.packs).to_le_bytes());
        bytes.extend(short(self.items_packed).to_le_bytes());
        bytes
    }

    pub(super) fn has_root(&self) -> bool {
        self.flags & HAS_ROOT != 0
    }

    pub(super) fn flags_of(&self, has_root: bool) -> u16 {
        let flag = |is_set, flag| if is_set { flag } else { 0 };
        flag(self.base.is_some(), HAS_BASE)
            | flag(self.parent.is_some(), HAS_PARENT)
            | flag(has_root, HAS_ROOT)
    }

    /// Length of the whole delta in bytes; `None` if it exceeds the longest one.
    pub(super) fn encoded_len(&self) -> Option<u64> {
        let list = |count: u64, each: usize| count.checked_mul(each as u64);
        let fixed = (HEADER as u64).checked_add(CHECKSUM as u64)?;
        fixed
            .checked_add(self.root)?
            .checked_add(list(self.kinds, KIND)?)?
            .checked_add(list(self.items_removed, KEY)?)?
            .checked_add(list(self.packs, PACK)?)?
            .checked_add(list(self.items_put, ITEM)?)?
            .checked_add(list(self.items_packed, PACKED_ITEM)?)?
            .checked_add(self.names_len)
            .filter(|len| *len <= LONGEST)
    }

    /// Checks the fields. `bytes` are those of the header.
    pub(super) fn check(&self, bytes: &[u8]) -> Result<(), DatasetCause> {
        let is_flagged = self.flags == self.flags_of(self.has_root());
        if !is_flagged || self.encode() != bytes || (!self.has_root() && self.root > 0) {
            return Err(damaged("its flags are inconsistent"));
        }
        if self.kinds > MOST_KINDS as u64 {
            return Err(damaged("it has too many kinds"));
        }
        if self.packs > self.items_packed {
            return Err(damaged("it has more packs than items in packs"));
        }
        Ok(())
    }
}
