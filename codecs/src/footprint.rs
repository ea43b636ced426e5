//! The cost of a resident value.

/// The cost of a value while it is resident, in bytes.
///
/// Heap bytes are the process's own memory and are freed only when the value is dropped.
/// Mapped bytes are pages of a file; the kernel reclaims them when memory is short.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Bytes of the process's own memory.
    pub heap: usize,
    /// Bytes of mapped files.
    pub mapped: usize,
}

impl Footprint {
    /// A value that is entirely in the process's own memory.
    pub const fn heap(bytes: usize) -> Self {
        Self {
            heap: bytes,
            mapped: 0,
        }
    }

    /// A value that lives in a mapped file.
    pub const fn mapped(bytes: usize) -> Self {
        Self {
            heap: 0,
            mapped: bytes,
        }
    }

    /// Whether the value lives in a mapped file, so that dropping it frees hardly any of
    /// the process's own memory.
    pub const fn is_mapped(self) -> bool {
        self.mapped > 0
    }
}
