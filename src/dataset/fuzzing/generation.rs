//! All files of a generation, which refer to each other as they like.
//!
//! The bytes are the files one after the other, each after its length in two bytes. The first
//! one is the manifest, and the others are parts.

use std::sync::Arc;

use uuid::Uuid;

use super::agreement::Model;
use super::formats::{accepted, generation_of};
use super::{Memory, seal};
use crate::dataset::contents::{Commit, Contents};
use crate::dataset::manifest::{Base, Changes, Delta, ItemEntry, Name, Recorded};
use crate::dataset::reading::Generation;

/// Where a base and a delta have their id, in 16 bytes.
const ID: usize = 24;

/// The length of the header of a delta in bytes.
const DELTA_HEADER: usize = 120;

const HAS_BASE: u8 = 1;
const HAS_PARENT: u8 = 2;

pub(super) fn split(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    while let Some((len, rest)) = bytes.split_first_chunk() {
        let len = usize::from(u16::from_le_bytes(*len)).min(rest.len());
        let (file, rest) = rest.split_at(len);
        files.push(file.to_vec());
        bytes = rest;
    }
    files
}

pub(super) fn joined(files: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for file in files {
        let len = u16::try_from(file.len()).unwrap_or(u16::MAX);
        bytes.extend(len.to_le_bytes());
        bytes.extend(&file[..len.into()]);
    }
    bytes
}

pub(super) fn is_base(file: &[u8]) -> bool {
    file.starts_with(b"\x89fbbase\n")
}

pub(super) fn is_delta(file: &[u8]) -> bool {
    file.starts_with(b"\x89fbdata\n\x03\0")
}

/// Makes the checksums right, and the references too: each delta builds on the first base, and
/// on the delta that follows it in the list.
pub(super) fn link(files: &mut [Vec<u8>]) {
    files.iter_mut().for_each(|file| seal(file));
    let reference = |file: &[u8]| {
        let id: [u8; 16] = *file.get(ID..)?.first_chunk()?;
        let check: [u8; 4] = *file.last_chunk()?;
        Some((id, check))
    };
    let base = files.iter().find(|file| is_base(file));
    let base = base.and_then(|base| reference(base));
    let mut parent: Option<([u8; 16], [u8; 4])> = None;
    for file in files.iter_mut().rev() {
        if !is_delta(file) || file.len() < DELTA_HEADER {
            continue;
        }
        let flag = |is_set, flag| if is_set { flag } else { 0 };
        file[10] &= !(HAS_BASE | HAS_PARENT);
        file[10] |= flag(base.is_some(), HAS_BASE) | flag(parent.is_some(), HAS_PARENT);
        let (base_id, base_check) = base.unwrap_or_default();
        let (parent_id, parent_check) = parent.unwrap_or_default();
        file[40..56].copy_from_slice(&base_id);
        file[56..60].copy_from_slice(&base_check);
        file[60..64].copy_from_slice(&parent_check);
        file[64..80].copy_from_slice(&parent_id);
        seal(file);
        parent = reference(file);
    }
}

/// The files as they are, with the right checksums, and with the right references.
fn variants(bytes: &[u8]) -> Vec<Memory> {
    let as_is = split(bytes);
    let mut sealed = as_is.clone();
    sealed.iter_mut().for_each(|file| seal(file));
    let mut linked = as_is.clone();
    link(&mut linked);
    let mut variants = vec![as_is, sealed, linked];
    variants.dedup();
    variants
        .iter()
        .filter_map(|files| in_memory(files))
        .collect()
}

fn in_memory(files: &[Vec<u8>]) -> Option<Memory> {
    let (manifest, parts) = files.split_first()?;
    let id_of = |part: &Vec<u8>| Some(Uuid::from_bytes(*part.get(ID..)?.first_chunk()?));
    let parts = parts
        .iter()
        .filter_map(|part| Some((id_of(part)?, part.clone())));
    Some(Memory {
        manifest: manifest.clone(),
        parts: parts.collect(),
    })
}

pub(super) fn read(bytes: &[u8]) {
    for files in variants(bytes) {
        let number = generation_of(&files.manifest);
        drop(accepted(Generation::read(&files, number)));
    }
}

