//! The sources that files are read from.

use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::{ptr, slice};

use super::no_wait::Refusal;

/// The bytes of a file, readable at any offset: a [`File`], or a slice in memory.
pub trait Source: Send + Sync {
    /// Length in bytes.
    ///
    /// # Errors
    ///
    /// Errors of the underlying file.
    fn len(&self) -> io::Result<u64>;

    /// Whether the source is empty.
    ///
    /// # Errors
    ///
    /// Errors of the underlying file.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Fills `buf` with the bytes at `offset`.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::UnexpectedEof`] if the file ends before `buf` is full; errors of
    /// the underlying file.
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()>;

    /// Fills `buf`, which may be uninitialized, with the bytes at `offset`, and returns
    /// it. The default zeroes the buffer first; override this method where that can be
    /// avoided.
    ///
    /// # Errors
    ///
    /// Same as [`read_exact_at`](Self::read_exact_at).
    fn read_exact_uninit_at<'b>(
        &self,
        buf: &'b mut [MaybeUninit<u8>],
        offset: u64,
    ) -> io::Result<&'b mut [u8]> {
        let buf = zeroed(buf);
        self.read_exact_at(buf, offset)?;
        Ok(buf)
    }

    /// The underlying file, if there is one that can be mapped. Its bytes, from offset 0
    /// on, must be those of this source. Mapping fails if the file has a different
    /// length; otherwise the value is made from the bytes of this file.
    fn file(&self) -> Option<&File> {
        None
    }

    /// Fills `buf`, which may be uninitialized, with the bytes at `offset`, and returns it,
    /// if all of them are in memory. `None` if the read would wait for a disk, if that is
    /// unknown, and for any failure: the caller then reads the bytes with another method,
    /// where it may wait. The default returns `None`.
    fn read_cached_at<'b>(
        &self,
        buf: &'b mut [MaybeUninit<u8>],
        offset: u64,
    ) -> Option<&'b mut [u8]> {
        let _ = (buf, offset);
        None
    }

    /// Whether all bytes are in memory, as far as those of a process are: in a file system
    /// that has no disk.
    #[doc(hidden)]
    fn is_in_memory(&self) -> bool {
        false
    }

    /// Where to note a refusal, if the reader must not wait ([`NoWait`](super::NoWait)).
    #[doc(hidden)]
    fn refusal(&self) -> Option<&Refusal> {
        None
    }
}

impl Source for File {
    /// Fails for a pipe or a device, which has no length: reading from it might never
    /// end. The error says that it is not a regular file.
    fn len(&self) -> io::Result<u64> {
        let metadata = self.metadata()?;
        if metadata.is_file() {
            return Ok(metadata.len());
        }
        let text = "it is not a regular file: move it away, or use another path";
        Err(io::Error::new(io::ErrorKind::InvalidInput, text))
    }

    #[cfg(unix)]
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(self, buf, offset)
    }

    #[cfg(windows)]
    fn read_exact_at(&self, mut buf: &mut [u8], mut offset: u64) -> io::Result<()> {
        use std::os::windows::fs::FileExt as _;
        while !buf.is_empty() {
            match self.seek_read(buf, offset)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => {
                    buf = &mut buf[n..];
                    offset += n as u64;
                }
            }
        }
        Ok(())
    }

    #[cfg(unix)]
    fn read_exact_uninit_at<'b>(
        &self,
        buf: &'b mut [MaybeUninit<u8>],
        offset: u64,
    ) -> io::Result<&'b mut [u8]> {
        let mut filled = 0;
        while filled < buf.len() {
            match rustix::io::pread(self, &mut buf[filled..], offset + filled as u64) {
                Ok(([], _)) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok((read, _)) => filled += read.len(),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        // SAFETY: `filled` counts bytes that `pread` initialized, contiguously from the
        // first one, and has reached the length of `buf`.
        Ok(unsafe { assume_filled(buf) })
    }

    fn file(&self) -> Option<&File> {
        Some(self)
    }
}

