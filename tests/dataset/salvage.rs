//! Opening what is left of a dataset that is damaged.

use std::io::SeekFrom;

use file_backed::dataset::{OpenOptions, Salvaged, Snapshot, VerifyOptions};

use super::damage::flip;
use super::*;
use crate::support::test;

/// A named item: its name, its text, and its key.
type Named = (&'static str, &'static str, Uuid);

/// A process commits an item under each name, one by one, and ends.
fn committed(places: &Places, texts: &[(&'static str, &'static str)]) -> Vec<Named> {
    let user = places.user();
    let put = |(name, text): &(&'static str, &'static str)| {
        let item = user.insert(text);
        let edited = user
            .library
            .blocking_edit(|edit| edit.put_named(name, &item));
        edited.expect("nothing fails");
        (
            *name,
            *text,
            user.library
                .key_named::<String>(name)
                .expect("it is put")
                .uuid(),
        )
    };
    let named = texts.iter().map(put).collect();
    end(user);
    named
}

impl Places {
    pub(super) fn salvage(&self) -> (User, Salvaged) {
        self.salvage_verifying(VerifyOptions::all())
    }

    fn salvage_verifying(&self, verify: VerifyOptions) -> (User, Salvaged) {
        let (store, cache) = self.store_and_cache();
        let salvaged = OpenOptions::new().blocking_salvage(&store, self.path(), verify);
        let (library, salvaged) = salvaged.expect("something is left");
        let user = User {
            cache,
            library,
            texts: Arc::new(FBPool::new(store.clone(), 10)),
            blobs: Arc::new(FBPool::new(store, 10)),
        };
        (user, salvaged)
    }

    /// Copies the dataset, and returns where the copy is.
    fn back_up(&self) -> PathBuf {
        let to = self.saved.with_file_name("backup");
        let snapshot = Snapshot::blocking_open(&*self.saved).expect("it is there");
        let copied = snapshot.blocking_copy_to(to.clone());
        assert_eq!(copied.expect("it is whole").items, 2);
        to
    }

    fn manifest(&self, name: &str) -> PathBuf {
        self.saved.join("file_backed.manifest").join(name)
    }

    /// Every file below the dataset, with its bytes.
    fn everything(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut directories = vec![self.saved.clone()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).expect("it is there") {
                let path = entry.expect("an entry").path();
                match path.is_dir() {
                    true => directories.push(path),
                    false => {
                        found.insert(path.clone(), fs::read(&path).expect("it is there"));
                    }
                }
            }
        }
        found
    }
}

/// The item that has this name in a backup.
fn of_backup(user: &User, backup: PathBuf, name: &str) -> Fb<String, B> {
    let path = PreparedPath::blocking_open_read_only(backup).expect("it is there");
    let backup = Library::blocking_open_read_only(user.library.store(), path);
    let item = backup
        .expect("it opens")
        .blocking_get_named(&user.texts, name);
    item.expect("it has the name")
}

fn overwrite(path: &Path, bytes: &[u8]) {
    fs::remove_file(path).expect("it is there");
    fs::write(path, bytes).expect("it is ours");
}

fn damage(path: &Path) {
    flip(path, SeekFrom::Start(0));
}

fn names(user: &User) -> Vec<String> {
    user.library
        .names()
        .iter()
        .map(|item| item.name().to_owned())
        .collect()
}

#[test]
fn damaged_and_missing_items_are_listed_and_the_others_can_be_read() {
    test(|| {
        let places = Places::new();
        let all = committed(
            &places,
            &[("a", "text a"), ("b", "text b"), ("c", "text c")],
        );
        let user = places.user();
        let renamed = user
            .library
            .blocking_edit(|edit| edit.set_name("alias", Key::<String>::from_uuid(all[0].2)));
        renamed.expect("nothing fails");
        end(user);
        let missing = file_of(&places, all[0].2);
        fs::remove_file(&missing).expect("it is there");
        damage(&file_of(&places, all[1].2));
        assert!(
            places
                .try_user()
                .expect_err("a file is missing")
                .is_damaged()
        );

        let before = places.everything();
        let (user, salvaged) = places.salvage();
        assert!(!salvaged.is_whole());
        assert_eq!((salvaged.generation, salvaged.newest), (Some(4), Some(4)));
        assert!(salvaged.manifests.is_empty() && salvaged.unnamed.is_empty());
        let mut damaged: Vec<_> = salvaged
            .damaged
            .iter()
            .map(|item| (item.names.join(" "), item.key))
            .collect();
        damaged.sort();
        assert_eq!(
            damaged,
            [("a alias".to_owned(), all[0].2), ("b".to_owned(), all[1].2)]
        );
        for item in &salvaged.damaged {
            assert_eq!(item.error.path(), Some(&*file_of(&places, item.key)));
            assert_eq!(item.error.is_not_found(), item.key == all[0].2);
        }
        assert_eq!(names(&user), ["c"]);
        assert_eq!(user.named("c"), "text c");
        assert!(user.library.root().texts.is_empty());
        drop(
            user.library
                .blocking_commit(|_| Err::<Catalogue, _>(failed())),
        );
        end(user);
        assert_eq!(
            places.everything(),
            before,
            "nothing changes without a commit"
        );
    });
}

