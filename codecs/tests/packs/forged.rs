//! A checksum protects from accidents alone: anyone can compute it. Packs that are forged are
//! refused all the same, and take no memory.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use file_backed_codecs::pack::Pack;
use file_backed_codecs::{FrameError, Source};

use super::{read_all, sample};
use crate::files::{pack_of, refusal, reseal_pack};

/// The reason to refuse the pack after a change, with the right checksum.
#[track_caller]
fn reason(change: impl FnOnce(&mut Vec<u8>, usize)) -> &'static str {
    let mut pack = pack_of(&sample());
    let index = Pack::read(&pack).unwrap().index_offset() as usize;
    change(&mut pack, index);
    reseal_pack(&mut pack);
    match refusal(Pack::read(&pack)) {
        FrameError::DamagedPack(reason) => reason,
        error => panic!("{error}"),
    }
}

/// Where the parts of the index of the sample begin, from the index on: it has three kinds
/// and five items.
const KEYS: usize = 3 * 28;
const ORDER: usize = KEYS + 5 * 16;
const CRCS: usize = ORDER + 5 * 2;
const RUNS: usize = CRCS + 5 * 4;
const LENS: usize = RUNS + 4 * 2;
const TRAILER: usize = LENS + 4 + 2;

#[test]
fn the_sample_is_as_long_as_its_parts() {
    let pack = pack_of(&sample());
    let index = Pack::read(&pack).unwrap().index_offset() as usize;
    assert_eq!(pack.len(), index + TRAILER + 32);
}

#[test]
fn reserved_bytes_are_zero() {
    let why = "its reserved bytes are not zero";
    assert_eq!(reason(|pack, _| pack[10] = 1), why);
    assert_eq!(reason(|pack, index| pack[index + TRAILER + 24] = 1), why);
}

#[test]
fn lengths_that_do_not_fit_are_refused() {
    for at in [8, 12, 16, 20] {
        for wrong in [0_u32, 1, 7, 100, 65_537, 1 << 28, u32::MAX] {
            let changed = reason(|pack, index| {
                let number = &mut pack[index + TRAILER + at..][..4];
                number.copy_from_slice(&wrong.to_le_bytes());
            });
            assert_eq!(changed, "its lengths are inconsistent");
        }
    }
    for wrong in [0_u64, 31, 1 << 20, 1 << 32, u64::MAX] {
        let changed = reason(|pack, index| {
            pack[index + TRAILER..][..8].copy_from_slice(&wrong.to_le_bytes());
        });
        assert_eq!(changed, "its index is not in it");
    }
    let changed = reason(|pack, index| {
        let earlier = index as u64 - 1;
        pack[index + TRAILER..][..8].copy_from_slice(&earlier.to_le_bytes());
    });
    assert_eq!(changed, "its lengths are inconsistent");
}

#[test]
fn keys_are_in_ascending_order_and_each_has_a_payload() {
    let out_of_order = "its keys are out of order";
    let swapped = |pack: &mut Vec<u8>, index: usize| {
        pack[index + KEYS..][..32].rotate_left(16);
    };
    assert_eq!(reason(swapped), out_of_order);
    let twice = |pack: &mut Vec<u8>, index: usize| {
        pack.copy_within(index + KEYS..index + KEYS + 16, index + KEYS + 16);
    };
    assert_eq!(reason(twice), out_of_order);
    for number in [5, 255, 65_535_u16] {
        let beyond = |pack: &mut Vec<u8>, index: usize| {
            pack[index + ORDER..][..2].copy_from_slice(&number.to_le_bytes());
        };
        assert_eq!(reason(beyond), "a payload has no key, or several");
    }
    let shared = |pack: &mut Vec<u8>, index: usize| {
        pack.copy_within(index + ORDER..index + ORDER + 2, index + ORDER + 2);
    };
    assert_eq!(reason(shared), "a payload has no key, or several");
}

#[test]
fn alignments_are_powers_of_two_that_a_map_provides() {
    for align in [0_u16, 3, 4097, 8192, 1 << 15] {
        let changed = reason(|pack, index| {
            pack[index + 28 + 6..][..2].copy_from_slice(&align.to_le_bytes());
        });
        assert_eq!(
            changed,
            "an alignment is not a power of two of at most 4096"
        );
    }
}

