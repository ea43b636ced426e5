//! Checks the file of an item without its codec.

// The numbers here come from files, and may be anything.
#![warn(clippy::arithmetic_side_effects)]

use std::io::Read as _;

use file_backed_codecs::Payload;
use file_backed_codecs::frame::{FOOTER_LEN, Footer};
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
        let file_ref = self.directory().file_ref(key);
        let read = || -> Result<_, StoreError> {
            let source = self.directory().files().open(&file_ref)?;
            Ok(Payload::read_footer(&*source)?)
        };
        read().map_err(|error| at(&file_ref.path(), error))
    }

    /// Reads the whole file of `key`, and compares it with its checksums. Calls `read`
    /// with the number of bytes of each step.
    pub(crate) fn verify(&self, key: Uuid, read: &dyn Fn(u64)) -> Result<Footer, StoreError> {
        let file_ref = self.directory().file_ref(key);
        let verify = || -> Result<_, StoreError> {
            let source = self.directory().files().open(&file_ref)?;
            let footer = Payload::read_footer(&*source)?;
            let mut payload = Payload::open(&*source, footer.codec())?;
            let mut chunk = vec![0; payload.len().min(CHUNK) as usize];
            loop {
                match payload.read(&mut chunk)? {
                    0 => break,
                    len => read(len as u64),
                }
            }
            read(FOOTER_LEN as u64);
            Ok(footer)
        };
        verify().map_err(|error| at(&file_ref.path(), error))
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
