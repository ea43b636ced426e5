//! Waiting for a commit while the file system fails, or commits come between the steps.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::runtime::Runtime;

use super::super::Dataset;
use crate::fbstore::{FBStore, PreparedPath};
use crate::sync::block_on;
use crate::testing::errno::{EMFILE, ENOSPC};
use crate::testing::{Fault, FaultyFiles, Plain, runtime, scratch};
use crate::{BackingStore, Error, Result};

type Store = Arc<BackingStore<FBStore<Plain>>>;
type Numbers = Dataset<u32, FBStore<Plain>>;

/// Lists of one look: before the watch, and after it.
const LISTS: usize = 2;

/// A writer, and a reader of its commit 0, of which each has a store of its own.
struct Rig {
    files: FaultyFiles,
    writer: Arc<Numbers>,
    reader: Numbers,
    _runtime: Runtime,
    _dir: tempfile::TempDir,
}

impl Rig {
    fn new() -> Self {
        let (dir, runtime) = (scratch(), runtime("waiting"));
        let files = FaultyFiles::default();
        let store = || {
            let cache = PreparedPath::blocking_temp().expect("a temporary directory");
            let files = FBStore::open(Plain, cache).expect("nobody else has it");
            let store: Store = Arc::new(BackingStore::new(files, runtime.handle().clone()));
            store
        };
        let path = || {
            let saved = dir.path().join("saved");
            PreparedPath::open_with(saved, Arc::new(files.clone())).expect("it is made")
        };
        let writer = Numbers::blocking_open(&store(), path()).expect("nothing fails");
        let reader = Numbers::blocking_open_read_only(&store(), path()).expect("nothing fails");
        Self {
            files,
            writer: Arc::new(writer),
            reader,
            _runtime: runtime,
            _dir: dir,
        }
    }

    /// Lets the reader do all that it can do without a commit.
    fn settle(&self, mut changed: Pin<&mut impl Future<Output = Result<u64>>>) {
        for _ in 0..2 {
            assert!(poll(changed.as_mut()).is_pending());
            self.reader.store().blocking_finished();
        }
        assert!(poll(changed).is_pending());
    }
}

fn commit(writer: &Numbers, number: u32) {
    let committed = writer.blocking_commit(|_| Ok::<_, Error>(number));
    committed.expect("nothing fails");
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_reader_that_is_late_begins_no_watch() {
    let rig = Rig::new();
    commit(&rig.writer, 1);
    assert_eq!(block_on(rig.reader.changed()).expect("nothing fails"), 1);
    let changed = rig.reader.blocking_changed(None);
    assert_eq!(changed.expect("nothing fails"), Some(1));
    assert_eq!(rig.files.calls("watch_names"), 0);
}

/// Between each two steps of a waiter: before it begins to watch, and after its last look.
#[cfg(target_os = "linux")]
#[test]
fn a_commit_between_two_steps_of_a_waiter_is_not_missed() {
    for lists in 1..=LISTS {
        for blocking in [false, true] {
            let rig = Rig::new();
            let writer = rig.writer.clone();
            rig.files.after_lists(lists, move || commit(&writer, 1));
            let changed = match blocking {
                false => block_on(rig.reader.changed()).expect("nothing fails"),
                true => {
                    let changed = rig.reader.blocking_changed(None);
                    changed.expect("nothing fails").expect("it waits")
                }
            };
            assert_eq!(changed, 1, "after {lists} lists, blocking: {blocking}");
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn waiters_share_a_watch_which_ends_with_the_last_of_them() {
    let rig = Rig::new();
    let is_watched = || rig.reader.shared.changes.is_watched();
    {
        let (mut one, mut other) = (pin!(rig.reader.changed()), pin!(rig.reader.changed()));
        rig.settle(one.as_mut());
        rig.settle(other.as_mut());
        assert_eq!(rig.files.calls("watch_names"), 1);
        assert!(is_watched());
    }
    assert!(!is_watched());
    // The waiter is dropped while it looks.
    drop(poll(pin!(rig.reader.changed())));
    rig.reader.store().blocking_finished();
    assert!(!is_watched());
    assert_eq!(
        Arc::strong_count(&rig.reader.shared),
        1,
        "nothing keeps the dataset"
    );
}

#[test]
fn a_reader_that_cannot_watch_looks_at_an_interval() {
    for errno in [EMFILE, ENOSPC] {
        let rig = Rig::new();
        rig.files.fail("watch_names", Fault::Errno(errno));
        let mut changed = pin!(rig.reader.changed());
        rig.settle(changed.as_mut());
        assert!(rig.files.lift().contains(&"watch_names"));
        commit(&rig.writer, 1);
        // The interval passes.
        rig.reader.store().core().queue.hurry();
        rig.reader.store().blocking_finished();
        assert_eq!(block_on(changed).expect("nothing fails"), 1);
    }
}

#[test]
fn a_reader_that_cannot_watch_looks_no_more_once_nobody_waits() {
    let rig = Rig::new();
    rig.files.fail("watch_names", Fault::Errno(EMFILE));
    for _ in 0..10 {
        let mut changed = pin!(rig.reader.changed());
        rig.settle(changed.as_mut());
    }
    rig.reader.store().blocking_finished();
    let lists = rig.files.calls("list");
    rig.reader.store().core().queue.hurry();
    rig.reader.store().blocking_finished();
    assert_eq!(rig.files.calls("list"), lists, "nobody waits any more");
    let changes = &rig.reader.shared.changes;
    assert_eq!(Arc::strong_count(changes), 1);
}

#[test]
fn a_blocking_reader_that_cannot_watch_looks_once_more_when_its_time_is_up() {
    let rig = Rig::new();
    rig.files.fail("watch_names", Fault::Errno(EMFILE));
    let writer = rig.writer.clone();
    rig.files.after_lists(LISTS, move || commit(&writer, 1));
    let changed = rig.reader.blocking_changed(Some(Duration::ZERO));
    assert_eq!(changed.expect("nothing fails"), Some(1));
}

#[test]
fn a_list_that_fails_ends_the_wait() {
    let rig = Rig::new();
    rig.files.fail("list", Fault::Errno(EMFILE));
    let error = block_on(rig.reader.changed()).expect_err("the list fails");
    assert!(
        error
            .to_string()
            .starts_with("could not wait for the next commit of the dataset ("),
        "{error}"
    );
    let error = rig.reader.blocking_changed(None);
    assert!(error.is_err());
}
