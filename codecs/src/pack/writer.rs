//! Writing a pack.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Write};

use super::kind::{KIND, Kind};
use super::layout::{KEY, LONGEST, MOST_BY_TWO_BYTES, PackIdentity, TRAILER, Trailer, header};
use super::{aligned, numbers};
use crate::CodecError;
use crate::frame::{Footer, FrameError};

/// Bytes that are collected before they are written.
const BUFFER: usize = 64 * 1024;

/// The most bytes that one item adds to the index, its kind and its run included.
const MOST_IN_INDEX: u64 = (KIND + KEY + 4 + 4 + 3 * 5) as u64;

/// Writes a pack, item by item. The index is kept in memory until the end: 36 bytes for each
/// item.
///
/// After an error of the file, what was written is no pack: adding more and finishing fail.
pub struct PackWriter<'w> {
    out: &'w mut dyn Write,
    id: [u8; 16],
    /// Bytes that are not yet in the file.
    buffer: Vec<u8>,
    /// Where the last payload ends.
    end: u64,
    kinds: Vec<[u8; KIND]>,
    kind_numbers: HashMap<[u8; KIND], u32>,
    /// The kinds of the payloads, and how many there are of each in a row.
    runs: Vec<(u32, u32)>,
    /// In the order in which they were added.
    entries: Vec<Entry>,
    /// The file may lack bytes, or have more than `end` says, because a write failed.
    is_broken: bool,
}

struct Entry {
    key: [u8; KEY],
    len: u32,
    crc: u32,
}

impl<'w> PackWriter<'w> {
    /// Starts a pack. The id is to be random: what refers to a pack names it.
    pub fn new(out: &'w mut dyn Write, id: [u8; 16]) -> Self {
        let buffer = header(id).to_vec();
        Self {
            out,
            id,
            end: buffer.len() as u64,
            buffer,
            kinds: Vec::new(),
            kind_numbers: HashMap::new(),
            runs: Vec::new(),
            entries: Vec::new(),
            is_broken: false,
        }
    }

    /// Bytes of the pack so far, without the index.
    pub fn position(&self) -> u64 {
        self.end
    }