#[test]
fn the_next_commit_drops_what_is_damaged_or_replaces_it() {
    test(|| {
        let places = Places::new();
        let all = committed(
            &places,
            &[("a", "text a"), ("b", "text b"), ("c", "text c")],
        );
        for (_, _, key) in &all[..2] {
            damage(&file_of(&places, *key));
        }
        let (user, _) = places.salvage();
        let item = user.insert("another a");
        let edited = user
            .library
            .blocking_edit(|edit| edit.put_named("a", &item));
        let (_, done) = edited.expect("nothing fails");
        assert_eq!((done.generation, done.items, done.deleted), (4, 2, 2));
        drop(item);
        end(user);

        let user = places.user();
        assert_eq!(names(&user), ["a", "c"]);
        assert_eq!(
            (&*user.named("a"), &*user.named("c")),
            ("another a", "text c")
        );
        assert_eq!(places.files(), user.library.all_keys());
        let verified = user.library.blocking_verify(VerifyOptions::all());
        assert!(verified.expect("it reads").is_whole());
        end(user);
        let (_, salvaged) = places.salvage();
        assert!(salvaged.is_whole());
    });
}

/// The files that a manifest builds on record the commits before it.
#[test]
fn without_the_last_manifest_the_state_before_it_is_opened() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        // Each builds on the one before.
        put_many(&user, "a");
        put_many(&user, "b");
        let item = user.insert("c");
        user.library
            .blocking_edit(|edit| edit.put_named("c", &item))
            .expect("nothing fails");
        let (lost, last) = (item.key(), user.library.generation());
        drop(item);
        end(user);
        let path = places.manifest(&format!("{last:016x}"));
        for is_missing in [false, true] {
            match is_missing {
                true => fs::remove_file(&path).expect("it is there"),
                false => damage(&path),
            }
            let before = places.everything();
            let (user, salvaged) = places.salvage();
            assert_eq!(salvaged.generation, Some(last - 1));
            assert_eq!(salvaged.newest, (!is_missing).then_some(last));
            assert_eq!(salvaged.manifests.len(), usize::from(!is_missing));
            assert!(
                salvaged
                    .manifests
                    .iter()
                    .all(|error| error.is_damaged() && error.path() == Some(&*path))
            );
            assert_eq!(salvaged.unnamed, [lost], "it has lost its name");
            assert!(salvaged.damaged.is_empty());
            assert_eq!(names(&user).len(), 600);
            assert_eq!((&*user.named("a 7"), &*user.named("b 299")), ("a", "b"));
            let item = user.library.blocking_get(&user.texts, Key::from_uuid(lost));
            assert_eq!(
                *item
                    .expect("it is there")
                    .blocking_read()
                    .expect("it is whole"),
                "c"
            );
            end(user);
            assert_eq!(places.everything(), before);
        }
        let (user, _) = places.salvage();
        let named = user
            .library
            .blocking_edit(|edit| edit.set_name("c again", Key::<String>::from_uuid(lost)));
        named.expect("nothing fails");
        end(user);
        let user = places.user();
        assert_eq!(names(&user).len(), 601);
        assert_eq!(user.named("c again"), "c");
        assert_eq!(places.files().len(), 601);
    });
}

