#![expect(
    clippy::arithmetic_side_effects,
    reason = "the numbers are the test's own"
)]

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::dataset::dice::Dice;
use crate::dataset::manifest::name::Name;
use crate::dataset::manifest::sealed::{CHECKSUM, SparseFile, field, seal};
use crate::dataset::tests::samples::{fingerprint, key, name, place};
use Bound::{Excluded, Included, Unbounded};
use layout::HEADER;
use std::ops::Bound;

const ROOT: &[u8] = br#"{"a":1}"#;

/// What a base holds.
#[derive(Clone, Default)]
struct Model {
    items: BTreeMap<Uuid, ItemEntry>,
    names: BTreeMap<Name, Uuid>,
}

impl Model {
    fn encode(&self) -> Result<Vec<u8>, DatasetCause> {
        let items = self.items.iter().map(|(key, entry)| (*key, *entry));
        let names = self.names.iter().map(|(name, key)| (name.clone(), *key));
        encode_base(key(99), 7, ROOT, items, names)
    }

    /// Random items, of which a third have names, some of them several.
    fn random(dice: &mut Dice, items: usize) -> Self {
        let mut model = Self::default();
        for _ in 0..items {
            let key = Uuid::from_u64_pair(dice.roll(), dice.roll());
            // Of any length, and some in packs.
            let n = dice.roll() >> dice.below(64);
            model.items.insert(key, entry(n));
            while dice.below(5) < 2 {
                model.names.insert(random_name(dice), key);
            }
        }
        model
    }

    fn assert_is(&self, base: &Base) {
        assert_eq!(base.len() as usize, self.items.len());
        assert_eq!(base.name_count() as usize, self.names.len());
        let lens = self.items.values().map(|entry| entry.fingerprint.len);
        assert_eq!(base.total_bytes(), lens.map(u128::from).sum::<u128>());
        for (index, (key, entry)) in (0..).zip(&self.items) {
            assert_eq!((base.key(index), base.entry(index)), (*key, *entry));
            assert_eq!(base.get(*key), Some(*entry));
            let names = self.names.iter().filter(|(_, named)| *named == key);
            let names: Vec<_> = names.map(|(name, _)| name.clone()).collect();
            assert_eq!(base.names_of(*key).collect::<Vec<_>>(), names);
        }
        for (name, key) in &self.names {
            assert_eq!(base.key_of(name.as_str()), Some(*key));
        }
        let names = || self.names.iter().map(|(name, key)| (name.clone(), *key));
        let all = || base.names((Unbounded, Unbounded));
        assert!(all().eq(names()));
        assert!(all().rev().eq(names().rev()));
    }
}

fn random_name(dice: &mut Dice) -> Name {
    let parts = ["a", "b", "ab", "/", "é", "日", "𝄞", "aaaaaaaaaaaaaaaa"];
    let len = 1 + dice.below(6);
    let text: String = (0..len).map(|_| parts[dice.below(parts.len())]).collect();
    let text = text.repeat(if dice.below(20) == 0 { 8 } else { 1 });
    name(&text)
}

fn entry(n: u64) -> ItemEntry {
    ItemEntry {
        fingerprint: fingerprint(n),
        kind: ItemKind {
            codec: 3,
            schema: n % 3,
            ..ItemKind::UNKNOWN
        },
        place: place(n),
    }
}

/// Three items, of two kinds, one of them in a pack, and 18 names, in two blocks.
fn small() -> Model {
    let mut names: BTreeMap<_, _> = (0..16)
        .map(|n| (name(&format!("a{n:02}")), key(3)))
        .collect();
    names.extend([(name("é"), key(1)), (name("éé"), key(3))]);
    Model {
        items: [1, 3, 4].map(|n| (key(n), entry(n))).into(),
        names,
    }
}

fn encoded(model: &Model) -> Vec<u8> {
    model.encode().expect("it is small")
}

/// The base, or the cause of its refusal.
fn read_back(bytes: &[u8]) -> Result<Base, String> {
    Base::read(&bytes).map_err(|error| match error.get_ref().downcast_ref() {
        Some(DatasetCause::DamagedManifest(why)) => (*why).to_owned(),
        Some(DatasetCause::ManifestVersion(version)) => format!("version {version}"),
        _ => panic!("a fault, whatever the bytes are: {error}"),
    })
}

/// Reads the base with a corrected checksum.
fn read_sealed(mut bytes: Vec<u8>) -> Result<Base, String> {
    bytes.truncate(bytes.len() - CHECKSUM);
    seal(&mut bytes);
    read_back(&bytes)
}

