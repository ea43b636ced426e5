//! Names of items.

use std::sync::atomic::{AtomicBool, Ordering};

use file_backed::dataset::{NamedItem, Names};
use file_backed::fbstore::CodecId;

use super::*;
use crate::support::test;

impl User {
    /// Puts a new text under each name.
    fn put_named(&self, texts: &[(&str, &str)]) -> Committed {
        let done = self.library.blocking_edit(|edit| {
            for (name, text) in texts {
                edit.put_named(name, &self.insert(text))?;
            }
            Ok::<_, Error>(())
        });
        done.expect("nothing fails").1
    }

    pub(super) fn named(&self, name: &str) -> String {
        let item = self.library.blocking_get_named(&self.texts, name);
        let item = item.expect("an item has the name");
        item.blocking_read().expect("it is whole").clone()
    }

    fn all_names(&self) -> Vec<String> {
        texts(self.library.names().iter())
    }
}

fn texts(names: impl Iterator<Item = NamedItem>) -> Vec<String> {
    names.map(|item| item.name().to_owned()).collect()
}

fn key_of(names: &Names, name: &str) -> Key<String> {
    names.get(name).expect("it is there").key()
}

#[test]
fn items_are_found_by_their_names_also_after_a_restart() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        let done = user.put_named(&[("b", "text b"), ("a", "text a")]);
        assert_eq!((done.items, done.names, done.renamed), (2, 2, 2));
        let done = user.put_named(&[("c", "text c")]);
        assert_eq!((done.items, done.names, done.renamed), (3, 3, 1));
        assert_eq!(user.named("a"), "text a");
        end(user);

        for user in [places.user(), places.reader()] {
            assert_eq!(user.all_names(), ["a", "b", "c"]);
            assert_eq!(user.named("b"), "text b");
            let error = user.library.blocking_get_named(&user.texts, "d\u{1b}");
            let error = error.expect_err("no item has it");
            assert!(error.is_not_found());
            let text = error.to_string();
            assert!(text.contains(r#"has the name "d\u{1b}""#), "{text}");
            end(user);
        }
    });
}

#[test]
fn a_name_that_another_item_takes_over_replaces_the_item() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        user.put_named(&[("a", "one"), ("b", "two")]);
        let replaced = key_of(&user.library.names(), "a");
        let done = user.put_named(&[("a", "another")]);
        assert_eq!((done.items, done.removed, done.deleted), (2, 1, 1));
        assert_eq!((done.names, done.renamed), (2, 1));
        assert_eq!(user.named("a"), "another");
        assert!(!user.library.contains_key(replaced));

        // Moved over it, as a file.
        let done = user.library.blocking_edit(|edit| edit.rename("b", "a"));
        let (_, done) = done.expect("nothing fails");
        assert_eq!((done.items, done.names, done.renamed), (1, 1, 2));
        assert_eq!(
            (user.named("a"), user.all_names()),
            ("two".into(), vec!["a".into()])
        );
        end(user);
        assert_eq!(places.files().len(), 1);
    });
}

#[test]
fn an_item_with_several_names_stays_until_the_last_one_is_removed() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        user.put_named(&[("a", "text")]);
        let key = key_of(&user.library.names(), "a");
        let done = user.library.blocking_edit(|edit| edit.set_name("b", key));
        assert_eq!(done.expect("nothing fails").1.names, 2);
        assert_eq!(user.library.names().of(key), ["a", "b"]);
        user.put_named(&[("a", "another")]);
        assert_eq!(
            (user.named("a"), user.named("b")),
            ("another".into(), "text".into())
        );

        let done = user.library.blocking_edit(|edit| edit.remove_named("b"));
        let (_, done) = done.expect("nothing fails");
        assert_eq!((done.items, done.removed, done.names), (1, 1, 1));
        assert!(!user.library.contains_key(key));

        // Removed by its key, it loses its names.
        let key = key_of(&user.library.names(), "a");
        let done = user.library.blocking_edit(|edit| edit.remove(key));
        let (_, done) = done.expect("nothing fails");
        assert_eq!((done.items, done.names, done.renamed), (0, 0, 1));
        end(user);
    });
}

