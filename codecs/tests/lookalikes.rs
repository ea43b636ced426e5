//! No good archive is refused for looking like a bad one. Validation recognises hash
//! tables and B-trees without knowing types, and other values can look like them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::{Rc, Weak};
use std::sync::Arc;

use file_backed_codecs::{Archivable, Mapped, MappedCodec, frame};
use proptest::collection::{btree_map, hash_map, hash_set, vec};
use proptest::prelude::*;

use crate::files::file_of;

#[track_caller]
fn accepted<T: Archivable>(value: &T) {
    let codec = MappedCodec::heap();
    let archived = Mapped::new(value).unwrap();
    let read: Mapped<T> = frame::read_file(&codec, &file_of(&codec, &archived)).unwrap();
    assert_eq!(read.as_bytes(), archived.as_bytes());
}

/// The pointer of a text of 35 bytes leads four bytes into it. If the two numbers after
/// it say so, a table with one, two or four slots would have its control bytes there. As
/// control bytes, Greek and Cyrillic letters claim no entry and do not repeat.
#[test]
fn a_text_before_two_numbers_is_not_taken_for_a_hash_table() {
    let text = |at: usize| {
        let letters = "абвгдежзийклмнопрс".repeat(2);
        let text: String = letters.chars().skip(at).take(17).collect();
        text + "-"
    };
    for places in [1, 2, 3, 4, 8u32] {
        for len in 0..places.min(3) {
            let records: Vec<_> = (0..9).map(|at| (text(at), len, places)).collect();
            assert_eq!(records[0].0.len(), 35);
            accepted(&records);
            accepted(&HashMap::from([(1u8, records.clone())]));
            accepted(&vec![(text(3), keys(30), records, keys(30))]);
        }
    }
}

/// A boxed array of bytes begins where a table whose entries take no space would have its
/// control bytes.
#[test]
fn boxed_bytes_before_two_numbers_are_not_taken_for_a_hash_table() {
    for places in [1, 2, 3, 8, 15, 16, 17, 31, 32, 48] {
        for len in [0, 1, 2, 7, 8, places - 1] {
            accepted(&(Box::new([0x80u8; 31]), len, places));
            accepted(&(Box::new([0x81u8; 47]), len, places));
            let mut half = [0xffu8; 31];
            half[..len.min(31) as usize].fill(1);
            half[30] = 3;
            accepted(&(Rc::new(half), len, places));
        }
    }
}

/// Numbers can look like the pointer and the lengths of a table. Here they point to the
/// bytes before them.
#[test]
fn numbers_that_look_like_pointers_are_not_taken_for_a_hash_table() {
    for back in -140..0i32 {
        for places in [1u32, 2, 16] {
            let bytes: Vec<u8> = (0..31).map(|n| 0x80 | n).collect();
            accepted(&(bytes.clone(), back, 0u32, places));
            accepted(&(vec![bytes; 3], keys(20), back, 0u32, places));
        }
    }
}

fn keys(count: u8) -> HashSet<u8> {
    (0..count).collect()
}

#[test]
fn b_trees_of_every_size_are_accepted() {
    for size in 0..400u16 {
        let tree: BTreeMap<u16, String> = (0..size).map(|n| (n, n.to_string())).collect();
        accepted(&tree);
    }
    accepted(&(0..20_000u32).collect::<BTreeSet<_>>());
}

#[test]
fn empty_collections_and_collections_of_units_are_accepted() {
    accepted(&HashSet::<()>::new());
    accepted(&HashSet::from([()]));
    accepted(&HashMap::from([((), ())]));
    accepted(&BTreeSet::<()>::new());
    accepted(&BTreeMap::from([((), ())]));
    accepted(&vec![(); 100]);
    accepted(&(HashMap::<u8, u8>::new(), BTreeMap::<u8, u8>::new()));
    accepted(&vec![HashMap::<String, String>::new(); 3]);
    accepted(&Vec::<HashSet<()>>::new());
}

#[derive(PartialEq, Eq, Hash, rkyv::Archive, rkyv::Serialize)]
#[rkyv(derive(PartialEq, Eq, Hash), attr(repr(align(32))))]
struct Aligned(u8);

#[derive(Clone, Debug, rkyv::Archive, rkyv::Serialize)]
enum Either {
    Set(HashSet<u8>),
    Text(String, u32, u32),
    Neither,
}

#[test]
fn hash_tables_of_aligned_entries_are_accepted() {
    for count in [1, 3, 15, 16, 40] {
        let set: HashSet<Aligned> = (0..count).map(Aligned).collect();
        accepted(&set);
        let numbers: HashMap<u8, i128> = (0..count).map(|n| (n, i128::MIN)).collect();
        accepted(&(7u8, numbers, keys(count)));
    }
}

#[test]
fn collections_behind_shared_pointers_are_accepted() {
    let set = Rc::new(keys(30));
    let weak = Rc::downgrade(&set);
    accepted(&vec![set.clone(), set.clone()]);
    accepted(&(
        set.clone(),
        "ß".repeat(40),
        weak,
        Weak::<HashSet<u8>>::new(),
    ));
    let tree = Arc::new(BTreeMap::from([(1u8, Arc::new(keys(3)))]));
    accepted(&(tree.clone(), tree));
    accepted(&vec![Some(Rc::new("я".repeat(40))), None]);
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![".{0,40}", "[а-я]{17}-", "[a-z]{0,60}"]
}

fn either() -> impl Strategy<Value = Either> {
    prop_oneof![
        hash_set(any::<u8>(), 0..60).prop_map(Either::Set),
        (texts(), 0..3u32, 0..5u32).prop_map(|(text, a, b)| Either::Text(text, a, b)),
        Just(Either::Neither),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_value_with_hash_tables_of_bytes_is_accepted(value in vec((hash_set(any::<u8>(), 0..80), any::<u8>()), 0..8)) {
        accepted(&value);
    }

    #[test]
    fn any_value_with_nested_maps_is_accepted(
        value in hash_map(texts(), hash_map(any::<u8>(), btree_map(any::<u16>(), texts(), 0..20), 0..6), 0..12),
    ) {
        accepted(&value);
    }

    #[test]
    fn any_value_with_records_is_accepted(value in vec((texts(), 0..4u32, 0..20u32, vec(any::<u8>(), 0..70), 0..20u32, 0..40u32), 0..30)) {
        accepted(&value);
    }

    #[test]
    fn any_value_with_enums_is_accepted(value in vec(either(), 0..20)) {
        accepted(&value);
    }

    #[test]
    fn any_value_with_bytes_before_numbers_is_accepted(
        bytes in prop::array::uniform31(any::<u8>()), len in 0..16u32, places in 1..17u32, set in hash_set(any::<u8>(), 0..40),
    ) {
        let count = bytes[..places as usize].iter().filter(|byte| **byte < 0x80).count() as u32;
        accepted(&(Box::new(bytes), len, places, set.clone()));
        accepted(&(Box::new(bytes), count, places, set.clone()));
        accepted(&(set, Box::new((bytes, 1u8, 2u8)), count, places));
    }
}