pub(super) fn check(bytes: &[u8]) -> bool {
    let variants = variants(bytes).into_iter();
    variants.filter_map(check_files).count() > 0
}

fn check_files(files: Memory) -> Option<()> {
    for id in files.parts.keys() {
        if let Some(part) = accepted(Generation::read_part(&files, *id)) {
            Model::of(&part.contents).assert_is(&part.contents);
        }
    }
    let number = generation_of(&files.manifest);
    let found = accepted(Generation::read(&files, number))?;
    let (model, root) = recorded(&files, number);
    assert_is(&found, number, &model, &root);
    let again = Generation::read_after(Some(&found.contents), &files, number);
    assert_is(&again.expect("it was read"), number, &model, &root);
    check_new_base(&found, &model);
    check_next(files, &found, model);
    Some(())
}

fn assert_is(found: &Generation, number: u64, model: &Model, root: &Arc<[u8]>) {
    assert_eq!((found.number, &found.root), (number, root));
    model.assert_is(&found.contents);
}

/// What the files record, and the root, put together in maps. They were read before.
fn recorded(files: &Memory, number: u64) -> (Model, Arc<[u8]>) {
    let mut next = match Recorded::read(&files.manifest, number).expect("it was read") {
        Recorded::Whole(manifest) => {
            let contents = Contents::of_manifest(&manifest).expect("it was read");
            return (Model::of(&contents), manifest.root.into());
        }
        Recorded::Delta(delta, _) => Some(delta),
    };
    let mut deltas = Vec::new();
    while let Some(delta) = next {
        let parent = delta.parent.map(|parent| &files.parts[&parent.id]);
        next = parent.map(|parent| Delta::read(parent).expect("it was read").0);
        deltas.push(delta);
    }
    let (mut model, mut root) = (Model::default(), None);
    if let Some(base) = deltas[0].base {
        let base = Base::read(&files.parts[&base.id]).expect("it was read");
        root = Some(base.root().clone());
        model = Model::of(&Contents::of(Arc::new(base)));
    }
    for delta in deltas.into_iter().rev() {
        model.apply(&delta.changes);
        root = delta.root.or(root);
    }
    (model, root.expect("it was read"))
}

/// A base of what was read has the same contents.
fn check_new_base(found: &Generation, model: &Model) {
    let begun = found.contents.begin_chain(found.number, &found.root);
    let begun = begun.expect("it holds as many");
    let files = Memory {
        manifest: begun.manifest,
        parts: [(begun.base_id, begun.base)].into(),
    };
    let read = Generation::read(&files, found.number).expect("it was written");
    assert_is(&read, found.number, model, &found.root);
}

/// A commit can build on what was read.
fn check_next(mut files: Memory, found: &Generation, mut model: Model) {
    let (Some(chain), Some(number)) = (&found.chain, found.number.checked_add(1)) else {
        return;
    };
    let newest = chain.newest().expect("it was read");
    let mut ids = (1..).map(Uuid::from_u128);
    let id = ids.find(|id| !files.parts.contains_key(id) && *id != newest.file.id);
    let (new, name) = (Uuid::from_u128(7), Name::new("new").expect("it is short"));
    let mut changes = Changes::default();
    if let Some((first, _)) = found.contents.items().next() {
        let names = found.contents.names_of(first);
        changes
            .names
            .extend(names.into_iter().map(|name| (name, None)));
        changes.items.insert(first, None);
    }
    changes.items.insert(new, Some(ItemEntry::UNKNOWN));
    changes.names.insert(name, Some(new));
    model.apply(&changes);
    let commit = Commit {
        generation: number,
        id: id.expect("there are enough"),
        root: None,
        changes,
    };
    let (manifest, next) = chain.next(commit).expect("it is short");
    let manifest = std::mem::replace(&mut files.manifest, manifest);
    if next.parent() == Some(newest) {
        files.parts.insert(newest.file.id, manifest);
    }
    let read = Generation::read(&files, number).expect("it builds on what was read");
    assert_is(&read, number, &model, &found.root);
}
