//! Counts the bytes written to and read from files, keeps files within a quota, and records
//! failures of the system.
//!
//! A codec may wrap the failure of a file in another error, or swallow it. The record
//! distinguishes a failure of the system from one of the codec.

use std::fs::File;
use std::io::{self, Write};
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

use file_backed_codecs::frame::{FOOTER_LEN, Refusal};
use file_backed_codecs::{CodecError, Source};

use super::quota::{NextBytes, Reservation};
use crate::backing_store::{Traffic, in_call, load_room};
use crate::error::StoreError;

/// The bytes written and read by one store.
#[derive(Default)]
pub(super) struct TrafficMeter {
    written: AtomicU64,
    read: AtomicU64,
}

impl TrafficMeter {
    pub(super) fn traffic(&self) -> Traffic {
        Traffic {
            written: self.written.load(Ordering::Relaxed),
            read: self.read.load(Ordering::Relaxed),
        }
    }

    /// Counts what is written to `file`. If there is a quota, the bytes are written into the
    /// room of `within`.
    pub(super) fn writing<'a>(
        &'a self,
        file: Box<dyn Write + Send + 'a>,
        within: Option<WithinQuota<'a>>,
    ) -> Writing<'a> {
        Writing {
            file: Some(file),
            written: &self.written,
            refusal: None,
            within,
        }
    }

    /// Counts what `other` has counted too.
    pub(super) fn add(&self, other: &Self) {
        let Traffic { written, read } = other.traffic();
        self.written.fetch_add(written, Ordering::Relaxed);
        self.read.fetch_add(read, Ordering::Relaxed);
    }

    /// Counts what is read from `file`. Mapping the file counts as no read, and is
    /// available only if `may_map` returns true.
    pub(super) fn reading<'a>(
        &'a self,
        file: &'a dyn Source,
        may_map: &'a (dyn Fn() -> bool + Sync),
    ) -> Reading<'a> {
        Reading {
            file,
            may_map,
            read: &self.read,
            refusal: AtomicI32::new(0),
            len: AtomicU64::new(0),
        }
    }
}

pub(super) struct Writing<'a> {
    /// `None` once the quota has refused the file.
    file: Option<Box<dyn Write + Send + 'a>>,
    written: &'a AtomicU64,
    /// The first failure of the file.
    refusal: Option<io::Error>,
    within: Option<WithinQuota<'a>>,
}

/// The room of a file in a cache with a quota.
pub(super) struct WithinQuota<'a> {
    pub(super) room: &'a mut Reservation,
    /// Removes the partial file. Returns false if that fails.
    pub(super) remove: &'a dyn Fn() -> bool,
}

impl Writing<'_> {
    /// The outcome of a write: the failure of the file, or the refusal of the quota, if
    /// there was one; or else the codec's `result`.
    pub(super) fn end<R>(self, result: Result<R, CodecError>) -> Result<R, StoreError> {
        let over_quota = self.within.and_then(|within| within.room.refusal());
        match (self.refusal, over_quota) {
            (Some(refusal), _) => Err(refusal.into()),
            (None, Some(cause)) => Err(cause.into()),
            (None, None) => Ok(result?),
        }
    }

    /// Reserves room for the next bytes of the file. Returns false if they are only counted,
    /// because the quota has refused the file.
    fn reserve(&mut self, bytes: usize) -> io::Result<bool> {
        let Some(within) = &mut self.within else {
            return Ok(true);
        };
        let next = within.room.grow(bytes as u64);
        if next == NextBytes::Write {
            return Ok(true);
        }
        // Closed and removed at once, because others need the room.
        if self.file.take().is_some() && (within.remove)() {
            within.room.removed();
        }
        match next {
            NextBytes::Stop => Err(io::ErrorKind::QuotaExceeded.into()),
            NextBytes::Count | NextBytes::Write => Ok(false),
        }
    }

    fn note<R>(&mut self, result: io::Result<R>) -> io::Result<R> {
        result.inspect_err(|error| {
            if error.kind() != io::ErrorKind::Interrupted && self.refusal.is_none() {
                self.refusal = Some(copy_of(error));
            }
        })
    }
}

/// Copies an error, because `io::Error` cannot be cloned.
fn copy_of(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(number) => io::Error::from_raw_os_error(number),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

impl Write for Writing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.reserve(bytes.len())? {
            return Ok(bytes.len());
        }
        let Some(file) = &mut self.file else {
            return Err(io::ErrorKind::QuotaExceeded.into());
        };
        let call = in_call();
        let result = file.write(bytes);
        drop(call);
        if let Some(within) = &mut self.within {
            let written = match &result {
                Ok(written) => *written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
                // Some of the bytes may be in the file.
                Err(_) => bytes.len(),
            };
            within.room.shrink((bytes.len() - written) as u64);
        }
        let written = self.note(result)?;
        self.written.fetch_add(written as u64, Ordering::Relaxed);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let _call = in_call();
        let result = self.file.as_mut().map_or(Ok(()), |file| file.flush());
        self.note(result)
    }
}

