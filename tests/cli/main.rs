//! The command-line tool, as a user runs it.
#![expect(
    clippy::disallowed_methods,
    reason = "tests make their paths themselves"
)]

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use file_backed::dataset::{Dataset, Key};
use file_backed::fbstore::{BinCodec, FBStore, PreparedPath, key_path};
use file_backed::uuid::Uuid;
use file_backed::{BackingStore, Error, FBPool};
use serde_json::Value;
use tempfile::TempDir;

mod contents;
mod differences;
mod export;
mod garbage;
mod import;
mod packs;
mod salvage;
mod sample;

type Pool = FBPool<String, FBStore<BinCodec>>;

/// A directory with three items, and their keys in ascending order.
struct Place {
    path: PathBuf,
    keys: Vec<Uuid>,
    _dir: TempDir,
}

impl Place {
    fn new(
        save: impl FnOnce(&Arc<BackingStore<FBStore<BinCodec>>>, &Arc<Pool>, PreparedPath),
    ) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("saved");
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let cache = PreparedPath::blocking_temp().expect("a cache");
        let files = FBStore::open(BinCodec, cache).expect("a store");
        let store = Arc::new(BackingStore::new(files, runtime.handle().clone()));
        let pool = Arc::new(FBPool::new(store.clone(), 10));
        let saved = PreparedPath::blocking_open(path.clone());
        save(&store, &pool, saved.expect("it is made"));
        let keys = file_backed::fbstore::PreparedPath::blocking_open_read_only(path.clone());
        let mut keys = file_backed::fbstore::sanitize_path(&keys.expect("it is there"))
            .expect("it can be read");
        keys.sort_unstable();
        Self {
            path,
            keys,
            _dir: dir,
        }
    }

    fn dataset() -> Self {
        Self::new(|store, pool, saved| {
            let dataset = Dataset::<Vec<Key<String>>, _>::blocking_open(store, saved);
            let items = ["a", "bb", "ccc"].map(|text| pool.insert(text.repeat(1000)));
            let committed = dataset.expect("it is made").blocking_commit(|saver| {
                let keys: Result<Vec<_>, Error> =
                    items.iter().map(|item| saver.save(item)).collect();
                keys
            });
            committed.expect("nothing fails");
        })
    }

    fn by_hand() -> Self {
        Self::new(|store, pool, saved| {
            let tracked = store.blocking_track_path(saved).expect("it is ours");
            for text in ["a", "bb", "ccc"] {
                let item = pool.insert(text.to_owned());
                item.blocking_persist(&tracked).expect("it is saved");
            }
        })
    }

    fn file(&self, at: usize) -> PathBuf {
        key_path(&self.path, self.keys[at])
    }

    fn simple(&self, at: usize) -> String {
        self.keys[at].simple().to_string()
    }
}

struct Told {
    code: i32,
    out: String,
    err: String,
}

impl Told {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}

/// Runs the tool with the directory after the command.
fn tool(words: &[&str], directory: &Path) -> Told {
    let (command, rest) = words.split_first().expect("a command");
    let words = [OsStr::new(command), directory.as_os_str()];
    run(words.into_iter().chain(rest.iter().map(OsStr::new)))
}

fn run<'a>(words: impl IntoIterator<Item = &'a OsStr>) -> Told {
    let output = Command::new(env!("CARGO_BIN_EXE_file_backed"))
        .args(words)
        .output()
        .expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Told {
        code: output.status.code().expect("no signal"),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// Changes one byte of a file that carries no write permission.
fn flip(path: &Path, at: u64) {
    let mut permissions = fs::metadata(path).expect("it is there").permissions();
    #[expect(
        clippy::permissions_set_readonly_false,
        reason = "it is a test's own file"
    )]
    permissions.set_readonly(false);
    fs::set_permissions(path, permissions).expect("it is ours");
    let mut file = OpenOptions::new().write(true).open(path).expect("it opens");
    file.seek(SeekFrom::Start(at)).expect("it is longer");
    file.write_all(&[0xA5]).expect("it is written");
}