impl Source for [u8] {
    fn len(&self) -> io::Result<u64> {
        Ok(<[u8]>::len(self) as u64)
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        buf.copy_from_slice(part(self, offset, buf.len())?);
        Ok(())
    }

    fn read_exact_uninit_at<'b>(
        &self,
        buf: &'b mut [MaybeUninit<u8>],
        offset: u64,
    ) -> io::Result<&'b mut [u8]> {
        let from = part(self, offset, buf.len())?;
        // SAFETY: `from` and `buf` have the same length and do not overlap, since `buf`
        // is borrowed mutably; afterwards all of `buf` is initialized.
        unsafe {
            ptr::copy_nonoverlapping(from.as_ptr(), buf.as_mut_ptr().cast(), from.len());
            Ok(assume_filled(buf))
        }
    }

    fn read_cached_at<'b>(
        &self,
        buf: &'b mut [MaybeUninit<u8>],
        offset: u64,
    ) -> Option<&'b mut [u8]> {
        self.read_exact_uninit_at(buf, offset).ok()
    }
}

impl Source for Vec<u8> {
    fn len(&self) -> io::Result<u64> {
        Source::len(self.as_slice())
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        Source::read_exact_at(self.as_slice(), buf, offset)
    }

    fn read_exact_uninit_at<'b>(
        &self,
        buf: &'b mut [MaybeUninit<u8>],
        offset: u64,
    ) -> io::Result<&'b mut [u8]> {
        self.as_slice().read_exact_uninit_at(buf, offset)
    }

    fn read_cached_at<'b>(
        &self,
        buf: &'b mut [MaybeUninit<u8>],
        offset: u64,
    ) -> Option<&'b mut [u8]> {
        self.as_slice().read_cached_at(buf, offset)
    }
}

impl<S: Source + ?Sized> Source for &S {
    fn len(&self) -> io::Result<u64> {
        S::len(self)
    }

    fn is_empty(&self) -> io::Result<bool> {
        S::is_empty(self)
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        S::read_exact_at(self, buf, offset)
    }

    fn read_exact_uninit_at<'b>(
        &self,
        buf: &'b mut [MaybeUninit<u8>],
        offset: u64,
    ) -> io::Result<&'b mut [u8]> {
        S::read_exact_uninit_at(self, buf, offset)
    }

    fn file(&self) -> Option<&File> {
        S::file(self)
    }

    fn read_cached_at<'b>(
        &self,
        buf: &'b mut [MaybeUninit<u8>],
        offset: u64,
    ) -> Option<&'b mut [u8]> {
        S::read_cached_at(self, buf, offset)
    }

    fn is_in_memory(&self) -> bool {
        S::is_in_memory(self)
    }

    fn refusal(&self) -> Option<&Refusal> {
        S::refusal(self)
    }
}

/// The `len` bytes at `offset`.
fn part(bytes: &[u8], offset: u64, len: usize) -> io::Result<&[u8]> {
    let part = usize::try_from(offset)
        .ok()
        .and_then(|from| bytes.get(from..))
        .and_then(|rest| rest.get(..len));
    Ok(part.ok_or(io::ErrorKind::UnexpectedEof)?)
}

fn zeroed(buf: &mut [MaybeUninit<u8>]) -> &mut [u8] {
    buf.fill(MaybeUninit::new(0));
    // SAFETY: all of `buf` was initialized just now.
    unsafe { assume_filled(buf) }
}

/// # Safety
///
/// All of `buf` must be initialized.
pub(crate) unsafe fn assume_filled(buf: &mut [MaybeUninit<u8>]) -> &mut [u8] {
    // SAFETY: `MaybeUninit<u8>` has the layout of `u8`, and the caller guarantees that
    // the bytes are initialized.
    unsafe { slice::from_raw_parts_mut(buf.as_mut_ptr().cast(), buf.len()) }
}
