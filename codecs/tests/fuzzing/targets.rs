//! One body for each way of reading a file. Whatever the bytes are, it ends with a whole
//! value or a typed error. The tests run the bodies on the corpus, and the fuzzer in
//! `fuzz/` runs them on what it finds.

use std::sync::OnceLock;

use file_backed_codecs::{Codec, CodecError, FrameError, frame};

#[cfg(feature = "mappedcodec")]
use super::archives;
use crate::files::{file_of, reseal, with_payload};
use crate::values::Plain;

/// A body, and whole files for it to begin with.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) body: fn(&[u8]),
    pub(crate) samples: fn() -> &'static [Vec<u8>],
}

pub(crate) const ALL: &[Target] = &[
    Target {
        name: "frame",
        body: framed::body,
        samples: framed::samples,
    },
    Target {
        name: "pack",
        body: packed::body,
        samples: packed::samples,
    },
    #[cfg(feature = "bincodec")]
    Target {
        name: "bin",
        body: bin::body,
        samples: bin::samples,
    },
    #[cfg(feature = "bincodec")]
    Target {
        name: "import",
        body: import::body,
        samples: import::samples,
    },
    #[cfg(feature = "prostcodec")]
    Target {
        name: "protobuf",
        body: protobuf::body,
        samples: protobuf::samples,
    },
    #[cfg(feature = "mappedcodec")]
    Target {
        name: "mapped_heap",
        body: archives::body_in_memory,
        samples: archives::samples,
    },
    #[cfg(feature = "mappedcodec")]
    Target {
        name: "mapped",
        body: archives::body_of_maps,
        samples: archives::samples,
    },
    #[cfg(feature = "bytescodec")]
    Target {
        name: "bytes",
        body: blob::body,
        samples: blob::samples,
    },
];

/// No checksum stops these on their way to the decoder: the bytes with a footer
/// that is right for them, and all of them behind the footer of `whole`.
pub(super) fn sealed(bytes: &[u8], whole: &[u8]) -> [Vec<u8>; 2] {
    let mut resealed = bytes.to_vec();
    if resealed.len() >= frame::FOOTER_LEN {
        reseal(&mut resealed);
    }
    [resealed, with_payload(whole, bytes)]
}

/// The value, unless it was refused with one of the crate's errors.
pub(super) fn accepted<T>(result: Result<T, impl Into<CodecError>>) -> Option<T> {
    match result.map_err(|error| error.into().into_inner()) {
        Ok(value) => Some(value),
        Err(error) if error.is::<FrameError>() => None,
        Err(error) => panic!("the error has no type: {error}"),
    }
}

/// What was accepted is a value like any other: what is written of it is read
/// as the same.
pub(super) fn round<T, C: Codec<T>>(codec: &C, file: &[u8]) {
    let Some(value) = accepted(frame::read_file::<T, _>(codec, &file)) else {
        return;
    };
    let written = file_of(codec, &value);
    let again = frame::read_file::<T, _>(codec, &written).expect("the codec wrote it");
    assert!(file_of(codec, &again) == written);
}

mod framed {
    use std::io::Read as _;

    use file_backed_codecs::Payload;

    use super::*;

    pub(super) fn samples() -> &'static [Vec<u8>] {
        static SAMPLES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
        SAMPLES.get_or_init(|| {
            [b"some payload".to_vec(), vec![], vec![0; 300]]
                .map(|payload| file_of(&Plain, &payload))
                .into()
        })
    }

    pub(super) fn body(bytes: &[u8]) {
        one(bytes);
        for file in sealed(bytes, &samples()[0]) {
            one(&file);
        }
    }

    fn one(file: &[u8]) {
        if let Some(footer) = accepted(Payload::read_footer(&file)) {
            let again = frame::Footer::from_bytes(&footer.to_bytes()).expect("it was accepted");
            assert_eq!(again.to_bytes(), footer.to_bytes());
        }
        let whole = accepted(frame::read_file(&Plain, &file));
        let mut pieces = Vec::new();
        let in_pieces = Payload::open(&file, <Plain as Codec<Vec<u8>>>::ID)
            .is_ok_and(|mut payload| payload.read_to_end(&mut pieces).is_ok());
        assert_eq!(whole, in_pieces.then_some(pieces), "both ways see the same");
        round(&Plain, file);
    }
}

mod packed {
    use std::cell::Cell;

    use file_backed_codecs::pack::{Pack, PackWriter};
    use file_backed_codecs::{Payload, Source};

    use super::*;
    use crate::files::{ToPack, pack_of, reseal_pack};

