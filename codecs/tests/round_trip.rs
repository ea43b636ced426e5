//! What was written is read back, and its payload has the promised encoding.

use file_backed_codecs::{Codec, CodecId, frame};

use crate::files::{file_of, payload_of};
use crate::values::Plain;

fn round_trip<T>(codec: &impl Codec<T>, value: &T) -> T {
    let file = file_of(codec, value);
    frame::read_file(codec, &file).unwrap()
}

#[test]
fn payloads_of_every_size_are_read_back() {
    for len in [0, 1, 63, 64, 65_535, 65_536, 65_537, 300_000] {
        let value: Vec<u8> = (0..len).map(|n| n as u8).collect();
        assert_eq!(round_trip(&Plain, &value), value);
        assert_eq!(payload_of(&file_of(&Plain, &value)), value);
        assert_eq!(Plain.duplicate(&value).unwrap(), value);
    }
}

#[cfg(feature = "bincodec")]
mod bin {
    use std::collections::{BTreeMap, HashMap};

    use file_backed_codecs::BinCodec;
    use proptest::prelude::*;

    use super::*;
    use crate::values::{List, Record};

    #[test]
    fn serde_values_are_read_back() {
        let record = Record::sample();
        assert_eq!(round_trip(&BinCodec, &record), record);
        assert_eq!(BinCodec.duplicate(&record).unwrap(), record);
        assert_eq!(round_trip(&BinCodec, &List::of(200)), List::of(200));
        round_trip(&BinCodec, &());
        assert_eq!(round_trip(&BinCodec, &vec![(); 1000]).len(), 1000);
    }

    #[test]
    fn the_bounded_decoder_reads_every_kind_of_serde_value() {
        #[derive(serde::Serialize, serde::Deserialize, Debug, PartialEq)]
        struct Unit;
        #[derive(serde::Serialize, serde::Deserialize, Debug, PartialEq)]
        struct Newtype(u8);
        #[derive(serde::Serialize, serde::Deserialize, Debug, PartialEq)]
        struct Tuple(i8, i128, u128);
        #[derive(serde::Serialize, serde::Deserialize, Debug, PartialEq)]
        enum Variants {
            Unit,
            Newtype(String),
            Tuple(f32, char),
            Struct {
                bytes: Vec<u8>,
                map: BTreeMap<String, Option<bool>>,
            },
        }
        let value = (
            (Unit, Newtype(1), Tuple(-1, i128::MIN, u128::MAX)),
            [
                Variants::Unit,
                Variants::Newtype("text".into()),
                Variants::Tuple(0.5, '\u{10ffff}'),
                Variants::Struct {
                    bytes: vec![1, 2],
                    map: [("k".to_owned(), Some(true)), ("l".to_owned(), None)].into(),
                },
            ],
            Some(Some(())),
            HashMap::from([(1i64, std::time::Duration::from_nanos(1))]),
            Ok::<u16, String>(7),
            std::ffi::CString::new("owned bytes").unwrap(),
        );
        let read = round_trip(&BinCodec, &value);
        assert_eq!(read, value);
    }

    /// The bytes of file_backed 0.6, once written by hand and once by the call that it
    /// made.
    #[test]
    fn the_payload_has_the_legacy_encoding_of_bincode() {
        let value = (1u16, "ab".to_owned(), vec![Some(3u32), None]);
        let by_hand = [
            &[1, 0][..],
            &[2, 0, 0, 0, 0, 0, 0, 0, b'a', b'b'],
            &[2, 0, 0, 0, 0, 0, 0, 0, 1, 3, 0, 0, 0, 0],
        ]
        .concat();
        assert_eq!(payload_of(&file_of(&BinCodec, &value)), by_hand);

        let mut expected = Vec::new();
        let record = Record::sample();
        bincode::serde::encode_into_std_write(&record, &mut expected, bincode::config::legacy())
            .unwrap();
        let file = file_of(&BinCodec, &record);
        assert_eq!(payload_of(&file), expected);
        let footer = frame::Payload::read_footer(&file).unwrap();
        assert_eq!(footer.codec(), CodecId::BINCODE);
        assert_eq!(footer.archive(), frame::ArchiveLayout::default());
        assert_eq!(footer.schema(), 0);
    }

    proptest! {
        #[test]
        fn any_value_of_serde_is_read_back(
            value: (Vec<String>, Option<Vec<(u8, char)>>, BTreeMap<i64, String>, Vec<u8>)
        ) {
            prop_assert_eq!(round_trip(&BinCodec, &value), value);
        }
    }
}

#[cfg(feature = "prostcodec")]
mod protobuf {
    use file_backed_codecs::ProstCodec;
    use prost::Message as _;

    use super::*;
    use crate::values::Message;

    #[test]
    fn protobuf_messages_are_read_back() {
        for message in [Message::sample(), Message::default()] {
            assert_eq!(round_trip(&ProstCodec, &message), message);
            assert_eq!(ProstCodec.duplicate(&message).unwrap(), message);
        }
    }

    #[test]
    fn the_payload_is_the_encoded_message() {
        let message = Message::sample();
        let file = file_of(&ProstCodec, &message);
        assert_eq!(payload_of(&file), message.encode_to_vec());
        let footer = frame::Payload::read_footer(&file).unwrap();
        assert_eq!(footer.codec(), CodecId::PROTOBUF);
    }
}

#[cfg(feature = "mappedcodec")]
mod mapped {
    use file_backed_codecs::{Mapped, MappedCodec, PayloadWriter};
    use proptest::prelude::*;

    use super::*;
    use crate::values::{List, Record, Shape};

