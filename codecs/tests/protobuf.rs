//! `ProstCodec` can read what it writes.

use std::collections::HashMap;

use file_backed_codecs::{BoxError, ProstCodec, frame};
use proptest::prelude::*;
use prost::Message as _;

#[derive(Clone, PartialEq, prost::Message)]
struct Tree {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, repeated, tag = "2")]
    children: Vec<Tree>,
    #[prost(map = "string, message", tag = "3")]
    named: HashMap<String, Tree>,
    #[prost(bytes, tag = "4")]
    blob: Vec<u8>,
    #[prost(uint64, repeated, tag = "5")]
    counts: Vec<u64>,
}

fn child(inner: Tree) -> Tree {
    Tree {
        children: vec![Tree::default(), inner],
        ..Tree::default()
    }
}

fn named(inner: Tree) -> Tree {
    Tree {
        named: HashMap::from([("name".into(), inner)]),
        ..Tree::default()
    }
}

/// Whether it is accepted; if so, it must come back.
#[track_caller]
fn round_trips(value: &Tree) -> Result<(), BoxError> {
    let mut file = Vec::new();
    frame::write_file(&ProstCodec, value, &mut file)?;
    let read: Tree = frame::read_file(&ProstCodec, &file).expect("what was written is read");
    assert_eq!(read, *value);
    Ok(())
}

/// A message of 101 nested messages used to be written, persisted and committed, and each
/// later read failed.
#[test]
fn a_message_nested_too_deep_to_be_read_is_not_written() {
    for (wrap, most) in [(child as fn(Tree) -> Tree, 100), (named, 50)] {
        let mut tree = Tree::default();
        for levels in 0..=most + 3 {
            assert_eq!(round_trips(&tree).is_ok(), levels <= most, "{levels}");
            tree = wrap(tree);
        }
        let error = round_trips(&tree).unwrap_err().to_string();
        let name = std::any::type_name::<Tree>();
        assert!(
            error.starts_with(&format!(
                "a value of type `{name}` cannot be written, because it could not be read again ("
            )),
            "{error}"
        );
        assert!(
            error.ends_with(
                "recursion limit reached): `prost` reads at most 100 levels of nested messages: store them as a list whose items refer to each other by index"
            ),
            "{error}"
        );
    }
}

#[test]
fn a_blob_that_looks_like_a_deep_message_is_accepted() {
    let deep = (0..1000).fold(Tree::default(), |tree, _| child(tree));
    let blob = deep.encode_to_vec();
    let mut tree = Tree {
        blob,
        ..Tree::default()
    };
    for _ in 0..=100 {
        round_trips(&tree).unwrap();
        tree = child(tree);
    }
    round_trips(&tree).unwrap_err();
}

fn trees() -> impl Strategy<Value = Tree> {
    let leaf = (".{0,300}", any::<Vec<u8>>(), any::<Vec<u64>>());
    let leaf = leaf.prop_map(|(name, blob, counts)| Tree {
        name,
        blob,
        counts,
        ..Tree::default()
    });
    (leaf, proptest::collection::vec(any::<bool>(), 0..130)).prop_map(|(leaf, wraps)| {
        wraps.into_iter().fold(leaf, |tree, by_name| match by_name {
            true => named(tree),
            false => child(tree),
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_message_that_is_written_can_be_read(tree in trees()) {
        let decodes = Tree::decode(&*tree.encode_to_vec()).is_ok();
        prop_assert_eq!(round_trips(&tree).is_ok(), decodes);
    }
}
