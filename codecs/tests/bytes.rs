//! Plain bytes: the payload is exactly the value, and a map can be passed on as `Bytes`.

use file_backed_codecs::bytes::Bytes;
use file_backed_codecs::{
    ArchiveInto as _, BytesCodec, Codec, FrameError, MappedBytes, Verify, frame,
};

use crate::files::{file_of, on_disk, payload_of, refusal};

fn licensed() -> BytesCodec {
    // SAFETY: the tests' files have no name and are written once, before they
    // are mapped.
    unsafe { BytesCodec::new() }
}

fn blob() -> MappedBytes {
    (0..10_000u32)
        .flat_map(u32::to_le_bytes)
        .collect::<Vec<_>>()
        .into()
}

#[test]
fn the_payload_of_bytes_is_exactly_the_bytes() {
    for value in [MappedBytes::default(), "text".into(), blob()] {
        let file = file_of(&BytesCodec::heap(), &value);
        assert_eq!(payload_of(&file), &*value);
        let read: MappedBytes = frame::read_file(&BytesCodec::heap(), &file).unwrap();
        assert_eq!(read, value);
        assert!(!read.is_mapped());
    }
}

/// Archiving a slice needs no `MappedBytes`, and writes the same file as one.
#[test]
fn archiving_a_slice_writes_the_file_of_its_bytes() {
    let codec = BytesCodec::heap();
    let value = blob();
    for bytes in [&b""[..], b"text", &value] {
        let mut file = Vec::new();
        frame::write_archive::<_, MappedBytes, _>(&codec, bytes, &mut file).unwrap();
        let archived: MappedBytes = codec.archive(bytes).unwrap();
        assert_eq!(archived, bytes);
        assert_eq!(file, file_of(&codec, &archived));
        #[cfg(all(feature = "bincodec", feature = "mappedcodec"))]
        {
            let (mixed, mut same) = (file_backed_codecs::MixedCodec::heap(), Vec::new());
            frame::write_archive::<_, MappedBytes, _>(&mixed, bytes, &mut same).unwrap();
            assert_eq!(file, same);
            let archived: MappedBytes = mixed.archive(bytes).unwrap();
            assert_eq!(archived, bytes);
        }
    }
}

#[test]
fn mapped_bytes_compare_and_hash_like_slices() {
    use std::hash::BuildHasher as _;

    let value = MappedBytes::from("text");
    assert_eq!(value, b"text");
    assert_eq!(value, *b"text");
    assert_eq!(value, b"text"[..]);
    assert_eq!(value, &b"text"[..]);
    assert_ne!(value, b"test");
    assert_ne!(value, &b"text"[1..]);
    let hasher = std::hash::RandomState::new();
    assert_eq!(hasher.hash_one(&value), hasher.hash_one(&b"text"[..]));
    assert_ne!(hasher.hash_one(&value), hasher.hash_one(&b"test"[..]));
}

#[cfg(unix)]
#[test]
fn bytes_are_mapped_from_the_crossover_size_on() {
    let _budget = crate::budget::undisturbed();
    let value = blob();
    let file = on_disk(&file_of(&licensed(), &value));
    let read = |codec: BytesCodec| -> MappedBytes { frame::read_file(&codec, &file).unwrap() };
    assert!(!read(licensed()).is_mapped());
    assert!(!read(licensed().crossover(40_001)).is_mapped());
    assert!(read(licensed().crossover(40_000)).is_mapped());
    assert!(!read(BytesCodec::heap().crossover(0)).is_mapped());
    assert_eq!(read(licensed().crossover(0)), value);
    let empty = on_disk(&file_of(&licensed(), &MappedBytes::default()));
    let empty: MappedBytes = frame::read_file(&licensed().crossover(0), &empty).unwrap();
    assert!(empty.is_empty() && !empty.is_mapped());
}

