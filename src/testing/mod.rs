//! File systems for tests, and a codec that stores plain bytes.

mod faulty_files;
mod mem_store;
mod power_cut;
mod recorder;

use std::io::Write as _;

use file_backed_codecs::{BoxError, Codec, CodecId, Payload, PayloadWriter};

pub(crate) use faulty_files::{Fault, FaultyFiles, Links};
pub(crate) use mem_store::{Bytes, Mood, Persisted, Store};
pub(crate) use power_cut::{Cut, at_each_power_cut};
pub(crate) use recorder::Recorder;

/// A codec whose payload is the value's bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plain;

impl Codec<Vec<u8>> for Plain {
    const ID: CodecId = CodecId::user(1);

    fn encode(&self, value: &Vec<u8>, out: &mut PayloadWriter<'_>) -> Result<(), BoxError> {
        Ok(out.write_all(value)?)
    }

    fn decode(&self, payload: Payload<'_>) -> Result<Vec<u8>, BoxError> {
        payload.read_whole()
    }
}
