//! The file format: a payload, then a footer that says what it is.
//!
//! The payload stands at offset 0, exactly as the codec wrote it, so that a map
//! of the file is a map of the payload and every alignment up to a page holds.
//! The 64 bytes behind it are the [`Footer`].

mod ahead;
mod error;
mod footer;
mod payload;
mod source;
mod writer;

pub use ahead::{Load, ReadAhead};
pub use error::FrameError;
pub use footer::{ArchiveLayout, FOOTER_LEN, Footer};
pub use payload::Payload;
pub use source::Source;
pub use writer::PayloadWriter;

use crate::{ArchiveInto, BoxError, Codec};

/// Writes `value` with `codec` as a whole file, payload and footer, to `out`.
///
/// # Errors
///
/// Those of the codec and of `out`.
pub fn write_file<T, C: Codec<T> + ?Sized>(
    codec: &C,
    value: &T,
    out: &mut dyn std::io::Write,
) -> Result<Footer, BoxError> {
    let mut writer = PayloadWriter::new(out);
    codec.encode(value, &mut writer)?;
    Ok(writer.finish(C::ID)?)
}

/// Writes what `codec` makes of `source` as a whole file, payload and footer, to
/// `out`.
///
/// # Errors
///
/// Those of the codec and of `out`.
pub fn write_archive<S: ?Sized, T, C: ArchiveInto<S, T> + ?Sized>(
    codec: &C,
    source: &S,
    out: &mut dyn std::io::Write,
) -> Result<Footer, BoxError> {
    let mut writer = PayloadWriter::new(out);
    codec.archive_into(source, &mut writer)?;
    Ok(writer.finish(C::ID)?)
}

/// Reads a whole file, payload and footer, with `codec`.
///
/// # Errors
///
/// A [`FrameError`] for a file that is damaged or is not this codec's; those of
/// the codec.
pub fn read_file<T, C: Codec<T> + ?Sized>(codec: &C, source: &dyn Source) -> Result<T, BoxError> {
    load_file(codec, source, Load::First)
}

/// As [`read_file`], and tells the codec which load of the value it is.
///
/// # Errors
///
/// As there.
pub fn load_file<T, C: Codec<T> + ?Sized>(
    codec: &C,
    source: &dyn Source,
    load: Load,
) -> Result<T, BoxError> {
    let ahead = |len| codec.read_ahead(len, load);
    let payload = Payload::open_reading(source, C::ID, ahead)?;
    codec.decode(payload.for_load(load))
}

pub(crate) fn duplicate_in_memory<T, C: Codec<T> + ?Sized>(
    codec: &C,
    value: &T,
) -> Result<T, BoxError> {
    let mut file = Vec::new();
    write_file(codec, value, &mut file)?;
    read_file(codec, &file)
}
