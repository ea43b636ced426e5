//! The checks of hash tables that rkyv omits.
//!
//! A table is one range: its entries in reverse order, then its control bytes. There is
//! one control byte for each place (below 0x80 if the place holds an entry), and 15 to 30
//! more. A lookup reads 16 control bytes at once, starting at any place. It therefore
//! relies on the bytes after the places: they must repeat the first control bytes, and
//! all further ones must be 0xff. rkyv 0.8.18 compares them in part or not at all. If a
//! control byte is full where it should be empty, a lookup reads an entry that was not
//! validated. If no control byte is empty, a lookup never ends.
//!
//! The owner of a table (its pointer, length and capacity) is part of the object that is
//! being validated, but the context does not learn where. So once the object has been
//! validated, every three consecutive numbers in it are examined. If their pointer and
//! capacity fit a range that was entered as a part of the object, they are treated as its
//! owner. An object without such parts, for example one of plain numbers, is skipped. No
//! table is missed this way, but something else can be mistaken for one: texts and byte
//! arrays have the same layout as a table of byte-aligned entries, and `(String, u32,
//! u32)` looks like a pointer with a length and a capacity if the text has 35 bytes. If
//! such a range does not look like an intact table, it becomes a *suspect*, and
//! [`Suspects::are_none`] decides.

use std::collections::BTreeMap;
use std::io;
use std::mem;
use std::ops::Range;
use std::slice;

use rkyv::rancor::{BoxedError, Source as _};

use super::numbers::{self, ALIGN, WIDTH};
use crate::aligned::{AlignedBytes, PAGE};

/// Most control bytes that a lookup reads at once, on any machine.
const GROUP: usize = 16;

/// The control byte that rkyv writes for a place without an entry. Any byte with the high
/// bit set is read as empty.
const EMPTY: u8 = 0xff;

/// Size of the smallest table: entries that take no space, and one group of control
/// bytes.
const LEAST: usize = 2 * GROUP - 1;

/// Ranges of up to this many bytes are scanned for evidence that they are not tables.
const SHORT: usize = 4096;

/// Why a hash table is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadTable {
    #[error("the last control bytes of a hash table do not repeat its first ones")]
    Unrepeated,
    #[error("a hash table has more slots than are possible")]
    Capacity,
}

/// The ranges entered so far that may be hash tables, for the objects that are being
/// validated.
#[derive(Debug, Default)]
pub(super) struct Tables {
    /// How many objects are being validated, each a part of the previous one.
    depth: usize,
    /// The parts of these objects that may be tables. The parts of one object are in
    /// ascending order of address; rkyv accepts no other.
    parts: Vec<Part>,
    suspects: Suspects,
    /// The number of full places of a table, by its end and its number of places.
    taken: BTreeMap<(usize, usize), usize>,
    /// Where the tables with too many places would begin; `None` until first needed.
    overflowing: Option<Vec<usize>>,
}

#[derive(Debug)]
struct Part {
    range: Range<usize>,
    /// The depth of the object that it is a part of.
    depth: usize,
    /// Number of suspects known before it was entered.
    suspects: usize,
    /// Whether it contains a suspect.
    holds_suspects: bool,
    is_suspect: bool,
}

/// Ranges that look like damaged hash tables but may be something else.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    /// None of them contains another.
    parts: Vec<Range<usize>>,
    /// Offsets of the lengths of their apparent owners. At most [`FEW`](Self::FEW) plus
    /// one.
    lengths: Vec<usize>,
}

/// Three numbers that may be a table's pointer, length and capacity.
struct Owner {
    /// Offset of the length.
    len_at: usize,
    len: usize,
    places: usize,
    /// Where the control bytes begin and end.
    control: usize,
    end: usize,
}

impl Tables {
    /// Called when an object is entered, as a part of the one that is being validated.
    ///
    /// # Errors
    ///
    /// [`BadTable::Capacity`].
    #[inline]
    pub(super) fn enter(
        &mut self,
        bytes: &[u8],
        range: Range<usize>,
        align: usize,
    ) -> Result<(), BoxedError> {
        // Everything else has a size that is a multiple of its alignment.
        let is_table = range.len() & (align - 1) != 0;
        // Possibly a table whose entries take no bytes, of any alignment.
        if WIDTH >= size_of::<usize>() && range.len() == GROUP - 1 {
            self.check_capacity(bytes, range.start)?;
        }
        if is_table || (align == 1 && range.len() >= LEAST) {
            self.note(bytes, range, align);
        }
        self.depth += 1;
        Ok(())
    }

