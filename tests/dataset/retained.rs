//! The items of a dataset belong to the dataset, not to the handles.

use super::*;
use crate::support::{ByHand, test};

/// The dataset with the texts "a" and "b", which no process has open.
fn committed() -> Places {
    let places = Places::new();
    let user = places.user();
    let (a, b) = (user.insert("text a"), user.insert("text b"));
    user.commit_texts(&[("a", &a), ("b", &b)])
        .expect("nothing fails");
    drop((a, b));
    end(user);
    places
}

impl User {
    fn get(&self, name: &str) -> Fb<String, B> {
        let key = self.library.root().texts[name];
        let item = self.library.blocking_get(&self.texts, key);
        item.expect("it is committed")
    }

    /// Commits the texts of these names again, and nothing else.
    fn keep(&self, names: &[&str]) -> Committed {
        let kept = self.library.blocking_commit(|saver| {
            let mut root = Catalogue::clone(&self.library.root());
            root.texts.retain(|name, _| names.contains(&name.as_str()));
            for key in root.texts.values() {
                saver.keep(*key)?;
            }
            Ok::<_, Error>(root)
        });
        kept.expect("nothing fails")
    }

    fn cached_files(&self) -> Vec<Uuid> {
        self.texts.store().blocking_finished();
        let stats = self.texts.stats();
        assert_eq!(stats.failed_deletions, 0);
        files_below(&self.cache)
    }

    /// Hits and misses of the pool.
    fn loads(&self) -> (u64, u64) {
        let stats = self.texts.stats();
        (stats.hits, stats.misses)
    }
}

#[test]
fn getting_reading_and_dropping_an_item_loads_it_once() {
    test(|| {
        let places = committed();
        for user in [places.user(), places.reader()] {
            for _ in 0..100 {
                assert_eq!(user.text("a"), "text a");
            }
            assert_eq!(user.loads(), (99, 1));
            let stats = user.texts.stats();
            assert_eq!((stats.items, stats.retained, stats.resident), (0, 1, 1));
            assert!(stats.retained_bytes >= "text a".len() as u64);
            assert!(user.cached_files().is_empty(), "it is read where it is");

            let item = user.get("a");
            let stats = user.texts.stats();
            assert_eq!(
                (stats.items, stats.retained, stats.retained_bytes),
                (1, 0, 0)
            );
            drop(item);
            end(user);
        }
    });
}

#[test]
fn prefetched_items_stay_in_memory_without_handles() {
    test(|| {
        let places = committed();
        let user = places.user();
        let keys: Vec<_> = user.library.root().texts.values().copied().collect();
        let missing = Key::from_uuid(Uuid::nil());
        let wanted = [keys[0], missing, keys[1]];
        let first = user.library.blocking_prefetch(&user.texts, wanted);
        assert_eq!((first.loaded, first.failed), (2, 1));
        assert_eq!(
            first.first_error.and_then(|error| error.key()),
            Some(missing.uuid())
        );
        let again = ByHand::new(user.library.prefetch(&user.texts, keys)).finish();
        assert_eq!((again.resident, again.failed), (2, 0));
        assert_eq!(
            (user.text("a"), user.text("b")),
            ("text a".to_owned(), "text b".to_owned())
        );
        assert_eq!(user.loads(), (2, 2), "both reads are hits");
        assert_eq!(user.texts.stats().items, 0);
        end(user);
    });
}

#[test]
fn an_async_get_makes_no_system_call_and_does_not_wait() {
    test(|| {
        let places = committed();
        let user = places.reader();
        let key = user.library.root().texts["a"];
        fs::remove_file(file_of(&places, key.uuid())).expect("it is there");
        let got = crate::support::ByHand::new(user.library.get(&user.texts, key)).poll();
        let std::task::Poll::Ready(Ok(item)) = got else {
            panic!("there is nothing to wait for")
        };
        let error = item.blocking_read().expect_err("the file is gone");
        assert!(error.is_not_found());
        drop(item);
        end(user);
    });
}

#[test]
fn handles_that_were_got_separately_share_an_item() {
    test(|| {
        let places = committed();
        let user = places.user();
        let (one, mut other) = (user.get("a"), user.get("a"));
        assert_eq!(user.texts.size(), 1);
        assert_eq!(*one.blocking_read().expect("it is whole"), "text a");
        assert!(other.try_load().is_some());

        other.blocking_write().expect("it is copied").push('!');
        assert_eq!(*one.blocking_read().expect("it is unchanged"), "text a");
        assert_eq!(user.texts.size(), 2);
        drop(one);
        assert_eq!(user.text("a"), "text a");
        assert_eq!(*other.blocking_read().expect("it is there"), "text a!");
        drop(other);
        end(user);
    });
}

