//! Runs a program with a fault at each file operation in turn.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use file_backed_codecs::frame;
use file_backed_codecs::printable::PrintablePath;
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use uuid::Uuid;

use super::super::scan::keys_in;
use super::super::{FBStore, PreparedPath, key_path};
use crate::backing_store::TrackedPath;
use crate::testing::errno::{EACCES, EDQUOT, EIO, EMFILE, ENOSPC, EPERM, EROFS, EXDEV};
use crate::testing::{Fault, FaultyFiles, Links, Plain, runtime, scratch};
use crate::{BackingStore, Error, FBPool, Fb};

type Item = Fb<Vec<u8>, FBStore<Plain>>;

const FOREVER: usize = usize::MAX;

/// The name of the threads whose panics are recorded.
const THREADS: &str = "under faults";

/// Panics in the background, which the library catches, so that no test would see them.
static PANICS: LazyLock<Arc<Mutex<Vec<String>>>> = LazyLock::new(|| {
    let panics = Arc::new(Mutex::new(Vec::new()));
    let (seen, before) = (panics.clone(), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |panic| {
        let thread = std::thread::current();
        let is_ours = matches!(thread.name(), Some(THREADS | "file_backed"));
        let text = panic.to_string();
        if is_ours && !text.contains("on purpose") {
            seen.lock().push(text);
        }
        before(panic);
    }));
    panics
});

/// The value of item `n`. Every third value takes more than one write.
fn value(n: u8) -> Vec<u8> {
    vec![n; if n.is_multiple_of(3) { 100_000 } else { 100 }]
}

struct Places {
    _dir: TempDir,
    cache: PathBuf,
    saved: PathBuf,
    links: Links,
    quota: Option<u64>,
    /// Values are read by an async task.
    reads_async: bool,
    runtime: Runtime,
}

impl Places {
    fn new() -> Self {
        Self::with(Links::AsTheMachine)
    }

    fn with(links: Links) -> Self {
        LazyLock::force(&PANICS);
        let dir = scratch();
        Self {
            cache: dir.path().join("cache"),
            saved: dir.path().join("saved"),
            _dir: dir,
            links,
            quota: None,
            reads_async: false,
            runtime: runtime(THREADS),
        }
    }

    /// Starts the program, without a fault yet.
    fn start(&self) -> Program<'_> {
        let files = FaultyFiles::default();
        files.set_links(self.links);
        let open = |path: &Path| {
            let files = Arc::new(files.clone());
            PreparedPath::open_with(path.to_owned(), files).expect("nothing fails yet")
        };
        let (cache, saved) = (open(&self.cache), open(&self.saved));
        let store = FBStore::open(Plain, cache).expect("nobody else uses it");
        let store = match self.quota {
            Some(bytes) => store.with_quota(bytes).expect("nothing fails yet"),
            None => store,
        };
        let store = Arc::new(BackingStore::new(store, self.runtime.handle().clone()));
        let tracked = store.blocking_track_path(saved).expect("nothing fails yet");
        Program {
            places: self,
            files,
            pool: Arc::new(FBPool::new(store.clone(), 1)),
            tracked: Arc::new(tracked),
            store,
            failures: Vec::new(),
        }
    }
}

struct Program<'a> {
    places: &'a Places,
    files: FaultyFiles,
    store: Arc<BackingStore<FBStore<Plain>>>,
    pool: Arc<FBPool<Vec<u8>, FBStore<Plain>>>,
    tracked: Arc<TrackedPath<PreparedPath>>,
    /// The errors that the program got.
    failures: Vec<Error>,
}

/// An item and its expected value.
struct Live {
    item: Item,
    value: Vec<u8>,
}

