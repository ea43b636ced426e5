//! What packs promise: each item is read as it was added, and anything else is refused.

mod damage;
mod forged;
mod items;

use file_backed_codecs::pack::{Pack, PackWriter, PackedItem};
use file_backed_codecs::{CodecError, Source, frame};

use crate::files::{ToPack, pack_of};

/// Items of two kinds, of several alignments and lengths, with a gap, in an order that is not
/// the one of their keys.
fn sample() -> Vec<ToPack> {
    vec![
        ToPack::new(9, 0, 1, b"some payload"),
        ToPack::new(3, 0, 1, b"another"),
        ToPack::new(7, 5, 64, &[7; 130]),
        ToPack::new(1, 0, 1, b""),
        ToPack::new(4, 0, 16, b"x"),
    ]
}

/// The keys of damaged items, and what is wrong with them.
type Damaged = Vec<([u8; 16], CodecError)>;

/// Reads the index and all payloads.
fn read_all(pack: &dyn Source) -> Result<(Pack, Damaged), CodecError> {
    let index = Pack::read(pack)?;
    let mut found = Vec::new();
    let mut note = |item: PackedItem, error| {
        found.push((item.key(), error));
    };
    index.verify(pack, &|_| {}, &mut note)?;
    Ok((index, found))
}

/// Writes a pack of the items of another one, as they are read from it.
fn rewritten(index: &Pack, pack: &dyn Source) -> Vec<u8> {
    let mut again = Vec::new();
    let mut writer = PackWriter::new(&mut again, index.identity().id);
    for item in index.items() {
        let mut payload = vec![0; item.footer().payload_len() as usize];
        item.open(pack).read_exact_at(&mut payload, 0).unwrap();
        let added = writer.add(item.key(), item.footer(), item.align(), &payload);
        assert_eq!(added.unwrap(), item.offset());
    }
    assert_eq!(writer.finish().unwrap(), index.identity());
    again
}

/// Every item is as it was added, by key and in order.
fn assert_holds(pack: &[u8], items: &[ToPack]) {
    let (index, damaged) = read_all(&pack).unwrap();
    assert!(damaged.is_empty());
    assert_eq!(
        (index.len(), index.is_empty()),
        (items.len(), items.is_empty())
    );
    assert_eq!(index.identity().len, pack.len() as u64);
    let mut end = 32;
    for (added, item) in items.iter().zip(index.items()) {
        assert_eq!(index.find(&added.key).unwrap(), item);
        assert_eq!((item.key(), item.align()), (added.key, added.align));
        assert_eq!(item.footer(), &added.footer);
        let start = item.offset() as usize;
        assert!(start.is_multiple_of(item.align()) && start - end < item.align());
        end = start + added.payload.len();
        assert_eq!(pack[start..end], added.payload);
        let file = [&added.payload[..], &added.footer.to_bytes()].concat();
        let mut found = vec![0; file.len()];
        item.open(&pack).read_exact_at(&mut found, 0).unwrap();
        assert_eq!(found, file);
    }
    assert_eq!(index.index_offset(), end as u64);
    assert!(rewritten(&index, &pack) == pack);
}

#[test]
fn items_are_read_as_they_were_added() {
    assert_holds(&pack_of(&sample()), &sample());
    assert_holds(&pack_of(&[]), &[]);
    // Longer than what a writer collects, and than what a reader reads at a time.
    let long = vec![
        ToPack::new(1, 0, 4096, &[1; 10]),
        ToPack::new(5, 0, 1, &[2; 300_000]),
        ToPack::new(2, 0, 1, &[3; 65_530]),
        ToPack::new(3, 0, 4096, &[4; 65_536]),
        ToPack::new(4, 0, 1, &[5; 65_537]),
    ];
    assert_holds(&pack_of(&long), &long);
    let index = Pack::read(&pack_of(&sample())).unwrap();
    for key in [[0; 16], [2; 16], [255; 16]] {
        assert_eq!(index.find(&key), None);
    }
}

