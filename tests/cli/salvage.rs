//! What `salvage` tells and commits.

use std::fs;

use serde_json::json;

use super::sample::{HOSTILE, Sample, is_harmless, tree};
use super::{Place, tool};

fn overwrite(path: &std::path::Path, text: &str) {
    fs::remove_file(path).expect("it is there");
    fs::write(path, text).expect("it is ours");
}

fn remove_manifests(sample: &Sample) {
    for entry in fs::read_dir(sample.path.join("file_backed.manifest")).expect("it is there") {
        overwrite(&entry.expect("an entry").path(), "not a manifest");
    }
}

#[test]
fn what_is_lost_is_told_and_nothing_is_changed() {
    let sample = Sample::with(&["a", "b", "c"]);
    overwrite(&sample.file("a"), "damaged");
    fs::remove_file(sample.file("b")).expect("it is there");
    let before = tree(&sample.path);
    let told = sample.tool(&["salvage"]);
    assert_eq!((told.code, told.err.as_str()), (1, ""));
    let lines: Vec<_> = told.out.lines().collect();
    let mut lost = lines[..2].to_vec();
    lost.sort_unstable();
    assert!(
        lost[0].starts_with("a: could not verify item "),
        "{}",
        told.out
    );
    assert!(
        lost[1].starts_with("b: could not verify item "),
        "{}",
        told.out
    );
    assert_eq!(lines[2], "generation 1: 2 items left, 2 lost");
    assert!(lines[3].starts_with("nothing was changed: `--commit`"));

    let json = sample.tool(&["salvage", "--json"]).json();
    assert_eq!(
        (&json["generation"], &json["newest"], &json["items"]),
        (&json!(1), &json!(1), &json!(2))
    );
    assert_eq!(json["committed"], json!(null));
    let mut names: Vec<_> = json["damaged"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|item| item["names"][0].as_str().expect("a name"))
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["a", "b"]);

    // Without reading, only the missing one is found.
    let quick = sample.tool(&["salvage", "--quick", "--json"]).json();
    assert_eq!(quick["damaged"].as_array().expect("a list").len(), 1);
    assert_eq!(tree(&sample.path), before);
}

#[test]
fn what_is_left_is_committed_with_its_names_and_its_root() {
    let sample = Sample::with(&["a", "b"]);
    overwrite(&sample.file("a"), "damaged");
    let told = sample.tool(&["salvage", "--commit"]);
    assert_eq!((told.code, told.err.as_str()), (1, ""));
    assert!(
        told.out
            .ends_with("committed as generation 2; 1 files deleted\n"),
        "{}",
        told.out
    );
    assert_eq!(sample.read("b"), b"b");
    let root = sample.inspect().root_json().expect("a dataset").to_owned();
    assert!(root.contains("18446744073709551615"), "{root}");
    let again = sample.tool(&["salvage", "--commit"]);
    assert_eq!((again.code, again.err.as_str()), (0, ""));
    assert_eq!(
        again.out,
        "generation 2: 2 items left, 0 lost\nnothing is wrong\n"
    );
}

#[test]
fn a_root_that_is_lost_has_to_be_given() {
    let sample = Sample::with(&["a"]);
    remove_manifests(&sample);
    let before = tree(&sample.path);
    let told = sample.tool(&["salvage", "--commit"]);
    assert_eq!(told.code, 2);
    assert!(
        told.err.contains("give one with `--root FILE`"),
        "{}",
        told.err
    );
    assert_eq!(tree(&sample.path), before);
    let root = sample.beside("root.json");
    fs::write(&root, "not JSON").expect("it is ours");
    let with_root = [
        "salvage",
        "--commit",
        "--root",
        root.to_str().expect("plain"),
    ];
    let told = sample.tool(&with_root);
    assert_eq!(told.code, 2);
    assert!(
        told.err.contains("could not read the root from "),
        "{}",
        told.err
    );
    fs::write(&root, r#"{"title":"again","counts":{}}"#).expect("it is ours");
    let told = sample.tool(&with_root);
    assert_eq!((told.code, told.err.as_str()), (1, ""));
    assert!(
        told.out
            .contains("no generation could be read: 2 items left, 0 lost, 2 without a name"),
        "{}",
        told.out
    );
    drop(sample.open());
}

#[test]
fn a_directory_without_a_dataset_becomes_one() {
    let place = Place::by_hand();
    let root = place.path.with_file_name("root.json");
    fs::write(&root, "[]").expect("it is ours");
    let told = tool(
        &[
            "salvage",
            "--commit",
            "--root",
            root.to_str().expect("plain"),
        ],
        &place.path,
    );
    assert_eq!((told.code, told.err.as_str()), (1, ""));
    let told = tool(&["info", "--json"], &place.path);
    assert_eq!((told.code, &told.json()["items"]), (0, &json!(3)));
}

#[test]
fn other_directories_are_refused_and_not_filled() {
    let sample = Sample::empty();
    let told = sample.tool(&["salvage"]);
    assert_eq!(told.code, 2);
    assert!(!sample.path.exists());
    fs::create_dir(&sample.path).expect("it is ours");
    let told = sample.tool(&["salvage", "--commit"]);
    assert_eq!(told.code, 2);
    assert!(
        told.err.contains("is not a file_backed directory"),
        "{}",
        told.err
    );
    assert!(tree(&sample.path).is_empty());
}

#[test]
fn a_dataset_that_is_open_to_commit_is_left_alone() {
    let sample = Sample::with(&["a"]);
    let dataset = sample.open();
    let told = sample.tool(&["salvage", "--commit"]);
    assert_eq!(told.code, 2);
    assert!(
        told.err.contains("another process is using the directory"),
        "{}",
        told.err
    );
    drop(dataset);
}

#[test]
fn hostile_names_are_shown_escaped() {
    let sample = Sample::hostile();
    for name in HOSTILE {
        overwrite(&sample.file(name), "damaged");
    }
    for words in [&["salvage"][..], &["salvage", "--json"]] {
        let told = sample.tool(words);
        assert_eq!(told.code, 1);
        assert!(
            is_harmless(&told.out) && is_harmless(&told.err),
            "{}",
            told.out
        );
    }
}
