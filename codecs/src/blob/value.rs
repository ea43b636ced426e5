//! Bytes in a mapped file, or in memory.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

use bytes::Bytes;

use crate::fetch::Shared;
use crate::{Access, CodecError, Footprint, Map, MaybeMapped, Prefault};

/// Immutable bytes, in a mapped file or on the heap.
///
/// Clones share the bytes. So does [`Bytes`] made from a value; it keeps the map until
/// its last slice is dropped, so it can be handed to hyper, axum or object_store without
/// a copy. In the other direction, a `Vec<u8>` or `Bytes` becomes a value without a copy.
///
/// # Examples
///
/// ```
/// # mod file_backed { pub mod fbstore { pub use file_backed_codecs::*; } }
/// use file_backed::fbstore::{BytesCodec, MappedBytes, bytes::Bytes, frame};
///
/// # fn main() -> Result<(), file_backed_codecs::BoxError> {
/// let codec = BytesCodec::heap();
/// let mut file = Vec::new();
/// frame::write_file(&codec, &MappedBytes::from("a blob"), &mut file)?;
///
/// let value: MappedBytes = frame::read_file(&codec, &file)?;
/// assert_eq!(&value[2..], b"blob");
///
/// let body: Bytes = value.into();
/// assert_eq!(body.slice(..1), "a");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MappedBytes {
    bytes: Bytes,
    /// The bytes of the file, if they come from one.
    file: Option<Shared>,
}

impl MappedBytes {
    /// Whether the bytes are those of a mapped file.
    pub fn is_mapped(&self) -> bool {
        self.map().is_some()
    }

    /// Tells the kernel how the bytes will be read, if they are mapped.
    pub fn advise(&self, access: Access) {
        if let Some(file) = &self.file {
            file.advise(access);
        }
    }

    /// Brings the pages into memory, if the bytes are mapped.
    ///
    /// # Errors
    ///
    /// Same as [`Map::prefault`](crate::Map::prefault).
    ///
    /// # Blocking
    ///
    /// Same as [`Map::prefault`](crate::Map::prefault).
    pub fn prefault(&self, how: Prefault) -> Result<(), CodecError> {
        match &self.file {
            Some(file) => file.prefault(how),
            None => Ok(()),
        }
    }

    /// The cost of the value while it is resident. Clones, and [`Bytes`] made from it,
    /// share the bytes. For `Bytes` that came from elsewhere only their own length is
    /// counted, even if they are a slice of a larger buffer.
    pub fn footprint(&self) -> Footprint {
        let (heap, mapped) = match &self.file {
            Some(file) => file.costs(),
            None => (self.bytes.len(), 0),
        };
        Footprint {
            heap: size_of::<Self>() + heap,
            mapped,
        }
    }
}

impl MaybeMapped for MappedBytes {
    fn map(&self) -> Option<&Map> {
        self.file.as_ref()?.map()
    }
}

impl From<Shared> for MappedBytes {
    fn from(file: Shared) -> Self {
        Self {
            bytes: Bytes::from_owner(file.clone()),
            file: Some(file),
        }
    }
}

impl From<Bytes> for MappedBytes {
    fn from(bytes: Bytes) -> Self {
        Self { bytes, file: None }
    }
}

impl From<Vec<u8>> for MappedBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<String> for MappedBytes {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<&'static [u8]> for MappedBytes {
    fn from(bytes: &'static [u8]) -> Self {
        Bytes::from_static(bytes).into()
    }
}

impl From<&'static str> for MappedBytes {
    fn from(text: &'static str) -> Self {
        Bytes::from(text).into()
    }
}

impl Default for MappedBytes {
    fn default() -> Self {
        Bytes::new().into()
    }
}

/// Does not copy the bytes.
impl From<MappedBytes> for Bytes {
    fn from(value: MappedBytes) -> Self {
        value.bytes
    }
}

/// Does not copy the bytes.
impl From<&MappedBytes> for Bytes {
    fn from(value: &MappedBytes) -> Self {
        value.bytes.clone()
    }
}

impl Deref for MappedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl AsRef<[u8]> for MappedBytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl PartialEq for MappedBytes {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for MappedBytes {}

impl PartialEq<[u8]> for MappedBytes {
    fn eq(&self, other: &[u8]) -> bool {
        **self == *other
    }
}

impl PartialEq<&[u8]> for MappedBytes {
    fn eq(&self, other: &&[u8]) -> bool {
        **self == **other
    }
}

impl<const N: usize> PartialEq<[u8; N]> for MappedBytes {
    fn eq(&self, other: &[u8; N]) -> bool {
        **self == *other
    }
}

impl<const N: usize> PartialEq<&[u8; N]> for MappedBytes {
    fn eq(&self, other: &&[u8; N]) -> bool {
        **self == **other
    }
}

/// Hashes like the bytes.
impl Hash for MappedBytes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl fmt::Debug for MappedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MappedBytes")
            .field("len", &self.len())
            .field("is_mapped", &self.is_mapped())
            .finish()
    }
}