/// From here on, payloads are numbered by four bytes.
#[test]
fn a_pack_may_have_more_than_65536_items() {
    let footer = ToPack::new(0, 0, 1, b"").footer;
    for count in [65_536_u32, 65_537] {
        let mut pack = Vec::new();
        let mut writer = PackWriter::new(&mut pack, [1; 16]);
        for n in 0..count {
            let key = u128::from(n.reverse_bits()).to_be_bytes();
            writer.add(key, &footer, 1, b"").unwrap();
        }
        assert_eq!(writer.len(), count as usize);
        writer.finish().unwrap();
        let index = Pack::read(&pack).unwrap();
        assert_eq!(index.len(), count as usize);
        let keys = index.items().map(|item| u128::from_be_bytes(item.key()));
        assert!(keys.eq((0..count).map(|n| u128::from(n.reverse_bits()))));
        let last = u128::from((count - 1).reverse_bits()).to_be_bytes();
        assert_eq!(index.find(&last).unwrap().key(), last);
        assert!(rewritten(&index, &pack) == pack);
    }
}

/// What small items cost beside their payloads.
#[test]
fn an_item_of_300_bytes_takes_24_bytes_of_the_index() {
    let footer = ToPack::new(0, 5, 1, &[7; 300]).footer;
    let mut pack = Vec::new();
    let mut writer = PackWriter::new(&mut pack, [1; 16]);
    for n in 0..20_000_u128 {
        writer
            .add((n << 64).to_be_bytes(), &footer, 1, &[7; 300])
            .unwrap();
    }
    let len = writer.finish().unwrap().len;
    assert_eq!(len, 20_000 * 324 + 32 + 32 + 28 + 4);
}

/// Written from the tables in the documentation, as another program would.
#[test]
fn a_pack_has_the_documented_bytes() {
    let (one, two) = (
        ToPack::new(9, 0, 1, b"abc"),
        ToPack::new(3, 5, 8, &[7; 200]),
    );
    let third = ToPack::new(4, 5, 8, b"d");
    let mut pack = b"\x89fbpack\n\x01\0\0\0\0\0\0\0".to_vec();
    pack.extend([0x1d; 16]);
    pack.extend(b"abc\0\0\0\0\0");
    pack.extend([7; 200]);
    pack.extend(b"d");
    let index = pack.len();
    for (schema, align) in [(0_u64, 1_u16), (5, 8)] {
        pack.extend(one.footer.codec().to_u32().to_le_bytes());
        pack.extend([0, 0]);
        pack.extend(align.to_le_bytes());
        pack.extend([0; 12]);
        pack.extend(schema.to_le_bytes());
    }
    pack.extend([[3; 16], [4; 16], [9; 16]].as_flattened());
    pack.extend([1, 0, 2, 0, 0, 0]);
    for payload in [&one.payload, &two.payload, &third.payload] {
        pack.extend(crc32fast::hash(payload).to_le_bytes());
    }
    pack.extend([0, 1, 1, 2]);
    pack.extend([3, 200 | 0x80, 1, 1]);
    pack.extend((index as u64).to_le_bytes());
    for number in [3_u32, 2, 4, 4, 0] {
        pack.extend(number.to_le_bytes());
    }
    let mut crc = crc32fast::Hasher::new();
    crc.update(&pack[..32]);
    crc.update(&pack[index..]);
    pack.extend(crc.finalize().to_le_bytes());
    assert_eq!(pack_of(&[one, two, third]), pack);
}

#[test]
fn a_writer_refuses_what_is_no_item_and_goes_on() {
    use std::io;

    use crate::files::refusal;
    use file_backed_codecs::FrameError;

    let item = ToPack::new(1, 0, 1, b"payload");
    let mut pack = Vec::new();
    let mut writer = PackWriter::new(&mut pack, [0x1d; 16]);
    let error = refusal(writer.add(item.key, &item.footer, 1, b"paylaod"));
    assert!(matches!(error, FrameError::PayloadChecksum), "{error}");
    let error = refusal(writer.add(item.key, &item.footer, 1, b"pay"));
    assert!(
        matches!(
            error,
            FrameError::Length {
                stated: 7,
                actual: 3
            }
        ),
        "{error}"
    );
    assert!(writer.is_empty());
    writer.add(item.key, &item.footer, 1, b"payload").unwrap();
    writer.finish().unwrap();
    assert_eq!(pack, pack_of(std::slice::from_ref(&item)));

    let mut writer = PackWriter::new(&mut pack, [0x1d; 16]);
    for _ in 0..2 {
        writer.add(item.key, &item.footer, 1, b"payload").unwrap();
    }
    let error = writer.finish().unwrap_err();
    let error = error.downcast_ref::<io::Error>().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}

