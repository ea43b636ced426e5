//! Files that become items.

use std::fs;
use std::path::Path;

use super::Place;
use super::sample::{Sample, import, is_harmless, tree};

/// A folder with files of many lengths, and names that are unusual, but valid.
fn folder(sample: &Sample) -> std::path::PathBuf {
    let folder = sample.beside("folder");
    let long = "n".repeat(255);
    for (path, len) in [
        ("empty", 0),
        ("one", 1),
        ("large", (5 << 20) + 3),
        ("a/b/c", 100),
        ("a b/100%/%=/%20", 20),
        ("...", 3),
        (".hidden/日本", 7),
        (&long, 9),
    ] {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().expect("it has one")).expect("it is made");
        let bytes: Vec<_> = (0..len)
            .map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        fs::write(path, bytes).expect("it is written");
    }
    #[cfg(unix)]
    fs::write(folder.join("\u{1b}[31m\nred"), "hostile").expect("it is written");
    folder
}

#[test]
fn an_imported_folder_is_exported_bit_for_bit() {
    let sample = Sample::empty();
    let folder = folder(&sample);
    let told = import(&folder, &sample.path, &["--json"]);
    assert_eq!((told.code, told.err.as_str()), (0, ""));
    let files = tree(&folder);
    let json = told.json();
    assert_eq!(
        (&json["generation"], &json["files"]),
        (&1.into(), &files.len().into())
    );
    assert_eq!(json["replaced"], 0);
    assert_eq!(sample.export(&["--all"]).code, 0);
    assert_eq!(tree(&sample.beside("exported")), files);
    assert_eq!(sample.tool(&["verify"]).code, 0);
    // They are what `BytesCodec` reads.
    for path in ["empty", "large", "a/b/c"] {
        assert_eq!(sample.read(path), files[Path::new(path)]);
    }
    let left = fs::read_dir(sample.dir.path()).expect("it is there");
    assert_eq!(left.count(), 3, "the folder, the dataset and the export");
}

#[test]
fn an_import_replaces_names_and_leaves_others_and_the_root() {
    let sample = Sample::with(&["x/one", "other"]);
    let root = sample.tool(&["root"]).out;
    let told = import(&folder(&sample), &sample.path, &["--prefix", "x/"]);
    let text = ", imported, 1 of them in place of items of the same name\n";
    assert!(
        told.code == 0 && told.out.ends_with(text),
        "{}{}",
        told.out,
        told.err
    );
    assert!(told.out.starts_with("generation 2: "), "{}", told.out);
    assert_eq!(sample.read("x/one"), [0]);
    assert_eq!(sample.read("other"), b"other");
    assert_eq!(sample.tool(&["root"]).out, root);
    let items = sample.tool(&["ls", "--json"]).out;
    assert_eq!(
        items.lines().count(),
        tree(&sample.beside("folder")).len() + 2
    );
    // The file of the item that was replaced is gone.
    assert_eq!(
        sample.tool(&["gc", "--dry-run"]).out,
        "0 files, 0 B would be deleted\n"
    );
}

#[cfg(unix)]
#[test]
fn what_cannot_be_imported_is_listed_and_nothing_is_committed() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    let sample = Sample::empty();
    let folder = folder(&sample);
    std::os::unix::fs::symlink("one", folder.join("\u{1b}link")).expect("it is made");
    fs::write(folder.join(OsStr::from_bytes(b"a\xff")), "").expect("it is written");
    let _socket = std::os::unix::net::UnixListener::bind(folder.join("s")).expect("it is made");
    let told = import(&folder, &sample.path, &["--prefix", &"p".repeat(800)]);
    let shown = folder.display();
    let text = format!(
        "file_backed: nothing was imported, because these cannot be:\n  {shown}/\\u{{1b}}link: it is a symbolic link\n  {shown}/a\\xff: its name is not UTF-8\n  {shown}/{}: its name would have 1055 bytes, and the longest has 1024\n  {shown}/s: it is neither a file nor a directory\nmove them away, or rename them\n",
        "n".repeat(255)
    );
    assert_eq!((told.code, told.out.as_str(), told.err), (2, "", text));
    assert!(!sample.path.exists());
}

#[test]
fn an_import_is_refused_where_it_would_do_harm() {
    let sample = Sample::with(&["a"]);
    let folder = folder(&sample);
    let before = tree(&folder);
    let inside = folder.join("new");
    for (from, to, text) in [
        (
            &sample.path,
            &sample.beside("new"),
            "is itself a file_backed directory",
        ),
        (&folder, &inside, "would be imported into itself"),
        (&sample.beside("nowhere"), &sample.path, "could not open "),
        (&folder.join("one"), &sample.path, "is not a directory"),
    ] {
        let told = import(from, to, &[]);
        assert_eq!((told.code, told.out.as_str()), (2, ""));
        assert!(
            told.err.contains(text) && is_harmless(&told.err),
            "{}",
            told.err
        );
    }
    // The directory of other files, and of items without a dataset.
    let others = sample.beside("others");
    fs::create_dir(&others).expect("it is made");
    fs::write(others.join("mine"), "mine").expect("it is written");
    for to in [&others, &Place::by_hand().path] {
        let told = import(&folder, to, &[]);
        assert!(
            told.code == 2 && told.err.contains("but no dataset"),
            "{}",
            told.err
        );
    }
    assert_eq!(tree(&others).len(), 1, "nothing was made there");
    assert_eq!(tree(&folder), before);
    assert_eq!(sample.inspect().generation(), Some(1));
}

