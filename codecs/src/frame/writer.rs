//! The sink that a codec writes a payload to.

use std::cell::Cell;
use std::fmt;
use std::io::{self, Write};

use super::{ArchiveLayout, FOOTER_LEN, Footer};
use crate::CodecId;

/// Writes of at least this many bytes go straight to the file.
const BUFFER: usize = 64 * 1024;

thread_local! {
    /// The buffer of this thread's last file, for its next one.
    static KEPT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Receives the payload of one file from a codec: it buffers small writes, counts the
/// bytes and computes their checksum for the footer.
///
/// A payload below 64 KiB reaches the file in a single write, together with its footer.
///
/// Each thread that writes files keeps its buffer, of at most 64 KiB, for the next one.
pub struct PayloadWriter<'w> {
    out: &'w mut dyn Write,
    /// Bytes that are not yet in the file, nor in `crc`. Its capacity is at most [`BUFFER`]
    /// until the footer follows.
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
            // None in the destructors of thread-locals, and in a codec that writes another
            // file meanwhile.
            buffer: KEPT.try_with(Cell::take).unwrap_or_default(),
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
            payload_crc: std::mem::take(&mut self.crc).finalize(),
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
            // With room for the footer of a small file.
            let roomy = (2 * self.buffer.capacity()).max(needed + FOOTER_LEN);
            let capacity = roomy.min(BUFFER);
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

impl Drop for PayloadWriter<'_> {
    fn drop(&mut self) {
        let mut buffer = std::mem::take(&mut self.buffer);
        if buffer.capacity() <= BUFFER {
            buffer.clear();
            let _ = KEPT.try_with(|kept| kept.set(buffer));
        }
    }
}

impl fmt::Debug for PayloadWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PayloadWriter")
            .field("position", &self.position())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept() -> usize {
        let buffer = KEPT.take();
        assert!(buffer.is_empty(), "it has nothing of the last file");
        let capacity = buffer.capacity();
        KEPT.set(buffer);
        capacity
    }

    fn write(payload: &[u8]) -> Vec<u8> {
        let mut file = Vec::new();
        let mut writer = PayloadWriter::new(&mut file);
        payload.chunks(100).for_each(|chunk| {
            writer.write_all(chunk).expect("memory takes it");
        });
        writer.finish(CodecId::BINCODE).expect("memory takes it");
        file
    }

    #[test]
    fn a_file_is_the_same_whatever_was_written_before_it() {
        let payloads = [0, 100, 300, BUFFER - 1, BUFFER, BUFFER + 1, 3 * BUFFER];
        let payloads = payloads.map(|len| (0..len).map(|n| n as u8).collect::<Vec<_>>());
        for before in &payloads {
            for payload in &payloads {
                KEPT.take();
                let alone = write(payload);
                assert_eq!(alone[..payload.len()], **payload);
                assert_eq!(alone.len(), payload.len() + FOOTER_LEN);
                write(before);
                assert_eq!(write(payload), alone);
                assert!(kept() <= BUFFER);
            }
        }
    }

    #[test]
    fn a_thread_keeps_its_buffer_for_the_next_file() {
        write(&[7; 300]);
        let capacity = kept();
        assert!(capacity >= 300 + FOOTER_LEN, "with its footer: {capacity}");
        write(&[8; 200]);
        assert_eq!(kept(), capacity);
        drop(PayloadWriter::new(&mut Vec::new()));
        assert_eq!(kept(), capacity, "of a file that was not finished too");
    }

    #[test]
    fn a_file_that_is_written_within_another_has_a_buffer_of_its_own() {
        let mut file = Vec::new();
        let mut writer = PayloadWriter::new(&mut file);
        writer.write_all(b"the outer").expect("memory takes it");
        let inner = write(b"the inner");
        writer.finish(CodecId::BINCODE).expect("memory takes it");
        assert!(file.starts_with(b"the outer"));
        assert!(inner.starts_with(b"the inner"));
        assert!(kept() > 0);
    }
}