#[test]
fn info_sums_up_a_dataset() {
    let place = Place::dataset();
    let told = tool(&["info"], &place.path);
    assert_eq!(told.code, 0, "{}", told.err);
    for text in [
        "generation 1",
        "items       3,",
        "bincode: 3 items",
        "up to",
    ] {
        assert!(told.out.contains(text), "{text:?} in\n{}", told.out);
    }
    let json = tool(&["info", "--json"], &place.path).json();
    assert_eq!(
        (&json["generation"], &json["items"]),
        (&1.into(), &3.into())
    );
    assert_eq!(json["bytes"], 6000 + 3 * (8 + 64));
    assert_eq!(json["codecs"]["bincode"]["items"], 3);
    let sizes = json["sizes"].as_array().expect("a list");
    let items: u64 = sizes.iter().filter_map(|size| size["items"].as_u64()).sum();
    assert_eq!(items, 3);
    assert_eq!(json["missing"], Value::Array(vec![]));
}

/// For a cache, `info` used to report no persisted items, as if there could have been
/// some.
#[test]
fn info_distinguishes_a_cache_from_persisted_items() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("cache");
    let prepared = PreparedPath::blocking_open(path.clone()).expect("it is made");
    let store = FBStore::open(BinCodec, prepared).expect("it is ours");
    let told = tool(&["info"], &path);
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(told.out.contains("none: a cache directory"), "{}", told.out);
    let json = tool(&["info", "--json"], &path).json();
    assert_eq!(json["cache"], true);
    drop(store);
}

#[test]
fn info_and_verify_accept_items_persisted_without_a_dataset() {
    let place = Place::by_hand();
    let told = tool(&["info"], &place.path);
    assert!(
        told.out.contains("none: items persisted without a dataset"),
        "{}",
        told.out
    );
    let json = tool(&["info", "--json"], &place.path).json();
    assert_eq!(
        (&json["generation"], &json["items"]),
        (&Value::Null, &3.into())
    );
    let told = tool(&["verify"], &place.path);
    assert_eq!(
        (told.code, told.out.as_str()),
        (0, "3 files, 222 B: all intact\n")
    );
}

#[test]
fn ls_lists_each_item() {
    let place = Place::dataset();
    let told = tool(&["ls"], &place.path);
    let lines: Vec<_> = told.out.lines().collect();
    assert_eq!((told.code, lines.len()), (0, 3));
    for (at, line) in lines.iter().enumerate() {
        assert!(
            line.starts_with(&place.simple(at)) && line.ends_with("bincode"),
            "{line}"
        );
    }
    let told = tool(&["ls", "--json"], &place.path);
    for (at, line) in told.out.lines().enumerate() {
        let item: Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(item["key"], place.simple(at));
        assert_eq!(
            item["bytes"],
            fs::metadata(place.file(at)).expect("there").len()
        );
        assert_eq!(item["path"], place.file(at).to_str().expect("plain"));
    }
}

#[test]
fn verify_names_damaged_files_by_key_and_path() {
    let place = Place::dataset();
    assert_eq!(tool(&["verify"], &place.path).code, 0);
    flip(&place.file(0), 100);
    fs::remove_file(place.file(1)).expect("it was there");
    let told = tool(&["verify"], &place.path);
    assert_eq!(told.code, 1);
    for at in [0, 1] {
        let path = place.file(at).display().to_string();
        let line = told.out.lines().find(|line| line.contains(&path));
        assert!(
            line.is_some_and(|line| line.contains(&place.simple(at))),
            "{}",
            told.out
        );
    }
    assert!(told.out.contains("2 of 3 files damaged"), "{}", told.out);
    let json = tool(&["verify", "--json"], &place.path).json();
    let damaged = json["damaged"].as_array().expect("a list");
    assert_eq!(damaged.len(), 2);
    assert_eq!(damaged[0]["key"], place.simple(0));
    // One that is whole, by its key.
    let told = tool(&["verify", &place.simple(2)], &place.path);
    assert_eq!(
        (told.code, told.out.lines().count()),
        (0, 1),
        "{}",
        told.out
    );
    let told = tool(&["info"], &place.path);
    assert!(
        told.code == 1 && told.out.contains("MISSING"),
        "{}",
        told.out
    );
}

