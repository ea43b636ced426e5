//! Whether to map a payload or to read it, and what to do with it then.

use std::io;
use std::sync::Arc;

use super::Shared;
use crate::map::budget;
use crate::{
    Access, BoxError, FrameError, Load, Map, MapLicence, Payload, Prefault, ReadAhead, read_limit,
};

/// Payloads below this many bytes are read even where they could be mapped,
/// because that is faster.
const CROSSOVER: u64 = 256 * 1024;

/// From this many bytes on they are mapped all the same when they are loaded once
/// more: a map is kept, so that the next load is a hit. One page.
const MAP_ON_RELOAD: u64 = 4096;

/// When a codec that maps verifies the checksum of a payload.
///
/// The footer's own checksum and the lengths are always verified, and an archive
/// is validated, unless the codec is told to trust it: this is about damage that
/// leaves a valid archive of other values, or plain bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verify {
    /// When the payload is read into memory; not when it is mapped, because
    /// that would read all of it.
    #[default]
    WhenRead,
    /// Each time, which reads all of every mapped file.
    Always,
    /// Not at all.
    Never,
}

/// The options of a codec that has a [`Fetch`] as its `fetch`.
macro_rules! fetch_options {
    ($codec:ty) => {
        /// How payloads come into memory.
        impl $codec {
            /// Reads payloads of less than `bytes` bytes into memory, and maps the
            /// others. 256 KiB if not set.
            ///
            /// The load alone costs the same at 64 KiB for who touches
            /// little of it and at 128 KiB for who touches all, 8 to 20 µs from the page
            /// cache. But a map has to be unmapped one day, which stops the process's
            /// other threads for a moment, so that all in all they meet at 256 KiB, on one
            /// thread and on two. The benchmark `run crossover` shows the first half on
            /// your machine; a program that keeps what it has mapped gains by less.
            #[must_use]
            pub fn crossover(mut self, bytes: u64) -> Self {
                self.fetch.crossover = bytes;
                self
            }

            /// Maps payloads of `bytes` bytes and more, below the
            /// [`crossover`](Self::crossover), when they are loaded once more, unless the
            /// process runs short of maps. 4096 if not set.
            ///
            /// To read a small file is faster than to map it, once. But a map is kept as
            /// long as the process has maps to spare, so that each load after that is a
            /// hit, and a value that was loaded, has left memory and is loaded again is
            /// likely to come once more: with 4 KiB, 9 µs for the map in place of 6 for
            /// the read, and some nanoseconds from then on. (A value of less than a
            /// page costs less memory as a copy than as a map.)
            #[must_use]
            pub fn map_on_reload(mut self, bytes: u64) -> Self {
                self.fetch.map_on_reload = bytes;
                self
            }

            /// Reads payloads of at most `bytes` bytes into memory, and refuses longer
            /// ones that are not mapped, before anything is allocated. What
            /// [`read_limit::get`]($crate::read_limit::get) says if not set.
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

            /// When the pages of a mapped file come into memory.
            #[must_use]
            pub fn prefault(mut self, how: $crate::Prefault) -> Self {
                self.fetch.prefault = how;
                self
            }

            /// How mapped files are going to be read.
            #[must_use]
            pub fn access(mut self, access: $crate::Access) -> Self {
                self.fetch.access = access;
                self
            }
        }
    };
}
pub(crate) use fetch_options;

/// What codecs that map have in common.
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

    /// Refuses to write a payload of `len` bytes that would be read into memory, and is
    /// longer than may be.
    pub(crate) fn check_written(&self, len: u64) -> Result<(), FrameError> {
        if self.licence.is_some() && len >= self.crossover {
            return Ok(());
        }
        read_limit::check(len, self.read_limit.unwrap_or_else(read_limit::get))
    }

    /// Small files, which are going to be read, are read at once.
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
    pub(crate) fn fetch(&self, payload: Payload<'_>, align: usize) -> Result<Shared, BoxError> {
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

    /// `None` if the payload is better read.
    fn licence_for(&self, payload: &Payload<'_>) -> Option<&MapLicence> {
        let licence = self.licence.as_deref()?;
        let is_better_mapped = self.is_better_mapped(payload.len(), payload.load());
        is_better_mapped.then_some(licence)
    }

    /// Brings the pages of a new map in, as the options say. False if that takes
    /// a call that the kernel does not have: the file is to be read then, since
    /// to touch its pages could end the process with a signal.
    fn prepare(&self, map: &Map) -> Result<bool, BoxError> {
        if self.access != Access::Normal {
            map.advise(self.access);
        }
        // To sum up the bytes touches all of them.
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

fn is_unsupported(error: &BoxError) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::Unsupported)
}
