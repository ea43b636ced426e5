//! Waiting for the next commit.

use std::time::Duration;

use super::*;
use crate::support::{ByHand, test};

/// A wait that is under way: the file work of its first look is done.
fn waiting<'a>(user: &'a User) -> ByHand<impl Future<Output = Result<u64>> + 'a> {
    let mut changed = ByHand::new(user.library.changed());
    for _ in 0..2 {
        assert!(changed.poll().is_pending());
        user.library.store().blocking_finished();
    }
    changed
}

/// The later commit that there is, without a wait.
fn changed_now(library: &Library) -> Option<u64> {
    let changed = library.blocking_changed(Some(Duration::ZERO));
    changed.expect("nothing fails")
}

fn commit(writer: &User, text: &str) -> u64 {
    let text = writer.insert(text);
    let committed = writer.commit_texts(&[("text", &text)]);
    committed.expect("nothing fails").generation
}

#[test]
fn a_commit_wakes_a_reader_which_moves_on_to_it() {
    test(|| {
        let places = Places::new();
        let writer = places.user();
        let mut reader = places.reader();
        let changed = waiting(&reader);
        assert_eq!(commit(&writer, "a"), 1);
        assert_eq!(changed.finish().expect("nothing fails"), 1);
        assert_eq!(reader.library.generation(), 0, "it still shows its commit");

        let latest = reader.library.latest();
        let latest = places.runtime.block_on(latest).expect("nothing fails");
        assert_eq!(latest.generation(), 1);
        reader.library = latest;
        assert_eq!(reader.text("text"), "a");
        assert_eq!(changed_now(&reader.library), None);
    });
}

#[test]
fn a_commit_wakes_a_thread_that_waits() {
    test(|| {
        let places = Places::new();
        let writer = places.user();
        let reader = places.reader();
        std::thread::scope(|scope| {
            for timeout in [None, Some(Duration::MAX), Some(Duration::from_secs(3600))] {
                let library = &reader.library;
                scope.spawn(move || {
                    let changed = library.blocking_changed(timeout);
                    assert_eq!(changed.expect("nothing fails"), Some(1));
                });
            }
            commit(&writer, "a");
        });
    });
}

#[test]
fn a_reader_of_the_same_store_is_woken_too() {
    test(|| {
        let places = Places::new();
        let writer = places.user();
        let path = PreparedPath::blocking_open_read_only(places.saved.clone());
        let path = path.expect("it is there");
        let store = writer.library.store();
        let reader = Library::blocking_open_read_only(store, path).expect("it opens");
        let changed = ByHand::waiting(reader.changed());
        commit(&writer, "a");
        assert_eq!(changed.finish().expect("nothing fails"), 1);
    });
}

/// What a dataset that commits shows has changed when the commit returns, not before.
#[test]
fn a_dataset_that_commits_waits_for_its_own_next_commit() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        assert_eq!(changed_now(&user.library), None);
        let mut changed = ByHand::waiting(user.library.changed());
        // No later commit than the one shown when it is called.
        let called = user.library.changed();
        assert!(user.library.blocking_commit(|_| Err(failed())).is_err());
        assert!(changed.poll().is_pending(), "that commit has failed");
        let generation = commit(&user, "a");
        assert_eq!(changed.finish().expect("nothing fails"), generation);
        let called = ByHand::new(called).poll();
        assert!(matches!(called, std::task::Poll::Ready(Ok(last)) if last == generation));
        assert_eq!(changed_now(&user.library), None, "it shows that commit");

        let latest = user.library.blocking_latest().expect("nothing fails");
        assert_eq!(latest.generation(), generation);
        let refused = latest.blocking_commit(|_| Ok::<_, Error>(Catalogue::default()));
        assert!(refused.is_err(), "it is read-only");
        commit(&user, "b");
        assert_eq!(changed_now(&latest), Some(generation + 1));
    });
}