#[test]
fn a_base_has_the_items_and_names_that_it_was_made_of() {
    let mut dice = Dice::new(3);
    let mut models = vec![Model::default(), small(), long()];
    // The last one is longer than one chunk.
    models.extend([1, 2, 15, 40, 300, 1500].map(|items| Model::random(&mut dice, items)));
    for model in models {
        let bytes = encoded(&model);
        let base = read_back(&bytes).expect("it is whole");
        model.assert_is(&base);
        assert_eq!((base.generation(), &**base.root()), (7, ROOT));
        assert_eq!(base.written().file, FileId::of(key(99), &bytes));
        assert_eq!(base.written().len, bytes.len() as u64);
        for _ in 0..200 {
            let (key, name) = (key(dice.roll()), random_name(&mut dice));
            assert_eq!(base.get(key), model.items.get(&key).copied());
            assert_eq!(base.key_of(name.as_str()), model.names.get(&name).copied());
            assert_eq!(base.names_of(key).next(), None);
        }
    }
}

#[test]
fn a_range_of_names_is_in_order_from_both_ends() {
    let mut dice = Dice::new(4);
    let model = Model::random(&mut dice, 300);
    let base = read_back(&encoded(&model)).expect("it is whole");
    for _ in 0..500 {
        let mut ends = [random_name(&mut dice), random_name(&mut dice)];
        ends.sort();
        let [start, end] = &ends;
        let bounds = |dice: &mut Dice, name| match dice.below(3) {
            0 => Included(name),
            1 => Excluded(name),
            _ => Unbounded,
        };
        let range = (bounds(&mut dice, start), bounds(&mut dice, end));
        if start == end && matches!(range, (Excluded(_), Excluded(_))) {
            continue;
        }
        let mut expected = model.names.range::<Name, _>(range);
        let mut found = base.names((range.0.map(Name::as_str), range.1.map(Name::as_str)));
        loop {
            let (expected, found) = match dice.below(2) {
                0 => (expected.next(), found.next()),
                _ => (expected.next_back(), found.next_back()),
            };
            assert_eq!(found.as_ref().map(|(name, key)| (name, key)), expected);
            if found.is_none() {
                break;
            }
        }
    }
}

#[test]
fn every_damage_of_a_base_is_detected() {
    let whole = encoded(&small());
    for len in 0..whole.len() {
        read_back(&whole[..len]).expect_err("it is truncated");
    }
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        read_back(&flipped).expect_err("a bit is flipped");
    }
    let mut long = encoded(&Model::random(&mut Dice::new(5), 5000));
    long[100_000] ^= 1;
    read_back(&long).expect_err("a bit is flipped");
}

/// Items around 4 GiB.
fn long() -> Model {
    let mut model = small();
    for (n, len) in [(5, u32::MAX - 1), (6, u32::MAX)] {
        let mut entry = entry(4);
        entry.fingerprint.len = len.into();
        model.items.insert(key(n), entry);
    }
    let mut longest = entry(4);
    longest.fingerprint.len = u64::MAX;
    model.items.insert(key(7), longest);
    model
}

/// The bytes of [`small`] with those at `offset` of a part replaced.
fn patched(part: fn(&Layout) -> &Range<usize>, offset: usize, new: &[u8]) -> Vec<u8> {
    patched_of(&small(), part, offset, new)
}

fn patched_of(
    model: &Model,
    part: fn(&Layout) -> &Range<usize>,
    offset: usize,
    new: &[u8],
) -> Vec<u8> {
    let mut bytes = encoded(model);
    let header = bytes.first_chunk().expect("it has one");
    let header = Header::parse(header, bytes.len() as u64).expect("it is whole");
    let layout = Layout::of(&header).expect("it fits");
    let start = part(&layout).start + offset;
    bytes[start..][..new.len()].copy_from_slice(new);
    bytes
}

