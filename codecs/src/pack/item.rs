//! One item of a pack.

use std::io;
use std::mem::MaybeUninit;
use std::ptr;

use crate::aligned::fill;
use crate::frame::{FOOTER_LEN, Footer, Refusal, Source, assume_filled};

/// An entry of the index of a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedItem {
    pub(super) key: [u8; 16],
    pub(super) offset: u32,
    pub(super) align: u16,
    pub(super) footer: Footer,
}

impl PackedItem {
    /// The key of the item.
    pub fn key(&self) -> [u8; 16] {
        self.key
    }

    /// Where the payload begins in the pack, in bytes.
    pub fn offset(&self) -> u32 {
        self.offset
    }

    /// The alignment of the payload, in bytes.
    pub fn align(&self) -> usize {
        self.align.into()
    }

    /// The footer that a file of this item has.
    pub fn footer(&self) -> &Footer {
        &self.footer
    }

    /// The item as a file of its own. `pack` is the pack of this index. Nothing is read.
    pub fn open<'s>(&self, pack: &'s dyn Source) -> ItemSource<'s> {
        ItemSource::new(pack, self.offset, &self.footer)
    }
}

/// An item of a pack, read as if it were a file of its own: the payload, and then its footer.
///
/// The footer is in memory, so that reading the item takes one read of the pack. The item
/// cannot be mapped. If the pack ends before the payload does, reads fail with
/// [`io::ErrorKind::UnexpectedEof`].
pub struct ItemSource<'s> {
    pack: &'s dyn Source,
    offset: u64,
    payload_len: u64,
    footer: [u8; FOOTER_LEN],
}

impl<'s> ItemSource<'s> {
    /// The item of `pack` whose payload begins at `offset` and has this footer.
    pub fn new(pack: &'s dyn Source, offset: u32, footer: &Footer) -> Self {
        Self {
            pack,
            offset: offset.into(),
            payload_len: footer.payload_len,
            footer: footer.to_bytes(),
        }
    }

    fn end(&self) -> u64 {
        self.payload_len.saturating_add(FOOTER_LEN as u64)
    }

    /// Where the bytes are that were asked for.
    fn parts(&self, len: usize, offset: u64) -> Option<Parts> {
        let end = offset.checked_add(len as u64)?;
        if end > self.end() {
            return None;
        }
        let of_payload = self.payload_len.saturating_sub(offset).min(len as u64);
        let in_footer = offset.saturating_sub(self.payload_len);
        Some(Parts {
            in_pack: self.offset.checked_add(offset)?,
            // They are at most `len`, and at most the length of a footer.
            of_payload: of_payload as usize,
            in_footer: in_footer as usize,
        })
    }

    /// Fills `buf` with the bytes at `offset`, those of the payload by `read`, which
    /// initializes the buffer and gets where in the pack they begin.
    fn read<'b, E>(
        &self,
        buf: &'b mut [MaybeUninit<u8>],
        offset: u64,
        too_short: E,
        read: impl FnOnce(&mut [MaybeUninit<u8>], u64) -> Result<(), E>,
    ) -> Result<&'b mut [u8], E> {
        let parts = self.parts(buf.len(), offset).ok_or(too_short)?;
        let (payload, footer) = buf.split_at_mut(parts.of_payload);
        if !payload.is_empty() {
            read(payload, parts.in_pack)?;
        }
        for (to, from) in footer.iter_mut().zip(&self.footer[parts.in_footer..]) {
            to.write(*from);
        }
        // SAFETY: `read` has initialized the first part. The second one is no longer than what
        // is left of the footer, so that each of its bytes was written.
        Ok(unsafe { assume_filled(buf) })
    }
}

struct Parts {
    /// Where the bytes of the payload begin in the pack.
    in_pack: u64,
    /// How many bytes are of the payload. The others are of the footer.
    of_payload: usize,
    in_footer: usize,
}

impl Source for ItemSource<'_> {
    fn len(&self) -> io::Result<u64> {
        Ok(self.end())
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let parts = self.parts(buf.len(), offset);
        let parts = parts.ok_or(io::ErrorKind::UnexpectedEof)?;
        let (payload, footer) = buf.split_at_mut(parts.of_payload);
        if !payload.is_empty() {
            self.pack.read_exact_at(payload, parts.in_pack)?;
        }
        footer.copy_from_slice(&self.footer[parts.in_footer..][..footer.len()]);
        Ok(())
    }

    fn read_exact_uninit_at<'b>(
        &self,
        buf: &'b mut [MaybeUninit<u8>],
        offset: u64,
    ) -> io::Result<&'b mut [u8]> {
        let too_short = io::ErrorKind::UnexpectedEof.into();
        self.read(buf, offset, too_short, |payload, in_pack| {
            fill(self.pack, payload, in_pack)
        })
    }

    fn read_cached_at<'b>(
        &self,
        buf: &'b mut [MaybeUninit<u8>],
        offset: u64,
    ) -> Option<&'b mut [u8]> {
        let read = self.read(buf, offset, (), |payload, in_pack| {
            let (start, len) = (payload.as_ptr().cast::<u8>(), payload.len());
            let filled = self.pack.read_cached_at(payload, in_pack).ok_or(())?;
            // Then all of the buffer is initialized, also by a source that breaks its contract.
            assert!(
                ptr::eq(filled.as_ptr(), start) && filled.len() == len,
                "a source returns the buffer that it was asked to fill"
            );
            Ok(())
        });
        read.ok()
    }

    fn is_in_memory(&self) -> bool {
        self.pack.is_in_memory()
    }

    fn refusal(&self) -> Option<&Refusal> {
        self.pack.refusal()
    }
}

impl std::fmt::Debug for ItemSource<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ItemSource")
            .field("offset", &self.offset)
            .field("payload_len", &self.payload_len)
            .finish_non_exhaustive()
    }
}
