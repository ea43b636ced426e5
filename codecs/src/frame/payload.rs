//! The payload that a codec reads from.

// The numbers here come from files.
#![warn(clippy::arithmetic_side_effects)]

use std::fmt;
use std::io::{self, Read};

use super::ahead::{self, Load, ReadAhead};
use super::{FOOTER_LEN, Footer, FrameError, Source};
use crate::aligned::{self, AlignedBytes};
use crate::{BoxError, CodecError, CodecId, read_limit};

/// The payload of one file, opened for decoding.
///
/// It can be read whole (the checksum is verified before any bytes are handed out), read
/// through [`Read`] (the checksum is verified at the end), or mapped, which takes a
/// licence.
pub struct Payload<'s> {
    source: &'s dyn Source,
    len: u64,
    /// `None` for a file without a footer, opened for import.
    footer: Option<Footer>,
    /// Most bytes that decoding may allocate, if the file was opened for import.
    decode_limit: Option<u64>,
    /// Most bytes that are read into memory at once, if the codec sets a limit; `None`
    /// means the limit of the process.
    read_limit: Option<u64>,
    /// The payload's bytes, if they were read together with the footer; not yet verified.
    ahead: Option<AlignedBytes>,
    load: Load,
    /// How far `Read` has come, and the checksum of the bytes up to there.
    position: u64,
    crc: crc32fast::Hasher,
}

impl<'s> Payload<'s> {
    /// Opens a file that `codec` wrote: reads and checks its footer.
    ///
    /// # Errors
    ///
    /// A [`FrameError`] if the file has no complete footer, has a different length than
    /// the footer states, or was written by another codec or a later version of the
    /// format; errors of the file.
    pub fn open(source: &'s dyn Source, codec: CodecId) -> Result<Self, CodecError> {
        Self::open_reading(source, codec, |_| ReadAhead::Nothing)
    }

    /// Same as [`open`](Self::open), but in the same call as the footer also reads what
    /// `ahead` returns for the length of the file, in bytes.
    ///
    /// # Errors
    ///
    /// Same as [`open`](Self::open).
    pub fn open_reading(
        source: &'s dyn Source,
        codec: CodecId,
        ahead: impl FnOnce(u64) -> ReadAhead,
    ) -> Result<Self, CodecError> {
        let len = source.len()?;
        let mut whole = ahead(len).read(source, len)?;
        let footer = match &whole {
            Some(whole) => parse_footer(whole.last_chunk(), len)?,
            None => footer_at_end(source, len)?,
        };
        if footer.codec != codec {
            let (expected, found) = (codec, footer.codec);
            return Err(FrameError::WrongCodec { expected, found }.into());
        }
        if let Some(whole) = &mut whole {
            whole.truncate(whole.len().saturating_sub(FOOTER_LEN));
        }
        Ok(Self {
            source,
            len: footer.payload_len,
            footer: Some(footer),
            decode_limit: None,
            read_limit: None,
            ahead: whole,
            load: Load::First,
            position: 0,
            crc: crc32fast::Hasher::new(),
        })
    }

    pub(super) fn for_load(self, load: Load) -> Self {
        Self { load, ..self }
    }

    /// Sets the most bytes that [`read_with`](Self::read_with) and
    /// [`read_whole`](Self::read_whole) may read into memory, instead of
    /// [`read_limit::get`](crate::read_limit::get).
    #[must_use]
    pub fn with_read_limit(self, bytes: u64) -> Self {
        Self {
            read_limit: Some(bytes),
            ..self
        }
    }

    /// Checks the read limit and returns how many bytes to allocate for the whole
    /// payload, before any of them is allocated.
    fn len_to_read(&self) -> Result<usize, CodecError> {
        // The length of a file without a footer was already checked against the import
        // limit.
        if self.footer.is_some() {
            let limit = self.read_limit.unwrap_or_else(read_limit::get);
            read_limit::check(self.len, limit)?;
        }
        usize::try_from(self.len).map_err(CodecError::new)
    }

    /// Which load of the value this is; [`Load::First`] if the caller did not say.
    pub fn load(&self) -> Load {
        self.load
    }