#[test]
fn many_items_are_got_in_their_order_or_none() {
    test(|| {
        let places = committed();
        let user = places.user();
        let live = user.get("b");
        let root = user.library.root();
        let keys = ["b", "a", "b"].map(|name| root.texts[name]);
        let got = user.library.blocking_get_many(&user.texts, keys);
        let got = got.expect("they are committed");
        assert!(got.iter().map(Fb::key).eq(keys.map(Key::uuid)));
        assert_eq!(user.texts.size(), 2, "the live item is one of them");

        let unknown = Key::from_uuid(Uuid::from_u128(7));
        let keys = keys.into_iter().chain([unknown]);
        let by_future = user.library.get_many(&user.texts, keys);
        let error = places
            .runtime
            .block_on(by_future)
            .expect_err("one is unknown");
        assert!(error.is_not_found());
        assert_eq!(error.key(), Some(unknown.uuid()));
        drop((live, got));
        assert_eq!(user.texts.size(), 0);
        end(user);
    });
}

#[test]
fn a_committed_value_stays_in_memory_after_its_last_handle() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        let item = user.insert("text");
        user.commit_texts(&[("a", &item)]).expect("nothing fails");
        assert_eq!(user.cached_files(), [item.key()]);
        drop(item);
        assert_eq!(user.texts.stats().retained, 1);
        assert_eq!(user.text("a"), "text");
        assert_eq!(user.loads(), (1, 0));
        assert!(user.cached_files().is_empty(), "the dataset has the file");
        end(user);
    });
}

#[test]
fn a_value_whose_commit_failed_goes_with_its_last_handle() {
    test(|| {
        let places = Places::with_empty_commit();
        let user = places.user();
        let item = user.insert("text");
        let failed = user.library.blocking_commit(|saver| {
            saver.save(&item)?;
            Err::<Catalogue, _>(failed())
        });
        failed.expect_err("the closure fails");
        drop(item);
        let stats = user.texts.stats();
        assert_eq!((stats.retained, stats.resident), (0, 0));
        end(user);
    });
}

#[test]
fn values_without_a_handle_are_evicted_in_their_order() {
    test(|| {
        let places = Places::new();
        let writer = places.user();
        let texts: Vec<_> = (0..5).map(|n| writer.insert(&n.to_string())).collect();
        let names: Vec<_> = (0..5).map(|n| n.to_string()).collect();
        let named: Vec<_> = names.iter().map(String::as_str).zip(&texts).collect();
        writer.commit_texts(&named).expect("nothing fails");
        drop(texts);
        end(writer);

        let mut user = places.reader();
        user.texts = Arc::new(FBPool::new(user.library.store().clone(), 2));
        for name in &names {
            assert_eq!(user.text(name), *name);
        }
        let stats = user.texts.stats();
        assert_eq!((stats.retained, stats.resident), (2, 2));
        assert_eq!((user.text("4"), user.text("3")), ("4".into(), "3".into()));
        assert_eq!(user.loads(), (2, 5));
        assert_eq!(user.text("0"), "0");
        assert_eq!(user.loads(), (2, 6));

        user.texts.release_unused();
        let stats = user.texts.stats();
        assert_eq!(
            (stats.retained, stats.retained_bytes, stats.resident),
            (0, 0, 0)
        );
        end(user);
    });
}

#[test]
fn a_pool_that_retains_nothing_drops_the_value_with_the_last_handle() {
    test(|| {
        let places = committed();
        let mut user = places.reader();
        let builder = FBPool::builder(user.library.store().clone());
        user.texts = builder.retain_unused(false).build();
        assert_eq!(
            (user.text("a"), user.text("a")),
            ("text a".into(), "text a".into())
        );
        assert_eq!(user.loads(), (0, 2));
        assert_eq!(
            (user.texts.stats().retained, user.texts.stats().resident),
            (0, 0)
        );
        end(user);
    });
}

