//! What `diff` tells, and copies by links.

use std::fs;

use super::sample::{Sample, is_harmless};
use super::{Told, flip};

fn lines(told: &Told) -> Vec<&str> {
    assert!(
        is_harmless(&told.out) && told.err.is_empty(),
        "{}{}",
        told.out,
        told.err
    );
    told.out.lines().collect()
}

#[test]
fn diff_compares_generations_that_are_on_the_disk() {
    let sample = Sample::with(&["changed", "removed", "same", "\u{1b}"]);
    let dataset = sample.open();
    let pinned = sample.inspect();
    let unnamed = sample.insert("another");
    let key = unnamed.key().simple().to_string();
    let (changed, again) = (sample.insert("other bytes"), sample.insert("same"));
    let edited = dataset.blocking_edit(|edit| {
        edit.put_named("changed", &changed)?;
        edit.put_named("same", &again)?;
        edit.remove_named("removed")?;
        edit.rename("\u{1b}", "a\nb")?;
        edit.put(&unnamed)?;
        edit.set_root(Default::default());
        Ok::<_, file_backed::Error>(())
    });
    edited.expect("it is committed");
    let told = sample.tool(&["diff", "1", "2"]);
    let added = format!("A  (key) {key}");
    let expected = [
        "R",
        "D  \"\\u{1b}\"",
        "A  \"a\\nb\"",
        "M  changed",
        "D  removed",
        "K  same",
        &added,
    ];
    assert_eq!((told.code, lines(&told)), (1, expected.to_vec()));
    let same = sample.tool(&["diff", "2", "2"]);
    assert_eq!((same.code, same.out.as_str()), (0, ""));
    let back = sample.tool(&["diff", "2", "1", "--json"]);
    let changes: Vec<serde_json::Value> = lines(&back)
        .iter()
        .map(|line| serde_json::from_str(line).expect("it is JSON"))
        .collect();
    assert_eq!(changes[0]["change"], "root");
    assert_eq!(
        (&changes[1]["change"], &changes[1]["name"]),
        (&"added".into(), &"\u{1b}".into())
    );
    assert_eq!(
        (&changes[3]["old_bytes"], &changes[3]["new_bytes"]),
        (&75.into(), &71.into())
    );
    drop(pinned);
    sample.put(&dataset, "more", "more");
    let told = sample.tool(&["diff", "1", "3"]);
    assert_eq!((told.code, told.out.as_str()), (2, ""));
    let text = "generation 1 is not on the disk, only 3: a commit removes the earlier ones that no reader has pinned";
    assert!(told.err.contains(text), "{}", told.err);
}

#[test]
fn diff_compares_two_datasets() {
    let (one, other) = (Sample::with(&["a", "b"]), Sample::with(&["b", "c"]));
    let other_path = other.path.to_str().expect("plain");
    let told = one.tool(&["diff", other_path]);
    assert_eq!(lines(&told)[..3], ["D  a", "K  b", "A  c"]);
    assert_eq!(
        (told.code, told.out.lines().count()),
        (1, 5),
        "both have an unnamed one"
    );
    let copy = one.beside("copy");
    let copy = copy.to_str().expect("plain");
    assert_eq!(one.tool(&["copy", copy]).code, 0);
    assert_eq!(one.tool(&["diff", copy]).code, 0);
}

/// 1 says that something differs.
#[test]
fn diff_of_a_damaged_manifest_fails_with_another_code() {
    let sample = Sample::with(&["a"]);
    flip(
        &sample.path.join("file_backed.manifest/0000000000000001"),
        30,
    );
    let told = sample.tool(&["diff", "1", "1"]);
    assert_eq!((told.code, told.out.as_str()), (2, ""));
    for words in [
        &["diff", "1"][..],
        &["diff", "x", "2"],
        &["diff", "1", "x"],
        &["diff"],
    ] {
        let told = sample.tool(words);
        assert_eq!((told.code, told.out.as_str()), (2, ""), "{words:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_linked_copy_shares_its_files_and_is_independent() {
    use std::os::unix::fs::MetadataExt as _;

    let sample = Sample::with(&["a", "b"]);
    let to = sample.beside("linked");
    let words = ["copy", to.to_str().expect("plain"), "--link"];
    let told = sample.tool(&words);
    let text = "generation 1: 3 items, 201 B, linked\n";
    assert_eq!(
        (told.code, told.out.as_str(), told.err.as_str()),
        (0, text, "")
    );
    let copied = to.join(
        sample
            .file("a")
            .strip_prefix(&sample.path)
            .expect("it is below"),
    );
    let inode = |path| fs::metadata(path).expect("it is there").ino();
    assert_eq!(inode(&copied), inode(&sample.file("a")));
    assert_eq!(super::tool(&["verify"], &to).code, 0);
    // A commit to the original leaves the copy as it is.
    let dataset = sample.open();
    dataset
        .blocking_edit(|edit| edit.remove_named("a"))
        .expect("it is committed");
    assert_eq!(super::tool(&["verify"], &to).code, 0);
    assert_eq!(super::tool(&["cat", "a"], &to).out, "a");
    let json = sample
        .tool(&[
            "copy",
            sample.beside("again").to_str().expect("plain"),
            "--json",
        ])
        .json();
    assert_eq!((&json["items"], &json["linked"]), (&2.into(), &0.into()));
}

/// A link that would share damage of the footer, or another file, is refused.
#[test]
fn a_linked_copy_of_another_file_is_refused() {
    let sample = Sample::with(&["a", "b"]);
    let (one, other) = (sample.file("a"), sample.file("b"));
    fs::remove_file(&one).expect("it is there");
    fs::copy(other, &one).expect("it is copied");
    let words = [
        "copy",
        sample.beside("to").to_str().expect("plain"),
        "--link",
    ]
    .map(str::to_owned);
    let told = sample.tool(&words.each_ref().map(String::as_str));
    assert_eq!(told.code, 1, "{}", told.err);
    assert!(
        told.err.contains("not the file that was committed"),
        "{}",
        told.err
    );
}
