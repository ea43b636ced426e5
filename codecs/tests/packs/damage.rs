//! Every damaged byte of a pack is found.

use std::io;
use std::ops::Range;

use file_backed_codecs::pack::Pack;
use file_backed_codecs::{FrameError, Source, frame};

use super::{read_all, sample};
use crate::files::{ToPack, pack_of, refusal};
use crate::values::Plain;

/// Which bytes of the pack are the payload of an item.
fn payloads(pack: &[u8]) -> Vec<([u8; 16], Range<usize>)> {
    let index = Pack::read(&pack).unwrap();
    let places = index.items().map(|item| {
        let start = item.offset() as usize;
        (
            item.key(),
            start..start + item.footer().payload_len() as usize,
        )
    });
    places.collect()
}

#[test]
fn a_truncated_pack_is_refused() {
    let pack = pack_of(&sample());
    for len in 0..pack.len() {
        let error = refusal(Pack::read(&&pack[..len]));
        assert!(error.is_damage(), "cut to {len} bytes: {error}");
    }
    let mut longer = pack.clone();
    longer.push(0);
    assert!(refusal(Pack::read(&longer)).is_damage());
    assert!(refusal(Pack::read(&[&pack[..], &pack].concat())).is_damage());
}

/// A damaged payload is one of its item, and no other item suffers. Everything else is found
/// when the index is read, or lies between the items.
#[test]
fn each_flipped_bit_is_found() {
    let pack = pack_of(&sample());
    let payloads = payloads(&pack);
    let index = Pack::read(&pack).unwrap().index_offset() as usize;
    for bit in 0..pack.len() * 8 {
        let at = bit / 8;
        let mut flipped = pack.clone();
        flipped[at] ^= 1 << (bit % 8);
        if !(32..index).contains(&at) {
            let error = refusal(Pack::read(&flipped));
            assert!(
                error.is_damage() && !error.is_mismatch(),
                "bit {bit}: {error}"
            );
            continue;
        }
        match payloads.iter().find(|(_, place)| place.contains(&at)) {
            Some((key, _)) => {
                let (index, damaged) = read_all(&flipped).unwrap();
                let [(found, _)] = &damaged[..] else {
                    panic!("bit {bit}: {damaged:?}");
                };
                assert_eq!(found, key, "bit {bit}");
                for item in index.items() {
                    let read = frame::read_file::<Vec<u8>, _>(&Plain, &item.open(&flipped));
                    assert_eq!(read.is_err(), item.key() == *key, "bit {bit}");
                    if let Err(error) = read {
                        let error = error.downcast_ref();
                        assert!(matches!(error, Some(FrameError::PayloadChecksum)));
                    }
                }
            }
            None => {
                let error = refusal(read_all(&flipped));
                assert!(error.is_damage(), "bit {bit}: {error}");
            }
        }
    }
}

/// A disk with an unreadable block.
struct BadBlock {
    pack: Vec<u8>,
    block: Range<u64>,
}

impl Source for BadBlock {
    fn len(&self) -> io::Result<u64> {
        Source::len(&self.pack)
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let end = offset + buf.len() as u64;
        if offset < self.block.end && self.block.start < end {
            return Err(io::Error::other("a bad block"));
        }
        self.pack.read_exact_at(buf, offset)
    }
}

#[test]
fn an_unreadable_block_damages_only_the_items_that_it_is_of() {
    let items: Vec<_> = (0..100)
        .map(|n| ToPack::new(n, 0, 1, &vec![n; 10_000]))
        .collect();
    let pack = pack_of(&items);
    let places = payloads(&pack);
    let (first, last) = (places[50].1.clone(), places[51].1.clone());
    let source = BadBlock {
        pack,
        block: first.end as u64 - 100..last.start as u64 + 100,
    };
    let index = Pack::read(&source).unwrap();
    let (mut damaged, read) = (Vec::new(), std::cell::Cell::new(0));
    let count = |bytes| read.set(read.get() + bytes);
    let verified = index.verify(&source, &count, &mut |item, error| {
        assert_eq!(error.to_string(), "a bad block");
        damaged.push(item.key());
    });
    verified.unwrap();
    assert_eq!(damaged, [[50; 16], [51; 16]]);
    assert_eq!(read.get(), 1_000_000);
}
