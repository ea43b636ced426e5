//! Files in memory and on disk, whole and manipulated.

use std::fs::File;
use std::io::Write as _;

use file_backed_codecs::frame::{self, FOOTER_LEN};
use file_backed_codecs::{Codec, CodecError, FrameError};

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
