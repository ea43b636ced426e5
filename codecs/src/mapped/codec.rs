//! rkyv archives as files.

use std::any::TypeId;
use std::collections::HashMap;
use std::io::Write as _;

use super::trust::{MAX_DEPTH, Promise, Trust};
use super::{Archivable, Mapped, format, writer};
use crate::aligned::{LEAST, PAGE};
use crate::fetch::{Fetch, fetch_options};
use crate::frame::{Footer, FrameError};
use crate::{
    ArchiveInto, BoxError, Codec, CodecId, Footprint, Load, MapLicence, Payload, PayloadWriter,
    ReadAhead,
};

/// Stores [`Mapped`] values: the payload is the archive, and loading it maps
/// the file.
///
/// A load costs the same for 4 KiB and 4 GiB, beside validation, which costs
/// nothing for plain numbers and some nanoseconds an element for types with
/// strings, options or pointers. Files below 256 KiB are read instead, because
/// that is faster (see [`crossover`](Self::crossover)), and so is any file for
/// which there is no map left (see [`map_budget`](crate::map_budget)).
///
/// Every archive is validated before it is used, whoever wrote it, unless the
/// codec is [`trusting`](Self::trusting). A file that holds another type is
/// refused if its root has another size or alignment, and for certain if the
/// types are given ids with [`schema`](Self::schema).
///
/// Archives can have nearly 2 GiB, the reach of rkyv's 32-bit pointers, and
/// nearly as much as a file can have with its feature `pointer_width_64`. With
/// 32-bit pointers, rkyv silently cuts a `usize` above 32 bits, and refuses a
/// `String` of 1 GiB and more.
///
/// An archived type can ask for an alignment of up to 4096 bytes. rkyv itself
/// leaves gaps of at most 31 bytes between the parts of an archive and panics
/// where it needs a larger one, so elements aligned to 64 bytes and more that
/// stand behind a pointer (in a `Vec` or a `Box`) must be the first thing that
/// is archived; for the root there is no such condition.
///
/// # What validation does not cover
///
/// An archive that passes validation can be read by safe code without undefined
/// behaviour, also if its file was made by an attacker. What rkyv 0.8.18 leaves
/// unchecked of B-trees and hash tables is checked here, see
/// [`ArchiveChecker`](super::ArchiveChecker). What is not covered:
///
/// * **Values.** Keys may be out of order or under the wrong hash, so that a lookup does
///   not find them. The table of an `IndexMap` or `IndexSet` may lead to other entries,
///   or to none: then a lookup panics.
/// * **Implementations of rkyv's safe traits `LayoutRaw` and `ArchivePointee` that state
///   a wrong size or wrong metadata**: validation has to believe them. Those of rkyv
///   and of derived types are right, so this takes an implementation, not a file.
///
/// Accidental damage is found by the checksum: when a file is read, unless that is
/// switched off, and with [`Verify::Always`](crate::Verify::Always) also where it is
/// mapped. An attacker who makes a file makes its checksum too.
///
/// # Examples
///
/// ```
/// use std::fs::File;
///
/// # mod file_backed { pub use file_backed_codecs as fbstore; }
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
/// // SAFETY: this program writes its files once, and nobody else reaches them.
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
    /// Pointers that may follow on each other in what is validated.
    max_depth: usize,
    /// That of who called [`trusting`](Self::trusting), about files.
    promise: Option<Promise>,
    /// Ids by the type that is archived; never 0.
    schemas: HashMap<TypeId, u64>,
}

impl MappedCodec {
    /// A codec that maps files.
    ///
    /// # Safety
    ///
    /// The caller promises what [`MapLicence::new`] asks for, of every file
    /// that is read through this codec or a clone of it: in short, that nobody
    /// modifies or truncates it in place until the last value made of it is
    /// gone.
    pub unsafe fn new() -> Self {
        // SAFETY: the caller has promised the same.
        Self::licensed(unsafe { MapLicence::new() })
    }

    /// A codec that maps files, with a licence made elsewhere.
    pub fn licensed(licence: MapLicence) -> Self {
        Self::fetching(Fetch::licensed(licence))
    }

    /// A codec that reads each file into memory and never maps one. It reads
    /// and writes the same files and values as one that maps, and validates them in
    /// the same way.
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

    /// Takes the bytes of every file for the archive that its footer says it is,
    /// without validating them. For archives of many small parts, whose
    /// validation takes time; that of plain numbers costs nothing.
    ///
    /// Lengths, format, root and schema id are still checked, and whatever is
    /// read is checksummed; see [`verify`](Self::verify) for what is mapped.
    ///
    /// # Safety
    ///
    /// The caller promises, of every file that is read through this codec or a
    /// clone of it, that its payload is a valid archive of the type that it is
    /// read as: it was written by this codec from a value of this very type,
    /// whose `Archive` implementation is right, and was not changed since. Give
    /// the types schema ids ([`schema`](Self::schema)), so that one is not taken
    /// for another.
    #[must_use]
    pub unsafe fn trusting(mut self) -> Self {
        // SAFETY: the caller has promised the same.
        self.promise = Some(unsafe { Promise::new() });
        self
    }

