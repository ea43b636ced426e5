//! Whole files that are not what was asked for are refused with a typed error.

use file_backed_codecs::{FrameError, frame};

use crate::files::{file_of, refusal, reseal};
use crate::values::Plain;

#[test]
fn a_file_of_a_later_format_version_is_refused() {
    let mut file = file_of(&Plain, &b"payload".to_vec());
    let footer = file.len() - frame::FOOTER_LEN;
    file[footer + 8] = 2;
    reseal(&mut file);
    let error = refusal(frame::read_file(&Plain, &file));
    assert!(
        matches!(
            error,
            FrameError::Version {
                found: 2,
                supported: 1
            }
        ),
        "{error}"
    );
    assert!(error.is_mismatch() && !error.is_damage());
}

#[cfg(feature = "bincodec")]
mod bin {
    use file_backed_codecs::BinCodec;

    use super::*;
    use crate::values::Record;

    #[test]
    fn bincode_refuses_a_file_of_another_codec() {
        let file = file_of(&Plain, &b"payload".to_vec());
        let error = refusal(frame::read_file::<Record, _>(&BinCodec, &file));
        assert!(matches!(error, FrameError::WrongCodec { .. }), "{error}");
        let file = file_of(&BinCodec, &Record::sample());
        let error = refusal(frame::read_file(&Plain, &file));
        assert!(matches!(error, FrameError::WrongCodec { .. }), "{error}");
    }

    #[test]
    fn bincode_refuses_a_file_of_another_type() {
        let file = file_of(&BinCodec, &(1u32, 2u32));
        let error = refusal(frame::read_file::<u32, _>(&BinCodec, &file));
        assert!(
            matches!(error, FrameError::TrailingBytes { used: 4, len: 8 }),
            "{error}"
        );
        assert!(error.is_mismatch());
        assert!(frame::read_file::<(u64, u8), _>(&BinCodec, &file).is_err());
    }

    /// The `bincode` crate would reserve as many bytes as the numbers say.
    #[test]
    fn bincode_refuses_numbers_that_it_reads_as_lengths() {
        let file = file_of(&BinCodec, &vec![u64::MAX, 1 << 62, 1 << 45]);
        let text = file[8..].to_vec();
        for file in [crate::files::with_payload(&file, &text[..24]), file] {
            assert!(frame::read_file::<String, _>(&BinCodec, &file).is_err());
            assert!(frame::read_file::<Vec<String>, _>(&BinCodec, &file).is_err());
            assert!(frame::read_file::<std::ffi::CString, _>(&BinCodec, &file).is_err());
            assert!(frame::read_file::<Vec<Vec<u8>>, _>(&BinCodec, &file).is_err());
        }
    }
}

#[cfg(feature = "prostcodec")]
#[test]
fn protobuf_refuses_a_file_of_another_codec() {
    use file_backed_codecs::ProstCodec;

    use crate::values::Message;
    let file = file_of(&Plain, &vec![]);
    let error = refusal(frame::read_file::<Message, _>(&ProstCodec, &file));
    assert!(matches!(error, FrameError::WrongCodec { .. }), "{error}");
}

#[cfg(feature = "mappedcodec")]
mod mapped {
    use file_backed_codecs::{Mapped, MappedCodec, Payload};

    use super::*;
    use crate::files::{on_disk, with_payload};
    use crate::mapping::licensed;
    use crate::values::Record;

    /// By each way of reading.
    fn refusals<T: file_backed_codecs::Archivable>(
        codec: &MappedCodec,
        file: &[u8],
    ) -> [FrameError; 2] {
        let _budget = crate::budget::undisturbed();
        let codec = codec.clone().crossover(0);
        [
            refusal(frame::read_file::<Mapped<T>, _>(&codec, &file)),
            refusal(frame::read_file::<Mapped<T>, _>(&codec, &on_disk(file))),
        ]
    }

    #[test]
    fn a_file_of_another_codec_is_not_read_as_an_archive() {
        let file = file_of(&Plain, &b"payload".to_vec());
        for error in refusals::<u64>(&licensed(), &file) {
            assert!(matches!(error, FrameError::WrongCodec { .. }), "{error}");
        }
    }

    #[test]
    fn an_archive_whose_root_has_another_size_or_alignment_is_refused() {
        let codec = licensed();
        let file = file_of(&codec, &Mapped::new(&7u64).unwrap());
        for error in refusals::<u32>(&codec, &file) {
            assert!(
                matches!(
                    error,
                    FrameError::RootLayout {
                        expected_size: 4,
                        found_size: 8,
                        ..
                    }
                ),
                "{error}"
            );
            assert!(error.is_mismatch());
        }
        if align_of::<rkyv::Archived<u64>>() == 1 {
            return; // As rkyv is compiled, nothing tells them apart.
        }
        for error in refusals::<[u8; 8]>(&codec, &file) {
            assert!(
                matches!(
                    error,
                    FrameError::RootLayout {
                        expected_align: 1,
                        found_align: 8,
                        ..
                    }
                ),
                "{error}"
            );
        }
    }