#[test]
fn without_any_manifest_all_items_are_opened_by_key() {
    test(|| {
        let places = Places::new();
        let all = committed(&places, &[("a", "text a"), ("b", "text b")]);
        for entry in fs::read_dir(places.manifest("")).expect("it is there") {
            overwrite(&entry.expect("an entry").path(), b"not a manifest");
        }
        damage(&file_of(&places, all[0].2));
        let (user, salvaged) = places.salvage();
        assert_eq!((salvaged.generation, salvaged.newest), (None, Some(2)));
        assert!(!salvaged.manifests.is_empty());
        assert_eq!(salvaged.unnamed, [all[1].2]);
        assert_eq!(salvaged.damaged.len(), 1);
        assert_eq!(*user.library.root(), Catalogue::default());
        let key = Key::<String>::from_uuid(all[1].2);
        let edited = user.library.blocking_edit(|edit| edit.set_name("b", key));
        assert_eq!(edited.expect("nothing fails").1.generation, 3);
        end(user);
        let user = places.user();
        assert_eq!(user.named("b"), "text b");
        assert_eq!(places.files(), [all[1].2]);
    });
}

#[test]
fn only_the_chosen_items_are_read_and_missing_ones_are_always_found() {
    test(|| {
        let places = Places::new();
        let all = committed(&places, &[("a", "a"), ("b", "b"), ("c", "c"), ("d", "d")]);
        for (_, _, key) in &all[..2] {
            damage(&file_of(&places, *key));
        }
        fs::remove_file(file_of(&places, all[2].2)).expect("it is there");
        let unknown = Uuid::from_u128(7);
        let (user, salvaged) = places.salvage_verifying(VerifyOptions::some([all[0].2, unknown]));
        let mut damaged: Vec<_> = salvaged
            .damaged
            .iter()
            .map(|item| &*item.names[0])
            .collect();
        damaged.sort_unstable();
        assert_eq!(damaged, ["a", "c"]);
        assert_eq!(names(&user), ["b", "d"]);
    });
}

#[test]
fn a_pinned_generation_stays_when_a_salvaged_dataset_commits() {
    test(|| {
        let places = Places::new();
        let all = committed(&places, &[("a", "text a"), ("b", "text b")]);
        let reader = places.reader();
        damage(&file_of(&places, all[0].2));
        damage(&places.manifest("0000000000000002"));
        let (user, _) = places.salvage();
        let done = user
            .library
            .blocking_commit(|_| Ok::<_, Error>(Catalogue::default()));
        let done = done.expect("nothing fails");
        assert_eq!((done.items, done.pinned), (0, 1));
        assert_eq!(reader.named("b"), "text b");
        end(reader);
        user.commit_texts(&[]).expect("nothing fails");
        assert!(places.files().is_empty());
    });
}

#[test]
fn an_empty_directory_and_another_type_of_root_are_refused() {
    test(|| {
        let places = Places::new();
        let salvaged = OpenOptions::new().blocking_salvage::<Catalogue, _>(
            &places.store(),
            places.path(),
            VerifyOptions::all(),
        );
        assert!(salvaged.expect_err("nothing is there").is_not_found());
        let all = committed(&places, &[("a", "text a")]);
        damage(&file_of(&places, all[0].2));
        let salvaged = OpenOptions::new().blocking_salvage::<u32, _>(
            &places.store(),
            places.path(),
            VerifyOptions::all(),
        );
        assert!(salvaged.expect_err("the root is a map").is_mismatch());
        assert_eq!(places.files(), [all[0].2]);
    });
}

/// What was read is one of the generations that readers can pin until the next commit.
#[test]
fn a_generation_that_is_pinned_after_a_salvage_stays_when_that_commits() {
    test(|| {
        let places = Places::new();
        let all = committed(&places, &[("a", "text a"), ("b", "text b")]);
        damage(&file_of(&places, all[0].2));
        let (user, _) = places.salvage();
        let reader = places.reader();
        user.library
            .blocking_commit(|_| Ok::<_, Error>(Catalogue::default()))
            .expect("nothing fails");
        assert_eq!(reader.named("b"), "text b");
    });
}

/// Nothing on the disk records the contents, so that a snapshot could not keep them.
#[test]
fn a_salvaged_dataset_has_a_snapshot_once_a_commit_has_recorded_it() {
    test(|| {
        for is_readable in [true, false] {
            let places = Places::new();
            let all = committed(&places, &[("a", "text a"), ("b", "text b")]);
            damage(&file_of(&places, all[0].2));
            if !is_readable {
                fs::remove_file(places.manifest("0000000000000002")).expect("it is there");
            }
            let (user, _) = places.salvage();
            let error = user.library.blocking_snapshot();
            let text = error.expect_err("nothing records it").to_string();
            assert!(text.contains("commit first"), "{text}");
            let committed = user.library.blocking_edit(|_| Ok::<_, Error>(()));
            committed.expect("nothing fails");
            let snapshot = user.library.blocking_snapshot().expect("it is recorded");
            let to = places.saved.with_file_name("copy");
            let copied = snapshot.blocking_copy_to(to).expect("it is whole");
            assert_eq!(copied.items, 1);
        }
    });
}

