//! Comparing the payloads of a pack with their checksums.

use super::layout::HEADER;
use super::{Pack, PackedItem, damaged};
use crate::CodecError;
use crate::frame::{FrameError, Source};

/// Bytes read at a time.
const CHUNK: usize = 256 << 10;

impl Pack {
    /// Reads all payloads of the pack, from beginning to end, and compares them with their
    /// checksums. Passes each damaged item to `damaged`, with the reason, and goes on. Calls
    /// `read` with the number of bytes of each step.
    ///
    /// With [`read`](Self::read), which checks the index, this finds every damaged byte.
    ///
    /// # Errors
    ///
    /// [`FrameError::DamagedPack`] if bytes between the items are not zero. No item is damaged
    /// by that.
    pub fn verify(
        &self,
        source: &dyn Source,
        read: &dyn Fn(u64),
        damaged: &mut dyn FnMut(PackedItem, CodecError),
    ) -> Result<(), CodecError> {
        let mut window = Window {
            source,
            bytes: Vec::new(),
            start: 0,
            end: self.index_offset(),
        };
        let (mut position, mut gaps) = (HEADER as u64, Ok(()));
        for item in self.items() {
            let start = u64::from(item.offset);
            let end = start.saturating_add(item.footer.payload_len);
            match window.check(position, start, end, item.footer.payload_crc) {
                Ok(is_gap_zero) if is_gap_zero => {}
                Ok(_) => gaps = Err(NOT_ZERO),
                Err(error) => damaged(item, error),
            }
            read(end.saturating_sub(position));
            position = end;
        }
        gaps.map_err(|why| super::damaged(why).into())
    }
}

const NOT_ZERO: &str = "bytes between its items are not zero";

/// The part of a pack that was read last.
struct Window<'a> {
    source: &'a dyn Source,
    bytes: Vec<u8>,
    /// Where `bytes` begin.
    start: u64,
    /// Where the payloads end.
    end: u64,
}

impl Window<'_> {
    /// Compares the payload from `start` to `end` with its checksum. Returns whether the bytes
    /// from `gap` to `start` are zero.
    fn check(&mut self, gap: u64, start: u64, end: u64, crc: u32) -> Result<bool, CodecError> {
        let mut is_gap_zero = true;
        self.each_part(gap, start, |part| {
            is_gap_zero &= part.iter().all(|byte| *byte == 0)
        })?;
        let mut hasher = crc32fast::Hasher::new();
        self.each_part(start, end, |part| hasher.update(part))?;
        match hasher.finalize() == crc {
            true => Ok(is_gap_zero),
            false => Err(FrameError::PayloadChecksum.into()),
        }
    }

    /// Passes the bytes from `start` to `end` to `each`, in parts.
    fn each_part(
        &mut self,
        mut start: u64,
        end: u64,
        mut each: impl FnMut(&[u8]),
    ) -> Result<(), CodecError> {
        while start < end {
            let part = self.from(start, end)?;
            start = start.saturating_add(part.len() as u64);
            each(part);
        }
        Ok(())
    }

    /// Some bytes from `start` on, at least one and none from `end` on.
    fn from(&mut self, start: u64, end: u64) -> Result<&[u8], CodecError> {
        let known = self.start.saturating_add(self.bytes.len() as u64);
        if start < self.start || start >= known {
            self.fill(start, end)?;
        }
        let (from, wanted) = (start.saturating_sub(self.start), end.saturating_sub(start));
        let known = &self.bytes[from as usize..];
        let len = wanted.min(known.len() as u64) as usize;
        Ok(&known[..len])
    }

    /// Reads what follows from `start` on. If that fails, reads no more than up to `end`, so
    /// that an unreadable block concerns only the items that it is of.
    fn fill(&mut self, start: u64, end: u64) -> Result<(), CodecError> {
        let mut read = |end: u64| {
            let len = end.saturating_sub(start).min(CHUNK as u64) as usize;
            self.bytes.resize(len, 0);
            let read = self.source.read_exact_at(&mut self.bytes, start);
            if read.is_err() {
                self.bytes.clear();
            }
            read
        };
        self.start = start;
        match read(self.end) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                Err(damaged("it ends before its items do").into())
            }
            Err(_) => Ok(read(end)?),
        }
    }
}
