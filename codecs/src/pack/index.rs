//! The index of a pack, checked and in memory.

use std::fmt;

use super::item::PackedItem;
use super::kind::{KIND, Kind};
use super::layout::{
    CHECKSUM, HEADER, KEY, LONGEST, PackIdentity, TRAILER, Trailer, VERSION, begins_like_a_pack,
    header, id_of, version_of,
};
use super::{aligned, damaged, numbers};
use crate::CodecError;
use crate::frame::{FrameError, Source, field};

/// Bytes read at a time before the checksum is compared.
const CHUNK: u64 = 64 << 10;

/// The index of a pack. It takes 36 bytes of memory for each item.
pub struct Pack {
    identity: PackIdentity,
    kinds: Vec<Kind>,
    /// In the order of the payloads, which end where the index begins.
    entries: Vec<Entry>,
    /// The indexes of `entries`, in the order of their keys.
    by_key: Vec<u32>,
}

#[derive(Clone, Copy, Default)]
struct Entry {
    key: [u8; KEY],
    offset: u32,
    len: u32,
    crc: u32,
    kind: u32,
}

impl Pack {
    /// Reads the index of a pack, and checks everything in it. The payloads are not read.
    ///
    /// Memory for more than 64 KiB is allocated only once the lengths and the checksum agree,
    /// and at most about four times the length of the index.
    ///
    /// # Errors
    ///
    /// [`FrameError::DamagedPack`] if the file is not a pack, or not a whole one;
    /// [`FrameError::Version`] if a later version wrote it; errors of the file;
    /// [`TryReserveError`](std::collections::TryReserveError) if there is not enough memory.
    pub fn read(source: &dyn Source) -> Result<Self, CodecError> {
        let len = source.len()?;
        if len < (HEADER + TRAILER) as u64 {
            return Err(damaged("it is too short").into());
        }
        let mut start = [0; HEADER];
        source.read_exact_at(&mut start, 0)?;
        if !begins_like_a_pack(&start) {
            return Err(damaged("it does not begin like a pack").into());
        }
        let version = version_of(&start);
        let is_known = version == VERSION;
        let later = FrameError::Version {
            found: version,
            supported: VERSION,
        };
        if len > LONGEST {
            // A later version may allow this, and no damaged byte makes a file so long.
            return Err(match is_known {
                true => damaged("it is longer than a pack can be").into(),
                false => later.into(),
            });
        }
        let end = len.saturating_sub(TRAILER as u64);
        let mut last = [0; TRAILER];
        source.read_exact_at(&mut last, end)?;
        let trailer = Trailer::decode(&last);
        if trailer.index < HEADER as u64 || trailer.index > end {
            return Err(damaged("its index is not in it").into());
        }
        if is_known && trailer.pack_len() != len {
            return Err(damaged("its lengths are inconsistent").into());
        }
        let whole = Whole {
            source,
            start: &start,
            last: &last,
            index: trailer.index,
            end,
        };
        // Every version has this checksum, and a damaged byte is not a later version.
        if !is_known || whole.index_len() > CHUNK {
            whole.check_in_chunks()?;
        }
        if !is_known {
            return Err(later.into());
        }
        let index = whole.read_index()?;
        let id = id_of(&start);
        if header(id) != start || trailer.encode() != last[..TRAILER - CHECKSUM] {
            return Err(damaged("its reserved bytes are not zero").into());
        }
        let identity = PackIdentity {
            id,
            check: whole.stated_check(),
            len,
        };
        Self::decode(identity, &trailer, &index)
    }

