//! An item is read as if it were a file of its own.

use std::io;
use std::mem::MaybeUninit;
use std::sync::Mutex;

use file_backed_codecs::frame::{FOOTER_LEN, NoWait};
use file_backed_codecs::pack::{ItemSource, Pack};
use file_backed_codecs::{Source, frame};

use super::sample;
use crate::files::{ToPack, on_disk, pack_of};
use crate::values::Plain;

/// Any part of the payload and the footer, in each way of reading.
#[test]
fn every_part_of_an_item_can_be_read() {
    let item = ToPack::new(3, 5, 8, b"some payload");
    let file = [&item.payload[..], &item.footer.to_bytes()].concat();
    let pack = pack_of(&[ToPack::new(1, 0, 1, b"before"), item]);
    let source = Pack::read(&pack).unwrap().find(&[3; 16]).unwrap();
    let source = source.open(&pack);
    assert_eq!(source.len().unwrap(), file.len() as u64);
    assert!(!source.is_empty().unwrap());
    assert!(
        source.file().is_none(),
        "it would be mapped from the start of the pack"
    );
    for start in 0..=file.len() {
        for end in start..=file.len() {
            let (offset, expected) = (start as u64, &file[start..end]);
            let mut read = vec![0; expected.len()];
            source.read_exact_at(&mut read, offset).unwrap();
            assert_eq!(read, expected);
            let mut uninit = vec![MaybeUninit::uninit(); expected.len()];
            let read = source.read_exact_uninit_at(&mut uninit, offset);
            assert_eq!(read.unwrap(), expected);
            let mut uninit = vec![MaybeUninit::uninit(); expected.len()];
            let read = source.read_cached_at(&mut uninit, offset);
            assert_eq!(read.unwrap(), expected);
        }
    }
    for (offset, len) in [
        (0, file.len() + 1),
        (file.len() as u64, 1),
        (file.len() as u64 + 1, 0),
        (u64::MAX, 2),
        (u64::MAX, 0),
    ] {
        let mut buf = vec![0; len];
        let error = source.read_exact_at(&mut buf, offset).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        let mut buf = vec![MaybeUninit::uninit(); len];
        let error = source.read_exact_uninit_at(&mut buf, offset).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert!(source.read_cached_at(&mut buf, offset).is_none());
    }
}

/// A pack that writes down which of its bytes are read.
struct Watched {
    pack: Vec<u8>,
    reads: Mutex<Vec<(u64, usize)>>,
    is_cached: bool,
}

impl Source for Watched {
    fn len(&self) -> io::Result<u64> {
        Source::len(&self.pack)
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.reads.lock().unwrap().push((offset, buf.len()));
        self.pack.read_exact_at(buf, offset)
    }

    fn read_cached_at<'b>(
        &self,
        buf: &'b mut [MaybeUninit<u8>],
        offset: u64,
    ) -> Option<&'b mut [u8]> {
        match self.is_cached {
            true => self.pack.read_cached_at(buf, offset),
            false => None,
        }
    }
}

fn watched(is_cached: bool) -> Watched {
    Watched {
        pack: pack_of(&sample()),
        reads: Mutex::default(),
        is_cached,
    }
}

/// No length is asked for, and no footer is read.
#[test]
fn an_item_takes_one_read() {
    let pack = watched(true);
    let index = Pack::read(&pack.pack).unwrap();
    for item in sample() {
        let found = index.find(&item.key).unwrap();
        let source = ItemSource::new(&pack, found.offset(), found.footer());
        let read: Vec<u8> = frame::read_file(&Plain, &source).unwrap();
        assert_eq!(read, item.payload);
        let reads = std::mem::take(&mut *pack.reads.lock().unwrap());
        let expected = (found.offset().into(), item.payload.len());
        match item.payload.is_empty() {
            true => assert_eq!(reads, []),
            false => assert_eq!(reads, [expected]),
        }
    }
}

#[test]
fn an_item_is_read_without_waiting_if_its_bytes_are_in_memory() {
    for is_cached in [true, false] {
        let pack = watched(is_cached);
        let item = Pack::read(&pack.pack).unwrap().find(&[9; 16]).unwrap();
        let source = item.open(&pack);
        let source = NoWait::new(&source).unwrap();
        let read = frame::read_file::<Vec<u8>, _>(&Plain, &source);
        assert_eq!(source.is_refused(), !is_cached);
        assert_eq!(read.ok(), is_cached.then(|| b"some payload".to_vec()));
    }
}

#[test]
fn an_item_of_a_file_on_disk_is_read() {
    let disk = on_disk(&pack_of(&sample()));
    let index = Pack::read(&disk).unwrap();
    for item in sample() {
        let found = index.find(&item.key).unwrap();
        let read: Vec<u8> = frame::read_file(&Plain, &found.open(&disk)).unwrap();
        assert_eq!(read, item.payload);
    }
}

/// What refers to an item may be older than a pack that was cut off.
#[test]
fn a_read_behind_the_end_of_the_pack_fails() {
    let whole = pack_of(&sample());
    let item = Pack::read(&whole).unwrap().find(&[7; 16]).unwrap();
    let cut = &whole[..item.offset() as usize + 129];
    let mut payload = vec![0; 130];
    let error = item.open(&cut).read_exact_at(&mut payload, 0).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    let mut footer = [0; FOOTER_LEN];
    item.open(&cut).read_exact_at(&mut footer, 130).unwrap();
    assert_eq!(footer, item.footer().to_bytes());
}
