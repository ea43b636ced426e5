#![expect(
    clippy::arithmetic_side_effects,
    reason = "the numbers are the test's own"
)]

use super::*;
use crate::dataset::dice::Dice;
use crate::dataset::manifest::changes::ItemEntry;
use crate::dataset::manifest::sealed::{CHECKSUM, SparseFile};
use crate::dataset::tests::samples::{fingerprint, key, name, pack, place};

fn entry(n: u64) -> ItemEntry {
    ItemEntry {
        fingerprint: fingerprint(n),
        kind: ItemKind {
            codec: 3,
            root_size: n % 2,
            ..ItemKind::UNKNOWN
        },
        place: place(n),
    }
}

fn file(n: u64) -> FileId {
    FileId {
        id: key(n),
        check: n as u32,
    }
}

/// A delta with two entries in each of its lists.
fn delta() -> Delta {
    let items = [
        (1, None),
        (2, Some(entry(2))),
        (3, Some(entry(3))),
        (4, None),
        (5, Some(entry(5))),
        (7, Some(entry(7))),
    ];
    let names = [
        ("a", None),
        ("ab", Some(key(2))),
        ("é", Some(key(9))),
        ("z", None),
    ];
    Delta {
        id: key(77),
        generation: 7,
        base: Some(file(5)),
        parent: Some(file(6)),
        root: Some(br#"{"a":1}"#.as_slice().into()),
        changes: Changes {
            items: items.map(|(n, entry)| (key(n), entry)).into(),
            names: names.map(|(text, key)| (name(text), key)).into(),
        },
    }
}

fn nothing() -> Delta {
    Delta {
        base: None,
        parent: None,
        root: None,
        changes: Changes::default(),
        ..delta()
    }
}

fn encoded(delta: &Delta) -> Vec<u8> {
    delta.encode().expect("it is short")
}

/// The delta, or the cause of its refusal.
fn read_back(bytes: &[u8]) -> Result<Delta, String> {
    match Delta::read(&bytes) {
        Ok((delta, _)) => Ok(delta),
        Err(error) => match error.get_ref().downcast_ref() {
            Some(DatasetCause::DamagedManifest(why)) => Err((*why).to_owned()),
            Some(DatasetCause::ManifestVersion(version)) => Err(format!("version {version}")),
            _ => panic!("a fault, whatever the bytes are: {error}"),
        },
    }
}

/// Reads the delta with a corrected checksum.
fn read_sealed(mut bytes: Vec<u8>) -> Result<Delta, String> {
    bytes.truncate(bytes.len() - CHECKSUM);
    seal(&mut bytes);
    read_back(&bytes)
}

/// The bytes with those at `offset` replaced.
fn patched(offset: usize, new: &[u8]) -> Vec<u8> {
    let mut bytes = encoded(&delta());
    bytes[offset..][..new.len()].copy_from_slice(new);
    bytes
}

/// Where `part` begins in the encoding of [`delta`].
fn offset_of(part: &[u8]) -> usize {
    let bytes = encoded(&delta());
    let mut found = bytes.windows(part.len()).skip(HEADER);
    HEADER
        + found
            .position(|window| window == part)
            .expect("it is there")
}

#[test]
fn a_delta_is_decoded_as_it_was_encoded() {
    let empty_root = Delta {
        root: Some(Arc::default()),
        ..nothing()
    };
    let without_parent = Delta {
        parent: None,
        ..delta()
    };
    let mut long = delta();
    let items = (10..5000).map(|n| (key(n), Some(entry(n))));
    long.changes.items.extend(items);
    for delta in [delta(), nothing(), empty_root, without_parent, long] {
        let bytes = encoded(&delta);
        let (read, written) = Delta::read(&bytes).expect("it is whole");
        assert_eq!(read, delta);
        assert_eq!(written, delta.written(&bytes));
        assert_eq!(written.len, bytes.len() as u64);
    }
}

#[test]
fn the_length_of_changes_is_what_they_take_in_a_delta() {
    let whole = encoded(&delta()).len();
    let root = delta().root.map_or(0, |root| root.len());
    let rest = HEADER + root + CHECKSUM;
    assert_eq!(encoded_len_of(&delta().changes), (whole - rest) as u64);
    assert_eq!(encoded_len_of(&Changes::default()), 0);
}

#[test]
fn every_damage_of_a_delta_is_detected() {
    let whole = encoded(&delta());
    for len in 0..whole.len() {
        read_back(&whole[..len]).expect_err("it is truncated");
    }
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        read_back(&flipped).expect_err("a bit is flipped");
    }
}

