//! A value that is used in its archived form.

use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use rkyv::Deserialize;
use rkyv::api::high::HighDeserializer;
use rkyv::rancor::BoxedError;

use super::trust::Trust;
use super::{Archivable, writer};
use crate::aligned::{AlignedBytes, PAGE};
use crate::fetch::Shared;
use crate::frame::FrameError;
use crate::{Access, BoxError, CodecError, Footprint, Map, MaybeMapped, Prefault};

/// A value of type `T`, in its archived form.
///
/// It dereferences to `T::Archived` (for a `struct Tile` that derives [`rkyv::Archive`],
/// that is `ArchivedTile`), whose bytes are in a mapped file or on the heap. Clones share
/// the bytes, so a clone costs the same for any size. The bytes never change; to change a
/// value, make a new one.
///
/// `Mapped<T>` is `Send` and `Sync` for every [`Archivable`] type, even if `T` is not.
///
/// # Examples
///
/// ```
/// # mod file_backed { pub mod fbstore { pub use file_backed_codecs::*; } }
/// use file_backed::fbstore::{Mapped, rkyv};
///
/// #[derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
/// #[rkyv(crate = file_backed::fbstore::rkyv)]
/// struct Tile {
///     name: String,
///     heights: Vec<f32>,
/// }
///
/// # fn main() -> Result<(), file_backed_codecs::BoxError> {
/// let tile = Tile { name: "N47E011".into(), heights: vec![612.0, 613.5] };
/// let tile = Mapped::new(&tile)?;
///
/// // Fields are read where they lie, in their archived forms: a `String` is an
/// // `ArchivedString`, an `f32` an `f32_le`.
/// assert_eq!(tile.name, "N47E011");
/// assert_eq!(tile.heights[1], 613.5);
/// let sum: f32 = tile.heights.iter().map(|height| height.to_native()).sum();
/// assert_eq!(sum, 1225.5);
///
/// // Or as a slice of `f32`s.
/// use file_backed::fbstore::NativeSlice;
/// let heights = tile.heights.to_native();
/// assert_eq!(heights.iter().copied().fold(f32::MIN, f32::max), 613.5);
///
/// // An owned value is made only on request.
/// let owned: Tile = tile.deserialize()?;
/// assert_eq!(owned.heights, [612.0, 613.5]);
/// # Ok(())
/// # }
/// ```
pub struct Mapped<T> {
    /// Validated as an archive of `T`, or promised to be one, with its root at `root`,
    /// and unchanged since: nothing here hands out a mutable reference, archived types
    /// have no interior mutability, and by the licence a mapped file does not change.
    bytes: Shared,
    /// Where in `bytes` the root begins. Not a pointer, so that the value can be moved.
    root: usize,
    /// Longest chain of pointers that validation allowed; `usize::MAX` if the archive was
    /// promised.
    max_depth: usize,
    /// Invariant in `T`: types that differ only in a lifetime may have different archived
    /// forms.
    _type: PhantomData<fn(T) -> T>,
}

impl<T: Archivable> Mapped<T> {
    /// Archives `value` on the heap.
    ///
    /// # Errors
    ///
    /// [`FrameError::TooLarge`] or [`FrameError::Alignment`] for a value that cannot be
    /// archived; [`FrameError::TooDeep`] for a chain of more than 128 pointers (see
    /// [`MappedCodec::archive`]); [`FrameError::InvalidArchive`] if the value's `Archive`
    /// implementation writes an invalid archive; errors of its `Serialize`
    /// implementation; [`std::io::ErrorKind::OutOfMemory`].
    ///
    /// # Panics
    ///
    /// rkyv panics if it needs a gap of more than 31 bytes between two parts of the
    /// archive: before elements behind a pointer that are aligned to 64 bytes or more and
    /// are not archived first (see [`MappedCodec`]).
    ///
    /// [`MappedCodec`]: super::MappedCodec
    /// [`MappedCodec::archive`]: super::MappedCodec::archive
    /// [`FrameError::TooLarge`]: crate::FrameError::TooLarge
    /// [`FrameError::Alignment`]: crate::FrameError::Alignment
    /// [`FrameError::TooDeep`]: crate::FrameError::TooDeep
    /// [`FrameError::InvalidArchive`]: crate::FrameError::InvalidArchive
    pub fn new(value: &T) -> Result<Self, CodecError> {
        Ok(Self::archive(value, Trust::DEFAULT)?)
    }

