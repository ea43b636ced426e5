//! A custom codec as a user would write it: it reads piece by piece, and has its own
//! errors.

use std::io::{Read as _, Write as _};

use file_backed::fbstore::{BoxError, Codec, CodecId, Payload, PayloadWriter};

/// Stores bytes with every bit turned over.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Inverted;

impl Codec<Vec<u8>> for Inverted {
    const ID: CodecId = CodecId::user(17);

    fn encode(&self, value: &Vec<u8>, out: &mut PayloadWriter<'_>) -> Result<(), BoxError> {
        for piece in value.chunks(100) {
            let piece: Vec<u8> = piece.iter().map(|byte| !byte).collect();
            out.write_all(&piece)?;
        }
        Ok(())
    }

    fn decode(&self, mut payload: Payload<'_>) -> Result<Vec<u8>, BoxError> {
        let mut value = Vec::new();
        payload.read_to_end(&mut value)?;
        value.iter_mut().for_each(|byte| *byte = !*byte);
        Ok(value)
    }
}
