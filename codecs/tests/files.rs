//! Files in memory and on disk, whole and manipulated.

use std::fs::File;
use std::io::Write as _;

use file_backed_codecs::frame::{self, FOOTER_LEN, Footer};
use file_backed_codecs::pack::PackWriter;
use file_backed_codecs::{Codec, CodecError, FrameError, PayloadWriter};

use crate::values::Plain;

/// A whole file with `value`.
pub(crate) fn file_of<T>(codec: &impl Codec<T>, value: &T) -> Vec<u8> {
    let mut file = Vec::new();
    frame::write_file(codec, value, &mut file).unwrap();
    file
}

/// The payload of a whole file.
pub(crate) fn payload_of(file: &[u8]) -> &[u8] {
    &file[..file.len() - FOOTER_LEN]
}

/// Makes both checksums right again after the file was changed.
pub(crate) fn reseal(file: &mut [u8]) {
    let (payload, footer) = file.split_at_mut(file.len() - FOOTER_LEN);
    footer[16..24].copy_from_slice(&(payload.len() as u64).to_le_bytes());
    footer[24..28].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
    let crc = crc32fast::hash(&footer[..60]);
    footer[60..].copy_from_slice(&crc.to_le_bytes());
}

/// The footer of `file` behind another payload, with right checksums.
pub(crate) fn with_payload(file: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut other = payload.to_vec();
    other.extend_from_slice(&file[file.len() - FOOTER_LEN..]);
    reseal(&mut other);
    other
}

/// The same bytes as a file that can be mapped.
pub(crate) fn on_disk(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

/// The typed error that reading ended with.
#[track_caller]
pub(crate) fn refusal<T>(result: Result<T, impl Into<CodecError>>) -> FrameError {
    match result {
        Ok(_) => panic!("the file was accepted"),
        Err(error) => match error.into().into_inner().downcast::<FrameError>() {
            Ok(error) => *error,
            Err(error) => panic!("the error has no type: {error}"),
        },
    }
}

/// An item of a pack: its key, its footer, its alignment, and its payload.
#[derive(Debug)]
pub(crate) struct ToPack {
    pub(crate) key: [u8; 16],
    pub(crate) footer: Footer,
    pub(crate) align: usize,
    pub(crate) payload: Vec<u8>,
}

impl ToPack {
    /// An item of the codec `Plain` with this schema id.
    pub(crate) fn new(key: u8, schema: u64, align: usize, payload: &[u8]) -> Self {
        let mut file = Vec::new();
        let mut writer = PayloadWriter::new(&mut file);
        writer.set_schema(schema);
        writer.write_all(payload).unwrap();
        Self {
            key: [key; 16],
            footer: writer.finish(<Plain as Codec<Vec<u8>>>::ID).unwrap(),
            align,
            payload: payload.to_vec(),
        }
    }
}

/// A pack of these items.
pub(crate) fn pack_of(items: &[ToPack]) -> Vec<u8> {
    let mut pack = Vec::new();
    let mut writer = PackWriter::new(&mut pack, [0x1d; 16]);
    for item in items {
        let added = writer.add(item.key, &item.footer, item.align, &item.payload);
        added.unwrap();
    }
    writer.finish().unwrap();
    pack
}

/// Makes the checksum of a pack right again after its header, index or trailer was changed.
pub(crate) fn reseal_pack(pack: &mut [u8]) {
    let Some((whole, sum)) = pack.split_last_chunk_mut::<4>() else {
        return;
    };
    let Some(index) = whole.len().checked_sub(28) else {
        return;
    };
    let index = u64::from_le_bytes(*whole[index..].first_chunk().unwrap());
    let index = usize::try_from(index).ok();
    let (Some(header), Some(index)) = (whole.get(..32), index.and_then(|at| whole.get(at..)))
    else {
        return;
    };
    let mut crc = crc32fast::Hasher::new();
    crc.update(header);
    crc.update(index);
    *sum = crc.finalize().to_le_bytes();
}
