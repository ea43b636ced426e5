//! What one generation consists of, as bytes.

use uuid::Uuid;

use super::fault::Fault;
use crate::backing_store::Stamp;

const MAGIC: [u8; 8] = *b"\x89fbdata\n";
const VERSION: u16 = 1;
const HEADER: usize = 40;
const ENTRY: usize = 28;
const CHECKSUM: usize = 4;

/// One commit, as it is stored.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 8 | magic, `\x89fbdata\n` |
/// | 8 | 2 | format version, 1 |
/// | 10 | 6 | reserved, zero |
/// | 16 | 8 | generation |
/// | 24 | 8 | length of the root in bytes |
/// | 32 | 8 | number of items |
/// | 40 | | the root, as JSON |
/// | | 28 each | the items: key (16), length of the file (8), checksum of its footer (4), in ascending order of the keys |
/// | | 4 | CRC-32 of everything before |
///
/// All numbers are little-endian.
///
/// The root is JSON because a root outlives the program that wrote it: fields
/// have names, so that they can be added and left out, and whoever finds the
/// directory can read it.
#[derive(Debug, PartialEq)]
pub(crate) struct Manifest {
    pub(crate) generation: u64,
    pub(crate) root: Vec<u8>,
    pub(crate) entries: Vec<Entry>,
}

/// One item of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: Uuid,
    pub(crate) stamp: Stamp,
}

/// The entry of a key, among sorted ones.
pub(crate) fn find(entries: &[Entry], key: Uuid) -> Option<&Entry> {
    let at = entries.binary_search_by(|entry| entry.key.cmp(&key)).ok()?;
    Some(&entries[at])
}

/// Bytes in the files of the items.
pub(crate) fn bytes_of<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> u64 {
    entries.into_iter().map(|entry| entry.stamp.len).sum()
}

impl Manifest {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let len = HEADER + self.root.len() + self.entries.len() * ENTRY + CHECKSUM;
        let mut bytes = Vec::with_capacity(len);
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend([0; 6]);
        bytes.extend(self.generation.to_le_bytes());
        bytes.extend((self.root.len() as u64).to_le_bytes());
        bytes.extend((self.entries.len() as u64).to_le_bytes());
        bytes.extend(&self.root);
        for entry in &self.entries {
            bytes.extend(entry.key.as_bytes());
            bytes.extend(entry.stamp.len.to_le_bytes());
            bytes.extend(entry.stamp.check.to_le_bytes());
        }
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let damaged = Fault::DamagedManifest;
        if !bytes.starts_with(&MAGIC) {
            return Err(damaged("it does not begin as one"));
        }
        let (bytes, sum) = bytes
            .split_last_chunk::<CHECKSUM>()
            .filter(|(bytes, _)| bytes.len() >= HEADER)
            .ok_or(damaged("it is too short"))?;
        if crc32fast::hash(bytes).to_le_bytes() != *sum {
            return Err(damaged("it does not match its checksum"));
        }
        let version = u16::from_le_bytes(field(bytes, 8));
        if version != VERSION {
            return Err(Fault::ManifestVersion(version));
        }
        let number = |offset| u64::from_le_bytes(field(bytes, offset));
        let wrong_lengths = || damaged("its lengths do not fit");
        let root_len = usize::try_from(number(24)).map_err(|_| wrong_lengths())?;
        let body = &bytes[HEADER..];
        let (root, entries) = body.split_at_checked(root_len).ok_or_else(wrong_lengths)?;
        let (entries, rest) = entries.as_chunks::<ENTRY>();
        if !rest.is_empty() || entries.len() as u64 != number(32) {
            return Err(wrong_lengths());
        }
        let entries: Vec<_> = entries.iter().map(Entry::decode).collect();
        if !entries.is_sorted_by(|one, next| one.key < next.key) {
            return Err(damaged("its keys are out of order"));
        }
        Ok(Self {
            generation: number(16),
            root: root.to_vec(),
            entries,
        })
    }
}

impl Entry {
    /// Where only the key is known. No file has this stamp.
    pub(crate) fn of_unknown_file(key: Uuid) -> Self {
        let stamp = Stamp { len: 0, check: 0 };
        Self { key, stamp }
    }

    /// Whether a file is another than the one that was committed.
    pub(crate) fn is_other(&self, found: Stamp) -> bool {
        *self != Self::of_unknown_file(self.key) && self.stamp != found
    }

    fn decode(bytes: &[u8; ENTRY]) -> Self {
        Self {
            key: Uuid::from_bytes(field(bytes, 0)),
            stamp: Stamp {
                len: u64::from_le_bytes(field(bytes, 16)),
                check: u32::from_le_bytes(field(bytes, 24)),
            },
        }
    }
}

fn field<const N: usize>(bytes: &[u8], offset: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[offset..offset + N]);
    field
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(items: u128) -> Manifest {
        let entry = |n: u128| Entry {
            key: Uuid::from_u128(n << 64),
            stamp: Stamp {
                len: n as u64,
                check: !(n as u32),
            },
        };
        Manifest {
            generation: 7,
            root: br#"{"name":"x"}"#.to_vec(),
            entries: (0..items).map(entry).collect(),
        }
    }

    #[test]
    fn comes_back_as_it_was() {
        for items in [0, 1, 50] {
            let before = manifest(items);
            assert_eq!(Manifest::decode(&before.encode()).unwrap(), before);
        }
    }

    #[test]
    fn no_damage_goes_unseen() {
        let whole = manifest(3).encode();
        for len in 0..whole.len() {
            Manifest::decode(&whole[..len]).expect_err("it is truncated");
        }
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            Manifest::decode(&flipped).expect_err("a bit is flipped");
        }
    }

    /// Lengths and order are looked at even where the checksum is right.
    #[test]
    fn nonsense_with_a_good_checksum_is_refused() {
        let seal = |mut bytes: Vec<u8>| {
            bytes.truncate(bytes.len() - CHECKSUM);
            bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
            Manifest::decode(&bytes)
        };
        for offset in [24, 32] {
            for wrong in [0, 1, 1000, u64::MAX] {
                let mut bytes = manifest(3).encode();
                bytes[offset..offset + 8].copy_from_slice(&wrong.to_le_bytes());
                seal(bytes).expect_err("the lengths do not fit");
            }
        }
        let mut backwards = manifest(3);
        backwards.entries.reverse();
        seal(backwards.encode()).expect_err("the keys are out of order");
        let mut later = manifest(3).encode();
        later[8] = 2;
        let error = seal(later).expect_err("nobody knows the version");
        assert!(matches!(error, Fault::ManifestVersion(2)));
    }
}