#[test]
fn a_handle_outlives_the_commit_that_deletes_its_file() {
    test(|| {
        let places = committed();
        let user = places.user();
        let (absent, resident) = (user.get("a"), user.get("b"));
        drop(resident.blocking_read().expect("it is whole"));
        let (a, b) = (absent.key(), resident.key());
        let committed = user.keep(&[]);
        assert_eq!(committed.deleted, 2);
        assert!(places.files().is_empty());
        let mut linked = [a, b];
        linked.sort_unstable();
        assert_eq!(user.cached_files(), linked, "handles need them");
        user.texts.release_unused();
        assert_eq!(*absent.blocking_read().expect("it is kept"), "text a");
        assert_eq!(*resident.blocking_read().expect("it is kept"), "text b");
        let got = user
            .library
            .blocking_get::<String>(&user.texts, Key::from_uuid(a));
        assert!(got.expect_err("it is gone").is_not_found());

        // It is an item like any other now, and can be committed again.
        user.commit_texts(&[("again", &absent)])
            .expect("it is there");
        drop((absent, resident));
        assert_eq!(user.text("again"), "text a");
        assert!(user.cached_files().is_empty());
        end(user);
    });
}

/// A handle keeps the lock of the directory, which the process shares, and no more.
#[test]
fn a_dataset_can_be_opened_again_while_a_handle_of_it_lives() {
    test(|| {
        let places = committed();
        let mut user = places.user();
        let item = user.get("a");
        let store = user.library.store().clone();
        let root = user.library.root();
        user.library = places.reader_on(&store);
        user.library = Library::blocking_open(&store, places.path()).expect("it opens again");
        assert_eq!(user.library.root(), root);
        assert_eq!(user.keep(&["b"]).deleted, 1);
        assert_eq!(*item.blocking_read().expect("it is kept"), "text a");
        drop(item);
        end(user);
    });
}

#[test]
fn a_commit_ends_values_without_a_handle_whose_file_it_deletes() {
    test(|| {
        let places = committed();
        let mut user = places.user();
        let key = user.library.root().texts["a"];
        let texts = [(); 2].map(|()| {
            user.texts = Arc::new(FBPool::new(user.library.store().clone(), 10));
            assert_eq!((user.text("a").len(), user.text("b").len()), (6, 6));
            user.texts.clone()
        });
        user.keep(&["b"]);
        for pool in &texts {
            assert_eq!(pool.stats().retained, 1);
            let got = user.library.blocking_get(pool, key);
            assert!(got.expect_err("it is gone").is_not_found());
        }
        assert!(user.cached_files().is_empty(), "no handle needed it");
        drop(texts);
        end(user);
    });
}

#[test]
fn an_item_of_the_dataset_is_kept_by_a_commit_that_names_it() {
    test(|| {
        let places = committed();
        let user = places.user();
        let item = user.get("a");
        let committed = user.commit_texts(&[("a", &item)]).expect("nothing fails");
        assert_eq!((committed.kept, committed.linked), (1, 0));
        let elsewhere = PreparedPath::blocking_temp().expect("a directory");
        let elsewhere = user.library.store().blocking_track_path(elsewhere);
        let elsewhere = elsewhere.expect("it is tracked");
        item.blocking_persist(&elsewhere).expect("it is linked");
        assert!(elsewhere.contains_key(item.key()));
        drop((item, elsewhere));
        end(user);
    });
}

#[test]
fn values_end_with_the_dataset_and_leave_no_pin() {
    test(|| {
        let places = committed();
        let writer = places.user();
        let reader = places.reader();
        assert_eq!(reader.text("a"), "text a");
        let User { library, texts, .. } = reader;
        drop(library);
        let stats = texts.stats();
        assert_eq!((stats.retained, stats.resident), (0, 0));
        assert_eq!(writer.keep(&["b"]).pinned, 0, "no value holds a pin");
        drop(texts);
        end(writer);
    });
}

#[test]
fn a_pool_that_is_dropped_ends_its_values_without_a_handle() {
    test(|| {
        let places = committed();
        let (writer, reader) = (places.user(), places.reader());
        assert_eq!(reader.text("a"), "text a");
        let User { library, texts, .. } = reader;
        drop(texts);
        let store = library.store().clone();
        drop(library);
        store.blocking_finished();
        assert_eq!(writer.keep(&[]).pinned, 0);
        end(writer);
    });
}

impl Places {
    /// Another dataset at the path, on a store that has one already.
    fn reader_on(&self, store: &Store) -> Library {
        let path = PreparedPath::blocking_open_read_only(self.saved.clone());
        let path = path.expect("it is there");
        Library::blocking_open_read_only(store, path).expect("it opens")
    }
}