    /// Gives the type `T` a schema id, which stands in the footer of its files:
    /// a file with another id, or with none, is refused. Choose another id when
    /// the type changes. 0 takes the id away.
    ///
    /// Once files of a type carry an id, a codec that gives the type none
    /// refuses them.
    #[must_use]
    pub fn schema<T: Archivable>(mut self, id: u64) -> Self {
        match id {
            0 => self.schemas.remove(&TypeId::of::<T>()),
            id => self.schemas.insert(TypeId::of::<T>(), id),
        };
        self
    }

    /// Refuses archives in which more than `pointers` pointers follow on each
    /// other (a list of boxes has one for each link). 128 if not set.
    ///
    /// Validation calls itself for each pointer, so a damaged file could
    /// otherwise overflow the stack. Raise it only if the threads that load have
    /// the stack for it: 100 to 200 bytes a pointer in an optimized build, and 1 to
    /// 2 KiB in a debug build.
    ///
    /// A codec that is [`trusting`](Self::trusting) does not validate files, and
    /// takes any depth from them; the limit is that of what it archives itself.
    #[must_use]
    pub fn max_depth(mut self, pointers: usize) -> Self {
        self.max_depth = pointers;
        self
    }

    /// Archives `value` on the heap, as [`Mapped::new`] does, and accepts what
    /// this codec's [`max_depth`](Self::max_depth) accepts. It is validated also
    /// by a codec that is [`trusting`](Self::trusting), whose promise is about
    /// files.
    ///
    /// # Errors
    ///
    /// Those of [`Mapped::new`].
    ///
    /// # Panics
    ///
    /// As [`Mapped::new`].
    pub fn archive<T: Archivable>(&self, value: &T) -> Result<Mapped<T>, BoxError> {
        Mapped::archive(value, self.validated())
    }

    /// Archives `value` straight into a file, without a copy of the archive in
    /// memory. The file is the same as if a [`Mapped`] of it were written.
    ///
    /// The archive is validated when it is read, not now.
    ///
    /// # Errors
    ///
    /// Those of [`Mapped::new`] but for the validation's, and those of the file.
    ///
    /// # Panics
    ///
    /// As [`Mapped::new`]; and, in a debug build, if something was written to
    /// `out` before, because an archive is all of its payload.
    pub fn encode_archive<T: Archivable>(
        &self,
        value: &T,
        out: &mut PayloadWriter<'_>,
    ) -> Result<(), BoxError> {
        self.describe::<T>(out)?;
        writer::to_file(value, out)?;
        Ok(self.fetch.check_written(out.position())?)
    }

    /// Puts into the footer what there is to say of a `T`.
    fn describe<T: Archivable>(&self, out: &mut PayloadWriter<'_>) -> Result<(), FrameError> {
        out.set_archive(format::layout_of::<T>()?);
        out.set_schema(self.schema_of::<T>());
        Ok(())
    }

    /// Compares with what the footer says.
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

    /// Why something that nobody has promised anything of is taken for an archive.
    fn validated(&self) -> Trust {
        Trust::Validated {
            max_depth: self.max_depth,
        }
    }

    /// Why a file's bytes are taken for an archive.
    fn trust(&self) -> Trust {
        self.promise.map_or(self.validated(), Trust::Promised)
    }

    /// How memory is aligned that a `T` is read into.
    fn align_of<T: Archivable>(&self) -> usize {
        match self.promise {
            None => align_of::<T::Archived>().max(LEAST),
            // Nobody would find out that something asks for more.
            Some(_) => PAGE,
        }
    }
}

fetch_options!(MappedCodec);

impl<T: Archivable> ArchiveInto<T, Mapped<T>> for MappedCodec {
    fn archive(&self, source: &T) -> Result<Mapped<T>, BoxError> {
        self.archive(source)
    }

    fn archive_into(&self, source: &T, out: &mut PayloadWriter<'_>) -> Result<(), BoxError> {
        self.encode_archive(source, out)
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
        let bytes = self.fetch.fetch(payload, self.align_of::<T>())?;
        Mapped::trust(bytes, self.trust())
    }

    fn read_ahead(&self, file_len: u64, load: Load) -> ReadAhead {
        self.fetch.read_ahead(file_len, load, self.align_of::<T>())
    }

    fn accepts(&self, footer: &Footer) -> Result<(), BoxError> {
        Ok(self.check::<T>(footer)?)
    }

    fn adopts_by_link(&self) -> bool {
        self.fetch.licence.is_some()
    }

    /// Shares the bytes, which never change.
    fn duplicate(&self, value: &Mapped<T>) -> Result<Mapped<T>, BoxError> {
        Ok(value.clone())
    }

    fn footprint(&self, value: &Mapped<T>) -> Footprint {
        value.footprint()
    }
}
