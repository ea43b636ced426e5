//! Options for opening a dataset.

use std::time::Duration;

use file_backed::dataset::{OpenOptions, VerifyOptions};

use super::*;
use crate::support::{ByHand, test};

const LONG: Duration = Duration::from_secs(600);

/// Texts that a program has persisted without a dataset.
fn persisted(places: &Places, texts: &[&str]) -> Vec<Uuid> {
    let store = places.store();
    let tracked = store
        .blocking_track_path(places.path())
        .expect("it is ours");
    let pool: Arc<FBPool<String, _>> = Arc::new(FBPool::new(store.clone(), 1));
    let mut keys = Vec::new();
    for text in texts {
        let item = pool.insert((*text).to_owned());
        item.blocking_persist(&tracked).expect("it is saved");
        keys.push(item.key());
    }
    store.blocking_finished();
    keys.sort_unstable();
    keys
}

fn open_with(places: &Places, options: &OpenOptions) -> Result<Library> {
    options.blocking_open(&places.store(), places.path())
}

#[test]
fn a_directory_of_persisted_items_becomes_a_dataset() {
    test(|| {
        let places = Places::new();
        let keys = persisted(&places, &["a", "b", "c"]);
        places.try_user().expect_err("a dataset would delete them");
        let library = open_with(&places, &OpenOptions::new().with_existing_items());
        let library = library.expect("they are whole");
        assert_eq!(
            (library.generation(), library.all_keys()),
            (0, keys.clone())
        );
        let store = library.store().clone();
        drop(library);
        store.blocking_finished();

        // From now on it is one like any other, and the option changes nothing.
        let library = open_with(&places, &OpenOptions::new().with_existing_items());
        drop(library.expect("it is a dataset"));
        let user = places.user();
        let verified = user.library.blocking_verify(VerifyOptions::all());
        assert!(verified.expect("it reads").is_whole());
        let edited = user.library.blocking_edit(|edit| {
            edit.set_name("first", Key::<String>::from_uuid(keys[0]))?;
            edit.remove(Key::<String>::from_uuid(keys[1]))
        });
        edited.expect("nothing fails");
        assert_eq!(places.files(), [keys[0], keys[2]]);
        user.named("first");
    });
}

#[test]
fn a_directory_with_a_damaged_item_becomes_no_dataset() {
    test(|| {
        let places = Places::new();
        let keys = persisted(&places, &["a", "b"]);
        let damaged = file_of(&places, keys[1]);
        fs::remove_file(&damaged).expect("it is there");
        fs::write(&damaged, "not an item").expect("it is ours");
        let error = open_with(&places, &OpenOptions::new().with_existing_items());
        let error = error.expect_err("it is damaged");
        assert!(error.is_damaged(), "{error}");
        assert_eq!(
            (error.key(), error.path()),
            (Some(keys[1]), Some(&*damaged))
        );
        assert!(
            Library::blocking_open_read_only(&places.store(), places.path())
                .is_err_and(|error| error.is_not_found())
        );

        let salvaged = OpenOptions::new().blocking_salvage::<Catalogue, _>(
            &places.store(),
            places.path(),
            VerifyOptions::all(),
        );
        let (library, salvaged) = salvaged.expect("one is whole");
        assert_eq!((salvaged.generation, salvaged.newest), (None, None));
        assert_eq!(
            (salvaged.damaged.len(), library.all_keys()),
            (1, vec![keys[0]])
        );
        assert_eq!(places.files(), keys);
    });
}

#[test]
fn opening_waits_for_a_dataset_of_this_process() {
    test(|| {
        let places = Places::with_empty_commit();
        let user = places.user();
        let store = places.store();
        let (path, options) = (places.path(), OpenOptions::new().lock_timeout(LONG));
        let waiting =
            std::thread::spawn(move || options.blocking_open::<Catalogue, _>(&store, path));
        end(user);
        let library = waiting.join().expect("no panic");
        assert_eq!(library.expect("the other one is gone").generation(), 1);
    });
}

#[test]
fn opening_waits_for_another_process() {
    test(|| {
        let places = Places::with_empty_commit();
        let lock = places.locked_elsewhere();
        let error = open_with(
            &places,
            &OpenOptions::new().lock_timeout(Duration::from_millis(1)),
        );
        assert!(error.expect_err("it is locked").is_in_use());
        let options = OpenOptions::new().lock_timeout(LONG);
        let (store, path) = (places.store(), places.path());
        let opened = places.runtime.block_on(async {
            let opening = ByHand::waiting(options.open::<Catalogue, _>(&store, path));
            drop(lock);
            opening.finish()
        });
        assert_eq!(opened.expect("the lock is free").generation(), 1);
    });
}