#[test]
fn a_delta_whose_lists_are_wrong_is_refused_despite_a_valid_checksum() {
    let root = delta().root.map_or(0, |root| root.len());
    let removed = HEADER + root + 2 * KIND;
    let packs = removed;
    let removed = packs + 2 * PACK;
    let put = removed + 2 * KEY;
    let packed = put + 2 * ITEM;
    let set = offset_of(b"\x02\0ab") - KEY;
    for (bytes, why) in [
        // Removed items: keys 1 and 4. Added items: 2 and 5, and in two packs 3 and 7.
        (patched(removed, key(4).as_bytes()), "out of order"),
        (patched(removed, key(5).as_bytes()), "out of order"),
        (patched(put, key(5).as_bytes()), "out of order"),
        (patched(put, key(8).as_bytes()), "out of order"),
        (patched(put, key(1).as_bytes()), "two changes"),
        (patched(packed, key(7).as_bytes()), "out of order"),
        (patched(packed, key(8).as_bytes()), "out of order"),
        (patched(packed, key(2).as_bytes()), "two changes"),
        (patched(packed, key(4).as_bytes()), "two changes"),
        (patched(put + 28, &[2, 0]), "lacks a kind"),
        (patched(put + 28, &[255, 255]), "lacks a kind"),
        (patched(packed + 28, &[2, 0]), "lacks a kind"),
        (patched(packed + 30, &[2]), "lacks a pack"),
        (patched(packed + 30, &[255; 4]), "lacks a pack"),
        (patched(packed + 34, &[255; 4]), "within its pack"),
        (patched(packed + 16, &[255; 8]), "within its pack"),
        (patched(packed + 16, &[63]), "within its pack"),
        (patched(packs + 20, &[1, 0, 0]), "within its pack"),
        // Removed names: "a" and "z". Set names: "ab" and "é".
        (patched(offset_of(b"\x01\0a"), b"\x01\0z"), "out of order"),
        (
            patched(offset_of(b"\x01\0a"), b"\x00\0a"),
            "a name has a wrong length",
        ),
        (patched(offset_of(b"\x01\0a"), b"\xff\xff"), "stated length"),
        (patched(offset_of(b"\x01\0z"), b"\x01\0a"), "out of order"),
        (patched(set + KEY, b"\x02\0\xc3\xa9"), "out of order"),
        (patched(set + KEY, b"\x02\0\xc3z"), "not UTF-8"),
        (patched(set + KEY, b"\x01\0y"), "stated length"),
        (patched(set + KEY, b"\x01\0z"), "removes and sets"),
    ] {
        let error = read_sealed(bytes).expect_err("it is inconsistent");
        assert!(error.contains(why), "{error}: not {why}");
    }
}

#[test]
fn a_delta_with_a_wrong_header_is_refused_despite_a_valid_checksum() {
    for (bytes, why) in [
        (patched(0, b"x"), "does not begin"),
        (patched(8, &[0]), "its format version is 0"),
        (patched(8, &[1]), "version 1"),
        (patched(8, &[2]), "version 2"),
        (patched(8, &[4]), "version 4"),
        (patched(112, &[3]), "lengths"),
        (patched(10, &[15]), "flags"),
        (patched(10, &[6]), "flags"),
        (patched(10, &[5]), "flags"),
        (patched(10, &[3]), "flags"),
    ] {
        let error = read_sealed(bytes).expect_err("it is inconsistent");
        assert!(error.contains(why), "{error}: not {why}");
    }
    for offset in [12, 88, 92, 96, 100, 112, 116] {
        for wrong in [0, 1, 3, 1000, u32::MAX] {
            read_sealed(patched(offset, &wrong.to_le_bytes())).expect_err("a wrong number");
        }
    }
    for offset in [80, 104] {
        for wrong in [0, 1, 1000, 1 << 63, u64::MAX - 123, u64::MAX] {
            read_sealed(patched(offset, &wrong.to_le_bytes())).expect_err("a wrong length");
        }
    }
}

