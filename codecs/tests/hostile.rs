//! Archives that were made to lead out of bounds are refused, although their
//! checksums are right.
//!
//! rkyv 0.8.18 accepts all of these. Of a B-tree it does not ask whether a leaf has
//! an entry and an inner node a first child, and iterating reads both. Of a hash
//! table it compares the repeated control bytes in part, and not at all from 24
//! places on; a lookup of a key that is not there then read an entry that was never
//! validated, or went on forever.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Debug;
use std::rc::Rc;

use file_backed_codecs::{Archivable, FrameError, Mapped, MappedCodec, frame};

use rkyv::primitive::{ArchivedU32, ArchivedUsize, FixedIsize};

use crate::files::{file_of, refusal, with_payload};

/// Bytes of a pointer and of a length, and what they are aligned to.
const WIDTH: usize = size_of::<ArchivedUsize>();
const ALIGN: usize = align_of::<ArchivedUsize>();

fn archive<T: Archivable>(value: &T) -> Vec<u8> {
    Mapped::new(value).unwrap().as_bytes().to_vec()
}

/// A length, or the distance of a pointer.
fn number(archive: &[u8], at: usize) -> isize {
    let bytes = *archive[at..].first_chunk().unwrap();
    match is_big_endian() {
        true => FixedIsize::from_be_bytes(bytes) as isize,
        false => FixedIsize::from_le_bytes(bytes) as isize,
    }
}

fn set_number(archive: &mut [u8], at: usize, number: FixedIsize) {
    let bytes = match is_big_endian() {
        true => number.to_be_bytes(),
        false => number.to_le_bytes(),
    };
    archive[at..][..WIDTH].copy_from_slice(&bytes);
}

/// As compiled.
fn is_big_endian() -> bool {
    archive(&1u16) == [0, 1]
}

/// Reads the archive as a file of `like`, with right checksums, which must fail for
/// this reason.
#[track_caller]
fn assert_refused<T: Archivable>(like: &T, archive: &[u8], because: &str) {
    let codec = MappedCodec::heap();
    let whole = file_of(&codec, &Mapped::new(like).unwrap());
    let file = with_payload(&whole, archive);
    let error = refusal(frame::read_file::<Mapped<T>, _>(&codec, &file));
    assert!(error.is_damage(), "{error}");
    match error {
        FrameError::InvalidArchive(reason) => assert_eq!(reason, because),
        other => panic!("{other}"),
    }
}

/// A tree of one leaf with one entry, under a node with five.
fn tree() -> BTreeMap<u32, u32> {
    (0..6).map(|key| (key, !key)).collect()
}

/// Where the parts of a node of [`tree`] begin: its kind, five keys and five values
/// before, then the length or the children.
const BEHIND_ENTRIES: usize = (align_of::<ArchivedU32>() + 10 * 4).next_multiple_of(ALIGN);
const LEAF_SIZE: usize = BEHIND_ENTRIES + WIDTH;

#[test]
fn a_b_tree_leaf_without_entries_is_refused() {
    let mut archive = archive(&tree());
    let len_of_tree = archive.len() - WIDTH;
    assert_eq!(number(&archive, BEHIND_ENTRIES), 1);
    assert_eq!(number(&archive, len_of_tree), 6);
    set_number(&mut archive, BEHIND_ENTRIES, 0);
    set_number(&mut archive, len_of_tree, 5);
    assert_refused(&tree(), &archive, "a leaf of a B-tree has no entries");
}

#[test]
fn a_b_tree_node_without_a_first_child_is_refused() {
    let mut archive = archive(&tree());
    let len_of_tree = archive.len() - WIDTH;
    // A pointer to the byte behind its own beginning is one to nothing.
    set_number(&mut archive, LEAF_SIZE + BEHIND_ENTRIES, 1);
    set_number(&mut archive, len_of_tree, 5);
    assert_refused(
        &tree(),
        &archive,
        "an inner node of a B-tree has no first child",
    );
}

/// The tree is deep inside another value, where the validator has other subtrees open.
#[test]
fn an_empty_leaf_of_a_nested_b_tree_is_refused() {
    let value = vec![(7u8, Some(Box::new(tree())))];
    let mut archive = archive(&value);
    assert_eq!(number(&archive, BEHIND_ENTRIES), 1);
    let rows = (LEAF_SIZE..=archive.len() - WIDTH).step_by(ALIGN);
    let mut lens = rows.filter(|at| number(&archive, *at) == 6);
    let len_of_tree = lens.next().unwrap();
    set_number(&mut archive, BEHIND_ENTRIES, 0);
    set_number(&mut archive, len_of_tree, 5);
    assert_refused(&value, &archive, "a leaf of a B-tree has no entries");
}

/// Where the control bytes of a table begin, how many places it has and where it ends.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Table {
    control: usize,
    places: usize,
    end: usize,
}

