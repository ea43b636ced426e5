//! Values through serde and bincode.

use bincode::error::{DecodeError, EncodeError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bounded::{Bounded, Bounds};
use crate::{BoxError, Codec, CodecId, FrameError, Load, Payload, PayloadWriter, ReadAhead};

/// How deep the containers of a value may nest in a file that no checksum
/// vouches for. A damaged file could otherwise nest as deep as it is long, and
/// overflow the stack.
const UNFRAMED_DEPTH: usize = 256;

/// Stores any [`serde`] value, in the legacy configuration of `bincode`:
/// little-endian, every integer and length at its full width.
///
/// The payload is byte for byte what `file_backed` 0.6 wrote, so its files can
/// be imported. Encoding writes through the payload's buffer, and decoding runs
/// over one read of the whole payload, after its checksum was verified.
///
/// Decoding never asks for memory that the payload does not pay for: a length
/// that goes past the payload's end is an error before anything is reserved.
/// In files without a footer, which have no checksum, values nested deeper than
/// 256 containers are refused as well. What this crate wrote itself is read back
/// however deep it nests, by functions that call each other for each level, as
/// all of serde does: values nested thousands deep want threads with a larger
/// stack, to write, to read and to drop them.
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
        let depth = if framed { usize::MAX } else { UNFRAMED_DEPTH };
        payload.read_with(|bytes| decode(bytes, depth, framed))
    }

    fn read_ahead(&self, _: u64, _: Load) -> ReadAhead {
        ReadAhead::Scratch
    }
}

fn decode<T: DeserializeOwned>(bytes: &[u8], depth: usize, framed: bool) -> Result<T, BoxError> {
    let (value, used) = bincode::serde::seed_decode_from_slice(
        Bounded::seed::<T>(Bounds {
            depth,
            len: bytes.len(),
        }),
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
