//! What `ls`, `cat`, `du` and `root` show of a dataset.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::process::{Command, Stdio};

use file_backed::Error;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::sample::{HOSTILE, Sample, is_harmless};
use super::{Place, flip, tool};

fn lines(text: &str) -> Vec<Value> {
    let lines = text.lines().map(|line| {
        assert!(is_harmless(line), "{line:?}");
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
    });
    lines.collect()
}

fn names_of(items: &[Value]) -> Vec<&str> {
    let names = items
        .iter()
        .flat_map(|item| item["names"].as_array().expect("a list"));
    names.map(|name| name.as_str().expect("a name")).collect()
}

#[test]
fn ls_shows_names_in_order_and_each_item_once() {
    let sample = Sample::with(&["b", "a/1", "a/22"]);
    let dataset = sample.open();
    let second = dataset.key_named::<()>("b").expect("it has the name");
    let edited = dataset.blocking_edit(|edit| edit.set_name("a/other", second));
    edited.expect("it is committed");
    let all = lines(&sample.tool(&["ls", "--json"]).out);
    assert_eq!(all.len(), 4, "an item with two names is one item");
    assert_eq!(names_of(&all), ["a/1", "a/22", "a/other", "b"]);
    assert_eq!(
        all[3]["names"],
        Value::Array(vec![]),
        "it has none, and comes last"
    );
    assert_eq!(
        (&all[0]["bytes"], &all[0]["payload_bytes"]),
        (&67.into(), &3.into())
    );
    assert_eq!(
        (&all[0]["codec"], &all[0]["schema"]),
        (&"plain bytes".into(), &0.into())
    );

    let below = lines(&sample.tool(&["ls", "--json", "--prefix", "a/"]).out);
    assert_eq!(names_of(&below), ["a/1", "a/22", "a/other"]);
    let largest = [
        "ls",
        "--json",
        "--sort",
        "size",
        "--reverse",
        "--limit",
        "2",
    ];
    let largest = lines(&sample.tool(&largest).out);
    assert_eq!(
        names_of(&largest),
        ["a/22"],
        "the one without a name is longer"
    );
    let by_key = lines(&sample.tool(&["ls", "--json", "--sort", "key"]).out);
    let keys: Vec<_> = by_key.iter().map(|item| item["key"].as_str()).collect();
    assert!(keys.is_sorted() && keys.len() == 4);

    let text = sample.tool(&["ls", "--prefix", "a/o"]).out;
    assert!(
        text.ends_with("            65  plain bytes  a/other\n"),
        "{text}"
    );
    let none = sample.tool(&["ls", "--prefix", "c"]);
    let path = sample.path.display();
    assert_eq!(
        (none.code, none.err),
        (0, format!("no name begins with c in {path}\n"))
    );
    for words in [
        &["ls", "--limit", "0"][..],
        &["ls", "--limit", "0", "--prefix", "a/"],
    ] {
        let told = sample.tool(words);
        assert_eq!(
            (told.code, told.out.as_str(), told.err.as_str()),
            (0, "", ""),
            "there are items, but none was asked for"
        );
    }
}

/// The manifest says all that is shown.
#[test]
fn ls_opens_no_file_of_an_item_and_reports_missing_ones() {
    let sample = Sample::with(&["damaged", "missing"]);
    fs::remove_file(sample.file("missing")).expect("it is there");
    flip(&sample.file("damaged"), 10);
    let told = sample.tool(&["ls", "--json"]);
    let items = lines(&told.out);
    assert_eq!(told.code, 1);
    assert_eq!(items[0]["bytes"], 71, "a damaged footer is not read");
    assert_eq!(items[1]["names"][0], "missing");
    assert!(
        items[1]["error"]
            .as_str()
            .is_some_and(|error| error.contains("No such file"))
    );
}

#[test]
fn hostile_names_are_quoted_in_texts_and_exact_in_json() {
    let sample = Sample::hostile();
    for command in [&["ls"][..], &["du"], &["ls", "--prefix", "\u{1b}"]] {
        let told = sample.tool(command);
        assert_eq!(told.code, 0, "{}", told.err);
        assert!(
            is_harmless(&told.out) && !told.out.contains("\nfile_backed"),
            "{}",
            told.out
        );
    }
    let text = sample.tool(&["ls"]).out;
    for shown in [
        r#""\u{1b}[31mred\u{202e}""#,
        r#""comma, \"quoted\" and spaced""#,
    ] {
        assert!(
            text.lines().any(|line| line.ends_with(shown)),
            "{shown} in {text}"
        );
    }
    let items = lines(&sample.tool(&["ls", "--json"]).out);
    let names: BTreeSet<_> = names_of(&items).into_iter().collect();
    assert!(HOSTILE.iter().all(|name| names.contains(name)));
}

