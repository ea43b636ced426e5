//! Generations that consist of several manifests and a base.

use std::fs;

use file_backed::dataset::{Inspection, Snapshot, VerifyOptions};

use super::*;
use crate::support::test;

/// A root with this name in it is not written again by a commit that does not change it, and
/// two of them are longer than the deltas of a small dataset may be together, apart from its
/// root.
fn long(text: &str) -> String {
    text.repeat(70_000)
}

/// Commits this text under a long name, and then nothing, which builds on that. The second
/// such pair of commits begins with a base, and so does each second one after it.
fn commit(user: &User, text: &str) -> Committed {
    let item = user.insert(text);
    user.commit_texts(&[(&long(text), &item)])
        .expect("nothing fails");
    let nothing = user.library.blocking_edit(|_| Ok::<_, Error>(()));
    nothing.expect("nothing fails").1
}

/// The names in the directory of manifests.
fn manifests(places: &Places) -> Vec<String> {
    let names = fs::read_dir(places.saved.join("file_backed.manifest")).expect("it is there");
    let names = names.map(|name| name.expect("a name").file_name().into_string());
    let mut names: Vec<_> = names.map(|name| name.expect("ASCII")).collect();
    names.sort();
    names
}

/// The bases, and the manifests that others build on.
fn parts(places: &Places) -> Vec<String> {
    let mut names = manifests(places);
    names.retain(|name| name.len() == 32);
    names
}

fn path_of(places: &Places, name: &str) -> PathBuf {
    places.saved.join("file_backed.manifest").join(name)
}

fn check(user: &User, text: &str) {
    assert_eq!(user.text(&long(text)), text);
    let verified = user.library.blocking_verify(VerifyOptions::all());
    assert!(verified.expect("it reads").is_whole());
}

#[test]
fn a_generation_consists_of_the_manifests_that_it_builds_on_until_a_base_replaces_them() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        commit(&user, "a");
        let names = manifests(&places);
        assert_eq!(names.len(), 2, "{names:?}");
        assert!(names.contains(&"0000000000000002".to_owned()), "{names:?}");
        assert_eq!(parts(&places).len(), 1);
        check(&user, "a");
        end(user);
        let user = places.user();
        check(&user, "a");
        check(&places.reader(), "a");
        commit(&user, "b");
        check(&user, "b");
        end(user);
        // The open removes what the base has replaced.
        check(&places.user(), "b");
        let names = manifests(&places);
        assert_eq!(names.len(), 2, "{names:?}");
        assert!(names.contains(&"0000000000000004".to_owned()), "{names:?}");
        assert_eq!(parts(&places).len(), 1);
        check(&places.reader(), "b");
    });
}

/// A reader of a generation keeps all files that it consists of, whoever commits meanwhile.
#[test]
fn readers_stay_pinned_while_bases_change() {
    test(|| {
        let places = Places::new();
        let mut user = places.user();
        let mut readers = Vec::new();
        let texts: Vec<_> = ('a'..='j').map(String::from).collect();
        for (n, text) in texts.iter().enumerate() {
            let committed = commit(&user, text);
            assert_eq!(committed.pinned, n as u64);
            readers.push((places.reader(), text));
            if n % 4 == 3 {
                // The next writer finds them.
                end(user);
                user = places.user();
            }
        }
        assert!(parts(&places).len() > 2);
        for (reader, text) in &readers {
            check(reader, text);
            let snapshot = reader.library.blocking_snapshot().expect("it is pinned");
            for file in snapshot.files() {
                assert!(places.saved.join(&file).exists(), "{}", file.display());
            }
            let to = places.saved.with_file_name(format!("copy {text}"));
            let copied = snapshot.blocking_copy_to(&*to).expect("it is whole");
            assert_eq!(
                (copied.generation, copied.items),
                (snapshot.generation(), 1)
            );
            check(&places.user_of(&to), text);
        }
        for (reader, _) in readers {
            end(reader);
        }
        let committed = commit(&user, "k");
        assert_eq!(committed.pinned, 0);
        assert_eq!(places.files(), user.library.all_keys());
        let snapshot = user.library.blocking_snapshot().expect("it is pinned");
        let needed = snapshot
            .files()
            .filter(|file| file.starts_with("file_backed.manifest"));
        assert_eq!(
            manifests(&places).len(),
            needed.count(),
            "nothing else is left"
        );
    });
}

/// The root, found as the guide says.
fn root_by_hand(places: &Places) -> String {
    let newest = manifests(places).into_iter().rfind(|name| name.len() == 16);
    let mut file = fs::read(path_of(places, &newest.expect("there is one"))).expect("it is there");
    let next = |file: &[u8], at: usize| {
        let name: String = file[at..at + 16]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        fs::read(path_of(places, &name)).expect("it is there")
    };
    let (start, len) = loop {
        if file[10] >= 4 {
            break (120, 80);
        }
        if file[64..80] == [0; 16] {
            file = next(&file, 40);
            break (72, 40);
        }
        file = next(&file, 64);
    };
    let len = u64::from_le_bytes(file[len..len + 8].try_into().expect("8 bytes"));
    let root = &file[start..start + len as usize];
    String::from_utf8(root.to_vec()).expect("it is JSON")
}

/// The guide said that the root is in the manifest or in its base. The base may have an older
/// one than a manifest in between.
#[test]
fn the_root_is_where_the_guide_says() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        for n in 0..7 {
            if n > 0 {
                commit(&user, &n.to_string());
            }
            let found = Inspection::blocking_open(&places.saved).expect("it is a dataset");
            assert_eq!(Some(&*root_by_hand(&places)), found.root_json());
        }
    });
}

