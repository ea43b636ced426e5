//! What a codec reads from.

use std::fmt;
use std::io::{self, Read};

use super::{FOOTER_LEN, Footer, FrameError, Source};
use crate::{BoxError, CodecId};

/// The payload of one file, opened for decoding.
///
/// It can be read whole (the checksum is verified before the bytes are handed
/// out), read through [`Read`] (the checksum is verified at the end), or, with
/// a licence, mapped.
pub struct Payload<'s> {
    source: &'s dyn Source,
    len: u64,
    /// `None` for a file that has none and was opened for import.
    footer: Option<Footer>,
    /// Most bytes that decoding may ask for, if the file was opened for import.
    decode_limit: Option<u64>,
    /// How far `Read` has come, and the sum of what it has seen.
    position: u64,
    crc: crc32fast::Hasher,
}

impl<'s> Payload<'s> {
    /// Opens a file that `codec` wrote: reads and checks its footer.
    ///
    /// # Errors
    ///
    /// A [`FrameError`] if the file has no whole footer, has another length
    /// than its footer says, or was written by another codec or a later
    /// version; those of the file.
    pub fn open(source: &'s dyn Source, codec: CodecId) -> Result<Self, BoxError> {
        let footer = Self::read_footer(source)?;
        if footer.codec != codec {
            return Err(Box::new(FrameError::WrongCodec {
                expected: codec,
                found: footer.codec,
            }));
        }
        Ok(Self {
            source,
            len: footer.payload_len,
            footer: Some(footer),
            decode_limit: None,
            position: 0,
            crc: crc32fast::Hasher::new(),
        })
    }

    /// Opens a file of file_backed 0.6, which is all payload. Decoding may ask
    /// for at most `limit` bytes, since no checksum tells a damaged length.
    ///
    /// # Errors
    ///
    /// [`FrameError::OverLimit`]; those of the file.
    pub fn open_unframed(source: &'s dyn Source, limit: u64) -> Result<Self, BoxError> {
        let len = source.len()?;
        if len > limit {
            return Err(Box::new(FrameError::OverLimit { len, limit }));
        }
        Ok(Self {
            source,
            len,
            footer: None,
            decode_limit: Some(limit),
            position: 0,
            crc: crc32fast::Hasher::new(),
        })
    }

    /// Reads and checks the footer of a file, whichever codec wrote it.
    ///
    /// # Errors
    ///
    /// A [`FrameError`] if the file has no whole footer or has another length
    /// than its footer says; those of the file.
    pub fn read_footer(source: &dyn Source) -> Result<Footer, BoxError> {
        let len = source.len()?;
        let Some(payload) = len.checked_sub(FOOTER_LEN as u64) else {
            return Err(Box::new(FrameError::TooShort { len }));
        };
        let mut bytes = [0; FOOTER_LEN];
        source.read_exact_at(&mut bytes, payload)?;
        let footer = Footer::from_bytes(&bytes)?;
        if footer.payload_len != payload {
            return Err(Box::new(FrameError::Length {
                stated: footer.payload_len,
                actual: payload,
            }));
        }
        Ok(footer)
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the payload has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The file's footer; `None` for a file that has none and was opened for
    /// import.
    pub fn footer(&self) -> Option<&Footer> {
        self.footer.as_ref()
    }

    /// Most bytes of memory that decoding may ask for, in a file without a
    /// checksum.
    pub fn decode_limit(&self) -> Option<u64> {
        self.decode_limit
    }

    /// Reads all of it with one read, and verifies the checksum.
    ///
    /// # Errors
    ///
    /// [`FrameError::PayloadChecksum`]; those of the file;
    /// [`TryReserveError`](std::collections::TryReserveError) if there is no
    /// memory for it.
    pub fn read_whole(self) -> Result<Vec<u8>, BoxError> {
        let len = usize::try_from(self.len)?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(len)?;
        bytes.resize(len, 0);
        self.read_into(&mut bytes, true)?;
        Ok(bytes)
    }

    /// Reads all of it into `buf` with one read, and verifies the checksum if
    /// asked to.
    ///
    /// # Errors
    ///
    /// [`FrameError::PayloadChecksum`]; those of the file.
    ///
    /// # Panics
    ///
    /// If `buf` is not as long as the payload.
    pub fn read_into(self, buf: &mut [u8], verify: bool) -> Result<(), BoxError> {
        assert_eq!(
            buf.len() as u64,
            self.len,
            "the buffer must be as long as the payload"
        );
        self.source.read_exact_at(buf, 0)?;
        match self.footer {
            Some(footer) if verify && crc32fast::hash(buf) != footer.payload_crc => {
                Err(Box::new(FrameError::PayloadChecksum))
            }
            _ => Ok(()),
        }
    }

    /// The bytes that this payload is read from.
    #[cfg(feature = "map")]
    pub(crate) fn source(&self) -> &'s dyn Source {
        self.source
    }
}

/// Reads the payload in pieces. The read that reaches its end fails with
/// [`io::ErrorKind::InvalidData`] around [`FrameError::PayloadChecksum`] if the
/// checksum does not match; until then nothing read is known to be good.
impl Read for Payload<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(self.len - self.position).unwrap_or(usize::MAX);
        let n = buf.len().min(rest);
        if n == 0 {
            return Ok(0);
        }
        self.source.read_exact_at(&mut buf[..n], self.position)?;
        self.crc.update(&buf[..n]);
        self.position += n as u64;
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

impl fmt::Debug for Payload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload")
            .field("len", &self.len)
            .field("footer", &self.footer)
            .finish_non_exhaustive()
    }
}
