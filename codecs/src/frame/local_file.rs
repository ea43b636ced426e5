//! A file of a local file system, whose cached bytes can be read without waiting.

use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Source;
use super::source::assume_filled;

/// How a file system reads bytes that are in memory without waiting for those that are
/// not. All open files of a directory share it.
#[derive(Debug)]
pub struct CachedReads {
    how: How,
    /// The kernel, a sandbox or the file system has refused such reads.
    is_refused: AtomicBool,
}

#[derive(Clone, Copy, Debug)]
enum How {
    /// `preadv2` with `RWF_NOWAIT`.
    Flag,
    /// Any read: all bytes are in memory.
    Plain,
}

impl CachedReads {
    /// Of a file system on a disk, which supports `RWF_NOWAIT`.
    pub fn of_disk() -> Self {
        Self::new(How::Flag)
    }

    /// Of a file system in memory, on which no read waits.
    pub fn of_memory() -> Self {
        Self::new(How::Plain)
    }

    fn new(how: How) -> Self {
        Self {
            how,
            is_refused: AtomicBool::new(false),
        }
    }

    /// Whether files can be read this way, as far as is known.
    pub fn are_possible(&self) -> bool {
        !self.is_refused.load(Ordering::Relaxed)
    }
}

/// An open file of a local file system.
#[derive(Debug)]
pub struct LocalFile {
    file: File,
    reads: Arc<CachedReads>,
}

impl LocalFile {
    /// Wraps a file whose file system reads as `reads` says.
    pub fn new(file: File, reads: Arc<CachedReads>) -> Self {
        Self { file, reads }
    }
}

impl Source for LocalFile {
    fn len(&self) -> io::Result<u64> {
        Source::len(&self.file)
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        Source::read_exact_at(&self.file, buf, offset)
    }

    fn read_exact_uninit_at<'b>(
        &self,
        buf: &'b mut [MaybeUninit<u8>],
        offset: u64,
    ) -> io::Result<&'b mut [u8]> {
        self.file.read_exact_uninit_at(buf, offset)
    }

    fn read_cached_at<'b>(
        &self,
        buf: &'b mut [MaybeUninit<u8>],
        offset: u64,
    ) -> Option<&'b mut [u8]> {
        match self.reads.how {
            _ if !self.reads.are_possible() => None,
            How::Plain => self.file.read_exact_uninit_at(buf, offset).ok(),
            How::Flag => match read_without_waiting(&self.file, buf, offset) {
                Ok(read) if read == buf.len() => {
                    // SAFETY: the kernel has written `read` bytes from the start of `buf`
                    // on, and these are all.
                    Some(unsafe { assume_filled(buf) })
                }
                // Linux 5.9 and 5.10 return fewer bytes, or none, where later ones return
                // an error.
                Ok(_) => None,
                Err(error) => {
                    if is_permanent(&error) {
                        self.reads.is_refused.store(true, Ordering::Relaxed);
                    }
                    None
                }
            },
        }
    }

    fn file(&self) -> Option<&File> {
        Some(&self.file)
    }

    fn is_in_memory(&self) -> bool {
        matches!(self.reads.how, How::Plain)
    }
}

/// Reads bytes that are in the page cache. If not all of them are, the kernel may begin to
/// read them ahead.
fn read_without_waiting(
    file: &File,
    buf: &mut [MaybeUninit<u8>],
    offset: u64,
) -> io::Result<usize> {
    let part = libc::iovec {
        iov_base: buf.as_mut_ptr().cast(),
        iov_len: buf.len(),
    };
    // `rustix::io::preadv2` takes initialized buffers only.
    // SAFETY: `part` describes `buf`, which is borrowed mutably and may hold anything. The
    // descriptor is open. On 64-bit systems, the offset is one argument, and the next is
    // ignored.
    let read = unsafe {
        libc::syscall(
            libc::SYS_preadv2,
            file.as_raw_fd(),
            &raw const part,
            1_usize,
            offset,
            0_usize,
            libc::RWF_NOWAIT,
        )
    };
    usize::try_from(read).map_err(|_| io::Error::last_os_error())
}

/// Whether all such reads will fail, because the kernel, a sandbox or the file system does
/// not allow them.
fn is_permanent(error: &io::Error) -> bool {
    let permanent = [libc::ENOSYS, libc::EPERM, libc::EOPNOTSUPP];
    error
        .raw_os_error()
        .is_some_and(|number| permanent.contains(&number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_that_a_file_system_does_not_support_are_not_tried_again() {
        // `/proc` has no page cache, so that the kernel refuses the flag.
        let file = File::open("/proc/self/status").expect("Linux has it");
        let reads = Arc::new(CachedReads::of_disk());
        let file = LocalFile::new(file, reads.clone());
        let mut buf = [MaybeUninit::uninit(); 4];
        assert!(file.read_cached_at(&mut buf, 0).is_none());
        assert!(!reads.are_possible());
        let plain = file
            .read_exact_uninit_at(&mut buf, 0)
            .expect("it can be read");
        assert_eq!(plain, b"Name");
    }

    #[test]
    fn a_read_past_the_end_is_refused() {
        let file = tempfile::tempfile().expect("a file");
        std::io::Write::write_all(&mut &file, b"four").expect("it is written");
        for reads in [CachedReads::of_disk(), CachedReads::of_memory()] {
            let file = LocalFile::new(file.try_clone().expect("a descriptor"), Arc::new(reads));
            let mut buf = [MaybeUninit::uninit(); 5];
            assert!(file.read_cached_at(&mut buf, 0).is_none());
        }
    }
}
