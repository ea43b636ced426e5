//! Generation numbers, and manifests that another process has written.

use std::fs;

use file_backed::dataset::{Inspection, VerifyOptions};

use super::*;
use crate::support::test;

fn manifest(places: &Places, generation: u64) -> PathBuf {
    let name = format!("file_backed.manifest/{generation:016x}");
    places.saved.join(name)
}

/// The manifest of one generation, as that of another, with a checksum that is
/// right.
fn renumber(mut bytes: Vec<u8>, generation: u64) -> Vec<u8> {
    bytes[16..24].copy_from_slice(&generation.to_le_bytes());
    let end = bytes.len() - 4;
    let sum = crc32fast::hash(&bytes[..end]);
    bytes[end..].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// What another process does that commits the same items once more.
fn commit_elsewhere(places: &Places, from: u64, to: u64) {
    let bytes = fs::read(manifest(places, from)).expect("it is there");
    fs::write(manifest(places, to), renumber(bytes, to)).expect("it is written");
}

fn all_names(places: &Places) -> (Vec<Uuid>, Vec<PathBuf>) {
    let names = fs::read_dir(places.saved.join("file_backed.manifest")).expect("it is there");
    let mut names: Vec<_> = names.map(|name| name.expect("a name").path()).collect();
    names.sort();
    (places.files(), names)
}

/// A process that had lost its lock used to commit on top of a generation of another
/// process. Its error was a bare "File exists", and it deleted files that only the
/// other's commit named. The next attempt buried the other's acknowledged commit, because
/// it took the next number.
#[test]
fn an_overtaken_commit_is_a_conflict_and_deletes_nothing() {
    // Under the very number, and under a later one, with none in between.
    for theirs in [2, 3] {
        test(move || {
            let places = Places::new();
            let user = places.user();
            let (a, b) = (user.insert("a"), user.insert("b"));
            user.commit_texts(&[("a", &a)]).expect("nobody is there");
            commit_elsewhere(&places, 1, theirs);
            let mut texts = Vec::new();
            for _ in 0..3 {
                let error = user.commit_texts(&[("b", &b)]).expect_err("it is taken");
                assert!(error.is_conflict(), "{error}");
                assert_eq!(error.path(), Some(&*manifest(&places, theirs)));
                texts.push(error.to_string());
            }
            texts.dedup();
            let path = manifest(&places, theirs);
            assert_eq!(
                texts,
                [format!(
                    "could not commit ({}): another process has committed this generation since the dataset was opened here, and a commit cannot build on a generation that was not read: drop this dataset, open it again, and repeat the commit",
                    path.display()
                )]
            );
            let closure = user.library.blocking_commit(|_| -> Result<Catalogue> {
                unreachable!("a commit that cannot be made is not prepared")
            });
            assert!(closure.expect_err("it is taken").is_conflict());
            assert_eq!((user.text("a"), user.library.generation()), ("a".into(), 1));
            let before = all_names(&places);
            drop((a, b));
            end(user);
            assert_eq!(all_names(&places), before, "nothing is deleted");
            let next = places.user();
            assert_eq!(
                (next.text("a"), next.library.generation()),
                ("a".into(), theirs)
            );
            let c = next.insert("c");
            let committed = next
                .commit_texts(&[("c", &c)])
                .expect("it was opened again");
            assert_eq!(committed.generation, theirs + 1);
            assert_eq!(
                places.files(),
                next.library.all_keys(),
                "nothing is left over"
            );
        });
    }
}

/// A commit that failed for another reason used to delete, in its clean-up, what another
/// process had committed meanwhile.
#[test]
fn a_failed_commit_that_was_overtaken_deletes_nothing() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        let a = user.insert("a");
        user.commit_texts(&[("a", &a)]).expect("nobody is there");
        let b = user.insert("b");
        let failed = user.library.blocking_commit(|saver| {
            saver.save(&b)?;
            commit_elsewhere(&places, 1, 2);
            Err::<Catalogue, _>(failed())
        });
        assert!(!failed.expect_err("on purpose").is_conflict());
        assert_eq!(places.files().len(), 2, "the new one may be theirs");
        assert!(
            user.commit_texts(&[])
                .expect_err("it is taken")
                .is_conflict()
        );
    });
}

/// In an optimized build, the number after the last one used to be 0. The commit was
/// acknowledged, and the next process found the previous one.
#[test]
fn a_commit_after_the_last_generation_number_is_refused() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        let a = user.insert("a");
        user.commit_texts(&[("a", &a)]).expect("nothing fails");
        drop(a);
        end(user);
        commit_elsewhere(&places, 1, u64::MAX - 1);
        let user = places.user();
        let b = user.insert("b");
        let committed = user.commit_texts(&[("b", &b)]).expect("one is left");
        assert_eq!(committed.generation, u64::MAX);
        let error = user.commit_texts(&[]).expect_err("there is none left");
        assert_eq!(
            error.to_string(),
            format!(
                "could not commit ({}): the current generation already has the highest possible number (18446744073709551615): open a new dataset in a separate directory, and commit these items there",
                places.saved.display()
            )
        );
        assert_eq!(user.text("b"), "b");
        drop(b);
        end(user);
        assert_eq!(places.user().text("b"), "b");
    });
}