impl Program<'_> {
    fn note<R>(&mut self, result: Result<R, Error>) -> Option<R> {
        result.map_err(|error| self.failures.push(error)).ok()
    }

    /// Whether the item has this value.
    fn read(&mut self, item: &Item, value: &[u8]) -> Option<bool> {
        let read = match self.places.reads_async {
            true => self.places.runtime.block_on(item.read()),
            false => item.blocking_read(),
        };
        let read = read.map(|read| *read == *value);
        self.note(read)
    }

    /// Inserts, evicts, loads, changes, persists, syncs, registers and drops.
    /// Operations may fail, but what they return must be correct.
    fn run(&mut self) -> Vec<Live> {
        let mut live: Vec<_> = (0..5)
            .map(|n| Live {
                item: self.pool.insert(value(n)),
                value: value(n),
            })
            .collect();
        self.store.blocking_finished();
        for Live { item, value } in &live {
            let read = self.read(item, value);
            assert_ne!(read, Some(false), "another value was loaded");
        }

        let Live { item, value: now } = &mut live[1];
        let changed = item.blocking_write().map(|mut write| *write = value(11));
        if self.note(changed).is_some() {
            *now = value(11);
        }
        let clone = live[4].item.clone();
        let persisted = live[2].item.blocking_persist(&self.tracked);
        let persisted = self.note(persisted).is_some();
        let key = live[2].item.key();
        assert_eq!(self.tracked.contains_key(key), persisted);
        let synced = self.store.blocking_sync(&self.tracked);
        self.note(synced);

        let saved = live[3].item.key();
        let persisted = live[3].item.blocking_persist(&self.tracked);
        if self.note(persisted).is_some() {
            // The last handle is dropped, and the item is registered from its persisted
            // file.
            let Live { item, value } = live.remove(3);
            drop(item);
            self.store.blocking_finished();
            let registered = self.pool.blocking_register(&self.tracked, saved);
            if let Some(item) = self.note(registered) {
                live.push(Live { item, value });
            }
        }
        drop(live.remove(0));
        self.store.blocking_finished();
        let read = self.read(&clone, &value(4));
        assert_ne!(read, Some(false), "another value was loaded");
        live
    }

    /// Runs after the fault: every value is intact, and every operation works.
    fn check(&mut self, live: &[Live]) {
        for failure in &self.failures {
            assert!(!failure.is_panic(), "{failure}");
            assert!(failure.path().is_some(), "{failure}");
        }
        for Live { item, value } in live {
            let read = item.blocking_read().expect("nothing fails any more");
            assert!(*read == *value, "a value was lost");
        }
        // One successful write ends the outage, and the others follow.
        let probe = self.pool.insert(value(7));
        probe.blocking_write_now().expect("nothing fails any more");
        drop(probe);
        self.store.blocking_finished();
        // A write that failed more than once waits for a delay of its own.
        self.pool.core().queue.hurry();
        self.store.blocking_finished();
        let stats = self.pool.stats();
        assert!(
            !stats.store_failing && stats.writes_waiting == 0,
            "{stats:?}"
        );
        assert!(
            stats.resident <= 1 && stats.pinned_over_budget == 0,
            "{stats:?}"
        );
        self.pool.validate();
        live.iter().for_each(|live| live.item.item().validate());

        for Live { item, value } in live {
            let persisted = item.blocking_persist(&self.tracked);
            persisted.expect("nothing fails any more");
            let file = key_path(&self.places.saved, item.key());
            assert!(
                whole(&file).as_ref() == Some(value),
                "what is saved is whole"
            );
        }
        // A file that could not be made durable must be persisted again.
        let synced = self.store.blocking_sync(&self.tracked);
        if let Err(error) = synced {
            let path = error.path().expect("it names what is lost");
            let key = key_of(path).expect("it is a file");
            let deleted = self.store.blocking_delete_persisted(&self.tracked, key);
            deleted.expect("nothing fails any more");
            let synced = self.store.blocking_sync(&self.tracked);
            synced.expect("nothing is lost any more");
        }
        for key in self.tracked.all_keys() {
            let file = key_path(&self.places.saved, key);
            assert!(whole(&file).is_some(), "{} is torn", PrintablePath(&file));
            let deleted = self.store.blocking_delete_persisted(&self.tracked, key);
            deleted.expect("nothing fails any more");
        }
        assert!(files_below(&self.places.saved).is_empty());
    }

    /// Ends the program. The cache may contain only files whose deletion failed.
    fn end(self, live: Vec<Live>, lasting: bool) {
        if let Some(counted) = self.pool.stats().cache_bytes {
            let on_disk = bytes_of_the_cache_alone(&self.places.cache);
            // A deletion that fails may leave a file whose length is not known exactly.
            assert!(counted >= on_disk, "{counted} counted, {on_disk} there");
        }
        let keys: Vec<_> = live.iter().map(|live| live.item.key()).collect();
        for file in files_below(&self.places.cache) {
            let known = key_of(&file).is_some_and(|key| keys.contains(&key));
            let torn = whole(&file).is_none();
            assert!(
                !(torn && (known || !lasting)),
                "{} is torn",
                PrintablePath(&file)
            );
        }
        drop(live);
        self.store.blocking_finished();
        let failed = self.pool.stats().failed_deletions as usize;
        let left = files_below(&self.places.cache);
        if !lasting {
            assert!(
                left.len() <= failed,
                "{left:?} and {failed} deletions failed"
            );
        }
        for file in left {
            std::fs::remove_file(file).expect("it is there");
        }
        assert_eq!(*PANICS.lock(), [""; 0], "in the background");
    }
}

