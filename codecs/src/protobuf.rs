//! Protobuf messages.

use std::io::Write as _;

use prost::Message;

use crate::{BoxError, Codec, CodecId, FrameError, Load, Payload, PayloadWriter, ReadAhead};

/// Stores any protobuf [`Message`]; the payload is the message's encoding and
/// nothing else.
///
/// A message is encoded in memory and written at once, and decoded from one
/// read of the whole payload, after its checksum was verified. (Protobuf alone
/// takes an empty file for a valid message with all fields at their defaults.)
///
/// `prost` decodes messages nested at most 100 deep, and encodes deeper ones:
/// such a message is written, and reading it back is an error.
///
/// # Examples
///
/// ```
/// # mod file_backed { pub use file_backed_codecs as fbstore; }
/// use file_backed::fbstore::{ProstCodec, frame, prost};
///
/// #[derive(Clone, PartialEq, prost::Message)]
/// struct Tile {
///     #[prost(string, tag = "1")]
///     name: String,
///     #[prost(float, repeated, tag = "2")]
///     heights: Vec<f32>,
/// }
///
/// # fn main() -> Result<(), file_backed_codecs::BoxError> {
/// let tile = Tile { name: "N47E011".into(), heights: vec![612.0, 613.5] };
///
/// let mut file = Vec::new();
/// frame::write_file(&ProstCodec, &tile, &mut file)?;
/// let read: Tile = frame::read_file(&ProstCodec, &file)?;
/// assert_eq!(read, tile);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ProstCodec;

impl<T: Message + Default> Codec<T> for ProstCodec {
    const ID: CodecId = CodecId::PROTOBUF;

    fn encode(&self, value: &T, out: &mut PayloadWriter<'_>) -> Result<(), BoxError> {
        Ok(out.write_all(&value.encode_to_vec())?)
    }

    fn decode(&self, payload: Payload<'_>) -> Result<T, BoxError> {
        let framed = payload.footer().is_some();
        payload.read_with(|bytes| {
            T::decode(bytes)
                .map_err(|error| FrameError::undecodable(framed, CodecId::PROTOBUF, error).into())
        })
    }

    fn read_ahead(&self, _: u64, _: Load) -> ReadAhead {
        ReadAhead::Scratch
    }
}
