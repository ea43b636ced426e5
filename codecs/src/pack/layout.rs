//! The first and the last bytes of a pack.

use super::damaged;
use super::kind::KIND;
use crate::CodecError;
use crate::frame::{Source, field};

pub(super) const HEADER: usize = 32;
pub(super) const TRAILER: usize = 32;

/// Length of the checksum in bytes.
pub(super) const CHECKSUM: usize = 4;

/// Length of a key in bytes.
pub(super) const KEY: usize = 16;

/// The longest pack in bytes: where a payload is fits into four bytes.
pub(super) const LONGEST: u64 = u32::MAX as u64;

/// Packs with more items number them by four bytes.
pub(super) const MOST_BY_TWO_BYTES: u32 = 1 << 16;

pub(super) const VERSION: u16 = 1;
const MAGIC: [u8; 8] = *b"\x89fbpack\n";

/// Identifies a pack: what refers to it records this, so that another file of the same name is
/// not taken for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PackIdentity {
    /// The random id.
    pub id: [u8; 16],
    /// The last four bytes: a checksum on which every byte of the pack has a bearing.
    pub check: u32,
    /// Length in bytes.
    pub len: u64,
}

impl PackIdentity {
    /// Fails unless the file is the pack of this identity, as far as its length, its first and
    /// its last bytes tell.
    ///
    /// # Errors
    ///
    /// [`FrameError::DamagedPack`](crate::FrameError::DamagedPack) if it is another file; errors of the file.
    pub fn check(&self, source: &dyn Source) -> Result<(), CodecError> {
        let another = || damaged("it is another file");
        if source.len()? != self.len || self.len < (HEADER + TRAILER) as u64 {
            return Err(another().into());
        }
        let mut start = [0; HEADER];
        source.read_exact_at(&mut start, 0)?;
        let mut check = [0; CHECKSUM];
        source.read_exact_at(&mut check, self.len.saturating_sub(CHECKSUM as u64))?;
        match start == header(self.id) && u32::from_le_bytes(check) == self.check {
            true => Ok(()),
            false => Err(another().into()),
        }
    }
}

/// The first bytes of a pack with this id.
pub(super) fn header(id: [u8; 16]) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    bytes[0..8].copy_from_slice(&MAGIC);
    bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
    bytes[16..32].copy_from_slice(&id);
    bytes
}

/// Whether a file begins like a pack of any version.
pub(super) fn begins_like_a_pack(header: &[u8; HEADER]) -> bool {
    header[..8] == MAGIC
}

pub(super) fn version_of(header: &[u8; HEADER]) -> u16 {
    u16::from_le_bytes(field(header, 8))
}

pub(super) fn id_of(header: &[u8; HEADER]) -> [u8; 16] {
    field(header, 16)
}

/// The last bytes of a pack, without the checksum.
pub(super) struct Trailer {
    /// Where the index begins.
    pub(super) index: u64,
    pub(super) items: u32,
    pub(super) kinds: u32,
    /// Length of the runs in bytes.
    pub(super) runs: u32,
    /// Length of the lengths in bytes.
    pub(super) lens: u32,
}

impl Trailer {
    pub(super) fn encode(&self) -> [u8; TRAILER - CHECKSUM] {
        let mut bytes = [0; TRAILER - CHECKSUM];
        bytes[0..8].copy_from_slice(&self.index.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.items.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.kinds.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.runs.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.lens.to_le_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8; TRAILER]) -> Self {
        let short = |offset| u32::from_le_bytes(field(bytes, offset));
        Self {
            index: u64::from_le_bytes(field(bytes, 0)),
            items: short(8),
            kinds: short(12),
            runs: short(16),
            lens: short(20),
        }
    }

    /// Bytes of the number of one payload.
    pub(super) fn order_width(&self) -> usize {
        if self.items <= MOST_BY_TWO_BYTES {
            2
        } else {
            4
        }
    }

    /// The lengths of the parts of the index, in bytes and in their order. None of them
    /// exceeds 37 bits.
    pub(super) fn part_lens(&self) -> [u64; 6] {
        let list = |count: u32, each: usize| u64::from(count).saturating_mul(each as u64);
        [
            list(self.kinds, KIND),
            list(self.items, KEY),
            list(self.items, self.order_width()),
            list(self.items, 4),
            self.runs.into(),
            self.lens.into(),
        ]
    }

    /// Length of the whole pack in bytes, as these numbers imply it. It saturates.
    pub(super) fn pack_len(&self) -> u64 {
        let parts = self.part_lens().into_iter();
        let fixed = self.index.saturating_add(TRAILER as u64);
        parts.fold(fixed, u64::saturating_add)
    }
}
