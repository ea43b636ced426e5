//! Commits with a fault at each file operation in turn. A commit that fails leaves the
//! previous one, and the next open finds a whole dataset.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::runtime::Runtime;

use super::super::manifest::Manifest;
use super::super::{Dataset, Key, OpenOptions, Snapshot, VerifyOptions};
use super::{assert_no_manifest_is_left, count_packs, write_old};
use crate::fbstore::files::Files;
use crate::fbstore::real_files::RealFiles;
use crate::fbstore::{FBStore, PreparedPath};
use crate::testing::errno::{EIO, EMFILE, ENOSPC};
use crate::testing::{Fault, FaultyFiles, Plain, runtime, scratch};
use crate::{BackingStore, Error, FBPool, Result};

const FOREVER: usize = usize::MAX;

/// The items, and a text that makes the root long.
pub(super) type Root = (Vec<Key<Vec<u8>>>, String);
pub(super) type Store = Arc<BackingStore<FBStore<Plain>>>;
pub(super) type Pool = Arc<FBPool<Vec<u8>, FBStore<Plain>>>;

/// What a program finds when it starts.
#[derive(Clone, Copy)]
enum Start {
    Nothing,
    /// The manifest of an empty dataset, of version 1.
    OldManifest,
    /// A dataset with a chain of manifests that the next commit replaces by a base.
    LongChain,
    /// Nothing, and a program that puts all items into packs.
    Packing,
}

pub(super) struct Places {
    dir: tempfile::TempDir,
    runtime: Runtime,
}

impl Places {
    pub(super) fn new() -> Self {
        Self {
            dir: scratch(),
            runtime: runtime("under faults"),
        }
    }

    /// A directory whose name is used once, because opening a directory again returns the
    /// `Files` that it was first opened with.
    pub(super) fn saved(&self, run: usize) -> PathBuf {
        self.dir.path().join(format!("saved {run}"))
    }

    pub(super) fn store(&self) -> (Store, Pool) {
        self.store_at("cache")
    }

    pub(super) fn store_at(&self, cache: &str) -> (Store, Pool) {
        let cache = PreparedPath::blocking_open(self.dir.path().join(cache));
        let files = FBStore::open(Plain, cache.expect("it is made"));
        let files = files.expect("nobody else has it");
        let store = Arc::new(BackingStore::new(files, self.runtime.handle().clone()));
        (store.clone(), Arc::new(FBPool::new(store, 4)))
    }
}

pub(super) fn open(
    store: &Store,
    path: &Path,
    files: impl Files,
) -> Result<Dataset<Root, FBStore<Plain>>> {
    open_with(&OpenOptions::new(), store, path, files)
}

fn open_with(
    options: &OpenOptions,
    store: &Store,
    path: &Path,
    files: impl Files,
) -> Result<Dataset<Root, FBStore<Plain>>> {
    let path = PreparedPath::open_with(path.to_owned(), Arc::new(files))?;
    options.blocking_open(store, path)
}

