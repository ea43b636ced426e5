//! Serde values and archives in one codec.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::frame::Footer;
use crate::{
    Archivable, ArchiveInto, BinCodec, BoxError, Codec, CodecId, Footprint, Load, Mapped,
    MappedCodec, Payload, PayloadWriter, ReadAhead,
};
#[cfg(feature = "bytescodec")]
use crate::{BytesCodec, MappedBytes};

/// Stores serde values like [`BinCodec`] and [`Mapped`] values like [`MappedCodec`], so
/// that one store and one directory can hold both.
///
/// With the feature `bytescodec` it also stores `MappedBytes`, like `BytesCodec`.
///
/// Each kind of file carries the id of its own codec, which can read it too. Reading one
/// kind as another is an error.
///
/// # Examples
///
/// ```
/// # mod file_backed { pub mod fbstore { pub use file_backed_codecs::*; } }
/// use file_backed::fbstore::{Mapped, MappedCodec, MixedCodec, frame};
///
/// # fn main() -> Result<(), file_backed_codecs::BoxError> {
/// let codec = MixedCodec::from(MappedCodec::heap().schema::<Vec<f32>>(1));
///
/// let mut mutable = Vec::new();
/// frame::write_file(&codec, &vec![1.0_f32, 2.0], &mut mutable)?;
/// let mut heights: Vec<f32> = frame::read_file(&codec, &mutable)?;
/// heights.push(3.0);
///
/// let mut frozen = Vec::new();
/// frame::write_file(&codec, &Mapped::new(&heights)?, &mut frozen)?;
/// let heights: Mapped<Vec<f32>> = frame::read_file(&codec, &frozen)?;
/// assert_eq!(heights[2], 3.0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct MixedCodec {
    mapped: MappedCodec,
    #[cfg(feature = "bytescodec")]
    bytes: BytesCodec,
}

impl MixedCodec {
    /// Creates a codec that maps the files of archives.
    ///
    /// # Safety
    ///
    /// Same contract as [`MappedCodec::new`], for every file that is read through this
    /// codec or a clone of it.
    pub unsafe fn new() -> Self {
        // SAFETY: the caller has promised the same.
        Self::from(unsafe { MappedCodec::new() })
    }

    /// Creates a codec that reads every file into memory and never maps one.
    pub fn heap() -> Self {
        Self::from(MappedCodec::heap())
    }
}

/// Uses the options of the given codec.
impl From<MappedCodec> for MixedCodec {
    fn from(mapped: MappedCodec) -> Self {
        Self {
            #[cfg(feature = "bytescodec")]
            bytes: mapped.fetch().clone().into(),
            mapped,
        }
    }
}

impl<T: Serialize + DeserializeOwned> Codec<T> for MixedCodec {
    const ID: CodecId = <BinCodec as Codec<T>>::ID;

    fn encode(&self, value: &T, out: &mut PayloadWriter<'_>) -> Result<(), BoxError> {
        BinCodec.encode(value, out)
    }

    fn decode(&self, payload: Payload<'_>) -> Result<T, BoxError> {
        BinCodec.decode(payload)
    }

    fn read_ahead(&self, file_len: u64, load: Load) -> ReadAhead {
        Codec::<T>::read_ahead(&BinCodec, file_len, load)
    }

    fn decodes_inline(&self) -> bool {
        true
    }
}

impl<T: Archivable> ArchiveInto<T, Mapped<T>> for MixedCodec {
    fn archive(&self, source: &T) -> Result<Mapped<T>, BoxError> {
        ArchiveInto::archive(&self.mapped, source)
    }

    fn archive_into(&self, source: &T, out: &mut PayloadWriter<'_>) -> Result<(), BoxError> {
        self.mapped.archive_into(source, out)
    }
}

impl<T: Archivable> Codec<Mapped<T>> for MixedCodec {
    const ID: CodecId = <MappedCodec as Codec<Mapped<T>>>::ID;

    fn encode(&self, value: &Mapped<T>, out: &mut PayloadWriter<'_>) -> Result<(), BoxError> {
        self.mapped.encode(value, out)
    }

    fn decode(&self, payload: Payload<'_>) -> Result<Mapped<T>, BoxError> {
        self.mapped.decode(payload)
    }

    fn read_ahead(&self, file_len: u64, load: Load) -> ReadAhead {
        Codec::<Mapped<T>>::read_ahead(&self.mapped, file_len, load)
    }

    fn decodes_inline(&self) -> bool {
        true
    }

    fn accepts(&self, footer: &Footer) -> Result<(), BoxError> {
        Codec::<Mapped<T>>::accepts(&self.mapped, footer)
    }

    fn adopts_by_link(&self) -> bool {
        Codec::<Mapped<T>>::adopts_by_link(&self.mapped)
    }

    fn duplicate(&self, value: &Mapped<T>) -> Result<Mapped<T>, BoxError> {
        self.mapped.duplicate(value)
    }

    fn footprint(&self, value: &Mapped<T>) -> Footprint {
        value.footprint()
    }

    fn footprint_is_exact(&self) -> bool {
        true
    }
}

#[cfg(feature = "bytescodec")]
impl ArchiveInto<[u8], MappedBytes> for MixedCodec {
    fn archive(&self, source: &[u8]) -> Result<MappedBytes, BoxError> {
        self.bytes.archive(source)
    }

    fn archive_into(&self, source: &[u8], out: &mut PayloadWriter<'_>) -> Result<(), BoxError> {
        self.bytes.archive_into(source, out)
    }
}

/// Uses the options for archives, as far as they apply to bytes.
#[cfg(feature = "bytescodec")]
impl Codec<MappedBytes> for MixedCodec {
    const ID: CodecId = <BytesCodec as Codec<MappedBytes>>::ID;

    fn encode(&self, value: &MappedBytes, out: &mut PayloadWriter<'_>) -> Result<(), BoxError> {
        self.bytes.encode(value, out)
    }

    fn decode(&self, payload: Payload<'_>) -> Result<MappedBytes, BoxError> {
        self.bytes.decode(payload)
    }

    fn read_ahead(&self, file_len: u64, load: Load) -> ReadAhead {
        self.bytes.read_ahead(file_len, load)
    }

    fn decodes_inline(&self) -> bool {
        true
    }

    fn adopts_by_link(&self) -> bool {
        self.bytes.adopts_by_link()
    }

    fn duplicate(&self, value: &MappedBytes) -> Result<MappedBytes, BoxError> {
        self.bytes.duplicate(value)
    }

    fn footprint(&self, value: &MappedBytes) -> Footprint {
        value.footprint()
    }

    fn footprint_is_exact(&self) -> bool {
        true
    }
}
