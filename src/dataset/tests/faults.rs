//! Commits with a fault at each file operation in turn. A commit that fails leaves the
//! previous one, and the next open finds a whole dataset.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::runtime::Runtime;

use super::super::{Dataset, Key, Snapshot, VerifyOptions};
use crate::fbstore::files::Files;
use crate::fbstore::real_files::RealFiles;
use crate::fbstore::{FBStore, PreparedPath};
use crate::testing::errno::{EIO, EMFILE, ENOSPC};
use crate::testing::{Fault, FaultyFiles, Plain, runtime, scratch};
use crate::{BackingStore, Error, FBPool, Result};

const FOREVER: usize = usize::MAX;

type Root = Vec<Key<Vec<u8>>>;
type Store = Arc<BackingStore<FBStore<Plain>>>;
type Pool = Arc<FBPool<Vec<u8>, FBStore<Plain>>>;

struct Places {
    dir: tempfile::TempDir,
    runtime: Runtime,
}

impl Places {
    fn new() -> Self {
        Self {
            dir: scratch(),
            runtime: runtime("under faults"),
        }
    }

    /// A directory whose name is used once, because opening a directory again returns the
    /// `Files` that it was first opened with.
    fn saved(&self, run: usize) -> PathBuf {
        self.dir.path().join(format!("saved {run}"))
    }

    fn store(&self) -> (Store, Pool) {
        let cache = PreparedPath::blocking_open(self.dir.path().join("cache"));
        let files = FBStore::open(Plain, cache.expect("it is made"));
        let files = files.expect("nobody else has it");
        let store = Arc::new(BackingStore::new(files, self.runtime.handle().clone()));
        (store.clone(), Arc::new(FBPool::new(store, 4)))
    }
}

fn open(store: &Store, path: &Path, files: impl Files) -> Result<Dataset<Root, FBStore<Plain>>> {
    let path = PreparedPath::open_with(path.to_owned(), Arc::new(files))?;
    Dataset::blocking_open(store, path)
}

/// Commits values of these numbers, and keeps the items in `kept`.
fn commit(
    dataset: &Dataset<Root, FBStore<Plain>>,
    pool: &Pool,
    kept: &[Key<Vec<u8>>],
    new: &[u8],
) -> Result<()> {
    let items: Vec<_> = new.iter().map(|n| pool.insert(vec![*n; 100])).collect();
    let committed = dataset.blocking_commit(|saver| {
        let mut root = kept.to_vec();
        root.iter().try_for_each(|key| saver.keep(*key))?;
        for item in &items {
            root.push(saver.save(item)?);
        }
        Ok::<_, Error>(root)
    });
    committed.map(drop)
}

/// The committed numbers. Asserts that everything is whole.
fn numbers(dataset: &Dataset<Root, FBStore<Plain>>, pool: &Pool) -> Vec<u8> {
    let verified = dataset
        .blocking_verify(VerifyOptions::all())
        .expect("it reads");
    assert!(verified.is_whole(), "{:?}", verified.damaged);
    let root = dataset.root();
    let number = |key: &Key<Vec<u8>>| {
        let item = dataset.blocking_get(pool, *key).expect("it is committed");
        item.blocking_read().expect("it is whole")[0]
    };
    root.iter().map(number).collect()
}

