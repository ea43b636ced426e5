//! Packs: files of many small items.
//!
//! A file for each item is right for large ones. Small ones take a block of the disk each,
//! and a call to open, to sync and to delete. A pack holds many of them: their payloads, one
//! after the other, and an index of their keys. It is written once and never changed.
//!
//! | | |
//! |---|---|
//! | [`PackWriter`] | writes a pack |
//! | [`Pack`] | the index of a pack, checked and in memory |
//! | [`PackedItem`] | one entry of it: where the payload is, and what its footer says |
//! | [`ItemSource`] | an item of a pack, read as if it were a file of its own |
//!
//! # Examples
//!
//! ```
//! # #[cfg(feature = "bincodec")]
//! # fn main() -> Result<(), file_backed_codecs::CodecError> {
//! # mod file_backed { pub mod fbstore { pub use file_backed_codecs::*; } }
//! use file_backed::fbstore::frame::{self, FOOTER_LEN};
//! use file_backed::fbstore::pack::{Pack, PackWriter};
//! use file_backed::fbstore::BinCodec;
//!
//! let mut pack = Vec::new();
//! let mut writer = PackWriter::new(&mut pack, [7; 16]);
//! for (n, text) in ["one", "two", "three"].into_iter().enumerate() {
//!     let mut file = Vec::new();
//!     let footer = frame::write_file(&BinCodec, &text.to_owned(), &mut file)?;
//!     let payload = &file[..file.len() - FOOTER_LEN];
//!     writer.add([n as u8; 16], &footer, 1, payload)?;
//! }
//! let identity = writer.finish()?;
//!
//! let index = Pack::read(&pack)?;
//! assert_eq!((index.identity(), index.len()), (identity, 3));
//! let item = index.find(&[1; 16]).expect("it was added");
//! let text: String = frame::read_file(&BinCodec, &item.open(&pack))?;
//! assert_eq!(text, "two");
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "bincodec"))]
//! # fn main() {}
//! ```
//!
//! # The format
//!
//! A pack has at most 2³² - 1 bytes. All numbers are little-endian.
//!
//! | bytes | |
//! |---|---|
//! | 32 | the header |
//! | | the payloads, in the order in which they were added |
//! | | the index |
//! | 32 | the trailer |
//!
//! The header:
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 8 | magic, `\x89fbpack\n` |
//! | 8 | 2 | format version, 1 |
//! | 10 | 6 | reserved, zero |
//! | 16 | 16 | id of this file, random |
//!
//! Each payload begins at the next multiple of its alignment, which is a power of two of at
//! most 4096. The bytes before it are zero. The index begins where the last payload ends:
//!
//! | bytes | |
//! |---|---|
//! | 28 each | the kinds of items, in the order in which the payloads first need them |
//! | 16 each | the keys, in strictly ascending order |
//! | 2 each, or 4 | for each key, the number of its payload, from 0; 4 bytes if there are more than 65536 items |
//! | 4 each | CRC-32 of each payload, in the order of the payloads |
//! | | the runs: for each sequence of payloads of one kind that is as long as possible, the number of the kind and the number of payloads |
//! | | the length of each payload in bytes, in the order of the payloads |
//!
//! The numbers of the last two parts have seven bits in each byte, the lowest ones first. The
//! highest bit of a byte says that another one follows, and the last byte of a number is zero
//! only if it is the first. So the same contents are always encoded in the same way. Where a
//! payload is follows from the lengths and alignments of those before it.
//!
//! A kind is what the footers of items have in common:
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 4 | codec id |
//! | 4 | 2 | rkyv format flags |
//! | 6 | 2 | alignment of the payload |
//! | 8 | 4 | alignment of the archive's root |
//! | 12 | 8 | size of the archive's root |
//! | 20 | 8 | schema id |
//!
//! The trailer:
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 8 | where the index begins |
//! | 8 | 4 | number of items |
//! | 12 | 4 | number of kinds |
//! | 16 | 4 | length of the runs in bytes |
//! | 20 | 4 | length of the lengths in bytes |
//! | 24 | 4 | reserved, zero |
//! | 28 | 4 | CRC-32 of the header, of the index, and of the trailer before it |
//!
//! Later versions keep the first ten bytes, where the index begins, and the checksum, so that
//! a damaged version number is told from a later version. A pack of 4 GiB or more is one of a
//! later version if it says so.
//!
//! A payload and its kind, its length and its checksum are all that a file of its own would
//! hold: the [footer](crate::frame::Footer) is made from them, bit for bit. The last four
//! bytes of a pack depend on all of the others, on those of the payloads through their
//! checksums.

// The numbers here come from files.
#![warn(clippy::arithmetic_side_effects)]

mod index;
mod item;
mod kind;
mod layout;
mod numbers;
mod verify;
mod writer;

pub use index::Pack;
pub use item::{ItemSource, PackedItem};
pub use layout::PackIdentity;
pub use writer::PackWriter;

use crate::frame::FrameError;

fn damaged(why: &'static str) -> FrameError {
    FrameError::DamagedPack(why)
}

/// The first multiple of `align`, a power of two, from `offset` on.
fn aligned(offset: u64, align: u16) -> u64 {
    offset.next_multiple_of(align.into())
}
