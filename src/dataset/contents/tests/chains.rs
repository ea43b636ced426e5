//! Which file a commit writes, and which files are taken for a generation.

use std::sync::Arc;

use uuid::Uuid;

use super::{entry, key};
use crate::dataset::contents::{Chain, Commit};
use crate::dataset::manifest::{Base, Changes, Delta, WrittenFile, encode_base};

fn one_item(n: u64) -> Changes {
    Changes {
        items: [(key(n), Some(entry(n)))].into(),
        ..Changes::default()
    }
}

fn root(len: usize) -> Option<Arc<[u8]>> {
    Some(vec![b'r'; len].into())
}

/// An empty base of this generation, and a delta of generation 4 that has one item more.
fn base_and_delta(generation: u64) -> (Base, (Delta, WrittenFile)) {
    let base = empty_base(generation, b"root");
    let commit = Commit {
        generation: 4,
        id: key(2),
        root: None,
        changes: one_item(1),
    };
    let next = Chain::beginning_at(Some(base.written())).next(commit);
    let (bytes, _) = next.expect("it is small");
    (base, Delta::read(&bytes).expect("it is whole"))
}

fn empty_base(generation: u64, root: &[u8]) -> Base {
    let bytes = encode_base(key(1), generation, root, [].into_iter(), [].into_iter());
    Base::from_bytes(bytes.expect("it is small")).expect("it is whole")
}

/// Commits that change one item each, and the root where one is given.
fn chain_of(roots: &[Option<Arc<[u8]>>]) -> (Chain, Vec<(Delta, WrittenFile)>) {
    let mut chain = Chain::beginning_at(None);
    let mut deltas = Vec::new();
    for (n, root) in (1..).zip(roots) {
        let commit = Commit {
            generation: n,
            id: Uuid::from_u128(n.into()),
            root: root.clone(),
            changes: one_item(n),
        };
        let (bytes, next) = chain.next(commit).expect("it is small");
        deltas.push(Delta::read(&bytes).expect("it is whole"));
        chain = next;
    }
    let needed = generations(&chain);
    deltas.retain(|(delta, _)| needed.contains(&delta.generation));
    (chain, deltas)
}

fn generations(chain: &Chain) -> Vec<u64> {
    let ids = chain.deltas().map(|written| written.file.id.as_u128());
    ids.map(|id| id as u64).collect()
}

#[test]
fn a_small_commit_takes_the_place_of_the_one_before() {
    let (chain, deltas) = chain_of(&[root(5), None, root(6), None]);
    assert_eq!(generations(&chain), [4]);
    let (delta, _) = &deltas[0];
    assert_eq!(delta.parent, None);
    assert_eq!(delta.changes.len(), 4);
    assert_eq!(delta.root, root(6));
}

/// A root used to be written with each commit.
#[test]
fn a_long_root_is_written_once() {
    let (chain, deltas) = chain_of(&[root(5000), None, None]);
    assert_eq!(generations(&chain), [1, 3]);
    assert_eq!(deltas[1].0.root, None);
    assert_eq!(deltas[1].0.changes.len(), 2);
    let read = Chain::read(None, deltas).expect("it is consistent");
    assert_eq!(Some(read.root), root(5000));
    assert_eq!(read.contents.len(), 3);
}

#[test]
fn a_root_that_changes_each_time_does_not_lengthen_the_chain() {
    let (chain, deltas) = chain_of(&[root(5000), root(6000), root(7000)]);
    assert_eq!(generations(&chain), [3]);
    assert_eq!(deltas[0].0.root, root(7000));
}

#[test]
fn the_root_of_a_base_is_neither_written_again_nor_in_memory_twice() {
    let (base, delta) = base_and_delta(3);
    assert_eq!(delta.0.base, Some(base.written().file));
    let base = Arc::new(base);
    let read = Chain::read(Some(base.clone()), vec![delta]).expect("it is consistent");
    assert_eq!(&*read.root, b"root");
    assert!(Arc::ptr_eq(&read.root, base.root()));
    assert_eq!(read.contents.len(), 1);
}

#[test]
fn a_base_is_not_of_a_later_generation_than_a_delta() {
    for (of_base, is_whole) in [(3, true), (4, true), (5, false)] {
        let (base, delta) = base_and_delta(of_base);
        let read = Chain::read(Some(Arc::new(base)), vec![delta]);
        assert_eq!(read.is_ok(), is_whole, "generation {of_base}");
    }
}

#[test]
fn files_of_another_chain_are_refused() {
    let (_, deltas) = chain_of(&[root(5000), None, None]);
    let (_, other) = chain_of(&[root(5001), None, None]);
    let base = empty_base(0, b"");
    for (base, deltas, why) in [
        (None, vec![other[0].clone(), deltas[1].clone()], "parent"),
        (None, vec![deltas[1].clone()], "parent"),
        (None, vec![deltas[1].clone(), deltas[0].clone()], "parent"),
        (None, vec![deltas[0].clone(), deltas[0].clone()], "parent"),
        (Some(Arc::new(base)), deltas, "base"),
        (None, Vec::new(), "no root"),
    ] {
        let error = Chain::read(base, deltas).expect_err("they do not belong together");
        assert!(error.to_string().contains(why), "{error}: not {why}");
    }
}

/// Ids are random, so only a forged dataset has one twice. It was opened, and then each commit
/// that builds on its newest delta failed, because there was a part of that name.
#[test]
fn a_chain_of_two_files_with_one_id_is_refused() {
    for ([parent, newest], is_whole) in [
        ([2, 3], true),
        ([1, 3], false),
        ([2, 1], false),
        ([2, 2], false),
    ] {
        let base = empty_base(3, b"root");
        let mut chain = Chain::beginning_at(Some(base.written()));
        let mut deltas = Vec::new();
        for (generation, id, root) in [(4, parent, root(5000)), (5, newest, None)] {
            let commit = Commit {
                generation,
                id: key(id),
                root,
                changes: one_item(generation),
            };
            let (bytes, next) = chain.next(commit).expect("it is small");
            deltas.push(Delta::read(&bytes).expect("it is whole"));
            chain = next;
        }
        let read = Chain::read(Some(Arc::new(base)), deltas);
        assert_eq!(read.is_ok(), is_whole, "{parent} {newest}");
        if let Err(error) = read {
            assert!(error.to_string().contains("one id"), "{error}");
        }
    }
}
