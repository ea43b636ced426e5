//! The complete error texts of datasets, as a user reads them.

use std::fmt::Debug;

use file_backed::dataset::{Inspection, VerifyOptions};

use super::*;
use crate::support::{test, told};

#[track_caller]
fn expect<R: Debug>(places: &Places, result: Result<R>, text: &str) {
    let error = result.expect_err(text);
    let root = places.saved.parent().expect("it is in one");
    assert_eq!(told(&error, root), text);
}

fn open_read_only(places: &Places) -> Result<Library> {
    let path = PreparedPath::blocking_open_read_only(places.saved.clone())?;
    Library::blocking_open_read_only(&places.store(), path)
}

fn manifest(places: &Places) -> PathBuf {
    places.saved.join("file_backed.manifest/0000000000000001")
}

/// Two texts, committed by a process that has ended.
fn committed(places: &Places) -> Vec<Uuid> {
    let user = places.user();
    let (a, b) = (user.insert("a"), user.insert("b"));
    user.commit_texts(&[("a", &a), ("b", &b)])
        .expect("nothing fails");
    let keys = user.library.all_keys();
    drop((a, b));
    end(user);
    keys
}

#[test]
fn errors_of_missing_datasets_say_what_to_do() {
    test(|| {
        let places = Places::new();
        expect(
            &places,
            open_read_only(&places),
            "could not open the directory for reading (ROOT/saved): No such file or directory (os error 2): check the path: only `PreparedPath::open` creates directories",
        );
        drop(places.path());
        expect(
            &places,
            open_read_only(&places),
            "could not open the dataset (ROOT/saved): there is no dataset here: create one by opening it with `Dataset::open` once",
        );
        let read_only = PreparedPath::blocking_open_read_only(places.saved.clone());
        let read_only = read_only.expect("it is there");
        expect(
            &places,
            Library::blocking_open(&places.store(), read_only),
            "could not open the dataset (ROOT/saved): the directory was opened read-only: open it with `PreparedPath::open` to write to it",
        );
        let store = places.store();
        let tracked = store.blocking_track_path(places.path());
        let pool: Arc<FBPool<String, _>> = Arc::new(FBPool::new(store, 1));
        let item = pool.insert("a".to_owned());
        item.blocking_persist(&tracked.expect("it is ours"))
            .expect("it is saved");
        expect(
            &places,
            places.try_user(),
            "could not open the dataset (ROOT/saved): the directory contains items that no commit names (1), and a dataset would delete them: include them with `OpenOptions::with_existing_items`, or use a separate directory for the dataset; if this was a dataset, its manifest is missing: open what is left with `OpenOptions::salvage`, or, if it is a copy, copy it again with `file_backed copy`",
        );
    });
}

#[test]
fn errors_of_second_committers_say_what_to_do() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        expect(
            &places,
            places.try_user(),
            "could not open the dataset (ROOT/saved): a dataset of this process already has it open to commit: share that dataset in an `Arc`",
        );
        end(user);
        let _lock = places.locked_elsewhere();
        expect(
            &places,
            places.try_user(),
            "could not track the persisted directory (ROOT/saved): another process is using the directory: wait until it ends (an option `lock_timeout` does so), or use a separate directory for this process; meanwhile, persisted items can be read with `track_read_only` (a dataset with `Dataset::open_read_only`)",
        );
    });
}

