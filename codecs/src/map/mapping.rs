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
/// back when memory is short. Dereferences to the payload, which begins on a page. Dropping it unmaps the
/// file and then returns its share of the [budget](super::budget).
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
        // It may have been opened a while ago.
        if let Some(file) = self.source().file() {
            self.check_length(file)?;
        }
        Ok(match self.map_just_opened(licence)? {
            Some(map) => MapAttempt::Mapped(map),
            None => MapAttempt::Refused(self),
        })
    }

    /// As [`map`](Self::map), for a payload that was opened to be mapped: its
    /// length was compared with the footer just now. `None` is a refusal.
    pub(crate) fn map_just_opened(&self, licence: &MapLicence) -> Result<Option<Map>, BoxError> {
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
        match map_file(file, len, licence) {
            Ok(bytes) => Ok(Some(Map {
                bytes,
                _permit: permit,
            })),
            Err(error) if error.kind() == io::ErrorKind::OutOfMemory => {
                budget::count_fallback();
                Ok(None)
            }
            Err(error) if error.raw_os_error() == Some(NO_SUCH_DEVICE) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Checks that the file still is what [`Payload::open`] found: a map that
    /// goes past the end of its file ends the process when it is read there.
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

/// Maps the first `len` bytes of `file`, which has them.
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
    /// (Linux has it from 5.14 on). The other ways have none.
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
            // What a kernel says that does not know the advice.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Err(cannot_populate()),
            Err(error) => Err(FrameError::BadPage(error).into()),
            Ok(()) => Ok(()),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn populate(&self) -> Result<(), BoxError> {
        Err(cannot_populate())
    }
}

fn cannot_populate() -> BoxError {
    let text = "this system cannot bring all pages of a map in at once (Linux can from 5.14 on): \
                use `Prefault::WillNeed`";
    io::Error::new(io::ErrorKind::Unsupported, text).into()
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
