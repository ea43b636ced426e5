//! Reading a small file with one call: its footer, and all that stands before.

use std::cell::Cell;
use std::io;

use super::Source;
use crate::aligned::{AlignedBytes, LEAST};

/// Which load of a value it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Load {
    /// The first, as far as anybody knows.
    #[default]
    First,
    /// It was loaded before and has left memory since, so it is likely to be
    /// wanted once more.
    Again,
}

/// What to read of a file when it is opened, beside its footer; see
/// [`Codec::read_ahead`](crate::Codec::read_ahead).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadAhead {
    /// Nothing: the codec maps the payload, or reads it in pieces.
    Nothing,
    /// All of it, to be decoded: into a buffer that the thread keeps. The codec
    /// takes it with [`Payload::read_with`](super::Payload::read_with).
    Scratch,
    /// All of it, into memory that becomes the value's own, aligned to so many
    /// bytes.
    #[doc(hidden)]
    Own(usize),
}

/// Longer files are opened first and read then: before the footer was checked,
/// nothing says that the length is worth the memory.
const MOST_AHEAD: u64 = 1 << 20;

/// Buffers up to this size are kept for the thread's next file.
const MOST_KEPT: usize = 2 << 20;

thread_local! {
    static SCRATCH: Cell<Option<AlignedBytes>> = const { Cell::new(None) };
}

/// An empty buffer with room for `len` bytes: the thread's own, if that is not
/// in use and large enough.
pub(super) fn scratch(len: usize) -> io::Result<AlignedBytes> {
    // A thread that is ending has no buffer any more.
    let kept = SCRATCH.try_with(Cell::take).ok().flatten();
    match kept {
        Some(mut kept) if kept.capacity() >= len => {
            kept.truncate(0);
            Ok(kept)
        }
        _ => AlignedBytes::with_capacity(len, LEAST),
    }
}

/// Leaves a buffer to the thread's next file.
pub(super) fn keep(buffer: AlignedBytes) {
    if buffer.capacity() <= MOST_KEPT {
        // A thread that is ending needs none.
        let _ = SCRATCH.try_with(|scratch| scratch.set(Some(buffer)));
    }
}

impl ReadAhead {
    /// Reads all `len` bytes of a file, if that is what it says.
    pub(super) fn read(self, source: &dyn Source, len: u64) -> io::Result<Option<AlignedBytes>> {
        let Ok(size) = usize::try_from(len) else {
            return Ok(None);
        };
        let mut bytes = match self {
            _ if len > MOST_AHEAD => return Ok(None),
            Self::Nothing => return Ok(None),
            Self::Scratch => scratch(size)?,
            Self::Own(align) => AlignedBytes::with_capacity(size, align)?,
        };
        bytes.read_from(source, 0, size)?;
        Ok(Some(bytes))
    }
}
