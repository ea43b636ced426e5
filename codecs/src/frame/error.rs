//! Reasons to refuse a file.

use crate::printable::Printable;
use crate::{BoxError, CodecId};

/// Why a file was refused.
///
/// [`is_damage`](Self::is_damage) distinguishes a damaged file from an intact one that
/// does not hold what was requested ([`is_mismatch`](Self::is_mismatch)).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The file is too short for a footer.
    #[error(
        "the file is {len} bytes long, too short for a payload and its 64-byte footer: it is empty or truncated, or was not written by this library: restore it from a copy"
    )]
    TooShort {
        /// Length of the file in bytes.
        len: u64,
    },
    /// The last 64 bytes are not a footer.
    #[error(
        "the file does not end with a footer of this library: it is truncated or damaged, or was written by something else (files of file_backed 0.6 have no footer: open them for import with `PreparedPath::open_import`): restore it from a copy"
    )]
    NoFooter,
    /// The footer does not match its own checksum.
    #[error(
        "the footer does not match its checksum, so the file is damaged: restore it from a copy"
    )]
    FooterChecksum,
    /// The footer was written by a later version of the format.
    #[error(
        "the file has format version {found}, but this library reads version {supported}: open it with a newer release"
    )]
    Version {
        /// Version in the file.
        found: u16,
        /// Version that this library reads.
        supported: u16,
    },
    /// The length in the footer does not match the length of the file.
    #[error(
        "the footer states a payload of {stated} bytes, but the file holds {actual}: it is truncated or damaged: restore it from a copy"
    )]
    Length {
        /// Payload length according to the footer.
        stated: u64,
        /// File length without the footer.
        actual: u64,
    },
    /// A pack is damaged: its header, its index, or the bytes between its items; see
    /// [`pack`](crate::pack).
    #[error("the pack is damaged: {0}: restore it from a copy")]
    DamagedPack(&'static str),
    /// The payload does not match its checksum.
    #[error(
        "the payload does not match its checksum, so the file is damaged: restore it from a copy"
    )]
    PayloadChecksum,
    /// The file was written by another codec.
    #[error(
        "the file was written by codec '{found}', but is read with codec '{expected}': use the codec that wrote it, or, with a codec of several kinds, a pool of the kind that wrote it"
    )]
    WrongCodec {
        /// Codec that reads the file.
        expected: CodecId,
        /// Codec in the footer.
        found: CodecId,
    },
    /// The archive was written with different format features of rkyv.
    #[error(
        "the archive was written with {found}, but this program is compiled for {expected}: build with the same format features of rkyv"
    )]
    ArchiveFormat {
        /// Format that this program is compiled for.
        expected: String,
        /// Format in the footer.
        found: String,
    },
    /// The archive's root is not of the requested type.
    #[error(
        "the root of the archive has {found_size} bytes aligned to {found_align}, but the requested type has {expected_size} aligned to {expected_align}: the file holds another type, or an older version of this one: load it as the type that was written"
    )]
    RootLayout {
        /// Size of the requested type, in bytes.
        expected_size: u64,
        /// Alignment of the requested type, in bytes.
        expected_align: u32,
        /// Size in the footer, in bytes.
        found_size: u64,
        /// Alignment in the footer, in bytes.
        found_align: u32,
    },
    /// The file's schema id differs from the one given to the requested type.
    #[error(
        "the file has {}, but the requested type has {}: it holds another type, or another version of this one: load it as the type that was written",
        schema_in_words(*found),
        schema_in_words(*expected)
    )]
    Schema {
        /// Id given to the requested type; 0 if none.
        expected: u64,
        /// Id in the footer; 0 if none.
        found: u64,
    },
    /// The bytes are not a valid archive of the requested type.
    #[error(
        "the archive is not valid for the requested type ({}): the file is damaged, or holds another type: restore it from a copy, or load it as the type that was written",
        Printable(.0)
    )]
    InvalidArchive(String),
    /// The archive has a longer chain of pointers than the codec follows. If the bytes
    /// are known to be intact, nothing is damaged: the value is deep. If they are a map
    /// whose checksum was not verified, they may be damaged (`Verify::Always` verifies
    /// it).
    #[error(
        "the archive contains a chain of more than {limit} pointers, and validation needs stack for each: make the value flatter, or raise the limit with `MappedCodec::max_depth`"
    )]
    TooDeep {
        /// Longest chain of pointers that is followed.
        limit: usize,
    },
    /// The payload cannot be brought into memory: a page of the file is unreadable, and
    /// accessing it would kill the process with a signal.
    #[error(
        "a page of the mapped file cannot be read ({0}): the disk lost it, or the file was truncated: restore it from a copy"
    )]
    BadPage(std::io::Error),
    /// The archived type requires an alignment that a file cannot provide.
    #[error(
        "the archived type needs an alignment of {align} bytes, but a mapped file provides at most 4096: lower the alignment of the type (`#[repr(align)]`)"
    )]
    Alignment {
        /// Alignment required, in bytes.
        align: usize,
    },
    /// The archive is larger than rkyv's compiled pointer width can address.
    #[error(
        "the archive would have more than {limit} bytes, the most that rkyv's compiled pointer width can address: enable rkyv's feature `pointer_width_64`"
    )]
    TooLarge {
        /// Most bytes an archive can have.
        limit: u64,
    },
    /// The payload matches its checksum, but the codec cannot decode it.
    #[error(
        "the payload is intact, but codec '{codec}' cannot decode it ({}): the file holds another type, or another version of this one: load it as the type that was written",
        Printable(source)
    )]
    Undecodable {
        /// Codec that reads the file.
        codec: CodecId,
        /// Error of the codec.
        source: BoxError,
    },
    /// The codec cannot decode a file without a footer. Without a checksum it is not
    /// known whether the file is intact.
    #[error(
        "codec '{codec}' cannot decode the file ({}), and there is no checksum to show whether it is intact: it is damaged, or holds another type: restore it from a copy, or import it as the type that was written",
        Printable(source)
    )]
    UndecodableImport {
        /// Codec that reads the file.
        codec: CodecId,
        /// Error of the codec.
        source: BoxError,
    },
    /// The value ends before the payload does.
    #[error(
        "the value ends after {used} of the payload's {len} bytes: the file holds another type, or another version of this one: load it as the type that was written"
    )]
    TrailingBytes {
        /// Bytes that the value occupies.
        used: u64,
        /// Length of the payload in bytes.
        len: u64,
    },
    /// A file without a footer was given to a codec that cannot read such files.
    #[error(
        "codec '{codec}' cannot read a file without a footer: import it with the codec that wrote it, `BinCodec` or `ProstCodec`"
    )]
    Unframed {
        /// Codec that reads the file.
        codec: CodecId,
    },
    /// The payload would be read into memory and is longer than the read limit. The file
    /// may be intact, or sparse with a made-up length.
    #[error(
        "the payload is {len} bytes long, but at most {limit} are read into memory: map the file, or raise the limit with `read_limit::set` or with the codec's `read_limit`"
    )]
    OverReadLimit {
        /// Length of the payload in bytes.
        len: u64,
        /// Most bytes that are read into memory.
        limit: u64,
    },
    /// The file is longer than the import allows.
    #[error(
        "the file is {len} bytes long, but the import allows {limit}: open it for import with a higher limit"
    )]
    OverLimit {
        /// Length of the file in bytes.
        len: u64,
        /// Most bytes that the import allows.
        limit: u64,
    },
}

