//! What is said while the disk refuses writes.
//!
//! It is said by background threads, so each test has a process of its own.

use std::sync::Mutex;

use crate::support::{Fault, On, Op, World, in_a_process_of_its_own, logged_everywhere, test};

const BEGINS: &str = "WARN message=an outage begins: the disk refuses writes, and values stay in memory until it takes them again";
const ENDS: &str =
    "WARN message=an outage ends: the disk takes writes again, or nothing waits for it";
const FAILED: &str =
    "WARN message=a write-back failed: the item stays in memory, and the write is tried again";

/// What was said since the last time.
fn take(said: &Mutex<Vec<String>>) -> Vec<String> {
    std::mem::take(&mut *said.lock().expect("nobody panics"))
}

fn wait_until(is_so: impl Fn() -> bool) {
    while !is_so() {
        std::thread::yield_now();
    }
}

/// A disk that refuses: the name of the cache stands for a file instead.
#[cfg(unix)]
#[test]
fn its_begin_and_its_end_are_said_once_and_each_failure_between_them() {
    use std::os::unix::fs::symlink;
    use std::sync::Arc;

    use file_backed::fbstore::{FBStore, PreparedPath, key_path};
    use file_backed::{BackingStore, FBPool};

    use crate::support::Words;

    let name =
        "observing::outages::its_begin_and_its_end_are_said_once_and_each_failure_between_them";
    let body = || {
        let dir = tempfile::tempdir().expect("a directory");
        let (whole, file) = (dir.path().join("whole"), dir.path().join("file"));
        std::fs::create_dir(&whole).expect("it is made");
        std::fs::write(&file, "").expect("it is written");
        let (cache, new) = (dir.path().join("cache"), dir.path().join("new"));
        // At once: nobody sees the name stand for nothing.
        let lead_to = |target| {
            symlink(target, &new).expect("the name is free");
            std::fs::rename(&new, &cache).expect("it is ours");
        };
        lead_to(&whole);
        let path = PreparedPath::blocking_open(cache.clone(), vec![]);
        let files = FBStore::open(Words, path.expect("a cache")).expect("a store");
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let store = Arc::new(BackingStore::new(files, runtime.handle().clone()));
        let pool: Arc<FBPool<String, _>> = Arc::new(FBPool::new(store.clone(), 0));
        let said = logged_everywhere();

        lead_to(&file);
        let item = pool.insert("value".to_owned());
        wait_until(|| pool.stats().write_failures >= 3);
        let other = pool.insert("another".to_owned());
        lead_to(&whole);
        wait_until(|| pool.stats().writes_waiting == 0 && !pool.stats().store_failing);
        store.blocking_finished();
        let errors = [&item, &other].map(|item| {
            let (key, path) = (item.key().simple(), key_path(&cache, item.key()));
            let path = path.display();
            format!(
                "key={key} path={path} error=could not write item {key} ({path}): Not a directory (os error 20): a file stands where a directory should: move it away, and open the directory anew"
            )
        });
        let failed = errors.each_ref().map(|error| format!("{FAILED} {error}"));
        let (_, error) = errors[0]
            .split_once(" error=")
            .expect("it is one of the fields");
        let lines = take(&said);
        assert_eq!(lines[0], failed[0]);
        assert_eq!(lines[1], format!("{BEGINS} error={error}"));
        let (end, between) = lines[2..].split_last().expect("more was said");
        assert!(
            between.iter().all(|line| failed.contains(line)),
            "{lines:#?}"
        );
        assert_eq!(1 + between.len() as u64, pool.stats().write_failures);
        assert_eq!(end, ENDS);
        assert_eq!(*other.blocking_read().expect("it is written"), "another");
    };
    in_a_process_of_its_own(name, || test(body));
}

#[test]
fn its_end_is_said_too_when_nothing_waits_for_it_any_more() {
    let name = "observing::outages::its_end_is_said_too_when_nothing_waits_for_it_any_more";
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
fn a_value_that_is_refused_begins_none() {
    let name = "observing::outages::a_value_that_is_refused_begins_none";
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
