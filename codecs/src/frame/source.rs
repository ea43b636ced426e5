//! Where the bytes of a file come from.

use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::{ptr, slice};

/// A file's bytes, readable at any offset: a [`File`], or a slice in memory.
pub trait Source: Send + Sync {
    /// Length in bytes.
    ///
    /// # Errors
    ///
    /// Those of the underlying file.
    fn len(&self) -> io::Result<u64>;

    /// Whether there are no bytes.
    ///
    /// # Errors
    ///
    /// Those of the underlying file.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Fills `buf` from `offset` on.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::UnexpectedEof`] if the file ends before; those of the
    /// underlying file.
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()>;

    /// Fills `buf` from `offset` on, whatever it holds before, and gives it
    /// back. The provided method fills it with zeros first; override it where
    /// that can be spared.
    ///
    /// # Errors
    ///
    /// As [`read_exact_at`](Self::read_exact_at).
    fn read_exact_uninit_at<'b>(
        &self,
        buf: &'b mut [MaybeUninit<u8>],
        offset: u64,
    ) -> io::Result<&'b mut [u8]> {
        let buf = zeroed(buf);
        self.read_exact_at(buf, offset)?;
        Ok(buf)
    }

    /// The file behind it, if there is one that can be mapped: whose bytes, from
    /// the first one on, are those of this source. One that has another length is
    /// refused when it is to be mapped, and its bytes are what a value is made of.
    fn file(&self) -> Option<&File> {
        None
    }
}

impl Source for File {
    /// A pipe or a device has no length: an error tells what it is, since reading
    /// from it may never end.
    fn len(&self) -> io::Result<u64> {
        let metadata = self.metadata()?;
        if metadata.is_file() {
            return Ok(metadata.len());
        }
        let text = "it is not a regular file: move it away, or give another path";
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
        // SAFETY: `filled` counts bytes that `pread` initialized, from the first
        // one on without a gap, and has reached the length.
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
        // SAFETY: `from` and `buf` have the same length and do not overlap,
        // since `buf` is borrowed mutably; afterwards all of `buf` is
        // initialized.
        unsafe {
            ptr::copy_nonoverlapping(from.as_ptr(), buf.as_mut_ptr().cast(), from.len());
            Ok(assume_filled(buf))
        }
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
}

/// The `len` bytes from `offset` on.
fn part(bytes: &[u8], offset: u64, len: usize) -> io::Result<&[u8]> {
    let part = usize::try_from(offset)
        .ok()
        .and_then(|from| bytes.get(from..))
        .and_then(|rest| rest.get(..len));
    Ok(part.ok_or(io::ErrorKind::UnexpectedEof)?)
}

fn zeroed(buf: &mut [MaybeUninit<u8>]) -> &mut [u8] {
    buf.fill(MaybeUninit::new(0));
    // SAFETY: all of it was initialized just now.
    unsafe { assume_filled(buf) }
}

/// # Safety
///
/// All of `buf` is initialized.
unsafe fn assume_filled(buf: &mut [MaybeUninit<u8>]) -> &mut [u8] {
    // SAFETY: `MaybeUninit<u8>` has the layout of `u8`, and the caller says that
    // the bytes are initialized.
    unsafe { slice::from_raw_parts_mut(buf.as_mut_ptr().cast(), buf.len()) }
}
