//! Plain bytes as files.

mod codec;
mod value;

pub use codec::BytesCodec;
pub use value::MappedBytes;
