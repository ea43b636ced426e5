//! What a commit writes, keeps, links and deletes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use file_backed::dataset::{Key, Progress};
use parking_lot::Mutex;

use super::*;
use crate::support::test;

#[test]
fn items_of_several_types_can_be_read_after_a_restart() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        assert_eq!(user.library.generation(), 0);
        assert_eq!(*user.library.root(), Catalogue::default());
        let (text, blob) = (user.insert("a"), user.blobs.insert(vec![7; 100_000]));
        let committed = user.library.blocking_commit(|saver| {
            Ok::<_, Error>(Catalogue {
                texts: [("one".to_owned(), saver.save(&text)?)].into(),
                blobs: vec![saver.save(&blob)?, saver.save(&blob)?],
            })
        });
        let committed = committed.expect("nothing fails");
        assert_eq!((committed.generation, committed.items), (1, 2));
        assert_eq!((committed.linked, committed.kept), (2, 0));
        assert_eq!(committed.bytes, 1 + 64 + 100_000 + 64);
        assert_eq!(committed.linked_bytes, committed.bytes);
        let keys = user.library.all_keys();
        assert_eq!(keys, places.files());
        assert!(keys.is_sorted() && keys.contains(&text.key()));
        drop((text, blob));
        end(user);

        let user = places.user();
        assert_eq!(user.library.generation(), 1);
        assert_eq!(user.library.all_keys(), keys);
        assert_eq!(user.text("one"), "a");
        let blobs = &user.library.root().blobs;
        assert_eq!(blobs[0], blobs[1]);
        let blob = user.library.blocking_get(&user.blobs, blobs[0]);
        let blob = blob.expect("it is committed");
        assert_eq!(*blob.blocking_read().expect("it is whole"), [7; 100_000]);
    });
}

#[test]
fn the_async_methods_of_a_dataset_do_the_same() {
    test(|| {
        let places = Places::new();
        let store = places.store();
        places.runtime.block_on(async {
            let pool: Arc<FBPool<String, _>> = Arc::new(FBPool::new(store.clone(), 1));
            let library = Library::open(&store, places.path())
                .await
                .expect("it opens");
            let item = pool.insert("a".to_owned());
            let committed = library.commit(|saver| {
                let texts = [("one".to_owned(), saver.save(&item)?)].into();
                Ok::<_, Error>(Catalogue {
                    texts,
                    blobs: vec![],
                })
            });
            assert_eq!(committed.await.expect("nothing fails").generation, 1);
            let item = library.get(&pool, library.root().texts["one"]).await;
            let read = item.expect("it is committed").read_owned().await;
            assert_eq!(*read.expect("it is whole"), "a");
            let verified = library.verify(Default::default()).await;
            let verified = verified.expect("the runtime is there");
            assert!(verified.is_whole());
            assert_eq!((verified.files, verified.bytes), (1, 65));
            let reader = Library::open_read_only(&store, places.path()).await;
            assert_eq!(reader.expect("it opens").root(), library.root());
        });
    });
}

#[test]
fn a_commit_links_new_items_and_deletes_those_no_longer_named() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        let (a, mut b, c) = (user.insert("a"), user.insert("b"), user.insert("c"));
        user.commit_texts(&[("a", &a), ("b", &b)])
            .expect("nothing fails");
        let before = std::fs::metadata(file_of(&places, a.key())).expect("it is there");
        let old_key = b.key();
        b.blocking_write().expect("it is loaded").push('!');
        assert_ne!(b.key(), old_key);
        let committed = user.commit_texts(&[("a", &a), ("b", &b), ("c", &c)]);
        let committed = committed.expect("nothing fails");
        assert_eq!((committed.linked, committed.kept), (2, 1));
        assert_eq!((committed.deleted, committed.not_deleted), (1, 0));
        assert_eq!(committed.pinned, 0);
        assert_eq!(places.files(), user.library.all_keys());
        assert!(!places.files().contains(&old_key));
        let after = std::fs::metadata(file_of(&places, a.key())).expect("it is there");
        assert_eq!(before.modified().ok(), after.modified().ok());
        assert_eq!(user.text("b"), "b!");

        // A commit of nothing new costs nothing but the manifest.
        let again = user.commit_texts(&[("a", &a), ("b", &b), ("c", &c)]);
        let again = again.expect("nothing fails");
        assert_eq!((again.linked, again.kept, again.deleted), (0, 3, 0));
    });
}