/// Its version is read before its checksum.
#[test]
fn any_byte_of_the_last_manifest_may_be_damaged() {
    test(|| {
        let places = Places::new();
        committed(&places, &[("a", "text a"), ("b", "text b")]);
        let path = places.manifest("0000000000000002");
        let whole = fs::read(&path).expect("it is there");
        // All of the magic and the version, and some of what follows.
        for at in (0..12).chain((12..whole.len()).step_by(19)) {
            let mut damaged = whole.clone();
            damaged[at] = !damaged[at];
            overwrite(&path, &damaged);
            let salvaged = OpenOptions::new().blocking_salvage::<Catalogue, _>(
                &places.store(),
                places.path(),
                VerifyOptions::all(),
            );
            let (library, salvaged) = salvaged.unwrap_or_else(|error| panic!("byte {at}: {error}"));
            assert_eq!(salvaged.manifests.len(), 1, "byte {at}");
            let store = library.store().clone();
            drop(library);
            store.blocking_finished();
        }
    });
}

/// The manifest before the lost one is still there only because a reader has pinned it. The
/// part that the lost one built on records all of the lost commit.
#[test]
fn without_the_last_manifest_nothing_is_deleted_while_a_reader_pins_the_one_before() {
    test(|| {
        let places = Places::new();
        committed(&places, &[("a", "text a")]);
        let reader = places.reader();
        let user = places.user();
        put_many(&user, "b");
        let last = user.library.generation();
        end(user);
        fs::remove_file(places.manifest(&format!("{last:016x}"))).expect("it is there");
        let before = places.everything();
        let (user, _) = places.salvage();
        end(user);
        assert_eq!(
            places.everything().len(),
            before.len(),
            "nothing changes without a commit"
        );
        end(reader);
    });
}

/// The names are in the parts, from which they can be salvaged.
#[test]
fn a_dataset_without_its_manifest_is_not_taken_for_a_directory_of_persisted_items() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        put_many(&user, "a");
        end(user);
        fs::remove_file(places.manifest("0000000000000001")).expect("it is there");
        let opened = OpenOptions::new()
            .with_existing_items()
            .blocking_open::<Catalogue, _>(&places.store(), places.path());
        let opened = opened.map(|library| library.names().len());
        assert_ne!(opened.ok(), Some(0), "their names would be lost");
    });
}

/// Only the payload is damaged, so the footers of the two files are equal.
#[test]
fn a_damaged_item_is_not_taken_for_the_whole_one_of_a_backup() {
    test(|| {
        let places = Places::new();
        let all = committed(&places, &[("a", "text a"), ("b", "text b")]);
        let backup = places.back_up();
        damage(&file_of(&places, all[0].2));
        let (user, salvaged) = places.salvage();
        assert_eq!(salvaged.damaged[0].names, ["a"]);
        let item = of_backup(&user, backup, "a");
        let edited = user
            .library
            .blocking_edit(|edit| edit.put_named("a", &item));
        let error = edited.expect_err("the damaged file would stay");
        assert!(error.is_damaged(), "{error}");
        assert_eq!(
            (error.key(), error.path()),
            (Some(all[0].2), Some(&*file_of(&places, all[0].2)))
        );
        // Its value can be put as a new item.
        let copy = user.insert(&item.blocking_read().expect("it is whole"));
        let edited = user
            .library
            .blocking_edit(|edit| edit.put_named("a", &copy));
        edited.expect("it is another file");
        // From then on, the damaged file is gone.
        let edited = user
            .library
            .blocking_edit(|edit| edit.put_named("a", &item));
        edited.expect("nothing is in its way");
        let verified = user.library.blocking_verify(VerifyOptions::all());
        assert!(verified.expect("it reads").is_whole());
        drop((item, copy));
        end(user);
    });
}

