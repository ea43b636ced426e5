//! A mapped value is the same as one that was read.

use file_backed_codecs::{Codec, Mapped, MappedCodec, frame};

use crate::files::{file_of, on_disk, refusal};
use crate::values::Record;

/// A codec that maps.
pub(crate) fn licensed() -> MappedCodec {
    // SAFETY: the tests' files have no name and are written once, before they
    // are mapped.
    unsafe { MappedCodec::new() }
}

#[cfg(unix)]
#[test]
fn archives_are_mapped_from_the_crossover_size_on() {
    let _budget = crate::budget::undisturbed();
    let value = Mapped::new(&vec![7u8; 1000]).unwrap();
    let payload = value.as_bytes().len() as u64;
    let file = on_disk(&file_of(&licensed(), &value));
    let read = |codec: MappedCodec| frame::read_file::<Mapped<Vec<u8>>, _>(&codec, &file).unwrap();

    assert!(!read(licensed()).is_mapped());
    assert!(!read(licensed().crossover(payload + 1)).is_mapped());
    assert!(read(licensed().crossover(payload)).is_mapped());
    assert!(!read(MappedCodec::heap().crossover(0)).is_mapped());
}

#[cfg(unix)]
#[test]
fn a_mapped_archive_equals_one_that_is_read() {
    let _budget = crate::budget::undisturbed();
    let record = Record::sample();
    let codec = licensed().crossover(0);
    let bytes = file_of(&codec, &Mapped::new(&record).unwrap());
    let file = on_disk(&bytes);
    let mapped: Mapped<Record> = frame::read_file(&codec, &file).unwrap();
    let heap: Mapped<Record> = frame::read_file(&MappedCodec::heap(), &file).unwrap();
    assert!(mapped.is_mapped() && !heap.is_mapped());
    assert_eq!(mapped.as_bytes(), heap.as_bytes());
    assert_eq!(mapped.deserialize().unwrap(), heap.deserialize().unwrap());

    let footprint = codec.footprint(&mapped);
    assert!(footprint.is_mapped());
    assert_eq!(footprint.mapped, mapped.as_bytes().len());
    assert!(footprint.heap < 100);

    // The map keeps what it was made of.
    drop(file);
    assert!(*mapped == record);
    // Writing a mapped value gives the file that it came from.
    assert_eq!(file_of(&codec, &mapped), bytes);
}

#[test]
fn an_archive_from_a_source_without_a_file_is_read() {
    let codec = licensed().crossover(0);
    let bytes = file_of(&codec, &Mapped::new(&Record::sample()).unwrap());
    let read: Mapped<Record> = frame::read_file(&codec, &bytes).unwrap();
    assert!(!read.is_mapped());
}

#[test]
fn an_archive_without_bytes_is_read() {
    let codec = licensed().crossover(0);
    let file = on_disk(&file_of(&codec, &Mapped::new(&()).unwrap()));
    let read: Mapped<()> = frame::read_file(&codec, &file).unwrap();
    assert!(!read.is_mapped());
}

/// The footer is read, and then the file is truncated. A map past the end of the file
/// would kill the process.
#[cfg(unix)]
#[test]
fn a_file_truncated_after_it_was_opened_is_not_mapped() {
    use file_backed_codecs::{FrameError, MapLicence, Payload};

    let _budget = crate::budget::undisturbed();
    let codec = licensed().crossover(0);
    let value = Mapped::new(&vec![1u8; 100_000]).unwrap();
    let id = <MappedCodec as Codec<Mapped<Vec<u8>>>>::ID;
    // SAFETY: no map comes of it, since the file is cut before.
    let licence = unsafe { MapLicence::new() };
    for len in [0, 64, 4096, 100_000, 200_000] {
        let file = on_disk(&file_of(&codec, &value));
        let payload = Payload::open(&file, id).unwrap();
        file.set_len(len).unwrap();
        let error = refusal(payload.map(&licence).map(drop));
        assert!(matches!(error, FrameError::Length { .. }), "{error}");

        let file = on_disk(&file_of(&codec, &value));
        let payload = Payload::open(&file, id).unwrap();
        file.set_len(len).unwrap();
        let decoded: Result<Mapped<Vec<u8>>, _> = codec.decode(payload);
        let error = refusal(decoded);
        assert!(matches!(error, FrameError::Length { .. }), "{error}");
    }
}

/// `Source` is safe to implement, so it can name the wrong file.
#[cfg(unix)]
#[test]
fn a_file_of_another_length_than_its_source_is_not_mapped() {
    use std::fs::File;
    use std::io;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use file_backed_codecs::{FrameError, Source};

    /// Reads from `bytes`, and names one file after the other.
    struct Liar {
        bytes: Vec<u8>,
        files: Vec<File>,
        asked: AtomicUsize,
    }

    impl Source for Liar {
        fn len(&self) -> io::Result<u64> {
            Source::len(&self.bytes)
        }

        fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
            self.bytes.read_exact_at(buf, offset)
        }

        fn file(&self) -> Option<&File> {
            let asked = self.asked.fetch_add(1, Ordering::Relaxed);
            Some(&self.files[asked % self.files.len()])
        }
    }

    let _budget = crate::budget::undisturbed();
    let codec = licensed().crossover(0);
    let bytes = file_of(&codec, &Mapped::new(&vec![1u8; 100_000]).unwrap());
    let (whole, short) = (on_disk(&bytes), on_disk(&bytes[..100]));
    for files in [
        vec![short.try_clone().unwrap()],
        vec![short.try_clone().unwrap(), whole.try_clone().unwrap()],
    ] {
        let liar = Liar {
            bytes: bytes.clone(),
            files,
            asked: AtomicUsize::new(0),
        };
        let read: Result<Mapped<Vec<u8>>, _> = frame::read_file(&codec, &liar);
        let error = refusal(read);
        assert!(matches!(error, FrameError::Length { .. }), "{error}");
    }
}

/// Some file systems do not support maps.
#[cfg(target_os = "linux")]
#[test]
fn a_map_refused_by_the_file_system_is_no_error() {
    use file_backed_codecs::{MapAttempt, MapLicence, Payload};

    let _budget = crate::budget::undisturbed();
    let path = "/sys/kernel/mm/transparent_hugepage/enabled";
    let Ok(file) = std::fs::File::open(path) else {
        return println!("skipped: there is no {path}");
    };
    let before = file_backed_codecs::map_budget::in_use();
    let payload = Payload::open_unframed(&file, 1 << 20).unwrap();
    assert!(!payload.is_empty());
    // SAFETY: the kernel gives no map of this file, as the test asserts.
    let licence = unsafe { MapLicence::new() };
    let attempt = payload.map(&licence).unwrap();
    assert!(matches!(attempt, MapAttempt::Refused(_)), "{attempt:?}");
    assert_eq!(file_backed_codecs::map_budget::in_use(), before);
}

#[test]
fn a_codec_with_a_given_licence_maps_and_so_does_its_clone() {
    let _budget = crate::budget::undisturbed();
    // SAFETY: as in `licensed`.
    let licence = unsafe { file_backed_codecs::MapLicence::new() };
    let codec = MappedCodec::licensed(licence).crossover(0).clone();
    let file = on_disk(&file_of(&codec, &Mapped::new(&7u64).unwrap()));
    let read: Mapped<u64> = frame::read_file(&codec, &file).unwrap();
    assert_eq!(read.is_mapped(), cfg!(unix));
    assert_eq!(read.to_native(), 7);
}