/// In a large dataset, a commit registers only the items that it changes.
#[test]
fn items_can_be_kept_by_key_without_being_registered() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        let (a, b) = (user.insert("a"), user.insert("b"));
        user.commit_texts(&[("a", &a), ("b", &b)])
            .expect("nothing fails");
        drop((a, b));
        end(user);

        let user = places.user();
        let root = user.library.root();
        let committed = user.library.blocking_commit(|saver| {
            saver.keep(root.texts["a"])?;
            let texts = [("a".to_owned(), root.texts["a"])].into();
            Ok::<_, Error>(Catalogue {
                texts,
                blobs: vec![],
            })
        });
        assert_eq!(committed.expect("nothing fails").kept, 1);
        assert_eq!(places.files(), [root.texts["a"].uuid()]);

        let error = user.library.blocking_commit(|saver| {
            saver.keep(root.texts["b"])?;
            Ok::<_, Error>(Catalogue::default())
        });
        let error = error.expect_err("it is gone");
        assert!(error.is_not_found() && error.key() == Some(root.texts["b"].uuid()));
        let error = user.library.blocking_get(&user.texts, root.texts["b"]);
        assert!(error.expect_err("it is gone").is_not_found());
        assert_eq!(user.text("a"), "a");
    });
}

#[test]
fn an_error_or_a_panic_in_the_closure_leaves_the_previous_commit() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        let (a, mut b) = (user.insert("a"), user.insert("b"));
        user.commit_texts(&[("a", &a)]).expect("nothing fails");
        let files = places.files();

        let error = user.library.blocking_commit(|saver| {
            saver.save(&b)?;
            Err::<Catalogue, _>(failed())
        });
        error.expect_err("the closure fails");
        assert_eq!(places.files(), files, "what was linked is deleted again");

        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            user.library.blocking_commit(|saver| {
                saver.save(&b)?;
                panic!("on purpose");
                #[expect(unreachable_code, reason = "tells the type")]
                Ok::<_, Error>(Catalogue::default())
            })
        }));
        assert!(panicked.is_err());
        assert_eq!(
            (user.library.generation(), user.text("a")),
            (1, "a".to_owned())
        );
        // Nothing keeps the item from being changed or the dataset from being
        // committed to.
        b.blocking_write().expect("it is free").push('!');
        let committed = user.commit_texts(&[("a", &a), ("b", &b)]);
        assert_eq!(committed.expect("nothing fails").linked, 1);
        user.library.store().blocking_finished();
        assert_eq!(
            user.commit_texts(&[("b", &b)]).expect("nothing fails").kept,
            1
        );
        assert_eq!(places.files(), [b.key()]);
        assert_eq!(user.text("b"), "b!");
    });
}

#[test]
fn a_commit_saves_the_value_at_the_time_of_the_save() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        let mut item = user.insert("before");
        let committed = user.library.blocking_commit(|saver| {
            let key = saver.save(&item)?;
            item.blocking_write()?.push_str(" and after");
            let texts = [("a".to_owned(), key)].into();
            Ok::<_, Error>(Catalogue {
                texts,
                blobs: vec![],
            })
        });
        committed.expect("nothing fails");
        assert_eq!(user.text("a"), "before");
        assert_eq!(
            *item.blocking_read().expect("it is there"),
            "before and after"
        );
    });
}

/// JSON has no infinite numbers, so such a root would be committed and never be read
/// again.
#[test]
fn a_root_that_could_not_be_read_back_is_refused() {
    test(|| {
        let places = Places::new();
        let store = places.store();
        let library: Dataset<Vec<f64>, _> =
            Dataset::blocking_open(&store, places.path()).expect("it opens");
        let commit = |root: Vec<f64>| library.blocking_commit(|_| Ok::<_, Error>(root));
        let error = commit(vec![1.0, f64::INFINITY]).expect_err("JSON has none");
        assert!(error.to_string().contains("finite"), "{error}");
        assert_eq!(library.generation(), 0);
        let odd = vec![0.1 + 0.2, f64::MIN_POSITIVE, 1e300 / 3.0];
        commit(odd.clone()).expect("they are finite");
        drop(library);
        let library: Dataset<Vec<f64>, _> =
            Dataset::blocking_open(&store, places.path()).expect("it opens");
        assert_eq!(*library.root(), odd, "to the last bit");
    });
}

