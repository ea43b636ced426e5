//! Whether the pages of a file are in memory, so that reading a map of it does not wait.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::sync::atomic::{AtomicBool, Ordering};

/// Files of at most this many bytes are asked for page by page. For larger ones, one call
/// that counts their pages is cheaper.
pub(super) const WINDOW: usize = 64 * 1024;

/// The smallest page size, for the number of answers for a window. A window may begin
/// within a page.
const PAGES: usize = WINDOW / 4096 + 1;

/// How many pages of a file are in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cached {
    /// All, or some of them are still being read.
    All,
    NotAll,
    /// The system cannot tell.
    Unknown,
}

/// Whether the first `len` bytes of `file` are in memory. For [small](WINDOW) files that is
/// unknown, because asking for their pages is as cheap.
pub(super) fn count_cached(file: &File, len: usize) -> Cached {
    match len > WINDOW {
        true => cachestat(file, len),
        false => Cached::Unknown,
    }
}

/// Whether the pages of a map are in memory now. `cached` is what is known of its file.
///
/// The caller owns the file or may write to it. Otherwise the kernel reports all pages as
/// being in memory.
pub(super) fn is_resident(bytes: &[u8], cached: Cached) -> bool {
    match cached {
        Cached::NotAll => false,
        // Pages that are still being read count as cached. They are read in order.
        Cached::All => is_window_resident(&bytes[bytes.len().saturating_sub(WINDOW)..]),
        Cached::Unknown => bytes.chunks(WINDOW).all(is_window_resident),
    }
}

fn is_window_resident(bytes: &[u8]) -> bool {
    let page = rustix::param::page_size();
    let before = bytes.as_ptr().addr() % page;
    let mut answers = [0_u8; PAGES];
    let Some(answers) = answers.get_mut(..(before + bytes.len()).div_ceil(page)) else {
        return false;
    };
    // SAFETY: `mincore` reads nothing at these addresses, which begin at a page and are
    // those of `bytes`, and writes one byte for each page that they touch.
    let asked = unsafe {
        libc::mincore(
            bytes.as_ptr().wrapping_sub(before).cast_mut().cast(),
            before + bytes.len(),
            answers.as_mut_ptr(),
        )
    };
    asked == 0 && answers.iter().all(|answer| answer & 1 == 1)
}

/// `struct cachestat_range` of the kernel.
#[repr(C)]
struct Range {
    offset: u64,
    len: u64,
}

/// `struct cachestat` of the kernel, in pages.
#[repr(C)]
#[derive(Default)]
struct Pages {
    cached: u64,
    dirty: u64,
    in_writeback: u64,
    evicted: u64,
    recently_evicted: u64,
}

/// The number of `cachestat`, which Linux has had since 6.5. A few architectures count
/// otherwise.
const CACHESTAT: Option<libc::c_long> = match cfg!(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    target_arch = "riscv64"
)) {
    true => Some(451),
    false => None,
};

/// The kernel, or a sandbox, does not have the call.
static IS_MISSING: AtomicBool = AtomicBool::new(false);

fn cachestat(file: &File, len: usize) -> Cached {
    let Some(number) = CACHESTAT.filter(|_| !IS_MISSING.load(Ordering::Relaxed)) else {
        return Cached::Unknown;
    };
    let range = Range {
        offset: 0,
        len: len as u64,
    };
    let mut pages = Pages::default();
    // SAFETY: the call reads a `Range` and writes a `Pages`, and both live through it. The
    // descriptor is open.
    let asked = unsafe {
        libc::syscall(
            number,
            file.as_raw_fd(),
            &raw const range,
            &raw mut pages,
            0_usize,
        )
    };
    if asked != 0 {
        let error = io::Error::last_os_error().raw_os_error();
        if error == Some(libc::ENOSYS) || error == Some(libc::EPERM) {
            IS_MISSING.store(true, Ordering::Relaxed);
        }
        return Cached::Unknown;
    }
    match pages.cached >= len.div_ceil(rustix::param::page_size()) as u64 {
        true => Cached::All,
        false => Cached::NotAll,
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::num::NonZero;

    use rustix::fs::{Advice, fadvise};

    use super::*;

    /// A file on a disk, which the kernel may evict.
    fn file_of(len: usize) -> File {
        let file = tempfile::tempfile_in(env!("CARGO_MANIFEST_DIR")).expect("a file");
        io::Write::write_all(&mut &file, &vec![7; len]).expect("it is written");
        file.sync_all().expect("it is on the disk");
        file
    }

    fn map(file: &File) -> memmap2::Mmap {
        // SAFETY: nobody else knows the file.
        unsafe { memmap2::Mmap::map(file) }.expect("it can be mapped")
    }

    /// Takes a part of a file out of memory. Says so if the file system does not do that.
    fn evict(file: &File, offset: u64, len: Option<NonZero<u64>>) -> bool {
        // The kernel keeps a page that something looks at just then.
        let is_evicted = (0..100).any(|_| {
            fadvise(file, offset, len, Advice::DontNeed).expect("a hint");
            !is_resident(&map(file), Cached::Unknown)
        });
        if !is_evicted {
            eprintln!("skipped: the file system keeps all pages in memory");
        }
        is_evicted
    }

    #[test]
    fn pages_are_resident_after_they_were_written_and_not_once_they_are_evicted() {
        for len in [1, 5000, WINDOW, WINDOW + 1, 1 << 20] {
            let file = file_of(len);
            let cached = count_cached(&file, len);
            assert_eq!(
                cached == Cached::Unknown,
                len <= WINDOW || IS_MISSING.load(Ordering::Relaxed)
            );
            assert!(
                is_resident(&map(&file), cached),
                "{len} bytes were just written"
            );
            if !evict(&file, 0, None) {
                return;
            }
            let cached = count_cached(&file, len);
            assert_ne!(cached, Cached::All);
            assert!(!is_resident(&map(&file), cached), "{len} bytes");
        }
    }

    /// The last page alone is missing, or the first.
    #[test]
    fn one_missing_page_is_enough() {
        let len = 20 * WINDOW;
        for (offset, part) in [(0, WINDOW), (len - WINDOW, WINDOW)] {
            let file = file_of(len);
            if !evict(&file, offset as u64, NonZero::new(part as u64)) {
                return;
            }
            assert!(!is_resident(&map(&file), count_cached(&file, len)));
        }
    }
}
