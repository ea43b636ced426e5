//! Copies of a dataset, made while it is committed to.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use file_backed::dataset::{Inspection, Snapshot, VerifyOptions};

use super::*;
use crate::support::test;

/// Commits three texts of this number, and none of the ones before.
fn commit_number(user: &User, n: u64) {
    let texts = [(); 3].map(|()| user.insert(&n.to_string()));
    let named: Vec<_> = ["a", "b", "c"].into_iter().zip(&texts).collect();
    let committed = user.commit_texts(&named).expect("nothing fails");
    assert_eq!(committed.generation, n);
}

/// A snapshot of a dataset with one commit, and where to copy it.
fn snapshot_of_one_commit() -> (Places, User, Snapshot, PathBuf) {
    let places = Places::new();
    let user = places.user();
    commit_number(&user, 1);
    let snapshot = user.library.blocking_snapshot().expect("it is pinned");
    let to = places.saved.with_file_name("copy");
    (places, user, snapshot, to)
}

fn check(user: &User) {
    let n = user.library.generation();
    for name in user.library.root().texts.keys() {
        assert_eq!(user.text(name), n.to_string(), "of one commit");
    }
    let verified = user.library.blocking_verify(VerifyOptions::all());
    assert!(verified.expect("it reads").is_whole());
}

/// Copies the first `most` files with what there is of the standard library, as a program
/// does that is given the list.
fn copy_listed(snapshot: &Snapshot, most: usize, to: &Path) {
    fs::create_dir_all(to).expect("it is made");
    for file in snapshot.files().take(most) {
        let (from, to) = (snapshot.path().join(&file), to.join(&file));
        fs::create_dir_all(to.parent().expect("it is in one")).expect("it is made");
        fs::copy(from, to).expect("it is there, as long as the snapshot is");
    }
}

/// `cp -r` of a directory that another process committed to made copies that could not be
/// opened, six of six, because files that the manifest named were deleted before they
/// were copied, or were added afterwards.
#[test]
fn a_copy_made_during_commits_can_be_opened() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        let ends = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut n = 1;
                while !ends.load(Ordering::SeqCst) {
                    commit_number(&user, n);
                    n += 1;
                }
            });
            for n in 0..8 {
                let to = |kind: &str| places.saved.with_file_name(format!("{kind} {n}"));
                let snapshot = match n % 2 {
                    0 => Snapshot::blocking_open(&*places.saved),
                    _ => user.library.blocking_snapshot(),
                };
                let snapshot = snapshot.expect("it is pinned");
                let copied = snapshot.blocking_copy_to(to("copy"));
                let copied = copied.expect("it is whole");
                copy_listed(&snapshot, usize::MAX, &to("listed"));
                for to in [to("copy"), to("listed")] {
                    let copy = places.user_of(&to);
                    assert_eq!(copy.library.generation(), copied.generation);
                    check(&copy);
                    assert_eq!(
                        files_below(&to),
                        copy.library.all_keys(),
                        "and nothing else"
                    );
                    end(copy);
                    let found = Inspection::blocking_open(&to).expect("it is there");
                    assert!(found.blocking_verify(VerifyOptions::all()).is_whole());
                }
            }
            ends.store(true, Ordering::SeqCst);
        });
    });
}

/// A copy and a verification spawned a thread for each core, and panicked if that failed.
#[cfg(target_os = "linux")]
#[test]
fn a_copy_is_made_and_verified_without_threads() {
    const DATASET: &str = "FILE_BACKED_DATASET";
    let saved = std::env::var(DATASET);
    let places = saved.is_err().then(|| {
        let places = Places::new();
        commit_number(&places.user(), 1);
        places
    });
    let saved = saved.unwrap_or_else(|_| {
        let places = places.as_ref().expect("they are made");
        places.saved.to_str().expect("it is text").to_owned()
    });
    // No thread has so large a stack.
    let variables = [("RUST_MIN_STACK", "9000000000000000"), (DATASET, &*saved)];
    let test = "dataset::copies::a_copy_is_made_and_verified_without_threads";
    crate::support::in_a_process_with(&variables, test, || {
        let thread = std::thread::Builder::new().spawn(|| ());
        thread.expect_err("no thread can be started");
        let snapshot = Snapshot::blocking_open(&*saved).expect("it is pinned");
        let to = Path::new(&saved).with_file_name("copy");
        let copied = snapshot.blocking_copy_to(&to).expect("it is copied");
        assert_eq!(copied.items, 3);
        let found = Inspection::blocking_open(&to).expect("it is there");
        assert!(found.blocking_verify(VerifyOptions::all()).is_whole());
    });
}

#[test]
fn a_snapshot_keeps_its_files_until_it_is_dropped() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        commit_number(&user, 1);
        let keys = user.library.all_keys();
        let reader = places.reader();
        let snapshots = [
            user.library.blocking_snapshot(),
            Snapshot::blocking_open(&*places.saved),
        ];
        let [one, other] = snapshots.map(|snapshot| snapshot.expect("it is pinned"));
        commit_number(&user, 2);
        // A reader shows what it has opened, and so does its snapshot.
        let third = reader.library.blocking_snapshot().expect("it is pinned");
        end(reader);
        for snapshot in [one, other, third] {
            assert_eq!(snapshot.generation(), 1);
            let mut files = snapshot.files();
            assert_eq!(files.next(), Some("file_backed.role".into()));
            let items: Vec<_> = files.by_ref().take(3).collect();
            assert_eq!(items, [0, 1, 2].map(|n| key_path(Path::new(""), keys[n])));
            let last: Vec<_> = files.collect();
            assert_eq!(last, [Path::new("file_backed.manifest/0000000000000001")]);
            commit_number(&user, user.library.generation() + 1);
            assert!(items.iter().all(|item| places.saved.join(item).exists()));
        }
        let text = user.insert("last");
        user.commit_texts(&[("a", &text)]).expect("nothing fails");
        assert_eq!(places.files(), user.library.all_keys(), "it is released");
    });
}