#[test]
fn a_name_that_is_too_long_is_refused() {
    let mut long = nothing();
    let text = "x".repeat(1025);
    long.changes.names.insert(Name::bound(&text), None);
    let error = read_back(&encoded(&long)).expect_err("it is too long");
    assert!(error.contains("wrong length"), "{error}");
    let mut longest = nothing();
    longest.changes.names.insert(name(&text[1..]), None);
    assert_eq!(read_back(&encoded(&longest)), Ok(longest));
}

#[test]
fn a_sparse_delta_allocates_no_more_than_a_chunk() {
    let len = 100 << 20;
    let mut header = encoded(&nothing())[..HEADER].to_vec();
    header[104..112].copy_from_slice(&(len - 124_u64).to_le_bytes());
    let sparse = SparseFile::new(header, len);
    let error = Delta::read(&sparse).expect_err("it is sparse");
    assert!(error.to_string().contains("checksum"), "{error}");
    sparse.assert_read_in_chunks();
}

/// Arbitrary changes, followed by a valid checksum.
#[test]
fn a_forged_delta_is_refused_or_decoded_consistently() {
    let mut dice = Dice::new(1);
    let whole = encoded(&delta());
    for round in 0..50_000 {
        let mut bytes = whole.clone();
        for _ in 0..=dice.below(3) {
            let at = dice.below(bytes.len());
            match dice.below(4) {
                0 => bytes[at] = dice.below(256) as u8,
                1 => bytes[at] = bytes[at].wrapping_add(1),
                2 => drop(bytes.remove(at)),
                _ => bytes.insert(at, dice.below(4) as u8),
            }
        }
        if bytes.len() > CHECKSUM
            && let Ok(read) = read_sealed(bytes.clone())
        {
            let again = encoded(&read);
            let same = read_back(&again);
            assert_eq!(same.as_ref(), Ok(&read), "in round {round}");
        }
    }
}

/// A later version may use these bytes. They were dropped by the next base.
#[test]
fn the_reserved_bytes_of_a_kind_are_zero() {
    let kinds = HEADER + delta().root.map_or(0, |root| root.len());
    for reserved in [6, 7] {
        let error = read_sealed(patched(kinds + reserved, &[1]));
        let error = error.expect_err("it is reserved");
        assert!(error.contains("reserved"), "{error}");
    }
}

/// So each part that names items of packs says which.
#[test]
fn items_of_packs_are_known_by_kind_and_by_place() {
    let mut of_unknown_kind = delta();
    let entry = ItemEntry {
        kind: ItemKind::UNKNOWN,
        ..entry(3)
    };
    of_unknown_kind.changes.items.insert(key(3), Some(entry));
    let error = read_back(&encoded(&of_unknown_kind)).expect_err("its footer cannot be made");
    assert!(error.contains("is not known"), "{error}");
    let mut at_end = delta();
    for (len, offset, is_within) in [
        (64, 1 << 20, true),
        (65, 1 << 20, false),
        (64 + 5, (1 << 20) - 5, true),
        (64 + 6, (1 << 20) - 5, false),
        (63, 0, false),
        (u64::MAX, 0, false),
    ] {
        let mut entry = self::entry(3);
        entry.fingerprint.len = len;
        let pack = pack(1);
        entry.place = Place::Packed(super::super::place::PackedAt { pack, offset });
        at_end.changes.items.insert(key(3), Some(entry));
        let read = read_back(&encoded(&at_end));
        assert_eq!(read.is_ok(), is_within, "{len} bytes at {offset}");
    }
}