#[test]
fn every_command_reports_a_truncated_file_as_damage() {
    // The manifest of a dataset says what `ls` prints.
    for (place, commands) in [
        (Place::dataset(), &["info", "verify"][..]),
        (Place::by_hand(), &["info", "ls", "verify"]),
    ] {
        let whole = fs::read(place.file(2)).expect("it is there");
        fs::remove_file(place.file(2)).expect("it is there");
        fs::write(place.file(2), &whole[..whole.len() - 1]).expect("it is written");
        for command in commands {
            let told = tool(&[command], &place.path);
            assert_eq!(told.code, 1, "{command}: {}", told.out);
            assert!(
                told.out.contains(&place.simple(2)),
                "{command}: {}",
                told.out
            );
            assert_eq!(tool(&[command, "--json"], &place.path).code, 1, "{command}");
        }
    }
}

#[test]
fn every_command_reports_a_damaged_manifest() {
    let place = Place::dataset();
    let manifest = place.path.join("file_backed.manifest/0000000000000001");
    flip(&manifest, 60);
    for command in ["info", "ls", "verify"] {
        let told = tool(&[command], &place.path);
        assert_eq!((told.code, told.out.as_str()), (1, ""), "{command}");
        assert_eq!(
            told.err,
            format!(
                "file_backed: could not open the dataset ({}): the manifest is damaged (it does not match its checksum): restore it from a copy of the directory, or open what is left with `OpenOptions::salvage` or `file_backed salvage`\n",
                manifest.display()
            )
        );
    }
}

/// A manifest with wrong contents and a valid checksum is an error with its exit code,
/// never a panic or a signal.
#[test]
fn a_forged_manifest_is_an_error_with_an_exit_code() {
    let place = Place::dataset();
    let manifest = place.path.join("file_backed.manifest/0000000000000001");
    let whole = fs::read(&manifest).expect("it is there");
    let end = whole.len() - 4;
    let numbers = [0, 1, u64::MAX, u64::MAX - 43, 1 << 63, 1 << 32];
    // The generation, the length of the root, and the numbers of items.
    let forged = [16, 88, 96].into_iter().flat_map(|at| {
        let whole = &whole;
        numbers.map(|number| {
            let mut bytes = whole[..end].to_vec();
            bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
            bytes
        })
    });
    // The lengths of the items, and so their sum.
    let mut long = whole[..end].to_vec();
    for item in long.rchunks_mut(30).take(3) {
        item[16..24].fill(0xFF);
    }
    for mut bytes in forged.chain([long]) {
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        fs::remove_file(&manifest).expect("it is there");
        fs::write(&manifest, &bytes).expect("it is written");
        let to = place.path.with_file_name("copy");
        for words in [
            &["info"][..],
            &["verify"],
            &["verify", "--json"],
            &["copy", to.to_str().expect("plain")],
        ] {
            let told = tool(words, &place.path);
            let is_whole = bytes == whole;
            let is_known = matches!(told.code, 1 | 2) || is_whole || words == ["info"];
            assert!(
                is_known && !told.err.contains("panicked"),
                "{words:?}: {}",
                told.err
            );
        }
        if to.exists() {
            fs::remove_dir_all(&to).expect("it is there");
        }
    }
}

#[test]
fn a_manifest_of_a_newer_release_is_not_reported_as_damage() {
    let place = Place::dataset();
    let manifest = place.path.join("file_backed.manifest/0000000000000001");
    let mut bytes = fs::read(&manifest).expect("it is there");
    let end = bytes.len() - 4;
    bytes[8] = 4;
    let sum = crc32fast::hash(&bytes[..end]);
    bytes[end..].copy_from_slice(&sum.to_le_bytes());
    fs::remove_file(&manifest).expect("it is there");
    fs::write(&manifest, bytes).expect("it is written");
    for command in ["info", "ls", "verify"] {
        let told = tool(&[command], &place.path);
        let text = format!(
            "file_backed: could not open the dataset ({}): the manifest has format version 4, but this library reads versions 1 and 3: open the dataset with a newer release\n",
            manifest.display()
        );
        assert_eq!((told.code, told.out, told.err), (2, String::new(), text));
    }
}

