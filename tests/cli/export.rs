//! Items that become files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use file_backed::fbstore::key_path;
use serde_json::Value;

use super::sample::{HOSTILE, Sample, is_harmless, tree};
use super::{Place, flip, tool};

#[cfg(unix)]
#[test]
fn hostile_names_become_files_below_the_directory_and_all_differ() {
    let sample = Sample::hostile();
    let before: Vec<_> = beside(&sample);
    let told = sample.export(&["--all"]);
    assert_eq!((told.code, told.err.as_str()), (0, ""));
    let mut after = beside(&sample);
    after.retain(|path| !before.contains(path));
    assert_eq!(
        after,
        [sample.beside("exported")],
        "nothing is written elsewhere"
    );
    let files = tree(&sample.beside("exported"));
    assert_eq!(files.len(), HOSTILE.len() + 2 + 1);
    for (path, name) in [
        ("..%=_", ".."),
        ("%=2E./%=2E./escaped", "../../escaped"),
        ("%=_/etc/escaped", "/etc/escaped"),
        ("a%=_", "a"),
        ("a/b%=_", "a/b"),
        ("a/b/%=_", "a/b/"),
        ("a/%=_/b", "a//b"),
        ("nul%=00nul", "nul\0nul"),
        ("\u{1b}[31mred\u{202e}", "\u{1b}[31mred\u{202e}"),
        ("%=25=2E.", "%=2E."),
    ] {
        let bytes = files.get(Path::new(path));
        assert_eq!(bytes.map(Vec::as_slice), Some(name.as_bytes()), "{path}");
    }
    let unnamed = files.values().filter(|bytes| *bytes == b"unnamed");
    assert_eq!(unnamed.count(), 1);
}

/// What is beside the dataset.
fn beside(sample: &Sample) -> Vec<PathBuf> {
    let entries = fs::read_dir(sample.dir.path()).expect("it is there");
    entries
        .map(|entry| entry.expect("an entry").path())
        .collect()
}

