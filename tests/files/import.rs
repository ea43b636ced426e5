//! Directories that file_backed 0.6 persisted: payloads without a footer.

use std::fs;
use std::sync::Arc;

use file_backed::Error;
use file_backed::backing_store::TrackedPath;
use file_backed::fbstore::{Codec, PreparedPath, key_path};
use file_backed::uuid::Uuid;

use super::on_disk::{OnDisk, files_below};
use super::session::{Handle, Session, Subject as _};
use super::values::Sample;

const LIMIT: u64 = 1 << 20;

/// A directory of 0.6 in the place of saved items, and a program that reads it.
struct Import<T: Sample, C: Codec<T> + Clone> {
    session: Session<OnDisk<T, C>>,
    tracked: Arc<TrackedPath<PreparedPath>>,
    subject: OnDisk<T, C>,
    keys: Vec<Uuid>,
}

impl<T: Sample, C: Codec<T> + Clone> Import<T, C> {
    /// As 0.6 left it: only those shards that hold something are sure to be
    /// there.
    fn new(codec: C, limit: u64, files: &[&[u8]]) -> Self {
        let subject = OnDisk::new(codec);
        let write = |bytes: &&[u8]| {
            let key = Uuid::new_v4();
            let file = subject.saved_file(key);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, bytes).unwrap();
            key
        };
        let keys = files.iter().map(write).collect();
        let session = Session::open(&subject, 1);
        let path = PreparedPath::open_import(subject.saved_path(), limit);
        let tracked = session.runtime.block_on(async {
            let path = path.await.unwrap();
            session.store.track_read_only(path).await.unwrap()
        });
        Self {
            session,
            tracked: Arc::new(tracked),
            subject,
            keys,
        }
    }

    fn register(&self, n: usize) -> Handle<OnDisk<T, C>> {
        let registered = self
            .session
            .pool
            .blocking_register(&self.tracked, self.keys[n]);
        registered.unwrap()
    }

    fn refusal(&self, n: usize) -> Error {
        let error = self.register(n).blocking_read().unwrap_err();
        assert_eq!(error.key(), Some(self.keys[n]));
        assert_eq!(error.path(), Some(&*self.subject.saved_file(self.keys[n])));
        error
    }

    /// Nothing may have changed.
    fn close(self, files: &[&[u8]]) {
        for (key, bytes) in self.keys.iter().zip(files) {
            assert_eq!(fs::read(self.subject.saved_file(*key)).unwrap(), *bytes);
        }
        assert_eq!(files_below(&self.subject.saved_path()).len(), files.len());
        drop(self.tracked);
        self.session.close(&self.subject);
    }
}

/// Reads values of 0.6, and saves them in today's form.
fn values_are_taken_over<T: Sample, C: Codec<T> + Clone>(codec: C, old: &[(u32, Vec<u8>)]) {
    let files: Vec<_> = old.iter().map(|(_, bytes)| &bytes[..]).collect();
    let import = Import::new(codec.clone(), LIMIT, &files);
    assert_eq!(import.tracked.all_keys().len(), old.len());
    let tokens = import
        .session
        .store
        .blocking_register_all(&import.tracked)
        .unwrap();
    assert_eq!(tokens.len(), old.len());
    let saved = import.session.track(import.subject.other());
    let mut keys = Vec::new();
    for (at, (n, _)) in old.iter().enumerate() {
        let mut item = import.register(at);
        item.blocking_read().unwrap().assert_is(*n);
        let error = item.blocking_persist(&saved).unwrap_err();
        assert!(
            error.to_string().contains("insert its value again"),
            "{error}"
        );
        assert_eq!(error.key(), Some(import.keys[at]));
        assert_eq!(
            error.path(),
            Some(&*import.subject.saved_file(import.keys[at]))
        );
        let error = item.blocking_persist(&import.tracked).unwrap_err();
        assert_eq!(error.key(), Some(import.keys[at]));

        // A change gives it a file of today.
        *item.blocking_write().unwrap() = T::sample(*n);
        item.blocking_persist(&saved).unwrap();
        keys.push((item.key(), *n));
    }
    import.session.settle();
    assert!(import.subject.cached_keys().is_empty());
    for (key, n) in keys {
        let file = key_path(saved.path(), key);
        let source = fs::File::open(file).unwrap();
        let value: T = file_backed::fbstore::frame::read_file(&codec, &source).unwrap();
        value.assert_is(n);
    }
    drop((tokens, saved));
    import.close(&files);
}

#[cfg(feature = "bincodec")]
mod bincodec {
    use super::*;
    use crate::files::values::Record;
    use file_backed::fbstore::BinCodec;

    /// Every number at its full width, lengths with eight bytes.
    fn old_form((n, text, list): &Record) -> Vec<u8> {
        let mut bytes = n.to_le_bytes().to_vec();
        bytes.extend((text.len() as u64).to_le_bytes());
        bytes.extend(text.bytes());
        bytes.extend((list.len() as u64).to_le_bytes());
        bytes.extend(list.iter().flat_map(|number| number.to_le_bytes()));
        bytes
    }

    #[test]
    fn serde_values_of_0_6_are_imported() {
        let old = [0, 1, 3].map(|n| (n, old_form(&Record::sample(n))));
        values_are_taken_over::<Record, _>(BinCodec, &old);
    }

