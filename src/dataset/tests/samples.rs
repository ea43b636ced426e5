//! Keys, names and fingerprints of items that do not exist.

use uuid::Uuid;

use crate::backing_store::FileFingerprint;
use crate::dataset::manifest::Name;

pub(crate) fn key(n: u64) -> Uuid {
    Uuid::from_u64_pair(n, 0)
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).expect("it is short")
}

pub(crate) fn fingerprint(n: u64) -> FileFingerprint {
    FileFingerprint {
        len: n,
        check: !(n as u32),
    }
}
