//! A codec that needs no feature, for tests of real directories.

use std::io::Write as _;

use file_backed::fbstore::{BoxError, Codec, CodecId, Payload, PayloadWriter};

/// Strings as they are.
pub(crate) struct Words;

impl Codec<String> for Words {
    const ID: CodecId = CodecId::user(77);

    fn encode(&self, value: &String, out: &mut PayloadWriter<'_>) -> Result<(), BoxError> {
        Ok(out.write_all(value.as_bytes())?)
    }

    fn decode(&self, payload: Payload<'_>) -> Result<String, BoxError> {
        Ok(String::from_utf8(payload.read_whole()?)?)
    }
}