    /// Without a checksum the lengths reach the decoder, which must not reserve as much
    /// as they ask for: that would abort the process.
    #[test]
    fn wrong_lengths_in_an_import_are_errors() {
        let whole = old_form(&Record::sample(1));
        let text_len = 4;
        let list_len = 12 + Record::sample(1).1.len();
        let mut files = vec![whole.clone()];
        for at in [text_len, list_len] {
            for len in [u64::MAX, 1 << 63, i64::MAX as u64, 1 << 40, 1_000_000] {
                let mut bytes = whole.clone();
                bytes[at..at + 8].copy_from_slice(&len.to_le_bytes());
                files.push(bytes);
            }
        }
        files.push(vec![]);
        files.push(whole[..whole.len() - 1].to_vec());
        files.push([&whole[..], &[0]].concat());
        let files: Vec<_> = files.iter().map(Vec::as_slice).collect();
        let import = Import::<Record, _>::new(BinCodec, LIMIT, &files);
        for n in 1..files.len() {
            let error = import.refusal(n);
            assert!(!error.is_panic() && !error.is_not_found(), "{error}");
            import.register(0).blocking_read().unwrap().assert_is(1);
        }
        import.close(&files);
    }

    #[test]
    fn files_over_the_import_limit_are_errors() {
        let (small, large) = (old_form(&Record::sample(1)), old_form(&Record::sample(3)));
        let files = [&small[..], &large];
        let import = Import::<Record, _>::new(BinCodec, small.len() as u64, &files);
        import.register(0).blocking_read().unwrap().assert_is(1);
        let error = import.refusal(1);
        let expected = format!(
            "the file is {} bytes long, but the import allows {}: open it for import with a higher limit",
            large.len(),
            small.len()
        );
        assert!(error.to_string().ends_with(&expected), "{error}");
        import.close(&files);
    }

    /// How the directory was opened decides which of the two is expected.
    #[test]
    fn files_with_and_without_a_footer_are_not_confused() {
        let mut today = Vec::new();
        file_backed::fbstore::frame::write_file(&BinCodec, &Record::sample(1), &mut today).unwrap();
        let old = old_form(&Record::sample(2));
        let files = [&today[..], &old];
        let import = Import::<Record, _>::new(BinCodec, LIMIT, &files);
        assert!(import.refusal(0).is_mismatch());
        let (subject, keys) = (&import.subject, import.keys.clone());
        let usual = PreparedPath::blocking_open_read_only(subject.saved_path()).unwrap();
        let usual = import
            .session
            .store
            .blocking_track_read_only(usual)
            .unwrap();
        let item = import
            .session
            .pool
            .blocking_register(&usual, keys[1])
            .unwrap();
        let error = item.blocking_read().unwrap_err();
        drop(item);
        assert!(error.is_damaged(), "{error}");
        assert!(
            error.to_string().contains("open them for import"),
            "{error}"
        );
        import.session.settle();
        let today = import
            .session
            .pool
            .blocking_register(&usual, keys[0])
            .unwrap();
        today.blocking_read().unwrap().assert_is(1);
        drop((today, usual));
        import.close(&files);
    }
}

#[cfg(feature = "prostcodec")]
mod prostcodec {
    use super::*;
    use file_backed::fbstore::ProstCodec;

    /// Field 1, its length in groups of seven bits, its bytes.
    fn old_form(text: &str) -> Vec<u8> {
        let mut bytes = vec![0x0a];
        let mut len = text.len();
        while len >= 0x80 {
            bytes.push(len as u8 | 0x80);
            len >>= 7;
        }
        bytes.push(len as u8);
        bytes.extend(text.bytes());
        bytes
    }

    #[test]
    fn messages_of_0_6_are_imported() {
        let old = [0, 1, 3].map(|n| (n, old_form(&String::sample(n))));
        values_are_taken_over::<String, _>(ProstCodec, &old);
    }

    #[test]
    fn damaged_messages_in_an_import_are_errors() {
        let whole = old_form(&String::sample(1));
        let mut long = whole.clone();
        long[1..6].copy_from_slice(&[0xff, 0xff, 0xff, 0xff, 0x0f]);
        let files = [
            &whole[..],
            &whole[..whole.len() - 1],
            &whole[..1],
            &long,
            &[0xff; 20],
        ];
        let import = Import::<String, _>::new(ProstCodec, LIMIT, &files);
        for n in 1..files.len() {
            let error = import.refusal(n);
            assert!(!error.is_panic() && !error.is_not_found(), "{error}");
            import.register(0).blocking_read().unwrap().assert_is(1);
        }
        import.close(&files);
    }
}

/// file_backed 0.6 had no archives.
#[cfg(feature = "mappedcodec")]
#[test]
fn importing_archives_is_refused() {
    use crate::files::values::{Record, mapping};
    use file_backed::fbstore::Mapped;

    let archive = Mapped::<Record>::sample(1);
    let files = [archive.as_bytes()];
    let import = Import::<Mapped<Record>, _>::new(mapping(), LIMIT, &files);
    let error = import.refusal(0);
    assert!(error.is_mismatch(), "{error}");
    assert!(
        error
            .to_string()
            .ends_with("codec 'rkyv archive' cannot read a file without a footer: import it with the codec that wrote it, `BinCodec` or `ProstCodec`")
    );
    import.close(&files);
}