pub(super) struct Reading<'a> {
    file: &'a dyn Source,
    may_map: &'a (dyn Fn() -> bool + Sync),
    read: &'a AtomicU64,
    /// The number of the system's first error; 0 if there was none.
    refusal: AtomicI32,
    /// The length of the file, as the reader was told.
    len: AtomicU64,
}

impl Reading<'_> {
    /// The outcome of a load: if `result` is an error and the system reported one, the
    /// system's; or else `result`.
    pub(super) fn end<R>(&self, result: Result<R, CodecError>) -> Result<R, StoreError> {
        match (result, self.refusal.load(Ordering::Relaxed)) {
            (Err(_), number) if number != 0 => Err(io::Error::from_raw_os_error(number).into()),
            (result, _) => Ok(result?),
        }
    }

    /// The length of the file, once the reader has asked for it; 0 before.
    pub(super) fn seen_len(&self) -> u64 {
        self.len.load(Ordering::Relaxed)
    }

    /// More than the footer is about to be read: waits until there is room for the load.
    fn take_room(&self, bytes: usize) {
        if bytes > FOOTER_LEN {
            load_room::take(self.seen_len());
        }
    }

    fn count(&self, bytes: usize) {
        self.read.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn note<R>(&self, result: io::Result<R>) -> io::Result<R> {
        result.inspect_err(|error| {
            // The first error counts: later ones may be a consequence of it.
            let number = error.raw_os_error().unwrap_or(0);
            let _ =
                (self.refusal).compare_exchange(0, number, Ordering::Relaxed, Ordering::Relaxed);
        })
    }
}

impl Source for Reading<'_> {
    fn len(&self) -> io::Result<u64> {
        let len = self.note(self.file.len())?;
        self.len.store(len, Ordering::Relaxed);
        Ok(len)
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.take_room(buf.len());
        let _call = in_call();
        self.note(self.file.read_exact_at(buf, offset))?;
        self.count(buf.len());
        Ok(())
    }

    fn read_exact_uninit_at<'b>(
        &self,
        buf: &'b mut [MaybeUninit<u8>],
        offset: u64,
    ) -> io::Result<&'b mut [u8]> {
        self.take_room(buf.len());
        let _call = in_call();
        let read = self.note(self.file.read_exact_uninit_at(buf, offset))?;
        self.count(read.len());
        Ok(read)
    }

    fn file(&self) -> Option<&File> {
        self.file.file().filter(|_| (self.may_map)())
    }

    fn refusal(&self) -> Option<&Refusal> {
        self.file.refusal()
    }
}

#[cfg(test)]
mod tests {
    use file_backed_codecs::BoxError;

    use super::*;

    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::from_raw_os_error(28))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Source for Full {
        fn len(&self) -> io::Result<u64> {
            Ok(1)
        }

        fn read_exact_at(&self, _: &mut [u8], _: u64) -> io::Result<()> {
            Err(io::Error::from_raw_os_error(5))
        }
    }

    /// A codec may hide a failure of the disk, or continue in spite of it. That must not
    /// look like a fault of the value, or lose the value.
    #[test]
    fn a_failure_of_the_system_is_kept_whatever_the_codec_returns() {
        let meter = TrafficMeter::default();
        for of_the_codec in [
            Ok(()),
            Err(CodecError::from(BoxError::from("compression failed"))),
        ] {
            let mut out = meter.writing(Box::new(Full), None);
            out.write_all(b"value").expect_err("the disk is full");
            let error = out.end(of_the_codec).expect_err("it was refused");
            assert!(error.is_system(), "{error}");
        }
        let source = meter.reading(&Full, &|| true);
        source.read_exact_at(&mut [0], 0).expect_err("it fails");
        // The codec tries again, and finds that the file has been truncated by then.
        let ended = || Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        source.note::<()>(ended()).expect_err("it fails again");
        let of_the_codec: Result<(), _> =
            Err(CodecError::from(BoxError::from("decompression failed")));
        let error = source.end(of_the_codec).expect_err("it failed");
        assert!(error.is_system(), "{error}");
    }

    #[test]
    fn a_failure_of_the_codec_alone_is_a_fault_of_the_value() {
        let meter = TrafficMeter::default();
        let of_the_codec: Result<(), _> = Err(CodecError::from(BoxError::from("no such tile")));
        let error = meter.writing(Box::new(Vec::new()), None).end(of_the_codec);
        let error = error.expect_err("it failed");
        assert!(!error.is_system() && !error.is_not_found(), "{error}");
    }
}