#[test]
fn values_move_with_a_reader_to_the_next_commit() {
    test(|| {
        let places = committed();
        let (writer, mut reader) = (places.user(), places.reader());
        assert_eq!(
            (reader.text("a"), reader.text("b")),
            ("text a".into(), "text b".into())
        );
        writer.keep(&["b"]);
        reader.library = places.reader_on(reader.library.store());
        assert_eq!(reader.texts.stats().retained, 1, "the other is not in it");
        assert_eq!(reader.text("b"), "text b");
        assert_eq!(reader.loads(), (1, 2));
        assert_eq!(
            writer.keep(&["b"]).pinned,
            1,
            "the first commit is not pinned"
        );
        end(reader);
        end(writer);
    });
}

#[test]
fn an_item_of_the_earlier_commit_is_found_while_both_are_open() {
    test(|| {
        let places = committed();
        let (writer, mut reader) = (places.user(), places.reader());
        let held = reader.get("b");
        drop(held.blocking_read().expect("it is whole"));
        writer.keep(&["b"]);
        let later = places.reader_on(reader.library.store());
        let earlier = std::mem::replace(&mut reader.library, later);
        let found = reader.get("b");
        assert_eq!(reader.texts.size(), 1);
        assert!(found.try_load().is_some());
        drop(earlier);
        assert_eq!(writer.keep(&["b"]).pinned, 1, "the handle moved too");
        drop((held, found));
        end(reader);
        end(writer);
    });
}

/// A reader that follows each commit holds the pins of the last two at most, and loads an
/// item that stays once.
///
/// A process that another test starts has copies of all locks for a moment, so a commit may
/// find one pin more now and then.
#[test]
fn a_reader_that_follows_a_thousand_commits_holds_few_pins_and_files() {
    test(|| {
        let places = committed();
        let (writer, mut reader) = (places.user(), places.reader());
        let mut pins = 0;
        for generation in 0..1000 {
            let kept = writer.get("a");
            let new = writer.insert(&generation.to_string());
            let committed = writer.commit_texts(&[("a", &kept), ("new", &new)]);
            let committed = committed.expect("nothing fails");
            pins += committed.pinned;
            drop((kept, new));
            reader.library = places.reader_on(reader.library.store());
            assert_eq!(reader.text("new"), generation.to_string());
            assert_eq!(reader.text("a"), "text a");
            // Two of this commit, and one more of each that is pinned.
            assert!(places.files().len() as u64 <= 2 + committed.pinned);
            assert!(reader.texts.stats().retained <= 2);
        }
        assert!(pins <= 2 * 1000 + 50, "{pins} pins in all");
        assert_eq!(reader.loads(), (999, 1001));
        end(reader);
        end(writer);
    });
}

/// A handle outlives its dataset, which is opened again and deletes the file: the
/// keys of the place, and with them its number, are new, so `keep_items` passes the item over.
#[test]
fn a_handle_of_an_earlier_opening_keeps_its_file() {
    test(|| {
        let places = committed();
        let (store, _) = places.store_and_cache();
        let pool: Arc<FBPool<String, B>> = Arc::new(FBPool::new(store.clone(), 10));
        let library = Library::blocking_open(&store, places.path()).expect("it opens");
        let key = library.root().texts["a"];
        let item = library.blocking_get(&pool, key).expect("it is there");
        drop(library);
        let again = Library::blocking_open(&store, places.path()).expect("it opens");
        let deleted = again.blocking_commit(|_| Ok::<_, Error>(Catalogue::default()));
        assert_eq!(deleted.expect("nothing fails").deleted, 2);
        assert_eq!(*item.blocking_read().expect("handles stay good"), "text a");
    });
}

/// The same, opened again with another store of the process.
#[test]
fn a_handle_of_another_store_keeps_its_file() {
    test(|| {
        let places = committed();
        let (store, _) = places.store_and_cache();
        let pool: Arc<FBPool<String, B>> = Arc::new(FBPool::new(store.clone(), 10));
        let library = Library::blocking_open(&store, places.path()).expect("it opens");
        let key = library.root().texts["a"];
        let item = library.blocking_get(&pool, key).expect("it is there");
        drop(library);
        let again = places.try_user().expect("it opens");
        let deleted = again.blocking_commit(|_| Ok::<_, Error>(Catalogue::default()));
        assert_eq!(deleted.expect("nothing fails").deleted, 2);
        assert_eq!(*item.blocking_read().expect("handles stay good"), "text a");
    });
}
