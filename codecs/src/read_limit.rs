//! The limit on memory for reading one payload.
//!
//! A file can state any length: a sparse file of a terabyte takes no space on disk, and
//! its footer can be valid. Memory for the payload would be reserved before its checksum
//! is known, and a system that overcommits kills the process only once the pages are
//! filled. So a payload longer than the limit is refused before anything is allocated.
//! Mapped payloads take no memory and are exempt, and files opened for import have a
//! separate limit.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::FrameError;

/// The limit if the system does not report how much memory it has.
const UNKNOWN: u64 = 16 << 30;

static LIMIT: LazyLock<AtomicU64> = LazyLock::new(|| AtomicU64::new(default_limit()));

/// The largest payload, in bytes, that is read into memory for one value.
///
/// The default is half of the physical memory, or 16 GiB on systems that do not report
/// how much they have. The system is queried once, on first use.
pub fn get() -> u64 {
    LIMIT.load(Relaxed)
}

/// Sets the limit for the whole process, from now on. Codecs that map can override it
/// with their `read_limit` option.
pub fn set(bytes: u64) {
    LIMIT.store(bytes, Relaxed);
}

/// Refuses a payload of `len` bytes if it exceeds `limit`: either it is about to be read,
/// or it is being written and could not be read back.
pub(crate) fn check(len: u64, limit: u64) -> Result<(), FrameError> {
    match len <= limit {
        true => Ok(()),
        false => Err(FrameError::OverReadLimit { len, limit }),
    }
}

#[cfg(target_os = "linux")]
fn default_limit() -> u64 {
    let info = rustix::system::sysinfo();
    #[allow(
        clippy::useless_conversion,
        clippy::unnecessary_cast,
        reason = "the types differ between architectures"
    )]
    let bytes = (info.totalram as u64).saturating_mul(u64::from(info.mem_unit));
    match bytes / 2 {
        0 => UNKNOWN,
        half => half,
    }
}

#[cfg(not(target_os = "linux"))]
fn default_limit() -> u64 {
    UNKNOWN
}
