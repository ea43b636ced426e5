//! The file format: a payload, followed by a footer that describes it.
//!
//! The payload starts at offset 0, exactly as the codec wrote it. A map of the file is
//! therefore a map of the payload, and any alignment up to a page holds. The 64 bytes
//! after the payload are the [`Footer`].

mod ahead;
mod error;
mod footer;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod local_file;
mod no_wait;
mod payload;
mod recover;
mod source;
mod writer;

pub use ahead::{Load, ReadAhead};
pub use error::FrameError;
pub(crate) use footer::field;
pub use footer::{ArchiveLayout, FOOTER_LEN, Footer};
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
#[doc(hidden)]
pub use local_file::{CachedReads, LocalFile};
pub use no_wait::NoWait;
#[doc(hidden)]
pub use no_wait::Refusal;
pub use payload::Payload;
pub use source::Source;
pub(crate) use source::assume_filled;
pub use writer::PayloadWriter;

use crate::{ArchiveInto, BoxError, Codec, CodecError};

/// Encodes `value` with `codec` and writes a whole file, payload and footer, to `out`.
///
/// # Errors
///
/// Errors of the codec and of `out`.
pub fn write_file<T, C: Codec<T> + ?Sized>(
    codec: &C,
    value: &T,
    out: &mut dyn std::io::Write,
) -> Result<Footer, CodecError> {
    let mut writer = PayloadWriter::new(out);
    codec.encode(value, &mut writer)?;
    Ok(writer.finish(C::ID)?)
}

/// Archives `source` with `codec` and writes a whole file, payload and footer, to `out`.
///
/// # Errors
///
/// Errors of the codec and of `out`.
pub fn write_archive<S: ?Sized, T, C: ArchiveInto<S, T> + ?Sized>(
    codec: &C,
    source: &S,
    out: &mut dyn std::io::Write,
) -> Result<Footer, CodecError> {
    let mut writer = PayloadWriter::new(out);
    codec.archive_into(source, &mut writer)?;
    Ok(writer.finish(C::ID)?)
}

/// Reads a whole file, payload and footer, with `codec`.
///
/// # Errors
///
/// A [`FrameError`] for a file that is damaged or was written by another codec; errors of
/// the codec.
pub fn read_file<T, C: Codec<T> + ?Sized>(codec: &C, source: &dyn Source) -> Result<T, CodecError> {
    load_file(codec, source, Load::First)
}

/// Same as [`read_file`], but also tells the codec which load of the value this is.
///
/// # Errors
///
/// Same as [`read_file`].
pub fn load_file<T, C: Codec<T> + ?Sized>(
    codec: &C,
    source: &dyn Source,
    load: Load,
) -> Result<T, CodecError> {
    let ahead = |len| codec.read_ahead(len, load);
    let payload = Payload::open_reading(source, C::ID, ahead)?;
    Ok(codec.decode(payload.for_load(load))?)
}

pub(crate) fn duplicate_in_memory<T, C: Codec<T> + ?Sized>(
    codec: &C,
    value: &T,
) -> Result<T, BoxError> {
    let mut file = Vec::new();
    write_file(codec, value, &mut file).map_err(CodecError::into_inner)?;
    read_file(codec, &file).map_err(CodecError::into_inner)
}
