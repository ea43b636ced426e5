//! How files are read: with how many calls, and into which memory.

use std::fs::File;
use std::io::{self, Read as _};
use std::mem::MaybeUninit;
use std::sync::Mutex;

use file_backed_codecs::{
    BoxError, Codec, CodecId, Load, Payload, PayloadWriter, ReadAhead, Source, frame,
};

use crate::files::file_of;
use crate::values::Plain;

/// A file in memory that writes down what is read of it, as offset and length.
struct Watched {
    bytes: Vec<u8>,
    reads: Mutex<Vec<(u64, usize)>>,
}

impl Watched {
    fn new(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            reads: Mutex::default(),
        }
    }

    fn reads(&self) -> Vec<(u64, usize)> {
        std::mem::take(&mut self.reads.lock().unwrap())
    }
}

impl Source for Watched {
    fn len(&self) -> io::Result<u64> {
        Source::len(&self.bytes)
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.reads.lock().unwrap().push((offset, buf.len()));
        self.bytes.read_exact_at(buf, offset)
    }
}

#[cfg(feature = "bincodec")]
#[test]
fn a_small_file_takes_one_read_and_a_large_one_two() {
    use file_backed_codecs::BinCodec;

    let small = Watched::new(file_of(&BinCodec, &vec![7u8; 1000]));
    let _: Vec<u8> = frame::read_file(&BinCodec, &small).unwrap();
    assert_eq!(small.reads(), [(0, small.bytes.len())]);

    let large = Watched::new(file_of(&BinCodec, &vec![7u8; 2 << 20]));
    let _: Vec<u8> = frame::read_file(&BinCodec, &large).unwrap();
    let payload = large.bytes.len() - frame::FOOTER_LEN;
    assert_eq!(
        large.reads(),
        [(payload as u64, frame::FOOTER_LEN), (0, payload)]
    );
}

#[cfg(feature = "mappedcodec")]
#[test]
fn a_small_archive_takes_one_read() {
    use file_backed_codecs::{Mapped, MappedCodec};

    let value = Mapped::new(&vec![7u32; 1000]).unwrap();
    let file = Watched::new(file_of(&MappedCodec::heap(), &value));
    let _: Mapped<Vec<u32>> = frame::read_file(&MappedCodec::heap(), &file).unwrap();
    assert_eq!(file.reads(), [(0, file.bytes.len())]);
}

/// A codec that reads ahead, and then takes the payload in one of the other ways.
#[derive(Clone, Copy)]
enum Ways {
    Whole,
    With,
    Into,
    Pieces,
}

impl Codec<Vec<u8>> for Ways {
    const ID: CodecId = Plain::ID;

    fn encode(&self, value: &Vec<u8>, out: &mut PayloadWriter<'_>) -> Result<(), BoxError> {
        Plain.encode(value, out)
    }

    fn decode(&self, mut payload: Payload<'_>) -> Result<Vec<u8>, BoxError> {
        match self {
            Self::Whole => Ok(payload.read_whole()?),
            Self::With => Ok(payload.read_with(|bytes| Ok(bytes.to_vec()))?),
            Self::Into => {
                let mut bytes = vec![1; payload.len() as usize];
                payload.read_into(&mut bytes, true)?;
                Ok(bytes)
            }
            Self::Pieces => {
                let mut bytes = Vec::new();
                let mut piece = [0; 300];
                loop {
                    match payload.read(&mut piece)? {
                        0 => return Ok(bytes),
                        n => bytes.extend_from_slice(&piece[..n]),
                    }
                }
            }
        }
    }

    fn read_ahead(&self, _: u64, _: Load) -> ReadAhead {
        ReadAhead::Scratch
    }
}

/// The thread's buffer may still hold the bytes of an earlier read.
#[test]
fn every_way_of_reading_gives_the_payload_that_was_read_ahead() {
    for codec in [Ways::Whole, Ways::With, Ways::Into, Ways::Pieces] {
        for len in [0, 1, 5000, 299, 300, 2 << 20, 17] {
            let value: Vec<u8> = (0..len).map(|n| n as u8).collect();
            let file = Watched::new(file_of(&codec, &value));
            let read: Vec<u8> = frame::read_file(&codec, &file).unwrap();
            assert!(read == value, "{len} bytes");
            if len < 1 << 20 {
                assert_eq!(file.reads().len(), 1, "{len} bytes");
            }
            let mut damaged = file.bytes;
            if len > 0 {
                damaged[len / 2] ^= 1;
                assert!(frame::read_file::<Vec<u8>, _>(&codec, &damaged).is_err());
            }
        }
    }
}

/// The thread's buffer is in use by the outer decoder meanwhile.
#[test]
fn a_decoder_may_decode_another_file() {
    struct Nested;

    impl Codec<usize> for Nested {
        const ID: CodecId = CodecId::user(8);

        fn encode(&self, value: &usize, out: &mut PayloadWriter<'_>) -> Result<(), BoxError> {
            Plain.encode(&vec![3; *value], out)
        }

        fn decode(&self, payload: Payload<'_>) -> Result<usize, BoxError> {
            let depth = payload.read_with(|bytes| match bytes.split_last() {
                None => Ok(0),
                Some((_, inner)) => {
                    let inner = frame::read_file(self, &file_of(self, &inner.len()))?;
                    assert!(bytes.iter().all(|byte| *byte == 3));
                    Ok(1 + inner)
                }
            });
            Ok(depth?)
        }

        fn read_ahead(&self, _: u64, _: Load) -> ReadAhead {
            ReadAhead::Scratch
        }
    }

    assert_eq!(
        frame::read_file(&Nested, &file_of(&Nested, &20)).unwrap(),
        20
    );
}

#[test]
fn sources_are_read_into_uninitialized_memory() {
    let bytes: Vec<u8> = (0..100_000u32).map(|n| n as u8).collect();
    let file = crate::files::on_disk(&bytes);
    let sources: [&dyn Source; 3] = [&file, &bytes, &Watched::new(bytes.clone())];
    for source in sources {
        let mut buf = [MaybeUninit::uninit(); 1000];
        let filled = source.read_exact_uninit_at(&mut buf, 50_000).unwrap();
        assert_eq!(filled, &bytes[50_000..51_000]);
        let error = source.read_exact_uninit_at(&mut buf, 99_001).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert!(source.read_exact_uninit_at(&mut [], 7).unwrap().is_empty());
    }
    fn is_file(_: &File) {}
    is_file(sources[0].file().unwrap());
}
