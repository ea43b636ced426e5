//! The sink that a codec writes a payload to.

use std::fmt;
use std::io::{self, Write};

use super::{ArchiveLayout, Footer};
use crate::CodecId;

/// Writes of at least this many bytes go straight to the file.
const BUFFER: usize = 64 * 1024;

/// Receives the payload of one file from a codec: it buffers small writes, counts the
/// bytes and computes their checksum for the footer.
///
/// A payload below 64 KiB reaches the file in a single write, together with its footer.
pub struct PayloadWriter<'w> {
    out: &'w mut dyn Write,
    /// Bytes that are not yet in the file, nor in `crc`.
    buffer: Vec<u8>,
    crc: crc32fast::Hasher,
    /// Bytes before those in the buffer. A write changes the buffer alone, since encoders
    /// write number by number.
    spilled: u64,
    archive: ArchiveLayout,
    schema: u64,
}

impl<'w> PayloadWriter<'w> {
    /// Starts a file.
    pub fn new(out: &'w mut dyn Write) -> Self {
        Self {
            out,
            buffer: Vec::new(),
            crc: crc32fast::Hasher::new(),
            spilled: 0,
            archive: ArchiveLayout::default(),
            schema: 0,
        }
    }

    /// Bytes of payload written so far.
    pub fn position(&self) -> u64 {
        self.spilled + self.buffer.len() as u64
    }

    /// Records in the footer that the payload is an rkyv archive.
    pub fn set_archive(&mut self, layout: ArchiveLayout) {
        self.archive = layout;
    }

    /// Records a schema id in the footer, which identifies the payload's type and its
    /// version. The user chooses the number; 0 means none.
    pub fn set_schema(&mut self, id: u64) {
        self.schema = id;
    }

    /// Writes all buffered bytes and the footer.
    ///
    /// # Errors
    ///
    /// Errors of the file.
    pub fn finish(mut self, codec: CodecId) -> io::Result<Footer> {
        let payload_len = self.position();
        self.crc.update(&self.buffer);
        let footer = Footer {
            codec,
            payload_len,
            payload_crc: self.crc.finalize(),
            archive: self.archive,
            schema: self.schema,
        };
        self.buffer.extend_from_slice(&footer.to_bytes());
        self.out.write_all(&self.buffer)?;
        self.out.flush()?;
        Ok(footer)
    }

    fn spill(&mut self) -> io::Result<()> {
        self.crc.update(&self.buffer);
        self.out.write_all(&self.buffer)?;
        self.spilled += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Writes `data` if the buffer has no room for it.
    #[cold]
    fn make_room_and_write(&mut self, data: &[u8]) -> io::Result<()> {
        if self.buffer.len() + data.len() > BUFFER {
            self.spill()?;
        }
        if data.len() >= BUFFER {
            self.out.write_all(data)?;
            self.crc.update(data);
            self.spilled += data.len() as u64;
        } else {
            let needed = self.buffer.len() + data.len();
            let capacity = (2 * self.buffer.capacity()).clamp(needed, BUFFER);
            self.buffer.reserve_exact(capacity - self.buffer.len());
            self.buffer.extend_from_slice(data);
        }
        Ok(())
    }
}

impl Write for PayloadWriter<'_> {
    #[inline]
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.write_all(data)?;
        Ok(data.len())
    }

    /// Encoders write number by number. While the buffer has room, a write is an inlined
    /// copy.
    #[inline]
    fn write_all(&mut self, data: &[u8]) -> io::Result<()> {
        if data.len() > self.buffer.capacity() - self.buffer.len() {
            return self.make_room_and_write(data);
        }
        self.buffer.extend_from_slice(data);
        Ok(())
    }

    /// Does nothing: the file is written when the codec is done.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for PayloadWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PayloadWriter")
            .field("position", &self.position())
            .finish_non_exhaustive()
    }
}