#[test]
fn info_ls_and_verify_change_no_file() {
    let place = Place::dataset();
    let foreign = place.path.join("00/notes.txt");
    fs::write(&foreign, "mine").expect("it is written");
    let names = || {
        let mut names: Vec<_> = walk(&place.path);
        names.sort();
        names
    };
    let before = names();
    for command in ["info", "ls", "verify"] {
        assert_eq!(tool(&[command], &place.path).code, 0);
    }
    assert_eq!(names(), before);
}

fn walk(path: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path).expect("it is there") {
        let entry = entry.expect("an entry").path();
        if entry.is_dir() {
            found.extend(walk(&entry));
        }
        found.push(entry);
    }
    found
}

/// A footer of a later version, with its checksum.
fn make_newer(path: &Path) {
    let mut bytes = fs::read(path).expect("it is there");
    let footer = bytes.len() - 64;
    bytes[footer + 8] = 2;
    let sum = crc32fast::hash(&bytes[footer..footer + 60]);
    bytes[footer + 60..].copy_from_slice(&sum.to_le_bytes());
    fs::remove_file(path).expect("it is there");
    fs::write(path, bytes).expect("it is written");
}

const NEWER: &str =
    "the file has format version 2, but this library reads version 1: open it with a newer release";

#[test]
fn a_file_of_a_newer_release_is_unreadable_and_not_damaged() {
    let place = Place::dataset();
    make_newer(&place.file(1));
    let (root, key) = (place.path.display(), place.simple(1));
    let file = format!("item {key} ({root}/{}/{key})", &key[..2]);
    let told = tool(&["verify"], &place.path);
    let rest = "0 of 3 files damaged, 1 unreadable;";
    let text = format!("could not verify {file}: {NEWER}\n{rest}");
    assert!(told.out.starts_with(&text), "{}", told.out);
    assert_eq!((told.code, told.err.as_str()), (2, ""));
    let told = tool(&["info"], &place.path);
    let text = format!("UNREADABLE  could not inspect {file}: {NEWER}\n");
    assert!(told.out.ends_with(&text), "{}", told.out);
    assert_eq!((told.code, told.err.as_str()), (2, ""));
    for command in ["info", "verify"] {
        let told = tool(&[command, "--json"], &place.path);
        let json = told.json();
        assert_eq!(
            (told.code, &json["damaged"]),
            (2, &Value::Array(vec![])),
            "{command}"
        );
        assert_eq!(json["unreadable"][0]["key"], key);
    }
    let by_hand = Place::by_hand();
    make_newer(&by_hand.file(1));
    let told = tool(&["ls"], &by_hand.path);
    let (key, root) = (by_hand.simple(1), by_hand.path.display());
    let text = format!(
        "{key}  could not inspect item {key} ({root}/{}/{key}): {NEWER}",
        &key[..2]
    );
    assert_eq!(told.out.lines().nth(1), Some(text.as_str()));
    assert_eq!((told.code, told.err.as_str()), (2, ""));
    assert_eq!(tool(&["ls", "--json"], &by_hand.path).code, 2);
    // Damage beside it tells more.
    flip(&place.file(0), 100);
    let told = tool(&["verify"], &place.path);
    assert_eq!(told.code, 1);
    let rest = "1 of 3 files damaged, 1 unreadable;";
    assert!(told.out.contains(rest), "{}", told.out);
}

#[test]
fn verify_refuses_an_unknown_key_before_it_reads() {
    for place in [Place::dataset(), Place::by_hand()] {
        flip(&place.file(0), 70);
        let told = tool(&["verify", &place.simple(0), &"0".repeat(32)], &place.path);
        let text = format!(
            "file_backed: there is no item {} in {}: `file_backed ls` lists the items\n",
            "0".repeat(32),
            place.path.display()
        );
        assert_eq!((told.code, told.out, told.err), (2, String::new(), text));
    }
}

