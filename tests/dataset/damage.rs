//! Errors name missing and damaged files.

use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use file_backed::dataset::{Inspection, VerifyOptions};

use super::*;
use crate::support::test;

/// Three texts, committed by a process that has ended.
fn committed(places: &Places) -> Vec<Uuid> {
    let user = places.user();
    let items: Vec<_> = ["a", "b", "c"].map(|text| user.insert(text)).into();
    let texts: Vec<_> = ["a", "b", "c"].into_iter().zip(&items).collect();
    user.commit_texts(&texts).expect("nothing fails");
    let keys = user.library.all_keys();
    drop(items);
    end(user);
    keys
}

/// Changes one byte, without a new file.
pub(super) fn flip(path: &Path, at: SeekFrom) {
    let mut permissions = fs::metadata(path).expect("it is there").permissions();
    #[expect(
        clippy::permissions_set_readonly_false,
        reason = "of a test's own file"
    )]
    permissions.set_readonly(false);
    fs::set_permissions(path, permissions).expect("it is ours");
    let mut file = fs::File::options()
        .read(true)
        .write(true)
        .open(path)
        .expect("it is ours");
    let at = file.seek(at).expect("it is long enough");
    let mut byte = [0];
    file.read_exact(&mut byte).expect("it is long enough");
    file.seek(SeekFrom::Start(at)).expect("it is there");
    file.write_all(&[!byte[0]]).expect("it is ours");
}

#[test]
fn a_missing_file_is_named_and_the_others_can_be_read() {
    test(|| {
        let places = Places::new();
        let keys = committed(&places);
        for key in &keys[..2] {
            fs::remove_file(file_of(&places, *key)).expect("it is there");
        }
        let error = places.try_user().expect_err("files are missing");
        assert!(error.is_damaged(), "{error}");
        assert_eq!(error.key(), Some(keys[0]));
        assert_eq!(error.path(), Some(&*file_of(&places, keys[0])));
        assert!(error.to_string().contains("missing in total: 2"), "{error}");

        let reader = places.reader();
        let texts = &reader.library.root().texts;
        for key in texts.values() {
            let item = reader.library.blocking_get(&reader.texts, *key);
            let item = item.expect("the manifest names it");
            let is_missing = keys[..2].contains(&key.uuid());
            let read = item.blocking_read();
            assert_eq!(read.is_err_and(|error| error.is_not_found()), is_missing);
        }
        let verified = reader
            .library
            .blocking_verify(VerifyOptions::all())
            .expect("it reads");
        let missing: Vec<_> = verified.damaged.iter().map(Error::key).collect();
        assert_eq!(missing, [Some(keys[0]), Some(keys[1])]);
        assert!(verified.damaged.iter().all(Error::is_not_found));
    });
}

#[test]
fn a_damaged_manifest_is_named_and_nothing_is_deleted() {
    test(|| {
        let places = Places::new();
        let keys = committed(&places);
        let manifest = places.saved.join("file_backed.manifest/0000000000000001");
        flip(&manifest, SeekFrom::End(-10));
        let error = places.try_user().expect_err("it is damaged");
        assert!(error.is_damaged(), "{error}");
        assert_eq!(error.path(), Some(&*manifest));
        let error = Library::blocking_open_read_only(&places.store(), places.path());
        let error = error.expect_err("it is damaged");
        assert!(
            error.is_damaged() && error.path() == Some(&*manifest),
            "{error}"
        );
        assert_eq!(places.files(), keys);
    });
}

#[test]
fn verify_reads_every_byte_of_all_or_the_chosen_items() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        let blobs: Vec<_> = (0..5)
            .map(|n| user.blobs.insert(vec![n; 3 << 20]))
            .collect();
        let commit = user.library.blocking_commit(|saver| {
            let keys = blobs.iter().map(|blob| saver.save(blob));
            let blobs = keys.collect::<Result<_>>()?;
            Ok::<_, Error>(Catalogue {
                texts: Default::default(),
                blobs,
            })
        });
        commit.expect("nothing fails");
        let keys = user.library.all_keys();
        let len = (3 << 20) + 64;
        let seen = Arc::new(AtomicU64::new(0));
        let most = seen.clone();
        let all = || VerifyOptions::all();
        let verify = all().on_progress(move |progress| {
            assert_eq!((progress.items_total, progress.bytes_total), (5, 5 * len));
            most.fetch_max(progress.bytes, Ordering::Relaxed);
        });
        let verified = user.library.blocking_verify(verify).expect("it reads");
        assert!(verified.is_whole());
        assert_eq!((verified.files, verified.bytes), (5, 5 * len));
        assert_eq!(seen.load(Ordering::Relaxed), 5 * len);

        flip(&file_of(&places, keys[1]), SeekFrom::Start(2 << 20));
        flip(&file_of(&places, keys[2]), SeekFrom::End(-30));
        // A whole file that is not the one that was committed.
        fs::remove_file(file_of(&places, keys[3])).expect("it is there");
        fs::copy(file_of(&places, keys[4]), file_of(&places, keys[3])).expect("it is copied");
        let check = |damaged: &[Error]| {
            let found: Vec<_> = damaged
                .iter()
                .map(|error| error.key().expect("a key"))
                .collect();
            assert_eq!(found, keys[1..4]);
            for error in damaged {
                assert!(error.is_damaged(), "{error}");
                let path = file_of(&places, error.key().expect("a key"));
                assert_eq!(error.path(), Some(&*path), "{error}");
            }
        };
        check(
            &user
                .library
                .blocking_verify(all())
                .expect("it reads")
                .damaged,
        );
        let inspection = Inspection::blocking_open(&places.saved).expect("it is a dataset");
        check(&inspection.blocking_verify(all()).damaged);

        let some = VerifyOptions::some([keys[0], keys[1], Uuid::nil()]);
        let verified = user.library.blocking_verify(some).expect("it reads");
        assert_eq!(verified.files, 3);
        let found: Vec<_> = verified.damaged.iter().map(Error::key).collect();
        assert_eq!(found, [Some(Uuid::nil()), Some(keys[1])]);
        assert!(verified.damaged[0].is_not_found(), "no commit names it");
    });
}

/// What the current manifest records is in memory, so a commit can write it anew.
#[test]
fn a_dataset_whose_current_manifest_was_damaged_can_still_be_committed_to() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        let one = user.insert("one");
        let named: Vec<_> = (0..300).map(|n| (n.to_string(), &one)).collect();
        let named: Vec<_> = named.iter().map(|(name, one)| (&**name, *one)).collect();
        // A root of more than 1 KiB: the next delta builds on this one.
        user.commit_texts(&named).expect("nothing fails");
        let manifest = places.saved.join("file_backed.manifest/0000000000000001");
        let mut bytes = fs::read(&manifest).expect("it is there");
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::remove_file(&manifest).expect("ours");
        fs::write(&manifest, bytes).expect("ours");
        let two = user.insert("two");
        let ends: Vec<_> = (0..3)
            .map(|_| user.library.blocking_edit(|edit| edit.put(&two)).map(drop))
            .collect();
        drop((one, two));
        end(user);
        for ended in ends {
            ended.expect("all that is needed is in memory");
        }
        end(places.user());
    });
}
