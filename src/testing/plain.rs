//! A codec that needs no feature.

use std::io::Write as _;

use file_backed::fbstore::{BoxError, Codec, CodecId, Payload, PayloadWriter};

/// A codec whose payload is the value's bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plain;

impl Codec<Vec<u8>> for Plain {
    const ID: CodecId = CodecId::user(1);

    fn encode(&self, value: &Vec<u8>, out: &mut PayloadWriter<'_>) -> Result<(), BoxError> {
        Ok(out.write_all(value)?)
    }

    fn decode(&self, payload: Payload<'_>) -> Result<Vec<u8>, BoxError> {
        Ok(payload.read_whole()?)
    }

    fn decodes_inline(&self) -> bool {
        true
    }
}

impl Codec<String> for Plain {
    const ID: CodecId = CodecId::user(77);

    fn encode(&self, value: &String, out: &mut PayloadWriter<'_>) -> Result<(), BoxError> {
        Ok(out.write_all(value.as_bytes())?)
    }

    fn decode(&self, payload: Payload<'_>) -> Result<String, BoxError> {
        Ok(String::from_utf8(payload.read_whole()?)?)
    }

    fn decodes_inline(&self) -> bool {
        true
    }
}