#[test]
fn cat_writes_the_payload_by_name_or_key() {
    let sample = Sample::hostile();
    for name in HOSTILE.into_iter().filter(|name| !name.contains('\0')) {
        let told = sample.tool(&["cat", name]);
        assert_eq!(
            (told.code, told.out.as_str(), told.err.as_str()),
            (0, name, "")
        );
    }
    let items = lines(&sample.tool(&["ls", "--json"]).out);
    let unnamed = items
        .iter()
        .find(|item| item["names"] == Value::Array(vec![]));
    let key = unnamed.expect("there is one")["key"]
        .as_str()
        .expect("a key");
    assert_eq!(sample.tool(&["cat", key]).out, "unnamed");
    // Items without a dataset have keys.
    let by_hand = Place::by_hand();
    let texts = (0..3).map(|at| tool(&["cat", &by_hand.simple(at)], &by_hand.path).out);
    let encoded = |text: &str| format!("{}\0\0\0\0\0\0\0{text}", char::from(text.len() as u8));
    assert_eq!(
        texts.collect::<BTreeSet<_>>(),
        ["a", "bb", "ccc"].map(encoded).into()
    );
}

#[test]
fn cat_writes_nothing_of_a_damaged_item() {
    let long = "x".repeat(3 << 20);
    let sample = Sample::with(&["short"]);
    sample.put(&sample.open(), "long", &long);
    assert_eq!(sample.tool(&["cat", "long"]).out.len(), long.len());
    flip(&sample.file("long"), (3 << 20) - 1);
    flip(&sample.file("short"), 0);
    for name in ["long", "short"] {
        let told = sample.tool(&["cat", name]);
        assert_eq!((told.code, told.out.as_str()), (1, ""));
        assert!(told.err.contains("checksum"), "{}", told.err);
    }
    // Another whole file in its place is not the item.
    sample.put(&sample.open(), "other", "other");
    let (short, other) = (sample.file("short"), sample.file("other"));
    fs::remove_file(&short).expect("it is there");
    fs::copy(other, &short).expect("it is copied");
    let told = sample.tool(&["cat", "short"]);
    assert_eq!((told.code, told.out.as_str()), (1, ""));
    assert!(
        told.err.contains("not the file that was committed"),
        "{}",
        told.err
    );
}

#[test]
fn cat_refuses_unknown_names_and_json() {
    let sample = Sample::with(&["a"]);
    let path = sample.path.display();
    let key = "0".repeat(32);
    for (word, shown) in [("b", "b"), ("\u{1b}c", r#""\u{1b}c""#), (&key, &key)] {
        let told = sample.tool(&["cat", word]);
        let text = format!(
            "file_backed: no item has the name or key {shown} in {path}: `file_backed ls` lists the names and keys\n"
        );
        assert_eq!((told.code, told.out, told.err), (2, String::new(), text));
    }
    let told = sample.tool(&["cat", "a", "--json"]);
    assert_eq!((told.code, told.out.as_str()), (2, ""));
}

#[test]
fn du_sums_up_by_prefix_and_adds_up_to_all_files() {
    let sample = Sample::with(&["a/b/1", "a/b/2", "a/3", "a-/4", "5"]);
    let dataset = sample.open();
    // A second name of one that is counted already.
    let key = dataset.key_named::<()>("a/3").expect("it has the name");
    dataset
        .blocking_edit(|edit| edit.set_name("z/again", key))
        .expect("it is committed");
    // A pinned generation keeps a file that the current one does not name.
    let pinned = sample.inspect();
    dataset
        .blocking_edit(|edit| edit.remove_named("5"))
        .expect("it is committed");
    let told = sample.tool(&["du"]);
    let rows: Vec<_> = told.out.lines().map(|line| line[28..].to_owned()).collect();
    let sums = |line: &String| line.starts_with('(');
    let prefixes: Vec<_> = rows
        .iter()
        .filter(|row| !sums(row))
        .map(String::as_str)
        .collect();
    assert_eq!(prefixes, ["a-/", "a/b/", "a/", "z/"], "{}", told.out);

    let values = lines(&sample.tool(&["du", "--json"]).out);
    let bytes = |field: &str, value: &str| {
        let found = values.iter().find(|line| line[field] == value);
        found
            .and_then(|line| line["bytes"].as_u64())
            .expect("it is there")
    };
    assert_eq!(bytes("prefix", "a/b/"), 2 * (64 + 5));
    assert_eq!(bytes("prefix", "a/"), 2 * (64 + 5) + 64 + 3);
    assert_eq!(bytes("prefix", "z/"), 0, "it is counted for its first name");
    assert_eq!(bytes("sum", "unnamed"), 64 + 7);
    assert_eq!(bytes("sum", "others"), 64 + 1);
    let is_counted = |path: &std::path::PathBuf| {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .expect("plain");
        path.is_file() && !name.starts_with("file_backed.")
    };
    let files = super::walk(&sample.path).into_iter().filter(is_counted);
    let on_disk: u64 = files
        .map(|file| fs::metadata(file).expect("it is there").len())
        .sum();
    assert_eq!(bytes("sum", "total"), on_disk);

    let shallow = lines(&sample.tool(&["du", "--json", "--depth", "1"]).out);
    let shallow: Vec<_> = shallow
        .iter()
        .filter_map(|line| line["prefix"].as_str())
        .collect();
    assert_eq!(shallow, ["a-/", "a/", "z/"]);
    let below = lines(
        &sample
            .tool(&["du", "--json", "--prefix", "a/", "--depth", "1"])
            .out,
    );
    let below: Vec<_> = below.iter().map(|line| line["bytes"].as_u64()).collect();
    assert_eq!(
        below,
        [Some(2 * 69), Some(2 * 69 + 67)],
        "a/b/, and all that begin with a/"
    );
    drop(pinned);
}

#[test]
fn root_is_printed_without_a_change_of_its_numbers() {
    let sample = Sample::with(&["a"]);
    let text = format!(
        "{{\n  \"title\": \"\\u009b31m\\u202e\",\n  \"counts\": {{\n    \"z\": {}\n  }}\n}}\n",
        u64::MAX
    );
    let told = sample.tool(&["root"]);
    assert_eq!((told.code, told.out), (0, text));
    let json = sample.tool(&["root", "--json"]).json();
    assert_eq!(
        (&json["generation"], &json["root"]["title"]),
        (&1.into(), &"\u{9b}31m\u{202e}".into())
    );
    let raw = sample.tool(&["root", "--raw"]).out;
    assert_eq!(Some(raw.as_str()), sample.inspect().root_json());
}

/// Lists within lists, to this depth.
#[derive(Default)]
struct Nested(usize);

impl Serialize for Nested {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.checked_sub(1).map(Self))
    }
}