#[test]
fn names_prefixes_and_keys_choose_what_is_exported() {
    let sample = Sample::with(&["a/1", "a/2", "b"]);
    let exported = |words: &[&str]| {
        let _ = fs::remove_dir_all(sample.beside("exported"));
        let told = sample.export(words);
        assert_eq!((told.code, told.err.as_str()), (0, ""));
        let files = tree(&sample.beside("exported")).into_keys();
        files
            .map(|path| path.to_str().expect("plain").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(exported(&["b", "a/1", "b"]), ["a/1", "b"]);
    assert_eq!(exported(&["--prefix", "a/"]), ["a/1", "a/2"]);
    let key = sample
        .inspect()
        .names()
        .get("b")
        .expect("it is there")
        .key::<()>();
    let key = key.uuid().simple().to_string();
    assert_eq!(exported(&[&key]), [&*key]);
    assert_eq!(exported(&["--all"]).len(), 4);
    for (words, text) in [
        (&["c"][..], "no item has the name or key c in "),
        (&["--prefix", "c"], "no name begins with c in "),
    ] {
        let told = sample.export(words);
        assert_eq!((told.code, told.out.as_str()), (2, ""));
        assert!(told.err.contains(text), "{}", told.err);
    }
}

/// A key can be a name too, of another item.
#[test]
fn an_unnamed_item_whose_key_is_a_name_has_a_file_of_its_own() {
    let sample = Sample::with(&[]);
    let key = sample.inspect().all_keys()[0].simple().to_string();
    sample.put(&sample.open(), &key, "named");
    assert_eq!(sample.export(&["--all"]).code, 0);
    let files = tree(&sample.beside("exported"));
    let expected = [(key.clone(), "named"), (format!("{key}%=k"), "unnamed")];
    let expected = expected.map(|(path, bytes)| (PathBuf::from(path), bytes.as_bytes().to_vec()));
    assert_eq!(files, BTreeMap::from(expected));
}

#[test]
fn existing_files_are_refused_before_anything_is_written() {
    let sample = Sample::with(&["a", "b", "c"]);
    let to = sample.beside("exported");
    fs::create_dir(&to).expect("it is made");
    fs::write(to.join("b"), "mine").expect("it is written");
    let told = sample.export(&["--all"]);
    let text = format!(
        "file_backed: nothing was exported, because these exist already:\n  {}\nuse --force to replace them, or another directory\n",
        to.join("b").display()
    );
    assert_eq!((told.code, told.out, told.err), (2, String::new(), text));
    assert_eq!(tree(&to), [("b".into(), b"mine".to_vec())].into());
    let json = sample.export(&["--all", "--force", "--json"]).json();
    assert_eq!(
        (&json["files"], &json["bytes"], &json["generation"]),
        (&4.into(), &10.into(), &1.into())
    );
    assert_eq!(tree(&to)[Path::new("b")], b"b");
}

#[cfg(unix)]
#[test]
fn symbolic_links_do_not_lead_out_of_the_directory() {
    use std::os::unix::fs::symlink;

    let sample = Sample::with(&["link", "out/a"]);
    let (to, outside) = (sample.beside("exported"), sample.beside("outside"));
    for directory in [&to, &outside] {
        fs::create_dir(directory).expect("it is made");
    }
    fs::write(outside.join("target"), "theirs").expect("it is written");
    symlink(outside.join("target"), to.join("link")).expect("it is made");
    symlink(&outside, to.join("out")).expect("it is made");
    for words in [&["out/a"][..], &["out/a", "--force"]] {
        let told = sample.export(words);
        assert_eq!((told.code, told.out.as_str()), (2, ""), "{}", told.err);
    }
    assert_eq!(sample.export(&["link"]).code, 2, "the link exists");
    assert_eq!(sample.export(&["link", "--force"]).code, 0);
    assert!(
        to.join("link")
            .symlink_metadata()
            .expect("it is there")
            .is_file()
    );
    assert_eq!(
        tree(&outside),
        [("target".into(), b"theirs".to_vec())].into()
    );
}

#[test]
fn damaged_items_are_reported_and_the_others_are_exported() {
    let sample = Sample::with(&["damaged", "missing", "whole"]);
    flip(&sample.file("damaged"), 1);
    fs::remove_file(sample.file("missing")).expect("it is there");
    let told = sample.export(&["--all"]);
    assert_eq!(told.code, 1);
    let lines: Vec<_> = told.err.lines().collect();
    assert!(
        lines.len() == 2
            && lines[0].starts_with("not exported: damaged: ")
            && lines[1].starts_with("not exported: missing: "),
        "{}",
        told.err
    );
    assert!(
        told.out.ends_with("; 2 not exported\n") && is_harmless(&told.err),
        "{}",
        told.out
    );
    let files = tree(&sample.beside("exported"));
    assert_eq!(files.len(), 2, "{files:?}: nothing of them is left");
    let json = sample.export(&["--all", "--force", "--json"]).json();
    let failed: Vec<_> = json["failed"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| &one["name"])
        .collect();
    assert_eq!(failed, [&Value::from("damaged"), &Value::from("missing")]);
}

#[test]
fn an_item_that_is_not_exported_is_told_by_its_escaped_name_or_key() {
    let sample = Sample::with(&["\u{1b}[31m\nred"]);
    let keys = sample.inspect().all_keys();
    for key in &keys {
        fs::remove_file(key_path(&sample.path, *key)).expect("it is there");
    }
    let unnamed = sample.inspect();
    let named = unnamed.names().get("\u{1b}[31m\nred").expect("it is named");
    let named = named.key::<()>().uuid();
    let unnamed = keys.iter().find(|key| **key != named);
    let unnamed = unnamed.expect("one has no name").simple();
    let told = sample.export(&["--all"]);
    let lines: Vec<_> = told.err.lines().collect();
    assert_eq!((told.code, lines.len()), (1, 2), "{}", told.err);
    assert!(is_harmless(&told.err), "{:?}", told.err);
    let first = r#"not exported: "\u{1b}[31m\nred": "#;
    assert!(lines[0].starts_with(first), "{}", told.err);
    let second = format!("not exported: {unnamed}: ");
    assert!(lines[1].starts_with(&second), "{}", told.err);
}

/// It was said that the directory could not be created because it exists.
#[test]
fn a_target_that_is_no_directory_is_told() {
    let sample = Sample::with(&["a"]);
    let to = sample.beside("exported");
    fs::write(&to, "mine").expect("it is written");
    let assert_refused = |why: &str| {
        let told = sample.export(&["--all", "--force"]);
        let text = format!(
            "file_backed: {} {why}: give a directory for the files\n",
            to.display()
        );
        assert_eq!((told.code, told.out, told.err), (2, String::new(), text));
    };
    assert_refused("is not a directory");
    assert_eq!(fs::read(&to).expect("it is there"), b"mine");
    #[cfg(unix)]
    {
        fs::remove_file(&to).expect("it is there");
        std::os::unix::fs::symlink("nowhere", &to).expect("it is made");
        assert_refused("is a symbolic link that leads nowhere");
    }
}

/// It was said that the file had come to exist meanwhile, once others were written.
#[cfg(unix)]
#[test]
fn a_directory_that_is_a_link_to_nowhere_is_told_before_anything_is_written() {
    let sample = Sample::with(&["a", "b/link/c"]);
    let to = sample.beside("exported");
    fs::create_dir_all(to.join("b")).expect("it is made");
    let link = to.join("b/link");
    std::os::unix::fs::symlink("nowhere", &link).expect("it is made");
    let text = format!(
        "file_backed: could not write {}: {} is a symbolic link that leads nowhere\n",
        link.join("c").display(),
        link.display()
    );
    let told = sample.export(&["--all"]);
    assert_eq!(
        (told.code, told.out.as_str(), told.err.as_str()),
        (2, "", &*text)
    );
    assert_eq!(tree(&to).len(), 1, "only the link is there");
    let told = sample.export(&["--all", "--force"]);
    assert_eq!((told.code, told.err), (2, text));
}

/// Only one of a process of the same number was replaced, and `import` made items of the others.
#[test]
fn an_export_removes_what_killed_ones_left_and_nothing_else() {
    let sample = Sample::with(&["a", "b/c"]);
    let to = sample.beside("exported");
    let left = "%=t0123456789abcdef0123456789abcdef";
    let in_use = "%=tfedcba9876543210fedcba9876543210";
    for below in ["", "b"] {
        let directory = to.join(below);
        fs::create_dir_all(&directory).expect("it is made");
        for name in [left, in_use, "%=tmine", "mine"] {
            fs::write(directory.join(name), "half").expect("it is written");
        }
    }
    let locked = ["", "b"].map(|below| {
        let file = fs::File::open(to.join(below).join(in_use)).expect("it is there");
        file.lock().expect("no other process has it");
        file
    });
    let told = sample.export(&["a", "b/c"]);
    assert_eq!((told.code, told.err.as_str()), (0, ""));
    drop(locked);
    let files: Vec<_> = tree(&to).into_keys().collect();
    let expected = [in_use, "%=tmine", "a", "b/%=tmine", "b/c", "b/mine", "mine"];
    let mut expected: Vec<PathBuf> = expected.map(PathBuf::from).into();
    expected.push(Path::new("b").join(in_use));
    expected.sort();
    assert_eq!(files, expected);
    // Now that nothing has them.
    assert_eq!(sample.export(&["a", "b/c", "--force"]).code, 0);
    assert!(!to.join(in_use).exists() && !to.join("b").join(in_use).exists());
    assert_eq!(tree(&to).len(), 6);
}

#[test]
fn items_without_a_dataset_are_exported_by_their_keys() {
    let place = Place::by_hand();
    let to = place.path.with_file_name("to");
    let told = tool(
        &["export", to.to_str().expect("plain"), "--all"],
        &place.path,
    );
    assert_eq!(
        (told.code, told.out.as_str()),
        (0, "3 files, 30 B\n"),
        "{}",
        told.err
    );
    let names: Vec<_> = tree(&to).into_keys().collect();
    let keys: Vec<PathBuf> = (0..3).map(|at| place.simple(at).into()).collect();
    assert_eq!(names, keys);
}

/// A name could be that of a manifest.
#[test]
fn nothing_is_exported_into_a_directory_of_the_library() {
    let sample = Sample::with(&["file_backed.manifest/00000000000000ff"]);
    let before = tree(&sample.path);
    for to in [sample.path.clone(), sample.path.join("below")] {
        let told = sample.tool(&["export", to.to_str().expect("plain"), "--all"]);
        assert_eq!(told.code, 2, "{}", told.err);
        assert!(
            told.err.contains("is a file_backed directory"),
            "{}",
            told.err
        );
    }
    assert_eq!(tree(&sample.path), before);
}

/// Each directory of a file was kept open.
#[cfg(unix)]
#[test]
fn a_name_of_many_components_needs_few_descriptors() {
    let deep = "/".repeat(1023);
    let sample = Sample::with(&[&deep, "b"]);
    let tool = env!("CARGO_BIN_EXE_file_backed");
    let output = std::process::Command::new("sh")
        .args([
            "-c",
            "ulimit -n 128; exec \"$0\" export \"$1\" \"$2\" --all",
            tool,
        ])
        .args([&sample.path, &sample.beside("exported")])
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert_eq!(tree(&sample.beside("exported")).len(), 3);
}
