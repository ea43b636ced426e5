//! Reading a file without waiting for the disk.

use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Source;
use crate::aligned::{AlignedBytes, LEAST};

/// A source for threads that must not wait, such as those that run async tasks. Each read
/// takes bytes that are in memory ([`Source::read_cached_at`]), or fails with
/// [`io::ErrorKind::WouldBlock`].
///
/// A codec may hide the error of a read, so a value that it made is valid only if
/// [`is_refused`](Self::is_refused) returns false afterwards.
///
/// # Examples
///
/// ```
/// # mod file_backed { pub mod fbstore { pub use file_backed_codecs::*; } }
/// use file_backed::fbstore::frame::NoWait;
/// use file_backed::fbstore::Source;
///
/// # fn main() -> std::io::Result<()> {
/// let bytes = b"these are in memory".to_vec();
/// let source = NoWait::new(&bytes)?;
/// let mut word = [0; 5];
/// source.read_exact_at(&mut word, 0)?;
/// assert_eq!((&word, source.is_refused()), (b"these", false));
/// # Ok(())
/// # }
/// ```
pub struct NoWait<'s> {
    source: &'s dyn Source,
    len: u64,
    refusal: Refusal,
}

/// Whether a read was refused because it might have waited.
#[doc(hidden)]
pub struct Refusal {
    is_refused: AtomicBool,
    /// Whether the source [is in memory](Source::is_in_memory).
    is_in_memory: bool,
}

impl Refusal {
    /// Whether the pages of a map need not be asked for.
    #[cfg_attr(
        not(feature = "map"),
        expect(dead_code, reason = "it concerns maps alone")
    )]
    pub(crate) fn is_in_memory(&self) -> bool {
        self.is_in_memory
    }

    /// Notes that a read, or a map, was refused, and returns the error for it.
    pub(crate) fn refuse(&self) -> io::Error {
        self.is_refused.store(true, Ordering::Relaxed);
        io::ErrorKind::WouldBlock.into()
    }
}

impl<'s> NoWait<'s> {
    /// Wraps a source that is open.
    ///
    /// # Errors
    ///
    /// Errors of [`Source::len`], which is asked once.
    pub fn new(source: &'s dyn Source) -> io::Result<Self> {
        Ok(Self {
            len: source.len()?,
            source,
            refusal: Refusal {
                is_refused: AtomicBool::new(false),
                is_in_memory: source.is_in_memory(),
            },
        })
    }

    /// Whether anything was refused since this was made.
    pub fn is_refused(&self) -> bool {
        self.refusal.is_refused.load(Ordering::Relaxed)
    }
}

impl Source for NoWait<'_> {
    fn len(&self) -> io::Result<u64> {
        Ok(self.len)
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        // A source in safe code could leave bytes of an initialized buffer uninitialized, so
        // it fills one of its own.
        let mut bytes = AlignedBytes::with_capacity(buf.len(), LEAST)?;
        bytes.read_from(self, offset, buf.len())?;
        buf.copy_from_slice(&bytes);
        Ok(())
    }

    fn read_exact_uninit_at<'b>(
        &self,
        buf: &'b mut [MaybeUninit<u8>],
        offset: u64,
    ) -> io::Result<&'b mut [u8]> {
        let read = self.source.read_cached_at(buf, offset);
        read.ok_or_else(|| self.refusal.refuse())
    }

    fn read_cached_at<'b>(
        &self,
        buf: &'b mut [MaybeUninit<u8>],
        offset: u64,
    ) -> Option<&'b mut [u8]> {
        self.read_exact_uninit_at(buf, offset).ok()
    }

    fn file(&self) -> Option<&File> {
        self.source.file()
    }

    fn refusal(&self) -> Option<&Refusal> {
        Some(&self.refusal)
    }
}