#[test]
fn kinds_are_different_and_in_the_order_of_their_use() {
    let twice = |pack: &mut Vec<u8>, index: usize| pack.copy_within(index..index + 28, index + 28);
    assert_eq!(reason(twice), "it has a kind twice");
    // The sample has two payloads of the first kind, one of the second, one of the first, and
    // one of the third.
    for wrong in [
        [1, 2, 0, 1, 1, 1, 2, 1],
        [0, 2, 2, 1, 1, 1, 0, 1],
        [0, 2, 0, 1, 1, 1, 2, 1],
        [0, 2, 1, 1, 0, 1, 3, 1],
        [0, 2, 1, 1, 0, 1, 1, 1],
        [0, 2, 1, 1, 0, 0, 2, 2],
        [0, 2, 1, 1, 0, 1, 2, 2],
        [0, 2, 1, 1, 0, 1, 2, 0],
        [0, 1, 1, 1, 0, 1, 2, 1],
        [0, 0x80, 0, 1, 0, 1, 2, 1],
        [0, 2, 1, 1, 0, 1, 2, 0x81],
    ] {
        let changed = reason(|pack, index| pack[index + RUNS..][..8].copy_from_slice(&wrong));
        assert_eq!(changed, "the runs of its kinds are wrong", "{wrong:?}");
    }
}

#[test]
fn payloads_fill_what_is_before_the_index() {
    for wrong in [
        [12, 7, 130 | 0x80, 1, 0, 0],
        [12, 7, 130 | 0x80, 1, 0, 2],
        [12, 7, 130 | 0x80, 0, 0, 1],
        [12, 7, 130 | 0x80, 0x81, 0, 1],
        [12, 7, 130, 130, 130, 130],
        [255, 255, 255, 255, 15, 0],
        [255, 255, 255, 255, 255, 1],
    ] {
        let changed = reason(|pack, index| pack[index + LENS..][..6].copy_from_slice(&wrong));
        let why = "the lengths of its payloads are wrong";
        assert_eq!(changed, why, "{wrong:?}");
    }
    // A gap may hide a byte from the index, but not from a verification.
    let mut shorter = pack_of(&sample());
    let index = Pack::read(&shorter).unwrap().index_offset() as usize;
    shorter[index + LENS] = 11;
    reseal_pack(&mut shorter);
    assert!(refusal(read_all(&shorter)).is_damage());
}

#[test]
fn a_later_version_is_told_from_a_damaged_one() {
    let mut later = pack_of(&sample());
    later[8] = 2;
    let error = refusal(Pack::read(&later));
    assert!(error.is_damage(), "{error}");
    // It may have other parts.
    let index = Pack::read(&pack_of(&sample())).unwrap().index_offset() as usize;
    later[index + TRAILER + 8..][..16].fill(0xff);
    reseal_pack(&mut later);
    let error = refusal(Pack::read(&later));
    let is_version = matches!(
        error,
        FrameError::Version {
            found: 2,
            supported: 1
        }
    );
    assert!(is_version && error.is_mismatch(), "{error}");
}

/// It may have no limit, or another one. Its checksum is not computed, which could take hours.
#[test]
fn a_later_version_may_be_longer() {
    let whole = pack_of(&[]);
    for len in [1 << 32, 1 << 40, u64::MAX] {
        let mut sparse = Sparse {
            header: *whole.first_chunk().unwrap(),
            trailer: *whole.last_chunk().unwrap(),
            len,
            largest_read: AtomicUsize::new(0),
        };
        assert!(refusal(Pack::read(&sparse)).is_damage());
        sparse.header[8] = 2;
        let error = refusal(Pack::read(&sparse));
        assert!(error.is_mismatch() && !error.is_damage(), "{error}");
        assert!(sparse.largest_read.into_inner() <= 32);
    }
}

/// Zeros between a header and a trailer.
struct Sparse {
    header: [u8; 32],
    trailer: [u8; 32],
    len: u64,
    largest_read: AtomicUsize,
}

impl Source for Sparse {
    fn len(&self) -> io::Result<u64> {
        Ok(self.len)
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.largest_read.fetch_max(buf.len(), Ordering::Relaxed);
        buf.fill(0);
        let parts = [(0, &self.header), (self.len - 32, &self.trailer)];
        for (start, part) in parts {
            if offset == start {
                buf.copy_from_slice(part);
            }
        }
        Ok(())
    }
}

/// A sparse file has any length.
#[test]
fn a_sparse_pack_takes_no_memory() {
    let whole = pack_of(&[]);
    for len in [100 << 20, u64::from(u32::MAX), 1 << 40, u64::MAX] {
        let items = ((len.min(1 << 30) - 64) / 24) as u32;
        for index in [32, len - 64] {
            let mut trailer: [u8; 32] = *whole.last_chunk().unwrap();
            trailer[..8].copy_from_slice(&index.to_le_bytes());
            trailer[8..12].copy_from_slice(&items.to_le_bytes());
            let rest = (len.min(1 << 30) - 64) % 24 + u64::from(items) * 2;
            trailer[20..24].copy_from_slice(&(rest as u32).to_le_bytes());
            let sparse = Sparse {
                header: *whole.first_chunk().unwrap(),
                trailer,
                len,
                largest_read: AtomicUsize::new(0),
            };
            let error = refusal(Pack::read(&sparse));
            assert!(matches!(error, FrameError::DamagedPack(_)), "{error}");
            assert!(sparse.largest_read.into_inner() <= 64 << 10);
        }
    }
}
