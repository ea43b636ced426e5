//! Protobuf messages.

mod wire;

use std::any::type_name;
use std::io::Write as _;

use prost::Message;

use crate::{
    BoxError, Codec, CodecError, CodecId, FrameError, Load, Payload, PayloadWriter, ReadAhead,
    read_limit,
};

/// Stores any protobuf [`Message`]; the payload is exactly the message's encoding.
///
/// A message is encoded in memory and written in one write. It is decoded from one read
/// of the whole payload, after the checksum was verified. (For protobuf alone, an empty
/// file is a valid message with all fields at their defaults.)
///
/// `prost` encodes messages of any depth but decodes at most 100 nested ones, where a map
/// entry counts as a message. A deeper message is refused on write. (`prost` encodes by
/// recursion: tens of thousands of levels overflow the stack, and so does dropping them.)
///
/// # Examples
///
/// ```
/// # mod file_backed { pub mod fbstore { pub use file_backed_codecs::*; } }
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

/// Nested messages that `prost` decodes.
const LEVELS: usize = 100;

impl<T: Message + Default> Codec<T> for ProstCodec {
    const ID: CodecId = CodecId::PROTOBUF;

    fn encode(&self, value: &T, out: &mut PayloadWriter<'_>) -> Result<(), BoxError> {
        let bytes = value.encode_to_vec();
        read_limit::check(bytes.len() as u64, read_limit::get())?;
        if wire::may_nest_deeper(&bytes, LEVELS) {
            // The bytes alone do not prove it, but decoding does.
            T::decode(&*bytes).map_err(unreadable::<T>)?;
        }
        Ok(out.write_all(&bytes)?)
    }

    fn decode(&self, payload: Payload<'_>) -> Result<T, BoxError> {
        let framed = payload.footer().is_some();
        let message = payload.read_with(|bytes| {
            T::decode(bytes)
                .map_err(|error| FrameError::undecodable(framed, CodecId::PROTOBUF, error).into())
        });
        message.map_err(CodecError::into_inner)
    }

    fn read_ahead(&self, _: u64, _: Load) -> ReadAhead {
        ReadAhead::Scratch
    }

    fn decodes_inline(&self) -> bool {
        true
    }
}

fn unreadable<T>(error: prost::DecodeError) -> BoxError {
    format!(
        "a value of type `{}` cannot be written, because it could not be read again ({error}): `prost` reads at most {LEVELS} levels of nested messages: store them as a list whose items refer to each other by index",
        type_name::<T>()
    )
    .into()
}
