//! How much memory reading one payload may take.
//!
//! A file may state any length: a sparse one of a terabyte takes no room on the
//! disk, and its footer can be valid. Memory for it would be reserved before its
//! checksum is known, and a system that overcommits ends the process only once the
//! pages are filled. So a payload that is longer than the limit is refused before
//! anything is allocated. Mapped payloads take no memory, and files opened for
//! import have a limit of their own.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::FrameError;

/// The limit where the system does not tell how much memory it has.
const UNKNOWN: u64 = 16 << 30;

static LIMIT: LazyLock<AtomicU64> = LazyLock::new(|| AtomicU64::new(default_limit()));

/// Most bytes of payload that are read into memory for one value.
///
/// Half of the physical memory by default, or 16 GiB on systems that do not tell
/// how much there is. The system is asked once, at the first use.
pub fn get() -> u64 {
    LIMIT.load(Relaxed)
}

/// Sets the limit for the whole process, from now on. Codecs that map can have one
/// of their own (`read_limit`).
pub fn set(bytes: u64) {
    LIMIT.store(bytes, Relaxed);
}

/// Refuses a payload of `len` bytes that is longer than `limit`: one that is read, or
/// one that is written and could not be read again.
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
