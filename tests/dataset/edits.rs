//! Edits, which name only what they change.

use super::*;
use crate::support::test;

/// Adds a text under its name in the root.
fn add(user: &User, name: &str, text: &Fb<String, B>) -> Committed {
    let done = user.library.blocking_edit(|edit| {
        let mut root = edit.root().clone();
        root.texts.insert(name.to_owned(), edit.put(text)?);
        edit.set_root(root);
        Ok::<_, Error>(())
    });
    done.expect("nothing fails").1
}

#[test]
fn an_edit_keeps_what_it_does_not_name_and_the_root() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        let (a, b, c) = (user.insert("a"), user.insert("b"), user.insert("c"));
        add(&user, "a", &a);
        let done = add(&user, "b", &b);
        assert_eq!((done.items, done.linked, done.kept), (2, 1, 1));
        let before = user.library.root();

        let done = user.library.blocking_edit(|edit| {
            edit.replace(Key::from_uuid(a.key()), &c)?;
            Ok::<_, Error>(())
        });
        let ((), done) = done.expect("nothing fails");
        assert_eq!((done.items, done.linked, done.kept), (2, 1, 1));
        assert_eq!((done.removed, done.deleted), (1, 1));
        assert!(Arc::ptr_eq(&before, &user.library.root()));
        assert_eq!(places.files(), user.library.all_keys());
        drop((a, b, c));
        end(user);

        let user = places.user();
        assert_eq!((user.library.generation(), user.text("b")), (3, "b".into()));
        assert_eq!(*user.library.root(), *before);
        assert_eq!(places.files(), user.library.all_keys());
    });
}

#[test]
fn the_last_change_of_an_item_in_an_edit_counts() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        let (a, b, c) = (user.insert("a"), user.insert("b"), user.insert("c"));
        add(&user, "a", &a);
        let key_of_a = Key::<String>::from_uuid(a.key());
        let done = user.library.blocking_edit(|edit| {
            // Removed and added again.
            edit.remove(key_of_a)?;
            assert!(!edit.contains_key(key_of_a));
            edit.put(&a)?;
            assert!(edit.contains_key(key_of_a));
            // Added and removed again.
            let key = edit.put(&b)?;
            edit.remove(key)?;
            assert!(!edit.contains_key(key));
            assert!(edit.remove(key).expect_err("it is gone").is_not_found());
            // And added after that.
            let key = edit.put(&c)?;
            edit.remove(key)?;
            edit.put(&c)?;
            assert!(edit.contains_key(key));
            Ok::<_, Error>(())
        });
        let ((), done) = done.expect("nothing fails");
        assert_eq!(
            (done.items, done.linked, done.kept, done.removed),
            (2, 1, 1, 0)
        );
        let mut expected = [a.key(), c.key()];
        expected.sort_unstable();
        assert_eq!(user.library.all_keys(), expected);
        assert_eq!(
            places.files(),
            expected,
            "what was removed again is deleted"
        );
    });
}

#[test]
fn a_failed_edit_changes_nothing() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        let (a, b) = (user.insert("a"), user.insert("b"));
        add(&user, "a", &a);
        let result = user.library.blocking_edit(|edit| {
            edit.remove(edit.root().texts["a"])?;
            edit.put(&b)?;
            edit.set_root(Catalogue::default());
            Err::<(), _>(failed())
        });
        result.expect_err("on purpose");
        let key = Key::<String>::from_uuid(b.key());
        let error = user.library.blocking_edit(|edit| edit.remove(key));
        let error = error.expect_err("it is not there");
        assert!(
            error.is_not_found() && error.key() == Some(b.key()),
            "{error}"
        );
        assert_eq!((user.library.generation(), user.text("a")), (1, "a".into()));
        assert_eq!(places.files(), [a.key()]);
    });
}

#[test]
fn edits_of_several_threads_build_on_each_other() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let user = &user;
                scope.spawn(move || {
                    for n in 0..10 {
                        let name = format!("{thread} {n}");
                        add(user, &name, &user.insert(&name));
                    }
                });
            }
        });
        assert_eq!(user.library.generation(), 40);
        let root = user.library.root();
        assert_eq!(root.texts.len(), 40);
        for name in root.texts.keys() {
            assert_eq!(user.text(name), *name);
        }
        assert_eq!(places.files(), user.library.all_keys());
    });
}

#[test]
fn the_async_form_of_an_edit_does_the_same() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        let a = user.insert("a");
        let done = places.runtime.block_on(user.library.edit(|edit| {
            let key = edit.put(&a)?;
            Ok::<_, Error>(key)
        }));
        let (key, done) = done.expect("nothing fails");
        assert_eq!(done.linked, 1);
        assert!(user.library.contains_key(key));
        assert_eq!(user.library.all_keys(), [a.key()]);
    });
}

#[test]
fn a_commit_can_keep_all_items() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        let (a, b) = (user.insert("a"), user.insert("b"));
        add(&user, "a", &a);
        let done = user.library.blocking_commit(|saver| {
            saver.keep_all();
            let mut root = Catalogue::clone(&user.library.root());
            root.texts.insert("b".to_owned(), saver.save(&b)?);
            Ok::<_, Error>(root)
        });
        assert_eq!(done.expect("nothing fails").kept, 1);
        assert_eq!((user.text("a"), user.text("b")), ("a".into(), "b".into()));
    });
}