#[test]
fn items_of_another_store_are_refused() {
    test(|| {
        let (places, others) = (Places::new(), Places::new());
        let (user, other) = (places.user(), others.user());
        let item = other.insert("a");
        let error = user
            .commit_texts(&[("a", &item)])
            .expect_err("another store");
        assert_eq!(error.key(), Some(item.key()));
        let key = Key::from_uuid(item.key());
        let error = user.library.blocking_get(&other.texts, key).err();
        assert!(
            error
                .expect("another store")
                .to_string()
                .contains("a different store")
        );
    });
}

#[test]
fn progress_is_reported_until_every_item_is_linked() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        let items: Vec<_> = (0..100).map(|n| user.insert(&n.to_string())).collect();
        let told = Arc::new(Mutex::new(Vec::<Progress>::new()));
        let seen = told.clone();
        let committed = user.library.blocking_commit(|saver| {
            saver.on_progress(move |progress| seen.lock().push(progress));
            for item in &items {
                saver.save(item)?;
            }
            Ok::<_, Error>(Catalogue::default())
        });
        let committed = committed.expect("nothing fails");
        let told = told.lock();
        assert_eq!(told.len(), 100);
        let last = told.iter().max_by_key(|progress| progress.items);
        let last = last.expect("something was told");
        assert_eq!((last.items, last.items_total), (100, 100));
        assert_eq!(last.bytes, committed.linked_bytes);
    });
}

#[test]
fn a_panic_in_the_progress_callback_fails_only_that_commit() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        let mut item = user.insert("a");
        let commit = |is_bad: bool| {
            user.library.blocking_commit(|saver| {
                saver.on_progress(move |_| assert!(!is_bad, "on purpose"));
                let texts = [("a".to_owned(), saver.save(&item)?)].into();
                Ok::<_, Error>(Catalogue {
                    texts,
                    blobs: vec![],
                })
            })
        };
        assert!(commit(true).expect_err("it panics").is_panic());
        assert!(places.files().is_empty());
        commit(false).expect("it does not");
        assert_eq!(user.text("a"), "a");
        item.blocking_write().expect("it is free").push('!');
    });
}

/// Commits take turns, and gets run meanwhile.
#[test]
fn commits_and_gets_run_concurrently() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        let first = user.insert("always");
        user.commit_texts(&[("always", &first)])
            .expect("nothing fails");
        let last = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for thread in 0..3 {
                let (user, last, first) = (&user, &last, &first);
                scope.spawn(move || {
                    for n in 0..10 {
                        let item = user.insert(&format!("{thread} {n}"));
                        let commit = user.commit_texts(&[("always", first), ("item", &item)]);
                        let generation = commit.expect("nothing fails").generation;
                        last.fetch_max(generation, Ordering::Relaxed);
                        assert_eq!(user.text("always"), "always");
                    }
                });
            }
        });
        assert_eq!(last.into_inner(), 31);
        assert_eq!(user.library.generation(), 31);
        assert_eq!(places.files(), user.library.all_keys());
        assert_eq!(places.files().len(), 2);
    });
}

/// A change waits for the save of the value before it, and for nothing else.
#[test]
fn an_async_change_after_a_save_does_not_wait_for_the_commit() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        let mut item = user.insert("a");
        let committed = user.library.blocking_commit(|saver| {
            let mut root = Catalogue::default();
            root.texts.insert("one".to_owned(), saver.save(&item)?);
            crate::support::ByHand::new(item.write())
                .finish()?
                .push('!');
            Ok::<_, Error>(root)
        });
        committed.expect("nothing fails");
        assert_eq!(user.text("one"), "a");
        drop(item);
    });
}

/// A moved directory used to get a second committer under its new name, whose opening
/// deleted the files of a commit in flight.
#[test]
fn a_moved_dataset_cannot_be_opened_a_second_time() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        let item = user.insert("a");
        user.commit_texts(&[("a", &item)]).expect("nothing fails");
        let moved = places.saved.with_file_name("moved");
        std::fs::rename(&places.saved, &moved).expect("it is ours");
        let open = || {
            let path = PreparedPath::blocking_open(moved.clone()).expect("it is there");
            Library::blocking_open(&places.store(), path)
        };
        let error = open().expect_err("the first one is there");
        assert!(
            error.to_string().contains("already has it open to commit"),
            "{error}"
        );
        drop((item, user));
        assert_eq!(open().expect("it is free").generation(), 1);
    });
}