    fn decode(identity: PackIdentity, trailer: &Trailer, index: &[u8]) -> Result<Self, CodecError> {
        let parts = split(index, trailer).ok_or(damaged("its lengths are inconsistent"))?;
        let [kinds, keys, order, crcs, runs, lens] = parts;
        let kinds = decode_kinds(kinds)?;
        let (keys, crcs) = (keys.as_chunks::<KEY>().0, crcs.as_chunks::<4>().0);
        if !keys.is_sorted_by(|one, next| one < next) {
            return Err(damaged("its keys are out of order").into());
        }
        let mut entries = Vec::new();
        entries
            .try_reserve_exact(keys.len())
            .map_err(CodecError::new)?;
        entries.extend(crcs.iter().map(|crc| Entry {
            crc: u32::from_le_bytes(*crc),
            ..Entry::default()
        }));
        set_kinds(&mut entries, runs, kinds.len())?;
        set_places(&mut entries, lens, &kinds, trailer.index)?;
        let by_key = set_keys(&mut entries, keys, order, trailer.order_width())?;
        Ok(Self {
            identity,
            kinds,
            entries,
            by_key,
        })
    }

    /// What refers to this pack records this.
    pub fn identity(&self) -> PackIdentity {
        self.identity
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether the pack has no items.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Length of the part of the pack that holds the payloads, its header included, in bytes.
    pub fn index_offset(&self) -> u64 {
        let last = self.entries.last();
        last.map_or(HEADER as u64, |last| {
            u64::from(last.offset).saturating_add(last.len.into())
        })
    }

    /// The item of this key. Costs O(log n).
    pub fn find(&self, key: &[u8; 16]) -> Option<PackedItem> {
        let key_of = |number: &u32| self.entries[*number as usize].key;
        let found = self.by_key.binary_search_by_key(key, key_of).ok()?;
        Some(self.item(&self.entries[self.by_key[found] as usize]))
    }

    /// All items, in the order of their payloads.
    pub fn items(&self) -> impl ExactSizeIterator<Item = PackedItem> + DoubleEndedIterator {
        self.entries.iter().map(|entry| self.item(entry))
    }

    fn item(&self, entry: &Entry) -> PackedItem {
        let kind = &self.kinds[entry.kind as usize];
        PackedItem {
            key: entry.key,
            offset: entry.offset,
            align: kind.align,
            footer: kind.footer(entry.len, entry.crc),
        }
    }
}

/// A pack whose checksum was not compared yet.
struct Whole<'a> {
    source: &'a dyn Source,
    start: &'a [u8; HEADER],
    last: &'a [u8; TRAILER],
    /// Where the index begins and ends.
    index: u64,
    end: u64,
}

impl Whole<'_> {
    fn index_len(&self) -> u64 {
        self.end.saturating_sub(self.index)
    }

    fn stated_check(&self) -> u32 {
        u32::from_le_bytes(field(self.last, TRAILER - CHECKSUM))
    }

    fn hasher(&self) -> crc32fast::Hasher {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(self.start);
        hasher
    }

    /// Fails unless the checksum of what was hashed so far, and of the trailer, is the stated
    /// one.
    fn compare(&self, mut hasher: crc32fast::Hasher) -> Result<(), FrameError> {
        hasher.update(&self.last[..TRAILER - CHECKSUM]);
        match hasher.finalize() == self.stated_check() {
            true => Ok(()),
            false => Err(damaged("its index does not match its checksum")),
        }
    }

    fn check_in_chunks(&self) -> Result<(), CodecError> {
        let mut hasher = self.hasher();
        let mut chunk = [0; CHUNK as usize];
        let mut position = self.index;
        while position < self.end {
            let len = self.end.saturating_sub(position).min(CHUNK);
            let part = &mut chunk[..len as usize];
            self.source.read_exact_at(part, position)?;
            hasher.update(part);
            position = position.saturating_add(len);
        }
        Ok(self.compare(hasher)?)
    }

    fn read_index(&self) -> Result<Vec<u8>, CodecError> {
        let len = usize::try_from(self.index_len()).map_err(CodecError::new)?;
        let mut index = Vec::new();
        index.try_reserve_exact(len).map_err(CodecError::new)?;
        index.resize(len, 0);
        self.source.read_exact_at(&mut index, self.index)?;
        let mut hasher = self.hasher();
        hasher.update(&index);
        self.compare(hasher)?;
        Ok(index)
    }
}

