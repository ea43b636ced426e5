//! What is stored: a record of each file, and a catalogue of the records.

use std::collections::BTreeMap;

use file_backed::fbstore::rkyv;
use file_backed::uuid::Uuid;
use serde::{Deserialize, Serialize};

/// One file. `Mapped<Record>` is its archive, used where it lies; `BinCodec`
/// stores the same as an ordinary serde value.
#[derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize, Serialize, Deserialize)]
#[rkyv(crate = rkyv)]
pub(crate) struct Record {
    /// Relative to the directory that was read.
    pub(crate) path: String,
    /// In bytes.
    pub(crate) size: u64,
    /// Seconds since 1970, negative before; 0 if the system does not tell.
    pub(crate) modified: i64,
    /// In one piece: serde takes bytes one by one unless told otherwise.
    #[serde(with = "serde_bytes")]
    pub(crate) bytes: Vec<u8>,
}

/// Part of the catalogue: a mutable item, stored by an ordinary codec.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Shelf {
    /// By path.
    pub(crate) files: BTreeMap<String, Entry>,
}

/// What the catalogue knows of a file.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Of its record.
    pub(crate) key: u128,
    /// In bytes.
    pub(crate) size: u64,
    /// How often the needle was found, once there was a search.
    pub(crate) matches: Option<u64>,
}

impl Entry {
    pub(crate) fn new(key: Uuid, size: u64) -> Self {
        Self {
            key: key.as_u128(),
            size,
            matches: None,
        }
    }

    pub(crate) fn key(&self) -> Uuid {
        Uuid::from_u128(self.key)
    }
}