#[test]
fn names_are_listed_in_bytewise_order_by_prefix_and_range() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        let all = [
            "a",
            "a/",
            "a/1",
            "a/10",
            "a/2",
            "a0",
            "b",
            "z",
            "ä",
            "\u{10ffff}",
        ];
        let reversed: Vec<_> = all.iter().rev().map(|name| (*name, *name)).collect();
        user.put_named(&reversed);
        let names = user.library.names();
        assert_eq!(
            (names.len(), texts(names.iter())),
            (10, all.map(String::from).into())
        );
        assert_eq!(texts(names.prefix("a/")), ["a/", "a/1", "a/10", "a/2"]);
        assert_eq!(
            texts(names.prefix("a/").rev()),
            ["a/2", "a/10", "a/1", "a/"]
        );
        assert_eq!(texts(names.prefix("\u{10ffff}")), ["\u{10ffff}"]);
        assert!(names.prefix("c").next().is_none());
        assert_eq!(names.prefix("").count(), 10);
        assert_eq!(texts(names.range("a/1".."b")), ["a/1", "a/10", "a/2", "a0"]);
        assert_eq!(texts(names.range("b"..="z")), ["b", "z"]);
        assert_eq!(texts(names.range(.."a/")), ["a"]);
        assert!(names.range("b".."a").next().is_none());
        assert!(names.into_iter().all(|item| {
            let got = user.library.blocking_get(&user.texts, item.key::<String>());
            *got.expect("it is there")
                .blocking_read()
                .expect("it is whole")
                == item.name()
        }));
        end(user);
    });
}

#[test]
fn names_that_were_taken_do_not_change_with_later_commits() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        user.put_named(&[("a", "one")]);
        let before = user.library.names();
        user.put_named(&[("a", "another"), ("b", "two")]);
        assert_eq!(texts(before.iter()), ["a"]);
        assert_ne!(key_of(&before, "a"), key_of(&user.library.names(), "a"));
        let done = user.library.blocking_edit(|edit| {
            let before = edit.names_before();
            edit.remove_named("a")?;
            assert_eq!(texts(before.iter()), ["a", "b"]);
            assert!(edit.key_named::<String>("a").is_none());
            assert!(edit.key_named::<String>("b").is_some());
            Ok::<_, Error>(())
        });
        assert_eq!(done.expect("nothing fails").1.names, 1);
        end(user);
    });
}

#[test]
fn a_whole_commit_keeps_the_names_of_what_it_keeps() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        user.put_named(&[("a", "one"), ("b", "two"), ("c", "three"), ("d", "four")]);
        let names = user.library.names();
        let done = user.library.blocking_commit(|saver| {
            saver.keep_named("a")?;
            saver.keep(key_of(&names, "b"))?;
            // It takes a name of an item that is not kept, and one of its own.
            let new = user.insert("new");
            saver.save_named("c", &new)?;
            saver.save_named("e", &new)?;
            let error = saver.keep_named("f").expect_err("no item has the name");
            assert!(error.is_not_found());
            Ok::<_, Error>(Catalogue::default())
        });
        let done = done.expect("nothing fails");
        assert_eq!((done.items, done.kept, done.removed), (3, 2, 2));
        assert_eq!(user.all_names(), ["a", "b", "c", "e"]);
        assert_eq!(
            (user.named("b"), user.named("c")),
            ("two".into(), "new".into())
        );
        assert_eq!(user.named("e"), "new");
        end(user);
        assert_eq!(places.user().all_names(), ["a", "b", "c", "e"]);
    });
}