/// A dataset of a base, and of a manifest that builds on another one.
fn with_base_and_parent() -> (Places, [PathBuf; 2]) {
    let places = Places::new();
    let user = places.user();
    for text in ["a", "b", "c"] {
        commit(&user, text);
    }
    end(user);
    let paths = parts(&places)
        .into_iter()
        .map(|name| path_of(&places, &name));
    let is_base = |path: &PathBuf| {
        fs::read(path)
            .expect("it is there")
            .starts_with(b"\x89fbbase")
    };
    let (bases, parents): (Vec<_>, Vec<_>) = paths.partition(is_base);
    match (&bases[..], &parents[..]) {
        ([base], [parent]) => (places, [base.clone(), parent.clone()]),
        found => panic!("{found:?}"),
    }
}

fn errors_of_opening(places: &Places) -> Vec<Error> {
    let saved = || PreparedPath::blocking_open_read_only(places.saved.clone());
    let reader = saved().and_then(|saved| Library::blocking_open_read_only(&places.store(), saved));
    vec![
        places.try_user().expect_err("a file is missing"),
        reader.expect_err("a file is missing"),
        Inspection::blocking_open(&places.saved).expect_err("a file is missing"),
        Snapshot::blocking_open(&*places.saved).expect_err("a file is missing"),
    ]
}

#[test]
fn a_missing_or_damaged_part_of_a_generation_is_named_and_nothing_is_deleted() {
    test(|| {
        let (places, paths) = with_base_and_parent();
        let files = places.files();
        for path in &paths {
            let whole = fs::read(path).expect("it is there");
            let changed = |at: usize, byte| {
                let mut changed = whole.clone();
                changed[at] = byte;
                changed
            };
            let sealed = |at: usize, byte| {
                let mut changed = changed(at, byte);
                let end = changed.len() - 4;
                let sum = crc32fast::hash(&changed[..end]);
                changed[end..].copy_from_slice(&sum.to_le_bytes());
                changed
            };
            let flipped = changed(200, !whole[200]);
            let (later, older) = (sealed(8, 4), sealed(8, 2));
            let kind = if path == &paths[0] {
                "base"
            } else {
                "manifest"
            };
            let damaged = |why: &str| {
                format!(
                    "it is damaged ({why}): restore it from a copy of the directory, or open what is left with `OpenOptions::salvage` or `file_backed salvage`"
                )
            };
            let cases = [
                (
                    None,
                    "it is missing: restore it from a copy of the directory, or open what is left with `OpenOptions::salvage` or `file_backed salvage`; if this is itself a copy, made during a commit, copy again with `file_backed copy` or a `Snapshot`".to_owned(),
                ),
                (Some(&flipped[..]), damaged("it does not match its checksum")),
                (
                    Some(&later),
                    "it has format version 4, and this library reads version 3: open the dataset with a newer release".to_owned(),
                ),
                (Some(&older), damaged("no part has its format version")),
                (
                    Some(b"notes"),
                    damaged(&format!("it does not begin like a {kind}")),
                ),
                (
                    Some(&whole[..whole.len() - 1]),
                    damaged("its lengths are inconsistent"),
                ),
            ];
            for (bytes, why) in cases {
                fs::remove_file(path).expect("it is there");
                if let Some(bytes) = bytes {
                    fs::write(path, bytes).expect("it is written");
                }
                let is_of_later = bytes == Some(&later);
                let text = format!("): generation 6 builds on this file, but {why}");
                for error in errors_of_opening(&places) {
                    assert_eq!(error.is_damaged(), !is_of_later, "{error}");
                    assert_eq!(error.is_mismatch(), is_of_later, "{error}");
                    assert_eq!(error.path(), Some(&**path), "{error}");
                    assert!(error.to_string().ends_with(&text), "{error}: not {text}");
                }
                fs::write(path, &whole).expect("it is written");
                assert_eq!(places.files(), files);
            }
        }
        let user = places.user();
        assert_eq!(user.library.all_keys(), files);
    });
}

/// Files that were restored from another dataset may have the same names.
#[test]
fn a_part_of_another_dataset_is_not_taken_for_that_of_this_one() {
    test(|| {
        let (places, [base, parent]) = with_base_and_parent();
        let (_others, [other_base, other_parent]) = with_base_and_parent();
        for (own, other) in [(base, other_base), (parent, other_parent)] {
            let whole = fs::read(&own).expect("it is there");
            fs::remove_file(&own).expect("it is there");
            fs::copy(other, &own).expect("it is copied");
            for error in errors_of_opening(&places) {
                assert!(error.is_damaged(), "{error}");
                assert_eq!(error.path(), Some(&*own));
            }
            fs::write(&own, whole).expect("it is written");
        }
        drop(places.user());
    });
}

/// A pinned generation of which a file cannot be read may consist of any file, and may name
/// any item.
#[test]
fn nothing_is_removed_while_a_pinned_generation_cannot_be_read() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        commit(&user, "a");
        let reader = places.reader();
        let parent = path_of(&places, &parts(&places)[0]);
        commit(&user, "b");
        end(user);
        let whole = fs::read(&parent).expect("it is there");
        fs::remove_file(&parent).expect("it is there");
        fs::write(&parent, b"notes").expect("it is written");
        let before = (places.files(), manifests(&places));
        let user = places.user();
        check(&user, "b");
        assert_eq!((places.files(), manifests(&places)), before);
        commit(&user, "c");
        for file in &before.0 {
            assert!(places.files().contains(file));
        }
        for name in &before.1 {
            assert!(manifests(&places).contains(name));
        }
        fs::write(&parent, whole).expect("it is written");
        check(&reader, "a");
        end(reader);
        commit(&user, "d");
        assert_eq!(places.files(), user.library.all_keys());
    });
}
