//! Whether a failure is a fault of the system or of one value.

use std::io::{self, ErrorKind, Write as _};
use std::sync::Arc;

use file_backed::fbstore::{
    BoxError, Codec, CodecError, CodecId, FBStore, Payload, PayloadWriter, PreparedPath, frame,
    key_path,
};
use file_backed::{BackingStore, FBPool};
use tokio::runtime::Runtime;

use crate::support::{Plain, scratch, test};

/// Numbers; odd ones cannot be encoded, and multiples of four not be decoded. Both
/// fail with an `io::Error`, as a codec does that compresses or talks to a server.
struct Choosy;

impl Codec<u8> for Choosy {
    const ID: CodecId = CodecId::user(9);

    fn encode(&self, value: &u8, out: &mut PayloadWriter<'_>) -> Result<(), BoxError> {
        if value % 2 == 1 {
            return Err(io::Error::new(ErrorKind::BrokenPipe, "the encoder is gone").into());
        }
        Ok(out.write_all(&[*value])?)
    }

    fn decode(&self, payload: Payload<'_>) -> Result<u8, BoxError> {
        let value = payload.read_whole()?[0];
        if value.is_multiple_of(4) {
            return Err(io::Error::from(ErrorKind::NotFound).into());
        }
        Ok(value)
    }
}

fn pool(runtime: &Runtime) -> Arc<FBPool<u8, FBStore<Choosy>>> {
    let path = PreparedPath::blocking_temp().expect("a directory");
    let files = FBStore::open(Choosy, path).expect("it is new");
    let store = Arc::new(BackingStore::new(files, runtime.handle().clone()));
    Arc::new(FBPool::new(store, 0))
}

/// Any `io::Error` in the chain used to begin an outage, so the writes of all other
/// values waited for a value that could never be written.
#[test]
fn an_io_error_of_a_codec_begins_no_outage() {
    test(|| {
        let runtime = Runtime::new().expect("a runtime");
        let pool = pool(&runtime);
        let bad = pool.insert(1);
        let error = bad.blocking_write_now().expect_err("it cannot be encoded");
        assert!(!pool.stats().store_failing, "{error}");
        for _ in 0..3 {
            let good = pool.insert(2);
            good.blocking_write_now().expect("it is written");
            assert!(!pool.stats().store_failing);
        }
        let permit = pool.blocking_reserve();
        drop(permit.expect("the store takes other values"));
        assert_eq!(*bad.blocking_read().expect("it stays in memory"), 1);
    });
}

/// A codec's `io::ErrorKind::NotFound` used to be reported as a missing file, with the
/// advice to restore it from a copy.
#[test]
fn a_not_found_error_of_a_codec_does_not_mean_a_missing_file() {
    test(|| {
        let runtime = Runtime::new().expect("a runtime");
        let pool = pool(&runtime);
        let item = pool.insert(4);
        pool.store().blocking_finished();
        let error = item.blocking_read().expect_err("it cannot be decoded");
        assert!(!error.is_not_found(), "{error}");
        assert!(error.to_string().ends_with(": entity not found"), "{error}");
    });
}

/// 4 000 nested links used to be written, persisted and committed, and could never be
/// read again. 100 000 crashed the process in the background.
#[cfg(feature = "bincodec")]
#[test]
fn a_value_too_deep_to_be_read_is_refused_while_it_is_in_memory() {
    use file_backed::fbstore::BinCodec;
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize)]
    struct Node {
        next: Option<Box<Node>>,
    }

    /// Not by recursion, which such a list has no stack for.
    impl Drop for Node {
        fn drop(&mut self) {
            let mut next = self.next.take();
            while let Some(mut node) = next {
                next = node.next.take();
            }
        }
    }

    let list = |links| {
        (0..links).fold(Node { next: None }, |node, _| Node {
            next: Some(Box::new(node)),
        })
    };
    test(move || {
        let runtime = Runtime::new().expect("a runtime");
        let temp = FBPool::<Node, _>::temp(BinCodec, 0);
        let pool = runtime.block_on(temp).expect("a directory");
        let saved = PreparedPath::blocking_temp().expect("a directory");
        let saved = pool.store().blocking_track_path(saved).expect("it is new");
        for links in [4000, 100_000] {
            let item = pool.insert(list(links));
            for error in [
                item.blocking_write_now().expect_err("it is too deep"),
                item.blocking_persist(&saved).expect_err("it is too deep"),
            ] {
                let text = error.to_string();
                assert!(text.contains("nested too deeply"), "{text}");
                assert_eq!(error.key(), Some(item.key()));
                assert!(!error.is_mismatch() && !error.is_damaged(), "{text}");
            }
            assert!(!pool.stats().store_failing);
            let read = item.blocking_read().expect("it is in memory");
            let found = std::iter::successors(Some(&*read), |node| node.next.as_deref());
            assert_eq!(found.count(), links + 1);
        }
        assert!(saved.all_keys().is_empty());
        let good = pool.insert(list(1000));
        good.blocking_persist(&saved).expect("it is written");
        pool.store().blocking_finished();
        drop(good.blocking_read().expect("and read"));
    });
}

