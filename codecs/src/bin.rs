//! Values through serde and bincode.

use std::io::Write as _;

use bincode::error::{DecodeError, EncodeError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bounded::{self, Budget};
use crate::printable::Printable;
use crate::{
    BoxError, Codec, CodecError, CodecId, FrameError, Load, Payload, PayloadWriter, ReadAhead,
    read_limit,
};

/// Stores any [`serde`] value in bincode's legacy configuration: little-endian, with
/// every integer and length at full width.
///
/// The payload is byte for byte what `file_backed` 0.6 wrote, so files of that version
/// can be imported. Encoding writes through the payload's buffer. Decoding reads the
/// whole payload in one read and verifies its checksum first.
///
/// # Values that are refused
///
/// An intact file may hold another type, and a file without a footer may be damaged.
/// Neither may abort the process, so decoding is bounded. Encoding has the same bounds: a
/// value that could not be read back is refused on write, while it still exists.
///
/// * **Depth.** At most 4096 containers (options, sequences, maps, structs, enums,
///   tuples) may nest; a list of `Option<Box<_>>` has two per link. Decoding accepts
///   twice as many, for files of 0.6. The stack grows on the heap as needed, so the limit
///   holds on any thread.
/// * **Elements that take no bytes**, such as `()`: the sequences and maps of a value may
///   have 65 536 more elements than its payload has bytes. Arrays and tuples do not
///   count, because their lengths are part of the type.
/// * **Skipped fields** (`#[serde(skip_serializing_if)]`): the payload has no field
///   names, so the next field would be read in place of the skipped one.
///
/// Types that serde can read only from self-describing formats can be written but not
/// read back: `#[serde(untagged)]` enums, internally tagged enums, and
/// `serde_json::Value`. (`#[serde(flatten)]` is refused on write.)
///
/// A string whose stated length exceeds the rest of the payload is an error, raised
/// before any memory is reserved for it. The size hint of a sequence or map is never
/// larger than the payload's length in bytes.
///
/// # Examples
///
/// ```
/// # mod file_backed { pub mod fbstore { pub use file_backed_codecs::*; } }
/// use file_backed::fbstore::{BinCodec, frame};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Debug, PartialEq)]
/// struct Tile {
///     name: String,
///     heights: Vec<f32>,
/// }
///
/// # fn main() -> Result<(), file_backed_codecs::BoxError> {
/// let tile = Tile { name: "N47E011".into(), heights: vec![612.0, 613.5] };
///
/// let mut file = Vec::new();
/// frame::write_file(&BinCodec, &tile, &mut file)?;
/// let read: Tile = frame::read_file(&BinCodec, &file)?;
/// assert_eq!(read, tile);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct BinCodec;

impl<T: Serialize + DeserializeOwned> Codec<T> for BinCodec {
    const ID: CodecId = CodecId::BINCODE;

    fn encode(&self, value: &T, out: &mut PayloadWriter<'_>) -> Result<(), BoxError> {
        bounded::encode(value, |value| {
            let (before, config) = (out.position(), bincode::config::legacy());
            bincode::serde::encode_into_writer(value, Out(&mut *out), config)?;
            Ok(out.position() - before)
        })
        .map_err(unencodable)?;
        Ok(read_limit::check(out.position(), read_limit::get())?)
    }

    fn decode(&self, payload: Payload<'_>) -> Result<T, BoxError> {
        let framed = payload.footer().is_some();
        let value = payload.read_with(|bytes| decode(bytes, framed));
        value.map_err(CodecError::into_inner)
    }

    fn read_ahead(&self, _: u64, _: Load) -> ReadAhead {
        ReadAhead::Scratch
    }

    fn decodes_inline(&self) -> bool {
        true
    }
}

/// A payload, as bincode writes to it. bincode's own adapter counts the bytes once more,
/// in memory, which made a vector of bytes a fifth slower to encode.
struct Out<'o, 'w>(&'o mut PayloadWriter<'w>);

impl bincode::enc::write::Writer for Out<'_, '_> {
    #[inline(always)]
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.0.write_all(bytes).map_err(|inner| EncodeError::Io {
            inner,
            index: self.0.position() as usize,
        })
    }
}

fn decode<T: DeserializeOwned>(bytes: &[u8], framed: bool) -> Result<T, BoxError> {
    let budget = Budget::new(bytes.len());
    let (value, used) = bincode::serde::seed_decode_from_slice(
        budget.seed::<T>(),
        bytes,
        bincode::config::legacy(),
    )
    .map_err(|error| FrameError::undecodable(framed, CodecId::BINCODE, undecodable(error)))?;
    if used == bytes.len() {
        Ok(value)
    } else {
        Err(Box::new(FrameError::TrailingBytes {
            used: used as u64,
            len: bytes.len() as u64,
        }))
    }
}

/// Unwraps an error of bincode, whose `Display` is only its `Debug` text: returns the I/O
/// error, or the message of the value's `Serialize` implementation.
fn unencodable(error: EncodeError) -> BoxError {
    match error {
        EncodeError::Io { inner, .. } => inner.into(),
        EncodeError::Other(text) => text.into(),
        EncodeError::OtherString(text) => text.into(),
        error => error.into(),
    }
}

/// Same as [`unencodable`], for the value's `Deserialize` implementation.
fn undecodable(error: DecodeError) -> BoxError {
    match error {
        DecodeError::Other(text) => text.into(),
        // serde quotes unknown fields and variants as they appear in the file.
        DecodeError::OtherString(text) => Printable(text).to_string().into(),
        error => error.into(),
    }
}
