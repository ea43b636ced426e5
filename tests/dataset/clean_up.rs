//! Which files a commit deletes. It looks only at those that may be in no generation.

use super::*;
use crate::support::test;

/// A directory of a dataset can be tracked, and persisted to, beside the dataset.
#[test]
fn an_item_persisted_beside_the_dataset_goes_with_the_next_commit() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        let (a, b) = (user.insert("a"), user.insert("b"));
        user.commit_texts(&[("a", &a)]).expect("nothing fails");
        let beside = user.library.store().blocking_track_path(places.path());
        b.blocking_persist(&Arc::new(beside.expect("it is ours")))
            .expect("it is linked");
        assert_eq!(places.files().len(), 2);
        let committed = user.commit_texts(&[("a", &a)]).expect("nothing fails");
        assert_eq!((committed.removed, committed.deleted), (0, 1));
        assert_eq!(places.files(), [a.key()]);
        assert_eq!(*b.blocking_read().expect("it is in the cache"), "b");
    });
}

#[test]
fn an_item_that_comes_back_is_not_deleted_with_the_generation_that_had_it() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        let (a, b) = (user.insert("a"), user.insert("b"));
        user.commit_texts(&[("a", &a)]).expect("nothing fails");
        let first = places.reader();
        user.commit_texts(&[("b", &b)]).expect("nothing fails");
        let second = places.reader();
        user.commit_texts(&[("a", &a)]).expect("nothing fails");
        end(first);
        let committed = user.commit_texts(&[("a", &a)]).expect("nothing fails");
        assert_eq!((committed.pinned, committed.deleted), (1, 0));
        assert_eq!((user.text("a"), second.text("b")), ("a".into(), "b".into()));
        end(second);
        let committed = user.commit_texts(&[("a", &a)]).expect("nothing fails");
        assert_eq!((committed.pinned, committed.deleted), (0, 1));
        assert_eq!(places.files(), [a.key()]);
        assert_eq!(user.text("a"), "a");
    });
}

/// What only an earlier of two pinned generations names goes as soon as that is released.
#[test]
fn pinned_generations_are_released_in_any_order() {
    test(|| {
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0]] {
            let places = Places::new();
            let user = places.user();
            let texts = ["a", "b", "c"].map(|text| user.insert(text));
            let mut readers = Vec::new();
            for text in &texts {
                user.commit_texts(&[("text", text)]).expect("nothing fails");
                readers.push(Some(places.reader()));
            }
            user.commit_texts(&[]).expect("nothing fails");
            let mut expected: Vec<_> = texts.iter().map(Fb::key).collect();
            for n in order {
                end(readers[n].take().expect("it is there"));
                let committed = user.commit_texts(&[]).expect("nothing fails");
                assert_eq!(committed.deleted, 1);
                expected.retain(|key| *key != texts[n].key());
                let mut sorted = expected.clone();
                sorted.sort_unstable();
                assert_eq!(places.files(), sorted);
            }
        }
    });
}
