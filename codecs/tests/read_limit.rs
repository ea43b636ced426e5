//! A file may state any length, and takes no more memory than the limit for reads.
//!
//! A sparse file of a terabyte costs its author nothing, and its footer can be valid.
//! Reading one reserved its whole length before anything of it was known.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};

use file_backed_codecs::frame::FOOTER_LEN;
use file_backed_codecs::{Codec, CodecError, FrameError, frame, read_limit};

use crate::files::{file_of, refusal};

const LEN: u64 = 1 << 40;
const LIMIT: u64 = LEN / 2;

/// A sparse file whose footer is that of `value`, but for the length.
fn sparse<T>(codec: &impl Codec<T>, value: &T) -> File {
    let whole = file_of(codec, value);
    let mut footer = whole[whole.len() - FOOTER_LEN..].to_vec();
    footer[16..24].copy_from_slice(&LEN.to_le_bytes());
    let crc = crc32fast::hash(&footer[..60]);
    footer[60..].copy_from_slice(&crc.to_le_bytes());
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.set_len(LEN + FOOTER_LEN as u64).expect("it is sparse");
    file.seek(SeekFrom::Start(LEN)).expect("it is as long");
    file.write_all(&footer).expect("it is written");
    file
}

#[track_caller]
fn assert_over<T>(read: Result<T, impl Into<CodecError>>, of: u64) {
    let error = refusal(read);
    assert!(
        matches!(error, FrameError::OverReadLimit { len: LEN, limit } if limit == of),
        "{error}"
    );
    assert!(!error.is_damage() && !error.is_mismatch());
}

/// Refused with the limit of the process.
#[cfg(any(feature = "bincodec", feature = "prostcodec", feature = "bytescodec"))]
#[track_caller]
fn is_refused<T>(codec: &impl Codec<T>, value: &T) {
    // Of the whole process, and more than any other test reads.
    read_limit::set(LIMIT);
    assert_over(frame::read_file(codec, &sparse(codec, value)), LIMIT);
}

#[test]
fn the_default_read_limit_is_at_least_a_mebibyte() {
    assert!(read_limit::get() >= 1 << 20);
}

#[cfg(feature = "bincodec")]
#[test]
fn bincode_refuses_a_payload_over_the_read_limit() {
    is_refused(&file_backed_codecs::BinCodec, &"value".to_owned());
}

#[cfg(feature = "prostcodec")]
#[test]
fn protobuf_refuses_a_payload_over_the_read_limit() {
    is_refused(&file_backed_codecs::ProstCodec, &"value".to_owned());
}

#[cfg(feature = "bytescodec")]
#[test]
fn bytescodec_uses_its_own_read_limit_or_that_of_the_process() {
    use file_backed_codecs::{BytesCodec, MappedBytes};
    let value = MappedBytes::from(vec![7; 1000]);
    is_refused(&BytesCodec::heap(), &value);
    let codec = BytesCodec::heap().read_limit(1000);
    assert_over(frame::read_file(&codec, &sparse(&codec, &value)), 1000);
    let read: Result<MappedBytes, _> = frame::read_file(&codec, &file_of(&codec, &value));
    assert_eq!(read.expect("it is as long as the limit"), value);
    let error = refusal(frame::read_file::<MappedBytes, _>(
        &codec.read_limit(999),
        &file_of(&BytesCodec::heap(), &value),
    ));
    assert_eq!(
        error.to_string(),
        "the payload is 1000 bytes long, but at most 999 are read into memory: map the file, or \
         raise the limit with `read_limit::set` or with the codec's `read_limit`"
    );
}

/// A map takes no memory, so its length is not limited.
#[cfg(all(feature = "bytescodec", target_os = "linux"))]
#[test]
fn a_payload_over_the_read_limit_can_be_mapped() {
    use file_backed_codecs::{BytesCodec, MappedBytes};
    // SAFETY: the file has no name, so that only this test reaches it.
    let codec = unsafe { BytesCodec::new() }.read_limit(1000);
    let file = sparse(&codec, &MappedBytes::from(vec![7; 1000]));
    let mapped: MappedBytes = frame::read_file(&codec, &file).expect("it is mapped");
    assert_eq!((mapped.len() as u64, mapped[0]), (LEN, 0));
}

#[cfg(feature = "mappedcodec")]
#[test]
fn an_archive_over_the_read_limit_is_not_read_into_memory() {
    use file_backed_codecs::{Mapped, MappedCodec};
    let codec = MappedCodec::heap().read_limit(1000);
    let value = Mapped::new(&vec![1_u32, 2]).expect("it is archived");
    let read: Result<Mapped<Vec<u32>>, _> = frame::read_file(&codec, &sparse(&codec, &value));
    assert_over(read, 1000);
}

/// A longer value used to be written, and each later read of it was refused.
#[cfg(feature = "bytescodec")]
#[test]
fn bytes_over_the_read_limit_are_not_written() {
    use file_backed_codecs::{BytesCodec, MappedBytes};

    let codec = BytesCodec::heap().read_limit(1000);
    let write = |len: usize| {
        let (value, mut file) = (MappedBytes::from(vec![7; len]), Vec::new());
        frame::write_file(&codec, &value, &mut file).map(|_| file)
    };
    let file = write(1000).expect("it is within the limit");
    let read: MappedBytes = frame::read_file(&codec, &file).expect("it is read");
    assert_eq!(read.len(), 1000);
    let error = refusal(write(1001));
    let is_over = matches!(
        error,
        FrameError::OverReadLimit {
            len: 1001,
            limit: 1000
        }
    );
    assert!(is_over, "{error}");
}
