//! A value that is used as its archive.

use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use rkyv::Deserialize;
use rkyv::api::high::HighDeserializer;
use rkyv::rancor::Error;

use super::{Archivable, trust, writer};
use crate::aligned::AlignedBytes;
use crate::frame::FrameError;
use crate::{BoxError, Footprint, Map};

/// A value of type `T`, in its archived form.
///
/// It dereferences to `T::Archived` (for a `struct Tile` that derives
/// [`rkyv::Archive`], that is `ArchivedTile`), and the bytes of that live in a
/// mapped file or on the heap. A clone shares them, so it costs the same for
/// any size. The bytes never change; to change a value, make another one.
///
/// `Mapped<T>` is `Send` and `Sync` for every [`Archivable`] type, also where
/// `T` itself is not.
///
/// # Examples
///
/// ```
/// use file_backed_codecs::{Mapped, rkyv};
///
/// #[derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
/// struct Tile {
///     name: String,
///     heights: Vec<f32>,
/// }
///
/// # fn main() -> Result<(), file_backed_codecs::BoxError> {
/// let tile = Mapped::new(&Tile { name: "N47E011".into(), heights: vec![612.0, 613.5] })?;
///
/// // Fields are read where they lie.
/// assert_eq!(tile.name, "N47E011");
/// assert_eq!(tile.heights[1], 613.5);
///
/// // An owned value is made only on request.
/// let owned: Tile = tile.deserialize()?;
/// assert_eq!(owned.heights, [612.0, 613.5]);
/// # Ok(())
/// # }
/// ```
pub struct Mapped<T> {
    /// Validated as an archive of `T`, with its root at `root`, and unchanged
    /// since: nothing here hands out a mutable reference, archived types have
    /// no interior mutability, and a mapped file stays as it is by the licence.
    bytes: Bytes,
    /// Where in `bytes` the root begins. Never a pointer, so that the value can
    /// be moved.
    root: usize,
    /// Invariant in `T`: types that differ in a lifetime alone may have
    /// different archived forms.
    _type: PhantomData<fn(T) -> T>,
}

/// Shared, immutable bytes that begin on a page.
#[derive(Clone)]
pub(super) enum Bytes {
    Heap(Arc<AlignedBytes>),
    Map(Arc<Map>),
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Heap(bytes) => bytes,
            Self::Map(map) => map,
        }
    }
}

impl<T: Archivable> Mapped<T> {
    /// Archives `value` on the heap.
    ///
    /// # Errors
    ///
    /// [`FrameError::TooLarge`] or [`FrameError::Alignment`] for what cannot be
    /// archived; [`FrameError::InvalidArchive`] for a value that nests deeper
    /// than 128 pointers (see [`MappedCodec::archive`]) or whose `Archive`
    /// implementation writes nonsense; those of the value's `Serialize`
    /// implementation; [`std::io::ErrorKind::OutOfMemory`].
    ///
    /// [`MappedCodec::archive`]: super::MappedCodec::archive
    pub fn new(value: &T) -> Result<Self, BoxError> {
        Self::archive(value, trust::MAX_DEPTH)
    }

    pub(super) fn archive(value: &T, max_depth: usize) -> Result<Self, BoxError> {
        let bytes = Arc::new(writer::to_memory(value)?);
        Ok(Self::validate(Bytes::Heap(bytes), max_depth)?)
    }

    /// The only way to make one: validates `bytes` first.
    pub(super) fn validate(bytes: Bytes, max_depth: usize) -> Result<Self, FrameError> {
        Ok(Self {
            root: trust::validate::<T>(&bytes, max_depth)?,
            bytes,
            _type: PhantomData,
        })
    }

    /// Makes an owned value of the archive. It costs what decoding costs with
    /// any other codec.
    ///
    /// # Errors
    ///
    /// Those of the `Deserialize` implementation.
    pub fn deserialize(&self) -> Result<T, BoxError>
    where
        T::Archived: Deserialize<T, HighDeserializer<Error>>,
    {
        Ok(rkyv::deserialize::<T, Error>(&**self)?)
    }
}

impl<T> Mapped<T> {
    /// The whole archive, as it stands in a file.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether the bytes are those of a mapped file.
    pub fn is_mapped(&self) -> bool {
        matches!(self.bytes, Bytes::Map(_))
    }

    /// What the value costs while it is resident. Clones share the bytes, and
    /// each states all of them.
    pub fn footprint(&self) -> Footprint {
        let (heap, mapped) = match &self.bytes {
            Bytes::Heap(bytes) => (bytes.capacity(), 0),
            Bytes::Map(map) => (0, map.len()),
        };
        Footprint {
            heap: size_of::<Self>() + heap,
            mapped,
        }
    }
}

impl<T: Archivable> Deref for Mapped<T> {
    type Target = T::Archived;

    fn deref(&self) -> &T::Archived {
        // SAFETY: `bytes` were validated as an archive of `T` with its root at
        // `root`, and never change.
        unsafe { rkyv::api::access_pos_unchecked(&self.bytes, self.root) }
    }
}

impl<T> Clone for Mapped<T> {
    fn clone(&self) -> Self {
        Self {
            bytes: self.bytes.clone(),
            root: self.root,
            _type: PhantomData,
        }
    }
}

impl<T> fmt::Debug for Mapped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mapped")
            .field("type", &format_args!("{}", type_name::<T>()))
            .field("len", &self.bytes.len())
            .field("is_mapped", &self.is_mapped())
            .finish()
    }
}