    pub(super) fn archive(value: &T, trust: Trust) -> Result<Self, BoxError> {
        let bytes = Arc::new(writer::to_memory(value)?);
        Self::trust(Shared::Heap(bytes), trust)
    }

    /// The only constructor: checks that `bytes` are an archive.
    ///
    /// `bytes` are aligned for the root. Data behind a pointer may need a larger
    /// alignment, which is not recorded anywhere. So if the archive is invalid, it is
    /// copied to a page boundary and checked again.
    pub(super) fn trust(mut bytes: Shared, trust: Trust) -> Result<Self, BoxError> {
        let root = match trust.root_of::<T>(&bytes) {
            Err(error) if is_invalid(&error) && !bytes.as_ptr().addr().is_multiple_of(PAGE) => {
                bytes = Shared::Heap(Arc::new(AlignedBytes::copy_of(&bytes, PAGE)?));
                trust.root_of::<T>(&bytes)?
            }
            root => root?,
        };
        Ok(Self {
            root,
            max_depth: depth_of(trust),
            bytes,
            _type: PhantomData,
        })
    }

    /// Checks that a reader with this `trust` accepts the archive. Validates it again if
    /// it was accepted with a longer chain of pointers than this reader follows.
    ///
    /// # Errors
    ///
    /// [`FrameError::TooDeep`]; [`FrameError::InvalidArchive`].
    pub(super) fn accepted_by(&self, trust: Trust) -> Result<(), BoxError> {
        if self.max_depth > depth_of(trust) {
            trust.root_of::<T>(&self.bytes)?;
        }
        Ok(())
    }

    /// Deserializes the archive into an owned value. This costs as much as decoding with
    /// any other codec.
    ///
    /// # Errors
    ///
    /// Errors of the `Deserialize` implementation.
    pub fn deserialize(&self) -> Result<T, CodecError>
    where
        T::Archived: Deserialize<T, HighDeserializer<BoxedError>>,
    {
        Ok(rkyv::deserialize::<T, BoxedError>(&**self).map_err(BoxError::from)?)
    }
}

fn is_invalid(error: &BoxError) -> bool {
    matches!(error.downcast_ref(), Some(FrameError::InvalidArchive(_)))
}

impl<T> Mapped<T> {
    /// The bytes of the whole archive, as they are in a file.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether the bytes are those of a mapped file.
    pub fn is_mapped(&self) -> bool {
        self.bytes.map().is_some()
    }

    /// Tells the kernel how the value will be read, if it is mapped.
    pub fn advise(&self, access: Access) {
        self.bytes.advise(access);
    }

    /// Brings the value's pages into memory, if it is mapped.
    ///
    /// # Errors
    ///
    /// Same as [`Map::prefault`](crate::Map::prefault).
    ///
    /// # Blocking
    ///
    /// Same as [`Map::prefault`](crate::Map::prefault).
    pub fn prefault(&self, how: Prefault) -> Result<(), CodecError> {
        self.bytes.prefault(how)
    }

    /// The cost of the value while it is resident. Clones share the bytes, and each clone
    /// counts all of them.
    pub fn footprint(&self) -> Footprint {
        let (heap, mapped) = self.bytes.costs();
        Footprint {
            heap: size_of::<Self>() + heap,
            mapped,
        }
    }
}

impl<T> MaybeMapped for Mapped<T> {
    fn map(&self) -> Option<&Map> {
        self.bytes.map()
    }
}

impl<T: Archivable> Deref for Mapped<T> {
    type Target = T::Archived;

    fn deref(&self) -> &T::Archived {
        // SAFETY: `bytes` were validated as an archive of `T` with its root at `root`, or
        // were promised to be one, and never change.
        unsafe { rkyv::api::access_pos_unchecked(&self.bytes, self.root) }
    }
}

impl<T> Clone for Mapped<T> {
    fn clone(&self) -> Self {
        Self {
            bytes: self.bytes.clone(),
            root: self.root,
            max_depth: self.max_depth,
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

/// Longest chain of pointers in an archive that is trusted this way.
fn depth_of(trust: Trust) -> usize {
    match trust {
        Trust::Validated { max_depth } => max_depth,
        Trust::Promised(_) => usize::MAX,
    }
}
