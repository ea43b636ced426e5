//! What `gc` deletes.

use std::fs;

use file_backed::fbstore::key_path;
use file_backed::uuid::Uuid;

use super::sample::{Sample, is_harmless, tree};

/// Leaves the files of a generation that a reader had pinned, and one that an interrupted
/// commit has linked.
fn with_garbage() -> Sample {
    let sample = Sample::with(&["a", "b"]);
    let dataset = sample.open();
    let pinned = sample.inspect();
    dataset
        .blocking_edit(|edit| edit.remove_named("a"))
        .expect("it is committed");
    drop(dataset);
    drop(pinned);
    let left = key_path(&sample.path, Uuid::from_u128(7));
    fs::copy(sample.file("b"), left).expect("it is copied");
    sample
}

#[test]
fn a_dry_run_lists_what_gc_deletes_and_touches_nothing() {
    let sample = with_garbage();
    let before = tree(&sample.path);
    let told = sample.tool(&["gc", "--dry-run"]);
    assert_eq!((told.code, told.err.as_str()), (0, ""));
    assert_eq!(tree(&sample.path), before);
    let listed: Vec<_> = told.out.lines().map(str::to_owned).collect();
    let json = sample.tool(&["gc", "--dry-run", "--json"]).json();
    assert_eq!(json["dry_run"], true);

    let told = sample.tool(&["gc", "--json"]);
    assert_eq!((told.code, told.err.as_str()), (0, ""));
    let deleted = told.json();
    assert_eq!(deleted["files"], json["files"]);
    assert_eq!(deleted["bytes"], json["bytes"]);
    let files = deleted["files"].as_array().expect("a list");
    assert_eq!(files.len() + 1, listed.len());
    assert_eq!(
        files.iter().filter(|file| file["key"].is_string()).count(),
        2
    );
    let after = tree(&sample.path);
    let mut gone: Vec<_> = before
        .keys()
        .filter(|path| !after.contains_key(*path))
        .collect();
    gone.sort();
    let mut told: Vec<_> = files
        .iter()
        .map(|file| file["path"].as_str().expect("plain"))
        .collect();
    told.sort_unstable();
    let gone: Vec<_> = gone.iter().map(|path| sample.path.join(path)).collect();
    assert!(
        gone.iter()
            .map(|path| path.to_str().expect("plain"))
            .eq(told)
    );
    assert_eq!(sample.tool(&["verify"]).code, 0);
    assert_eq!(sample.tool(&["gc"]).out, "0 files, 0 B deleted\n");
}

/// `hold` pins the generation while its command makes another one.
#[cfg(unix)]
#[test]
fn gc_keeps_what_a_reader_has_pinned() {
    let sample = with_garbage();
    assert_eq!(sample.tool(&["gc"]).code, 0);
    let replaced = sample.file("b");
    let folder = sample.beside("folder");
    fs::create_dir(&folder).expect("it is made");
    fs::write(folder.join("b"), "other bytes").expect("it is written");
    let script = "cat > /dev/null; \"$0\" import \"$1\" \"$2\" && \"$0\" gc \"$2\" && \"$0\" diff \"$2\" 2 3";
    let path = |path: &std::path::Path| path.to_str().expect("plain").to_owned();
    let (from, to) = (path(&folder), path(&sample.path));
    let tool = env!("CARGO_BIN_EXE_file_backed");
    let told = sample.tool(&["hold", "--", "sh", "-c", script, tool, &from, &to]);
    let text = "generation 3: 1 files, 11 B, imported, 1 of them in place of items of the same name\n0 files, 0 B deleted\nM  b\n";
    assert_eq!(
        (told.code, told.out.as_str(), told.err.as_str()),
        (1, text, "")
    );
    assert!(replaced.exists());
    let told = sample.tool(&["gc"]);
    assert!(told.out.contains(&path(&replaced)), "{}", told.out);
    assert!(!replaced.exists());
}

#[test]
fn gc_is_refused_while_a_program_has_the_dataset_open_to_commit() {
    let sample = with_garbage();
    let dataset = sample.open();
    let before = tree(&sample.path);
    let told = sample.tool(&["gc"]);
    assert_eq!((told.code, told.out.as_str()), (2, ""));
    assert!(
        is_harmless(&told.err) && told.err.contains("process"),
        "{}",
        told.err
    );
    assert_eq!(tree(&sample.path), before);
    assert_eq!(sample.tool(&["gc", "--dry-run"]).code, 0);
    drop(dataset);
}

/// What is left may be all that a salvage has.
#[test]
fn gc_deletes_nothing_if_a_file_of_the_current_generation_is_missing() {
    let sample = with_garbage();
    fs::remove_file(sample.file("b")).expect("it is there");
    let before = tree(&sample.path);
    let told = sample.tool(&["gc"]);
    assert_eq!((told.code, told.out.as_str()), (1, ""));
    assert!(told.err.contains("missing"), "{}", told.err);
    assert_eq!(tree(&sample.path), before);
}
