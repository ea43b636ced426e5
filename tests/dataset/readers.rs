//! A reader sees one whole commit for as long as it likes.
//!
//! The lock of another process is simulated by a lock on another open file, which the
//! kernel treats in the same way. Real processes are in `processes.rs`.

use super::*;
use crate::support::test;

#[test]
fn files_pinned_by_a_reader_stay_until_it_is_dropped() {
    test(|| {
        let places = Places::new();
        let writer = places.user();
        let (a, b) = (writer.insert("a"), writer.insert("b"));
        writer.commit_texts(&[("text", &a)]).expect("nothing fails");
        let reader = places.reader();
        let committed = writer.commit_texts(&[("text", &b)]).expect("nothing fails");
        assert_eq!((committed.pinned, committed.deleted), (1, 0));
        assert_eq!(
            (reader.library.generation(), writer.library.generation()),
            (1, 2)
        );
        assert_eq!(reader.text("text"), "a");
        assert_eq!(
            places.reader().text("text"),
            "b",
            "who opens now sees the new one"
        );
        assert_eq!(places.files().len(), 2);

        // An item keeps what it was read from, also without the dataset.
        let key = reader.library.root().texts["text"];
        let item = reader
            .library
            .blocking_get(&reader.texts, key)
            .expect("it is there");
        drop(reader);
        let c = writer.insert("c");
        let committed = writer.commit_texts(&[("text", &c)]).expect("nothing fails");
        assert_eq!(
            (committed.pinned, committed.deleted),
            (1, 1),
            "b was pinned by nobody"
        );
        assert_eq!(*item.blocking_read().expect("it is pinned"), "a");
        let store = item.pool().store().clone();
        drop(item);
        store.blocking_finished();
        drop(store);
        let committed = writer.commit_texts(&[("text", &c)]).expect("nothing fails");
        assert_eq!((committed.pinned, committed.deleted), (0, 1));
        assert_eq!(places.files(), [c.key()]);
    });
}

/// The next writer respects the readers of the previous one.
#[test]
fn a_pin_of_a_reader_outlives_the_writer() {
    test(|| {
        let places = Places::new();
        let writer = places.user();
        let (a, b) = (writer.insert("a"), writer.insert("b"));
        writer.commit_texts(&[("text", &a)]).expect("nothing fails");
        let reader = places.reader();
        writer.commit_texts(&[("text", &b)]).expect("nothing fails");
        drop((a, b));
        end(writer);
        let writer = places.user();
        assert_eq!(
            (reader.text("text"), writer.text("text")),
            ("a".into(), "b".into())
        );
        let c = writer.insert("c");
        let committed = writer.commit_texts(&[("text", &c)]).expect("nothing fails");
        assert_eq!((committed.pinned, committed.deleted), (1, 1));
        assert_eq!(reader.text("text"), "a");
        end(reader);
        drop(c);
        end(writer);
        let writer = places.user();
        assert_eq!(places.files(), writer.library.all_keys());
    });
}

#[test]
fn a_read_only_dataset_changes_nothing_and_cannot_commit() {
    test(|| {
        let places = Places::new();
        let writer = places.user();
        let a = writer.insert("a");
        writer.commit_texts(&[("text", &a)]).expect("nothing fails");
        drop(a);
        end(writer);
        let names = || {
            let names = std::fs::read_dir(&places.saved).expect("it is there");
            names.count()
        };
        let before = names();
        let reader = places.reader();
        assert_eq!(reader.text("text"), "a");
        let error = reader.commit_texts(&[]).expect_err("it is read-only");
        assert_eq!(error.path(), Some(&*places.saved));
        assert!(
            reader
                .library
                .blocking_verify(Default::default())
                .expect("it reads")
                .is_whole()
        );
        assert_eq!(names(), before);
    });
}