/// The parts of an index, in their order.
fn split<'a>(mut index: &'a [u8], trailer: &Trailer) -> Option<[&'a [u8]; 6]> {
    let mut parts = [&[][..]; 6];
    for (part, len) in parts.iter_mut().zip(trailer.part_lens()) {
        (*part, index) = index.split_at_checked(usize::try_from(len).ok()?)?;
    }
    index.is_empty().then_some(parts)
}

fn decode_kinds(kinds: &[u8]) -> Result<Vec<Kind>, FrameError> {
    let kinds = kinds.as_chunks::<KIND>().0;
    let mut sorted = kinds.to_vec();
    sorted.sort_unstable();
    if !sorted.is_sorted_by(|one, next| one < next) {
        return Err(damaged("it has a kind twice"));
    }
    kinds.iter().map(Kind::decode).collect()
}

fn set_kinds(entries: &mut [Entry], mut runs: &[u8], kinds: usize) -> Result<(), FrameError> {
    let wrong = || damaged("the runs of its kinds are wrong");
    let mut rest = entries;
    let (mut last, mut used) = (None, 0_usize);
    while !runs.is_empty() {
        let kind = numbers::take(&mut runs).ok_or_else(wrong)?;
        let count = numbers::take(&mut runs).ok_or_else(wrong)?;
        // Kinds are numbered as they come, and a run ends only where the kind changes.
        let number = kind as usize;
        if number > used || number >= kinds || last == Some(kind) || count == 0 {
            return Err(wrong());
        }
        used = used.max(number.saturating_add(1));
        last = Some(kind);
        let (run, others) = rest
            .split_at_mut_checked(count as usize)
            .ok_or_else(wrong)?;
        run.iter_mut().for_each(|entry| entry.kind = kind);
        rest = others;
    }
    match rest.is_empty() && used == kinds {
        true => Ok(()),
        false => Err(wrong()),
    }
}

/// Each payload begins at the next multiple of its alignment. The last one ends at `end`.
fn set_places(
    entries: &mut [Entry],
    mut lens: &[u8],
    kinds: &[Kind],
    end: u64,
) -> Result<(), FrameError> {
    let wrong = || damaged("the lengths of its payloads are wrong");
    let mut position = HEADER as u64;
    for entry in entries {
        let start = aligned(position, kinds[entry.kind as usize].align);
        entry.len = numbers::take(&mut lens).ok_or_else(wrong)?;
        position = start.saturating_add(entry.len.into());
        if position > end {
            return Err(wrong());
        }
        entry.offset = u32::try_from(start).map_err(|_| wrong())?;
    }
    match lens.is_empty() && position == end {
        true => Ok(()),
        false => Err(wrong()),
    }
}

/// Returns the indexes of the entries in the order of their keys.
fn set_keys(
    entries: &mut [Entry],
    keys: &[[u8; KEY]],
    order: &[u8],
    width: usize,
) -> Result<Vec<u32>, CodecError> {
    let wrong = || damaged("a payload has no key, or several");
    let mut by_key = Vec::new();
    by_key
        .try_reserve_exact(keys.len())
        .map_err(CodecError::new)?;
    match width {
        2 => by_key.extend(
            order
                .as_chunks()
                .0
                .iter()
                .map(|n| u32::from(u16::from_le_bytes(*n))),
        ),
        _ => by_key.extend(order.as_chunks().0.iter().map(|n| u32::from_le_bytes(*n))),
    }
    let mut has_key = vec![false; entries.len()];
    for (key, number) in keys.iter().zip(&by_key) {
        let number = *number as usize;
        match has_key.get_mut(number) {
            Some(has_key) if !*has_key => *has_key = true,
            _ => return Err(wrong().into()),
        }
        entries[number].key = *key;
    }
    Ok(by_key)
}

impl fmt::Debug for Pack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pack")
            .field("identity", &self.identity)
            .field("items", &self.entries.len())
            .finish_non_exhaustive()
    }
}