    #[test]
    fn archives_are_read_back() {
        let record = Record::sample();
        let mapped = Mapped::new(&record).unwrap();
        assert!(*mapped == record);
        assert_eq!(mapped.deserialize().unwrap(), record);

        let read = round_trip(&MappedCodec::heap(), &mapped);
        assert!(*read == record);
        assert_eq!(read.as_bytes(), mapped.as_bytes());
        assert_eq!(read.deserialize().unwrap(), record);
    }

    #[test]
    fn clones_and_duplicates_of_an_archive_share_its_bytes() {
        let mapped = Mapped::new(&Record::sample()).unwrap();
        let duplicate = MappedCodec::heap().duplicate(&mapped).unwrap();
        assert_eq!(mapped.as_bytes().as_ptr(), duplicate.as_bytes().as_ptr());
        let clone = mapped.clone();
        drop((mapped, duplicate));
        assert!(*clone == Record::sample());
    }

    #[test]
    fn archives_without_bytes_are_read_back() {
        let unit = round_trip(&MappedCodec::heap(), &Mapped::new(&()).unwrap());
        assert_eq!(*unit, ());
        assert!(unit.as_bytes().is_empty());

        let empty = round_trip(&MappedCodec::heap(), &Mapped::new(&[0u64; 0]).unwrap());
        assert!(empty.is_empty());

        let units = Mapped::new(&vec![(); 7]).unwrap();
        assert_eq!(round_trip(&MappedCodec::heap(), &units).len(), 7);
    }

    #[test]
    fn the_payload_is_the_archive_of_rkyv() {
        let record = Record::sample();
        let file = file_of(&MappedCodec::heap(), &Mapped::new(&record).unwrap());
        let archive = rkyv::to_bytes::<rkyv::rancor::Error>(&record).unwrap();
        assert_eq!(payload_of(&file), &*archive);
        let footer = frame::Payload::read_footer(&file).unwrap();
        assert_eq!(footer.codec(), CodecId::RKYV);
        assert_ne!(footer.archive().format, 0);
        assert_eq!(
            footer.archive().root_size,
            size_of::<rkyv::Archived<Record>>() as u64
        );
    }

    #[test]
    fn archiving_straight_into_a_file_gives_the_same_file() {
        let record = Record::sample();
        let codec = MappedCodec::heap().schema::<Record>(5);
        let mut file = Vec::new();
        let mut writer = PayloadWriter::new(&mut file);
        codec.encode_archive(&record, &mut writer).unwrap();
        writer.finish(CodecId::RKYV).unwrap();
        assert_eq!(file, file_of(&codec, &Mapped::new(&record).unwrap()));
    }

    #[test]
    fn the_footprint_of_an_archive_is_its_size_on_the_heap() {
        let mapped = Mapped::new(&vec![1u8; 10_000]).unwrap();
        let footprint = MappedCodec::heap().footprint(&mapped);
        assert!(!footprint.is_mapped());
        assert!((10_000..=40_000).contains(&footprint.heap), "{footprint:?}");
        let read = round_trip(&MappedCodec::heap(), &mapped);
        assert!(read.footprint().heap < 10_200);
    }

    #[test]
    fn debug_of_an_archive_names_its_type_and_not_its_content() {
        let mapped = Mapped::new(&vec![1u8; 100]).unwrap();
        let text = format!("{mapped:?}");
        assert!(
            text.contains("Vec<u8>") && text.contains("is_mapped: false"),
            "{text}"
        );
    }

    #[test]
    fn shared_pointers_are_archived_once() {
        let text = std::rc::Rc::new("shared between two places".to_owned());
        let pair = Mapped::new(&(text.clone(), text)).unwrap();
        assert_eq!(pair.0.as_ptr(), pair.1.as_ptr());
    }

    #[test]
    fn recursive_values_are_read_back() {
        let list = List::of(100);
        let read = round_trip(&MappedCodec::heap(), &Mapped::new(&list).unwrap());
        assert_eq!(read.deserialize().unwrap(), list);
    }

    prop_compose! {
        fn records()(
            name: String,
            tags: Vec<String>,
            weight: Option<f64>,
            counts: Vec<u32>,
            flag: bool,
            initial: char,
            radius: f32,
        ) -> Record {
            Record {
                name, tags, weight, counts, flag, initial,
                shape: Box::new(Shape::Circle(radius)),
            }
        }
    }

    proptest! {
        #[test]
        fn any_value_of_an_archive_is_read_back(record in records()) {
            let read = round_trip(&MappedCodec::heap(), &Mapped::new(&record).unwrap());
            prop_assert_eq!(read.deserialize().unwrap(), record);
        }
    }
}

#[cfg(all(feature = "bincodec", feature = "mappedcodec"))]
mod mixed {
    use file_backed_codecs::{BinCodec, Mapped, MappedCodec, MixedCodec};

    use super::*;
    use crate::values::Record;

    #[test]
    fn mixedcodec_reads_back_both_kinds_and_never_confuses_them() {
        let codec = MixedCodec::from(MappedCodec::heap().schema::<Record>(3));
        let record = Record::sample();
        assert_eq!(round_trip(&codec, &record), record);
        assert!(*round_trip(&codec, &Mapped::new(&record).unwrap()) == record);

        let plain = file_of(&codec, &record);
        assert_eq!(plain, file_of(&BinCodec, &record));
        let mapped = file_of(&codec, &Mapped::new(&record).unwrap());
        let read: Mapped<Record> =
            frame::read_file(&MappedCodec::heap().schema::<Record>(3), &mapped).unwrap();
        assert!(*read == record);
        assert!(frame::read_file::<Record, _>(&codec, &mapped).is_err());
        assert!(frame::read_file::<Mapped<Record>, _>(&codec, &plain).is_err());
    }
}
