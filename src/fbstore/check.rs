//! Checks the file of an item without its codec.

// The numbers here come from files, and may be anything.
#![warn(clippy::arithmetic_side_effects)]

use std::convert::Infallible;
use std::io::Read as _;

use file_backed_codecs::frame::{FOOTER_LEN, Footer};
use file_backed_codecs::{Payload, Source};
use uuid::Uuid;

use super::directory::at;
use super::prepared_path::PreparedPath;
use crate::backing_store::FileFingerprint;
use crate::error::StoreError;

/// Bytes read at a time.
const CHUNK: u64 = 1 << 20;

impl PreparedPath {
    /// The footer of the file of `key`.
    pub(crate) fn footer(&self, key: Uuid) -> Result<Footer, StoreError> {
        self.read_item(key, |source| Ok(Payload::read_footer(source)?))
    }

    /// Opens the item of `key`, in its file or in a pack, and passes it to `read`.
    fn read_item<R>(
        &self,
        key: Uuid,
        read: impl FnOnce(&dyn Source) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        if let Some(packed) = self.packed(key)? {
            return read(&packed.source()).map_err(|error| at(packed.path(), error));
        }
        let file_ref = self.directory().file_ref(key);
        let opened = self.directory().files().open(&file_ref);
        let read = opened
            .map_err(StoreError::from)
            .and_then(|source| read(&*source));
        read.map_err(|error| at(&file_ref.path(), error))
    }

    /// Reads the whole file of `key`, and compares it with its checksums. Calls `read`
    /// with the number of bytes of each step.
    pub(crate) fn verify(&self, key: Uuid, read: &dyn Fn(u64)) -> Result<Footer, StoreError> {
        let count = |bytes: &[u8]| -> Result<(), Infallible> {
            read(bytes.len() as u64);
            Ok(())
        };
        let Ok(footer) = self.read_payload(key, |_| Ok(()), count)?;
        read(FOOTER_LEN as u64);
        Ok(footer)
    }

    /// Reads the payload of the file of `key`, passes it to `sink` in pieces, and compares it
    /// with its checksum at the end. `check` sees the footer first. The first error of `sink`
    /// ends the reading, and is returned in the inner result.
    pub(crate) fn read_payload<E>(
        &self,
        key: Uuid,
        check: impl FnOnce(&Footer) -> Result<(), StoreError>,
        mut sink: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<Result<Footer, E>, StoreError> {
        self.read_item(key, |source| {
            let footer = Payload::read_footer(source)?;
            check(&footer)?;
            let mut payload = Payload::open(source, footer.codec())?;
            let mut chunk = vec![0; payload.len().min(CHUNK) as usize];
            loop {
                let len = match payload.read(&mut chunk)? {
                    0 => return Ok(Ok(footer)),
                    len => len,
                };
                if let Err(error) = sink(&chunk[..len]) {
                    return Ok(Err(error));
                }
            }
        })
    }

    /// Length of the file of `key` in bytes; `None` if there is none.
    #[cfg(feature = "dataset")]
    pub(crate) fn file_len(&self, key: Uuid) -> Result<Option<u64>, StoreError> {
        let directory = self.directory();
        super::files::len_if_present(directory.files(), &directory.file_ref(key))
    }
}

/// Gives a file its fingerprint.
pub(crate) trait Stamped {
    fn fingerprint(&self) -> FileFingerprint;
}

impl Stamped for Footer {
    /// The footer ends with a checksum of its contents, which include the checksum of
    /// the payload.
    fn fingerprint(&self) -> FileFingerprint {
        let bytes = self.to_bytes();
        let mut check = [0; 4];
        check.copy_from_slice(&bytes[FOOTER_LEN.saturating_sub(4)..]);
        FileFingerprint {
            len: self.payload_len().saturating_add(FOOTER_LEN as u64),
            check: u32::from_le_bytes(check),
        }
    }
}