/// Runs the program with a fault at each operation in turn. Returns the number of
/// operations.
fn at_each_operation(lasts: usize, fault: Fault) -> usize {
    at_each_operation_in(&Places::new(), lasts, fault)
}

fn at_each_operation_in(places: &Places, lasts: usize, fault: Fault) -> usize {
    for after in 0.. {
        let mut program = places.start();
        program.files.plan(after, lasts, fault);
        let live = program.run();
        let fired = program.files.lift();
        program.check(&live);
        program.end(live, lasts > 1);
        if fired.is_empty() {
            return after;
        }
    }
    unreachable!("a program ends")
}

fn whole(file: &Path) -> Option<Vec<u8>> {
    let source = std::fs::File::open(file).ok()?;
    frame::read_file(&Plain, &source).ok()
}

fn key_of(file: &Path) -> Option<Uuid> {
    Uuid::try_parse(file.file_name()?.to_str()?).ok()
}

#[cfg(unix)]
fn bytes_of_the_cache_alone(cache: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = files_below(cache).into_iter().map(std::fs::metadata);
    let metadata = metadata.map(|metadata| metadata.expect("it is there"));
    let alone = metadata.filter(|metadata| metadata.nlink() == 1);
    alone.map(|metadata| metadata.len()).sum()
}

#[cfg(not(unix))]
fn bytes_of_the_cache_alone(_: &Path) -> u64 {
    0
}

fn files_below(path: &Path) -> Vec<PathBuf> {
    (0..=u8::MAX)
        .map(|shard| super::super::layout::shard_path(path, shard))
        .flat_map(|shard| std::fs::read_dir(shard).expect("a shard"))
        .map(|file| file.expect("an entry").path())
        .collect()
}

#[test]
fn a_full_disk_at_any_operation_loses_no_value() {
    assert!(at_each_operation(1, Fault::Errno(ENOSPC)) > 45);
}

/// With little room too: whatever fails, the count is never too low.
#[test]
fn a_fault_at_any_operation_in_a_cache_with_a_quota_loses_no_value_and_no_bytes() {
    for (quota, lasts, errno) in [
        (1 << 30, 1, EIO),
        (210_000, 1, ENOSPC),
        (210_000, FOREVER, EIO),
    ] {
        let places = Places {
            quota: Some(quota),
            ..Places::new()
        };
        let operations = at_each_operation_in(&places, lasts, Fault::Errno(errno));
        assert!(operations > 30, "{operations} with a quota of {quota}");
    }
}

#[test]
fn a_disk_that_stays_full_loses_no_value() {
    assert!(at_each_operation(FOREVER, Fault::Errno(ENOSPC)) > 45);
}

#[test]
fn an_io_error_at_any_operation_loses_no_value() {
    assert!(at_each_operation(1, Fault::Errno(EIO)) > 45);
}

/// Whatever fails on the thread of the task, the load is made on another one.
#[test]
fn a_fault_at_any_operation_of_async_loads_loses_no_value() {
    for (lasts, errno) in [(1, EIO), (3, EIO), (1, EMFILE), (FOREVER, EACCES)] {
        let places = Places {
            reads_async: true,
            ..Places::new()
        };
        assert!(at_each_operation_in(&places, lasts, Fault::Errno(errno)) > 45);
    }
}

#[test]
fn several_io_errors_in_a_row_lose_no_value() {
    for lasts in 2..5 {
        assert!(at_each_operation(lasts, Fault::Errno(EIO)) > 45);
    }
}

