//! What a dataset finds after a restart, and who may open it.

use std::fs;

use super::*;
use crate::support::test;

#[test]
fn leftovers_of_an_interrupted_commit_are_deleted_and_nothing_else() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        let item = user.insert("a");
        user.commit_texts(&[("a", &item)]).expect("nothing fails");
        drop(item);
        end(user);

        let key = Uuid::from_u128(7);
        fs::write(file_of(&places, key), "linked, and never committed").expect("it is written");
        let left = format!("{}.{}.file_backed", key.simple(), "0".repeat(16));
        fs::write(places.saved.join("00").join(left), "a copy").expect("it is written");
        let manifests = places.saved.join("file_backed.manifest");
        fs::write(manifests.join("new"), "half of a manife").expect("it is written");
        let foreign = [
            places.saved.join("notes.txt"),
            places.saved.join("00/notes.txt"),
            manifests.join("notes.txt"),
        ];
        for path in &foreign {
            fs::write(path, "mine").expect("it is written");
        }
        // An earlier generation that nobody reads any more.
        let newest = manifests.join(format!("{:016x}", 1));
        let earlier = manifests.join(format!("{:016x}", 0));
        fs::copy(&newest, &earlier).expect("it is copied");

        let user = places.user();
        assert_eq!(user.text("a"), "a");
        assert!(!file_of(&places, key).exists() && !earlier.exists());
        for path in &foreign {
            assert_eq!(fs::read(path).expect("it is there"), b"mine");
            fs::remove_file(path).expect("it is there");
        }
        assert_eq!(places.files(), user.library.all_keys());
        let other = user.insert("b");
        user.commit_texts(&[("b", &other)])
            .expect("what was left is no hindrance");
        assert!(!manifests.join("new").exists());
    });
}

/// Without a dataset a directory has no manifest, so all of its items would be taken for
/// leftovers of an interrupted commit.
#[test]
fn items_persisted_without_a_dataset_are_never_deleted() {
    test(|| {
        let places = Places::new();
        let store = places.store();
        let tracked = store
            .blocking_track_path(places.path())
            .expect("it is ours");
        let pool: Arc<FBPool<String, _>> = Arc::new(FBPool::new(store.clone(), 1));
        let item = pool.insert("a".to_owned());
        item.blocking_persist(&tracked).expect("it is saved");
        drop(tracked);
        let error = places.try_user().expect_err("it is no dataset");
        assert!(error.to_string().contains("no commit names"), "{error}");
        assert_eq!(error.path(), Some(&*places.saved));
        assert_eq!(places.files(), [item.key()]);
        let reader = Library::blocking_open_read_only(&store, places.path());
        assert!(reader.expect_err("it is no dataset").is_not_found());
    });
}

#[test]
fn only_one_dataset_of_one_process_can_commit() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        for store in [user.library.store().clone(), places.store()] {
            let error = Library::blocking_open(&store, places.path());
            let error = error.expect_err("it is open");
            assert!(error.is_in_use(), "{error}");
            assert_eq!(error.path(), Some(&*places.saved));
        }
        end(user);
        let _lock = places.locked_elsewhere();
        assert!(places.try_user().expect_err("it is taken").is_in_use());
        assert_eq!(
            places.reader().library.generation(),
            0,
            "who reads needs no lock"
        );
    });
}

#[test]
fn a_root_of_another_type_is_a_mismatch() {
    test(|| {
        let places = Places::new();
        let store = places.store();
        let open = || Dataset::<u32, _>::blocking_open(&store, places.path());
        open()
            .expect("it is made")
            .blocking_commit(|_| Ok::<_, Error>(7))
            .expect("nothing fails");
        let error = places.try_user().expect_err("the root is a number");
        assert!(error.is_mismatch(), "{error}");
        let path = error.path().expect("it is a file").to_owned();
        assert_eq!(
            path,
            places.saved.join("file_backed.manifest/0000000000000001")
        );
        assert_eq!(*open().expect("it is the right type").root(), 7);
    });
}
