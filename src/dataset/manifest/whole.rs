//! Version 1 of the encoding: a manifest that lists all items of its generation.

// The numbers here come from files.
#![warn(clippy::arithmetic_side_effects)]

use file_backed_codecs::Source;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::changes::ItemEntry;
#[cfg(any(test, fuzzing))]
use super::sealed::seal;
use super::sealed::{CHECKSUM, damaged, field, read, unseal};
use crate::backing_store::FileFingerprint;
use crate::dataset::cause::DatasetCause;
use crate::error::StoreError;

pub(super) const MAGIC: [u8; 8] = *b"\x89fbdata\n";
const VERSION: u16 = 1;
const HEADER: usize = 40;
const ENTRY: usize = 28;

/// The longest manifest in bytes. A longer one is never written, so one that is found is
/// damaged or sparse.
pub(super) const LONGEST: u64 = 4 << 30;

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
/// The root is JSON because it outlives the program that wrote it. Its fields have names,
/// so fields can be added and omitted, and anyone who finds the directory can read it.
#[derive(Debug, PartialEq)]
pub(crate) struct Manifest {
    pub(crate) generation: u64,
    pub(crate) root: Vec<u8>,
    pub(crate) entries: Vec<ItemRecord>,
}

/// One item of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ItemRecord {
    pub(crate) key: Uuid,
    pub(crate) fingerprint: FileFingerprint,
}

/// Total length of the items' files in bytes. It saturates, because the lengths may come
/// from a file.
pub(crate) fn bytes_of<'a>(entries: impl IntoIterator<Item = &'a ItemRecord>) -> u64 {
    let lens = entries.into_iter().map(|entry| entry.fingerprint.len);
    lens.fold(0, u64::saturating_add)
}

/// The root as it is stored. It is read back here, because after the commit it is too
/// late to find that it cannot be.
pub(crate) fn encode_root<Root: Serialize + DeserializeOwned>(
    root: &Root,
) -> Result<Vec<u8>, DatasetCause> {
    let bytes = serde_json::to_vec(root).map_err(DatasetCause::UnfitRoot)?;
    serde_json::from_slice::<Root>(&bytes).map_err(DatasetCause::UnfitRoot)?;
    Ok(bytes)
}

impl Manifest {
    /// The encoded length in bytes; `None` if it exceeds [`LONGEST`].
    fn encoded_len(root: u64, entries: u64) -> Option<u64> {
        entries
            .checked_mul(ENTRY as u64)?
            .checked_add(root)?
            .checked_add((HEADER + CHECKSUM) as u64)
            .filter(|len| *len <= LONGEST)
    }

    /// Only tests write this version.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn encode(&self) -> Result<Vec<u8>, DatasetCause> {
        let (root, entries) = (self.root.len() as u64, self.entries.len() as u64);
        let len =
            Self::encoded_len(root, entries).ok_or(DatasetCause::TooLarge { root, entries })?;
        let mut bytes = Vec::with_capacity(usize::try_from(len).unwrap_or_default());
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend([0; 6]);
        bytes.extend(self.generation.to_le_bytes());
        bytes.extend(root.to_le_bytes());
        bytes.extend(entries.to_le_bytes());
        bytes.extend(&self.root);
        for entry in &self.entries {
            bytes.extend(entry.key.as_bytes());
            bytes.extend(entry.fingerprint.len.to_le_bytes());
            bytes.extend(entry.fingerprint.check.to_le_bytes());
        }
        seal(&mut bytes);
        Ok(bytes)
    }

    /// Reads the manifest of this generation. Memory is allocated only once the header,
    /// the length and the checksum agree.
    pub(crate) fn read(source: &dyn Source, generation: u64) -> Result<Self, StoreError> {
        let len = source.len()?;
        let header = Header::read(source, len)?;
        let bytes = read(source, len)?;
        let manifest = Self::decode(&bytes, &header)?;
        match manifest.generation == generation {
            true => Ok(manifest),
            false => Err(damaged("it is of another generation").into()),
        }
    }

    /// `header` was read from the same bytes before.
    fn decode(bytes: &[u8], header: &Header) -> Result<Self, DatasetCause> {
        let whole = unseal(bytes)?;
        if header.version != VERSION {
            return Err(DatasetCause::ManifestVersion(header.version));
        }
        let wrong_lengths = || damaged("its lengths are inconsistent");
        let root_len = usize::try_from(header.root).map_err(|_| wrong_lengths())?;
        let (_, body) = whole.split_at_checked(HEADER).ok_or_else(wrong_lengths)?;
        let (root, entries) = body.split_at_checked(root_len).ok_or_else(wrong_lengths)?;
        let (entries, rest) = entries.as_chunks::<ENTRY>();
        if !rest.is_empty() || entries.len() as u64 != header.entries {
            return Err(wrong_lengths());
        }
        let entries: Vec<_> = entries.iter().map(ItemRecord::decode).collect();
        if !entries.is_sorted_by(|one, next| one.key < next.key) {
            return Err(damaged("its keys are out of order"));
        }
        Ok(Self {
            generation: header.generation,
            root: root.to_vec(),
            entries,
        })
    }
}

