//! One map of one payload.

use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Deref;

use memmap2::{Mmap, MmapOptions};

use super::budget::{self, Permit};
use super::{Access, MapLicence, Prefault};
use crate::BoxError;
use crate::frame::{FOOTER_LEN, FrameError, Payload};

/// `ENODEV`, the same number wherever memory maps of this kind exist: the file
/// system cannot map files.
const NO_SUCH_DEVICE: i32 = 19;

/// The bytes of one payload, mapped.
///
/// They are pages of the file that the kernel loads when they are touched and takes
/// back when memory is short. Dereferences to the payload, which begins on a page.
/// Dropping it unmaps the file and then returns its share of the
/// [budget](super::budget).
pub struct Map {
    /// Covers the payload, and is as long as it. The file was at least so long
    /// when it was mapped, and by the licence it stays so.
    bytes: Mmap,
    /// Stands behind `bytes`, so that it is given back once they are unmapped.
    _permit: Permit,
}

/// What came of asking for a map.
#[derive(Debug)]
#[must_use]
pub enum MapAttempt<'s> {
    /// The payload is mapped.
    Mapped(Map),
    /// There is no map to be had: no file behind the payload, none left in the
    /// budget or from the kernel, or a platform or file system without maps.
    /// Read it instead.
    Refused(Payload<'s>),
}

/// A value that may be a map of its file.
#[diagnostic::on_unimplemented(
    message = "values of type `{Self}` are never maps of their files",
    note = "`Mapped<T>` and `MappedBytes` may be"
)]
pub trait MaybeMapped {
    /// The map; `None` if the value is in memory of the process's own.
    fn map(&self) -> Option<&Map>;
}

impl<'s> Payload<'s> {
    /// Maps the payload, if that is possible now. Nothing is read, so the
    /// checksum is not verified.
    ///
    /// # Errors
    ///
    /// [`FrameError::Length`] if the file has another length than when it was
    /// opened; those of the file.
    ///
    /// # Examples
    ///
    /// ```
    /// # mod file_backed { pub use file_backed_codecs as fbstore; }
    /// use file_backed::fbstore::{BoxError, MapAttempt, MapLicence, Payload};
    ///
    /// /// Number of zeros in a payload.
    /// fn zeros(payload: Payload<'_>, licence: &MapLicence) -> Result<usize, BoxError> {
    ///     let count = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == 0).count();
    ///     match payload.map(licence)? {
    ///         MapAttempt::Mapped(map) => Ok(count(&map)),
    ///         MapAttempt::Refused(payload) => Ok(count(&payload.read_whole()?)),
    ///     }
    /// }
    /// ```
    pub fn map(self, licence: &MapLicence) -> Result<MapAttempt<'s>, BoxError> {
        Ok(match self.try_map(licence)? {
            Some(map) => MapAttempt::Mapped(map),
            None => MapAttempt::Refused(self),
        })
    }

    /// As [`map`](Self::map); `None` is a refusal.
    pub(crate) fn try_map(&self, licence: &MapLicence) -> Result<Option<Map>, BoxError> {
        // Asked for once: a source is safe code, and may name another file each time.
        let (Some(file), Ok(len)) = (self.source().file(), usize::try_from(self.len())) else {
            return Ok(None);
        };
        if cfg!(windows) || len == 0 {
            return Ok(None);
        }
        let Some(permit) = Permit::take() else {
            budget::count_fallback();
            return Ok(None);
        };
        let bytes = match map_file(file, len, licence) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::OutOfMemory => {
                budget::count_fallback();
                return Ok(None);
            }
            Err(error) if is_refusal(&error) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let map = Map {
            bytes,
            _permit: permit,
        };
        self.check_length(file)?;
        Ok(Some(map))
    }

    /// Checks that the file is as long as what [`Payload::open`] found: a map that
    /// goes past the end of its file ends the process when it is read there. From
    /// the moment that it is mapped, the licence says that it stays so; before,
    /// nothing did, and the source may have named another file than it reads.
    fn check_length(&self, file: &File) -> Result<(), BoxError> {
        let footer = self.footer().map_or(0, |_| FOOTER_LEN as u64);
        let actual = file.metadata()?.len();
        if actual == self.len() + footer {
            Ok(())
        } else {
            Err(Box::new(FrameError::Length {
                stated: self.len(),
                actual: actual.saturating_sub(footer),
            }))
        }
    }
}