    /// Called when the object that was entered last, which ends at `end`, has been
    /// validated.
    ///
    /// # Errors
    ///
    /// [`BadTable::Unrepeated`].
    #[inline]
    pub(super) fn leave(&mut self, bytes: &[u8], end: usize) -> Result<(), BoxedError> {
        let depth = self.depth;
        self.depth = depth.saturating_sub(1);
        match self.parts.last() {
            Some(part) if part.depth >= depth || part.range.end == end => {
                self.close(bytes, depth, end)
            }
            _ => Ok(()),
        }
    }

    /// Records a part that may be a table.
    #[inline(never)]
    fn note(&mut self, bytes: &[u8], range: Range<usize>, align: usize) {
        // A table has a place without an entry, whose control byte is not ASCII. This
        // excludes most texts.
        let is_text = align == 1 && range.len() <= SHORT && bytes[range.clone()].is_ascii();
        if !is_text {
            self.parts.push(Part {
                range,
                depth: self.depth,
                suspects: self.suspects.parts.len(),
                holds_suspects: false,
                is_suspect: false,
            });
        }
    }

    /// Leaves an object that has recorded parts or is one.
    #[inline(never)]
    fn close(&mut self, bytes: &[u8], depth: usize, end: usize) -> Result<(), BoxedError> {
        let others = self.parts.iter().rposition(|part| part.depth < depth);
        let own = others.map_or(0, |last| last + 1);
        if own < self.parts.len() {
            self.find_suspects(bytes, own, end)
                .map_err(BoxedError::new)?;
            self.parts.truncate(own);
        }
        let itself = self.parts.last_mut();
        if let Some(part) = itself.filter(|part| part.depth + 1 == depth && part.range.end == end) {
            part.holds_suspects = self.suspects.parts.len() > part.suspects;
        }
        Ok(())
    }

    pub(super) fn into_suspects(self) -> Suspects {
        self.suspects
    }

    /// Examines every position that may hold the owner of one of the parts from `own` on.
    /// The object that they are parts of lies between the last of them and `end`.
    fn find_suspects(&mut self, bytes: &[u8], own: usize, end: usize) -> Result<(), BadTable> {
        let parts = &mut self.parts[own..];
        let behind = parts.last().map_or(end, |part| part.range.end);
        for at in rows(bytes, behind..end) {
            let Some(owner) = Owner::at(bytes, at, behind) else {
                continue;
            };
            // The parts do not overlap and none is empty, so their ends ascend.
            let Ok(found) = parts.binary_search_by_key(&owner.end, |part| part.range.end) else {
                continue;
            };
            let part = &mut parts[found];
            let is_known = part.is_suspect && !self.suspects.are_few();
            if is_known || !owner.fits(&part.range) || owner.repeats(bytes) {
                continue;
            }
            // rkyv has counted the entries: in a table, their number equals the length.
            let taken = self.taken.entry((owner.end, owner.places));
            if *taken.or_insert_with(|| owner.taken(bytes)) != owner.len {
                continue;
            }
            if part.holds_suspects {
                return Err(BadTable::Unrepeated);
            }
            if !mem::replace(&mut part.is_suspect, true) {
                self.suspects.parts.push(part.range.clone());
            }
            if self.suspects.are_few() {
                self.suspects.lengths.push(owner.len_at);
            }
        }
        Ok(())
    }

    /// Refuses a table whose entries take no space and whose number of places makes
    /// rkyv's own arithmetic overflow. Its computed size would be that of the range that
    /// begins at `start`, and validation itself would read out of bounds.
    #[cold]
    fn check_capacity(&mut self, bytes: &[u8], start: usize) -> Result<(), BoxedError> {
        let overflowing = self.overflowing.get_or_insert_with(|| {
            let begins = |at: usize| {
                let places = numbers::length(bytes, at + 2 * WIDTH)?;
                let overflows = places.checked_next_multiple_of(GROUP).is_none()
                    && numbers::length(bytes, at + WIDTH)? < places;
                let begin = at.checked_add_signed(numbers::offset(bytes, at)?)?;
                overflows.then_some(begin)
            };
            let mut all: Vec<_> = rows(bytes, 0..bytes.len()).filter_map(begins).collect();
            all.sort_unstable();
            all
        });
        match overflowing.binary_search(&start) {
            Ok(_) => Err(BoxedError::new(BadTable::Capacity)),
            Err(_) => Ok(()),
        }
    }
}

