//! Converting a value to the payload of a file, and back.

use std::fmt;

use crate::frame::{Footer, Payload, PayloadWriter};
use crate::{BoxError, Footprint, Load, ReadAhead};

/// Defines how values of type `T` are written to a file and read back.
///
/// A codec sees only the payload. The library writes and checks the footer that follows
/// it, which holds lengths and checksums (see [`Footer`](crate::frame::Footer)). A codec
/// therefore never has to detect a foreign or damaged file itself: by the time
/// [`decode`](Self::decode) runs, the footer is known to belong to this codec and the
/// file to have the length that the footer states.
///
/// [`encode`](Self::encode) and [`decode`](Self::decode) run on threads that may block,
/// unless the codec [decodes inline](Self::decodes_inline). [`footprint`](Self::footprint) runs
/// on the thread that inserts the value, or that has loaded it inline, so it
/// should be fast.
///
/// A codec may use the library: insert values, and read or write other items. A call that
/// would wait for the very load or write that the codec is part of is an error, and so is
/// waiting for room in the backlog (`Error::is_deadlock`). That is noticed only on the
/// thread that runs the codec.
///
/// # Examples
///
/// A codec that stores strings in upper case:
///
/// ```
/// use std::io::Write as _;
/// # mod file_backed { pub mod fbstore { pub use file_backed_codecs::*; } }
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
    note = "implement `Codec<{T}>` for a codec of your own"
)]
pub trait Codec<T>: Send + Sync + 'static {
    /// The id in the footer of every file that this codec writes. A file with another id
    /// is refused. Custom codecs use [`CodecId::user`].
    const ID: CodecId;

    /// Writes `value` to `out`.
    ///
    /// # Errors
    ///
    /// Any error that prevents the value from being written. The file is then removed,
    /// and the value stays in memory.
    fn encode(&self, value: &T, out: &mut PayloadWriter<'_>) -> Result<(), BoxError>;

    /// Decodes a value from `payload`.
    ///
    /// [`Payload::read_with`] and [`Payload::read_whole`] verify the checksum before they
    /// hand out any bytes. A codec that reads through [`std::io::Read`] learns of a bad
    /// checksum only at the end of the payload.
    ///
    /// # Errors
    ///
    /// Any error that prevents the payload from being decoded as a `T`.
    fn decode(&self, payload: Payload<'_>) -> Result<T, BoxError>;

    /// What to read ahead when a file of `file_len` bytes (footer included) is opened for
    /// this `load`. A codec that decodes small payloads whole saves a system call by
    /// returning [`ReadAhead::Scratch`]. Files above 1 MiB are not read ahead. The
    /// default is [`ReadAhead::Nothing`].
    fn read_ahead(&self, file_len: u64, load: Load) -> ReadAhead {
        let _ = (file_len, load);
        ReadAhead::Nothing
    }

    /// Whether values may be decoded inline, that is, on the thread that runs an async task
    /// and must not wait. The library tries that if it expects the load to take at most
    /// 50 µs, judging by earlier loads of values of similar length, and if it has the
    /// bytes in memory. Otherwise, and whenever `decode` returns an error, the file is
    /// loaded on another thread, where `decode` may be called again.
    ///
    /// A codec that returns `true` promises that `decode` does not wait for anything and
    /// does not call the library or the runtime. (It may read and
    /// [map](Payload::map) the payload: reads that would wait fail with
    /// [`io::ErrorKind::WouldBlock`](std::io::ErrorKind::WouldBlock).) The codecs of the
    /// library return `true`. The default is `false`.
    fn decodes_inline(&self) -> bool {
        false
    }

    /// Checks whether a file that is about to be adopted from elsewhere can hold a `T`,
    /// going by its footer. The footer carries this codec's id. The default accepts every
    /// file.
    ///
    /// # Errors
    ///
    /// The reason why the file cannot hold a `T`.
    fn accepts(&self, footer: &Footer) -> Result<(), BoxError> {
        let _ = footer;
        Ok(())
    }

    /// Whether the user has promised (`MapLicence`) that files reached through this codec
    /// are never modified in place. A file adopted from elsewhere can then be a hard link
    /// to the original. The default is `false`: such a file is copied.
    fn adopts_by_link(&self) -> bool {
        false
    }

    /// Makes an independent copy of `value`. The default encodes and decodes it in
    /// memory.
    ///
    /// # Errors
    ///
    /// Errors of [`encode`](Self::encode) and [`decode`](Self::decode).
    fn duplicate(&self, value: &T) -> Result<T, BoxError> {
        crate::frame::duplicate_in_memory(self, value)
    }

    /// The cost of `value` while it is resident. The default counts the size of `T`
    /// itself, without anything that it points to.
    ///
    /// Unless [`footprint_is_exact`](Self::footprint_is_exact), the library counts the
    /// length of the payload where that is larger. A codec that compresses, or whose
    /// values are larger in memory than in the file, overrides both methods.
    fn footprint(&self, value: &T) -> Footprint {
        Footprint::heap(size_of_val(value))
    }

    /// Whether [`footprint`](Self::footprint) counts all that a value owns, so that
    /// nothing has to be guessed before the value is written. The default is `false`.
    fn footprint_is_exact(&self) -> bool {
        false
    }
}

/// A codec that can write the file of a `T` directly from a value of another type, `S`.
///
/// `MappedCodec` makes a `Mapped<S>` from an `S`, and `BytesCodec` makes a `MappedBytes`
/// from a `[u8]`.
#[diagnostic::on_unimplemented(
    message = "the codec `{Self}` cannot archive a `{S}` as a `{T}`",
    note = "`MappedCodec` and `MixedCodec` make a `Mapped<S>` from an `S` that derives `rkyv::Archive` and `rkyv::Serialize`",
    note = "`BytesCodec` and `MixedCodec` make a `MappedBytes` from a `[u8]`"
)]
pub trait ArchiveInto<S: ?Sized, T>: Codec<T> {
    /// Creates the value in memory.
    ///
    /// # Errors
    ///
    /// Any error that prevents the value from being created.
    fn archive(&self, source: &S) -> Result<T, BoxError>;

    /// Writes the same file that [`Codec::encode`] would write for the value, without
    /// creating the value in memory.
    ///
    /// # Errors
    ///
    /// Any error that prevents the file from being written.
    fn archive_into(&self, source: &S, out: &mut PayloadWriter<'_>) -> Result<(), BoxError>;
}

/// The number in a file's footer that identifies the codec that wrote it.
///
/// # Examples
///
/// ```
/// # mod file_backed { pub mod fbstore { pub use file_backed_codecs::*; } }
/// use file_backed::fbstore::CodecId;
///
/// /// One id for each format of your own, never used for another one.
/// const TILE: CodecId = CodecId::user(1);
///
/// assert_ne!(TILE, CodecId::user(2));
/// assert_eq!(TILE.to_string(), "user codec 1"); // as `file_backed ls` prints it
/// assert_eq!(CodecId::BINCODE.to_string(), "bincode");
/// assert_eq!(CodecId::RKYV.to_u32(), 3);
/// ```
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

    /// The id of a custom codec; choose any `n`. The library never assigns an id in this
    /// range.
    pub const fn user(n: u16) -> Self {
        Self(Self::FIRST_USER + n as u32)
    }

    /// The number that is stored in the file.
    pub const fn to_u32(self) -> u32 {
        self.0
    }

    /// The id that a file has in this number.
    pub const fn from_u32(id: u32) -> Self {
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