impl<'de> Deserialize<'de> for Nested {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer)?;
        Ok(Self(0))
    }
}

/// Each line was indented by its depth, so the text grew with the square of it.
#[test]
fn a_deep_root_is_printed_with_a_bounded_indent() {
    const DEPTH: usize = 500;
    let sample = Sample::empty();
    let dataset = sample.open_with_root::<Nested>();
    let edited = dataset.blocking_edit(|edit| {
        edit.set_root(Nested(DEPTH));
        Ok::<_, Error>(())
    });
    edited.expect("it is committed");
    let told = sample.tool(&["root"]);
    assert_eq!(told.code, 0, "{}", told.err);
    let printed: String = told.out.split_whitespace().collect();
    assert_eq!(Some(printed.as_str()), sample.inspect().root_json());
    assert!(printed.len() > 2 * DEPTH);
    let indent = |line: &str| line.len() - line.trim_start().len();
    assert_eq!(told.out.lines().map(indent).max(), Some(2 * 64));
}

#[test]
fn commands_for_datasets_refuse_other_directories() {
    let place = Place::by_hand();
    let to = place.path.with_file_name("to");
    let to = to.to_str().expect("plain");
    for words in [
        &["root"][..],
        &["du"],
        &["gc"],
        &["gc", "--dry-run"],
        &["ls", "--prefix", "a"],
        &["diff", to],
    ] {
        let told = tool(words, &place.path);
        assert_eq!((told.code, told.out.as_str()), (2, ""), "{words:?}");
        assert!(
            told.err.contains("there is no dataset in "),
            "{words:?}: {}",
            told.err
        );
    }
}

/// `file_backed ls DIR | head` is no failure.
#[test]
fn a_reader_that_closes_the_output_ends_the_command_without_an_error() {
    let names: Vec<_> = (0..2000).map(|n| format!("{n:0200}/")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let sample = Sample::with(&names);
    sample.put(&sample.open(), "long", &"x".repeat(3 << 20));
    for words in [&["ls"][..], &["ls", "--json"], &["du"], &["cat", "long"]] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_file_backed"))
            .arg(words[0])
            .arg(&sample.path)
            .args(&words[1..])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        // More than a pipe holds is still to come.
        let mut out = child.stdout.take().expect("it is piped");
        out.read_exact(&mut [0; 10]).expect("it has more");
        drop(out);
        let output = child.wait_with_output().expect("it ends");
        let err = String::from_utf8(output.stderr).expect("text");
        assert_eq!(
            (output.status.code(), err.as_str()),
            (Some(0), ""),
            "{words:?}"
        );
    }
}

#[test]
fn every_command_has_help_with_an_example() {
    let help = super::run(["--help"].map(std::ffi::OsStr::new)).out;
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands: Vec<_> = commands
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(commands.len(), 14);
    for command in commands {
        let told = super::run([command, "--help"].map(std::ffi::OsStr::new));
        assert_eq!(told.code, 0);
        let example = format!("  file_backed {command} ");
        assert!(told.out.contains(&example), "{command}: {}", told.out);
    }
    for shell in ["bash", "zsh", "fish"] {
        let told = super::run(["completions", shell].map(std::ffi::OsStr::new));
        assert!(
            told.code == 0 && told.out.contains("dry-run"),
            "{}",
            told.err
        );
    }
}