#[test]
fn errors_of_manifests_say_what_to_do() {
    test(|| {
        let places = Places::new();
        committed(&places);
        let number = || Dataset::<u32, _>::blocking_open(&places.store(), places.path());
        let text = number().expect_err("the root is a map").to_string();
        let cause = text
            .split_once("version of this type (")
            .and_then(|(_, rest)| rest.split_once("): "))
            .map_or("", |(cause, _)| cause);
        assert!(cause.contains("expected u32"), "{text}");
        expect(
            &places,
            number(),
            &format!(
                "could not open the dataset (ROOT/saved/file_backed.manifest/0000000000000001): the root has another type, or another version of this type ({cause}): give fields that were added since then a default (`#[serde(default)]`)"
            ),
        );

        let path = manifest(&places);
        let whole = fs::read(&path).expect("it is there");
        let with = |bytes: &[u8]| {
            fs::remove_file(&path).expect("it is there");
            fs::write(&path, bytes).expect("it is written");
        };
        let mut later = whole[..whole.len() - 4].to_vec();
        later[8] = 4;
        later.extend(crc32fast::hash(&later).to_le_bytes());
        let mut flipped = whole.clone();
        flipped[60] ^= 1;
        for (bytes, why) in [
            (
                &later[..],
                "the manifest has format version 4, but this library reads versions 1 and 3: open the dataset with a newer release",
            ),
            (
                &flipped,
                "the manifest is damaged (it does not match its checksum): restore it from a copy of the directory, or open what is left with `OpenOptions::salvage` or `file_backed salvage`",
            ),
            (
                b"notes",
                "the manifest is damaged (it does not begin like a manifest): restore it from a copy of the directory, or open what is left with `OpenOptions::salvage` or `file_backed salvage`",
            ),
            (
                &whole[..20],
                "the manifest is damaged (it is too short): restore it from a copy of the directory, or open what is left with `OpenOptions::salvage` or `file_backed salvage`",
            ),
        ] {
            with(bytes);
            let text = format!(
                "could not open the dataset (ROOT/saved/file_backed.manifest/0000000000000001): {why}"
            );
            expect(&places, places.try_user(), &text);
            expect(&places, open_read_only(&places), &text);
            let inspected = Inspection::blocking_open(&places.saved);
            expect(&places, inspected, &text);
        }
        with(&whole);
        places.try_user().expect("it is restored");
    });
}

#[test]
fn errors_of_item_files_say_what_to_do() {
    test(|| {
        let places = Places::new();
        let keys = committed(&places);
        let (file, other) = (file_of(&places, keys[0]), file_of(&places, keys[1]));
        let whole = fs::read(&file).expect("it is there");
        let verify = || {
            let reader = open_read_only(&places).expect("the manifest is whole");
            let verified = reader.blocking_verify(VerifyOptions::some([keys[0]]));
            let found = Inspection::blocking_open(&places.saved).expect("it is there");
            let mut found = found
                .blocking_verify(VerifyOptions::some([keys[0]]))
                .damaged;
            let mut damaged = verified.expect("it reads").damaged;
            assert_eq!((damaged.len(), found.len()), (1, 1));
            let root = places.saved.parent().expect("it is in one");
            let text = told(&damaged.remove(0), root);
            assert_eq!(told(&found.remove(0), root), text, "the tool says the same");
            text
        };

        fs::remove_file(&file).expect("it is there");
        fs::copy(&other, &file).expect("it is copied");
        assert_eq!(
            verify(),
            "could not verify item KEY (ROOT/saved/SHARD/KEY): this is not the file that was committed: restore that file from a copy of the directory, or put another item in its place"
        );
        fs::remove_file(&file).expect("it is there");
        fs::write(&file, &whole[..whole.len() - 1]).expect("it is written");
        assert_eq!(
            verify(),
            "could not verify item KEY (ROOT/saved/SHARD/KEY): the file does not end with a footer of this library: it is truncated or damaged, or was written by something else (files of file_backed 0.6 have no footer: open them for import with `PreparedPath::open_import`): restore it from a copy"
        );
        fs::remove_file(&file).expect("it is there");
        assert_eq!(
            verify(),
            "could not verify item KEY (ROOT/saved/SHARD/KEY): No such file or directory (os error 2): restore it from a copy of the directory"
        );
        let found = Inspection::blocking_open(&places.saved).expect("it is there");
        expect(
            &places,
            found.blocking_file(keys[0]),
            "could not inspect item KEY (ROOT/saved/SHARD/KEY): No such file or directory (os error 2): restore it from a copy of the directory",
        );
        expect(
            &places,
            places.try_user(),
            "could not open the dataset because of item KEY (ROOT/saved/SHARD/KEY): generation 1 names this file, but it is missing (missing in total: 1): restore the missing files from a copy of the directory, or open what is left with `OpenOptions::salvage` or `file_backed salvage`; a dataset opened read-only can still load the others; if this is itself a copy, made during a commit, copy again with `file_backed copy` or a `Snapshot`",
        );
        let reader = places.reader();
        let key = Key::from_uuid(keys[0]);
        let item = reader.library.blocking_get(&reader.texts, key);
        expect(
            &places,
            item.expect("the manifest names it").blocking_read(),
            "could not load item KEY (ROOT/saved/SHARD/KEY): No such file or directory (os error 2): it was deleted from outside: restore it from a copy, or insert the value again",
        );
    });
}

