//! A map of one payload.

use std::fmt;
use std::fs::{File, Metadata};
use std::io;
use std::ops::Deref;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
use std::os::unix::fs::MetadataExt as _;

use memmap2::{Mmap, MmapOptions};

use super::budget::{self, Permit};
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
use super::residency::{self, Cached};
use super::{Access, MapLicence, Prefault};
use crate::CodecError;
use crate::frame::{FOOTER_LEN, FrameError, Payload};

/// `ENODEV`: the file system cannot map files. The number is the same on all platforms
/// that have memory maps of this kind.
const NO_SUCH_DEVICE: i32 = 19;

/// The mapped bytes of one payload.
///
/// They are pages of the file: the kernel loads them on access and reclaims them when
/// memory is short. A `Map` dereferences to the payload, which begins on a page boundary.
/// Dropping it unmaps the file and then releases its share of the
/// [budget](super::budget).
pub struct Map {
    /// Covers exactly the payload. The file was at least this long when it was mapped,
    /// and by the licence it stays so.
    bytes: Mmap,
    /// Declared after `bytes`, so that it is released once they are unmapped.
    _permit: Permit,
}

/// The result of asking for a map.
#[derive(Debug)]
#[must_use]
pub enum MapAttempt<'s> {
    /// The payload is mapped.
    Mapped(Map),
    /// The payload cannot be mapped now: it is empty or has no file, the budget or the
    /// kernel has no map left, or the platform or the file system has no maps. Read it
    /// instead.
    Refused(Payload<'s>),
}

/// A value that may be a map of its file.
#[diagnostic::on_unimplemented(
    message = "values of type `{Self}` are never mapped from their files",
    note = "`Mapped<T>` and `MappedBytes` can be mapped"
)]
pub trait MaybeMapped {
    /// The map; `None` if the value is in the process's own memory.
    fn map(&self) -> Option<&Map>;
}