#[cfg(unix)]
#[test]
fn a_file_without_permission_is_not_reported_as_damage() {
    use std::os::unix::fs::PermissionsExt as _;

    let place = Place::by_hand();
    fs::set_permissions(place.file(0), fs::Permissions::from_mode(0o000)).expect("it is ours");
    if fs::read(place.file(0)).is_ok() {
        println!("skipped: this user may read everything");
        return;
    }
    let told = tool(&["verify"], &place.path);
    let text = "Permission denied (os error 13): give this process's user read access";
    assert!(told.code == 2 && told.out.contains(text), "{}", told.out);
}

#[test]
fn wrong_arguments_and_paths_are_explained() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let nowhere = dir.path().join("nowhere");
    for command in ["info", "ls", "verify"] {
        let told = tool(&[command], &nowhere);
        assert_eq!((told.code, told.out.as_str()), (2, ""));
        #[cfg(unix)]
        assert_eq!(
            told.err,
            format!(
                "file_backed: could not open the directory for reading ({}): No such file or directory (os error 2): check the path: only `PreparedPath::open` creates directories\n",
                nowhere.display()
            )
        );
    }
    const SEE: &str = "For more information, try '--help'.\n";
    for (words, text) in [
        (&["inform"][..], "unrecognized subcommand 'inform'\n"),
        (&["info", "more"], "unexpected argument 'more' found\n"),
        (
            &["verify", "no key"],
            "invalid value 'no key' for '[KEY]...': failed to parse a UUID: `ls` lists the keys\n",
        ),
        (
            &["ls", "--colour"],
            "unexpected argument '--colour' found\n",
        ),
        (
            &["ls", "--sort", "age"],
            "invalid value 'age' for '--sort <ORDER>'\n",
        ),
        (
            &["export", "to"],
            "the following required arguments were not provided:\n",
        ),
        (
            &["export", "to", "a", "--all"],
            "the argument '[NAME-or-KEY]...' cannot be used with '--all'\n",
        ),
    ] {
        let told = tool(words, dir.path());
        assert_eq!((told.code, told.out.as_str()), (2, ""), "{words:?}");
        let is_told = told.err.starts_with(&format!("file_backed: {text}"));
        assert!(is_told && told.err.ends_with(SEE), "{}", told.err);
    }
    let told = run(["info"].map(OsStr::new));
    let text = "file_backed: the following required arguments were not provided:\n  <DIR>\n";
    assert!(told.code == 2 && told.err.starts_with(text), "{}", told.err);
    let told = tool(&["--help"], dir.path());
    assert!(told.code == 0 && told.out.contains("Usage:"));
    let none = run([]);
    let text = format!("file_backed: no command given\n\n{}", told.out);
    assert_eq!((none.code, none.err), (2, text));
    for code in [
        "  0   everything inspected is present and intact; also if there are no items yet\n",
        "  1   something is damaged or missing, even if something else is unreadable\n",
        "  2   the command failed: wrong arguments, unknown key, not a file_backed\n",
    ] {
        assert!(told.out.contains(code), "{code} in\n{}", told.out);
    }
    let told = tool(&["--version"], dir.path());
    assert_eq!(
        told.out,
        concat!("file_backed ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

/// An empty dataset is fine, and so is a directory that nothing was persisted to yet.
#[test]
fn a_directory_without_items_is_no_error() {
    let dataset = Place::new(|store, _, saved| {
        let dataset = Dataset::<u32, _>::blocking_open(store, saved);
        drop(dataset.expect("it is made"));
    });
    let tracked = Place::new(|store, _, saved| {
        drop(store.blocking_track_path(saved).expect("it is ours"));
    });
    for place in [dataset, tracked] {
        let told = tool(&["ls"], &place.path);
        assert_eq!((told.code, told.out.as_str()), (0, ""));
        assert_eq!(told.err, format!("no items in {}\n", place.path.display()));
        let told = tool(&["info", "--json"], &place.path);
        assert_eq!((told.code, &told.json()["items"]), (0, &0.into()));
        let told = tool(&["verify"], &place.path);
        assert_eq!((told.code, &*told.out), (0, "0 files, 0 B: all intact\n"));
    }
}

/// A mistyped path must not be reported as whole.
#[test]
fn a_directory_of_other_files_is_refused() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    fs::write(dir.path().join("notes.txt"), "mine").expect("it is written");
    for command in ["info", "ls", "verify"] {
        let told = tool(&[command], dir.path());
        let text = format!(
            "file_backed: {} is not a file_backed directory: give a directory that items were persisted to\n",
            dir.path().display()
        );
        assert_eq!((told.code, told.out, told.err), (2, String::new(), text));
    }
}

/// The copy opens as a dataset, with the same items.
#[test]
fn copy_makes_an_independent_dataset() {
    let place = Place::dataset();
    let to = place.path.with_file_name("copy");
    let copy = |words: &[&str]| {
        let to = to.to_str().expect("plain");
        let words: Vec<_> = words.iter().copied().chain([to]).collect();
        tool(&words, &place.path)
    };
    let told = copy(&["copy"]);
    let text = "generation 1: 3 items, 6.07 KiB (6216 bytes), copied and verified against their checksums\n";
    assert_eq!(
        (told.code, told.out.as_str(), told.err.as_str()),
        (0, text, "")
    );
    let verified = tool(&["verify"], &to);
    assert_eq!(verified.code, 0, "{}", verified.out);
    let info = |path: &Path| {
        let mut value = tool(&["info", "--json"], path).json();
        value["path"] = Value::Null;
        value
    };
    assert_eq!(info(&to), info(&place.path));
    let told = copy(&["copy", "--json"]);
    assert_eq!(told.code, 2);
    assert!(
        told.err.contains("already contains a dataset"),
        "{}",
        told.err
    );
    fs::remove_dir_all(&to).expect("it is there");
    let json = copy(&["copy", "--json"]).json();
    assert_eq!(
        (&json["generation"], &json["items"], &json["bytes"]),
        (&1.into(), &3.into(), &6216.into())
    );
    flip(&place.file(1), 100);
    fs::remove_dir_all(&to).expect("it is there");
    let told = copy(&["copy"]);
    assert_eq!(told.code, 1, "damage has its code: {}", told.err);
    assert!(told.err.contains(&place.simple(1)), "{}", told.err);
}

#[cfg(unix)]
#[test]
fn hold_runs_a_command_with_the_list_of_files() {
    let place = Place::dataset();
    let (from, to) = (place.path.display(), place.path.with_file_name("copy"));
    let script = format!(
        "while read -r file; do mkdir -p \"$0/$(dirname \"$file\")\" && cp \"{from}/$file\" \"$0/$file\" || exit 9; done"
    );
    let to_text = to.to_str().expect("plain");
    let told = tool(&["hold", "--", "sh", "-c", &script, to_text], &place.path);
    assert_eq!(
        (told.code, told.out.as_str(), told.err.as_str()),
        (0, "", "")
    );
    assert_eq!(tool(&["verify"], &to).code, 0);
    let told = tool(&["hold", "--", "cat"], &place.path);
    let mut names: Vec<_> = told.out.lines().collect();
    assert_eq!(names.pop(), Some("file_backed.manifest/0000000000000001"));
    assert_eq!(names.remove(0), "file_backed.role");
    let keys: Vec<_> = (0..3).map(|at| place.simple(at)).collect();
    let keys: Vec<_> = keys
        .iter()
        .map(|key| format!("{}/{key}", &key[..2]))
        .collect();
    assert_eq!(names, keys);
    // One that reads nothing, and fails.
    let told = tool(&["hold", "--", "sh", "-c", "exit 7"], &place.path);
    assert_eq!(told.code, 7);
    let told = tool(&["hold", "--", "sh", "-c", "kill -9 $$"], &place.path);
    assert_eq!(told.code, 2);
    let told = tool(&["hold", "--", "/nowhere/rsync"], &place.path);
    assert_eq!(told.code, 2);
    assert!(
        told.err
            .starts_with("file_backed: could not run /nowhere/rsync: "),
        "{}",
        told.err
    );
    let by_hand = Place::by_hand();
    let told = tool(&["hold", "--", "cat"], &by_hand.path);
    assert_eq!((told.code, told.out.as_str()), (2, ""));
    assert!(
        told.err.contains("there is no dataset here"),
        "{}",
        told.err
    );
    for (command, argument) in [("hold", "<COMMAND>..."), ("copy", "<TO>")] {
        let told = tool(&[command], &place.path);
        let text = format!(
            "file_backed: the following required arguments were not provided:\n  {argument}\n"
        );
        assert!(
            told.code == 2 && told.err.starts_with(&text),
            "{}",
            told.err
        );
    }
}

/// A path used to be printed as it is, so its name could recolour the terminal or forge
/// lines, and `--json` panicked on a path that is not UTF-8.
#[cfg(unix)]
#[test]
fn names_are_escaped_and_json_stays_valid() {
    use std::os::unix::ffi::OsStrExt as _;
    let harmless = |text: &str| {
        !(text.trim_end_matches('\n').chars()).any(|char| char.is_control() || char == '\u{202e}')
    };
    let place = Place::dataset();
    let name = "\u{1b}[31m\n\u{202e}\u{9b}";
    let shown = r"\u{1b}[31m\n\u{202e}\u{9b}";
    let parent = place.path.parent().expect("it has one");
    let text = parent.join(name);
    let bytes = parent.join(std::ffi::OsStr::from_bytes(b"\x1b\xff"));
    fs::rename(&place.path, &text).expect("it is renamed");

    let told = tool(&["info"], &text);
    let first = told.out.lines().next().expect("a line").to_owned();
    assert_eq!(first, format!("{}/{shown}", parent.display()));
    let key = "0000000000000000000000000000000a";
    for (words, code) in [(&["verify", key][..], 2), (&["ls", "\u{1b}"], 2)] {
        let told = tool(words, &text);
        assert_eq!(told.code, code, "{}", told.err);
        assert!(told.err.lines().all(harmless), "{:?}", told.err);
    }
    for option in ["--\u{1b}[31m", "-\u{9b}", "--a\nfile_backed: forged"] {
        let told = tool(&["info", option], &text);
        assert_eq!(told.code, 2);
        assert!(told.err.lines().all(harmless), "{:?}", told.err);
        let is_forged = |line: &str| line.starts_with("file_backed: forged");
        assert!(!told.err.lines().any(is_forged), "{:?}", told.err);
    }

    fs::remove_file(key_path(&text, place.keys[0])).expect("it is there");
    for command in ["info", "ls", "verify"] {
        let told = tool(&[command], &text);
        let lines = told.out.lines().chain(told.err.lines());
        assert!(lines.clone().all(harmless), "{:?}", told.out);
        let told = tool(&[command, "--json"], &text);
        for line in told.out.lines() {
            assert!(harmless(line), "{line:?}");
            let json: Value = serde_json::from_str(line).expect("it is JSON");
            if let Some(path) = json["path"].as_str() {
                assert!(path.contains(name), "{path:?}");
            }
        }
    }

    fs::rename(&text, &bytes).expect("it is renamed");
    for command in ["info", "ls", "verify"] {
        let told = tool(&[command, "--json"], &bytes);
        assert!(told.code < 2, "{}", told.err);
        for line in told.out.lines() {
            let json: Value = serde_json::from_str(line).expect("it is JSON");
            if let Some(path) = json["path"].as_str() {
                assert!(path.contains(r"\u{1b}\xff"), "{path:?}");
            }
        }
    }
}

/// What a user has to know before the command runs.
#[test]
fn help_tells_what_is_written_where_and_what_stays() {
    for (words, text) in [
        (&["--help"][..], "copy and export write to TO"),
        (&["export", "--help"], "a killed export leaves one"),
        (&["export", "--help"], "distinguishes upper and lower case"),
        (
            &["import", "--help"],
            "`.DIR.file_backed-import` beside DIR",
        ),
        (&["import", "--help"], "A killed import leaves it"),
        (&["du", "--help"], "missing are counted too"),
    ] {
        let told = run(words.iter().copied().map(OsStr::new));
        let shown: Vec<_> = told.out.split_whitespace().collect();
        assert!(shown.join(" ").contains(text), "{text} in {}", told.out);
    }
}

/// Errors of the library and the guide name these commands.
#[test]
fn each_command_that_an_error_names_exists() {
    for command in ["copy", "ls", "salvage"] {
        let told = run([command, "--help"].map(OsStr::new));
        assert_eq!(told.code, 0, "{command}: {}", told.err);
    }
}
