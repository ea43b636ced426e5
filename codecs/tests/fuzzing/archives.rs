//! Archives of every collection, read in every way that safe code can.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::hash::{BuildHasherDefault, Hash};
use std::hint::black_box;
use std::ops::{Bound, ControlFlow};
use std::rc::Rc;
use std::sync::OnceLock;

use file_backed_codecs::{Archivable, Mapped, MappedCodec, Verify, frame};
use rkyv::collections::btree_map::ArchivedBTreeMap;
use rkyv::collections::btree_set::ArchivedBTreeSet;
use rkyv::collections::swiss_table::{ArchivedHashMap, ArchivedHashSet};
use rkyv::primitive::{ArchivedU16, ArchivedU32};
use rkyv::string::ArchivedString;

use super::targets::{accepted, round, sealed};
use crate::files::{file_of, on_disk, payload_of, with_payload};
use crate::values::{List, Record};

/// Hashes the same in every run, so that the samples are the same.
type Fixed = BuildHasherDefault<DefaultHasher>;

type Inner = BTreeMap<u32, HashSet<u8, Fixed>>;

/// One of every collection, nested in each other.
#[derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub(super) struct Collections {
    hashed: HashMap<String, u32, Fixed>,
    bytes: HashSet<u8, Fixed>,
    units: HashSet<(), Fixed>,
    nested: HashMap<u16, HashSet<String, Fixed>, Fixed>,
    ordered: BTreeMap<u16, String>,
    texts: BTreeSet<String>,
    deep: BTreeMap<u32, Box<Inner>>,
    shared: Vec<Rc<String>>,
    alike: Vec<(String, u32, u32)>,
    array: Box<[u8; 31]>,
    last: (u32, u32),
}

fn text(n: usize) -> String {
    format!("text number {n}")
}

impl Collections {
    fn of(count: usize) -> Self {
        let shared = Rc::new("pointed to from two places".to_owned());
        let bytes = |count: usize| (0..count).map(|n| n as u8).collect();
        let deep = |n: usize| Box::new((0..n as u32 + 1).map(|m| (m, bytes(n))).collect());
        Self {
            hashed: (0..count).map(|n| (text(n), n as u32)).collect(),
            bytes: bytes(count),
            units: HashSet::from_iter([()]),
            nested: (0..count.min(3))
                .map(|n| (n as u16, (0..count).map(text).collect()))
                .collect(),
            ordered: (0..count).map(|n| (n as u16, text(n))).collect(),
            texts: (0..count).map(text).collect(),
            deep: (0..count.min(7)).map(|n| (n as u32, deep(n))).collect(),
            shared: vec![shared.clone(), shared],
            alike: vec![("ая".repeat(8) + "ю-", 0, 2); 2],
            array: Box::new([0x80; 31]),
            last: (0, 16),
        }
    }
}

type Tree = BTreeMap<u32, u32>;
type Table = HashSet<u32, Fixed>;
type Texts = Vec<String>;

fn file<T: Archivable>(value: &T) -> Vec<u8> {
    let archive = MappedCodec::heap().archive(value).expect("it is small");
    file_of(&MappedCodec::heap(), &archive)
}

fn tree(count: u32) -> Tree {
    (0..count).map(|n| (n, !n)).collect()
}

fn table(count: u32) -> Table {
    (0..count).collect()
}

/// Good files of all types, made once.
pub(super) fn samples() -> &'static [Vec<u8>] {
    static SAMPLES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    SAMPLES.get_or_init(|| {
        vec![
            file(&Record::sample()),
            file(&List::of(20)),
            file(&Collections::of(1)),
            file(&Collections::of(14)),
            file(&tree(6)),
            file(&tree(40)),
            file(&table(1)),
            file(&table(15)),
            file(&table(30)),
            file(&vec![text(1), "ß".repeat(20)]),
        ]
    })
}

/// Files with right checksums that lead out of bounds: a leaf without entries, a node
/// without a first child, and a table whose places are all taken.
pub(super) fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    let words = |file: &[u8], words: &[(usize, u32)]| {
        let mut payload = payload_of(file).to_vec();
        for (at, word) in words {
            payload[*at..][..4].copy_from_slice(&word.to_le_bytes());
        }
        with_payload(file, &payload)
    };
    let of_tree = file(&tree(6));
    let len = payload_of(&of_tree).len() - 4;
    let of_table = file(&table(30));
    let mut full = payload_of(&of_table).to_vec();
    // The root: a pointer to the control bytes, the length, and the places.
    let root = full.len() - 12;
    let word = |at: usize| i32::from_le_bytes(*full[at..].first_chunk().expect("inside"));
    let control = root
        .checked_add_signed(word(root) as isize)
        .expect("inside");
    let places = word(root + 8) as usize;
    full[control + places..root.min(control + places.next_multiple_of(16) + 15)].fill(0x7f);
    vec![
        (
            "leaf_without_entries",
            words(&of_tree, &[(44, 0), (len, 5)]),
        ),
        (
            "node_without_first_child",
            words(&of_tree, &[(92, 1), (len, 5)]),
        ),
        ("table_without_empty_places", with_payload(&of_table, &full)),
    ]
}

