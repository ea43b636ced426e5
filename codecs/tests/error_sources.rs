//! Errors that a codec passes on: those of the system and of the value's own
//! implementations of serde.

use std::io;

use file_backed_codecs::{
    BinCodec, BoxError, Codec, CodecError, CodecId, FrameError, Payload, PayloadWriter, frame,
};
use serde::ser::{Error as _, Serializer};
use serde::{Deserialize, Serialize};

/// A disk on which there is no room.
struct Full;

impl io::Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::Error::from(io::ErrorKind::StorageFull))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn told(error: CodecError) -> String {
    error.to_string()
}

/// The error of a full disk used to be `Io { inner: Os { code: 28, .. } }`, because it
/// was the `Debug` text of the serializer. The advice to make room was missing.
#[test]
fn a_full_disk_keeps_the_error_of_the_system() {
    let value = vec![1_u8; 1 << 20];
    let error = frame::write_file(&BinCodec, &value, &mut Full).expect_err("no room");
    let system = error.downcast_ref::<io::Error>().map(io::Error::kind);
    assert_eq!(system, Some(io::ErrorKind::StorageFull), "{error}");
}

/// A codec that reads through the methods of [`Payload`], and passes their errors on.
struct PassesOn;

impl Codec<Vec<u8>> for PassesOn {
    const ID: CodecId = CodecId::user(3);

    fn encode(&self, value: &Vec<u8>, out: &mut PayloadWriter<'_>) -> Result<(), BoxError> {
        Ok(io::Write::write_all(out, value)?)
    }

    fn decode(&self, payload: Payload<'_>) -> Result<Vec<u8>, BoxError> {
        Ok(payload.read_whole()?)
    }
}

#[test]
fn an_error_that_a_codec_passes_on_is_found_behind_the_error_of_the_call() {
    let mut file = Vec::new();
    frame::write_file(&PassesOn, &vec![1; 100], &mut file).expect("it is written");
    file[0] = 2;
    let error = frame::read_file(&PassesOn, &file).expect_err("it is damaged");
    let cause = error.downcast_ref::<FrameError>();
    assert!(
        matches!(cause, Some(FrameError::PayloadChecksum)),
        "{error}"
    );
}

#[derive(Deserialize)]
struct Refuses;

impl Serialize for Refuses {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom("it is open"))
    }
}

#[test]
fn an_error_of_a_serialize_implementation_keeps_its_text() {
    let error = frame::write_file(&BinCodec, &Refuses, &mut Vec::new());
    assert_eq!(error.map_err(told), Err("it is open".to_owned()));
}

#[derive(Serialize)]
struct Odd(u32);

impl<'de> Deserialize<'de> for Odd {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let number = u32::deserialize(from)?;
        match number % 2 {
            1 => Ok(Self(number)),
            _ => Err(serde::de::Error::custom("it is even")),
        }
    }
}

#[test]
fn an_error_of_a_deserialize_implementation_keeps_its_text() {
    let mut file = Vec::new();
    frame::write_file(&BinCodec, &Odd(2), &mut file).expect("it is written");
    let error = frame::read_file::<Odd, _>(&BinCodec, &file).map(|odd| odd.0);
    let text = told(error.expect_err("it is even"));
    assert!(text.contains("cannot decode it (it is even): "), "{text}");
}
