//! Files as items, without their bytes in memory.

use std::fs::File;
use std::io::{self, Read as _, Write as _};

use file_backed::fbstore::{ArchiveInto, BoxError, Codec, CodecId, Payload, PayloadWriter};
use indicatif::ProgressBar;

/// Bytes read at a time.
const CHUNK: usize = 1 << 20;

/// Writes the same files as `BytesCodec`, but straight from other files.
pub(crate) struct FileBytes;

/// An item that was imported. Its bytes are in its file only.
pub(crate) struct Imported;

/// A file to import.
pub(super) struct Original {
    pub(super) file: File,
    pub(super) bar: ProgressBar,
}

impl Codec<Imported> for FileBytes {
    const ID: CodecId = CodecId::BYTES;

    fn encode(&self, _: &Imported, _: &mut PayloadWriter<'_>) -> Result<(), BoxError> {
        Err(io::Error::from(io::ErrorKind::Unsupported).into())
    }

    fn decode(&self, _: Payload<'_>) -> Result<Imported, BoxError> {
        Ok(Imported)
    }
}

impl ArchiveInto<Original, Imported> for FileBytes {
    fn archive(&self, _: &Original) -> Result<Imported, BoxError> {
        Err(io::Error::from(io::ErrorKind::Unsupported).into())
    }

    fn archive_into(
        &self,
        original: &Original,
        out: &mut PayloadWriter<'_>,
    ) -> Result<(), BoxError> {
        let mut file = &original.file;
        let len = file.metadata()?.len();
        let mut chunk = vec![0; usize::try_from(len).unwrap_or(CHUNK).clamp(1, CHUNK)];
        loop {
            match file.read(&mut chunk) {
                Ok(0) => return Ok(()),
                Ok(len) => {
                    out.write_all(&chunk[..len])?;
                    original.bar.inc(len as u64);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
