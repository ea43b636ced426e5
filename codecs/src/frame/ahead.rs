//! Reading a small file, payload and footer, with one call.

use std::cell::Cell;
use std::io;

use super::Source;
use crate::aligned::{AlignedBytes, LEAST};

/// Whether a value is loaded for the first time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Load {
    /// The first load, as far as is known.
    #[default]
    First,
    /// The value was loaded before and has since been evicted, so it is likely to be
    /// needed again.
    Again,
}

/// What to read when a file is opened, in addition to its footer; see
/// [`Codec::read_ahead`](crate::Codec::read_ahead).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadAhead {
    /// Nothing. The codec maps the payload, or reads it in pieces.
    Nothing,
    /// The whole file, into a buffer that the thread reuses, to be decoded from there.
    /// The codec gets the bytes from [`Payload::read_with`](super::Payload::read_with).
    Scratch,
    /// The whole file, into memory that becomes part of the value, aligned to this many
    /// bytes.
    #[doc(hidden)]
    Own(usize),
}

/// Longer files are not read ahead. Until the footer has been checked, nothing shows that
/// the length is worth the memory.
const MOST_AHEAD: u64 = 1 << 20;

/// Buffers up to this size are kept for the thread's next file.
const MOST_KEPT: usize = 2 << 20;

thread_local! {
    static SCRATCH: Cell<Option<AlignedBytes>> = const { Cell::new(None) };
}

/// Returns an empty buffer with room for `len` bytes: the thread's buffer, if it is free
/// and large enough, or else a new one.
pub(super) fn scratch(len: usize) -> io::Result<AlignedBytes> {
    // A thread that is exiting no longer has a buffer.
    let kept = SCRATCH.try_with(Cell::take).ok().flatten();
    match kept {
        Some(mut kept) if kept.capacity() >= len => {
            kept.truncate(0);
            Ok(kept)
        }
        _ => AlignedBytes::with_capacity(len, LEAST),
    }
}

/// Keeps a buffer for the thread's next file.
pub(super) fn keep(buffer: AlignedBytes) {
    if buffer.capacity() <= MOST_KEPT {
        // A thread that is exiting does not need it.
        let _ = SCRATCH.try_with(|scratch| scratch.set(Some(buffer)));
    }
}

impl ReadAhead {
    /// Reads all `len` bytes of a file, if this variant asks for that.
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