impl FrameError {
    /// The error for a payload that a codec cannot decode; `framed` says whether a
    /// checked footer vouches for the payload.
    #[cfg(any(feature = "bincodec", feature = "prostcodec"))]
    pub(crate) fn undecodable(framed: bool, codec: CodecId, error: impl Into<BoxError>) -> Self {
        let source = error.into();
        match framed {
            true => Self::Undecodable { codec, source },
            false => Self::UndecodableImport { codec, source },
        }
    }

    /// Whether the file is damaged: truncated, modified, internally invalid, or with a
    /// page that the disk cannot read any more.
    pub fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::TooShort { .. }
                | Self::NoFooter
                | Self::FooterChecksum
                | Self::Length { .. }
                | Self::DamagedPack(_)
                | Self::PayloadChecksum
                | Self::InvalidArchive(_)
                | Self::BadPage(_)
        )
    }

    /// Whether the file is intact but does not hold what was requested: another codec,
    /// type, schema, format or version.
    pub fn is_mismatch(&self) -> bool {
        matches!(
            self,
            Self::Version { .. }
                | Self::WrongCodec { .. }
                | Self::ArchiveFormat { .. }
                | Self::RootLayout { .. }
                | Self::Schema { .. }
                | Self::Undecodable { .. }
                | Self::TrailingBytes { .. }
                | Self::Unframed { .. }
        )
    }
}

fn schema_in_words(id: u64) -> String {
    match id {
        0 => "no schema id".to_owned(),
        id => format!("schema id {id:#x}"),
    }
}