/// The tables of a good archive, found by the pointers that lead to them.
fn tables(archive: &[u8]) -> Vec<Table> {
    let found = |at: usize| {
        let control = at.checked_add_signed(number(archive, at))?;
        let len = number(archive, at + WIDTH);
        let places = usize::try_from(number(archive, at + 2 * WIDTH)).ok()?;
        let end = control.checked_add(places.checked_add(15)? / 16 * 16 + 15)?;
        let bytes = archive.get(control..end)?;
        let taken = bytes[..places].iter().filter(|byte| **byte < 0x80).count();
        let behind = bytes[places..].iter().zip(bytes).take(places);
        let good =
            len > 0 && taken == len as usize && end <= at && behind.clone().all(|(a, b)| a == b);
        good.then_some(Table {
            control,
            places,
            end,
        })
    };
    let rows = (0..=archive.len() - 3 * WIDTH).step_by(ALIGN);
    rows.filter_map(found).collect()
}

/// Changes each of the control bytes behind the places of each table to every sort of
/// byte: each change must be refused.
#[track_caller]
fn assert_every_control_byte_counts<T: Archivable>(value: &T, expected: usize) {
    let archive = archive(value);
    let tables = tables(&archive);
    assert_eq!(tables.len(), expected, "{tables:?}");
    for table in tables {
        for at in table.control + table.places..table.end {
            for byte in [0, 0x7f, 0x80, 0xff, archive[at] ^ 1] {
                let mut archive = archive.clone();
                if archive[at] == byte {
                    continue;
                }
                archive[at] = byte;
                let codec = MappedCodec::heap();
                let whole = file_of(&codec, &Mapped::new(value).unwrap());
                let file = with_payload(&whole, &archive);
                let error = refusal(frame::read_file::<Mapped<T>, _>(&codec, &file));
                assert!(
                    matches!(error, FrameError::InvalidArchive(_)),
                    "byte {at} of {table:?}: {error}"
                );
            }
        }
    }
}

fn keys<K: From<u8> + Eq + std::hash::Hash>(count: u8) -> HashSet<K> {
    (0..count).map(K::from).collect()
}

fn texts(count: usize) -> HashSet<String> {
    (0..count).map(|n| format!("text number {n}")).collect()
}

#[test]
fn every_control_byte_of_a_hash_table_of_any_size_is_checked() {
    for count in 1..=40 {
        assert_every_control_byte_counts(&keys::<u32>(count), 1);
    }
    assert_every_control_byte_counts(&keys::<u64>(200), 1);
}

/// Such a table has the layout of an array of bytes, which is not inspected.
#[test]
fn every_control_byte_of_a_hash_table_of_bytes_is_checked() {
    for count in [1, 2, 3, 7, 8, 14, 15, 16, 17, 31, 40, 250] {
        assert_every_control_byte_counts(&keys::<u8>(count), 1);
    }
    let pairs: HashMap<u8, [u8; 2]> = (0..30).map(|n| (n, [n; 2])).collect();
    assert_every_control_byte_counts(&pairs, 1);
}

/// The entries take no space.
#[test]
fn every_control_byte_of_a_hash_table_of_units_is_checked() {
    assert_every_control_byte_counts(&HashSet::from([()]), 1);
    assert_every_control_byte_counts(&HashMap::from([((), ())]), 1);
}

#[test]
fn every_control_byte_of_a_hash_table_of_texts_is_checked() {
    for count in [1, 20, 50] {
        assert_every_control_byte_counts(&texts(count), 1);
    }
    let maps: HashMap<String, Vec<String>> = texts(30)
        .into_iter()
        .map(|text| (text.clone(), vec![text; 2]))
        .collect();
    assert_every_control_byte_counts(&maps, 1);
}

#[test]
fn every_control_byte_of_a_nested_hash_table_is_checked() {
    let set = || keys::<u8>(30);
    assert_every_control_byte_counts(&(1u8, set(), 2u64, set()), 2);
    assert_every_control_byte_counts(&vec![set(), keys(3), HashSet::new(), keys(25)], 3);
    assert_every_control_byte_counts(&Some(Box::new((texts(2), "ß".repeat(40), texts(26)))), 2);
    let shared = Rc::new(texts(25));
    assert_every_control_byte_counts(&vec![Rc::clone(&shared), shared], 1);
    assert_every_control_byte_counts(&BTreeMap::from([(1u16, set()), (2, set())]), 2);
    let nested: HashMap<u8, HashMap<String, HashSet<u8>>> = (0..3)
        .map(|n| (n, HashMap::from([(n.to_string(), set())])))
        .collect();
    assert_every_control_byte_counts(&nested, 7);
}

/// After the slots, every control byte claims an entry. A lookup of an absent key that
/// begins there would read entries that were not validated, and find no empty slot.
#[test]
fn a_hash_table_that_hides_its_empty_slots_is_refused() {
    let set = keys::<u32>(30);
    let mut archive = archive(&set);
    let table = tables(&archive)[0];
    archive[table.control + table.places..table.end].fill(0x7f);
    assert_refused(
        &set,
        &archive,
        "the last control bytes of a hash table do not repeat its first ones",
    );
}

/// `Mapped::new` validates what an implementation of `Archive` wrote, in the same way.
#[test]
fn new_archives_pass_the_same_validation() {
    fn passes<T: Archivable + Debug>(value: T) {
        let file = file_of(&MappedCodec::heap(), &Mapped::new(&value).unwrap());
        frame::read_file::<Mapped<T>, _>(&MappedCodec::heap(), &file).unwrap();
    }
    passes(tree());
    passes(texts(25));
    passes((keys::<u8>(9), tree(), HashSet::<()>::new()));
}
