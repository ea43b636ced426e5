//! A trusting codec does not validate the bytes. It checks only what costs nothing.

use file_backed_codecs::{FrameError, Mapped, MappedCodec, frame};
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::{Fallible, Source};

use crate::files::{file_of, on_disk, refusal, with_payload};
use crate::mapping::licensed;
use crate::values::{List, Record};

fn trusting(codec: MappedCodec) -> MappedCodec {
    // SAFETY: the tests let it read what the codec wrote, from values of the same
    // type, or files that are refused before anything is made of them.
    unsafe { codec.trusting() }
}

#[test]
fn a_trusting_codec_reads_the_same_value() {
    let _budget = crate::budget::undisturbed();
    let record = Record::sample();
    let bytes = file_of(&licensed(), &Mapped::new(&record).unwrap());
    let file = on_disk(&bytes);
    for codec in [MappedCodec::heap(), licensed().crossover(0)] {
        let read: Mapped<Record> = frame::read_file(&trusting(codec), &file).unwrap();
        assert_eq!(read.deserialize().unwrap(), record);
    }
}

/// The list is deeper than any validation would go.
#[test]
fn a_trusting_codec_does_not_follow_pointers() {
    let list = List::of(1000);
    let archive = MappedCodec::heap().max_depth(2000).archive(&list).unwrap();
    let file = file_of(&MappedCodec::heap().max_depth(usize::MAX), &archive);
    assert!(frame::read_file::<Mapped<List>, _>(&MappedCodec::heap(), &file).is_err());
    let read: Mapped<List> = frame::read_file(&trusting(MappedCodec::heap()), &file).unwrap();
    assert_eq!(read.value, 1000);
}

#[test]
fn a_trusting_codec_still_refuses_other_types_and_short_files() {
    let codec = trusting(MappedCodec::heap());
    let file = file_of(&codec, &Mapped::new(&Record::sample()).unwrap());
    let error = refusal(frame::read_file::<Mapped<u64>, _>(&codec, &file));
    assert!(matches!(error, FrameError::RootLayout { .. }), "{error}");

    let short = with_payload(&file, &[1, 2, 3]);
    let error = refusal(frame::read_file::<Mapped<Record>, _>(&codec, &short));
    assert!(matches!(error, FrameError::InvalidArchive(_)), "{error}");

    let number = file_of(&codec, &Mapped::new(&7u64).unwrap());
    let skewed = with_payload(&number, &[0; 9]);
    let error = refusal(frame::read_file::<Mapped<u64>, _>(&codec, &skewed));
    assert!(matches!(error, FrameError::InvalidArchive(_)), "{error}");
}

/// The promise of the caller covers files, not the values that the codec archives.
#[test]
fn a_trusting_codec_validates_what_it_archives() {
    #[derive(rkyv::Archive, rkyv::Serialize)]
    struct Odd(u32);

    let codec = trusting(MappedCodec::heap());
    assert!(codec.archive(&List::of(100)).is_ok());
    assert!(codec.archive(&List::of(1000)).is_err());
    assert!(codec.archive(&Odd(3)).is_ok());
}

/// The limit holds for what the codec archives, whether it was set before or after
/// `trusting`.
#[test]
fn a_trusting_codec_keeps_its_depth_limit() {
    let before = trusting(MappedCodec::heap().max_depth(200));
    let after = trusting(MappedCodec::heap()).max_depth(200);
    for codec in [before, after] {
        assert!(codec.archive(&List::of(200)).is_ok());
        let error = refusal(codec.archive(&List::of(201)));
        assert!(
            matches!(error, FrameError::TooDeep { limit: 200 }),
            "{error}"
        );
    }
}

/// Nothing checks the alignment of the archive, so the memory is aligned for everything
/// in it.
#[test]
fn a_trusting_codec_reads_into_page_aligned_memory() {
    let value = Mapped::new(&vec![1u8, 2]).unwrap();
    let file = file_of(&MappedCodec::heap(), &value);
    for _ in 0..20 {
        let codec = trusting(MappedCodec::heap());
        let read: Mapped<Vec<u8>> = frame::read_file(&codec, &file).unwrap();
        assert_eq!(read.as_bytes().as_ptr().addr() % 4096, 0);
    }
}

/// The archived type refuses every value, but only a validating codec asks it.
#[test]
fn a_trusting_codec_does_not_validate_with_the_type() {
    #[derive(rkyv::Archive, rkyv::Serialize)]
    #[rkyv(archived = ArchivedNever)]
    struct Never(#[rkyv(with = rkyv::with::AsBox)] Refusing);

    #[derive(Clone, Copy)]
    struct Refusing;

    #[repr(transparent)]
    struct ArchivedRefusing(u8);

    // SAFETY: refusing every value is always right.
    unsafe impl<C: Fallible<Error: Source> + ?Sized> CheckBytes<C> for ArchivedRefusing {
        unsafe fn check_bytes(_: *const Self, _: &mut C) -> Result<(), C::Error> {
            rkyv::rancor::fail!(std::io::Error::other("asked"))
        }
    }

    // SAFETY: one byte, which holds any value.
    unsafe impl rkyv::Portable for ArchivedRefusing {}

    impl rkyv::Archive for Refusing {
        type Archived = ArchivedRefusing;
        type Resolver = ();

        fn resolve(&self, (): (), out: rkyv::Place<ArchivedRefusing>) {
            // SAFETY: the one byte of the place is written.
            unsafe { out.ptr().write(ArchivedRefusing(9)) };
        }
    }

    impl<S: Fallible + ?Sized> rkyv::Serialize<S> for Refusing {
        fn serialize(&self, _: &mut S) -> Result<(), S::Error> {
            Ok(())
        }
    }

    let mut file = Vec::new();
    let mut out = file_backed_codecs::PayloadWriter::new(&mut file);
    let heap = MappedCodec::heap();
    heap.encode_archive(&Never(Refusing), &mut out).unwrap();
    out.finish(file_backed_codecs::CodecId::RKYV).unwrap();
    let error = refusal(frame::read_file::<Mapped<Never>, _>(&heap, &file));
    assert!(matches!(error, FrameError::InvalidArchive(_)), "{error}");
    let read: Mapped<Never> = frame::read_file(&trusting(heap), &file).unwrap();
    assert_eq!(read.0.get().0, 9);
}
