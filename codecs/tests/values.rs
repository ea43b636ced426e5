//! The values that the tests store.

use file_backed_codecs::{Codec, CodecId};

/// One of everything that a decoder can trip over: text, nesting, options,
/// boxes, lengths.
#[derive(
    Clone,
    Debug,
    PartialEq,
    serde::Serialize,
    serde::Deserialize,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
#[rkyv(derive(Debug), compare(PartialEq))]
pub(crate) struct Record {
    pub(crate) name: String,
    pub(crate) tags: Vec<String>,
    pub(crate) weight: Option<f64>,
    pub(crate) shape: Box<Shape>,
    pub(crate) counts: Vec<u32>,
    pub(crate) flag: bool,
    pub(crate) initial: char,
}

#[derive(
    Clone,
    Debug,
    PartialEq,
    serde::Serialize,
    serde::Deserialize,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
#[rkyv(derive(Debug), compare(PartialEq))]
pub(crate) enum Shape {
    Point,
    Circle(f32),
    Path {
        points: Vec<(i16, i16)>,
        inner: Inner,
    },
}

#[derive(
    Clone,
    Debug,
    PartialEq,
    serde::Serialize,
    serde::Deserialize,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
#[rkyv(derive(Debug), compare(PartialEq))]
pub(crate) enum Inner {
    Nothing,
    Text(Option<Box<str>>),
}

impl Record {
    pub(crate) fn sample() -> Self {
        Self {
            name: "a name that is too long to be inlined".into(),
            tags: vec!["short".into(), "another one, out of line".into()],
            weight: Some(2.5),
            shape: Box::new(Shape::Path {
                points: vec![(1, -1), (2, -2)],
                inner: Inner::Text(Some("inside of the inside".into())),
            }),
            counts: vec![1, 1 << 20, u32::MAX],
            flag: true,
            initial: 'ß',
        }
    }
}

/// A list of boxes: as many pointers behind each other as it is long.
#[derive(
    Clone,
    Debug,
    PartialEq,
    serde::Serialize,
    serde::Deserialize,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
#[rkyv(
    serialize_bounds(__S: rkyv::ser::Writer + rkyv::ser::Allocator, __S::Error: rkyv::rancor::Source),
    deserialize_bounds(__D::Error: rkyv::rancor::Source),
    bytecheck(bounds(__C: rkyv::validation::ArchiveContext, __C::Error: rkyv::rancor::Source))
)]
pub(crate) struct List {
    pub(crate) value: u32,
    #[rkyv(omit_bounds)]
    pub(crate) next: Option<Box<List>>,
}

impl List {
    /// A list with `links` links.
    pub(crate) fn of(links: usize) -> Self {
        let mut list = Self {
            value: 0,
            next: None,
        };
        for _ in 0..links {
            list = Self {
                value: list.value + 1,
                next: Some(Box::new(list)),
            };
        }
        list
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Message {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(uint64, repeated, tag = "2")]
    pub(crate) counts: Vec<u64>,
    #[prost(message, optional, boxed, tag = "3")]
    pub(crate) inner: Option<Box<Self>>,
}

impl Message {
    pub(crate) fn sample() -> Self {
        Self {
            name: "outer".into(),
            counts: vec![1, 300, u64::MAX],
            inner: Some(Box::new(Self {
                name: "inner".into(),
                ..Self::default()
            })),
        }
    }
}

/// A codec that adds nothing of its own, for what the frame does alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plain;

impl Codec<Vec<u8>> for Plain {
    const ID: CodecId = CodecId::user(7);

    fn encode(
        &self,
        value: &Vec<u8>,
        out: &mut file_backed_codecs::PayloadWriter<'_>,
    ) -> Result<(), file_backed_codecs::BoxError> {
        Ok(std::io::Write::write_all(out, value)?)
    }

    fn decode(
        &self,
        payload: file_backed_codecs::Payload<'_>,
    ) -> Result<Vec<u8>, file_backed_codecs::BoxError> {
        Ok(payload.read_whole()?)
    }
}