#[test]
fn a_denied_permission_at_any_operation_loses_no_value() {
    assert!(at_each_operation(1, Fault::Errno(EACCES)) > 45);
}

#[test]
fn a_lack_of_descriptors_loses_no_value() {
    assert!(at_each_operation(1, Fault::Errno(EMFILE)) > 45);
    assert!(at_each_operation(FOREVER, Fault::Errno(EMFILE)) > 45);
}

/// The directories are on two file systems: persisting and registering copy.
#[test]
fn a_fault_while_copying_loses_no_value() {
    for links in [Links::Refused(EXDEV), Links::Reflinks(EPERM)] {
        let places = Places::with(links);
        for (lasts, number) in [
            (1, ENOSPC),
            (FOREVER, ENOSPC),
            (1, EIO),
            (2, EIO),
            (1, EACCES),
        ] {
            assert!(at_each_operation_in(&places, lasts, Fault::Errno(number)) > 60);
        }
    }
}

/// A write that accepts fewer bytes than it was given is not a fault.
#[test]
fn a_short_write_is_continued() {
    let places = Places::new();
    for lasts in [1, 3, FOREVER] {
        for after in 0..5 {
            let mut program = places.start();
            program.files.plan(after, lasts, Fault::Short);
            let live = program.run();
            assert!(!program.files.lift().is_empty());
            assert!(program.failures.is_empty(), "{:?}", program.failures);
            program.check(&live);
            program.end(live, false);
        }
    }
}

/// No caller writes after the fault ends. The store must find out by itself that writes
/// succeed again.
#[test]
fn write_backs_resume_by_themselves_when_the_fault_ends() {
    for number in [ENOSPC, EIO] {
        let places = Places::new();
        let program = places.start();
        program.files.plan(0, FOREVER, Fault::Errno(number));
        let items: Vec<_> = (0..6).map(|n| program.pool.insert(value(n))).collect();
        program.store.blocking_finished();
        let stats = program.pool.stats();
        assert!(stats.store_failing && stats.writes == 0, "{stats:?}");
        assert!(stats.write_failures > 0, "{stats:?}");
        for (n, item) in (0..).zip(&items) {
            assert!(*item.try_load().expect("it is in memory") == value(n));
        }
        assert!(!program.files.lift().is_empty());
        while program.pool.stats().writes < 5 {
            std::thread::yield_now();
        }
        program.store.blocking_finished();
        assert!(!program.pool.stats().store_failing);
        let live = (0..).zip(items).map(|(n, item)| Live {
            item,
            value: value(n),
        });
        program.end(live.collect(), true);
    }
}

#[test]
fn a_directory_that_cannot_be_made_or_read_is_an_error_with_its_path() {
    let places = Places::new();
    drop(places.start());
    let files = FaultyFiles::default();
    let open = || {
        let files = Arc::new(files.clone());
        PreparedPath::open_with(places.saved.clone(), files)
    };
    let mut after = 0;
    loop {
        files.plan(after, 1, Fault::Errno(EACCES));
        let opened = open();
        if files.lift().is_empty() {
            break;
        }
        let error = opened.expect_err("an operation failed");
        assert!(
            error
                .path()
                .is_some_and(|path| path.starts_with(&places.saved)),
            "{error}"
        );
        after += 1;
    }
    assert!(after >= 257, "it and each shard are made");

    let path = open().expect("nothing fails any more");
    for after in 0..257 {
        files.plan(after, 1, Fault::Errno(EIO));
        let error = keys_in(&path).expect_err("an operation fails");
        assert!(
            error
                .path()
                .is_some_and(|path| path.starts_with(&places.saved)),
            "{error}"
        );
    }
    files.lift();
    assert!(keys_in(&path).expect("nothing fails any more").is_empty());
}