pub(super) fn body_in_memory(bytes: &[u8]) {
    body(bytes, &Read::InMemory);
}

/// Every file has to be as good from a map as from memory.
pub(super) fn body_of_maps(bytes: &[u8]) {
    static CODEC: OnceLock<Read> = OnceLock::new();
    let read = CODEC.get_or_init(|| {
        // SAFETY: the files have no name and are written once, before they are
        // mapped.
        Read::Mapped(unsafe { MappedCodec::new() }.crossover(0))
    });
    body(bytes, read);
}

enum Read {
    InMemory,
    Mapped(MappedCodec),
}

impl Read {
    fn each<T: Archivable>(&self, file: &[u8], disk: Option<&File>, look: impl Fn(&Mapped<T>)) {
        let heap = accepted(frame::read_file(&MappedCodec::heap(), &file));
        if let Some(value) = &heap {
            look(value);
            round::<Mapped<T>, _>(&MappedCodec::heap(), file);
        }
        let (Self::Mapped(codec), Some(disk)) = (self, disk) else {
            return;
        };
        let checked = codec.clone().verify(Verify::Always);
        let mapped = accepted(frame::read_file::<Mapped<T>, _>(&checked, disk));
        let bytes = |value: &Option<Mapped<T>>| value.as_ref().map(|v| v.as_bytes().to_vec());
        assert!(bytes(&mapped) == bytes(&heap), "both ways see the same");
        let unchecked = codec.clone().verify(Verify::Never);
        let unchecked = accepted(frame::read_file::<Mapped<T>, _>(&unchecked, disk));
        assert!(unchecked.is_some() || heap.is_none(), "checks less");
        if let Some(value) = &unchecked {
            look(value);
        }
    }
}

/// Reads the file as every type, and as if it were one of each: the footers of the
/// samples tell them apart, so that each file is only one of them.
fn body(bytes: &[u8], read: &Read) {
    one(bytes, read);
    let [resealed, as_first] = sealed(bytes, &samples()[0]);
    if resealed != bytes {
        one(&resealed, read);
        one(&as_first, read);
    }
}

fn one(file: &[u8], read: &Read) {
    let disk = matches!(read, Read::Mapped(_)).then(|| on_disk(file));
    let disk = disk.as_ref();
    read.each(file, disk, |value: &Mapped<Record>| {
        drop(value.deserialize())
    });
    read.each(file, disk, |value: &Mapped<List>| drop(value.deserialize()));
    read.each(file, disk, |value: &Mapped<Collections>| {
        look_through(value);
        drop(value.deserialize());
    });
    read.each(file, disk, |value: &Mapped<Tree>| {
        look_through_tree(
            value,
            |n| n.to_native().into(),
            |n| n.to_native().into(),
            ArchivedU32::from_native,
        );
    });
    read.each(file, disk, |value: &Mapped<Table>| {
        look_through_set(value, |n| n.to_native().into());
        let found = (0..40).filter(|n| value.contains(&ArchivedU32::from_native(*n)));
        let _ = black_box(found.count());
    });
    read.each(file, disk, |value: &Mapped<Texts>| {
        let _ = black_box(value.iter().map(read_text).sum::<u64>());
    });
}