/// The first bytes of a manifest.
struct Header {
    version: u16,
    generation: u64,
    /// Length of the root in bytes.
    root: u64,
    /// Number of items.
    entries: u64,
}

impl Header {
    /// Reads the header of a manifest of length `len`, and checks that it implies this
    /// length.
    fn read(source: &dyn Source, len: u64) -> Result<Self, StoreError> {
        let mut magic = [0; MAGIC.len()];
        if len >= MAGIC.len() as u64 {
            source.read_exact_at(&mut magic, 0)?;
        }
        if magic != MAGIC {
            return Err(damaged("it does not begin like a manifest").into());
        }
        if len < (HEADER + CHECKSUM) as u64 {
            return Err(damaged("it is too short").into());
        }
        if len > LONGEST {
            return Err(damaged("it is longer than a manifest can be").into());
        }
        let mut bytes = [0; HEADER];
        source.read_exact_at(&mut bytes, 0)?;
        let number = |offset| u64::from_le_bytes(field(&bytes, offset));
        let header = Self {
            version: u16::from_le_bytes(field(&bytes, 8)),
            generation: number(16),
            root: number(24),
            entries: number(32),
        };
        // A later version may use another layout.
        let is_stated = header.version != VERSION
            || Manifest::encoded_len(header.root, header.entries) == Some(len);
        match is_stated {
            true => Ok(header),
            false => Err(damaged("its lengths are inconsistent").into()),
        }
    }
}

impl ItemRecord {
    pub(crate) fn of(key: Uuid, entry: ItemEntry) -> Self {
        let fingerprint = entry.fingerprint;
        Self { key, fingerprint }
    }

    /// The record of a file of which only the key is known. No file has this fingerprint.
    pub(crate) fn of_unknown_file(key: Uuid) -> Self {
        let fingerprint = FileFingerprint { len: 0, check: 0 };
        Self { key, fingerprint }
    }

    /// Whether a file is not the one that was committed.
    pub(crate) fn differs_from(&self, found: FileFingerprint) -> bool {
        *self != Self::of_unknown_file(self.key) && self.fingerprint != found
    }

    fn decode(bytes: &[u8; ENTRY]) -> Self {
        Self {
            key: Uuid::from_bytes(field(bytes, 0)),
            fingerprint: FileFingerprint {
                len: u64::from_le_bytes(field(bytes, 16)),
                check: u32::from_le_bytes(field(bytes, 24)),
            },
        }
    }
}

#[cfg(test)]
#[expect(
    clippy::arithmetic_side_effects,
    reason = "the numbers are the test's own"
)]
mod tests {
    use super::super::sealed::SparseFile;
    use super::*;