/// Takes a directory, with a fault at each operation of that in turn. Whatever failed,
/// the next attempt succeeds.
fn taken_at_each_operation(
    number: i32,
    is_marked: bool,
    take: impl Fn(PreparedPath) -> Result<(), Error>,
) {
    let places = Places::new();
    let files = FaultyFiles::default();
    let open = || {
        let files = Arc::new(files.clone());
        PreparedPath::open_with(places.cache.clone(), files).expect("nothing fails yet")
    };
    let mark = places.cache.join("file_backed.role");
    for after in 0.. {
        if !is_marked {
            // The mark does not exist at first.
            let _ = std::fs::remove_file(&mark);
        }
        let path = open();
        files.plan(after, 1, Fault::Errno(number));
        let taken = take(path);
        let fired = files.lift();
        if let Err(error) = taken {
            let path = error.path().expect("it names what failed");
            assert!(path.starts_with(&places.cache), "{error}");
            assert!(!fired.is_empty(), "{error}");
        }
        take(open()).unwrap_or_else(|error| panic!("after {fired:?}: {error}"));
        assert!(mark.exists(), "after {fired:?}");
        if fired.is_empty() {
            assert!(after > 260, "it reads the directory");
            return;
        }
    }
}

#[test]
fn a_fault_while_opening_a_cache_does_not_prevent_another_try() {
    for number in [EIO, ENOSPC, EACCES] {
        for is_marked in [false, true] {
            taken_at_each_operation(number, is_marked, |path| {
                FBStore::open(Plain, path).map(drop)
            });
        }
    }
}

#[test]
fn a_fault_while_tracking_a_directory_does_not_prevent_another_try() {
    let other = Places::new();
    let program = other.start();
    for is_marked in [false, true] {
        taken_at_each_operation(EIO, is_marked, |path| {
            program.store.blocking_track_path(path).map(drop)
        });
    }
}

#[test]
fn a_disk_that_became_read_only_loses_no_value() {
    assert!(at_each_operation(FOREVER, Fault::Errno(EROFS)) > 45);
}

#[test]
fn an_exhausted_quota_loses_no_value() {
    assert!(at_each_operation(2, Fault::Errno(EDQUOT)) > 45);
}

/// Two threads persist at the same time. The second finds nothing to sync, because the
/// first is already syncing it. It must not report success before everything is
/// durable.
#[test]
fn a_sync_waits_for_a_concurrent_sync() {
    let places = Places::new();
    let mut program = places.start();
    let sync = |program: &Program<'_>, file: &Path| {
        let synced = program.store.blocking_sync(&program.tracked);
        synced.expect("nothing fails");
        assert!(program.files.is_synced(file), "it is not durable yet");
    };
    let mut live = Vec::new();
    for n in 0..50 {
        let item = program.pool.insert(value(n));
        item.blocking_persist(&program.tracked)
            .expect("nothing fails");
        let file = key_path(&places.saved, item.key());
        let start = std::sync::Barrier::new(2);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    start.wait();
                    sync(&program, &file);
                });
            }
        });
        live.push(Live {
            item,
            value: value(n),
        });
    }
    program.check(&live);
    program.end(live, false);
}

/// With every codec, and for small and large values, the program learns that the disk
/// is full.
fn says_that_the_disk_is_full<T: Send + Sync + 'static>(
    codec: impl file_backed_codecs::Codec<T>,
    values: [T; 2],
) {
    let places = Places::new();
    let files = FaultyFiles::default();
    let cache = PreparedPath::open_with(places.cache.clone(), Arc::new(files.clone()));
    let store = FBStore::open(codec, cache.expect("nothing fails yet"));
    let store = store.expect("nobody else uses it");
    let store = Arc::new(BackingStore::new(store, places.runtime.handle().clone()));
    let pool = Arc::new(FBPool::new(store.clone(), 10));
    for value in values {
        let item = pool.insert(value);
        files.plan(1, 1, Fault::Errno(ENOSPC));
        let error = item.blocking_write_now().expect_err("the disk is full");
        assert_eq!(files.lift(), ["write"]);
        assert!(error.is_storage_full(), "{error:?}");
        item.blocking_write_now().expect("it is no longer");
        drop(item);
        store.blocking_finished();
    }
}

#[test]
fn a_full_disk_is_reported_by_a_plain_codec() {
    says_that_the_disk_is_full(Plain, [value(1), value(3)]);
}

#[cfg(feature = "bincodec")]
#[test]
fn a_full_disk_is_reported_by_bincode() {
    says_that_the_disk_is_full(
        file_backed_codecs::BinCodec,
        [vec![1_u64], vec![1; 100_000]],
    );
}

#[cfg(feature = "prostcodec")]
#[test]
fn a_full_disk_is_reported_by_protobuf() {
    let values = ["small".to_owned(), "large".repeat(100_000)];
    says_that_the_disk_is_full(file_backed_codecs::ProstCodec, values);
}

