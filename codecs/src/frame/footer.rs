//! The 64 bytes after a payload.

// The numbers here come from files.
#![warn(clippy::arithmetic_side_effects)]

use super::FrameError;
use crate::CodecId;

/// Length of a footer in bytes.
pub const FOOTER_LEN: usize = 64;

const MAGIC: [u8; 8] = *b"\x89fbitem\n";
const VERSION: u16 = 1;

/// Where the checksum of the payload is.
pub(super) const PAYLOAD_CRC: usize = 24;

/// The footer that follows the payload of every file.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 8 | magic, `\x89fbitem\n` |
/// | 8 | 2 | format version, 1 |
/// | 10 | 2 | rkyv format flags; 0 for other codecs |
/// | 12 | 4 | codec id |
/// | 16 | 8 | payload length in bytes |
/// | 24 | 4 | CRC-32 of the payload |
/// | 28 | 4 | alignment of the archive's root; 0 for other codecs |
/// | 32 | 8 | size of the archive's root; 0 for other codecs |
/// | 40 | 8 | schema id; 0 if none was given |
/// | 48 | 12 | reserved, zero |
/// | 60 | 4 | CRC-32 of the preceding 60 bytes |
///
/// All numbers are little-endian.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Footer {
    pub(crate) codec: CodecId,
    pub(crate) payload_len: u64,
    pub(crate) payload_crc: u32,
    pub(crate) archive: ArchiveLayout,
    pub(crate) schema: u64,
}

/// The description of an rkyv archive in a footer. All zero for other payloads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ArchiveLayout {
    /// The pointer width, alignment and endianness that rkyv was compiled with.
    pub format: u16,
    /// Alignment of the root in bytes.
    pub root_align: u32,
    /// Size of the root in bytes.
    pub root_size: u64,
}

impl Footer {
    /// The footer of a payload that this describes, with 0 in place of its checksum.
    pub fn describing(
        codec: CodecId,
        archive: ArchiveLayout,
        schema: u64,
        payload_len: u64,
    ) -> Self {
        Self {
            codec,
            payload_len,
            payload_crc: 0,
            archive,
            schema,
        }
    }

    /// The codec that wrote the payload.
    pub fn codec(&self) -> CodecId {
        self.codec
    }

    /// Length of the payload in bytes.
    pub fn payload_len(&self) -> u64 {
        self.payload_len
    }

    /// CRC-32 of the payload.
    pub fn payload_crc(&self) -> u32 {
        self.payload_crc
    }

    /// The description of the archive, if the payload is one.
    pub fn archive(&self) -> ArchiveLayout {
        self.archive
    }

    /// The schema id that the user gave to the type; 0 if none.
    pub fn schema(&self) -> u64 {
        self.schema
    }

    /// Encodes the footer as it is stored in a file.
    pub fn to_bytes(&self) -> [u8; FOOTER_LEN] {
        let mut bytes = [0; FOOTER_LEN];
        bytes[0..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
        bytes[10..12].copy_from_slice(&self.archive.format.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.codec.to_u32().to_le_bytes());
        bytes[16..24].copy_from_slice(&self.payload_len.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.payload_crc.to_le_bytes());
        bytes[28..32].copy_from_slice(&self.archive.root_align.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.archive.root_size.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.schema.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..60]);
        bytes[60..64].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Parses a footer.
    ///
    /// # Errors
    ///
    /// [`FrameError::NoFooter`], [`FrameError::FooterChecksum`] or
    /// [`FrameError::Version`].
    pub fn from_bytes(bytes: &[u8; FOOTER_LEN]) -> Result<Self, FrameError> {
        if bytes[0..8] != MAGIC {
            return Err(FrameError::NoFooter);
        }
        if crc32fast::hash(&bytes[..60]).to_le_bytes() != bytes[60..64] {
            return Err(FrameError::FooterChecksum);
        }
        let version = u16::from_le_bytes(field(bytes, 8));
        if version != VERSION {
            return Err(FrameError::Version {
                found: version,
                supported: VERSION,
            });
        }
        Ok(Self {
            codec: CodecId::from_u32(u32::from_le_bytes(field(bytes, 12))),
            payload_len: u64::from_le_bytes(field(bytes, 16)),
            payload_crc: u32::from_le_bytes(field(bytes, 24)),
            archive: ArchiveLayout {
                format: u16::from_le_bytes(field(bytes, 10)),
                root_align: u32::from_le_bytes(field(bytes, 28)),
                root_size: u64::from_le_bytes(field(bytes, 32)),
            },
            schema: u64::from_le_bytes(field(bytes, 40)),
        })
    }
}

/// The `N` bytes at `offset`, which the caller knows to be there.
pub(crate) fn field<const N: usize>(bytes: &[u8], offset: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[offset..][..N]);
    field
}
