//! What a codec writes to.

use std::fmt;
use std::io::{self, Write};

use super::{ArchiveLayout, Footer};
use crate::CodecId;

/// Writes of this size and above go straight to the file.
const BUFFER: usize = 64 * 1024;

/// Takes the payload of one file from a codec: buffers small writes, counts the
/// bytes and sums them up for the footer.
///
/// A payload below 64 KiB reaches the file in one write, together with its
/// footer.
pub struct PayloadWriter<'w> {
    out: &'w mut dyn Write,
    /// Bytes that the file has not seen, nor `crc`.
    buffer: Vec<u8>,
    crc: crc32fast::Hasher,
    len: u64,
    archive: ArchiveLayout,
    schema: u64,
}

impl<'w> PayloadWriter<'w> {
    /// Begins a file.
    pub fn new(out: &'w mut dyn Write) -> Self {
        Self {
            out,
            buffer: Vec::new(),
            crc: crc32fast::Hasher::new(),
            len: 0,
            archive: ArchiveLayout::default(),
            schema: 0,
        }
    }

    /// Bytes of payload written so far.
    pub fn position(&self) -> u64 {
        self.len
    }

    /// States in the footer that the payload is an rkyv archive.
    pub fn set_archive(&mut self, layout: ArchiveLayout) {
        self.archive = layout;
    }

    /// States in the footer which form of which type the payload holds; the
    /// meaning of the number is the user's, 0 means none.
    pub fn set_schema(&mut self, id: u64) {
        self.schema = id;
    }

    /// Writes the footer, and whatever is still buffered.
    ///
    /// # Errors
    ///
    /// Those of the file.
    pub fn finish(mut self, codec: CodecId) -> io::Result<Footer> {
        self.crc.update(&self.buffer);
        let footer = Footer {
            codec,
            payload_len: self.len,
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
        self.buffer.clear();
        Ok(())
    }

    /// Takes `data` where the buffer has no room for it.
    #[cold]
    fn make_room_and_write(&mut self, data: &[u8]) -> io::Result<()> {
        if self.buffer.len() + data.len() > BUFFER {
            self.spill()?;
        }
        if data.len() >= BUFFER {
            self.out.write_all(data)?;
            self.crc.update(data);
        } else {
            let needed = self.buffer.len() + data.len();
            let capacity = (2 * self.buffer.capacity()).clamp(needed, BUFFER);
            self.buffer.reserve_exact(capacity - self.buffer.len());
            self.buffer.extend_from_slice(data);
        }
        self.len += data.len() as u64;
        Ok(())
    }
}

impl Write for PayloadWriter<'_> {
    #[inline]
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.write_all(data)?;
        Ok(data.len())
    }

    /// Encoders write number by number, so this is a copy wherever there is
    /// room, without a call.
    #[inline]
    fn write_all(&mut self, data: &[u8]) -> io::Result<()> {
        if data.len() > self.buffer.capacity() - self.buffer.len() {
            return self.make_room_and_write(data);
        }
        self.buffer.extend_from_slice(data);
        self.len += data.len() as u64;
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
            .field("position", &self.len)
            .finish_non_exhaustive()
    }
}