#[test]
fn a_base_whose_lists_are_wrong_is_refused_despite_a_valid_checksum() {
    // The name "a10" shares only one byte with the one before.
    let second_block = 4 + 14 * 3 + 4;
    for (bytes, why) in [
        (
            patched(|l| &l.keys, 0, key(3).as_bytes()),
            "keys are out of order",
        ),
        (
            patched(|l| &l.keys, 0, key(9).as_bytes()),
            "keys are out of order",
        ),
        (patched(|l| &l.item_kinds.bytes, 1, &[2]), "lacks a kind"),
        (patched(|l| &l.item_kinds.bytes, 2, &[255]), "lacks a kind"),
        (patched(|l| &l.item_packs.bytes, 1, &[2]), "lacks a pack"),
        (patched(|l| &l.item_packs.bytes, 2, &[255]), "lacks a pack"),
        (patched(|l| &l.item_packs.bytes, 1, &[0]), "with a file"),
        (patched(|l| &l.offsets.bytes, 0, &[1]), "with a file"),
        (
            patched(|l| &l.offsets.bytes, 4, &[255; 4]),
            "within its pack",
        ),
        (patched(|l| &l.packs, 20, &[0; 8]), "within its pack"),
        (patched(|l| &l.lens, 4, &[63]), "within its pack"),
        (patched(|l| &l.lens, 4, &[255; 4]), "long items"),
        (patched_of(&long(), |l| &l.long, 0, &[3]), "long items"),
        (patched_of(&long(), |l| &l.long, 0, &[5]), "long items"),
        (patched_of(&long(), |l| &l.long, 4, &[254]), "long items"),
        (
            patched_of(&long(), |l| &l.long, 12, &[255; 4]),
            "long items",
        ),
        (patched(|l| &l.block_starts, 0, &[1]), "wrong place"),
        (patched(|l| &l.block_starts, 8, &[0]), "wrong place"),
        (patched(|l| &l.block_starts, 8, &[255; 8]), "wrong place"),
        // The first block begins with "a00", and "a01" shares two bytes with it.
        (patched(|l| &l.blocks, 4, &[4]), "names are out of order"),
        (patched(|l| &l.blocks, 4, &[9]), "names are out of order"),
        (
            patched(|l| &l.blocks, 4, &[255, 1]),
            "names are out of order",
        ),
        (patched(|l| &l.blocks, 5, &[0]), "out of order"),
        (patched(|l| &l.blocks, 5, &[255, 7]), "cut off"),
        (patched(|l| &l.blocks, 5, &[255, 0]), "cut off"),
        (patched(|l| &l.blocks, 6, b"0"), "names are out of order"),
        (patched(|l| &l.blocks, 6, b"\xc3"), "not UTF-8"),
        (
            patched(|l| &l.blocks, second_block + 1, b"a0"),
            "names are out of order",
        ),
        (patched(|l| &l.blocks, second_block + 2, b"z"), "not UTF-8"),
        (patched(|l| &l.items_of_names, 4, &[3]), "no item"),
        (patched(|l| &l.items_of_names, 4, &[255; 4]), "no item"),
    ] {
        let error = read_sealed(bytes).expect_err(why);
        assert!(error.contains(why), "{error}: not {why}");
    }
}

#[test]
fn a_base_with_a_wrong_header_is_refused_despite_a_valid_checksum() {
    let patched = |offset: usize, new: &[u8]| {
        let mut bytes = encoded(&small());
        bytes[offset..][..new.len()].copy_from_slice(new);
        bytes
    };
    for (bytes, why) in [
        (patched(0, b"x"), "does not begin"),
        (patched(8, &[2]), "version 2"),
        (patched(8, &[4]), "version 4"),
        (patched(10, &[1]), "reserved"),
        (patched(12, &[4]), "more packs"),
        (patched(68, &[4]), "more packs or long items"),
        (patched(64, &[1, 0, 1]), "too many kinds"),
    ] {
        let error = read_sealed(bytes).expect_err(why);
        assert!(error.contains(why), "{error}: not {why}");
    }
    for offset in [12, 56, 60, 64, 68] {
        for wrong in [0, 1, 17, 1000, u32::MAX] {
            let is_right = (offset, wrong) == (12, 1) || (offset, wrong) == (68, 0);
            if is_right {
                continue;
            }
            read_sealed(patched(offset, &wrong.to_le_bytes())).expect_err("a wrong number");
        }
    }
    for offset in [40, 48] {
        for wrong in [0, 1, 1000, 1 << 63, u64::MAX - 75, u64::MAX] {
            read_sealed(patched(offset, &wrong.to_le_bytes())).expect_err("a wrong length");
        }
    }
}

/// Two numbers that add up: each block and each root begins elsewhere then.
#[test]
fn lengths_that_add_up_are_refused_if_they_are_not_those_of_the_parts() {
    let mut bytes = encoded(&small());
    let root = ROOT.len() as u64;
    let blocks = u64::from_le_bytes(field(&bytes, 48));
    bytes[40..48].copy_from_slice(&(root - 1).to_le_bytes());
    bytes[48..56].copy_from_slice(&(blocks + 1).to_le_bytes());
    read_sealed(bytes).expect_err("all parts are moved by a byte");
}

#[test]
fn a_name_of_wrong_length_is_refused() {
    let with = |text: &str| {
        let mut model = small();
        model.names.insert(Name::bound(text), key(1));
        model
    };
    let long = "x".repeat(1025);
    let error = read_back(&encoded(&with(&long))).expect_err("it is too long");
    assert!(error.contains("wrong length"), "{error}");
    read_back(&encoded(&with(""))).expect_err("it is empty");
    let longest = with(&long[1..]);
    longest.assert_is(&read_back(&encoded(&longest)).expect("it is short enough"));
}

#[test]
fn a_base_is_not_made_of_names_without_an_item() {
    let mut model = small();
    model.names.insert(name("b"), key(2));
    let error = model.encode().expect_err("there is no such item");
    assert!(matches!(error, DatasetCause::DamagedManifest(_)));
}

