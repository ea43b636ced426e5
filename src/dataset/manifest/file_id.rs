//! How the files of a dataset refer to each other.

use std::fmt;

use file_backed_codecs::Source;
use file_backed_codecs::pack::PackIdentity;
use uuid::Uuid;

use super::sealed::{CHECKSUM, damaged, field, read, unseal};
use crate::error::StoreError;

/// Identifies one base or one delta: a random id, and the checksum that the file ends
/// with. Files refer to each other by it and not by number or name, so that a file that
/// was replaced by another one is not taken for it, wherever it is kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FileId {
    pub(crate) id: Uuid,
    pub(crate) check: u32,
}

impl FileId {
    /// The id of a file with these bytes.
    pub(crate) fn of(id: Uuid, bytes: &[u8]) -> Self {
        let end = bytes.len().saturating_sub(CHECKSUM);
        let check = u32::from_le_bytes(field(bytes, end));
        Self { id, check }
    }
}

impl fmt::Debug for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:08x}", self.id.simple(), self.check)
    }
}

/// A file of a dataset that was written or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct WrittenFile {
    pub(crate) file: FileId,
    /// Length in bytes.
    pub(crate) len: u64,
}

impl WrittenFile {
    /// As a pack.
    pub(crate) fn to_identity(self) -> PackIdentity {
        PackIdentity {
            id: self.file.id.into_bytes(),
            check: self.file.check,
            len: self.len,
        }
    }

    /// Reads the bytes of the file again. Fails if they are not those that were written or
    /// read before.
    pub(crate) fn read_again(&self, source: &dyn Source) -> Result<Vec<u8>, StoreError> {
        if source.len()? != self.len {
            return Err(damaged("its length has changed").into());
        }
        let bytes = read(source, self.len)?;
        unseal(&bytes)?;
        match FileId::of(self.file.id, &bytes) == self.file {
            true => Ok(bytes),
            false => Err(damaged("it is another file").into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_has_changed_is_not_taken_for_the_one_before() {
        let sealed = |text: &[u8]| {
            let mut bytes = text.to_vec();
            super::super::sealed::seal(&mut bytes);
            bytes
        };
        let bytes = sealed(b"one");
        let written = WrittenFile {
            file: FileId::of(Uuid::from_u128(1), &bytes),
            len: bytes.len() as u64,
        };
        assert_eq!(written.read_again(&bytes).expect("it is whole"), bytes);
        let mut flipped = bytes.clone();
        flipped[0] ^= 1;
        for (other, why) in [
            (sealed(b"two"), "another file"),
            (sealed(b"three"), "length"),
            (flipped, "checksum"),
        ] {
            let error = written.read_again(&other).expect_err("it is another");
            assert!(error.to_string().contains(why), "{error}: not {why}");
        }
    }
}
