//! Values through serde and bincode.

use bincode::error::{DecodeError, EncodeError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bounded::Budget;
use crate::{BoxError, Codec, CodecId, FrameError, Load, Payload, PayloadWriter, ReadAhead};

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
/// damaged. Neither may end the process, so decoding takes so much stack and no
/// more, and of its payload no more than one element of a sequence for each byte.
/// Two kinds of value are therefore written, and are an error when they are read:
///
/// * Values that nest too deep. serde's functions call each other for each level,
///   and decoding refuses to take more than 768 KiB of stack. In an optimized
///   build that is about 4000 links of a list (`Option<Box<_>>`) or 1300 levels of
///   a tree (a name and a `Vec` of trees), in a debug build about 400 or 240, and
///   fewer where a level is large itself. A thread that loads wants 1 MiB of
///   stack; Rust gives it 2 MiB unless told otherwise.
/// * Values with elements that take no bytes, such as `()`, in their sequences and
///   maps: the whole value may have 65 536 elements more than its payload has
///   bytes. Arrays and tuples are not counted, whose lengths are in the type.
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
        bincode::serde::encode_into_std_write(value, out, bincode::config::legacy())
            .map_err(unencodable)?;
        Ok(())
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
        DecodeError::OtherString(text) => text.into(),
        error => error.into(),
    }
}