impl<'s> Payload<'s> {
    /// Maps the payload if that is possible now. Nothing is read, so the checksum is not
    /// verified.
    ///
    /// # Errors
    ///
    /// [`FrameError::Length`] if the length of the file differs from when it was opened;
    /// errors of the file.
    ///
    /// # Examples
    ///
    /// ```
    /// # mod file_backed { pub mod fbstore { pub use file_backed_codecs::*; } }
    /// use file_backed::fbstore::{CodecError, MapAttempt, MapLicence, Payload};
    ///
    /// /// Number of zeros in a payload.
    /// fn zeros(payload: Payload<'_>, licence: &MapLicence) -> Result<usize, CodecError> {
    ///     let count = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == 0).count();
    ///     match payload.map(licence)? {
    ///         MapAttempt::Mapped(map) => Ok(count(&map)),
    ///         MapAttempt::Refused(payload) => Ok(count(&payload.read_whole()?)),
    ///     }
    /// }
    /// ```
    pub fn map(self, licence: &MapLicence) -> Result<MapAttempt<'s>, CodecError> {
        Ok(match self.try_map(licence)? {
            Some(map) => MapAttempt::Mapped(map),
            None => MapAttempt::Refused(self),
        })
    }

    /// Same as [`map`](Self::map), with `None` for [`MapAttempt::Refused`].
    pub(crate) fn try_map(&self, licence: &MapLicence) -> Result<Option<Map>, CodecError> {
        // Call `file` only once: a source is safe code, and may return another file each
        // time.
        let (Some(file), Ok(len)) = (self.source().file(), usize::try_from(self.len())) else {
            return Ok(None);
        };
        if cfg!(windows) || len == 0 {
            return Ok(None);
        }
        if let Some(refusal) = self.source().refusal() {
            let map = self.map_cached(file, len, licence, refusal.is_in_memory());
            return map.map(Some).ok_or_else(|| refusal.refuse().into());
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

    /// Maps the payload if all of its pages are in memory, for a thread that must not wait.
    /// `None` if they are not, if that is unknown, and for any failure.
    #[cfg(all(target_os = "linux", target_pointer_width = "64"))]
    fn map_cached(
        &self,
        file: &File,
        len: usize,
        licence: &MapLicence,
        is_in_memory: bool,
    ) -> Option<Map> {
        // Asked first, because a map that is of no use costs more than a call.
        let cached = match is_in_memory {
            true => Cached::All,
            false => residency::count_cached(file, len),
        };
        if cached == Cached::NotAll {
            return None;
        }
        let map = Map {
            _permit: Permit::take()?,
            bytes: map_file(file, len, licence).ok()?,
        };
        let metadata = file.metadata().ok()?;
        self.check_length_of(&metadata).ok()?;
        if is_in_memory {
            return Some(map);
        }
        let is_ours = metadata.uid() == rustix::process::geteuid().as_raw();
        (is_ours && residency::is_resident(&map, cached)).then_some(map)
    }

    #[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
    fn map_cached(&self, _: &File, _: usize, _: &MapLicence, _: bool) -> Option<Map> {
        None
    }

    /// Checks that the file is as long as [`Payload::open`] found it to be: reading a map
    /// past the end of its file kills the process. The licence guarantees the length only
    /// from the moment that the file is mapped. It may have changed before, and the
    /// source may have returned another file than it reads.
    fn check_length(&self, file: &File) -> Result<(), CodecError> {
        self.check_length_of(&file.metadata()?)
    }

    fn check_length_of(&self, metadata: &Metadata) -> Result<(), CodecError> {
        let footer = self.footer().map_or(0, |_| FOOTER_LEN as u64);
        let actual = metadata.len();
        if actual == self.len() + footer {
            Ok(())
        } else {
            let (stated, actual) = (self.len(), actual.saturating_sub(footer));
            Err(FrameError::Length { stated, actual }.into())
        }
    }
}

/// Whether the file cannot be mapped, or not now: the file system cannot map files, or
/// the process locks all of its memory and may not lock more.
fn is_refusal(error: &io::Error) -> bool {
    error.raw_os_error() == Some(NO_SUCH_DEVICE) || error.kind() == io::ErrorKind::WouldBlock
}

/// Maps the first `len` bytes of `file`. The caller must check that the file has that
/// many before it reads any of them.
fn map_file(file: &File, len: usize, _: &MapLicence) -> io::Result<Mmap> {
    // SAFETY: the map is read-only, and the creator of the licence promised that the file
    // is neither modified nor truncated while the map exists.
    unsafe { MmapOptions::new().len(len).map(file) }
}

impl Map {
    /// Tells the kernel how the bytes will be read. The kernel may ignore the advice, and
    /// on some platforms it is not given.
    pub fn advise(&self, access: Access) {
        #[cfg(unix)]
        {
            let advice = match access {
                Access::Normal => memmap2::Advice::Normal,
                Access::Sequential => memmap2::Advice::Sequential,
                Access::Random => memmap2::Advice::Random,
            };
            // Ignored advice changes nothing.
            let _ = self.bytes.advise(advice);
        }
        #[cfg(not(unix))]
        let _ = access;
    }

    /// Brings the pages into memory as `how` says.
    ///
    /// # Errors
    ///
    /// Only with [`Prefault::Populate`]: [`FrameError::BadPage`] if a page of the file
    /// cannot be read, so that accessing it would kill the process with a signal;
    /// [`io::ErrorKind::Unsupported`] if the kernel lacks the call (Linux has it since
    /// 5.14), forbids it, or has no memory for the pages.
    ///
    /// # Blocking
    ///
    /// [`Prefault::Populate`] waits for the disk.
    pub fn prefault(&self, how: Prefault) -> Result<(), CodecError> {
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
    fn populate(&self) -> Result<(), CodecError> {
        match self.bytes.advise(memmap2::Advice::PopulateRead) {
            Ok(()) => Ok(()),
            Err(error) if is_bad_page(&error) => Err(FrameError::BadPage(error).into()),
            // The kernel does not know the advice, or a sandbox forbids it, or there is
            // no memory for the pages. None of these says anything about the file.
            Err(error) => Err(cannot_populate(&error)),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn populate(&self) -> Result<(), CodecError> {
        Err(cannot_populate(&io::ErrorKind::Unsupported.into()))
    }
}

fn cannot_populate(error: &io::Error) -> CodecError {
    let text = format!(
        "this system cannot load all pages of a map at once ({error}; Linux can since 5.14, if it \
         has enough free memory): use `Prefault::WillNeed`"
    );
    io::Error::new(io::ErrorKind::Unsupported, text).into()
}

/// Whether accessing a page would have killed the process.
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