fn look_through(value: &ArchivedCollections) {
    look_through_map(&value.hashed, read_text, |n| n.to_native().into());
    look_through_set(&value.bytes, |byte| u64::from(*byte));
    let _ = black_box(
        (0..=u8::MAX)
            .filter(|byte| value.bytes.contains(byte))
            .count(),
    );
    look_through_set(&value.units, |()| 1);
    let _ = black_box(value.units.contains(&()));
    let in_hashed = known()
        .iter()
        .filter(|text| value.hashed.contains_key(text.as_str()));
    let in_texts = known()
        .iter()
        .filter(|text| value.texts.contains_key(text.as_str()));
    let _ = black_box(in_hashed.count() + in_texts.count());
    look_through_map(
        &value.nested,
        |n| n.to_native().into(),
        |set| {
            let _ = black_box(
                known()
                    .iter()
                    .filter(|text| set.contains(text.as_str()))
                    .count(),
            );
            look_through_set(set, read_text)
        },
    );
    let nested = (0..9).filter(|n| value.nested.contains_key(&ArchivedU16::from_native(*n)));
    let _ = black_box(nested.count());
    let key = |n: u32| ArchivedU16::from_native(n as u16);
    look_through_tree(&value.ordered, |n| n.to_native().into(), read_text, key);
    look_through_texts(&value.texts);
    let inner = |tree: &rkyv::boxed::ArchivedBox<_>| look_through_deep(tree);
    look_through_tree(
        &value.deep,
        |n| n.to_native().into(),
        inner,
        ArchivedU32::from_native,
    );
    let shared = value.shared.iter().map(|text| read_text(text));
    let alike = value
        .alike
        .iter()
        .map(|alike| read_text(&alike.0) + u64::from(alike.1.to_native()));
    let _ = black_box(shared.chain(alike).sum::<u64>());
    let _ = black_box(value.array.iter().map(|byte| u64::from(*byte)).sum::<u64>());
}

/// Texts of which the samples have some.
fn known() -> &'static [String] {
    static KNOWN: OnceLock<Vec<String>> = OnceLock::new();
    KNOWN.get_or_init(|| (0..24).map(text).collect())
}

/// Touches every byte.
fn read_text(text: &ArchivedString) -> u64 {
    text.chars().map(u64::from).sum::<u64>() + text.bytes().map(u64::from).sum::<u64>()
}

/// Goes through it and looks up each key that is there, and the hashes of many that
/// are not.
fn look_through_map<K: Hash + Eq, V>(
    map: &ArchivedHashMap<K, V>,
    read_key: impl Fn(&K) -> u64,
    read: impl Fn(&V) -> u64,
) -> u64 {
    let mut sum = 0;
    for (key, value) in map.iter() {
        sum += black_box(read_key(key).wrapping_add(read(value)));
        let _ = black_box(map.get(key).map(&read));
        // The same place, and no key is equal: goes on to the end of the probing.
        let _ = black_box(
            map.get_with(key, |_, other| read_key(other) == u64::MAX)
                .map(&read),
        );
    }
    sum
}

fn look_through_set<K: Hash + Eq>(set: &ArchivedHashSet<K>, read_key: impl Fn(&K) -> u64) -> u64 {
    let mut sum = 0;
    for key in set.iter() {
        sum += black_box(read_key(key));
        let _ = black_box(set.get(key).map(&read_key));
    }
    sum
}

fn look_through_deep(tree: &ArchivedBTreeMap<ArchivedU32, ArchivedHashSet<u8>>) -> u64 {
    let read = |set: &ArchivedHashSet<u8>| look_through_set(set, |byte| u64::from(*byte));
    look_through_tree(
        tree,
        |n| n.to_native().into(),
        read,
        ArchivedU32::from_native,
    )
}

fn look_through_texts(texts: &ArchivedBTreeSet<ArchivedString>) {
    let _ = black_box(texts.iter().map(read_text).sum::<u64>());
    let visited = texts.visit(|text| match read_text(text) {
        u64::MAX => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    let _ = black_box(visited);
}

/// Goes through it in all ways, and looks up keys that are there and ones that are not.
fn look_through_tree<K: Ord, V>(
    tree: &ArchivedBTreeMap<K, V>,
    read_key: impl Fn(&K) -> u64,
    read: impl Fn(&V) -> u64,
    key: impl Fn(u32) -> K,
) -> u64 {
    let mut sum = 0u64;
    for (key, value) in tree.iter() {
        sum = sum.wrapping_add(black_box(read_key(key).wrapping_add(read(value))));
    }
    let visited = tree.visit(|key, value| match read_key(key).wrapping_add(read(value)) {
        u64::MAX => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    let _ = black_box(visited);
    for n in 0..45 {
        let _ = black_box(tree.get(&key(n)).map(&read));
    }
    let bounds = [
        (Bound::Unbounded, Bound::Unbounded),
        (Bound::Included(key(3)), Bound::Excluded(key(17))),
        (Bound::Excluded(key(7)), Bound::Unbounded),
        (Bound::Unbounded, Bound::Included(key(39))),
    ];
    for (from, to) in &bounds {
        let range = tree.range::<K, _>((from.as_ref(), to.as_ref()));
        let _ = black_box(
            range
                .map(|(key, value)| read_key(key) ^ read(value))
                .fold(0, |a, b| a ^ b),
        );
    }
    sum
}
