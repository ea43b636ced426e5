//! `BinCodec` can read what it writes: writing and reading have the same bounds.

use std::collections::BTreeMap;

use file_backed_codecs::{BinCodec, frame};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Containers that may be inside of each other.
const MOST: usize = 4096;

/// Runs `body` with little stack, and drops deep values with much.
fn on_stacks(body: impl Fn() + Send + Sync + Clone + 'static) {
    for size in [64 << 10, 1 << 20] {
        let body = body.clone();
        let thread = std::thread::Builder::new().stack_size(size);
        thread.spawn(body).unwrap().join().unwrap();
    }
}

/// Whether it is written; if so, it must come back.
fn is_written<T: Serialize + DeserializeOwned + PartialEq>(value: &T) -> Result<(), String> {
    let mut file = Vec::new();
    frame::write_file(&BinCodec, value, &mut file).map_err(|error| error.to_string())?;
    let read: T = frame::read_file(&BinCodec, &file).expect("what was written is read");
    assert!(read == *value);
    drop_with_stack(read);
    Ok(())
}

/// The drops of these values call themselves for each link.
fn drop_with_stack<T>(value: T) {
    stacker::grow(64 << 20, || drop(value));
}

#[derive(Serialize, Deserialize)]
struct Node {
    next: Option<Box<Node>>,
}

/// Compared without recursion.
impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len()
    }
}

impl Node {
    fn list(links: usize) -> Self {
        (0..links).fold(Self { next: None }, |node, _| Self {
            next: Some(Box::new(node)),
        })
    }

    fn len(&self) -> usize {
        std::iter::successors(Some(self), |node| node.next.as_deref()).count()
    }
}

/// A list of 4 000 links used to be written and could never be read again. One of 100 000
/// links crashed the process.
#[test]
fn a_list_too_long_to_be_read_is_not_written() {
    on_stacks(|| {
        for links in [0, 1, 100, MOST / 2 - 1] {
            let list = Node::list(links);
            is_written(&list).unwrap();
            drop_with_stack(list);
        }
        for links in [MOST / 2, 4000, 100_000] {
            let list = Node::list(links);
            let error = is_written(&list).unwrap_err();
            assert!(
                error.contains("nested too deeply: it has more than 4096 levels of containers"),
                "{error}"
            );
            assert!(!error.contains("another type"), "{error}");
            drop_with_stack(list);
        }
    });
}

#[derive(PartialEq, Serialize, Deserialize)]
enum Shape {
    End,
    Newtype(Box<Shape>),
    Tuple(u8, Box<Shape>),
    Struct { inner: Box<Shape> },
    Sequence(Vec<Shape>),
    Map(BTreeMap<u8, Shape>),
    Option(Option<Box<Shape>>),
}

/// Each container counts the same when it is written and when it is read.
#[test]
fn every_container_that_is_written_is_shallow_enough_to_be_read() {
    let wrap: [fn(Shape) -> Shape; 6] = [
        |inner| Shape::Newtype(Box::new(inner)),
        |inner| Shape::Tuple(7, Box::new(inner)),
        |inner| Shape::Struct {
            inner: Box::new(inner),
        },
        |inner| Shape::Sequence(vec![inner]),
        |inner| Shape::Map(BTreeMap::from([(7, inner)])),
        |inner| Shape::Option(Some(Box::new(inner))),
    ];
    let body = move || {
        for wrap in wrap {
            let deep = |levels| (0..levels).fold(Shape::End, |shape, _| wrap(shape));
            let mut deepest = 0;
            for levels in [1, 500, 1000, 2000, 2047, 2048, 4000, 4095, 4096, 4097, 9000] {
                let shape = deep(levels);
                let mut file = Vec::new();
                if frame::write_file(&BinCodec, &shape, &mut file).is_ok() {
                    deepest = levels;
                    let read: Shape = frame::read_file(&BinCodec, &file).expect("it is read");
                    drop_with_stack(read);
                }
                drop_with_stack(shape);
            }
            assert!((2000..4097).contains(&deepest), "{deepest}");
        }
    };
    on_stacks(body);
}

/// In a debug build, a stack frame of the decoder holds several copies of a value.
#[test]
fn large_values_are_read_on_a_small_stack() {
    #[derive(Serialize, Deserialize)]
    struct Large {
        #[serde(with = "bytes")]
        bytes: [u8; 20_000],
        next: Option<Box<Large>>,
    }

    mod bytes {
        use serde::{Deserialize, Deserializer, Serialize, Serializer};

        pub(super) fn serialize<S: Serializer>(bytes: &[u8], s: S) -> Result<S::Ok, S::Error> {
            bytes.serialize(s)
        }

        pub(super) fn deserialize<'de, D: Deserializer<'de>>(
            d: D,
        ) -> Result<[u8; 20_000], D::Error> {
            let bytes = Vec::<u8>::deserialize(d)?;
            bytes
                .try_into()
                .map_err(|_| serde::de::Error::custom("length"))
        }
    }

    on_stacks(|| {
        // Made and dropped with stack of its own.
        let file = stacker::grow(64 << 20, || {
            let mut list = None;
            for n in 0..200_u8 {
                let bytes = [n; 20_000];
                list = Some(Box::new(Large { bytes, next: list }));
            }
            let mut file = Vec::new();
            frame::write_file(&BinCodec, &list, &mut file).unwrap();
            drop(list);
            file
        });
        let read: Option<Box<Large>> = frame::read_file(&BinCodec, &file).unwrap();
        let links = std::iter::successors(read.as_deref(), |large| large.next.as_deref());
        assert_eq!(links.count(), 200);
        drop_with_stack(read);
    });
}

/// 65 537 elements without bytes used to be written, and were refused when they were
/// read.
#[test]
fn more_empty_elements_than_can_be_read_are_not_written() {
    // The length of the sequence takes eight bytes.
    for (elements, is_good) in [
        (65_536, true),
        (65_544, true),
        (65_545, false),
        (1 << 20, false),
    ] {
        let written = is_written(&vec![(); elements]);
        assert_eq!(written.is_ok(), is_good, "{elements}: {written:?}");
        let written = is_written(&vec![BTreeMap::from([((), ())]); elements / 8]);
        assert!(written.is_ok(), "each map has a length: {written:?}");
    }
    let error = is_written(&vec![(); 65_545]).unwrap_err();
    assert!(
        error.contains("store the number of such elements"),
        "{error}"
    );
}

/// A value with a skipped field used to be written, and was read as another one or not at
/// all.
#[test]
fn a_skipped_field_is_not_written() {
    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Sparse {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<u8>,
        size: u8,
    }

    is_written(&Sparse {
        name: Some(1),
        size: 2,
    })
    .unwrap();
    let error = is_written(&Sparse::default()).unwrap_err();
    assert!(error.contains("the field `name` was skipped"), "{error}");
}
