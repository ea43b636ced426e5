//! What is logged while the disk refuses writes.
//!
//! Background threads log it, so each test runs in its own process.

use std::sync::Mutex;

use crate::support::{Fault, On, Op, World, in_a_process_of_its_own, logged_everywhere, test};

const BEGINS: &str = "WARN message=an outage began: the disk refuses writes, and values stay in memory until it accepts them again";
const ENDS: &str =
    "WARN message=the outage ended: the disk accepts writes again, or no write is waiting for it";
const FAILED: &str =
    "WARN message=a write-back failed: the value stays in memory, and the write will be retried";

/// What was said since the last time.
fn take(said: &Mutex<Vec<String>>) -> Vec<String> {
    std::mem::take(&mut *said.lock().expect("nobody panics"))
}

fn wait_until(is_so: impl Fn() -> bool) {
    while !is_so() {
        std::thread::yield_now();
    }
}

/// A cache that is deleted under the process, as programs that clean up `/tmp` do it.
#[cfg(unix)]
#[test]
fn the_begin_and_the_end_of_an_outage_are_logged_once() {
    use std::sync::Arc;

    use file_backed::fbstore::{FBStore, PreparedPath};
    use file_backed::{BackingStore, FBPool};

    use crate::support::Plain;

    let name = "observing::outages::the_begin_and_the_end_of_an_outage_are_logged_once";
    let body = || {
        let dir = tempfile::tempdir().expect("a directory");
        let cache = dir.path().join("cache");
        let open = || PreparedPath::blocking_open(cache.clone()).expect("a cache");
        let files = FBStore::open(Plain, open()).expect("a store");
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let store = Arc::new(BackingStore::new(files, runtime.handle().clone()));
        let pool: Arc<FBPool<String, _>> = Arc::new(FBPool::new(store.clone(), 0));
        let said = logged_everywhere();

        std::fs::remove_dir_all(&cache).expect("it is ours");
        let item = pool.insert("value".to_owned());
        wait_until(|| pool.stats().write_failures >= 3);
        let other = pool.insert("another".to_owned());
        drop(open());
        wait_until(|| pool.stats().writes_waiting == 0 && !pool.stats().store_failing);
        store.blocking_finished();
        let (key, path) = (item.key().simple(), cache.display());
        let begin = format!(
            "{BEGINS} error=could not write item {key} ({path}): the directory was deleted or replaced while it was in use: open it again with `PreparedPath::open`, which creates it; a cache directory then works again, and a persisted directory must also be tracked again"
        );
        let lines = take(&said);
        assert_eq!(lines, [begin, ENDS.to_owned()]);
        assert_eq!(*other.blocking_read().expect("it is written"), "another");
    };
    in_a_process_of_its_own(name, || test(body));
}

#[test]
fn the_end_of_an_outage_is_logged_when_no_write_waits_any_more() {
    let name = "observing::outages::the_end_of_an_outage_is_logged_when_no_write_waits_any_more";
    let body = || {
        let world = World::new();
        let pool = world.pool(0);
        world.mem.fail(On::every(Op::Store), Fault::Full);
        let said = logged_everywhere();
        let item = pool.insert("value".to_owned());
        wait_until(|| pool.stats().store_failing);
        drop(item);
        wait_until(|| !pool.stats().store_failing);
        world.settle();
        let lines = take(&said);
        let count = |text: &str| lines.iter().filter(|line| line.starts_with(text)).count();
        assert_eq!((count(BEGINS), count(ENDS)), (1, 1), "{lines:#?}");
        assert_eq!(lines.last().map(String::as_str), Some(ENDS));
    };
    in_a_process_of_its_own(name, || test(body));
}

/// The fault of one value is no outage.
#[test]
fn a_refused_value_logs_no_outage() {
    let name = "observing::outages::a_refused_value_logs_no_outage";
    let body = || {
        let world = World::new();
        let pool = world.pool(0);
        world.mem.fail(On::every(Op::Store), Fault::Refused);
        let said = logged_everywhere();
        let item = pool.insert("value".to_owned());
        wait_until(|| pool.stats().write_failures >= 2);
        world.mem.heal();
        wait_until(|| pool.stats().writes_waiting == 0);
        world.settle();
        let key = item.key().simple();
        let failed =
            format!("{FAILED} key={key} error=could not write item {key}: Store refuses the value");
        let failures = pool.stats().write_failures as usize;
        assert_eq!(take(&said), vec![failed; failures]);
    };
    in_a_process_of_its_own(name, || test(body));
}

/// Each of the writes in flight meets the outage.
#[test]
fn many_failures_at_the_begin_of_an_outage_are_one_warning() {
    let name = "observing::outages::many_failures_at_the_begin_of_an_outage_are_one_warning";
    let body = || {
        let world = World::new();
        let pool = world.pool(0);
        let gate = world.mem.gate(Op::Store, None);
        let said = logged_everywhere();
        let items: Vec<_> = (0..200).map(|n| pool.insert(n.to_string())).collect();
        gate.wait_for(64);
        world.mem.fail(On::every(Op::Store), Fault::Full);
        gate.open();
        wait_until(|| pool.stats().write_failures >= 64);
        let lines = take(&said);
        let warnings = lines.iter().filter(|line| line.starts_with("WARN"));
        assert_eq!(warnings.count(), 1, "{lines:#?}");
        assert!(
            lines.iter().any(|line| line.starts_with(BEGINS)),
            "{lines:#?}"
        );
        world.mem.heal();
        wait_until(|| pool.stats().writes_waiting == 0);
        world.settle();
        assert_eq!(pool.stats().writes, items.len() as u64);
    };
    in_a_process_of_its_own(name, || test(body));
}
