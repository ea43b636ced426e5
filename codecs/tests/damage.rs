//! Damaged files are refused with a typed error, whatever the damage and however the file
//! is read.

use file_backed_codecs::{Codec, CodecError, FrameError, frame};

use crate::files::{file_of, refusal};
use crate::values::Plain;

/// Damages `file` in every small way and reads it with `read`, which must
/// refuse it as damaged.
fn refuses_all_damage<T>(file: &[u8], read: impl Fn(&[u8]) -> Result<T, CodecError>) {
    assert!(read(file).is_ok());
    for len in 0..file.len() {
        let error = refusal(read(&file[..len]));
        assert!(error.is_damage(), "cut to {len} bytes: {error}");
    }
    let mut longer = file.to_vec();
    longer.push(0);
    assert!(refusal(read(&longer)).is_damage());
    for bit in 0..file.len() * 8 {
        let mut flipped = file.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let error = refusal(read(&flipped));
        assert!(error.is_damage(), "bit {bit} flipped: {error}");
    }
    for zeros in [1, 64, file.len()] {
        let mut wiped = file.to_vec();
        let from = wiped.len() - zeros;
        wiped[from..].fill(0);
        if wiped != file {
            assert!(refusal(read(&wiped)).is_damage());
        }
    }
}

fn refuses_all_damage_in_memory<T>(codec: &impl Codec<T>, value: &T) {
    refuses_all_damage(&file_of(codec, value), |bytes| {
        frame::read_file(codec, &bytes).map(drop)
    });
}

#[test]
fn damaged_plain_payloads_are_refused() {
    refuses_all_damage_in_memory(&Plain, &b"some payload".to_vec());
    refuses_all_damage_in_memory(&Plain, &Vec::new());
}

#[test]
fn each_kind_of_damage_has_its_own_error() {
    let file = file_of(&Plain, &b"some payload".to_vec());
    let read = |bytes: Vec<u8>| refusal(frame::read_file(&Plain, &bytes));
    assert!(matches!(read(vec![]), FrameError::TooShort { len: 0 }));
    assert!(matches!(
        read(vec![0; 63]),
        FrameError::TooShort { len: 63 }
    ));
    assert!(matches!(read(vec![0; 64]), FrameError::NoFooter));
    assert!(matches!(
        read([&[0][..], &file].concat()),
        FrameError::Length {
            stated: 12,
            actual: 13
        }
    ));
    assert!(matches!(
        read(file[1..].to_vec()),
        FrameError::Length {
            stated: 12,
            actual: 11
        }
    ));
    let mut payload = file.clone();
    payload[0] ^= 1;
    assert!(matches!(read(payload), FrameError::PayloadChecksum));
    let mut footer = file.clone();
    footer[12 + 40] ^= 1;
    assert!(matches!(read(footer), FrameError::FooterChecksum));
}

/// A codec that streams its payload gets the error with the last piece.
#[test]
fn damage_is_found_when_reading_in_pieces() {
    use std::io::Read as _;

    let mut file = file_of(&Plain, &vec![1; 1000]);
    file[999] ^= 1;
    let payload = file_backed_codecs::Payload::open(&file, <Plain as Codec<Vec<u8>>>::ID).unwrap();
    let error = std::io::BufReader::with_capacity(100, payload)
        .read_to_end(&mut Vec::new())
        .unwrap_err();
    let source = error.get_ref().and_then(|error| error.downcast_ref());
    assert!(matches!(source, Some(FrameError::PayloadChecksum)));
}

#[cfg(feature = "bincodec")]
#[test]
fn damaged_serde_values_are_refused() {
    use crate::values::Record;
    refuses_all_damage_in_memory(&file_backed_codecs::BinCodec, &Record::sample());
    refuses_all_damage_in_memory(&file_backed_codecs::BinCodec, &());
}

#[cfg(feature = "prostcodec")]
#[test]
fn damaged_protobuf_messages_are_refused() {
    use crate::values::Message;
    refuses_all_damage_in_memory(&file_backed_codecs::ProstCodec, &Message::sample());
    refuses_all_damage_in_memory(&file_backed_codecs::ProstCodec, &Message::default());
}

#[cfg(feature = "mappedcodec")]
mod mapped {
    use file_backed_codecs::{Mapped, MappedCodec, Verify};

    use super::*;
    use crate::files::on_disk;
    use crate::mapping::licensed;
    use crate::values::Record;

    #[test]
    fn damaged_archives_in_memory_are_refused() {
        let record = Mapped::new(&Record::sample()).unwrap();
        refuses_all_damage_in_memory(&MappedCodec::heap(), &record);
        refuses_all_damage_in_memory(&MappedCodec::heap(), &Mapped::new(&()).unwrap());
    }

    #[test]
    fn damaged_mapped_archives_are_refused_with_verification() {
        let _budget = crate::budget::undisturbed();
        let codec = licensed().crossover(0).verify(Verify::Always);
        let file = file_of(&codec, &Mapped::new(&Record::sample()).unwrap());
        refuses_all_damage(&file, |bytes| {
            frame::read_file::<Mapped<Record>, _>(&codec, &on_disk(bytes)).map(drop)
        });
    }

    /// Without verification, damage is found only where it makes the archive invalid.
    /// Elsewhere the value is a different one, but a valid one.
    #[test]
    fn damaged_mapped_archives_without_verification_are_refused_or_valid() {
        let _budget = crate::budget::undisturbed();
        let codec = licensed().crossover(0).verify(Verify::Never);
        let file = file_of(&codec, &Mapped::new(&Record::sample()).unwrap());
        let mut survivors = 0;
        for bit in 0..file.len() * 8 {
            let mut flipped = file.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            match frame::read_file::<Mapped<Record>, _>(&codec, &on_disk(&flipped)) {
                Ok(record) => {
                    record.deserialize().unwrap();
                    survivors += 1;
                }
                Err(error) => {
                    let error = error.into_inner().downcast::<FrameError>().unwrap();
                    assert!(error.is_damage(), "bit {bit} flipped: {error}");
                }
            }
        }
        assert!(survivors > 0);
    }
}
