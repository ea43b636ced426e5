//! Archiving a value, into memory or into a file.

use std::alloc::Layout;
use std::fmt;
use std::io::{self, Write};

use rkyv::Archive;
use rkyv::primitive::FixedIsize;
use rkyv::rancor::{BoxedError, Source, Strategy};
use rkyv::ser::sharing::Share;
use rkyv::ser::{Positional, Serializer, Writer, WriterExt as _};
use rkyv::util::with_arena;

use super::{Archivable, format};
use crate::aligned::{AlignedBytes, LEAST, PAGE};
use crate::frame::FrameError;
use crate::{BoxError, PayloadWriter};

/// The writer that rkyv writes archives to, both in memory and in files.
///
/// It appears in the bounds of [`Archivable`] and has no other use.
pub struct ArchiveWriter<'w> {
    sink: Sink<'w>,
    /// Bytes written; at most `limit`.
    position: usize,
    /// Most bytes that the archive may have. rkyv panics if the distance between two
    /// places in an archive exceeds its pointers, so the limit is below what they can
    /// hold.
    limit: usize,
    /// Why the archive is incomplete. Once it is set, nothing more is written, even if an
    /// implementation of `Serialize` continues after an error.
    failure: Option<BoxError>,
}

enum Sink<'w> {
    Memory(&'w mut AlignedBytes),
    File(&'w mut dyn Write),
}

impl<'w> ArchiveWriter<'w> {
    fn new(sink: Sink<'w>, limit: usize) -> Self {
        Self {
            sink,
            position: 0,
            limit,
            failure: None,
        }
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), BoxError> {
        if bytes.len() > self.limit - self.position {
            return Err(Box::new(FrameError::TooLarge {
                limit: self.limit as u64,
            }));
        }
        match &mut self.sink {
            Sink::Memory(memory) => memory.extend(bytes)?,
            Sink::File(file) => file.write_all(bytes)?,
        }
        self.position += bytes.len();
        Ok(())
    }

    /// Pads to a multiple of `align`, a power of two of at most [`PAGE`].
    fn align(&mut self, align: usize) -> Result<(), BoxedError> {
        let padding = self.position.wrapping_neg() & (align - 1);
        self.write(&[0; PAGE][..padding])
    }
}

impl Positional for ArchiveWriter<'_> {
    fn pos(&self) -> usize {
        self.position
    }
}

impl Writer<BoxedError> for ArchiveWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), BoxedError> {
        if self.failure.is_none() {
            match self.append(bytes) {
                Ok(()) => return Ok(()),
                Err(error) => self.failure = Some(error),
            }
        }
        Err(BoxedError::new(io::Error::from(io::ErrorKind::WriteZero)))
    }
}

impl fmt::Debug for ArchiveWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArchiveWriter")
            .field("position", &self.position)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// Archives `value` into memory.
///
/// # Errors
///
/// [`FrameError::TooLarge`]; [`FrameError::Alignment`]; errors of the value's `Serialize`
/// implementation; [`io::ErrorKind::OutOfMemory`].
pub(super) fn to_memory<T: Archivable>(value: &T) -> Result<AlignedBytes, BoxError> {
    to_memory_within(value, max_len(size_of::<FixedIsize>()))
}

fn to_memory_within<T: Archivable>(value: &T, limit: usize) -> Result<AlignedBytes, BoxError> {
    let root = Layout::new::<T::Archived>();
    let mut memory = AlignedBytes::with_capacity(root.size(), root.align().max(LEAST))?;
    archive(value, ArchiveWriter::new(Sink::Memory(&mut memory), limit))?;
    Ok(memory)
}

/// Archives `value` as the payload of a file.
///
/// # Errors
///
/// Same as [`to_memory`], and errors of the file.
pub(super) fn to_file<T: Archivable>(
    value: &T,
    out: &mut PayloadWriter<'_>,
) -> Result<(), BoxError> {
    debug_assert_eq!(out.position(), 0, "an archive is its whole payload");
    let limit = max_len(size_of::<FixedIsize>());
    archive(value, ArchiveWriter::new(Sink::File(out), limit))
}

fn archive<T: Archivable>(value: &T, writer: ArchiveWriter<'_>) -> Result<(), BoxError> {
    format::layout_of::<T>()?;
    with_arena(|arena| {
        let mut serializer = Serializer::new(writer, arena.acquire(), Share::new());
        let result = write_root(value, &mut serializer);
        match serializer.into_writer().failure {
            Some(failure) => Err(failure),
            None => Ok(result?),
        }
    })
}

/// Writes everything that `value` points to, then its root.
fn write_root<'w, A, T>(
    value: &T,
    serializer: &mut Serializer<ArchiveWriter<'w>, A, Share>,
) -> Result<(), BoxedError>
where
    T: rkyv::Serialize<Strategy<Serializer<ArchiveWriter<'w>, A, Share>, BoxedError>>,
{
    let resolver = value.serialize(Strategy::wrap(serializer))?;
    // rkyv's own `align_for` panics on a gap of 32 bytes or more.
    serializer
        .writer
        .align(align_of::<<T as Archive>::Archived>())?;
    // SAFETY: `resolver` comes from serializing `value`, and the writer was
    // aligned to the root just now.
    unsafe { serializer.writer.resolve_aligned(value, resolver)? };
    Ok(())
}

/// Most bytes of an archive whose pointers have `width` bytes.
///
/// Pointers hold signed distances. rkyv computes one from within the value that it is
/// about to write, before it requests the space for it. So the limit is below the
/// pointers' maximum by more than any such value can have (16 MiB of 2 GiB; values are
/// assembled on the stack).
const fn max_len(width: usize) -> usize {
    let (max, spare) = match width {
        2 => (i16::MAX as u64, 1 << 11),
        4 => (i32::MAX as u64, 1 << 24),
        _ => (i64::MAX as u64, 1 << 32),
    };
    let len = max - spare;
    if len > isize::MAX as u64 {
        isize::MAX as usize
    } else {
        len as usize
    }
}

#[cfg(test)]
mod tests {
    use super::{max_len, to_memory_within};
    use crate::BoxError;
    use crate::frame::FrameError;

    #[track_caller]
    fn assert_too_large<T>(result: Result<T, BoxError>, limit: u64) {
        let Err(error) = result else {
            panic!("an archive above the limit was accepted");
        };
        assert!(
            matches!(
                error.downcast_ref::<FrameError>(),
                Some(FrameError::TooLarge { limit: at }) if *at == limit
            ),
            "{error}"
        );
        assert_eq!(
            error.to_string(),
            format!(
                "the archive would have more than {limit} bytes, the most that rkyv's compiled pointer width can address: enable rkyv's feature `pointer_width_64`"
            )
        );
    }

    #[test]
    fn an_archive_may_be_as_large_as_the_limit_and_no_larger() {
        let value = vec![7u8; 1000];
        let len = to_memory_within(&value, usize::MAX).unwrap().len();
        assert_eq!(to_memory_within(&value, len).unwrap().len(), len);
        for limit in 0..len {
            assert_too_large(to_memory_within(&value, limit), limit as u64);
        }
    }

    #[test]
    fn the_archive_size_limit_is_below_the_range_of_pointers() {
        assert!(max_len(2) < i16::MAX as usize);
        assert!(max_len(4) < i32::MAX as usize);
        assert!(max_len(4) > 2_000_000_000);
        assert!(max_len(8) <= isize::MAX as usize);
    }
}