    pub(super) fn samples() -> &'static [Vec<u8>] {
        static SAMPLES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
        SAMPLES.get_or_init(|| {
            let items = [
                ToPack::new(9, 0, 1, b"some payload"),
                ToPack::new(3, 0, 1, b""),
                ToPack::new(7, 5, 64, &[7; 130]),
                ToPack::new(1, 0, 1, b"more"),
            ];
            vec![pack_of(&items), pack_of(&items[..1]), pack_of(&[])]
        })
    }

    pub(super) fn body(bytes: &[u8]) {
        one(bytes);
        let mut resealed = bytes.to_vec();
        reseal_pack(&mut resealed);
        one(&resealed);
    }

    fn one(file: &[u8]) {
        let Some(index) = accepted(Pack::read(&file)) else {
            return;
        };
        assert_eq!(index.identity().len, file.len() as u64);
        let mut end = 32;
        for item in index.items() {
            assert_eq!(index.find(&item.key()).as_ref(), Some(&item));
            let start = u64::from(item.offset());
            assert!(start >= end && start.is_multiple_of(item.align() as u64));
            end = start + item.footer().payload_len();
            assert!(end <= file.len() as u64, "an item is in its pack");
            let footer = Payload::read_footer(&item.open(&file)).unwrap();
            assert_eq!(&footer, item.footer());
            let _ = accepted(frame::read_file::<Vec<u8>, _>(&Plain, &item.open(&file)));
        }
        assert_eq!(end, index.index_offset());
        let (mut damaged, read) = (0, Cell::new(32));
        let count = |bytes| read.set(read.get() + bytes);
        let verified = index.verify(&file, &count, &mut |_, error| {
            assert!(error.downcast_ref().is_some_and(FrameError::is_damage));
            damaged += 1;
        });
        assert_eq!(read.get(), end);
        if accepted(verified).is_some() && damaged == 0 {
            assert!(
                rewritten(&index, file) == file,
                "contents have one encoding"
            );
        }
    }

    fn rewritten(index: &Pack, file: &[u8]) -> Vec<u8> {
        let mut again = Vec::new();
        let mut writer = PackWriter::new(&mut again, index.identity().id);
        for item in index.items() {
            let mut payload = vec![0; item.footer().payload_len() as usize];
            item.open(&file).read_exact_at(&mut payload, 0).unwrap();
            let added = writer.add(item.key(), item.footer(), item.align(), &payload);
            added.unwrap();
        }
        writer.finish().unwrap();
        again
    }
}

#[cfg(feature = "bincodec")]
mod bin {
    use file_backed_codecs::BinCodec;

    use super::*;
    use crate::values::{List, Record};

    pub(super) fn samples() -> &'static [Vec<u8>] {
        static SAMPLES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
        SAMPLES.get_or_init(|| {
            vec![
                file_of(&BinCodec, &Record::sample()),
                file_of(&BinCodec, &List::of(5)),
                file_of(&BinCodec, &vec![u64::MAX, 1 << 62, 1 << 45]),
            ]
        })
    }

    pub(super) fn body(bytes: &[u8]) {
        one(bytes);
        for file in sealed(bytes, &samples()[0]) {
            one(&file);
        }
    }

    fn one(file: &[u8]) {
        round::<Record, _>(&BinCodec, file);
        round::<List, _>(&BinCodec, file);
        round::<String, _>(&BinCodec, file);
        round::<Vec<Vec<u8>>, _>(&BinCodec, file);
    }
}

/// Files without a footer, as version 0.6 wrote them.
#[cfg(feature = "bincodec")]
mod import {
    use file_backed_codecs::{BinCodec, Payload};

    use super::*;
    use crate::files::payload_of;
    use crate::values::{List, Record};

    const LIMIT: u64 = 1 << 20;

    pub(super) fn samples() -> &'static [Vec<u8>] {
        static SAMPLES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
        SAMPLES.get_or_init(|| {
            let framed = bin::samples();
            framed
                .iter()
                .map(|file| payload_of(file).to_vec())
                .collect()
        })
    }

    pub(super) fn body(bytes: &[u8]) {
        one::<Record>(bytes);
        one::<List>(bytes);
        one::<String>(bytes);
        one::<Vec<Vec<u8>>>(bytes);
    }

    fn one<T: serde::Serialize + serde::de::DeserializeOwned>(bytes: &[u8]) {
        let payload = accepted(Payload::open_unframed(&bytes, LIMIT));
        let value = payload.and_then(|payload| accepted::<T>(BinCodec.decode(payload)));
        if let Some(value) = value {
            round::<T, _>(&BinCodec, &file_of(&BinCodec, &value));
        }
    }
}

#[cfg(feature = "prostcodec")]
mod protobuf {
    use file_backed_codecs::ProstCodec;

    use super::*;
    use crate::values::Message;

    pub(super) fn samples() -> &'static [Vec<u8>] {
        static SAMPLES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
        SAMPLES.get_or_init(|| {
            vec![
                file_of(&ProstCodec, &Message::sample()),
                file_of(&ProstCodec, &Message::default()),
            ]
        })
    }

    pub(super) fn body(bytes: &[u8]) {
        round::<Message, _>(&ProstCodec, bytes);
        for file in sealed(bytes, &samples()[0]) {
            round::<Message, _>(&ProstCodec, &file);
        }
    }
}

#[cfg(feature = "bytescodec")]
mod blob {
    use file_backed_codecs::{BytesCodec, MappedBytes, Verify};

    use super::*;
    use crate::files::{on_disk, payload_of};

    pub(super) fn samples() -> &'static [Vec<u8>] {
        static SAMPLES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
        SAMPLES.get_or_init(|| {
            [MappedBytes::from("some text"), MappedBytes::default()]
                .map(|value| file_of(&BytesCodec::heap(), &value))
                .into()
        })
    }

    pub(super) fn body(bytes: &[u8]) {
        one(bytes);
        for file in sealed(bytes, &samples()[0]) {
            one(&file);
        }
    }

    fn one(file: &[u8]) {
        let heap = accepted(frame::read_file::<MappedBytes, _>(
            &BytesCodec::heap(),
            &file,
        ));
        if let Some(value) = &heap {
            assert_eq!(**value, *payload_of(file));
        }
        // SAFETY: the file has no name and is written once, before it is mapped.
        let codec = unsafe { BytesCodec::new() }.crossover(0);
        let disk = on_disk(file);
        let read = |codec: BytesCodec| accepted(frame::read_file::<MappedBytes, _>(&codec, &disk));
        assert_eq!(read(codec.clone().verify(Verify::Always)), heap);
        if let Some(value) = read(codec.verify(Verify::Never)) {
            assert_eq!(*value, *payload_of(file));
        }
    }
}