#[test]
fn errors_of_wrong_keys_and_stores_say_what_to_do() {
    test(|| {
        let (places, others) = (Places::new(), Places::new());
        let (user, other) = (places.user(), others.user());
        let key = Key::from_uuid(Uuid::from_u128(7));
        expect(
            &places,
            user.library.blocking_get(&user.texts, key),
            "could not register item KEY (ROOT/saved/SHARD/KEY): no item with this key is in the current generation: take keys from its root",
        );
        let kept = user.library.blocking_commit(|saver| {
            saver.keep(key)?;
            Ok::<_, Error>(Catalogue::default())
        });
        expect(
            &places,
            kept,
            "could not commit item KEY (ROOT/saved/SHARD/KEY): no item with this key is in the current generation: take keys from its root",
        );
        let verified = user
            .library
            .blocking_verify(VerifyOptions::some([key.uuid()]));
        let mut verified = verified.expect("it reads").damaged;
        expect::<()>(
            &places,
            Err(verified.remove(0)),
            "could not verify item KEY (ROOT/saved/SHARD/KEY): no item with this key is in the current generation: take keys from its root",
        );
        let found = Inspection::blocking_open(&places.saved).expect("it is there");
        let mut verified = found
            .blocking_verify(VerifyOptions::some([key.uuid()]))
            .damaged;
        expect::<()>(
            &places,
            Err(verified.remove(0)),
            "could not verify item KEY (ROOT/saved/SHARD/KEY): no item with this key is in the directory: `file_backed ls` lists those that are",
        );

        let item = other.insert("a");
        expect(
            &places,
            user.commit_texts(&[("a", &item)]),
            "could not commit item KEY (ROOT/saved/SHARD/KEY): the pool belongs to a different store than the dataset: use a pool of `Dataset::store`",
        );
        expect(
            &places,
            user.library.blocking_get(&other.texts, key),
            "could not register item KEY (ROOT/saved/SHARD/KEY): the pool belongs to a different store than the dataset: use a pool of `Dataset::store`",
        );
    });
}

#[test]
fn errors_of_commits_say_what_to_do() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        let reader = places.reader();
        expect(
            &places,
            reader.commit_texts(&[]),
            "could not commit (ROOT/saved): the dataset was opened read-only: open it with `Dataset::open` to commit",
        );
        let panics = user.insert("a");
        let committed = user.library.blocking_commit(|saver| {
            saver.on_progress(|_| panic!("on purpose"));
            saver.save(&panics)?;
            Ok::<_, Error>(Catalogue::default())
        });
        expect(
            &places,
            committed,
            "could not commit item KEY: the operation panicked: on purpose",
        );
        drop(reader);

        let places = Places::new();
        let store = places.store();
        let numbers: Dataset<Vec<f64>, _> =
            Dataset::blocking_open(&store, places.path()).expect("it opens");
        expect(
            &places,
            numbers.blocking_commit(|_| Ok::<_, Error>(vec![f64::INFINITY])),
            "could not commit (ROOT/saved): the root does not survive a round trip through JSON (invalid type: null, expected f64 at line 1 column 5): map keys must be strings, and floating-point numbers must be finite",
        );
    });
}
