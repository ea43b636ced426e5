//! A heap buffer of bytes with a chosen alignment.

use std::alloc::{self, Layout};
use std::io;
use std::mem::MaybeUninit;
use std::ops::Deref;
use std::ptr::{self, NonNull};
use std::slice;

use crate::frame::Source;

/// The smallest page size, and so the largest alignment that a map guarantees.
#[cfg(feature = "mappedcodec")]
pub(crate) const PAGE: usize = 4096;

/// The alignment that allocators provide anyway, so asking for less gains nothing.
pub(crate) const LEAST: usize = 16;

/// The size of a huge page of most processors. A buffer of at least two asks for such pages:
/// a buffer of 16 MiB has 4096 small ones, and the first touch of each takes about as long as
/// reading its bytes.
const HUGE_PAGE: usize = 2 << 20;

/// A growable buffer whose first byte has the requested alignment, even if the buffer is
/// empty. Running out of memory is an error, not an abort.
pub(crate) struct AlignedBytes {
    /// Allocated with `layout(capacity, align)`; the first `len` bytes are
    /// initialized.
    start: NonNull<u8>,
    /// Never above `capacity`.
    len: usize,
    /// Never 0, so that `start` is always an allocation and aligned.
    capacity: usize,
    align: usize,
}

// SAFETY: the buffer is plain bytes that this value alone owns.
unsafe impl Send for AlignedBytes {}
// SAFETY: a shared reference gives access to nothing but `&[u8]`.
unsafe impl Sync for AlignedBytes {}

impl AlignedBytes {
    /// Creates an empty buffer with room for `capacity` bytes. `align` is a power of two.
    pub(crate) fn with_capacity(capacity: usize, align: usize) -> io::Result<Self> {
        let capacity = capacity.max(1);
        let is_large = capacity >= 2 * HUGE_PAGE;
        let align = if is_large {
            align.max(HUGE_PAGE)
        } else {
            align
        };
        let layout = layout(capacity, align)?;
        // SAFETY: `layout` has a size of at least 1.
        let start = unsafe { alloc::alloc(layout) };
        let bytes = Self {
            start: NonNull::new(start).ok_or(io::ErrorKind::OutOfMemory)?,
            len: 0,
            capacity,
            align,
        };
        if is_large {
            bytes.ask_for_huge_pages();
        }
        Ok(bytes)
    }

    /// Asks for [huge pages](https://docs.kernel.org/admin-guide/mm/transhuge.html), which the
    /// system may have none of.
    #[cfg(target_os = "linux")]
    fn ask_for_huge_pages(&self) {
        use rustix::mm::{Advice, madvise};
        let len = self.capacity - self.capacity % HUGE_PAGE;
        let start = self.start.as_ptr().cast();
        // SAFETY: the range is within the allocation, which begins at a huge page. The advice
        // changes no contents.
        let _ = unsafe { madvise(start, len, Advice::LinuxHugepage) };
    }

    #[cfg(not(target_os = "linux"))]
    fn ask_for_huge_pages(&self) {}

    /// Copies `bytes`.
    #[cfg(any(feature = "mappedcodec", feature = "bytescodec"))]
    pub(crate) fn copy_of(bytes: &[u8], align: usize) -> io::Result<Self> {
        let mut copy = Self::with_capacity(bytes.len(), align)?;
        copy.extend(bytes)?;
        Ok(copy)
    }

    /// Appends `more`.
    #[cfg(any(test, feature = "mappedcodec", feature = "bytescodec"))]
    pub(crate) fn extend(&mut self, more: &[u8]) -> io::Result<()> {
        if more.len() > self.capacity - self.len {
            self.grow(more.len())?;
        }
        // SAFETY: `capacity - len >= more.len()`, so the target lies in the allocation;
        // `more` does not, because `self` is borrowed mutably.
        unsafe {
            let end = self.start.as_ptr().add(self.len);
            ptr::copy_nonoverlapping(more.as_ptr(), end, more.len());
        }
        self.len += more.len();
        Ok(())
    }

    /// Appends the `len` bytes of `source` at `offset`. On an error, nothing is appended.
    pub(crate) fn read_from(
        &mut self,
        source: &dyn Source,
        offset: u64,
        len: usize,
    ) -> io::Result<()> {
        if len > self.capacity - self.len {
            self.grow(len)?;
        }
        // SAFETY: the `capacity - len` bytes after the first `len` lie in the allocation,
        // and `MaybeUninit` requires nothing of them.
        let spare = unsafe {
            let end = self.start.as_ptr().add(self.len);
            slice::from_raw_parts_mut(end.cast::<MaybeUninit<u8>>(), len)
        };
        fill(source, spare, offset)?;
        // `fill` has initialized these bytes.
        self.len += len;
        Ok(())
    }

    /// Shortens the buffer to `len` bytes, if it is longer.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Bytes allocated on the heap.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Makes room for `additional` bytes and some more. Many small additions at least
    /// double the capacity. One large addition gets an eighth more than it needs, for the
    /// little that follows it.
    #[cold]
    fn grow(&mut self, additional: usize) -> io::Result<()> {
        let needed = self
            .len
            .checked_add(additional)
            .ok_or(io::ErrorKind::OutOfMemory)?;
        let spare = needed / 8 + 64;
        let capacity = needed
            .saturating_add(spare)
            .max(self.capacity.saturating_mul(2));
        let mut larger = Self::with_capacity(capacity, self.align)?;
        // SAFETY: `larger` is a different allocation, with room for more than `len`
        // bytes; the first `len` of this one are initialized.
        unsafe {
            ptr::copy_nonoverlapping(self.start.as_ptr(), larger.start.as_ptr(), self.len);
        }
        larger.len = self.len;
        *self = larger;
        Ok(())
    }
}