#[test]
#[should_panic(expected = "power of two")]
fn an_alignment_that_no_map_provides_is_a_mistake() {
    let item = ToPack::new(1, 0, 1, b"");
    let mut pack = Vec::new();
    let _ = PackWriter::new(&mut pack, [0; 16]).add(item.key, &item.footer, 8192, b"");
}

/// A disk that is full after some bytes.
struct Full(usize);

impl std::io::Write for Full {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let room = self.0.min(bytes.len());
        self.0 -= room;
        match room {
            0 => Err(std::io::ErrorKind::StorageFull.into()),
            room => Ok(room),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_writer_passes_the_errors_of_the_file_on() {
    let items = [
        ToPack::new(1, 0, 1, &[1; 50_000]),
        ToPack::new(2, 0, 1, &[2; 50_000]),
        ToPack::new(3, 0, 1, &[3; 100_000]),
    ];
    let write = |room| -> Result<(), CodecError> {
        let mut full = Full(room);
        let mut writer = PackWriter::new(&mut full, [0; 16]);
        for item in &items {
            writer.add(item.key, &item.footer, 1, &item.payload)?;
        }
        writer.finish().map(drop)
    };
    let whole = pack_of(&items).len();
    write(whole).unwrap();
    for room in [0, 40_000, 100_032, 150_000, 200_032, whole - 1] {
        let error = write(room).unwrap_err();
        let error = error.downcast_ref::<std::io::Error>().unwrap();
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    }
}

/// A disk that has room again after a write that failed.
struct Recovering {
    failures: std::vec::IntoIter<bool>,
}

impl std::io::Write for Recovering {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self.failures.next() {
            Some(true) => Err(std::io::ErrorKind::FileTooLarge.into()),
            _ => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Systems have the same error for a file that is too large as a writer has for a pack that is
/// full, and a program that takes the one for the other finishes the pack.
#[test]
fn a_writer_whose_file_has_failed_finishes_no_pack() {
    let long = ToPack::new(1, 0, 1, &[1; 100_000]);
    let short = ToPack::new(2, 0, 1, b"short");
    // The bytes before the payload are one write, and the payload another.
    for failures in [vec![true], vec![false, true]] {
        let mut file = Recovering {
            failures: failures.into_iter(),
        };
        let mut writer = PackWriter::new(&mut file, [0; 16]);
        let failed = writer.add(long.key, &long.footer, 1, &long.payload);
        failed.unwrap_err();
        let added = writer.add(short.key, &short.footer, 1, &short.payload);
        added.unwrap_err();
        assert!(writer.is_empty());
        writer.finish().unwrap_err();
    }
}

mod any_value {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn items() -> impl Strategy<Value = Vec<ToPack>> {
        let item = (0..3_u64, 0..13_u32, vec(any::<u8>(), 0..200));
        vec((any::<u8>(), item), 0..30).prop_map(|items| {
            let items: std::collections::HashMap<_, _> = items.into_iter().collect();
            let items = items.into_iter();
            items
                .map(|(key, (schema, align, payload))| {
                    ToPack::new(key, schema, 1 << align, &payload)
                })
                .collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_items_are_read_as_they_were_added(items in items()) {
            assert_holds(&pack_of(&items), &items);
        }
    }
}

/// A decoded value too, by the functions that read files.
#[test]
fn a_codec_reads_an_item_like_a_file() {
    use crate::values::Plain;

    let pack = pack_of(&sample());
    let index = Pack::read(&pack).unwrap();
    for item in sample() {
        let found = index.find(&item.key).unwrap();
        let read: Vec<u8> = frame::read_file(&Plain, &found.open(&pack)).unwrap();
        assert_eq!(read, item.payload);
    }
}