/// An import that was killed leaves its cache beside the dataset, and maybe no dataset yet.
#[test]
fn an_import_completes_after_an_interrupted_one() {
    use file_backed::fbstore::{BytesCodec, FBStore, PreparedPath, key_path};
    use file_backed::uuid::Uuid;

    let sample = Sample::empty();
    let folder = folder(&sample);
    drop(PreparedPath::blocking_open(sample.path.clone()).expect("it is made"));
    let cache = sample.beside(".saved.file_backed-import");
    let prepared = PreparedPath::blocking_open(cache.clone()).expect("it is made");
    drop(FBStore::open(BytesCodec::heap(), prepared).expect("it is a cache"));
    fs::write(key_path(&cache, Uuid::from_u128(7)), "half a file").expect("it is written");
    let told = import(&folder, &sample.path, &[]);
    assert_eq!((told.code, told.err.as_str()), (0, ""));
    assert!(!cache.exists());
    assert_eq!(sample.tool(&["verify"]).code, 0);
}

#[test]
fn an_import_while_a_program_commits_is_refused() {
    let sample = Sample::with(&["a"]);
    let folder = folder(&sample);
    let dataset = sample.open();
    let told = import(&folder, &sample.path, &[]);
    assert_eq!((told.code, told.out.as_str()), (2, ""));
    assert!(
        told.err.contains("in use") || told.err.contains("another process"),
        "{}",
        told.err
    );
    assert!(!sample.beside(".saved.file_backed-import").exists());
    sample.put(&dataset, "b", "b");
    drop(dataset);
    assert_eq!(import(&folder, &sample.path, &[]).code, 0);
}

/// The first one deleted the directory beside the dataset after it had unlocked everything,
/// and so the files that the second one had written there.
#[test]
fn an_import_touches_the_directory_beside_only_once_it_has_the_dataset() {
    use file_backed::fbstore::{BytesCodec, FBStore, PreparedPath, key_path};
    use file_backed::uuid::Uuid;

    let sample = Sample::with(&["a"]);
    let folder = folder(&sample);
    let cache = sample.beside(".saved.file_backed-import");
    let prepared = PreparedPath::blocking_open(cache.clone()).expect("it is made");
    drop(FBStore::open(BytesCodec::heap(), prepared).expect("it is a cache"));
    let file = key_path(&cache, Uuid::from_u128(7));
    fs::write(&file, "of another import").expect("it is written");
    let dataset = sample.open();
    let told = import(&folder, &sample.path, &[]);
    assert_eq!((told.code, told.out.as_str()), (2, ""));
    assert!(file.exists(), "another import may use it");
    drop(dataset);
    assert_eq!(import(&folder, &sample.path, &[]).code, 0);
    assert!(!cache.exists());
}

#[test]
fn concurrent_imports_succeed_or_are_refused() {
    let sample = Sample::with(&["a"]);
    let folder = folder(&sample);
    let mut succeeded = 0;
    for _ in 0..4 {
        let told: Vec<_> = std::thread::scope(|scope| {
            let import = || scope.spawn(|| import(&folder, &sample.path, &[]));
            let threads = [import(), import(), import()];
            threads.map(|thread| thread.join().expect("it runs")).into()
        });
        for told in told {
            let is_refused = told.code == 2 && told.err.contains("another process");
            succeeded += u64::from(told.code == 0);
            assert!(
                told.code == 0 && told.err.is_empty() || is_refused,
                "{}",
                told.err
            );
        }
    }
    assert_eq!(sample.inspect().generation(), Some(1 + succeeded));
    assert_eq!(sample.tool(&["verify"]).code, 0);
    assert!(!sample.beside(".saved.file_backed-import").exists());
}

/// It was used, marked and deleted.
#[test]
fn an_import_leaves_a_directory_alone_that_has_the_name_of_its_own() {
    let sample = Sample::empty();
    let folder = folder(&sample);
    let own = sample.beside(".saved.file_backed-import");
    fs::create_dir(&own).expect("it is made");
    fs::write(own.join("precious"), "bytes").expect("it is written");
    let told = import(&folder, &sample.path, &[]);
    assert_eq!((told.code, told.err.as_str()), (0, ""));
    assert_eq!(
        tree(&own).into_keys().collect::<Vec<_>>(),
        [Path::new("precious")]
    );
    #[cfg(unix)]
    {
        let elsewhere = sample.beside("elsewhere");
        fs::rename(&own, &elsewhere).expect("it is there");
        std::os::unix::fs::symlink(&elsewhere, &own).expect("it is made");
        assert_eq!(import(&folder, &sample.path, &[]).code, 0);
        assert_eq!(fs::read_dir(elsewhere).expect("it is there").count(), 1);
    }
}
