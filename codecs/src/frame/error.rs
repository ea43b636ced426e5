//! What can be wrong with a file.

use crate::printable::Printable;
use crate::{BoxError, CodecId};

/// Why a file was refused.
///
/// [`is_damage`](Self::is_damage) tells a damaged file from one that is whole
/// but not what was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The file has no room for a footer.
    #[error(
        "the file is {len} bytes long, too short for a payload and its footer of 64 bytes: it is empty or truncated, or was not written by this library: restore it from a copy"
    )]
    TooShort {
        /// Length of the file in bytes.
        len: u64,
    },
    /// The last 64 bytes are not a footer.
    #[error(
        "the file does not end with a footer of this library: it is truncated or damaged, or was written by something else (files of file_backed 0.6 have no footer and are opened for import, with `PreparedPath::open_import`): restore it from a copy"
    )]
    NoFooter,
    /// The footer does not match its own checksum.
    #[error("the footer does not match its checksum: the file is damaged: restore it from a copy")]
    FooterChecksum,
    /// The footer was written by a later version of the format.
    #[error(
        "the file has format version {found}, and this library reads version {supported}: open it with a newer release"
    )]
    Version {
        /// Version in the file.
        found: u16,
        /// Version that this library reads.
        supported: u16,
    },
    /// The length in the footer does not fit the file.
    #[error(
        "the footer states a payload of {stated} bytes, and the file holds {actual}: it is truncated or damaged: restore it from a copy"
    )]
    Length {
        /// Payload length according to the footer.
        stated: u64,
        /// File length less the footer.
        actual: u64,
    },
    /// The payload does not match its checksum.
    #[error("the payload does not match its checksum: the file is damaged: restore it from a copy")]
    PayloadChecksum,
    /// The file was written by another codec.
    #[error(
        "the file was written by codec '{found}' and is read with codec '{expected}': use the codec that wrote it, or, with a codec of several kinds, a pool of the kind that wrote it"
    )]
    WrongCodec {
        /// Codec that reads.
        expected: CodecId,
        /// Codec in the footer.
        found: CodecId,
    },
    /// The archive was written with other format features of rkyv.
    #[error(
        "the archive was written with {found} and this program is compiled for {expected}: build with the same format features of rkyv"
    )]
    ArchiveFormat {
        /// As compiled.
        expected: String,
        /// As in the footer.
        found: String,
    },
    /// The archive's root is not of the type asked for.
    #[error(
        "the archive's root has {found_size} bytes aligned to {found_align}, and the type asked for has {expected_size} aligned to {expected_align}: it holds another type, or an older form of this one: load it as the type that was written"
    )]
    RootLayout {
        /// Size of the type asked for, in bytes.
        expected_size: u64,
        /// Alignment of the type asked for, in bytes.
        expected_align: u32,
        /// Size in the footer, in bytes.
        found_size: u64,
        /// Alignment in the footer, in bytes.
        found_align: u32,
    },
    /// The file carries another schema id than the one given to this type.
    #[error(
        "the file has {} and the type asked for has {}: it holds another type, or another form of this one: load it as the type that was written",
        schema_in_words(*found),
        schema_in_words(*expected)
    )]
    Schema {
        /// Id given to the type asked for; 0 if none.
        expected: u64,
        /// Id in the footer; 0 if none.
        found: u64,
    },
    /// The archive's bytes are not a valid archive of the type asked for.
    #[error(
        "the archive is not valid for the type asked for ({}): the file is damaged, or holds another type: restore it from a copy, or load it as the type that was written",
        Printable(.0)
    )]
    InvalidArchive(String),
    /// More pointers follow on each other in the archive than the codec follows.
    /// Nothing is damaged where the bytes are known to be whole: the value is
    /// deep. Of a map whose checksum was not verified (`Verify::Always` does that)
    /// nobody knows.
    #[error(
        "more than {limit} pointers follow on each other in the archive, and validation takes stack for each: make the value flatter, or allow more with `MappedCodec::max_depth`"
    )]
    TooDeep {
        /// Most pointers that may follow on each other.
        limit: usize,
    },
    /// The payload cannot be brought into memory: a page of the file cannot be
    /// read, and touching it would end the process with a signal.
    #[error(
        "a page of the mapped file cannot be read ({0}): the disk has lost it, or the file was cut: restore it from a copy"
    )]
    BadPage(std::io::Error),
    /// The archived type asks for an alignment that a file cannot give.
    #[error(
        "the archived type asks for an alignment of {align} bytes, and a mapped file gives at most 4096: lower that of the type (`#[repr(align)]`)"
    )]
    Alignment {
        /// Alignment asked for, in bytes.
        align: usize,
    },
    /// The archive is larger than the compiled pointer width can address.
    #[error(
        "the archive would have more than {limit} bytes, the most that rkyv's compiled pointer width can address: switch on rkyv's feature `pointer_width_64`"
    )]
    TooLarge {
        /// Most bytes an archive can have.
        limit: u64,
    },
    /// The payload matches its checksum, and the codec cannot decode it.
    #[error(
        "the payload is whole, but codec '{codec}' cannot decode it ({}): the file holds another type, or another form of this one: load it as the type that was written",
        Printable(source)
    )]
    Undecodable {
        /// Codec that reads.
        codec: CodecId,
        /// What the codec says.
        source: BoxError,
    },
    /// The codec cannot decode a file without a footer, and nobody knows whether
    /// the file is whole.
    #[error(
        "codec '{codec}' cannot decode the file ({}), and no checksum tells whether it is whole: it is damaged, or holds another type: restore it from a copy, or import it as the type that was written",
        Printable(source)
    )]
    UndecodableImport {
        /// Codec that reads.
        codec: CodecId,
        /// What the codec says.
        source: BoxError,
    },
    /// The value ends before the payload does.
    #[error(
        "the value ends after {used} of the payload's {len} bytes: the file holds another type, or another form of this one: load it as the type that was written"
    )]
    TrailingBytes {
        /// Bytes that the value took.
        used: u64,
        /// Bytes of payload.
        len: u64,
    },
    /// A file without a footer reached a codec that has no unframed form.
    #[error(
        "codec '{codec}' cannot read a file without a footer: import it with the codec that wrote it, `BinCodec` or `ProstCodec`"
    )]
    Unframed {
        /// Codec that reads.
        codec: CodecId,
    },
    /// The payload would be read into memory, and is longer than one read may be.
    /// The file may be whole, or sparse and of a length that somebody made up.
    #[error(
        "the payload is {len} bytes long, and at most {limit} are read into memory: map the file, or allow more with `read_limit::set` or with the codec's `read_limit`"
    )]
    OverReadLimit {
        /// Length of the payload in bytes.
        len: u64,
        /// Most bytes that are read into memory.
        limit: u64,
    },
    /// The file asks for more memory than an import allows.
    #[error(
        "the file is {len} bytes long, and the import allows {limit}: open it for import with a higher limit"
    )]
    OverLimit {
        /// Length of the file in bytes.
        len: u64,
        /// Most bytes that the import allows.
        limit: u64,
    },
}

impl FrameError {
    /// Why a codec cannot decode a payload, which a footer vouches for or not.
    #[cfg(any(feature = "bincodec", feature = "prostcodec"))]
    pub(crate) fn undecodable(framed: bool, codec: CodecId, error: impl Into<BoxError>) -> Self {
        let source = error.into();
        match framed {
            true => Self::Undecodable { codec, source },
            false => Self::UndecodableImport { codec, source },
        }
    }

    /// Whether the file is damaged: truncated, changed, not valid inside, or with
    /// a page that the disk does not give any more.
    pub fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::TooShort { .. }
                | Self::NoFooter
                | Self::FooterChecksum
                | Self::Length { .. }
                | Self::PayloadChecksum
                | Self::InvalidArchive(_)
                | Self::BadPage(_)
        )
    }

    /// Whether the file is whole but holds something else than was asked for:
    /// another codec, type, schema, format or version.
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