/// Whether there is no map of this file to be had, or none now: a file system
/// that cannot map files; memory that may not be locked, for a process that locks
/// all of its memory.
fn is_refusal(error: &io::Error) -> bool {
    error.raw_os_error() == Some(NO_SUCH_DEVICE) || error.kind() == io::ErrorKind::WouldBlock
}

/// Maps the first `len` bytes of `file`. Whether it has them is to be checked before
/// the first one is read.
fn map_file(file: &File, len: usize, _: &MapLicence) -> io::Result<Mmap> {
    // SAFETY: the map is read-only, and whoever made the licence promised that
    // the file is neither modified nor truncated while the map is there.
    unsafe { MmapOptions::new().len(len).map(file) }
}

impl Map {
    /// Tells the kernel how the bytes are going to be read. It may not listen,
    /// and on some platforms is not asked.
    pub fn advise(&self, access: Access) {
        #[cfg(unix)]
        {
            let advice = match access {
                Access::Normal => memmap2::Advice::Normal,
                Access::Sequential => memmap2::Advice::Sequential,
                Access::Random => memmap2::Advice::Random,
            };
            // Advice that is not taken changes nothing.
            let _ = self.bytes.advise(advice);
        }
        #[cfg(not(unix))]
        let _ = access;
    }

    /// Brings the pages into memory, as far as `how` says.
    ///
    /// # Errors
    ///
    /// With [`Prefault::Populate`]: [`FrameError::BadPage`] if a page of the file
    /// cannot be read, where an access to it would end the process with a
    /// signal; [`io::ErrorKind::Unsupported`] where the kernel has no such call
    /// (Linux has it from 5.14 on), forbids it, or has no memory for the pages. The
    /// other ways have none.
    ///
    /// # Blocking
    ///
    /// With [`Prefault::Populate`] it waits for the disk.
    pub fn prefault(&self, how: Prefault) -> Result<(), BoxError> {
        match how {
            Prefault::Lazy => {}
            Prefault::WillNeed => {
                #[cfg(unix)]
                let _ = self.bytes.advise(memmap2::Advice::WillNeed);
            }
            Prefault::Populate => self.populate()?,
        }
        Ok(())
    }

    #[cfg(target_os = "linux")]
    fn populate(&self) -> Result<(), BoxError> {
        match self.bytes.advise(memmap2::Advice::PopulateRead) {
            Ok(()) => Ok(()),
            Err(error) if is_bad_page(&error) => Err(FrameError::BadPage(error).into()),
            // The kernel does not know the advice, or a sandbox forbids it, or there is
            // no memory for the pages. None of them says anything of the file.
            Err(error) => Err(cannot_populate(&error)),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn populate(&self) -> Result<(), BoxError> {
        Err(cannot_populate(&io::ErrorKind::Unsupported.into()))
    }
}

fn cannot_populate(error: &io::Error) -> BoxError {
    let text = format!(
        "this system cannot bring all pages of a map in at once ({error}; Linux can from 5.14 \
         on, with memory to spare): use `Prefault::WillNeed`"
    );
    io::Error::new(io::ErrorKind::Unsupported, text).into()
}

/// Whether an access to a page would have ended the process.
#[cfg(target_os = "linux")]
fn is_bad_page(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let code = Errno::from_io_error(error);
    code.is_some_and(|code| [Errno::FAULT, Errno::HWPOISON, Errno::IO].contains(&code))
}

impl Deref for Map {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl AsRef<[u8]> for Map {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map").field("len", &self.len()).finish()
    }
}