#[cfg(feature = "mappedcodec")]
#[test]
fn a_full_disk_is_reported_by_archives() {
    use file_backed_codecs::{Mapped, MappedCodec};
    let values = [vec![1_u64], vec![1; 100_000]];
    let values = values.map(|value| Mapped::new(&value).expect("an archive"));
    says_that_the_disk_is_full(MappedCodec::heap(), values);
}

/// Many files are made durable with one call for the whole file system, which does not
/// report which of them failed.
#[test]
fn a_failed_sync_of_many_files_is_reported_until_they_are_deleted() {
    let places = Places::new();
    let program = places.start();
    let items: Vec<_> = (0..200).map(|n| program.pool.insert(value(n))).collect();
    let persist_all = || {
        for item in &items {
            item.blocking_persist(&program.tracked)
                .expect("nothing fails");
        }
    };
    persist_all();
    program.store.blocking_finished();
    program.files.plan(0, 1, Fault::Errno(EIO));
    let sync = || program.store.blocking_sync(&program.tracked);
    let told = |error: Error| {
        let saved = &*places.saved.to_string_lossy();
        error.to_string().replace(saved, "ROOT/saved")
    };
    assert_eq!(
        told(sync().expect_err("the disk fails")),
        "could not sync the persisted items (ROOT/saved): Input/output error (os error 5): the disk or its file system is failing: see the system log"
    );
    program.files.lift();
    let error = sync().expect_err("the files may be lost");
    let file = error.path().expect("one of them").to_owned();
    assert!(key_of(&file).is_some(), "{error}");
    let file = file.to_string_lossy().into_owned();
    assert_eq!(
        error.to_string().replace(&file, "FILE"),
        "could not sync the persisted items (FILE): the file could not be synced (Input/output error (os error 5)), and the system does not say whether its data is lost: delete the persisted item, insert its value again, and persist the new item"
    );
    for key in program.tracked.all_keys() {
        let deleted = program
            .store
            .blocking_delete_persisted(&program.tracked, key);
        deleted.expect("nothing fails");
    }
    sync().expect("nothing is left that could be lost");
    // The same file may be lost under any name.
    let again = items[0].blocking_persist(&program.tracked);
    let error = again.expect_err("it is the same file");
    let (key, file) = (
        error.key().expect("an item"),
        error.path().expect("its file"),
    );
    assert_eq!(
        error.to_string(),
        format!(
            "could not persist item {} ({}): an earlier sync of this file failed, and the system does not say whether its data is lost: insert the value again, and persist the new item",
            key.simple(),
            PrintablePath(file)
        )
    );
    let again = program.pool.insert(value(0));
    again
        .blocking_persist(&program.tracked)
        .expect("it is another file");
    sync().expect("it is durable");
}

/// Files that a scan has found are not listed, because they are too many to be synced one by
/// one.
#[test]
fn a_failed_sync_of_many_found_files_is_reported_until_they_are_deleted() {
    for can_list in [true, false] {
        let places = Places::new();
        {
            let program = places.start();
            let items: Vec<_> = (0..200).map(|n| program.pool.insert(value(n))).collect();
            for item in &items {
                let persisted = item.blocking_persist(&program.tracked);
                persisted.expect("nothing fails");
            }
            drop(items);
            program.store.blocking_finished();
        }
        let program = places.start();
        let sync = || program.store.blocking_sync(&program.tracked);
        // The sync, and the first listing after it.
        program
            .files
            .plan(0, if can_list { 1 } else { FOREVER }, Fault::Errno(EIO));
        sync().expect_err("the disk fails");
        program.files.lift();
        let error = sync().expect_err("the files may be lost");
        let file = error.path().expect("one of them, or all").to_owned();
        assert_eq!(key_of(&file).is_some(), can_list, "{error}");
        for key in program.tracked.all_keys() {
            let store = &program.store;
            let deleted = store.blocking_delete_persisted(&program.tracked, key);
            deleted.expect("nothing fails");
        }
        assert_eq!(sync().is_ok(), can_list);
        if !can_list {
            let text = sync().expect_err("it is not known which").to_string();
            assert!(text.contains("open the directory again"), "{text}");
        }
    }
}
