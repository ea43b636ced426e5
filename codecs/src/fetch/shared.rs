//! Bytes that values share.

use std::ops::Deref;
use std::sync::Arc;

use crate::aligned::AlignedBytes;
use crate::{Access, CodecError, Map, Prefault};

/// Shared, immutable bytes, in a mapped file or on the heap.
#[derive(Clone)]
pub(crate) enum Shared {
    Heap(Arc<AlignedBytes>),
    Map(Arc<Map>),
}

impl Shared {
    pub(crate) fn map(&self) -> Option<&Map> {
        match self {
            Self::Heap(_) => None,
            Self::Map(map) => Some(map),
        }
    }

    /// Heap bytes and mapped bytes that they take.
    pub(crate) fn costs(&self) -> (usize, usize) {
        match self {
            Self::Heap(bytes) => (bytes.capacity(), 0),
            Self::Map(map) => (0, map.len()),
        }
    }

    pub(crate) fn advise(&self, access: Access) {
        if let Some(map) = self.map() {
            map.advise(access);
        }
    }

    pub(crate) fn prefault(&self, how: Prefault) -> Result<(), CodecError> {
        self.map().map_or(Ok(()), |map| map.prefault(how))
    }
}

impl Deref for Shared {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Heap(bytes) => bytes,
            Self::Map(map) => map,
        }
    }
}

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        self
    }
}