impl Owner {
    /// Reads the numbers at `at`; `None` if they cannot belong to a table whose range
    /// ends at or before `limit`.
    #[inline]
    fn at(bytes: &[u8], at: usize, limit: usize) -> Option<Self> {
        let len = numbers::length(bytes, at + WIDTH)?;
        let places = numbers::length(bytes, at + 2 * WIDTH)?;
        if len >= places {
            return None;
        }
        let control = at.checked_add_signed(numbers::offset(bytes, at)?)?;
        let count = places
            .checked_next_multiple_of(GROUP)?
            .checked_add(GROUP - 1)?;
        let end = control.checked_add(count)?;
        (end <= limit).then_some(Self {
            len_at: at + WIDTH,
            len,
            places,
            control,
            end,
        })
    }

    /// Whether a whole number of entries lies between the beginning of `part` and the
    /// control bytes.
    fn fits(&self, part: &Range<usize>) -> bool {
        let entries = self.control.checked_sub(part.start);
        entries.is_some_and(|size| size.is_multiple_of(self.places))
    }

    /// Whether the last control bytes are what a lookup relies on.
    fn repeats(&self, bytes: &[u8]) -> bool {
        let (places, behind) = bytes[self.control..self.end].split_at(self.places);
        let (first, filler) = behind.split_at(behind.len().min(places.len()));
        *first == places[..first.len()] && filler.iter().all(|byte| *byte == EMPTY)
    }

    /// How many places hold an entry.
    fn taken(&self, bytes: &[u8]) -> usize {
        let places = &bytes[self.control..][..self.places];
        places.iter().filter(|byte| byte.is_ascii()).count()
    }
}

/// The positions in `range` where three consecutive numbers fit.
fn rows(bytes: &[u8], range: Range<usize>) -> impl Iterator<Item = usize> + use<> {
    let unaligned = (bytes.as_ptr().addr() + range.start) % ALIGN;
    let first = range.start + (ALIGN - unaligned) % ALIGN;
    let end = (range.end + 1).saturating_sub(3 * WIDTH);
    (first..end.max(first)).step_by(ALIGN)
}

impl Suspects {
    /// Up to this many apparent owners are examined one by one.
    const FEW: usize = 8;

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    fn are_few(&self) -> bool {
        self.lengths.len() <= Self::FEW
    }

    /// Whether none of them is a table. `is_valid` validates modified copies of `bytes`;
    /// if a suspect is a table, the modification is certain to make the copy invalid.
    ///
    /// The first copy marks all places of all suspects as full. That makes a table's
    /// length wrong, while texts, numbers and most other data of this layout stay valid.
    /// No suspect contains another, so nothing else is read differently. If that copy is
    /// invalid, the suspects may still be intact tables that other numbers appear to own.
    /// So each apparent owner's length is then set, one at a time, above any possible
    /// capacity, which is invalid for a real owner.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::OutOfMemory`].
    #[cold]
    pub(super) fn are_none(
        mut self,
        bytes: &[u8],
        is_valid: impl Fn(&[u8]) -> bool,
    ) -> io::Result<bool> {
        self.parts.sort_unstable_by_key(|part| part.start);
        let is_valid = |parts: &[Range<usize>], fill: u8| -> io::Result<bool> {
            let copy = with_filled(bytes, parts, fill)?;
            Ok(is_valid(&copy))
        };
        if is_valid(&self.parts, 1)? {
            return Ok(true);
        }
        if self.lengths.len() > Self::FEW {
            return Ok(false);
        }
        for at in self.lengths {
            let is_one = !is_valid(slice::from_ref(&(at..at + WIDTH)), 0xff)?;
            if is_one {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Copies `bytes`, with the ranges, which are in ascending order, filled with `fill`.
fn with_filled(bytes: &[u8], ranges: &[Range<usize>], fill: u8) -> io::Result<AlignedBytes> {
    let fill = [fill; 64];
    let mut copy = AlignedBytes::with_capacity(bytes.len(), PAGE)?;
    let mut done = 0;
    for range in ranges {
        copy.extend(&bytes[done..range.start])?;
        for chunk in bytes[range.clone()].chunks(fill.len()) {
            copy.extend(&fill[..chunk.len()])?;
        }
        done = range.end;
    }
    copy.extend(&bytes[done..])?;
    Ok(copy)
}
