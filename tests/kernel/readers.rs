//! Readers of a dataset without write permission.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use file_backed::dataset::{Dataset, Inspection, Key, VerifyOptions};
use file_backed::fbstore::{FBStore, PreparedPath, Readers};
use file_backed::{BackingStore, Error, FBPool, Result};
use tokio::runtime::Runtime;

use crate::child::Other;
use crate::machine::{AS_NOBODY, Mount, is_open_to_all, may_run, skip};
use crate::plain::Plain;
use crate::program::{is_word, word};

type Library = Dataset<Vec<Key<String>>, FBStore<Plain>>;
type Store = Arc<BackingStore<FBStore<Plain>>>;

/// With a cache of its own.
fn store(runtime: &Runtime) -> Result<Store> {
    let files = FBStore::open(Plain, PreparedPath::blocking_temp()?)?;
    Ok(Arc::new(BackingStore::new(files, runtime.handle().clone())))
}

fn open(saved: &Path) -> Result<(Runtime, Library)> {
    let runtime = Runtime::new().expect("a runtime");
    let path = PreparedPath::builder().readers(Readers::Everyone);
    let library = Library::blocking_open(&store(&runtime)?, path.blocking_open(saved)?)?;
    Ok((runtime, library))
}

fn commit(saved: &Path) {
    let (_runtime, library) = open(saved).expect("it is made");
    let pool = Arc::new(FBPool::new(library.store().clone(), 1));
    let items = [100, 50_000].map(|len| pool.insert(word(len)));
    let committed = library.blocking_commit(|saver| {
        let keys: Result<_> = items.iter().map(|item| saver.save(item)).collect();
        keys
    });
    assert_eq!(committed.expect("nothing fails").linked, 2);
    drop(items);
    library.store().blocking_finished();
}

/// Loads and verifies all of it, as a program and as the tool.
fn read(saved: &Path) -> Result<()> {
    let runtime = Runtime::new().expect("a runtime");
    let path = PreparedPath::blocking_open_read_only(saved.to_owned())?;
    let library = Library::blocking_open_read_only(&store(&runtime)?, path)?;
    let pool = Arc::new(FBPool::new(library.store().clone(), 1));
    assert_eq!(library.root().len(), 2);
    for key in &*library.root() {
        let item = library.blocking_get(&pool, *key)?;
        assert!(is_word(&item.blocking_read()?));
    }
    assert!(library.blocking_verify(VerifyOptions::all())?.is_whole());
    let found = Inspection::blocking_open(saved)?;
    assert!(found.blocking_verify(VerifyOptions::all()).is_whole());
    Ok(())
}

fn told(error: &Error, root: &Path) -> String {
    let root = root.to_str().expect("a plain name");
    error.to_string().replace(root, "ROOT")
}

#[test]
fn a_dataset_on_a_read_only_file_system_can_be_read() {
    if may_run(&["mount"])
        && let Some(mount) = Mount::memory("size=16m")
    {
        let saved = mount.path().join("saved");
        commit(&saved);
        // The last job may have a file for a moment.
        let mut tries = (0..1000).map(|_| mount.try_remount("ro"));
        assert!(
            tries.any(|tried| tried.is_ok()),
            "it cannot be mounted read-only"
        );
        read(&saved).expect("reading writes nothing");
        let error = open(&saved).expect_err("it is read-only");
        assert_eq!(
            told(&error, mount.path()),
            "could not track the persisted directory (ROOT/saved/file_backed.lock): Read-only file system (os error 30): mount the file system writable, or read it with `track_read_only` (a dataset with `Dataset::open_read_only`)"
        );
        let new = PreparedPath::blocking_open(mount.path().join("new"));
        assert_eq!(
            told(&new.expect_err("it is read-only"), mount.path()),
            "could not prepare the directory (ROOT/new): Read-only file system (os error 30): mount the file system writable, or read the persisted items with `PreparedPath::open_read_only`"
        );
    }
}

/// What the child does, as another user.
pub(crate) fn child(root: &Path, say: impl Fn(&str)) -> Result<()> {
    let saved = root.join("saved");
    read(&saved)?;
    say("read");
    let error = open(&saved).expect_err("it may not write");
    say(&told(&error, root));
    let new = PreparedPath::blocking_open(root.join("new"));
    say(&told(&new.expect_err("it may not write"), root));
    let secret = PreparedPath::blocking_open_read_only(root.join("secret"));
    say(&told(&secret.expect_err("it may not look"), root));
    Ok(())
}

#[test]
fn a_user_without_write_permission_can_read_a_dataset() {
    if !may_run(&["setpriv"]) {
        return;
    }
    let own = std::env::current_exe().expect("this binary");
    if !own.ancestors().skip(1).all(is_open_to_all) {
        return skip("another user may not run this binary where it is");
    }
    let dir = tempfile::tempdir().expect("a directory");
    let set_mode = |path: &Path, mode| {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(path, permissions).expect("it is ours");
    };
    set_mode(dir.path(), 0o755);
    commit(&dir.path().join("saved"));
    let secret = dir.path().join("secret");
    std::fs::create_dir(&secret).expect("it is made");
    set_mode(&secret, 0o700);
    let (code, said) = Other::start("read", dir.path(), &AS_NOBODY).end();
    assert_eq!(
        said,
        [
            "read",
            "could not track the persisted directory (ROOT/saved): the directory belongs to another user, who could replace its contents: only read it (`PreparedPath::open_read_only`), use another directory, change its owner, or accept it with `PreparedPath::builder().any_owner()`",
            "could not prepare the directory (ROOT/new): Permission denied (os error 13): give this process's user write access, or read the persisted items with `PreparedPath::open_read_only`",
            "could not open the directory for reading (ROOT/secret): Permission denied (os error 13): give this process's user read access",
        ]
    );
    assert_eq!(code, Some(0));
}