    /// Opens a file of file_backed 0.6, which consists of a payload only. Decoding may
    /// allocate at most `limit` bytes, because no checksum can detect a damaged length.
    ///
    /// # Errors
    ///
    /// [`FrameError::OverLimit`]; errors of the file.
    pub fn open_unframed(source: &'s dyn Source, limit: u64) -> Result<Self, CodecError> {
        let len = source.len()?;
        if len > limit {
            return Err(FrameError::OverLimit { len, limit }.into());
        }
        Ok(Self {
            source,
            len,
            footer: None,
            decode_limit: Some(limit),
            read_limit: None,
            ahead: None,
            load: Load::First,
            position: 0,
            crc: crc32fast::Hasher::new(),
        })
    }

    /// Reads and checks the footer of a file, no matter which codec wrote it.
    ///
    /// # Errors
    ///
    /// A [`FrameError`] if the file has no complete footer or has a different length than
    /// the footer states; errors of the file.
    pub fn read_footer(source: &dyn Source) -> Result<Footer, CodecError> {
        footer_at_end(source, source.len()?)
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the payload is empty.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The file's footer; `None` for a file without one, opened for import.
    pub fn footer(&self) -> Option<&Footer> {
        self.footer.as_ref()
    }

    /// Most bytes of memory that decoding may allocate, for a file without a checksum.
    pub fn decode_limit(&self) -> Option<u64> {
        self.decode_limit
    }

    /// Reads the whole payload in one read, verifies the checksum, and passes the bytes
    /// to `decode`. The bytes are in a buffer that the thread reuses for its next file,
    /// so this method suits codecs that do not keep them.
    ///
    /// # Errors
    ///
    /// [`FrameError::OverReadLimit`]; [`FrameError::PayloadChecksum`]; errors of the file
    /// and of `decode`; [`io::ErrorKind::OutOfMemory`].
    pub fn read_with<R>(
        mut self,
        decode: impl FnOnce(&[u8]) -> Result<R, BoxError>,
    ) -> Result<R, CodecError> {
        let len = self.len_to_read()?;
        let bytes = match self.ahead.take() {
            Some(bytes) => bytes,
            None => self.read_to(ahead::scratch(len)?)?,
        };
        self.check(&bytes)?;
        let result = decode(&bytes);
        ahead::keep(bytes);
        Ok(result?)
    }

    /// Reads the whole payload in one read and verifies the checksum.
    ///
    /// # Errors
    ///
    /// [`FrameError::OverReadLimit`]; [`FrameError::PayloadChecksum`]; errors of the
    /// file; [`TryReserveError`](std::collections::TryReserveError) if there is not
    /// enough memory.
    pub fn read_whole(mut self) -> Result<Vec<u8>, CodecError> {
        let len = self.len_to_read()?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(len).map_err(CodecError::new)?;
        match self.ahead.take() {
            Some(read) => {
                bytes.extend_from_slice(&read);
                ahead::keep(read);
            }
            None => {
                aligned::fill(self.source, &mut bytes.spare_capacity_mut()[..len], 0)?;
                // SAFETY: `fill` has initialized the first `len` bytes of the spare
                // capacity, which begins at 0.
                unsafe { bytes.set_len(len) };
            }
        }
        self.check(&bytes)?;
        Ok(bytes)
    }

    /// Reads the whole payload into `buf` in one read, and verifies the checksum if
    /// `verify` is set.
    ///
    /// # Errors
    ///
    /// [`FrameError::PayloadChecksum`]; errors of the file.
    ///
    /// # Panics
    ///
    /// If `buf` and the payload differ in length.
    pub fn read_into(mut self, buf: &mut [u8], verify: bool) -> Result<(), CodecError> {
        assert_eq!(
            buf.len() as u64,
            self.len,
            "the buffer must be as long as the payload"
        );
        match self.ahead.take() {
            Some(read) => {
                buf.copy_from_slice(&read);
                ahead::keep(read);
            }
            None => self.source.read_exact_at(buf, 0)?,
        }
        if verify { self.check(buf) } else { Ok(()) }
    }

    /// Reads the whole payload into newly allocated memory, aligned to `align` bytes, and
    /// verifies the checksum if `verify` is set.
    #[cfg(any(feature = "mappedcodec", feature = "bytescodec"))]
    pub(crate) fn read_aligned(
        mut self,
        align: usize,
        verify: bool,
    ) -> Result<AlignedBytes, CodecError> {
        let len = self.len_to_read()?;
        let bytes = match self.ahead.take() {
            Some(bytes) if bytes.as_ptr().addr().is_multiple_of(align) => bytes,
            _ => self.read_to(AlignedBytes::with_capacity(len, align)?)?,
        };
        if verify {
            self.check(&bytes)?;
        }
        Ok(bytes)
    }

    /// Fills an empty buffer with the payload.
    fn read_to(&self, mut bytes: AlignedBytes) -> Result<AlignedBytes, CodecError> {
        let len = usize::try_from(self.len).map_err(CodecError::new)?;
        bytes.read_from(self.source, 0, len)?;
        Ok(bytes)
    }

    /// Verifies the checksum of the whole payload, if there is one.
    pub(crate) fn check(&self, payload: &[u8]) -> Result<(), CodecError> {
        match &self.footer {
            Some(footer) if crc32fast::hash(payload) != footer.payload_crc => {
                Err(FrameError::PayloadChecksum.into())
            }
            _ => Ok(()),
        }
    }

    /// The source that this payload is read from.
    #[cfg(feature = "map")]
    pub(crate) fn source(&self) -> &'s dyn Source {
        self.source
    }
}

