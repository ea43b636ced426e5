//! The corpus: `corpus/<target>/<what it is>`.

use std::fs;
use std::path::{Path, PathBuf};

use super::targets::{ALL, Target};
use crate::files::{file_of, reseal};
use crate::values::Plain;

fn directory(target: &str) -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    tests.join("corpus").join(target)
}

/// The kept files of a target, in the order of their names.
pub(crate) fn kept(target: &str) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(directory(target)).expect("the corpus is kept");
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    let read = |path: &PathBuf| fs::read(path).unwrap();
    paths.iter().map(read).collect()
}

/// Whole files of each type, which are of the wrong type to each other, and one
/// of each sort of damage.
fn made(target: &Target) -> Vec<(String, Vec<u8>)> {
    let wholes = (target.samples)();
    let first = wholes[0].clone();
    let middle = first.len() / 3;
    let mut flipped = first.clone();
    flipped[middle] ^= 0x10;
    let mut resealed = flipped.clone();
    if resealed.len() >= file_backed_codecs::frame::FOOTER_LEN {
        reseal(&mut resealed);
    }
    let mut files = vec![
        ("empty".to_owned(), vec![]),
        ("truncated".to_owned(), first[..first.len() - 9].to_vec()),
        ("flipped".to_owned(), flipped),
        ("resealed".to_owned(), resealed),
        ("wrong_codec".to_owned(), other_codec(target.name)),
    ];
    let numbered = wholes.iter().enumerate();
    files.extend(numbered.map(|(n, file)| (format!("whole_{n}"), file.clone())));
    #[cfg(feature = "mappedcodec")]
    if target.name.starts_with("mapped") {
        let hostile = super::archives::hostile().into_iter();
        files.extend(hostile.map(|(name, file)| (name.to_owned(), file)));
    }
    files
}

/// A file of a codec that the target does not read.
fn other_codec(target: &str) -> Vec<u8> {
    let mut file = file_of(&Plain, &b"of another codec".to_vec());
    if target == "frame" {
        let codec = file.len() - file_backed_codecs::frame::FOOTER_LEN + 12;
        file[codec] ^= 1;
        reseal(&mut file);
    }
    file
}

/// Writes the files that are missing. Existing files stay, including those that the
/// fuzzer found.
#[test]
#[ignore = "writes into the source tree, by hand"]
fn write_missing_files() {
    for target in ALL {
        let directory = directory(target.name);
        fs::create_dir_all(&directory).unwrap();
        for (name, bytes) in made(target) {
            let path = directory.join(name);
            if !path.exists() {
                fs::write(path, bytes).unwrap();
            }
        }
    }
}

/// The code can generate the corpus again.
#[test]
fn every_generated_corpus_file_is_in_the_corpus() {
    for target in ALL {
        for (name, _) in made(target) {
            assert!(directory(target.name).join(&name).exists(), "{name}");
        }
    }
}