    #[test]
    fn an_archive_with_another_schema_id_is_refused() {
        let none = licensed();
        let one = licensed().schema::<u64>(1).schema::<u32>(9);
        let two = licensed().schema::<u64>(2);
        let value = Mapped::new(&7u64).unwrap();
        let schemas = |error: FrameError| match error {
            FrameError::Schema { expected, found } => (expected, found),
            other => panic!("{other}"),
        };

        let file = file_of(&one, &value);
        assert!(frame::read_file::<Mapped<u64>, _>(&one, &file).is_ok());
        assert_eq!(refusals::<u64>(&two, &file).map(schemas), [(2, 1); 2]);
        assert_eq!(refusals::<u64>(&none, &file).map(schemas), [(0, 1); 2]);
        // The archived forms are alike; only the ids tell.
        assert_eq!(refusals::<i64>(&none, &file).map(schemas), [(0, 1); 2]);
        assert_eq!(
            refusals::<u64>(&one.schema::<u64>(0), &file).map(schemas),
            [(0, 1); 2]
        );

        let file = file_of(&none, &value);
        assert_eq!(refusals::<u64>(&two, &file).map(schemas), [(2, 0); 2]);
    }

    #[test]
    fn an_archive_with_other_format_features_is_refused() {
        let codec = licensed();
        let mut file = file_of(&codec, &Mapped::new(&7u64).unwrap());
        let format = file.len() - frame::FOOTER_LEN + 10;
        for (flags, words) in [
            (0x18, "64-bit pointers and big-endian"),
            (0x24, "unaligned numbers"),
            (0, "unknown format"),
        ] {
            file[format] = flags;
            reseal(&mut file);
            for error in refusals::<u64>(&codec, &file) {
                let text = error.to_string();
                assert!(error.is_mismatch());
                let FrameError::ArchiveFormat { expected, found } = error else {
                    panic!("{text}")
                };
                assert!(found.contains(words), "{found}");
                assert_eq!(
                    text,
                    format!(
                        "the archive was written with {found}, but this program is compiled for {expected}: build with the same format features of rkyv"
                    )
                );
            }
        }
    }

    #[test]
    fn an_archive_shorter_than_its_root_is_refused() {
        let codec = licensed();
        let file = file_of(&codec, &Mapped::new(&Record::sample()).unwrap());
        for len in [0, 1, 8] {
            for error in refusals::<Record>(&codec, &with_payload(&file, &vec![0; len])) {
                assert!(matches!(error, FrameError::InvalidArchive(_)), "{error}");
                assert!(error.is_damage());
            }
        }
    }

    /// The root is at the end of the payload, so its position follows from the length.
    #[test]
    fn an_archive_with_an_unaligned_root_is_refused() {
        if align_of::<rkyv::Archived<u64>>() == 1 {
            return; // As rkyv is compiled, it is aligned anywhere.
        }
        let codec = licensed();
        let file = file_of(&codec, &Mapped::new(&7u64).unwrap());
        for error in refusals::<u64>(&codec, &with_payload(&file, &[0; 9])) {
            assert!(matches!(error, FrameError::InvalidArchive(_)), "{error}");
        }
    }

    #[test]
    fn an_archive_without_a_footer_is_refused() {
        let file = on_disk(&[0; 8]);
        let payload = Payload::open_unframed(&file, 1 << 20).unwrap();
        let result: Result<Mapped<u64>, _> =
            file_backed_codecs::Codec::decode(&licensed().crossover(0), payload);
        let error = refusal(result);
        assert!(matches!(error, FrameError::Unframed { .. }), "{error}");
        assert_eq!(
            error.to_string(),
            "codec 'rkyv archive' cannot read a file without a footer: import it with the codec that wrote it, `BinCodec` or `ProstCodec`"
        );
    }

    /// `Archive` and `Serialize` are safe to implement. This implementation is wrong: its
    /// box points to nothing.
    #[test]
    fn an_archive_that_its_type_wrote_wrongly_is_refused() {
        use rkyv::boxed::{ArchivedBox, BoxResolver};
        use rkyv::{Archive, Place, Serialize, rancor::Fallible};

        #[derive(Clone, Copy)]
        struct Liar(usize);

        impl Archive for Liar {
            type Archived = ArchivedBox<rkyv::primitive::ArchivedU32>;
            type Resolver = ();

            fn resolve(&self, (): (), out: Place<Self::Archived>) {
                let nowhere = BoxResolver::from_pos(self.0);
                ArchivedBox::resolve_from_raw_parts(nowhere, (), out);
            }
        }

        impl<S: Fallible + ?Sized> Serialize<S> for Liar {
            fn serialize(&self, _: &mut S) -> Result<(), S::Error> {
                Ok(())
            }
        }

        for target in [0, 4, 1000] {
            let error = refusal(Mapped::new(&Liar(target)));
            assert!(matches!(error, FrameError::InvalidArchive(_)), "{error}");
        }
    }
}