/// Reads the payload in pieces. If the checksum does not match, the read that reaches the
/// end fails with [`io::ErrorKind::InvalidData`] around [`FrameError::PayloadChecksum`].
/// Until then, none of the bytes are known to be good.
impl Read for Payload<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(self.len.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let n = buf.len().min(rest);
        if n == 0 {
            return Ok(0);
        }
        if self.ahead.is_none() && self.source.refusal().is_some() {
            // All bytes before the codec gets the first one, so that a refused read costs
            // no decoding.
            let len = usize::try_from(self.len).map_err(io::Error::other)?;
            let mut bytes = ahead::scratch(len)?;
            bytes.read_from(self.source, 0, len)?;
            self.ahead = Some(bytes);
        }
        match &self.ahead {
            // Bytes read ahead are in memory, so a position in them fits a `usize`.
            Some(bytes) => buf[..n].copy_from_slice(&bytes[self.position as usize..][..n]),
            None => self.source.read_exact_at(&mut buf[..n], self.position)?,
        }
        self.crc.update(&buf[..n]);
        self.position = self.position.saturating_add(n as u64);
        match &self.footer {
            Some(footer)
                if self.position == self.len
                    && self.crc.clone().finalize() != footer.payload_crc =>
            {
                Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    FrameError::PayloadChecksum,
                ))
            }
            _ => Ok(n),
        }
    }
}

/// Reads and checks the footer of a file of `len` bytes.
fn footer_at_end(source: &dyn Source, len: u64) -> Result<Footer, CodecError> {
    let mut bytes = [0; FOOTER_LEN];
    let Some(payload) = len.checked_sub(FOOTER_LEN as u64) else {
        return parse_footer(None, len);
    };
    source.read_exact_at(&mut bytes, payload)?;
    parse_footer(Some(&bytes), len)
}

/// Checks the last bytes of a file of `len` bytes; `None` if the file is too short for a
/// footer.
fn parse_footer(bytes: Option<&[u8; FOOTER_LEN]>, len: u64) -> Result<Footer, CodecError> {
    let bytes = bytes.ok_or(FrameError::TooShort { len })?;
    let footer = Footer::from_bytes(bytes)?;
    let actual = len.saturating_sub(FOOTER_LEN as u64);
    if footer.payload_len != actual {
        let stated = footer.payload_len;
        return Err(FrameError::Length { stated, actual }.into());
    }
    Ok(footer)
}

impl fmt::Debug for Payload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload")
            .field("len", &self.len)
            .field("footer", &self.footer)
            .finish_non_exhaustive()
    }
}
