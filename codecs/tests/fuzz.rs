//! No bytes make a codec panic, also where the checksums are right.

use file_backed_codecs::frame;
use proptest::prelude::*;

use crate::files::{file_of, payload_of, with_payload};
use crate::values::Plain;

/// Replaces a few bytes of `payload`.
fn tampered(payload: &[u8], edits: &[(prop::sample::Index, u8)]) -> Vec<u8> {
    let mut payload = payload.to_vec();
    for (at, byte) in edits {
        let at = at.index(payload.len());
        payload[at] = *byte;
    }
    payload
}

fn edits() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    prop::collection::vec(any::<(prop::sample::Index, u8)>(), 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn of_whole_files(bytes: Vec<u8>) {
        let _ = frame::read_file(&Plain, &bytes);
    }
}

#[cfg(feature = "bincodec")]
mod bin {
    use file_backed_codecs::BinCodec;

    use super::*;
    use crate::values::{List, Record};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn of_payloads(bytes: Vec<u8>) {
            let file = with_payload(&file_of(&BinCodec, &()), &bytes);
            let _ = frame::read_file::<Record, _>(&BinCodec, &file);
            let _ = frame::read_file::<List, _>(&BinCodec, &file);
            let _ = frame::read_file::<String, _>(&BinCodec, &file);
        }

        #[test]
        fn of_tampered_payloads(edits in edits()) {
            let file = file_of(&BinCodec, &Record::sample());
            let file = with_payload(&file, &tampered(payload_of(&file), &edits));
            let _ = frame::read_file::<Record, _>(&BinCodec, &file);
        }
    }
}

#[cfg(feature = "prostcodec")]
mod protobuf {
    use file_backed_codecs::ProstCodec;

    use super::*;
    use crate::values::Message;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn of_payloads(bytes: Vec<u8>) {
            let file = with_payload(&file_of(&ProstCodec, &Message::default()), &bytes);
            let _ = frame::read_file::<Message, _>(&ProstCodec, &file);
        }

        #[test]
        fn of_tampered_payloads(edits in edits()) {
            let file = file_of(&ProstCodec, &Message::sample());
            let file = with_payload(&file, &tampered(payload_of(&file), &edits));
            let _ = frame::read_file::<Message, _>(&ProstCodec, &file);
        }
    }
}

#[cfg(feature = "mappedcodec")]
mod mapped {
    use std::collections::{BTreeMap, HashMap};
    use std::rc::Rc;

    use file_backed_codecs::{Archivable, Mapped, MappedCodec};

    use super::*;
    use crate::values::{List, Record};

    #[derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
    struct Collections {
        hashed: HashMap<String, u32>,
        ordered: BTreeMap<u16, String>,
        shared: Vec<Rc<String>>,
    }

    fn collections() -> Collections {
        let shared = Rc::new("pointed to from two places".to_owned());
        Collections {
            hashed: (0..20).map(|n| (format!("key number {n}"), n)).collect(),
            ordered: (0..20).map(|n| (n, format!("value number {n}"))).collect(),
            shared: vec![shared.clone(), shared],
        }
    }

    fn read<T: Archivable>(file: &[u8]) -> Option<Mapped<T>> {
        frame::read_file(&MappedCodec::heap(), &file).ok()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn of_payloads(bytes: Vec<u8>) {
            let file = file_of(&MappedCodec::heap(), &Mapped::new(&Record::sample()).unwrap());
            if let Some(record) = read::<Record>(&with_payload(&file, &bytes)) {
                let _ = record.deserialize();
            }
            let file = file_of(&MappedCodec::heap(), &Mapped::new(&List::of(3)).unwrap());
            if let Some(list) = read::<List>(&with_payload(&file, &bytes)) {
                let _ = list.deserialize();
            }
        }

        #[test]
        fn of_tampered_records(edits in edits()) {
            let file = file_of(&MappedCodec::heap(), &Mapped::new(&Record::sample()).unwrap());
            let file = with_payload(&file, &tampered(payload_of(&file), &edits));
            if let Some(record) = read::<Record>(&file) {
                let _ = record.deserialize();
            }
        }

        #[test]
        fn of_tampered_lists(edits in edits()) {
            let file = file_of(&MappedCodec::heap(), &Mapped::new(&List::of(20)).unwrap());
            let file = with_payload(&file, &tampered(payload_of(&file), &edits));
            if let Some(list) = read::<List>(&file) {
                let _ = list.deserialize();
            }
        }

        #[test]
        fn of_tampered_collections(edits in edits()) {
            let file = file_of(&MappedCodec::heap(), &Mapped::new(&collections()).unwrap());
            let file = with_payload(&file, &tampered(payload_of(&file), &edits));
            if let Some(collections) = read::<Collections>(&file) {
                for (key, _) in collections.hashed.iter() {
                    let _ = collections.hashed.get(key.as_str());
                }
                let _ = collections.ordered.iter().map(|(_, text)| text.len()).sum::<usize>();
                for key in 0..20u16 {
                    let _ = collections.ordered.get(&key.into());
                }
                let _ = collections.shared.iter().map(|text| text.len()).sum::<usize>();
            }
        }
    }
}
