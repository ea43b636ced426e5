//! What a tool sees of a dataset without its types.

use file_backed::dataset::{Inspection, Snapshot};
use file_backed::fbstore::CodecId;

use super::*;
use crate::support::test;

/// A dataset whose two texts have names.
fn named() -> (Places, User) {
    let places = Places::new();
    let user = places.user();
    let (one, two) = (user.insert("one"), user.insert("two, longer"));
    let edited = user.library.blocking_edit(|edit| {
        edit.put_named("a/1", &one)?;
        edit.put_named("a/2", &two)?;
        Ok::<_, Error>(())
    });
    edited.expect("it is committed");
    (places, user)
}

fn inspect(places: &Places) -> Inspection {
    Inspection::blocking_open(&*places.saved).expect("it is a dataset")
}

fn key_of(found: &Inspection, name: &str) -> Uuid {
    let item = found.names().get(name).expect("it has the name");
    item.key::<()>().uuid()
}

#[test]
fn items_are_what_their_footers_say() {
    test(|| {
        let (places, _user) = named();
        let found = inspect(&places);
        assert_eq!(found.items().count(), 2);
        for item in found.items() {
            let file = found.blocking_file(item.key()).expect("it is there");
            assert_eq!(item.file_len(), file.len);
            assert_eq!(item.payload_len(), Some(file.footer.payload_len()));
            assert_eq!(item.codec(), Some(file.footer.codec()));
            assert_ne!(item.codec(), Some(CodecId::RKYV));
        }
        assert!(found.item(Uuid::nil()).is_none());
    });
}

/// The sink ends the reading with its own error, and gets nothing of another file.
#[test]
fn a_payload_is_read_in_pieces_until_the_sink_fails() {
    test(|| {
        let (places, user) = named();
        let long = "x".repeat((2 << 20) + 1);
        let put = user.library.blocking_put_named("long", &user.insert(&long));
        put.expect("it is committed");
        let found = inspect(&places);
        let mut pieces = Vec::new();
        let footer = found.blocking_read_payload(key_of(&found, "long"), |bytes| {
            pieces.push(bytes.to_vec());
            Ok::<_, Error>(())
        });
        let footer = footer.expect("it is whole");
        assert_eq!(pieces.len(), 3);
        assert_eq!(pieces.concat().len() as u64, footer.payload_len());

        #[derive(Debug)]
        enum Stop {
            Sink,
            Item(Error),
        }
        impl From<Error> for Stop {
            fn from(error: Error) -> Self {
                Self::Item(error)
            }
        }
        let mut calls = 0;
        let stopped = found.blocking_read_payload(key_of(&found, "long"), |_| {
            calls += 1;
            Err(Stop::Sink)
        });
        assert!(matches!(stopped, Err(Stop::Sink)) && calls == 1);

        let (one, two) = (key_of(&found, "a/1"), key_of(&found, "a/2"));
        let file = key_path(&places.saved, one);
        fs::remove_file(&file).expect("it is there");
        let missing = found.blocking_read_payload(one, |_| Err(Stop::Sink));
        assert!(matches!(missing, Err(Stop::Item(error)) if error.is_not_found()));
        fs::copy(key_path(&places.saved, two), &file).expect("it is copied");
        let other = found.blocking_read_payload(one, |_| Err(Stop::Sink));
        let Err(Stop::Item(error)) = other else {
            panic!("it is another file: {other:?}");
        };
        assert!(error.is_damaged());
        assert_eq!((error.key(), error.path()), (Some(one), Some(&*file)));
    });
}

#[test]
fn a_pinned_generation_is_inspected_by_its_number() {
    test(|| {
        let (places, user) = named();
        let snapshot = user.library.blocking_snapshot().expect("it is pinned");
        let removed = user.library.blocking_edit(|edit| edit.remove_named("a/1"));
        removed.expect("it is committed");
        let first = Inspection::blocking_open_generation(&*places.saved, 1).expect("it is pinned");
        // It has a pin of its own.
        drop(snapshot);
        let again = user.library.blocking_edit(|edit| edit.remove_named("a/2"));
        again.expect("it is committed");
        assert_eq!(first.generations().expect("they are listed"), [1, 3]);
        assert_eq!((first.generation(), first.names().len()), (Some(1), 2));
        let key = key_of(&first, "a/1");
        let read = first.blocking_read_payload(key, |_| Ok::<_, Error>(()));
        read.expect("its files stay");
        let error = Inspection::blocking_open_generation(&*places.saved, 2);
        let error = error.expect_err("it is gone");
        assert!(error.is_not_found());
        let text = "generation 2 is not on the disk, only 1, 3: a commit removes the earlier ones that no reader has pinned";
        assert!(error.to_string().ends_with(text), "{error}");
    });
}

/// A generation that cannot be read may need any file.
#[test]
fn nothing_is_unused_if_a_pinned_generation_cannot_be_read() {
    test(|| {
        let (places, user) = named();
        let snapshot = Snapshot::blocking_open(&*places.saved).expect("it is pinned");
        let removed = user.library.blocking_edit(|edit| edit.remove_named("a/1"));
        removed.expect("it is committed");
        let found = inspect(&places);
        assert!(found.blocking_unused().expect("it reads").is_empty());
        let bytes = found.blocking_manifest_bytes().expect("they are counted");
        let files = fs::read_dir(places.saved.join("file_backed.manifest")).expect("it is there");
        let lens = files.map(|file| file.and_then(|file| file.metadata()).expect("a file").len());
        assert_eq!(bytes, lens.sum::<u64>());

        let manifest = places.saved.join("file_backed.manifest/0000000000000001");
        let mut options = fs::File::options();
        make_writable(&manifest);
        let damaged = options.write(true).open(&manifest).expect("it opens");
        damaged.set_len(40).expect("it is shortened");
        let error = found.blocking_unused().expect_err("it cannot be read");
        assert!(error.is_damaged(), "{error}");
        drop(snapshot);
        let unused = found.blocking_unused().expect("nobody needs it");
        assert!(
            unused
                .iter()
                .any(|file| file.path == manifest && file.len == 40)
        );
        assert!(unused.iter().any(|file| file.key.is_some()));
    });
}

fn make_writable(path: &Path) {
    let mut permissions = fs::metadata(path).expect("it is there").permissions();
    #[expect(
        clippy::permissions_set_readonly_false,
        reason = "it is a test's own file"
    )]
    permissions.set_readonly(false);
    fs::set_permissions(path, permissions).expect("it is ours");
}
