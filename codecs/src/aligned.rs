//! Bytes on the heap that begin on a page, as those of a map do.

use std::alloc::{self, Layout};
use std::io;
use std::ops::{Deref, DerefMut};
use std::ptr::{self, NonNull};
use std::slice;

/// The smallest page there is, and so the strictest alignment that a map can
/// promise.
pub(crate) const PAGE: usize = 4096;

/// A growing buffer whose first byte is aligned to [`PAGE`], also when it is
/// empty. Running out of memory is an error, not an abort.
pub(crate) struct AlignedBytes {
    /// Allocated with `layout(capacity)`; the first `len` bytes are
    /// initialized.
    start: NonNull<u8>,
    len: usize,
    /// Never 0, so that `start` is always an allocation and aligned.
    capacity: usize,
}

// SAFETY: the buffer is plain bytes that this value alone owns.
unsafe impl Send for AlignedBytes {}
// SAFETY: a shared reference gives out nothing but `&[u8]`.
unsafe impl Sync for AlignedBytes {}

impl AlignedBytes {
    /// No bytes, and room for `capacity`.
    pub(crate) fn with_capacity(capacity: usize) -> io::Result<Self> {
        let capacity = capacity.max(1);
        let layout = layout(capacity)?;
        // SAFETY: `layout` has a size of at least 1.
        let start = unsafe { alloc::alloc(layout) };
        Ok(Self {
            start: NonNull::new(start).ok_or(io::ErrorKind::OutOfMemory)?,
            len: 0,
            capacity,
        })
    }

    /// `len` zeros.
    pub(crate) fn zeroed(len: usize) -> io::Result<Self> {
        let mut bytes = Self::with_capacity(len)?;
        // SAFETY: `start` is valid for writes of `capacity >= len` bytes.
        unsafe { ptr::write_bytes(bytes.start.as_ptr(), 0, len) };
        bytes.len = len;
        Ok(bytes)
    }

    /// Adds `more` behind the bytes that are there.
    pub(crate) fn extend(&mut self, more: &[u8]) -> io::Result<()> {
        if more.len() > self.capacity - self.len {
            self.grow(more.len())?;
        }
        // SAFETY: `capacity - len >= more.len()`, so the target lies in the
        // allocation; `more` does not, because `self` is borrowed mutably.
        unsafe {
            let end = self.start.as_ptr().add(self.len);
            ptr::copy_nonoverlapping(more.as_ptr(), end, more.len());
        }
        self.len += more.len();
        Ok(())
    }

    /// Bytes that it takes from the heap.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Makes room for `additional` bytes and a little more, and at least doubles.
    #[cold]
    fn grow(&mut self, additional: usize) -> io::Result<()> {
        let needed = self
            .len
            .checked_add(additional)
            .ok_or(io::ErrorKind::OutOfMemory)?;
        // Archives are written leaves first, so a root of some bytes follows one
        // large piece: it must not double the buffer and copy that piece.
        let room = needed.saturating_add((needed / 8).min(PAGE));
        let mut larger = Self::with_capacity(room.max(self.capacity.saturating_mul(2)))?;
        // SAFETY: `larger` is another allocation, with room for more than
        // `len` bytes; the first `len` of this one are initialized.
        unsafe {
            ptr::copy_nonoverlapping(self.start.as_ptr(), larger.start.as_ptr(), self.len);
        }
        larger.len = self.len;
        *self = larger;
        Ok(())
    }
}

/// How `capacity` bytes are allocated.
fn layout(capacity: usize) -> io::Result<Layout> {
    Layout::from_size_align(capacity, PAGE).map_err(|_| io::ErrorKind::OutOfMemory.into())
}

impl Drop for AlignedBytes {
    fn drop(&mut self) {
        // SAFETY: `start` was allocated with exactly this layout, which
        // `with_capacity` found valid.
        unsafe {
            let layout = Layout::from_size_align_unchecked(self.capacity, PAGE);
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

impl DerefMut for AlignedBytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: the first `len` bytes are initialized and owned by `self`,
        // which is borrowed mutably.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::{AlignedBytes, PAGE};

    #[test]
    fn begins_on_a_page_at_every_size() {
        for len in [0, 1, 100, PAGE, PAGE + 1, 100_000] {
            let bytes = AlignedBytes::zeroed(len).unwrap();
            assert_eq!(bytes.as_ptr().addr() % PAGE, 0);
            assert_eq!(&*bytes, vec![0; len]);
        }
    }

    #[test]
    fn grows_and_keeps_what_it_holds() {
        let mut bytes = AlignedBytes::with_capacity(0).unwrap();
        let mut expected = Vec::new();
        for n in 0..2000u32 {
            bytes.extend(&n.to_le_bytes()).unwrap();
            expected.extend_from_slice(&n.to_le_bytes());
        }
        bytes.extend(&[]).unwrap();
        assert_eq!(&*bytes, expected);
        assert_eq!(bytes.as_ptr().addr() % PAGE, 0);
        assert!(bytes.capacity() >= bytes.len());
    }

    /// The archive of a large `Vec` was copied, and its buffer doubled, when the
    /// root was written behind it.
    #[test]
    fn a_small_piece_behind_a_large_one_fits() {
        let mut bytes = AlignedBytes::with_capacity(32).unwrap();
        bytes.extend(&vec![1; 1 << 20]).unwrap();
        bytes.extend(&[2; 200]).unwrap();
        assert!(bytes.capacity() < (1 << 20) + 2 * PAGE);
    }

    #[test]
    fn reports_a_size_that_no_memory_has() {
        assert!(AlignedBytes::with_capacity(usize::MAX).is_err());
        assert!(AlignedBytes::with_capacity(isize::MAX as usize - PAGE).is_err());
    }
}