/// Puts texts under names, so many that they are written as a part.
fn put_many(user: &User, prefix: &str) {
    let items: Vec<_> = (0..300)
        .map(|n| (format!("{prefix} {n}"), user.insert(prefix)))
        .collect();
    let edited = user.library.blocking_edit(|edit| {
        for (name, item) in &items {
            edit.put_named(name, item)?;
        }
        Ok::<_, Error>(())
    });
    edited.expect("nothing fails");
}

/// A commit that was interrupted before its manifest leaves its parts. They were taken for
/// those of a commit whose manifest is lost, in place of the last one, which is whole.
#[test]
fn the_parts_of_an_interrupted_commit_do_not_take_the_place_of_the_last_one() {
    test(|| {
        let places = Places::new();
        let all = committed(&places, &[("a", "text a"), ("b", "text b")]);
        let before = places.everything();
        let user = places.user();
        put_many(&user, "c");
        let removed = user.library.blocking_edit(|edit| edit.remove_named("b"));
        removed.expect("nothing fails");
        end(user);
        // As if the process had died before the manifest.
        let after = places.everything();
        for path in after.keys().filter(|path| !before.contains_key(*path)) {
            if path.file_name().is_some_and(|name| name.len() == 16) {
                fs::remove_file(path).expect("it is there");
            }
        }
        for (path, bytes) in before.iter().filter(|(path, _)| !after.contains_key(*path)) {
            fs::write(path, bytes).expect("it is ours");
        }
        damage(&file_of(&places, all[0].2));
        let (user, salvaged) = places.salvage();
        assert_eq!((salvaged.generation, salvaged.newest), (Some(2), Some(2)));
        assert_eq!(salvaged.damaged.len(), 1);
        assert_eq!(names(&user), ["b"]);
        assert_eq!(user.named("b"), "text b");
        end(user);
    });
}

/// The manifest before a lost one is there only because a reader has it pinned. Whether the
/// commit after it ended is unknown, so no name of either is lost.
#[test]
fn the_names_of_a_pinned_commit_stay_if_a_later_one_may_be_lost() {
    test(|| {
        let places = Places::new();
        committed(&places, &[("a", "text a")]);
        let reader = places.reader();
        let user = places.user();
        let removed = user.library.blocking_edit(|edit| edit.remove_named("a"));
        removed.expect("nothing fails");
        put_many(&user, "b");
        let last = user.library.generation();
        end(user);
        fs::remove_file(places.manifest(&format!("{last:016x}"))).expect("it is there");
        let (user, salvaged) = places.salvage();
        assert_eq!(salvaged.generation, Some(last));
        assert_eq!(names(&user).len(), 301);
        assert_eq!((&*user.named("a"), &*user.named("b 7")), ("text a", "b"));
        end(user);
        end(reader);
    });
}

#[test]
fn a_missing_item_can_be_put_again_from_a_backup() {
    test(|| {
        let places = Places::new();
        let all = committed(&places, &[("a", "text a"), ("b", "text b")]);
        let backup = places.back_up();
        fs::remove_file(file_of(&places, all[0].2)).expect("it is there");
        let (user, _) = places.salvage();
        let item = of_backup(&user, backup, "a");
        let edited = user
            .library
            .blocking_edit(|edit| edit.put_named("a", &item));
        edited.expect("nothing is in its way");
        drop(item);
        end(user);
        let user = places.user();
        assert_eq!((&*user.named("a"), &*user.named("b")), ("text a", "text b"));
    });
}

/// A reader keeps the damaged file beyond the commit that drops it.
#[test]
fn a_damaged_file_that_is_still_there_later_is_not_taken_for_a_whole_one() {
    test(|| {
        let places = Places::new();
        let all = committed(&places, &[("a", "text a"), ("b", "text b")]);
        let backup = places.back_up();
        let reader = places.reader();
        damage(&file_of(&places, all[0].2));
        let (user, _) = places.salvage();
        let nothing = || user.library.blocking_edit(|_| Ok::<_, Error>(()));
        assert_eq!(nothing().expect("nothing fails").1.pinned, 1);
        let item = of_backup(&user, backup, "a");
        let put = || {
            user.library
                .blocking_edit(|edit| edit.put_named("a", &item))
        };
        assert!(put().expect_err("the damaged file is there").is_damaged());
        end(reader);
        nothing().expect("nothing fails");
        put().expect("the damaged file is gone");
        assert_eq!(user.named("a"), "text a");
    });
}
