//! Bytes that end with a checksum of all bytes before it.

// The numbers here come from files.
#![warn(clippy::arithmetic_side_effects)]

use file_backed_codecs::Source;

use crate::dataset::cause::DatasetCause;
use crate::error::StoreError;

/// Length of the checksum in bytes: a CRC-32, little-endian.
pub(super) const CHECKSUM: usize = 4;

/// Bytes read at a time before the length is verified.
pub(super) const CHUNK: u64 = 64 << 10;

/// Appends the checksum.
pub(super) fn seal(bytes: &mut Vec<u8>) {
    bytes.extend(crc32fast::hash(bytes).to_le_bytes());
}

/// Reads all `len` bytes of a file. Memory for more than a chunk is allocated only once
/// the checksum agrees, because a sparse file can have any length. The bytes are read
/// again then, so [`unseal`] has to follow.
pub(super) fn read(source: &dyn Source, len: u64) -> Result<Vec<u8>, StoreError> {
    if len > CHUNK {
        check_sum(source, len)?;
    }
    let mut bytes = Vec::new();
    let size = usize::try_from(len).map_err(StoreError::value)?;
    bytes.try_reserve_exact(size).map_err(StoreError::value)?;
    bytes.resize(size, 0);
    source.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

/// What was read of a header. A version that is not known is told only of a file that is whole:
/// every version ends with this checksum, and a damaged byte is not a newer release.
pub(super) fn if_whole<T>(
    source: &dyn Source,
    len: u64,
    header: Result<T, StoreError>,
) -> Result<T, StoreError> {
    let cause = header
        .as_ref()
        .err()
        .map(|error| error.get_ref().downcast_ref());
    if let Some(Some(DatasetCause::ManifestVersion(_))) = cause {
        check_sum(source, len)?;
    }
    header
}

/// The bytes before the checksum.
pub(super) fn unseal(bytes: &[u8]) -> Result<&[u8], DatasetCause> {
    let (whole, sum) = bytes
        .split_last_chunk::<CHECKSUM>()
        .ok_or(damaged("it is too short"))?;
    match crc32fast::hash(whole).to_le_bytes() == *sum {
        true => Ok(whole),
        false => Err(damaged("it does not match its checksum")),
    }
}

/// Compares all bytes with the checksum that follows them, a chunk at a time.
fn check_sum(source: &dyn Source, len: u64) -> Result<(), StoreError> {
    let end = len.saturating_sub(CHECKSUM as u64);
    let mut hasher = crc32fast::Hasher::new();
    let mut chunk = [0; CHUNK as usize];
    for start in (0..end).step_by(CHUNK as usize) {
        let len = end.saturating_sub(start).min(CHUNK) as usize;
        source.read_exact_at(&mut chunk[..len], start)?;
        hasher.update(&chunk[..len]);
    }
    let mut sum = [0; CHECKSUM];
    source.read_exact_at(&mut sum, end)?;
    match hasher.finalize().to_le_bytes() == sum {
        true => Ok(()),
        false => Err(damaged("it does not match its checksum").into()),
    }
}

pub(super) fn damaged(why: &'static str) -> DatasetCause {
    DatasetCause::DamagedManifest(why)
}

/// The `N` bytes at `offset`, which the caller knows to be there.
pub(super) fn field<const N: usize>(bytes: &[u8], offset: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[offset..][..N]);
    field
}

/// A file of zeros after its header, and the largest read so far.
#[cfg(test)]
pub(super) struct SparseFile {
    header: Vec<u8>,
    len: u64,
    most: std::sync::atomic::AtomicUsize,
}

#[cfg(test)]
impl SparseFile {
    pub(super) fn new(header: Vec<u8>, len: u64) -> Self {
        Self {
            header,
            len,
            most: 0.into(),
        }
    }

    pub(super) fn assert_read_in_chunks(self) {
        assert!(self.most.into_inner() as u64 <= CHUNK);
    }
}

#[cfg(test)]
impl Source for SparseFile {
    fn len(&self) -> std::io::Result<u64> {
        Ok(self.len)
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> std::io::Result<()> {
        use std::sync::atomic::Ordering;
        self.most.fetch_max(buf.len(), Ordering::Relaxed);
        buf.fill(0);
        if offset == 0 {
            let len = buf.len().min(self.header.len());
            buf[..len].copy_from_slice(&self.header[..len]);
        }
        Ok(())
    }
}
