//! The codec for files that are exactly the bytes of a value.

use std::io::Write as _;
use std::sync::Arc;

use super::MappedBytes;
use crate::aligned::{AlignedBytes, LEAST};
use crate::fetch::{Fetch, Shared, fetch_options};
use crate::{
    ArchiveInto, BoxError, Codec, CodecError, CodecId, Footprint, Load, MapLicence, Payload,
    PayloadWriter, ReadAhead,
};

/// Stores [`MappedBytes`]: the payload is exactly the bytes, and a load maps the file.
///
/// A load costs the same for 4 KiB and 4 GiB. Files below 256 KiB are read instead,
/// because that is faster (see [`crossover`](Self::crossover)). So is any file for which
/// no map is left (see [`map_budget`](crate::map_budget)).
///
/// The checksum is verified when a file is read. When it is mapped, it is verified only
/// with [`Verify::Always`](crate::Verify::Always), because that reads all of the file.
///
/// # Examples
///
/// ```
/// use std::fs::File;
///
/// # mod file_backed { pub mod fbstore { pub use file_backed_codecs::*; } }
/// use file_backed::fbstore::{BytesCodec, MappedBytes, frame};
///
/// # fn main() -> Result<(), file_backed_codecs::BoxError> {
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("blob");
/// // SAFETY: this program writes its files once, and nothing else has access to them.
/// let codec = unsafe { BytesCodec::new() };
///
/// let blob = MappedBytes::from(vec![7; 1 << 20]);
/// frame::write_file(&codec, &blob, &mut File::create(&path)?)?;
///
/// let mapped: MappedBytes = frame::read_file(&codec, &File::open(&path)?)?;
/// assert_eq!(mapped.is_mapped(), cfg!(unix));
/// assert_eq!(mapped, blob);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct BytesCodec {
    fetch: Fetch,
}

impl BytesCodec {
    /// Creates a codec that maps files.
    ///
    /// # Safety
    ///
    /// The caller promises what [`MapLicence::new`] requires, for every file that is read
    /// through this codec or a clone of it: in short, that the file is not modified in
    /// place or truncated until the last value made from it, or slice of one, is gone.
    pub unsafe fn new() -> Self {
        // SAFETY: the caller has promised the same.
        Self::licensed(unsafe { MapLicence::new() })
    }

    /// Creates a codec that maps files with an existing licence.
    pub fn licensed(licence: MapLicence) -> Self {
        Fetch::licensed(licence).into()
    }

    /// Creates a codec that reads every file into memory and never maps one. It reads and
    /// writes the same files and values as a codec that maps.
    pub fn heap() -> Self {
        Fetch::heap().into()
    }
}

fetch_options!(BytesCodec);

impl From<Fetch> for BytesCodec {
    fn from(fetch: Fetch) -> Self {
        Self { fetch }
    }
}

/// Writes the file of a slice directly, without a value in between:
///
/// ```
/// # mod file_backed { pub mod fbstore { pub use file_backed_codecs::*; } }
/// use file_backed::fbstore::{BytesCodec, MappedBytes, frame};
///
/// # fn main() -> Result<(), file_backed_codecs::BoxError> {
/// let text = *b"some bytes of somebody else's";
/// let mut file = Vec::new();
/// frame::write_archive(&BytesCodec::heap(), &text[5..10], &mut file)?;
/// let value: MappedBytes = frame::read_file(&BytesCodec::heap(), &file)?;
/// assert_eq!(value, b"bytes");
/// # Ok(())
/// # }
/// ```
impl ArchiveInto<[u8], MappedBytes> for BytesCodec {
    /// Copies the bytes.
    ///
    /// # Errors
    ///
    /// [`std::io::ErrorKind::OutOfMemory`].
    fn archive(&self, source: &[u8]) -> Result<MappedBytes, BoxError> {
        let copy = AlignedBytes::copy_of(source, LEAST)?;
        Ok(Shared::Heap(Arc::new(copy)).into())
    }

    fn archive_into(&self, source: &[u8], out: &mut PayloadWriter<'_>) -> Result<(), BoxError> {
        Ok(out.write_all(source)?)
    }
}

impl Codec<MappedBytes> for BytesCodec {
    const ID: CodecId = CodecId::BYTES;

    fn encode(&self, value: &MappedBytes, out: &mut PayloadWriter<'_>) -> Result<(), BoxError> {
        self.fetch.check_written(value.len() as u64)?;
        Ok(out.write_all(value)?)
    }

    fn decode(&self, payload: Payload<'_>) -> Result<MappedBytes, BoxError> {
        let bytes = self.fetch.fetch(payload, LEAST);
        bytes.map(MappedBytes::from).map_err(CodecError::into_inner)
    }

    fn read_ahead(&self, file_len: u64, load: Load) -> ReadAhead {
        self.fetch.read_ahead(file_len, load, LEAST)
    }

    fn decodes_inline(&self) -> bool {
        true
    }

    fn adopts_by_link(&self) -> bool {
        self.fetch.licence.is_some()
    }

    /// Shares the bytes, which are immutable.
    fn duplicate(&self, value: &MappedBytes) -> Result<MappedBytes, BoxError> {
        Ok(value.clone())
    }

    fn footprint(&self, value: &MappedBytes) -> Footprint {
        value.footprint()
    }

    fn footprint_is_exact(&self) -> bool {
        true
    }
}