#[test]
fn a_reader_that_follows_fifty_commits_sees_them_ascend_and_pins_few() {
    const COMMITS: u64 = 50;
    test(|| {
        let places = Places::new();
        let writer = places.user();
        let mut reader = places.reader();
        let handle = places.runtime.handle().clone();
        let following = std::thread::spawn(move || {
            let mut seen = vec![0];
            while seen.last() < Some(&COMMITS) {
                let changed = handle.block_on(reader.library.changed());
                let changed = changed.expect("nothing fails");
                reader.library = handle
                    .block_on(reader.library.latest())
                    .expect("nothing fails");
                let generation = reader.library.generation();
                assert!(generation >= changed);
                assert_eq!(reader.text("text"), generation.to_string());
                reader.library.store().blocking_finished();
                seen.push(generation);
            }
            end(reader);
            seen
        });
        for generation in 1..=COMMITS {
            let text = writer.insert(&generation.to_string());
            let committed = writer.commit_texts(&[("text", &text)]);
            let committed = committed.expect("nothing fails");
            // While it moves on, it has the commits before and after.
            assert!(committed.pinned <= 2, "{} are pinned", committed.pinned);
        }
        let seen = following.join().expect("it does not panic");
        assert!(seen.is_sorted_by(|one, other| one < other), "{seen:?}");
        let text = writer.insert("end");
        let committed = writer.commit_texts(&[("text", &text)]);
        assert_eq!(committed.expect("nothing fails").pinned, 0);
    });
}

/// Returns how many commits are pinned.
fn commit_again(writer: &User, text: &Fb<String, B>) -> u64 {
    let committed = writer.commit_texts(&[("text", text)]);
    committed.expect("nothing fails").pinned
}

#[test]
fn items_that_the_next_commit_has_too_stay_in_memory_and_pin_nothing() {
    test(|| {
        let places = Places::new();
        let writer = places.user();
        let text = writer.insert("a");
        writer
            .commit_texts(&[("text", &text)])
            .expect("nothing fails");
        let mut reader = places.reader();
        assert_eq!(reader.text("text"), "a");
        writer
            .commit_texts(&[("text", &text), ("again", &text)])
            .expect("nothing fails");
        reader.library = reader.library.blocking_latest().expect("nothing fails");
        assert_eq!(reader.text("again"), "a");
        let stats = reader.texts.stats();
        assert_eq!((stats.hits, stats.misses), (1, 1));

        // A handle keeps its own commit until it is dropped.
        let key = reader.library.root().texts["text"];
        let handle = reader.library.blocking_get(&reader.texts, key);
        let handle = handle.expect("it is committed");
        commit_again(&writer, &text);
        reader.library = reader.library.blocking_latest().expect("nothing fails");
        assert_eq!(commit_again(&writer, &text), 2);
        drop(handle);
        reader.texts.store().blocking_finished();
        assert_eq!(commit_again(&writer, &text), 1);
    });
}

#[test]
fn a_reader_is_woken_after_the_runtime_of_its_store_has_ended() {
    test(|| {
        let places = Places::new();
        let writer = places.user();
        let other = Places::at(places.saved.clone());
        let reader = other.reader();
        let changed = waiting(&reader);
        drop(other);
        commit(&writer, "a");
        assert_eq!(changed.finish().expect("nothing fails"), 1);
        let changed = reader.library.blocking_changed(None);
        assert_eq!(changed.expect("nothing fails"), Some(1));
    });
}

#[cfg(target_os = "linux")]
#[test]
fn the_wait_for_a_dataset_that_is_deleted_ends_with_an_error() {
    test(|| {
        let places = Places::with_empty_commit();
        let reader = places.reader();
        let changed = waiting(&reader);
        fs::remove_dir_all(&places.saved).expect("it is there");
        let error = changed.finish().expect_err("it is gone");
        assert!(error.is_not_found(), "{error}");
        assert_eq!(
            error.to_string(),
            format!(
                "could not wait for the next commit of the dataset ({}): the dataset was deleted, \
                 or its file system was unmounted, since it was opened: open it again once it is \
                 back",
                places.saved.display()
            )
        );
        let error = reader.library.blocking_changed(None);
        assert!(error.is_err_and(|error| error.is_not_found()));
        let error = reader.library.blocking_latest();
        assert!(error.is_err_and(|error| error.is_not_found()));
    });
}