    /// Number of items so far.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no item was added yet.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds an item. Its payload begins at a multiple of `align` bytes. Returns where.
    ///
    /// # Errors
    ///
    /// [`FrameError::Length`] or [`FrameError::PayloadChecksum`] if the payload is not the one
    /// that the footer describes; [`io::ErrorKind::FileTooLarge`] if the pack would have 4 GiB
    /// or more. In these cases the item is not added, and others can be. Errors of the file.
    ///
    /// # Panics
    ///
    /// If `align` is not a power of two of at most 4096.
    pub fn add(
        &mut self,
        key: [u8; 16],
        footer: &Footer,
        align: usize,
        payload: &[u8],
    ) -> Result<u32, CodecError> {
        self.check_is_whole()?;
        let kind = Kind::of(footer, align);
        let actual = payload.len() as u64;
        if footer.payload_len != actual {
            let stated = footer.payload_len;
            return Err(FrameError::Length { stated, actual }.into());
        }
        if crc32fast::hash(payload) != footer.payload_crc {
            return Err(FrameError::PayloadChecksum.into());
        }
        let start = aligned(self.end, kind.align);
        let end = start.saturating_add(actual);
        let items = (self.entries.len() as u64).saturating_add(1);
        let rest = items.saturating_mul(MOST_IN_INDEX);
        let longest = end.saturating_add(rest).saturating_add(TRAILER as u64);
        let (Ok(offset), Ok(len), true) = (
            u32::try_from(start),
            u32::try_from(actual),
            longest <= LONGEST,
        ) else {
            let text = "a pack has less than 4 GiB: begin another one";
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, text).into());
        };
        // Also if the file panics.
        self.is_broken = true;
        self.write_payload(start, payload)?;
        self.is_broken = false;
        self.end = end;
        self.note_kind(&kind);
        let crc = footer.payload_crc;
        self.entries.push(Entry { key, len, crc });
        Ok(offset)
    }

    fn check_is_whole(&self) -> io::Result<()> {
        match self.is_broken {
            false => Ok(()),
            true => Err(io::Error::other(
                "a write to this pack has failed: begin another one",
            )),
        }
    }

    fn write_payload(&mut self, start: u64, payload: &[u8]) -> io::Result<()> {
        // Less than the alignment.
        let gap = start.saturating_sub(self.end) as usize;
        self.buffer.resize(self.buffer.len().saturating_add(gap), 0);
        if self.buffer.len().saturating_add(payload.len()) > BUFFER {
            self.flush()?;
        }
        if payload.len() > BUFFER {
            return self.out.write_all(payload);
        }
        self.buffer.extend_from_slice(payload);
        Ok(())
    }

    fn note_kind(&mut self, kind: &Kind) {
        let encoded = kind.encode();
        let next = self.kinds.len() as u32;
        let number = *self.kind_numbers.entry(encoded).or_insert(next);
        if number == next {
            self.kinds.push(encoded);
        }
        match self.runs.last_mut() {
            Some((kind, count)) if *kind == number => *count = count.saturating_add(1),
            _ => self.runs.push((number, 1)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    /// Writes the index, and ends the pack.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidInput`] if two items have the same key; errors of the file, also
    /// if an earlier write has failed.
    pub fn finish(mut self) -> Result<PackIdentity, CodecError> {
        self.check_is_whole()?;
        let order = self.order()?;
        let mut runs = Vec::new();
        for (kind, count) in &self.runs {
            numbers::push(*kind, &mut runs);
            numbers::push(*count, &mut runs);
        }
        let mut lens = Vec::new();
        for entry in &self.entries {
            numbers::push(entry.len, &mut lens);
        }
        // `add` has checked that all of this is less than 4 GiB long.
        let trailer = Trailer {
            index: self.end,
            items: self.entries.len() as u32,
            kinds: self.kinds.len() as u32,
            runs: runs.len() as u32,
            lens: lens.len() as u32,
        };
        let mut index = self.kinds.as_flattened().to_vec();
        for number in &order {
            index.extend(self.entries[*number as usize].key);
        }
        for number in &order {
            match trailer.items <= MOST_BY_TWO_BYTES {
                true => index.extend((*number as u16).to_le_bytes()),
                false => index.extend(number.to_le_bytes()),
            }
        }
        index.extend(
            self.entries
                .iter()
                .flat_map(|entry| entry.crc.to_le_bytes()),
        );
        index.extend(runs);
        index.extend(lens);
        index.extend(trailer.encode());
        let check = checksum(&header(self.id), &index);
        index.extend(check.to_le_bytes());
        self.flush()?;
        self.out.write_all(&index)?;
        self.out.flush()?;
        let (id, len) = (self.id, self.end.saturating_add(index.len() as u64));
        Ok(PackIdentity { id, check, len })
    }

    /// The numbers of the items, in the order of their keys.
    fn order(&self) -> io::Result<Vec<u32>> {
        let key = |number: &u32| self.entries[*number as usize].key;
        let mut order: Vec<_> = (0..self.entries.len() as u32).collect();
        order.sort_unstable_by_key(key);
        match order.is_sorted_by(|one, next| key(one) < key(next)) {
            true => Ok(order),
            false => {
                let text = "two items of a pack have the same key";
                Err(io::Error::new(io::ErrorKind::InvalidInput, text))
            }
        }
    }
}

/// The checksum of a pack with this header. `rest` is the index and the trailer before the
/// checksum.
fn checksum(header: &[u8], rest: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(header);
    hasher.update(rest);
    hasher.finalize()
}

impl fmt::Debug for PackWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PackWriter")
            .field("position", &self.end)
            .field("items", &self.entries.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CodecId;

    fn footer(payload: &[u8]) -> Footer {
        Footer {
            payload_crc: crc32fast::hash(payload),
            ..Footer::describing(
                CodecId::user(1),
                Default::default(),
                0,
                payload.len() as u64,
            )
        }
    }

    /// As if the payloads before had 4 GiB. The length is checked with the index, whose
    /// numbers have four bytes too.
    #[test]
    fn a_pack_has_less_than_4_gib() {
        for (room, is_full) in [(50, true), (4000, false), (9000, false)] {
            let mut pack = Vec::new();
            let mut writer = PackWriter::new(&mut pack, [0; 16]);
            writer.end = LONGEST.saturating_sub(room);
            let added = writer.add([1; 16], &footer(b"a"), 1, b"a");
            assert_eq!(added.is_err(), is_full, "room for {room}");
            // The next page is behind the end of the first two.
            let added = writer.add([2; 16], &footer(b"b"), 4096, b"b");
            assert_eq!(added.is_err(), room < 8000, "room for {room}");
            if let Err(error) = added {
                let error = error.downcast_ref::<io::Error>().expect("of a file");
                assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
            }
            let identity = writer.finish().expect("it is in memory");
            assert!(identity.len <= LONGEST);
        }
    }
}