#[test]
fn a_name_that_cannot_be_one_is_refused_and_nothing_changes() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        user.put_named(&[("a", "text")]);
        let longest = "x".repeat(1024);
        let done = user.library.blocking_edit(|edit| {
            let item = user.insert("another");
            for name in ["", &format!("{longest}x")] {
                let error = edit
                    .put_named(name, &item)
                    .expect_err("it is too short or long");
                let text = error.to_string();
                assert!(text.contains("use one of 1 to 1024 bytes"), "{text}");
                assert!(edit.rename("a", name).is_err());
                let key = edit.key_named::<String>("a").expect("it still has it");
                assert!(edit.set_name(name, key).is_err());
                assert!(edit.remove_named(name).expect_err("no item").is_not_found());
            }
            let key = Key::<String>::from_uuid(item.key());
            assert!(!edit.contains_key(key));
            assert!(edit.set_name("b", key).expect_err("no item").is_not_found());
            assert!(edit.rename("b", "c").expect_err("no name").is_not_found());
            edit.rename("a", &longest)
        });
        let (_, done) = done.expect("nothing fails");
        assert_eq!((done.items, done.names, done.linked), (1, 1, 0));
        assert_eq!(user.named(&longest), "text");
        end(user);
    });
}

#[test]
fn the_last_change_of_a_name_in_an_edit_counts() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        user.put_named(&[("a", "one")]);
        let done = user.library.blocking_edit(|edit| {
            // Added under a name that another new item then takes.
            edit.put_named("b", &user.insert("not committed"))?;
            let kept = edit.put_named("b", &user.insert("two"))?;
            edit.put_named("c", &user.insert("not committed either"))?;
            edit.remove_named("c")?;
            edit.rename("b", "c")?;
            edit.set_name("d", kept)?;
            // Put again after it has lost its name.
            let again = user.insert("three");
            edit.put_named("e", &again)?;
            edit.put_named("e", &user.insert("nor this"))?;
            edit.put_named("e", &again)?;
            Ok::<_, Error>(())
        });
        let (_, done) = done.expect("nothing fails");
        assert_eq!((done.items, done.linked, done.removed), (3, 2, 0));
        assert_eq!(user.all_names(), ["a", "c", "d", "e"]);
        assert_eq!(user.named("e"), "three");
        assert_eq!(
            (user.named("c"), user.named("d")),
            ("two".into(), "two".into())
        );
        end(user);
        assert_eq!(places.files().len(), 3);
    });
}

#[test]
fn the_length_and_the_codec_of_an_item_are_known_without_its_file() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        user.library
            .blocking_edit(|edit| {
                edit.put_named("text", &user.insert("text"))?;
                edit.put_named("blob", &user.blobs.insert(vec![7; 100]))?;
                Ok::<_, Error>(())
            })
            .expect("nothing fails");
        let names = user.library.names();
        let item = names.get("blob").expect("it is there");
        let file = file_of(&places, item.key::<Vec<u8>>().uuid());
        assert_eq!(
            item.file_len(),
            fs::metadata(&file).expect("it is there").len()
        );
        fs::remove_file(file).expect("it is there");
        let again = user.library.names().get("blob").expect("it is there");
        assert_eq!(again.file_len(), item.file_len());
        assert_eq!(
            (item.codec(), item.schema()),
            (Some(CodecId::user(1)), None)
        );
        assert!(item.is_read_by(&user.blobs) && !item.is_read_by(&user.texts));
        let texts = names.iter().filter(|item| item.is_read_by(&user.texts));
        assert_eq!(super::names::texts(texts), ["text"]);
        end(user);
    });
}

/// Between the look-up of the name and that of its item, commits may replace the item.
#[test]
fn a_name_that_is_replaced_all_the_time_always_has_an_item() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        user.put_named(&[("a", "0")]);
        let ends = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for n in 1..100 {
                    user.put_named(&[("a", &n.to_string())]);
                }
                ends.store(true, Ordering::SeqCst);
            });
            let mut last = 0;
            while !ends.load(Ordering::SeqCst) {
                let read: u32 = user.named("a").parse().expect("a number");
                assert!(read >= last, "{read} after {last}");
                last = read;
            }
        });
        assert_eq!(user.named("a"), "99");
        end(user);
    });
}
