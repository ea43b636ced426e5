//! Keys, names and fingerprints of items that do not exist.

use uuid::Uuid;

use crate::backing_store::FileFingerprint;
use crate::dataset::manifest::{FileId, Name, PackedAt, Place, WrittenFile};

pub(crate) fn key(n: u64) -> Uuid {
    Uuid::from_u64_pair(n, 0)
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).expect("it is short")
}

pub(crate) fn fingerprint(n: u64) -> FileFingerprint {
    FileFingerprint {
        len: n.saturating_add(64),
        check: !(n as u32),
    }
}

/// One of three packs of 1 MiB for a fourth of small numbers, and a file for all others.
pub(crate) fn place(n: u64) -> Place {
    match n {
        ..0x8_0000 if n % 4 == 3 => Place::Packed(PackedAt {
            pack: pack(n / 4 % 3),
            offset: n as u32,
        }),
        _ => Place::File,
    }
}

pub(crate) fn pack(n: u64) -> WrittenFile {
    let file = FileId {
        id: key(!n),
        check: n as u32,
    };
    let len = 1 << 20;
    WrittenFile { file, len }
}