/// Two generations under one number would be two acknowledged commits.
#[test]
fn a_manifest_under_the_number_of_another_is_damage() {
    test(|| {
        let places = Places::with_empty_commit();
        let (one, two) = (manifest(&places, 1), manifest(&places, 2));
        fs::copy(one, &two).expect("it is copied");
        let error = places.try_user().expect_err("it is generation 1");
        assert!(error.is_damaged(), "{error}");
        assert_eq!(error.path(), Some(&*two));
        let error = Inspection::blocking_open(&places.saved).expect_err("it is generation 1");
        assert!(error.is_damaged(), "{error}");
    });
}

/// A directory under the number of a generation used to be skipped, so the commit of that
/// number failed forever.
#[test]
fn a_directory_in_place_of_a_manifest_is_an_error_with_its_path() {
    test(|| {
        let places = Places::with_empty_commit();
        let path = manifest(&places, 2);
        fs::create_dir(&path).expect("it is made");
        let error = places.try_user().expect_err("something is in the way");
        assert_eq!(
            error.to_string(),
            format!(
                "could not open the dataset ({}): something else with this name is in the way: move it away, or use another path",
                path.display()
            )
        );
    });
}

/// A manifest used to be read whole before its first bytes were checked, so a sparse file
/// could ask for any amount of memory.
#[test]
fn an_oversized_manifest_is_refused_unread() {
    test(|| {
        let places = Places::with_empty_commit();
        let path = manifest(&places, 2);
        let len: u64 = 1 << 42;
        let header = |root: u64| {
            let mut bytes = fs::read(manifest(&places, 1)).expect("it is there")[..120].to_vec();
            bytes[16..24].copy_from_slice(&2_u64.to_le_bytes());
            bytes[88..96].copy_from_slice(&root.to_le_bytes());
            bytes
        };
        for bytes in [vec![0], header(2), header(len - 124)] {
            fs::write(&path, bytes).expect("it is written");
            let file = fs::File::options().write(true).open(&path).expect("ours");
            if file.set_len(len).is_err() {
                println!("skipped: no sparse files of this length here");
                return;
            }
            let error = places.try_user().expect_err("it is damaged");
            assert!(error.is_damaged(), "{error}");
            assert_eq!(error.path(), Some(&*path));
        }
    });
}

/// However it is opened, a manifest with wrong contents and a valid checksum is an error
/// of a kind that says what to do, and nothing else.
#[test]
fn a_forged_manifest_is_a_typed_error() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        let items: Vec<_> = ["a", "b", "c"].map(|text| user.insert(text)).into();
        let texts: Vec<_> = ["a", "b", "c"].into_iter().zip(&items).collect();
        user.commit_texts(&texts).expect("nothing fails");
        drop(texts);
        drop(items);
        end(user);
        let path = manifest(&places, 1);
        let whole = fs::read(&path).expect("it is there");
        let mut random = Random(0x2545_F491_4F6C_DD1D);
        let store = places.store();
        for _ in 0..500 {
            let bytes = random.forge(&whole);
            fs::remove_file(&path).expect("it is there");
            fs::write(&path, &bytes).expect("it is written");
            let check = |error: &Error| {
                let known = error.is_damaged() || error.is_mismatch();
                assert!(known, "{error}");
                assert!(error.path().is_some(), "{error}");
            };
            let saved = PreparedPath::blocking_open_read_only(places.saved.clone());
            let opened = Library::blocking_open_read_only(&store, saved.expect("it is there"));
            match opened {
                Ok(library) => {
                    let verified = library
                        .blocking_verify(VerifyOptions::all())
                        .expect("it reads");
                    let mut damaged = verified.damaged.iter();
                    assert!(damaged.all(|error| error.is_damaged() || error.is_not_found()));
                }
                Err(error) => check(&error),
            }
            match Inspection::blocking_open(&places.saved) {
                Ok(found) => {
                    found.root_json();
                    let missing = found.missing().len() + found.unnamed().len();
                    let verified = found.blocking_verify(VerifyOptions::all());
                    assert!(missing > 0 || verified.files > 0);
                }
                Err(error) => check(&error),
            }
        }
    });
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    /// Changes a few bytes or numbers, and the length, and mends the checksum.
    fn forge(&mut self, whole: &[u8]) -> Vec<u8> {
        let mut bytes = whole[..whole.len() - 4].to_vec();
        for _ in 0..=self.below(3) {
            match self.below(4) {
                0 => {
                    let at = self.below(bytes.len());
                    bytes[at] = self.below(256) as u8;
                }
                1 if bytes.len() >= 120 => {
                    let field = 16 + 8 * self.below(13);
                    let numbers = [0, 1, 3, u64::MAX, u64::MAX - 123, 1 << 63, 1 << 32];
                    let number = numbers[self.below(numbers.len())];
                    bytes[field..field + 8].copy_from_slice(&number.to_le_bytes());
                }
                2 => bytes.truncate(8 + self.below(bytes.len() - 7)),
                _ => bytes.extend(vec![0xFF; self.below(60)]),
            }
        }
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        bytes
    }
}
