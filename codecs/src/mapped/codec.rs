//! The codec for rkyv archives.

use std::any::TypeId;
use std::collections::HashMap;
use std::io::Write as _;

use super::trust::{MAX_DEPTH, Promise, Trust};
use super::{Archivable, Mapped, format, writer};
use crate::aligned::{LEAST, PAGE};
use crate::fetch::{Fetch, fetch_options};
use crate::frame::{Footer, FrameError};
use crate::{
    ArchiveInto, BoxError, Codec, CodecError, CodecId, Footprint, Load, MapLicence, Payload,
    PayloadWriter, ReadAhead,
};

/// Stores [`Mapped`] values: the payload is the archive, and a load maps the file.
///
/// Apart from validation, a load costs the same for 4 KiB and 4 GiB. Validation costs
/// nothing for plain numbers, and some nanoseconds per element for types with strings,
/// options or pointers. Files below 256 KiB are read instead, because that is faster (see
/// [`crossover`](Self::crossover)). So is any file for which no map is left (see
/// [`map_budget`](crate::map_budget)).
///
/// Every archive is validated before it is used, no matter who wrote it, unless the codec
/// is [`trusting`](Self::trusting). A file that holds another type is refused if its root
/// has a different size or alignment. It is always refused if the types have different
/// ids, set with [`schema`](Self::schema).
///
/// An archive can be almost 2 GiB long, the reach of rkyv's 32-bit pointers. With its
/// feature `pointer_width_64`, an archive can be almost as long as a file. With 32-bit
/// pointers, rkyv silently truncates a `usize` above 32 bits, and refuses a `String` of
/// 1 GiB or more.
///
/// An archived type can require an alignment of up to 4096 bytes. rkyv itself leaves gaps
/// of at most 31 bytes between the parts of an archive and panics if it needs a larger
/// one. Elements behind a pointer (in a `Vec` or a `Box`) that are aligned to 64 bytes or
/// more must therefore be archived first. The root is not subject to this restriction.
///
/// # What validation does not cover
///
/// Safe code can read an archive that passes validation without undefined behaviour, even
/// if an attacker made its file. [`ArchiveChecker`](super::ArchiveChecker) adds the
/// checks of B-trees and hash tables that rkyv 0.8.18 omits. Validation does not cover:
///
/// * **Values.** Keys may be out of order or stored under the wrong hash, so that lookups
///   miss them. The table of an `IndexMap` or `IndexSet` may refer to the wrong entries,
///   or to none, in which case a lookup panics.
/// * **Implementations of rkyv's safe traits `LayoutRaw` and `ArchivePointee` that state
///   a wrong size or wrong metadata**: validation has to believe them. The
///   implementations of rkyv and of derived types are correct, so this requires a faulty
///   implementation; a file alone is not enough.
///
/// The checksum detects accidental damage: when a file is read, unless that is switched
/// off, and with [`Verify::Always`](crate::Verify::Always) also when it is mapped. It
/// does not protect against an attacker, who can compute the checksum too.
///
/// # Examples
///
/// ```
/// use std::fs::File;
///
/// # mod file_backed { pub mod fbstore { pub use file_backed_codecs::*; } }
/// use file_backed::fbstore::{Mapped, MappedCodec, frame, rkyv};
///
/// #[derive(rkyv::Archive, rkyv::Serialize)]
/// #[rkyv(crate = file_backed::fbstore::rkyv)]
/// struct Tile {
///     name: String,
///     heights: Vec<f32>,
/// }
///
/// # fn main() -> Result<(), file_backed_codecs::BoxError> {
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("tile");
/// // SAFETY: this program writes its files once, and nothing else has access to them.
/// let codec = unsafe { MappedCodec::new() }.schema::<Tile>(0x71e);
///
/// let tile = Tile { name: "N47E011".into(), heights: vec![612.0; 100_000] };
/// frame::write_file(&codec, &Mapped::new(&tile)?, &mut File::create(&path)?)?;
///
/// let mapped: Mapped<Tile> = frame::read_file(&codec, &File::open(&path)?)?;
/// assert_eq!(mapped.is_mapped(), cfg!(unix));
/// assert_eq!(mapped.heights[99_999], 612.0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct MappedCodec {
    fetch: Fetch,
    /// Longest chain of pointers that validation follows.
    max_depth: usize,
    /// The promise about files that the caller of [`trusting`](Self::trusting) made.
    promise: Option<Promise>,
    /// Schema ids by archived type; never 0.
    schemas: HashMap<TypeId, u64>,
}

