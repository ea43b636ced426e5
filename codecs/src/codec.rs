//! How a value becomes the payload of a file, and back.

use std::fmt;

use crate::frame::{Footer, Payload, PayloadWriter};
use crate::{BoxError, Footprint, Load, ReadAhead};

/// Says how values of type `T` are written to a file and read back.
///
/// A codec sees only the payload. Around it stands a footer with lengths and
/// checksums (see [`Footer`](crate::frame::Footer)), written and checked by the
/// library, so a codec never has to recognise a foreign or damaged file itself:
/// by the time [`decode`](Self::decode) runs, the footer belongs to this codec
/// and the file has the length that the footer states.
///
/// [`encode`](Self::encode) and [`decode`](Self::decode) run on threads that may
/// block. [`footprint`](Self::footprint) is asked on whatever thread a value is
/// inserted, and is to be quick.
///
/// # Examples
///
/// A codec for strings, in upper case:
///
/// ```
/// use std::io::Write as _;
/// # mod file_backed { pub use file_backed_codecs as fbstore; }
/// use file_backed::fbstore::{BoxError, Codec, CodecId, Payload, PayloadWriter};
///
/// struct Loud;
///
/// impl Codec<String> for Loud {
///     const ID: CodecId = CodecId::user(1);
///
///     fn encode(
///         &self,
///         value: &String,
///         out: &mut PayloadWriter<'_>,
///     ) -> Result<(), BoxError> {
///         Ok(out.write_all(value.to_uppercase().as_bytes())?)
///     }
///
///     fn decode(&self, payload: Payload<'_>) -> Result<String, BoxError> {
///         Ok(String::from_utf8(payload.read_whole()?)?)
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "the codec `{Self}` cannot store values of type `{T}`",
    label = "this codec does not store `{T}`",
    note = "`MappedCodec` stores `Mapped<T>` where `T` derives `rkyv::Archive` and `rkyv::Serialize`",
    note = "`BinCodec` stores types that derive serde's `Serialize` and `Deserialize`, `ProstCodec` protobuf messages, `BytesCodec` `MappedBytes`, and `MixedCodec` what `BinCodec`, `MappedCodec` and `BytesCodec` do",
    note = "a codec of your own implements `Codec<{T}>`"
)]
pub trait Codec<T>: Send + Sync + 'static {
    /// Stands in the footer of every file that this codec writes; a file with
    /// another id is refused. Use [`CodecId::user`] for codecs of your own.
    const ID: CodecId;

    /// Writes `value` to `out`.
    ///
    /// # Errors
    ///
    /// Whatever keeps the value from being written: the file is then removed
    /// and the value stays in memory.
    fn encode(&self, value: &T, out: &mut PayloadWriter<'_>) -> Result<(), BoxError>;

    /// Makes a value from `payload`.
    ///
    /// [`Payload::read_with`] and [`Payload::read_whole`] verify the checksum
    /// before anybody sees the bytes; a codec that reads through
    /// [`std::io::Read`] learns of a bad checksum only at the end of the payload.
    ///
    /// # Errors
    ///
    /// Whatever keeps the payload from being a value of this type.
    fn decode(&self, payload: Payload<'_>) -> Result<T, BoxError>;

    /// What to read of a file of `file_len` bytes, footer included, when it is
    /// opened for this `load`. A codec that decodes small payloads whole saves a
    /// call to the system with [`ReadAhead::Scratch`]; files above 1 MiB are not
    /// read ahead. The provided method says [`ReadAhead::Nothing`].
    fn read_ahead(&self, file_len: u64, load: Load) -> ReadAhead {
        let _ = (file_len, load);
        ReadAhead::Nothing
    }

    /// Looks at the footer of a file that is to be taken in from elsewhere, which
    /// carries this codec's id: whether it can hold a `T`. The provided method
    /// knows nothing more and accepts it.
    ///
    /// # Errors
    ///
    /// Whatever speaks against it.
    fn accepts(&self, footer: &Footer) -> Result<(), BoxError> {
        let _ = footer;
        Ok(())
    }

    /// Whether the user has promised (`MapLicence`) that
    /// nobody modifies the files in place that are reached through this codec,
    /// so that a file taken in from elsewhere can be another name of the same
    /// file. The provided method says no, and such a file is copied.
    fn adopts_by_link(&self) -> bool {
        false
    }

    /// Makes an independent copy of `value`. The provided method encodes and
    /// decodes it in memory.
    ///
    /// # Errors
    ///
    /// Those of [`encode`](Self::encode) and [`decode`](Self::decode).
    fn duplicate(&self, value: &T) -> Result<T, BoxError> {
        crate::frame::duplicate_in_memory(self, value)
    }

    /// What `value` costs while it is resident. The provided method states the
    /// size of `T` itself and knows nothing of what `T` points to.
    fn footprint(&self, value: &T) -> Footprint {
        Footprint::heap(size_of_val(value))
    }
}

/// A codec that can write the file of a `T` straight from a value of another type,
/// `S`.
///
/// `MappedCodec` makes a `Mapped<S>` from an `S`, and `BytesCodec` a `MappedBytes`
/// from a `[u8]`.
#[diagnostic::on_unimplemented(
    message = "the codec `{Self}` cannot archive a `{S}` as a `{T}`",
    note = "`MappedCodec` and `MixedCodec` make a `Mapped<S>` of an `S` that derives `rkyv::Archive` and `rkyv::Serialize`",
    note = "`BytesCodec` and `MixedCodec` make a `MappedBytes` of a `[u8]`"
)]
pub trait ArchiveInto<S: ?Sized, T>: Codec<T> {
    /// Makes the value in memory.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being made.
    fn archive(&self, source: &S) -> Result<T, BoxError>;

    /// Writes the file that [`Codec::encode`] would write of it, without having
    /// it in memory.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being written.
    fn archive_into(&self, source: &S, out: &mut PayloadWriter<'_>) -> Result<(), BoxError>;
}

/// The number that says in a file's footer which codec wrote it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CodecId(u32);

impl CodecId {
    /// `BinCodec`: serde through bincode's legacy configuration.
    pub const BINCODE: Self = Self(1);
    /// `ProstCodec`: one protobuf message.
    pub const PROTOBUF: Self = Self(2);
    /// `MappedCodec`: one rkyv archive.
    pub const RKYV: Self = Self(3);
    /// Payloads that are exactly the value's bytes.
    pub const BYTES: Self = Self(4);

    const FIRST_USER: u32 = 0x8000_0000;

    /// The id of a codec of your own; `n` is yours to choose. The library never
    /// gives out an id of this range.
    pub const fn user(n: u16) -> Self {
        Self(Self::FIRST_USER + n as u32)
    }

    /// The number as it stands in the file.
    pub const fn to_u32(self) -> u32 {
        self.0
    }

    pub(crate) const fn from_u32(id: u32) -> Self {
        Self(id)
    }
}

impl fmt::Display for CodecId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::BINCODE => f.write_str("bincode"),
            Self::PROTOBUF => f.write_str("protobuf"),
            Self::RKYV => f.write_str("rkyv archive"),
            Self::BYTES => f.write_str("plain bytes"),
            Self(id) if id >= Self::FIRST_USER => {
                write!(f, "user codec {}", id - Self::FIRST_USER)
            }
            Self(id) => write!(f, "unknown codec {id}"),
        }
    }
}

impl fmt::Debug for CodecId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CodecId({self})")
    }
}