/// One run of a program that commits twice: numbers 0 and 1, and then 1 and 2. Returns
/// whether the fault occurred.
fn run(places: &Places, saved: &Path, plan: impl FnOnce(&FaultyFiles)) -> bool {
    let (store, pool) = places.store();
    let files = FaultyFiles::default();
    let mut expected = vec![vec![]];
    {
        let dataset = open(&store, saved, files.clone()).expect("nothing fails yet");
        plan(&files);
        let mut attempt = |kept: &[Key<Vec<u8>>], new: &[u8], numbers: &[u8]| {
            let committed = commit(&dataset, &pool, kept, new);
            match &committed {
                Ok(()) => expected = vec![numbers.to_vec()],
                // It is unknown whether the last step took effect.
                Err(error) => {
                    assert!(!error.is_panic(), "{error}");
                    assert!(error.path().is_some(), "{error}");
                    expected.push(numbers.to_vec());
                }
            }
            committed.is_ok()
        };
        if attempt(&[], &[0, 1], &[0, 1]) {
            let kept = dataset.root()[1];
            attempt(&[kept], &[2], &[1, 2]);
        } else {
            attempt(&[], &[3], &[3]);
        }
        // The program continues, and still sees what it has committed.
        let fired = files.lift();
        let current = numbers(&dataset, &pool);
        assert_eq!(current, expected[0], "the last that was acknowledged");
        if fired.is_empty() {
            return false;
        }
    }
    store.blocking_finished();

    // The program restarts. It finds what was acknowledged, or what failed after that.
    let dataset = open(&store, saved, RealFiles).expect("a restart works");
    let found = numbers(&dataset, &pool);
    assert!(expected.contains(&found), "{found:?} and not {expected:?}");
    commit(&dataset, &pool, &[], &[9]).expect("nothing fails any more");
    assert_eq!(numbers(&dataset, &pool), [9]);
    drop(dataset);
    store.blocking_finished();
    let left = super::super::Inspection::blocking_open(saved).expect("it is a dataset");
    assert!(left.unnamed().is_empty(), "nothing is left of what failed");
    true
}

fn at_each_operation(lasts: usize, number: i32) -> usize {
    let places = Places::new();
    for after in 0.. {
        let saved = places.saved(after);
        let plan = |files: &FaultyFiles| files.plan(after, lasts, Fault::Errno(number));
        let was_met = run(&places, &saved, plan);
        std::fs::remove_dir_all(saved).expect("it is there");
        if !was_met {
            return after;
        }
    }
    unreachable!("a program ends")
}

#[test]
fn a_commit_that_meets_a_full_disk_leaves_the_previous_one() {
    assert!(at_each_operation(1, ENOSPC) > 20);
}

#[test]
fn a_commit_to_a_disk_that_stays_full_leaves_the_previous_one() {
    assert!(at_each_operation(FOREVER, ENOSPC) > 10);
}

#[test]
fn a_commit_that_meets_an_io_error_leaves_the_previous_one() {
    assert!(at_each_operation(1, EIO) > 20);
}

#[test]
fn a_commit_that_meets_several_io_errors_leaves_the_previous_one() {
    for lasts in 2..4 {
        assert!(at_each_operation(lasts, EIO) > 20);
    }
}

#[test]
fn a_commit_without_free_descriptors_leaves_the_previous_one() {
    assert!(at_each_operation(1, EMFILE) > 20);
}

/// Opening a dataset with a fault at each operation returns an error, and never a
/// different dataset.
#[test]
fn a_fault_while_opening_is_an_error_and_never_another_dataset() {
    let places = Places::new();
    let (store, pool) = places.store();
    let saved = places.saved(0);
    let dataset = open(&store, &saved, RealFiles).expect("nothing fails");
    commit(&dataset, &pool, &[], &[1, 2]).expect("nothing fails");
    drop(dataset);
    let files = FaultyFiles::default();
    for after in 0.. {
        store.blocking_finished();
        let path = PreparedPath::open_with(saved.clone(), Arc::new(files.clone()));
        let path = path.expect("nothing fails yet");
        files.plan(after, 1, Fault::Errno(EIO));
        let opened = Dataset::<Root, _>::blocking_open(&store, path);
        let was_met = !files.lift().is_empty();
        match opened {
            Ok(dataset) => assert_eq!(numbers(&dataset, &pool), [1, 2]),
            Err(error) => {
                let path = error.path().expect("it names a path");
                assert!(path.starts_with(&saved), "{error}");
            }
        }
        if !was_met {
            assert!(after > 250, "each shard is looked at");
            break;
        }
    }
}