/// An HTTP body is a `Bytes`.
#[test]
fn mapped_bytes_convert_to_and_from_bytes_without_a_copy() {
    let _budget = crate::budget::undisturbed();
    let file = on_disk(&file_of(&licensed(), &blob()));
    for codec in [BytesCodec::heap(), licensed().crossover(0)] {
        let value: MappedBytes = frame::read_file(&codec, &file).unwrap();
        let start = value.as_ptr();
        let shared = Bytes::from(&value);
        assert_eq!(shared.as_ptr(), start);
        let body = Bytes::from(value);
        assert_eq!(body.as_ptr(), start);
        assert_eq!(MappedBytes::from(body).as_ptr(), start);
    }
    let vec = vec![1, 2, 3];
    let start = vec.as_ptr();
    assert_eq!(MappedBytes::from(vec).as_ptr(), start);
}

#[cfg(unix)]
#[test]
fn a_slice_of_bytes_keeps_the_map_and_its_budget_share() {
    use file_backed_codecs::map_budget;

    let _budget = crate::budget::undisturbed();
    let file = on_disk(&file_of(&licensed(), &blob()));
    let before = map_budget::in_use();
    let value: MappedBytes = frame::read_file(&licensed().crossover(0), &file).unwrap();
    let clone = value.clone();
    let slice = Bytes::from(value).slice(4..8);
    drop((clone, file));
    assert_eq!(map_budget::in_use(), before + 1);
    assert_eq!(slice, 1u32.to_le_bytes()[..]);
    drop(slice);
    assert_eq!(map_budget::in_use(), before);
}

#[test]
fn a_footprint_separates_heap_from_mapped_bytes() {
    let _budget = crate::budget::undisturbed();
    let file = on_disk(&file_of(&licensed(), &blob()));
    let read = |codec: BytesCodec| -> MappedBytes { frame::read_file(&codec, &file).unwrap() };
    let heap = BytesCodec::heap().footprint(&read(BytesCodec::heap()));
    assert!(heap.heap >= 40_000 && heap.mapped == 0);
    assert!(MappedBytes::from(vec![0; 500]).footprint().heap >= 500);
    if cfg!(unix) {
        let mapped = licensed().footprint(&read(licensed().crossover(0)));
        assert!(mapped.heap < 200 && mapped.mapped == 40_000);
    }
}

#[test]
fn a_duplicate_of_bytes_shares_their_memory() {
    let value = blob();
    let copy = BytesCodec::heap().duplicate(&value).unwrap();
    assert_eq!(copy.as_ptr(), value.as_ptr());
}

#[test]
fn damaged_bytes_are_refused_where_the_checksum_is_verified() {
    let _budget = crate::budget::undisturbed();
    let mut file = file_of(&licensed(), &blob());
    file[5000] ^= 1;
    let file = on_disk(&file);
    let read = |codec: BytesCodec| frame::read_file::<MappedBytes, _>(&codec, &file);
    let mapping = licensed().crossover(0);
    for codec in [
        BytesCodec::heap(),
        licensed(),
        mapping.clone().verify(Verify::Always),
    ] {
        let error = refusal(read(codec));
        assert!(matches!(error, FrameError::PayloadChecksum), "{error}");
    }
    assert!(read(BytesCodec::heap().verify(Verify::Never)).is_ok());
    if cfg!(unix) {
        assert!(read(mapping).unwrap().is_mapped());
    }
}

#[cfg(all(feature = "bincodec", feature = "mappedcodec"))]
#[test]
fn mixedcodec_writes_the_files_of_bytescodec_and_refuses_other_kinds() {
    use file_backed_codecs::MixedCodec;

    let file = file_of(&MixedCodec::heap(), &blob());
    assert_eq!(file, file_of(&BytesCodec::heap(), &blob()));
    let read: MappedBytes = frame::read_file(&MixedCodec::heap(), &file).unwrap();
    assert_eq!(read, blob());
    let error = refusal(frame::read_file::<String, _>(&MixedCodec::heap(), &file));
    assert!(matches!(error, FrameError::WrongCodec { .. }), "{error}");
}
