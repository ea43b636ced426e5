//! Whole files, to begin with.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::generation::{joined, link};
use crate::backing_store::FileFingerprint;
use crate::dataset::manifest::{
    Changes, Delta, FileId, ItemEntry, ItemKind, ItemRecord, Manifest, Name, PackedAt, Place,
    WrittenFile, encode_base,
};

const ROOT: &[u8] = br#"{"a":1}"#;

pub(super) fn key(n: u64) -> Uuid {
    Uuid::from_u64_pair(n << 61 | n, n)
}

pub(super) fn entry(n: u64) -> ItemEntry {
    ItemEntry {
        fingerprint: FileFingerprint {
            len: n.saturating_add(64),
            check: !(n as u32),
        },
        kind: ItemKind {
            codec: 3,
            schema: n % 3,
            ..ItemKind::UNKNOWN
        },
        place: place(n),
    }
}

/// A pack for a half of small numbers, and a file for all others.
fn place(n: u64) -> Place {
    let pack = WrittenFile {
        file: FileId {
            id: key(n % 3),
            check: 7,
        },
        len: 1 << 16,
    };
    match n {
        ..0x8000 if n % 2 == 1 => Place::Packed(PackedAt {
            pack,
            offset: n as u32,
        }),
        _ => Place::File,
    }
}

fn name(text: &str) -> Name {
    Name::new(text).expect("it is short")
}

fn manifest(items: u64) -> Vec<u8> {
    let manifest = Manifest {
        generation: 7,
        root: ROOT.to_vec(),
        entries: (1..=items)
            .map(|n| ItemRecord::of(Uuid::from_u64_pair(n, 0), entry(n)))
            .collect(),
    };
    manifest.encode().expect("it is short")
}

pub(super) fn manifests() -> Vec<Vec<u8>> {
    [0, 1, 3, 40].map(manifest).into()
}

fn encoded(delta: &Delta) -> Vec<u8> {
    delta.encode().expect("it is short")
}

/// A delta that changes nothing.
fn nothing(id: u64, generation: u64) -> Delta {
    Delta {
        id: key(id),
        generation,
        base: None,
        parent: None,
        root: None,
        changes: Changes::default(),
    }
}

/// A delta with entries in each of its lists, which changes a base of `small`.
fn changing(id: u64, generation: u64) -> Delta {
    let items = [(1, None), (2, Some(entry(2))), (5, Some(entry(5)))];
    let names = [
        ("a00", None),
        ("ab", Some(key(2))),
        ("é", Some(key(5))),
        ("zz", None),
    ];
    Delta {
        root: Some(ROOT.into()),
        changes: Changes {
            items: items.map(|(n, entry)| (key(n), entry)).into(),
            names: names.map(|(text, key)| (name(text), key)).into(),
        },
        ..nothing(id, generation)
    }
}

/// So many changes that they are merged into a base in memory.
fn long() -> Delta {
    let names = (0..1100).map(|n| (name(&format!("{n:x}")), None));
    let mut delta = changing(8, 9);
    delta.changes.names.extend(names);
    delta
}

pub(super) fn deltas() -> Vec<Vec<u8>> {
    let file = |id| FileId {
        id: key(id),
        check: 5,
    };
    let linked = Delta {
        base: Some(file(3)),
        parent: Some(file(4)),
        ..changing(2, 7)
    };
    [nothing(1, 7), linked, changing(1, 0), long()]
        .iter()
        .map(encoded)
        .collect()
}

fn base(id: u64, items: u64, names: impl Iterator<Item = (Name, Uuid)>) -> Vec<u8> {
    let items: BTreeMap<_, _> = (1..=items).map(|n| (key(n), entry(n))).collect();
    encode_base(key(id), 5, ROOT, items.into_iter(), names).expect("it is short")
}

/// Three items, and 18 names in two blocks.
fn small() -> Vec<u8> {
    let names = (0..16).map(|n| (name(&format!("a{n:02}")), key(3)));
    let others = [("é", 1), ("éé", 3)].map(|(text, n)| (name(text), key(n)));
    base(3, 3, names.chain(others))
}

pub(super) fn bases() -> Vec<Vec<u8>> {
    let shared = "shared ".repeat(30);
    let names = (0..7).map(|n| (name(&format!("{shared}{n}")), key(n % 3 + 1)));
    vec![
        base(1, 0, std::iter::empty()),
        small(),
        base(2, 3, names),
        base(4, 30, std::iter::once((name("one"), key(30)))),
    ]
}

pub(super) fn generations() -> Vec<Vec<u8>> {
    let of_base = vec![
        encoded(&nothing(11, 9)),
        encoded(&changing(12, 9)),
        encoded(&nothing(13, 6)),
        small(),
    ];
    let without_base = vec![encoded(&nothing(14, 8)), encoded(&changing(15, 3))];
    let many = vec![encoded(&long()), small()];
    [vec![manifest(3)], of_base, without_base, many]
        .into_iter()
        .map(|mut files| {
            link(&mut files);
            joined(&files)
        })
        .collect()
}