/// A copy with a fault at each operation in turn returns an error. There is then no
/// dataset or a whole one, and another call completes the copy.
#[test]
fn a_fault_while_copying_leaves_a_whole_dataset_or_none() {
    let places = Places::new();
    let (store, pool) = places.store();
    let saved = places.saved(0);
    let dataset = open(&store, &saved, RealFiles).expect("nothing fails");
    commit(&dataset, &pool, &[], &[1, 2]).expect("nothing fails");
    let snapshot = Snapshot::blocking_open(&*saved).expect("it is there");
    for after in 0.. {
        let to = places.dir.path().join(format!("copy {after}"));
        let files = FaultyFiles::default();
        let path = PreparedPath::open_with(to.clone(), Arc::new(files.clone()));
        let path = path.expect("nothing fails yet");
        files.plan(after, 1, Fault::Errno(ENOSPC));
        let copied = snapshot.copy_into(&path);
        let was_met = !files.lift().is_empty();
        if let Err(error) = &copied {
            assert!(error.path().is_some(), "{error}");
        }
        drop(path);
        let is_whole = match Snapshot::blocking_open(&*to) {
            Err(error) => {
                assert!(error.is_not_found(), "{error}");
                false
            }
            Ok(copy) => copy.generation() == 1,
        };
        assert!(is_whole || copied.is_err(), "an acknowledged copy is there");
        if !is_whole {
            let copied = snapshot.blocking_copy_to(&*to);
            copied.expect("nothing fails any more");
        }
        let copy = open(&store, &to, RealFiles).expect("a copy opens");
        assert_eq!(numbers(&copy, &pool), [1, 2]);
        drop(copy);
        store.blocking_finished();
        std::fs::remove_dir_all(to).expect("it is there");
        if !was_met {
            assert!(after > 20, "each operation fails once");
            break;
        }
    }
    assert_eq!(numbers(&dataset, &pool), [1, 2]);
    commit(&dataset, &pool, &[], &[3]).expect("the original is as it was");
}

/// A commit that another process has overtaken, with a fault at each operation, is never
/// acknowledged, and deletes nothing.
#[test]
fn an_overtaken_commit_that_meets_an_io_error_deletes_nothing() {
    let places = Places::new();
    let (store, pool) = places.store();
    for after in 0.. {
        let saved = places.saved(after);
        let files = FaultyFiles::default();
        let dataset = open(&store, &saved, files.clone()).expect("nothing fails yet");
        commit(&dataset, &pool, &[], &[1, 2]).expect("nothing fails yet");
        let manifests = saved.join("file_backed.manifest");
        let mut theirs = std::fs::read(manifests.join("0000000000000001")).expect("it is there");
        theirs[16] = 2;
        let end = theirs.len() - 4;
        let sum = crc32fast::hash(&theirs[..end]);
        theirs[end..].copy_from_slice(&sum.to_le_bytes());
        std::fs::write(manifests.join("0000000000000002"), theirs).expect("it is written");
        files.plan(after, 1, Fault::Errno(EIO));
        let mut errors = Vec::new();
        for number in [3, 4] {
            let committed = commit(&dataset, &pool, &[], &[number]);
            errors.push(committed.expect_err("it is overtaken"));
        }
        let was_met = !files.lift().is_empty();
        assert!(errors[1].is_conflict(), "{}", errors[1]);
        drop(dataset);
        store.blocking_finished();
        let dataset = open(&store, &saved, RealFiles).expect("theirs is whole");
        assert_eq!(
            (dataset.generation(), numbers(&dataset, &pool)),
            (2, vec![1, 2])
        );
        drop(dataset);
        store.blocking_finished();
        std::fs::remove_dir_all(saved).expect("it is there");
        if !was_met {
            assert!(after > 5, "each operation fails once");
            break;
        }
    }
}