#[test]
fn a_sparse_base_allocates_no_more_than_a_chunk() {
    let len = 100 << 20;
    let mut header = encoded(&Model::default())[..HEADER].to_vec();
    header[40..48].copy_from_slice(&(len - 76_u64).to_le_bytes());
    let sparse = SparseFile::new(header, len);
    let error = Base::read(&sparse).expect_err("it is sparse");
    assert!(error.to_string().contains("checksum"), "{error}");
    sparse.assert_read_in_chunks();
}

/// Arbitrary changes, followed by a valid checksum.
#[test]
fn a_forged_base_is_refused_or_used_without_a_panic() {
    let mut dice = Dice::new(6);
    let (small, random) = (small(), Model::random(&mut dice, 20));
    for round in 0..5_000 {
        let mut bytes = encoded(if round % 2 == 0 { &small } else { &random });
        for _ in 0..=dice.below(3) {
            let at = dice.below(bytes.len() - CHECKSUM);
            match dice.below(3) {
                0 => bytes[at] = dice.below(256) as u8,
                1 => bytes[at] = bytes[at].wrapping_add(1),
                _ => bytes[at] = bytes[at].wrapping_sub(1),
            }
        }
        let Ok(base) = read_sealed(bytes) else {
            continue;
        };
        let keys: BTreeSet<_> = (0..base.len()).map(|index| base.key(index)).collect();
        assert_eq!(keys.len(), base.len() as usize, "in round {round}");
        let names: Vec<_> = base.names((Unbounded, Unbounded)).collect();
        assert!(
            names.is_sorted_by(|one, next| one.0 < next.0),
            "in round {round}"
        );
        assert!(
            base.names((Unbounded, Unbounded))
                .rev()
                .eq(names.iter().rev().cloned())
        );
        for (name, key) in &names {
            assert_eq!(base.key_of(name.as_str()), Some(*key), "in round {round}");
        }
        let of_items: usize = keys.iter().map(|key| base.names_of(*key).count()).sum();
        assert_eq!(of_items, names.len(), "in round {round}");
    }
}

/// A manifest of more than 4 GiB is refused unread. A sparse base of any length was read to its
/// end, and if its checksum agreed, which anyone can compute, memory for all of it was taken.
#[test]
fn a_base_that_is_longer_than_its_numbers_allow_is_refused_by_its_header() {
    let len = 1_u64 << 42;
    let header = |root, blocks| Header {
        generation: 1,
        id: key(1),
        root,
        blocks,
        items: 0,
        names: 0,
        kinds: 0,
        packs: 0,
        long: 0,
    };
    let fixed = (HEADER + CHECKSUM) as u64;
    for header in [header(len - fixed, 0), header(0, len - fixed)] {
        let bytes: [u8; HEADER] = header.encode().try_into().expect("it is a header");
        let (root, blocks) = (header.root, header.blocks);
        let refused = Header::parse(&bytes, len).is_err();
        assert!(refused, "a root of {root} and names of {blocks} bytes");
    }
}

/// Names that share nothing, so that each takes as many bytes as it can.
#[test]
fn a_base_of_the_longest_names_is_read() {
    let mut model = small();
    for n in 0..100_u32 {
        let text = format!("{n:04}").repeat(256);
        model.names.insert(name(&text), key(3));
    }
    read_back(&encoded(&model)).expect("it is whole");
}

/// A later version may use these bytes. They were dropped by the next base.
#[test]
fn the_reserved_bytes_of_a_kind_are_zero() {
    for reserved in [6, 7] {
        let error = read_sealed(patched(|layout| &layout.kinds, reserved, &[1]));
        let error = error.expect_err("it is reserved");
        assert!(error.contains("reserved"), "{error}");
    }
}

/// A million documents should take no more memory than tens of megabytes.
#[test]
fn an_item_in_a_pack_takes_at_most_48_bytes_of_memory_with_a_short_name() {
    let n = 20_000_u64;
    let mut model = Model::default();
    for n in 0..n {
        let mixed = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let key = Uuid::from_u64_pair(mixed, n);
        let in_pack = 4 * (n % 1000) + 3;
        let entry = ItemEntry {
            kind: entry(1).kind,
            ..entry(in_pack)
        };
        model.items.insert(key, entry);
        model.names.insert(name(&format!("documents/{n:06}")), key);
    }
    let base = read_back(&encoded(&model)).expect("it is whole");
    assert_eq!(base.packs().len(), 3);
    let each = base.memory() as u64 / n;
    assert!(each <= 48, "{each}");
    model
        .items
        .values_mut()
        .for_each(|entry| entry.place = Place::File);
    let with_files = read_back(&encoded(&model)).expect("it is whole");
    assert!(with_files.memory() < base.memory());
}