    fn manifest(items: u128) -> Manifest {
        let entry = |n: u128| ItemRecord {
            key: Uuid::from_u128(n << 64),
            fingerprint: FileFingerprint {
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

    fn encoded(items: u128) -> Vec<u8> {
        manifest(items).encode().expect("it is short")
    }

    fn read(bytes: &[u8]) -> Result<Manifest, DatasetCause> {
        let read = Manifest::read(&bytes, 7);
        read.map_err(|error| match error.get_ref().downcast_ref() {
            Some(DatasetCause::ManifestVersion(version)) => DatasetCause::ManifestVersion(*version),
            Some(DatasetCause::DamagedManifest(why)) => DatasetCause::DamagedManifest(why),
            _ => panic!("a fault, whatever the bytes are: {error}"),
        })
    }

    /// Reads the manifest with a corrected checksum.
    fn read_sealed(mut bytes: Vec<u8>) -> Result<Manifest, DatasetCause> {
        bytes.truncate(bytes.len() - CHECKSUM);
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        read(&bytes)
    }

    #[test]
    fn a_manifest_is_decoded_as_it_was_encoded() {
        // The last one is longer than one chunk.
        for items in [0, 1, 50, 5000] {
            assert_eq!(read(&encoded(items)).expect("it is whole"), manifest(items));
        }
    }

    #[test]
    fn every_damage_of_a_manifest_is_detected() {
        let whole = encoded(3);
        for len in 0..whole.len() {
            read(&whole[..len]).expect_err("it is truncated");
        }
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            read(&flipped).expect_err("a bit is flipped");
        }
        let mut long = encoded(5000);
        long[100_000] ^= 1;
        read(&long).expect_err("a bit is flipped");
    }

    /// Lengths, order, version and generation are checked even if the checksum is right.
    #[test]
    fn a_manifest_with_wrong_lengths_is_refused_despite_a_valid_checksum() {
        for offset in [24, 32] {
            for wrong in [0, 1, 1000, u64::MAX / ENTRY as u64, u64::MAX - 43, u64::MAX] {
                let mut bytes = encoded(3);
                bytes[offset..offset + 8].copy_from_slice(&wrong.to_le_bytes());
                read_sealed(bytes).expect_err("the lengths do not fit");
            }
        }
        let mut backwards = manifest(3);
        backwards.entries.reverse();
        let backwards = backwards.encode().expect("it is short");
        read_sealed(backwards).expect_err("the keys are out of order");
        let mut later = encoded(3);
        later[8] = 2;
        let error = read_sealed(later).expect_err("it is of a later version");
        assert!(matches!(error, DatasetCause::ManifestVersion(2)));
        let mut other = encoded(3);
        other[16] = 8;
        read_sealed(other).expect_err("it is of another generation");
    }

    /// A later version may have a different layout.
    #[test]
    fn a_manifest_of_a_later_version_is_not_reported_as_damaged() {
        let mut later = encoded(3);
        later[8] = 2;
        later[24..40].fill(0xFF);
        let error = read_sealed(later).expect_err("it is of a later version");
        assert!(matches!(error, DatasetCause::ManifestVersion(2)));
    }

    /// The length of a file used to be allocated before its first bytes were checked, and
    /// a sparse file can have any length.
    #[test]
    fn a_sparse_manifest_allocates_no_more_than_a_chunk() {
        let len = 100 << 20;
        for (root, len) in [
            (len - 44, len),
            (0, len),
            (LONGEST - 43, LONGEST + 1),
            (5, u64::MAX),
        ] {
            let mut header = encoded(0)[..HEADER].to_vec();
            header[24..32].copy_from_slice(&root.to_le_bytes());
            let sparse = SparseFile::new(header, len);
            let error = Manifest::read(&sparse, 7).expect_err("it is sparse");
            assert!(matches!(
                error.get_ref().downcast_ref(),
                Some(DatasetCause::DamagedManifest(_))
            ));
            sparse.assert_read_in_chunks();
        }
    }

    #[test]
    fn a_manifest_too_long_to_be_read_is_not_encoded() {
        assert_eq!(Manifest::encoded_len(0, 0), Some(44));
        assert_eq!(Manifest::encoded_len(LONGEST - 44, 0), Some(LONGEST));
        for (root, entries) in [
            (LONGEST - 43, 0),
            (0, LONGEST / ENTRY as u64),
            (u64::MAX, 1),
            (1, u64::MAX),
        ] {
            assert_eq!(Manifest::encoded_len(root, entries), None);
        }
    }

    /// Arbitrary bytes followed by a valid checksum.
    #[test]
    fn a_forged_manifest_is_refused_or_decoded_consistently() {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut below = move |limit: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % limit as u64) as usize
        };
        for round in 0..20_000 {
            let mut bytes = encoded(u128::try_from(below(4)).expect("it is small"));
            for _ in 0..=below(4) {
                match below(3) {
                    0 => {
                        let at = below(bytes.len());
                        bytes[at] = below(256) as u8;
                    }
                    1 if bytes.len() >= HEADER => {
                        let at = 16 + 8 * below(3);
                        let numbers = [0, 1, 12, u64::MAX, u64::MAX - 43, 1 << 63, LONGEST];
                        let number = numbers[below(numbers.len())];
                        bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
                    }
                    _ => bytes.resize(CHECKSUM + below(200), 0xA5),
                }
            }
            if let Ok(manifest) = read_sealed(bytes.clone()) {
                assert_eq!(manifest.generation, 7, "in round {round}");
                let stated = 44 + manifest.root.len() + ENTRY * manifest.entries.len();
                assert_eq!(stated, bytes.len(), "in round {round}");
            }
        }
    }
}
