//! Whole files of other types, and how much stack and memory they use. Their checksums
//! are right, so every file reaches the decoder.

use std::collections::{BTreeMap, HashMap, LinkedList};

use file_backed_codecs::{BinCodec, Codec, CodecError, FrameError, Payload, frame};
use serde::de::{DeserializeOwned, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::files::{file_of, payload_of, refusal, with_payload};
use crate::values::List;

const LIMIT: u64 = 1 << 30;

/// Reads `payload` from a file with a footer, and from one without.
fn both<T: Serialize + DeserializeOwned>(payload: &[u8]) -> [Result<T, CodecError>; 2] {
    let file = with_payload(&file_of(&BinCodec, &()), payload);
    let import = Payload::open_unframed(&payload, LIMIT).unwrap();
    let imported = BinCodec.decode(import).map_err(CodecError::from);
    [frame::read_file(&BinCodec, &file), imported]
}

#[track_caller]
fn refused<T: Serialize + DeserializeOwned>(payload: &[u8], why: &str) {
    let [framed, import] = both::<T>(payload).map(refusal);
    assert!(framed.is_mismatch() && !framed.is_damage(), "{framed}");
    assert!(matches!(framed, FrameError::Undecodable { .. }), "{framed}");
    assert!(matches!(import, FrameError::UndecodableImport { .. }));
    for error in [framed, import] {
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[track_caller]
fn comes_back<T: Serialize + DeserializeOwned + PartialEq>(value: &T) {
    for read in both::<T>(payload_of(&file_of(&BinCodec, value))) {
        assert!(read.unwrap() == *value);
    }
}

/// Runs `body` with half of the stack that a thread has by default.
pub(crate) fn with_a_small_stack(body: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(1 << 20);
    thread.spawn(body).unwrap().join().unwrap();
}

#[derive(Serialize, Deserialize, PartialEq)]
struct Node {
    next: Option<Box<Node>>,
}

#[derive(Serialize, Deserialize)]
struct Newtype(Option<Box<Newtype>>);

#[derive(Serialize, Deserialize)]
struct Pair(u8, Option<Box<Pair>>);

#[derive(Serialize, Deserialize)]
enum Expression {
    Zero,
    Negated(Box<Expression>),
    Sum(Box<Expression>, Box<Expression>),
    Named { name: u8, value: Box<Expression> },
}

#[derive(Serialize, Deserialize)]
struct Tree {
    children: Vec<Tree>,
}

#[derive(Serialize, Deserialize)]
struct Index {
    entries: BTreeMap<u8, Index>,
}

/// One file for each type, nested as deep as it is long, through every kind of container.
#[test]
fn files_that_nest_too_deep_are_refused_on_a_small_stack() {
    with_a_small_stack(|| {
        let deep = |link: &[u8]| link.repeat(100_000);
        let why = "nested too deeply: it has more than 8192 levels of containers";
        refused::<Node>(&deep(&[1]), why);
        refused::<Newtype>(&deep(&[1]), why);
        refused::<Pair>(&deep(&[7, 1]), why);
        refused::<List>(&deep(&[7, 0, 0, 0, 1]), why);
        refused::<Expression>(&deep(&[1, 0, 0, 0]), why);
        refused::<Expression>(&deep(&[2, 0, 0, 0]), why);
        refused::<Expression>(&deep(&[3, 0, 0, 0, 7]), why);
        refused::<Tree>(&deep(&1_u64.to_le_bytes()), why);
        refused::<Index>(&deep(&[1, 0, 0, 0, 0, 0, 0, 0, 7]), why);
    });
}

/// Branches that were decoded are dropped at the depth where the next one is refused.
#[test]
fn branches_decoded_before_a_refusal_are_dropped_on_a_small_stack() {
    with_a_small_stack(|| {
        // Each sum has a row of negations on its left, the next sum on its right.
        let zero: &[u8] = &[0; 4];
        let branch = [&[2, 0, 0, 0], &[1, 0, 0, 0].repeat(50)[..], zero].concat();
        refused::<Expression>(&branch.repeat(10_000), "nested too deeply");
    });
}

/// The numbers are read as links, as in a program that asks for the wrong type.
#[test]
fn arrays_of_ones_that_are_read_as_a_list_are_a_mismatch() {
    with_a_small_stack(|| {
        let file = file_of(&BinCodec, &[[[[1_u8; 32]; 32]; 32]; 32]);
        let error = refusal(frame::read_file::<Node, _>(&BinCodec, &file));
        assert!(error.is_mismatch(), "{error}");
    });
}

/// Also in a debug build, whose stack frames are the largest.
#[test]
fn values_of_two_hundred_levels_are_read_on_a_small_stack() {
    with_a_small_stack(|| {
        comes_back(&List::of(200));
        let mut node = Node { next: None };
        for _ in 0..200 {
            node = Node {
                next: Some(Box::new(node)),
            };
        }
        comes_back(&node);
    });
}

/// Stack that the callers of the decoder use is not counted.
#[test]
fn the_stack_limit_counts_from_where_decoding_begins() {
    fn deeper(levels: usize) {
        let frame = std::hint::black_box([levels as u8; 4096]);
        match levels {
            0 => comes_back(&List::of(200)),
            _ => deeper(levels - 1),
        }
        std::hint::black_box(frame);
    }
    let thread = std::thread::Builder::new().stack_size(16 << 20);
    thread.spawn(|| deeper(512)).unwrap().join().unwrap();
}

/// Nothing of it is in the file, all of it is in memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Skipped {
    #[serde(skip)]
    memory: [u64; 4],
}

/// Such elements take no bytes, so the length of the file does not bound their number.
#[test]
fn a_length_of_too_many_empty_elements_is_refused() {
    for len in [u64::MAX, 1 << 63, 1 << 40, 1 << 32, 65_536 + 9] {
        let payload = len.to_le_bytes();
        let why = "more elements than a payload of 8 bytes may hold";
        refused::<Vec<Skipped>>(&payload, why);
        refused::<Vec<()>>(&payload, why);
        refused::<LinkedList<Skipped>>(&payload, why);
        refused::<HashMap<(), ()>>(&payload, why);
        refused::<BTreeMap<(), Skipped>>(&payload, why);
    }
}

/// Each sequence has few of them. Together they are too many.
#[test]
fn too_many_empty_elements_in_many_sequences_are_refused() {
    let lengths = vec![4096_u64; 10_000];
    let file = file_of(&BinCodec, &lengths);
    let why = "more elements than a payload of 80008 bytes";
    refused::<Vec<Vec<Skipped>>>(payload_of(&file), why);
    refused::<Vec<Box<[()]>>>(payload_of(&file), why);
    refused::<Vec<HashMap<(), ()>>>(payload_of(&file), why);
}

#[test]
fn as_many_as_65_536_empty_elements_are_read() {
    comes_back(&vec![(); 65_536]);
    comes_back(&vec![Skipped::default(); 65_536]);
    comes_back(&vec![vec![(); 1000]; 65]);
    comes_back(&HashMap::from([((), Skipped::default())]));
}

#[test]
fn elements_of_at_least_a_byte_are_never_too_many() {
    comes_back(&vec![7_u8; 70_000]);
    comes_back(&vec![None::<u8>; 70_000]);
    comes_back(&vec![vec![7_u8]; 40_000]);
    comes_back(&vec![[vec![true; 3], vec![]]; 20_000]);
    comes_back(&vec![BTreeMap::from([(7_u8, ()), (8, ())]); 25_000]);
}

/// The type states this length, not the file.
#[test]
fn the_length_of_a_tuple_is_not_limited() {
    const LEN: usize = 200_000;

    #[derive(PartialEq)]
    struct Units(usize);

    impl Serialize for Units {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_unit()
        }
    }

    impl<'de> Deserialize<'de> for Units {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Count;

            impl<'de> Visitor<'de> for Count {
                type Value = Units;

                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("units")
                }

                fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Units, A::Error> {
                    let mut units = Units(0);
                    while let Some(()) = seq.next_element()? {
                        units.0 += 1;
                    }
                    Ok(units)
                }
            }
            deserializer.deserialize_tuple(LEN, Count)
        }
    }

    comes_back(&Units(LEN));
}
