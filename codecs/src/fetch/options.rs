//! Whether to map or to read a payload, and how to prepare it.

use std::io;
use std::sync::Arc;

use super::Shared;
use crate::map::budget;
use crate::{
    Access, CodecError, FrameError, Load, Map, MapLicence, Payload, Prefault, ReadAhead, read_limit,
};

/// Payloads below this many bytes are read even if they could be mapped, because reading
/// is faster.
const CROSSOVER: u64 = 256 * 1024;

/// Payloads of at least this many bytes are mapped when they are loaded again, even below
/// the crossover: the map is kept, so the next load is a hit. One page.
const MAP_ON_RELOAD: u64 = 4096;

/// When a codec that maps verifies the checksum of a payload.
///
/// This option concerns damage that leaves a valid archive with other values, or other
/// plain bytes. In all cases the footer's own checksum and the lengths are verified, and
/// archives are validated unless the codec was told to trust them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verify {
    /// When the payload is read into memory, but not when it is mapped, because that
    /// would read all of it.
    #[default]
    WhenRead,
    /// On every load, which reads all of every mapped file.
    Always,
    /// Never.
    Never,
}

/// The options of a codec that has a [`Fetch`] in its field `fetch`.
macro_rules! fetch_options {
    ($codec:ty) => {
        /// How payloads are brought into memory.
        impl $codec {
            /// Reads payloads of less than `bytes` bytes into memory and maps the others.
            /// The default is 256 KiB.
            ///
            /// Counting the load alone, reading and mapping cost the same at 64 KiB if
            /// the program touches little of the payload, and at 128 KiB if it touches
            /// all of it: 8 to 20 µs from the page cache. But a map must be unmapped
            /// eventually, which briefly stops the process's other threads. With that
            /// included, they break even at 256 KiB, on one thread and on two. The
            /// benchmark `run crossover` measures the load alone on your machine. A
            /// program that keeps its maps gains from a lower value.
            #[must_use]
            pub fn crossover(mut self, bytes: u64) -> Self {
                self.fetch.crossover = bytes;
                self
            }

            /// Maps payloads of at least `bytes` bytes, but below the
            /// [`crossover`](Self::crossover), when they are loaded again, unless the
            /// process is running out of maps. The default is 4096.
            ///
            /// Reading a small file once is faster than mapping it. But a map is kept as
            /// long as the process has maps to spare, and each later load is then a hit.
            /// A value that was loaded, evicted and loaded again is likely to be loaded
            /// once more. At 4 KiB, the map takes 9 µs where the read takes 6, and each
            /// later load some nanoseconds. (A value smaller than a page uses less memory
            /// as a copy than as a map.)
            #[must_use]
            pub fn map_on_reload(mut self, bytes: u64) -> Self {
                self.fetch.map_on_reload = bytes;
                self
            }

            /// Refuses payloads of more than `bytes` bytes that are not mapped, before
            /// anything is allocated. The default is
            /// [`read_limit::get`]($crate::read_limit::get).
            #[must_use]
            pub fn read_limit(mut self, bytes: u64) -> Self {
                self.fetch.read_limit = Some(bytes);
                self
            }

            /// When to verify the checksum of a payload.
            #[must_use]
            pub fn verify(mut self, verify: $crate::Verify) -> Self {
                self.fetch.verify = verify;
                self
            }

            /// When the pages of a mapped file are brought into memory.
            #[must_use]
            pub fn prefault(mut self, how: $crate::Prefault) -> Self {
                self.fetch.prefault = how;
                self
            }

            /// How mapped files will be read.
            #[must_use]
            pub fn access(mut self, access: $crate::Access) -> Self {
                self.fetch.access = access;
                self
            }
        }
    };
}
pub(crate) use fetch_options;

/// The options shared by the codecs that map.
#[derive(Clone, Debug)]
pub(crate) struct Fetch {
    /// `None`: never maps.
    pub(crate) licence: Option<Arc<MapLicence>>,
    pub(crate) crossover: u64,
    pub(crate) map_on_reload: u64,
    pub(crate) read_limit: Option<u64>,
    pub(crate) verify: Verify,
    pub(crate) prefault: Prefault,
    pub(crate) access: Access,
}

impl Fetch {
    /// Never maps.
    pub(crate) fn heap() -> Self {
        Self {
            licence: None,
            crossover: CROSSOVER,
            map_on_reload: MAP_ON_RELOAD,
            read_limit: None,
            verify: Verify::default(),
            prefault: Prefault::default(),
            access: Access::default(),
        }
    }

    pub(crate) fn licensed(licence: MapLicence) -> Self {
        Self {
            licence: Some(Arc::new(licence)),
            ..Self::heap()
        }
    }

    /// Refuses to write a payload of `len` bytes that would have to be read into memory
    /// and exceeds the read limit.
    pub(crate) fn check_written(&self, len: u64) -> Result<(), FrameError> {
        if self.licence.is_some() && len >= self.crossover {
            return Ok(());
        }
        read_limit::check(len, self.read_limit.unwrap_or_else(read_limit::get))
    }

    /// A small file, which will be read and not mapped, is read in one call with its
    /// footer.
    pub(crate) fn read_ahead(&self, file_len: u64, load: Load, align: usize) -> ReadAhead {
        match self.licence {
            Some(_) if self.is_better_mapped(file_len, load) => ReadAhead::Nothing,
            _ => ReadAhead::Own(align),
        }
    }

    fn is_better_mapped(&self, len: u64, load: Load) -> bool {
        len >= self.crossover
            || load == Load::Again && len >= self.map_on_reload && !budget::is_under_pressure()
    }

    /// Maps the payload, or reads it into memory aligned to `align` bytes.
    pub(crate) fn fetch(&self, payload: Payload<'_>, align: usize) -> Result<Shared, CodecError> {
        if let Some(licence) = self.licence_for(&payload)
            && let Some(map) = payload.try_map(licence)?
            && self.prepare(&map)?
        {
            if self.verify == Verify::Always {
                payload.check(&map)?;
            }
            return Ok(Shared::Map(Arc::new(map)));
        }
        let payload = match self.read_limit {
            Some(limit) => payload.with_read_limit(limit),
            None => payload,
        };
        let bytes = payload.read_aligned(align, self.verify != Verify::Never)?;
        Ok(Shared::Heap(Arc::new(bytes)))
    }

    /// Returns `None` if the payload should be read.
    fn licence_for(&self, payload: &Payload<'_>) -> Option<&MapLicence> {
        let licence = self.licence.as_deref()?;
        let is_better_mapped = self.is_better_mapped(payload.len(), payload.load());
        is_better_mapped.then_some(licence)
    }

    /// Brings the pages of a new map into memory as the options say. Returns `false` if
    /// the system cannot do that. The file must then be read, because accessing its pages
    /// could kill the process with a signal.
    fn prepare(&self, map: &Map) -> Result<bool, CodecError> {
        if self.access != Access::Normal {
            map.advise(self.access);
        }
        // Computing the checksum accesses all bytes.
        let how = match self.verify {
            Verify::Always => Prefault::Populate,
            Verify::WhenRead | Verify::Never => self.prefault,
        };
        match map.prefault(how) {
            Err(error) if is_unsupported(&error) => Ok(false),
            prefaulted => prefaulted.map(|()| true),
        }
    }
}

fn is_unsupported(error: &CodecError) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::Unsupported)
}