/// A codec whose payload is a whole file of [`Plain`].
struct Outer {
    has_own_error: bool,
}

/// An error as a codec may define it.
#[derive(Debug)]
struct OwnError(CodecError);

impl std::fmt::Display for OwnError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the inner file cannot be read")
    }
}

impl std::error::Error for OwnError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

fn inner_value(payload: Payload<'_>) -> Result<Vec<u8>, CodecError> {
    let file = payload.read_whole()?;
    frame::read_file(&Plain, &file)
}

impl Codec<Vec<u8>> for Outer {
    const ID: CodecId = CodecId::user(10);

    fn encode(&self, file: &Vec<u8>, out: &mut PayloadWriter<'_>) -> Result<(), BoxError> {
        Ok(out.write_all(file)?)
    }

    fn decode(&self, payload: Payload<'_>) -> Result<Vec<u8>, BoxError> {
        let value = inner_value(payload);
        match self.has_own_error {
            true => Ok(value.map_err(OwnError)?),
            false => Ok(value?),
        }
    }
}

#[test]
fn an_error_that_a_codec_passes_on_still_says_whether_the_file_is_damaged() {
    for has_own_error in [false, true] {
        test(move || {
            let runtime = Runtime::new().expect("a runtime");
            let cache = scratch();
            let path = PreparedPath::blocking_open(cache.path()).expect("a directory");
            let files = FBStore::open(Outer { has_own_error }, path).expect("it is new");
            let store = BackingStore::new(files, runtime.handle().clone());
            let pool = FBPool::builder(Arc::new(store)).items(0).build();

            let mut file_of_text = Vec::new();
            let text = "written as text".to_owned();
            frame::write_file(&Plain, &text, &mut file_of_text).expect("it is written");
            let other_type = pool.insert(file_of_text);
            let damaged = pool.insert(b"as it was written".to_vec());
            pool.store().blocking_finished();
            let file = key_path(cache.path(), damaged.key());
            let mut bytes = std::fs::read(&file).expect("it is written");
            bytes[0] ^= 1;
            std::fs::remove_file(&file).expect("it is there");
            std::fs::write(&file, bytes).expect("it is written");

            let error = other_type
                .blocking_read()
                .map(drop)
                .expect_err("it is text");
            assert!(error.is_mismatch() && !error.is_damaged(), "{error}");
            let error = damaged
                .blocking_read()
                .map(drop)
                .expect_err("it is damaged");
            assert!(error.is_damaged() && !error.is_mismatch(), "{error}");
        });
    }
}

/// The error of the calls that make or read a value wraps another one, which tells
/// whether a file is damaged.
#[test]
fn a_damaged_file_is_known_as_such_through_the_error_of_a_codec() {
    use file_backed::backing_store::StoreError;

    let read = || {
        frame::read_file::<String, _>(&Plain, &b"too short".to_vec()).expect_err("it has no footer")
    };
    let kept = [
        StoreError::value(read()),
        StoreError::from(read()),
        StoreError::value(std::io::Error::other(read())),
    ];
    for error in &kept[..2] {
        let cause = error.get_ref().downcast_ref::<frame::FrameError>();
        assert!(cause.is_some_and(frame::FrameError::is_damage), "{error}");
    }
    let [.., wrapped] = kept;
    let error = file_backed::Error::from(read());
    assert!(error.is_damaged(), "{error}");
    assert!(wrapped.to_string().contains(&read().to_string()));
}