impl MappedCodec {
    /// Creates a codec that maps files.
    ///
    /// # Safety
    ///
    /// The caller promises what [`MapLicence::new`] requires, for every file that is read
    /// through this codec or a clone of it: in short, that the file is not modified in
    /// place or truncated until the last value made from it is gone.
    pub unsafe fn new() -> Self {
        // SAFETY: the caller has promised the same.
        Self::licensed(unsafe { MapLicence::new() })
    }

    /// Creates a codec that maps files with an existing licence.
    pub fn licensed(licence: MapLicence) -> Self {
        Self::fetching(Fetch::licensed(licence))
    }

    /// Creates a codec that reads every file into memory and never maps one. It reads and
    /// writes the same files and values as a codec that maps, and validates them in the
    /// same way.
    pub fn heap() -> Self {
        Self::fetching(Fetch::heap())
    }

    fn fetching(fetch: Fetch) -> Self {
        Self {
            fetch,
            max_depth: MAX_DEPTH,
            promise: None,
            schemas: HashMap::new(),
        }
    }

    /// Accepts the bytes of every file as the archive that its footer describes, without
    /// validation. This is for archives of many small parts, which take time to validate;
    /// validating plain numbers costs nothing.
    ///
    /// Lengths, format, root and schema id are still checked, and the checksum of a file
    /// that is read is verified; see [`verify`](Self::verify) for files that are mapped.
    ///
    /// # Safety
    ///
    /// The caller promises, for every file that is read through this codec or a clone of
    /// it, that its payload is a valid archive of the type that it is read as: it was
    /// written by this codec from a value of this very type, whose `Archive`
    /// implementation is correct, and has not been changed since. Give the types schema
    /// ids ([`schema`](Self::schema)), so that one is not mistaken for another.
    #[must_use]
    pub unsafe fn trusting(mut self) -> Self {
        // SAFETY: the caller has promised the same.
        self.promise = Some(unsafe { Promise::new() });
        self
    }

    /// Gives the type `T` a schema id, which is stored in the footer of its files. A file
    /// with a different id, or with none, is refused. Choose a new id when the type
    /// changes. 0 removes the id.
    ///
    /// Once files of a type carry an id, a codec without an id for that type refuses
    /// them.
    #[must_use]
    pub fn schema<T: Archivable>(mut self, id: u64) -> Self {
        match id {
            0 => self.schemas.remove(&TypeId::of::<T>()),
            id => self.schemas.insert(TypeId::of::<T>(), id),
        };
        self
    }

    /// Refuses archives with a chain of more than `pointers` pointers (a list of boxes
    /// has one per link). The default is 128.
    ///
    /// Validation recurses for each pointer, so a damaged file could otherwise overflow
    /// the stack. Raise the limit only if the loading threads have enough stack: 100 to
    /// 200 bytes per pointer in an optimized build, and 1 to 2 KiB in a debug build.
    ///
    /// A [`trusting`](Self::trusting) codec does not validate files and accepts any depth
    /// from them. The limit then applies only to the values that it archives itself.
    #[must_use]
    pub fn max_depth(mut self, pointers: usize) -> Self {
        self.max_depth = pointers;
        self
    }

    /// Archives `value` on the heap, like [`Mapped::new`], with this codec's
    /// [`max_depth`](Self::max_depth) as the limit. A [`trusting`](Self::trusting) codec
    /// validates the archive too, because its promise covers only files.
    ///
    /// # Errors
    ///
    /// Same as [`Mapped::new`].
    ///
    /// # Panics
    ///
    /// Same as [`Mapped::new`].
    pub fn archive<T: Archivable>(&self, value: &T) -> Result<Mapped<T>, CodecError> {
        Ok(Mapped::archive(value, self.validated())?)
    }

