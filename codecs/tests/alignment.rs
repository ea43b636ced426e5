//! Archived types may ask for any alignment up to a page.

use file_backed_codecs::{FrameError, Mapped, MappedCodec, frame};
use rkyv::{Archive, Serialize};

use crate::files::{file_of, on_disk, refusal};
use crate::mapping::licensed;

macro_rules! aligned {
    ($name:ident, $align:literal) => {
        #[derive(Archive, Serialize)]
        #[rkyv(attr(repr(align($align))))]
        struct $name {
            text: String,
            number: u64,
        }

        impl $name {
            fn sample() -> Self {
                Self {
                    text: "long enough to stand before the root".into(),
                    number: 7,
                }
            }
        }
    };
}

aligned!(By64, 64);
aligned!(By4096, 4096);
aligned!(By8192, 8192);

macro_rules! check {
    ($name:ident, $align:literal) => {
        let _budget = crate::budget::undisturbed();
        assert_eq!(align_of::<rkyv::Archived<$name>>(), $align);
        let codec = licensed().crossover(0);
        let new = Mapped::new(&$name::sample()).unwrap();
        let bytes = file_of(&codec, &new);
        let read: Mapped<$name> = frame::read_file(&codec, &bytes).unwrap();
        let mapped: Mapped<$name> = frame::read_file(&codec, &on_disk(&bytes)).unwrap();
        assert_eq!(mapped.is_mapped(), cfg!(unix));
        for value in [new, read, mapped] {
            assert_eq!((&raw const *value).addr() % $align, 0);
            assert_eq!(value.text, "long enough to stand before the root");
            assert_eq!(value.number, 7);
        }
    };
}

#[test]
fn types_aligned_to_64_bytes_are_read_aligned() {
    check!(By64, 64);
}

#[test]
fn types_aligned_to_a_page_are_read_aligned() {
    check!(By4096, 4096);
}

#[test]
fn an_empty_array_of_aligned_values_is_read_aligned() {
    let none: [By64; 0] = [];
    let value = Mapped::new(&none).unwrap();
    let file = file_of(&MappedCodec::heap(), &value);
    let read: Mapped<[By64; 0]> = frame::read_file(&MappedCodec::heap(), &file).unwrap();
    assert_eq!(read.as_ptr().addr() % 64, 0);
}

#[test]
fn aligned_elements_of_a_less_aligned_root_are_archived_aligned() {
    let mut values = vec![];
    for _ in 0..3 {
        values.push(By64 {
            text: "short".into(),
            number: values.len() as u64,
        });
    }
    let value = Mapped::new(&values).unwrap();
    assert_eq!(value[2].number, 2);
    assert_eq!(value.as_ptr().addr() % 64, 0);
}

#[test]
fn an_alignment_above_a_page_is_refused() {
    let error = refusal(Mapped::new(&By8192::sample()));
    assert!(
        matches!(error, FrameError::Alignment { align: 8192 }),
        "{error}"
    );
    assert_eq!(
        error.to_string(),
        "the archived type needs an alignment of 8192 bytes, but a mapped file provides at most 4096: lower the alignment of the type (`#[repr(align)]`)"
    );

    let file = file_of(&MappedCodec::heap(), &Mapped::new(&1u8).unwrap());
    let error = refusal(frame::read_file::<Mapped<By8192>, _>(
        &MappedCodec::heap(),
        &file,
    ));
    assert!(
        matches!(error, FrameError::Alignment { align: 8192 }),
        "{error}"
    );
}