#[test]
fn an_interrupted_copy_is_no_dataset_and_the_next_copy_completes_it() {
    test(|| {
        let (places, _user, snapshot, to) = snapshot_of_one_commit();
        let whole = snapshot.files().count();
        for files in 0..whole {
            copy_listed(&snapshot, files, &to);
            let path = PreparedPath::blocking_open_read_only(to.clone()).expect("it is there");
            let opened = Library::blocking_open_read_only(&places.store(), path);
            assert!(opened.expect_err("it has no manifest").is_not_found());
            let copied = snapshot.blocking_copy_to(&*to).expect("it is completed");
            assert_eq!((copied.generation, copied.items), (1, 3));
            let copy = places.user_of(&to);
            check(&copy);
            end(copy);
            fs::remove_dir_all(&to).expect("it is there");
        }
    });
}

#[test]
fn a_copy_replaces_no_dataset_and_no_items() {
    test(|| {
        let (places, user, snapshot, to) = snapshot_of_one_commit();
        snapshot.blocking_copy_to(&*to).expect("it is new");
        let refused = |to: &Path, text: &str| {
            let error = snapshot.blocking_copy_to(to).expect_err("it is not free");
            let path = to.display();
            assert_eq!(
                error.to_string(),
                format!("could not copy the dataset ({path}): {text}")
            );
        };
        refused(
            &to,
            "the directory already contains a dataset: copy to a new directory, or to one in which a copy was interrupted",
        );
        refused(
            &places.saved,
            "a dataset of this process already has it open to commit: share that dataset in an \
             `Arc`",
        );
        // What was persisted by hand would be deleted by a dataset.
        let by_hand = places.saved.with_file_name("by hand");
        let path = PreparedPath::blocking_open(by_hand.clone()).expect("it is made");
        let tracked = user
            .library
            .store()
            .blocking_track_path(path)
            .expect("it is ours");
        user.insert("mine")
            .blocking_persist(&tracked)
            .expect("it is saved");
        let before = files_below(&by_hand);
        refused(
            &by_hand,
            "the directory contains items that are not part of the copied generation (1), and a dataset would delete them: copy to a new directory",
        );
        assert_eq!(files_below(&by_hand), before);
        commit_number(&user, 2);
        let copy = places.user_of(&to);
        assert_eq!(copy.library.generation(), 1);
        check(&copy);
    });
}

#[test]
fn a_copy_of_missing_or_damaged_items_names_them_and_is_no_dataset() {
    test(|| {
        let (places, user, snapshot, to) = snapshot_of_one_commit();
        let key = user.library.all_keys()[1];
        let file = file_of(&places, key);
        let whole = fs::read(&file).expect("it is there");
        let mut flipped = whole.clone();
        flipped[0] ^= 1;
        for bytes in [None, Some(&flipped[..]), Some(&whole[..10])] {
            fs::remove_file(&file).expect("it is there");
            if let Some(bytes) = bytes {
                fs::write(&file, bytes).expect("it is written");
            }
            let error = snapshot.blocking_copy_to(&*to).expect_err("it is damaged");
            assert!(error.is_damaged() || error.is_not_found(), "{error}");
            assert_eq!(
                (error.key(), error.path()),
                (Some(key), Some(&*file)),
                "{error}"
            );
            assert!(
                Snapshot::blocking_open(&*to)
                    .expect_err("no dataset")
                    .is_not_found()
            );
            fs::remove_dir_all(&to).expect("it is there");
            if bytes.is_none() {
                fs::write(&file, &whole).expect("it is written");
            }
        }
    });
}

#[cfg(unix)]
#[test]
fn a_copy_has_the_file_modes_of_the_original() {
    use std::os::unix::fs::PermissionsExt as _;

    test(|| {
        let (places, _user, snapshot, to) = snapshot_of_one_commit();
        snapshot.blocking_copy_to(&*to).expect("it is whole");
        for file in snapshot.files() {
            let mode = |root: &Path| {
                let found = fs::metadata(root.join(&file)).expect("it is there");
                found.permissions().mode()
            };
            assert_eq!(mode(&to), mode(&places.saved), "{}", file.display());
        }
    });
}

#[test]
fn a_directory_without_a_dataset_has_no_snapshot() {
    test(|| {
        let places = Places::new();
        drop(places.path());
        let error = Snapshot::blocking_open(&*places.saved).expect_err("there is none");
        assert_eq!(
            error.to_string(),
            format!(
                "could not pin a generation of the dataset ({}): there is no dataset here: create one by opening it with `Dataset::open` once",
                places.saved.display()
            )
        );
    });
}

#[test]
fn async_code_inspects_and_verifies() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        commit_number(&user, 1);
        let verified = places.runtime.block_on(async {
            let found = Arc::new(Inspection::open(&places.saved).await?);
            assert_eq!(found.all_keys(), user.library.all_keys());
            found.verify(VerifyOptions::all()).await
        });
        assert!(verified.expect("it is there").is_whole());
    });
}