    /// Archives `value` directly into a file, without a copy of the archive in memory.
    /// The file is the same as if a [`Mapped`] of the value were written.
    ///
    /// The archive is validated when it is read, not now.
    ///
    /// # Errors
    ///
    /// Same as [`Mapped::new`], except for validation errors; errors of the file.
    ///
    /// # Panics
    ///
    /// Same as [`Mapped::new`]. In a debug build, also if something was already written
    /// to `out`, because an archive must be the whole payload.
    pub fn encode_archive<T: Archivable>(
        &self,
        value: &T,
        out: &mut PayloadWriter<'_>,
    ) -> Result<(), CodecError> {
        self.describe::<T>(out)?;
        writer::to_file(value, out)?;
        Ok(self.fetch.check_written(out.position())?)
    }

    /// Adds the description of a `T` to the footer.
    fn describe<T: Archivable>(&self, out: &mut PayloadWriter<'_>) -> Result<(), FrameError> {
        out.set_archive(format::layout_of::<T>()?);
        out.set_schema(self.schema_of::<T>());
        Ok(())
    }

    /// Compares the footer with the description of a `T`.
    fn check<T: Archivable>(&self, footer: &Footer) -> Result<(), FrameError> {
        format::check(format::layout_of::<T>()?, footer.archive())?;
        let expected = self.schema_of::<T>();
        if footer.schema() != expected {
            return Err(FrameError::Schema {
                expected,
                found: footer.schema(),
            });
        }
        Ok(())
    }

    fn schema_of<T: Archivable>(&self) -> u64 {
        self.schemas.get(&TypeId::of::<T>()).copied().unwrap_or(0)
    }

    #[cfg(all(feature = "bincodec", feature = "bytescodec"))]
    pub(crate) fn fetch(&self) -> &Fetch {
        &self.fetch
    }

    /// How bytes without a promise are accepted as an archive.
    fn validated(&self) -> Trust {
        Trust::Validated {
            max_depth: self.max_depth,
        }
    }

    /// How a file's bytes are accepted as an archive.
    fn trust(&self) -> Trust {
        self.promise.map_or(self.validated(), Trust::Promised)
    }

    /// The alignment of memory that a `T` is read into.
    fn align_of<T: Archivable>(&self) -> usize {
        match self.promise {
            None => align_of::<T::Archived>().max(LEAST),
            // Without validation, nothing would detect that data behind a pointer needs
            // more.
            Some(_) => PAGE,
        }
    }
}

fetch_options!(MappedCodec);

impl<T: Archivable> ArchiveInto<T, Mapped<T>> for MappedCodec {
    fn archive(&self, source: &T) -> Result<Mapped<T>, BoxError> {
        Mapped::archive(source, self.validated())
    }

    fn archive_into(&self, source: &T, out: &mut PayloadWriter<'_>) -> Result<(), BoxError> {
        let written = self.encode_archive(source, out);
        written.map_err(CodecError::into_inner)
    }
}

impl<T: Archivable> Codec<Mapped<T>> for MappedCodec {
    const ID: CodecId = CodecId::RKYV;

    fn encode(&self, value: &Mapped<T>, out: &mut PayloadWriter<'_>) -> Result<(), BoxError> {
        value.accepted_by(self.trust())?;
        self.fetch.check_written(value.as_bytes().len() as u64)?;
        self.describe::<T>(out)?;
        Ok(out.write_all(value.as_bytes())?)
    }

    fn decode(&self, payload: Payload<'_>) -> Result<Mapped<T>, BoxError> {
        let footer = payload.footer().ok_or(FrameError::Unframed {
            codec: CodecId::RKYV,
        })?;
        self.check::<T>(footer)?;
        let bytes = self.fetch.fetch(payload, self.align_of::<T>());
        Mapped::trust(bytes.map_err(CodecError::into_inner)?, self.trust())
    }

    fn read_ahead(&self, file_len: u64, load: Load) -> ReadAhead {
        self.fetch.read_ahead(file_len, load, self.align_of::<T>())
    }

    fn decodes_inline(&self) -> bool {
        true
    }

    fn accepts(&self, footer: &Footer) -> Result<(), BoxError> {
        Ok(self.check::<T>(footer)?)
    }

    fn adopts_by_link(&self) -> bool {
        self.fetch.licence.is_some()
    }

    /// Shares the bytes, which are immutable.
    fn duplicate(&self, value: &Mapped<T>) -> Result<Mapped<T>, BoxError> {
        Ok(value.clone())
    }

    fn footprint(&self, value: &Mapped<T>) -> Footprint {
        value.footprint()
    }

    fn footprint_is_exact(&self) -> bool {
        true
    }
}
