//! What the footers of items have in common.

use super::damaged;
use crate::CodecId;
use crate::frame::{ArchiveLayout, Footer, FrameError, field};

/// Length of an encoded kind in bytes.
pub(super) const KIND: usize = 28;

/// The largest alignment that a map of the pack provides.
const LARGEST_ALIGN: u16 = 4096;

/// All of a footer but the length and the checksum of the payload, and how the payload is
/// aligned in the pack. The tables in the documentation of the module have the encoding.
#[derive(Clone, Debug)]
pub(super) struct Kind {
    codec: CodecId,
    archive: ArchiveLayout,
    schema: u64,
    pub(super) align: u16,
}

impl Kind {
    pub(super) fn of(footer: &Footer, align: usize) -> Self {
        let narrow = u16::try_from(align).ok();
        let align = narrow.filter(|align| is_alignment(*align));
        Self {
            codec: footer.codec,
            archive: footer.archive,
            schema: footer.schema,
            align: align.expect("the alignment must be a power of two of at most 4096"),
        }
    }

    pub(super) fn footer(&self, payload_len: u32, payload_crc: u32) -> Footer {
        Footer {
            codec: self.codec,
            payload_len: payload_len.into(),
            payload_crc,
            archive: self.archive,
            schema: self.schema,
        }
    }

    pub(super) fn encode(&self) -> [u8; KIND] {
        let mut bytes = [0; KIND];
        bytes[0..4].copy_from_slice(&self.codec.to_u32().to_le_bytes());
        bytes[4..6].copy_from_slice(&self.archive.format.to_le_bytes());
        bytes[6..8].copy_from_slice(&self.align.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.archive.root_align.to_le_bytes());
        bytes[12..20].copy_from_slice(&self.archive.root_size.to_le_bytes());
        bytes[20..28].copy_from_slice(&self.schema.to_le_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8; KIND]) -> Result<Self, FrameError> {
        let align = u16::from_le_bytes(field(bytes, 6));
        if !is_alignment(align) {
            return Err(damaged(
                "an alignment is not a power of two of at most 4096",
            ));
        }
        Ok(Self {
            codec: CodecId::from_u32(u32::from_le_bytes(field(bytes, 0))),
            archive: ArchiveLayout {
                format: u16::from_le_bytes(field(bytes, 4)),
                root_align: u32::from_le_bytes(field(bytes, 8)),
                root_size: u64::from_le_bytes(field(bytes, 12)),
            },
            schema: u64::from_le_bytes(field(bytes, 20)),
            align,
        })
    }
}

fn is_alignment(align: u16) -> bool {
    align.is_power_of_two() && align <= LARGEST_ALIGN
}