/// Commits values of these numbers, and keeps the items in `kept`.
pub(super) fn commit(
    dataset: &Dataset<Root, FBStore<Plain>>,
    pool: &Pool,
    kept: &[Key<Vec<u8>>],
    new: &[u8],
) -> Result<()> {
    let items: Vec<_> = new.iter().map(|n| pool.insert(vec![*n; 100])).collect();
    let committed = dataset.blocking_commit(|saver| {
        let mut keys = kept.to_vec();
        keys.iter().try_for_each(|key| saver.keep(*key))?;
        for item in &items {
            keys.push(saver.save(item)?);
        }
        // Another root than before, as long.
        let text = new[0].to_string().repeat(dataset.root().1.len());
        Ok::<_, Error>((keys, text))
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
    root.0.iter().map(number).collect()
}

/// A root of this length is not written again by a commit that does not change it, and two of
/// them are longer than the deltas of a small dataset may be together, apart from its root.
const LONG: usize = 40_000;

impl Start {
    fn options(self) -> OpenOptions {
        match self {
            Self::Packing => OpenOptions::new().pack_all(),
            _ => OpenOptions::new(),
        }
    }

    /// Returns the dataset, and the numbers that it has.
    fn prepare(self, saved: &Path, store: &Store, pool: &Pool) -> Vec<u8> {
        match self {
            Self::Nothing | Self::Packing => Vec::new(),
            Self::OldManifest => {
                let path = PreparedPath::blocking_open(saved).expect("it is made");
                write_old(&path, &empty());
                Vec::new()
            }
            Self::LongChain => {
                let dataset = open(store, saved, RealFiles).expect("nothing fails");
                make_chain(&dataset, pool);
                drop(dataset);
                store.blocking_finished();
                vec![5]
            }
        }
    }
}

/// Commits number 5, so that the next commit writes a base.
fn make_chain(dataset: &Dataset<Root, FBStore<Plain>>, pool: &Pool) {
    let item = pool.insert(vec![5; 100]);
    // Each builds on the one before, except the third, which takes the place of the second.
    for text in [Some("a"), None, Some("b"), None] {
        let committed = dataset.blocking_edit(|edit| {
            let key = edit.put(&item)?;
            if let Some(text) = text {
                edit.set_root((vec![key], text.repeat(LONG)));
            }
            Ok::<_, Error>(())
        });
        committed.expect("nothing fails");
    }
}

fn empty() -> Manifest {
    Manifest {
        generation: 0,
        root: serde_json::to_vec(&Root::default()).expect("it is JSON"),
        entries: Vec::new(),
    }
}

/// One run of a program that commits twice: numbers 0 and 1, and then 1 and 2. Returns
/// whether the fault occurred.
fn run(
    places: &Places,
    start: Start,
    saved: &Path,
    files: FaultyFiles,
    plan: impl FnOnce(&FaultyFiles),
) -> bool {
    let (store, pool) = places.store();
    let mut expected = vec![start.prepare(saved, &store, &pool)];
    {
        let opened = open_with(&start.options(), &store, saved, files.clone());
        let dataset = opened.expect("nothing fails yet");
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
            let kept = dataset.root().0[1];
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
    let dataset = open_with(&start.options(), &store, saved, RealFiles);
    let dataset = dataset.expect("a restart works");
    let found = numbers(&dataset, &pool);
    assert!(expected.contains(&found), "{found:?} and not {expected:?}");
    commit(&dataset, &pool, &[], &[9]).expect("nothing fails any more");
    assert_eq!(numbers(&dataset, &pool), [9]);
    drop(dataset);
    store.blocking_finished();
    // An open removes what a new base has replaced.
    drop(open(&store, saved, RealFiles).expect("nothing fails"));
    store.blocking_finished();
    let left = super::super::Inspection::blocking_open(saved).expect("it is a dataset");
    assert!(left.unnamed().is_empty(), "nothing is left of what failed");
    drop(left);
    assert_no_manifest_is_left(saved);
    assert_eq!(
        count_packs(saved),
        usize::from(matches!(start, Start::Packing))
    );
    true
}

fn at_each_operation(start: Start, lasts: usize, number: i32) -> usize {
    at_each_operation_with(start, lasts, number, FaultyFiles::default)
}

/// `files` makes what each run uses.
fn at_each_operation_with(
    start: Start,
    lasts: usize,
    number: i32,
    files: impl Fn() -> FaultyFiles,
) -> usize {
    let places = Places::new();
    for after in 0.. {
        let saved = places.saved(after);
        let plan = |files: &FaultyFiles| files.plan(after, lasts, Fault::Errno(number));
        let was_met = run(&places, start, &saved, files(), plan);
        std::fs::remove_dir_all(saved).expect("it is there");
        if !was_met {
            return after;
        }
    }
    unreachable!("a program ends")
}

#[test]
fn a_commit_that_meets_a_full_disk_leaves_the_previous_one() {
    assert!(at_each_operation(Start::Nothing, 1, ENOSPC) > 20);
}

#[test]
fn a_commit_to_a_disk_that_stays_full_leaves_the_previous_one() {
    assert!(at_each_operation(Start::Nothing, FOREVER, ENOSPC) > 10);
}

#[test]
fn a_commit_that_meets_an_io_error_leaves_the_previous_one() {
    assert!(at_each_operation(Start::Nothing, 1, EIO) > 20);
}

#[test]
fn a_commit_of_packs_that_meets_an_io_error_leaves_the_previous_one() {
    assert!(at_each_operation(Start::Packing, 1, EIO) > 30);
}

#[test]
fn a_commit_of_packs_to_a_disk_that_stays_full_leaves_the_previous_one() {
    assert!(at_each_operation(Start::Packing, FOREVER, ENOSPC) > 30);
}

#[test]
fn a_commit_that_meets_several_io_errors_leaves_the_previous_one() {
    for lasts in 2..4 {
        assert!(at_each_operation(Start::Nothing, lasts, EIO) > 20);
    }
}

#[test]
fn a_commit_without_free_descriptors_leaves_the_previous_one() {
    assert!(at_each_operation(Start::Nothing, 1, EMFILE) > 20);
}

#[test]
fn a_commit_that_fails_to_write_a_base_leaves_the_previous_one() {
    for (lasts, number) in [(1, ENOSPC), (1, EIO), (2, EIO), (FOREVER, ENOSPC)] {
        assert!(at_each_operation(Start::LongChain, lasts, number) > 10);
    }
}

#[test]
fn the_first_commit_after_an_old_manifest_leaves_it_if_it_fails() {
    for (lasts, number) in [(1, ENOSPC), (1, EIO), (FOREVER, ENOSPC)] {
        assert!(at_each_operation(Start::OldManifest, lasts, number) > 10);
    }
}

/// A network file system may report an error of an operation that its server has done. So a
/// name that could not be made may be there, and one that could not be removed may be gone.
#[test]
fn a_commit_whose_failed_operations_took_effect_leaves_the_previous_one_or_the_new_one() {
    let files = || {
        let files = FaultyFiles::default();
        files.fail_after_the_effect();
        files
    };
    for (start, least) in [
        (Start::Nothing, 20),
        (Start::LongChain, 10),
        (Start::OldManifest, 10),
    ] {
        for lasts in [1, 2] {
            assert!(at_each_operation_with(start, lasts, EIO, files) > least);
        }
    }
}

/// A clean-up looks only at what the program knows to be left over. That includes what a
/// failed commit has linked and what could not be removed.
#[test]
fn the_commits_after_a_failed_one_clean_up_what_it_has_left() {
    let places = Places::new();
    let mut runs = 0..;
    for (base_is_due, lasts) in [(false, 1), (false, 3), (true, 1), (true, 3)] {
        for after in 0.. {
            let saved = places.saved(runs.next().expect("there are many"));
            let (store, pool) = places.store();
            let files = FaultyFiles::default();
            let dataset = open(&store, &saved, files.clone()).expect("nothing fails yet");
            match base_is_due {
                true => make_chain(&dataset, &pool),
                false => commit(&dataset, &pool, &[], &[1, 2]).expect("nothing fails yet"),
            }
            files.plan(after, lasts, Fault::Errno(EIO));
            let _ = commit(&dataset, &pool, &[], &[3, 4]);
            let was_met = !files.lift().is_empty();
            // The first one may write a base, and the next one removes what that replaces.
            for n in [5, 6] {
                commit(&dataset, &pool, &[], &[n]).expect("nothing fails any more");
            }
            assert_eq!(numbers(&dataset, &pool), [6]);
            let left = super::super::Inspection::blocking_open(&*saved);
            assert!(left.expect("it is a dataset").unnamed().is_empty());
            assert_no_manifest_is_left(&saved);
            drop(dataset);
            store.blocking_finished();
            std::fs::remove_dir_all(saved).expect("it is there");
            if !was_met {
                assert!(after > 20, "each operation fails once");
                break;
            }
        }
    }
}

/// The first fsync of a file that was found when the dataset was opened failed once. From then
/// on every commit failed, whether or not it kept the item, until the program restarted.
#[test]
fn a_sync_of_a_committed_item_that_fails_once_fails_at_most_one_commit() {
    let places = Places::new();
    let cases = [
        (2, "sync", true),
        (2, "sync", false),
        (130, "sync_file_system", true),
        (130, "sync_file_system", false),
    ];
    for (run, (count, operation, keeps)) in cases.into_iter().enumerate() {
        let (store, pool) = places.store();
        let saved = places.saved(run);
        let dataset = open(&store, &saved, RealFiles).expect("nothing fails");
        let all: Vec<_> = (0..count).collect();
        commit(&dataset, &pool, &[], &all).expect("nothing fails");
        drop(dataset);
        store.blocking_finished();
        let files = FaultyFiles::default();
        let dataset = open(&store, &saved, files.clone()).expect("nothing fails yet");
        let kept = match keeps {
            true => dataset.root().0.clone(),
            false => Vec::new(),
        };
        files.plan_on(operation, 0, 1, Fault::Errno(EIO));
        let first = commit(&dataset, &pool, &kept, &[200]);
        assert_eq!(files.lift().len(), 1, "{operation}");
        assert!(first.is_err() || !keeps, "what it keeps may not be durable");
        commit(&dataset, &pool, &kept, &[201]).expect("nothing fails any more");
        assert_eq!(numbers(&dataset, &pool).len(), kept.len() + 1);
        drop(dataset);
        store.blocking_finished();
    }
}

/// Where a base was due, the failure was taken for one of the base: the commit went on
/// without, and its second sync of the file succeeded, because the system reports a failure
/// once.
#[test]
fn a_failed_sync_of_an_item_fails_the_commit_that_finds_a_base_due() {
    let places = Places::new();
    let saved = places.saved(0);
    let (store, pool) = places.store();
    let dataset = open(&store, &saved, RealFiles).expect("nothing fails");
    make_chain(&dataset, &pool);
    drop(dataset);
    store.blocking_finished();
    let files = FaultyFiles::default();
    let dataset = open(&store, &saved, files.clone()).expect("nothing fails yet");
    let item = pool.insert(vec![6; 100]);
    let put = || {
        dataset.blocking_edit(|edit| {
            edit.put(&item)?;
            let (keys, _) = edit.root().clone();
            edit.set_root((keys, "c".repeat(LONG)));
            Ok::<_, Error>(())
        })
    };
    // That of an item that an open has found comes first, or that of the new one.
    files.plan_on("sync", 0, 1, Fault::Errno(EIO));
    let error = put().expect_err("an item was not synced");
    assert_eq!(files.lift(), ["sync"]);
    let name = error.path().and_then(Path::file_name);
    let name = name
        .and_then(|name| name.to_str())
        .expect("it names the file");
    assert!(uuid::Uuid::try_parse(name).is_ok(), "{error}");
}

/// A base takes room for all items of the dataset. Where there was none, every commit failed
/// from the one on that found a base due, although there was room for its few bytes. Later,
/// every commit wrote as much of a base as there was room for.
#[test]
fn a_commit_for_whose_base_there_is_no_room_is_made_without_one() {
    let places = Places::new();
    let (store, pool) = places.store();
    let saved = places.saved(0);
    let files = FaultyFiles::default();
    let dataset = open(&store, &saved, files.clone()).expect("nothing fails yet");
    make_chain(&dataset, &pool);
    let has_base = || {
        let snapshot = Snapshot::blocking_open(&*saved).expect("it is there");
        let chain = snapshot.pinned.chain.as_ref();
        chain.is_some_and(|chain| chain.base().is_some())
    };
    // The first file that is created in the directory is for the base: items are linked.
    files.plan_on("create", 0, 1, Fault::Errno(ENOSPC));
    commit(&dataset, &pool, &[], &[0]).expect("there is room for what it changes");
    assert_eq!(files.lift(), ["create"], "a base is due");
    for n in 0..16 {
        assert!(!has_base());
        assert_eq!(numbers(&dataset, &pool), [n]);
        commit(&dataset, &pool, &[], &[n + 1]).expect("nothing fails any more");
    }
    assert!(has_base(), "a later commit tries again");
    drop(dataset);
    store.blocking_finished();
    let dataset = open(&store, &saved, RealFiles).expect("a restart works");
    assert_eq!(numbers(&dataset, &pool), [16]);
    commit(&dataset, &pool, &[], &[17]).expect("nothing fails any more");
    assert_no_manifest_is_left(&saved);
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

/// A clean-up asks whether a generation is pinned, and then removes it. A reader that pins it
/// in between finds its manifest, which then stays.
#[test]
fn a_generation_that_is_pinned_during_a_clean_up_keeps_its_files() {
    use super::super::Inspection;
    use parking_lot::Mutex;

    let places = Places::new();
    let (store, pool) = places.store();
    let saved = places.saved(0);
    let files = FaultyFiles::default();
    let dataset = open(&store, &saved, files.clone()).expect("nothing fails");
    commit(&dataset, &pool, &[], &[1]).expect("nothing fails");
    let first = Snapshot::blocking_open(&*saved).expect("it is there");
    commit(&dataset, &pool, &[], &[2]).expect("nothing fails");
    drop(first);
    let pinned = Arc::new(Mutex::new(None));
    let (seen, place) = (pinned.clone(), saved.clone());
    files.watch(move || {
        let is_removed = !place.join("file_backed.manifest/0000000000000001").exists();
        let mut seen = seen.lock();
        if is_removed && seen.is_none() {
            *seen = Some(Inspection::blocking_open_generation(&*place, 2));
        }
    });
    commit(&dataset, &pool, &[], &[3]).expect("nothing fails");
    let pinned = pinned.lock().take().expect("the first one is removed");
    // That it is gone is an answer too.
    if let Ok(pinned) = pinned {
        let verified = pinned.blocking_verify(VerifyOptions::all());
        assert!(verified.is_whole(), "{:?}", verified.damaged);
    }
}

/// Files that are many when they are found may be few once some were deleted. Then each of them
/// is synced, and so is each directory that has one of their names.
#[test]
fn the_names_of_many_found_items_are_synced_after_a_failed_sync_of_all() {
    let places = Places::new();
    let (store, pool) = places.store();
    let saved = places.saved(0);
    let dataset = open(&store, &saved, RealFiles).expect("nothing fails");
    let all: Vec<_> = (0..120).collect();
    commit(&dataset, &pool, &[], &all).expect("nothing fails");
    let kept = dataset.root().0.clone();
    drop(dataset);
    store.blocking_finished();
    for n in 0..20 {
        let left = crate::fbstore::key_path(&saved, uuid::Uuid::from_u128(n));
        let from = crate::fbstore::key_path(&saved, kept[0].uuid());
        std::fs::copy(from, left).expect("it is ours");
    }
    let files = FaultyFiles::default();
    let dataset = open(&store, &saved, files.clone()).expect("nothing fails yet");
    files.plan_on("sync_file_system", 0, 1, Fault::Errno(EIO));
    commit(&dataset, &pool, &kept, &[200]).expect_err("what it keeps may not be durable");
    assert_eq!(files.lift(), ["sync_file_system"]);
    commit(&dataset, &pool, &kept, &[201]).expect("nothing fails any more");
    assert_eq!(files.calls("sync_file_system"), 1, "they are few now");
    for key in kept {
        let file = crate::fbstore::key_path(&saved, key.uuid());
        assert!(files.is_synced(&file));
        assert!(files.is_synced(file.parent().expect("its shard")));
    }
}