/// Initializes all of `buf` with the bytes of `source` at `offset`.
pub(crate) fn fill(
    source: &dyn Source,
    buf: &mut [MaybeUninit<u8>],
    offset: u64,
) -> io::Result<()> {
    let (start, len) = (buf.as_ptr().cast::<u8>(), buf.len());
    let filled = source.read_exact_uninit_at(buf, offset)?;
    // A `u8` is always initialized. So if the returned bytes are those of `buf`, then
    // `buf` is initialized, no matter what the source does.
    assert!(
        ptr::eq(filled.as_ptr(), start) && filled.len() == len,
        "a source returns the buffer that it was asked to fill"
    );
    Ok(())
}

/// The layout of an allocation of `capacity` bytes.
fn layout(capacity: usize, align: usize) -> io::Result<Layout> {
    Layout::from_size_align(capacity, align).map_err(|_| io::ErrorKind::OutOfMemory.into())
}

impl Drop for AlignedBytes {
    fn drop(&mut self) {
        // SAFETY: `start` was allocated with exactly this layout, which
        // `with_capacity` found valid.
        unsafe {
            let layout = Layout::from_size_align_unchecked(self.capacity, self.align);
            alloc::dealloc(self.start.as_ptr(), layout);
        }
    }
}

impl Deref for AlignedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the first `len` bytes are initialized and owned by `self`.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::{AlignedBytes, HUGE_PAGE, LEAST};

    const PAGE: usize = 4096;

    #[test]
    fn a_buffer_of_any_size_begins_at_its_alignment() {
        for align in [1, LEAST, 64, PAGE] {
            for len in [0, 1, 100, PAGE, PAGE + 1, 100_000, 5_000_001] {
                let source = vec![7u8; len + 10];
                let mut bytes = AlignedBytes::with_capacity(len, align).unwrap();
                bytes.read_from(&source, 10, len).unwrap();
                assert_eq!(bytes.as_ptr().addr() % align, 0);
                assert_eq!(&*bytes, &source[10..]);
            }
        }
    }

    #[test]
    fn a_growing_buffer_keeps_its_bytes_and_its_alignment() {
        let mut bytes = AlignedBytes::with_capacity(0, PAGE).unwrap();
        let mut expected = Vec::new();
        for n in 0..2000u32 {
            bytes.extend(&n.to_le_bytes()).unwrap();
            expected.extend_from_slice(&n.to_le_bytes());
        }
        bytes.extend(&[]).unwrap();
        bytes.read_from(&vec![1u8; 5000], 0, 5000).unwrap();
        expected.extend_from_slice(&[1; 5000]);
        assert_eq!(&*bytes, expected);
        assert_eq!(bytes.as_ptr().addr() % PAGE, 0);
        assert!(bytes.capacity() >= bytes.len());
        bytes.truncate(3);
        assert_eq!(&*bytes, &expected[..3]);
    }

    #[test]
    fn a_read_past_the_end_of_a_source_appends_nothing() {
        let mut bytes = AlignedBytes::with_capacity(0, LEAST).unwrap();
        bytes.extend(&[1, 2]).unwrap();
        assert!(bytes.read_from(&vec![0u8; 5], 3, 3).is_err());
        assert_eq!(&*bytes, &[1, 2]);
    }

    #[test]
    fn an_impossible_capacity_is_an_error() {
        assert!(AlignedBytes::with_capacity(usize::MAX, PAGE).is_err());
        assert!(AlignedBytes::with_capacity(isize::MAX as usize - PAGE, PAGE).is_err());
    }

    #[test]
    fn a_large_buffer_begins_at_a_huge_page() {
        for (len, is_large) in [(HUGE_PAGE, false), (2 * HUGE_PAGE, true), (5_000_001, true)] {
            let bytes = AlignedBytes::with_capacity(len, LEAST).unwrap();
            let at_huge_page = bytes.as_ptr().addr().is_multiple_of(HUGE_PAGE);
            assert!(!is_large || at_huge_page, "{len} bytes");
        }
    }

    /// A source that ignores the buffer and returns a different one.
    struct Swindler;

    impl crate::Source for Swindler {
        fn len(&self) -> std::io::Result<u64> {
            Ok(4)
        }

        fn read_exact_at(&self, _: &mut [u8], _: u64) -> std::io::Result<()> {
            Ok(())
        }

        fn read_exact_uninit_at<'b>(
            &self,
            buf: &'b mut [std::mem::MaybeUninit<u8>],
            _: u64,
        ) -> std::io::Result<&'b mut [u8]> {
            Ok(vec![0; buf.len()].leak())
        }
    }

    #[test]
    #[should_panic(expected = "returns the buffer")]
    fn a_source_that_fills_another_buffer_panics() {
        let mut bytes = AlignedBytes::with_capacity(4, LEAST).unwrap();
        let _ = bytes.read_from(&Swindler, 0, 4);
    }
}
