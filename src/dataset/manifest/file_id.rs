//! How the files of a dataset refer to each other.

use std::fmt;

use uuid::Uuid;

use super::sealed::{CHECKSUM, field};

/// Identifies one base or one delta: a random id, and the checksum that the file ends
/// with. Files refer to each other by it and not by number or name, so that a file that
/// was replaced by another one is not taken for it, wherever it is kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WrittenFile {
    pub(crate) file: FileId,
    /// Length in bytes.
    pub(crate) len: u64,
}
