//! Values through serde and bincode.

use bincode::error::{DecodeError, EncodeError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bounded::{self, Budget};
use crate::printable::Printable;
use crate::{
    BoxError, Codec, CodecId, FrameError, Load, Payload, PayloadWriter, ReadAhead, read_limit,
};

/// Stores any [`serde`] value, in the legacy configuration of `bincode`:
/// little-endian, every integer and length at its full width.
///
/// The payload is byte for byte what `file_backed` 0.6 wrote, so its files can
/// be imported. Encoding writes through the payload's buffer, and decoding runs
/// over one read of the whole payload, after its checksum was verified.
///
/// # Values that are refused
///
/// A file may be whole and hold another type, and a file without a footer may be
/// damaged. Neither may end the process, so decoding has bounds, and encoding has the
/// same: what cannot be read again is refused when it is written, while the value is
/// still there.
///
/// * **Depth.** At most 4096 containers (options, sequences, maps, structs, enums,
///   tuples) inside of each other; a list of `Option<Box<_>>` has two for each link.
///   Decoding accepts twice as many, for files of 0.6. The stack grows on the heap as
///   this needs it, whatever the thread has.
/// * **Elements that take no bytes**, such as `()`: the sequences and maps of a value
///   may have 65 536 elements more than its payload has bytes. Arrays and tuples are
///   not counted, whose lengths are in the type.
/// * **Fields that are left out** (`#[serde(skip_serializing_if)]`): the payload has
///   no names, so that the next field would be read in their place.
///
/// Types that serde can only read from self-describing formats are written and cannot
/// be read: `#[serde(untagged)]` and internally tagged enums, and `serde_json::Value`.
/// (`#[serde(flatten)]` is refused when it is written.)
///
/// A string whose length goes past the end of the payload is an error before
/// anything is reserved for it, and no sequence or map is announced with more
/// elements than the payload has bytes.
///
/// # Examples
///
/// ```
/// # mod file_backed { pub use file_backed_codecs as fbstore; }
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
            let config = bincode::config::legacy();
            let written = bincode::serde::encode_into_std_write(value, &mut *out, config)?;
            Ok(written as u64)
        })
        .map_err(unencodable)?;
        Ok(read_limit::check(out.position(), read_limit::get())?)
    }

    fn decode(&self, payload: Payload<'_>) -> Result<T, BoxError> {
        let framed = payload.footer().is_some();
        payload.read_with(|bytes| decode(bytes, framed))
    }

    fn read_ahead(&self, _: u64, _: Load) -> ReadAhead {
        ReadAhead::Scratch
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

/// What is behind an error of bincode, whose own text is that of `Debug`: the
/// refusal of the disk, or the words of the value's `Serialize`.
fn unencodable(error: EncodeError) -> BoxError {
    match error {
        EncodeError::Io { inner, .. } => inner.into(),
        EncodeError::Other(text) => text.into(),
        EncodeError::OtherString(text) => text.into(),
        error => error.into(),
    }
}

/// The same of the value's `Deserialize`.
fn undecodable(error: DecodeError) -> BoxError {
    match error {
        DecodeError::Other(text) => text.into(),
        // serde names unknown fields and variants as they are in the file.
        DecodeError::OtherString(text) => Printable(text).to_string().into(),
        error => error.into(),
    }
}
