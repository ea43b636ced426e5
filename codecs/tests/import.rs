//! Files of file_backed 0.6 have no footer and no checksum.

use file_backed_codecs::{BinCodec, BoxError, Codec, FrameError, Payload};
use serde::de::DeserializeOwned;

use crate::files::{file_of, payload_of, refusal};
use crate::values::{List, Record};
use crate::wrong_types::with_a_small_stack;

const LIMIT: u64 = 1 << 20;

fn import<T: serde::Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<T, BoxError> {
    let bytes = bytes.to_vec();
    BinCodec.decode(Payload::open_unframed(&bytes, LIMIT)?)
}

#[test]
fn a_whole_import_is_accepted() {
    let record = Record::sample();
    let file = file_of(&BinCodec, &record);
    assert_eq!(import::<Record>(payload_of(&file)).unwrap(), record);
}

#[test]
fn an_import_over_its_size_limit_is_refused() {
    let error = refusal(import::<Vec<u8>>(&vec![0; LIMIT as usize + 1]));
    assert!(matches!(error, FrameError::OverLimit { .. }), "{error}");
}

/// Without a checksum, every damage reaches the decoder. It may find another value, but
/// it never panics and never asks for memory that is not there.
#[test]
fn a_damaged_import_is_an_error_or_another_value() {
    let file = file_of(&BinCodec, &Record::sample());
    let whole = payload_of(&file);
    for len in 0..whole.len() {
        assert!(import::<Record>(&whole[..len]).is_err());
    }
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let _ = import::<Record>(&flipped);
    }
}

#[test]
fn an_imported_length_without_its_bytes_is_an_error() {
    for len in [u64::MAX, 1 << 63, i64::MAX as u64, 1 << 45, 1 << 32, 9] {
        let mut bytes = len.to_le_bytes().to_vec();
        bytes.extend_from_slice(&[b'x'; 8]);
        assert!(import::<String>(&bytes).is_err());
        assert!(import::<Box<str>>(&bytes).is_err());
        assert!(import::<Vec<u8>>(&bytes).is_err());
        assert!(import::<Vec<u64>>(&bytes).is_err());
        assert!(import::<Vec<String>>(&bytes).is_err());
        assert!(import::<std::ffi::CString>(&bytes).is_err());
        assert!(import::<std::collections::HashMap<u8, u8>>(&bytes).is_err());
        assert!(import::<(Option<u8>, String)>(&[&[0], &bytes[..]].concat()).is_err());
    }
}

/// The file is nested as deep as it is long.
#[test]
fn a_deeply_nested_import_does_not_overflow_the_stack() {
    with_a_small_stack(|| {
        let link = [1, 0, 0, 0, 1];
        let bytes = link.repeat(LIMIT as usize / link.len());
        let error = import::<List>(&bytes).unwrap_err();
        assert!(error.to_string().contains("nested too deeply"), "{error}");
    });
    let file = file_of(&BinCodec, &List::of(100));
    assert_eq!(import::<List>(payload_of(&file)).unwrap(), List::of(100));
}

/// The collections of serde reserve little, whatever length a file states. Others reserve
/// as much as the size hint says.
#[test]
fn size_hints_of_an_import_never_exceed_the_file() {
    use serde::de::{SeqAccess, Visitor};

    #[derive(Debug)]
    struct Trusting(Vec<u64>);

    impl serde::Serialize for Trusting {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            self.0.serialize(serializer)
        }
    }

    impl<'de> serde::Deserialize<'de> for Trusting {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Trust;

            impl<'de> Visitor<'de> for Trust {
                type Value = Trusting;

                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("numbers")
                }

                fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Trusting, A::Error> {
                    let mut all = Vec::with_capacity(seq.size_hint().unwrap());
                    while let Some(number) = seq.next_element()? {
                        all.push(number);
                    }
                    Ok(Trusting(all))
                }
            }
            deserializer.deserialize_seq(Trust)
        }
    }

    assert!(import::<Trusting>(&u64::MAX.to_le_bytes()).is_err());
    let two = file_of(&BinCodec, &vec![1u64, 2]);
    assert_eq!(import::<Trusting>(payload_of(&two)).unwrap().0, [1, 2]);
}
