//! What the library reports through `tracing` and its counters.

mod outages;

use std::sync::Arc;

use file_backed::fbstore::{FBStore, PreparedPath, key_path};
use file_backed::{BackingStore, FBPool};
use tokio::runtime::Runtime;

use crate::support::{Plain, logged, test, traced};

#[track_caller]
fn assert_said(lines: &[String], parts: &[&str]) {
    let said = |line: &String| parts.iter().all(|part| line.contains(part));
    assert!(lines.iter().any(said), "{parts:?} is not in {lines:#?}");
}

#[test]
fn work_on_files_has_spans_with_operation_key_and_path_and_a_hit_has_none() {
    test(|| {
        let dir = tempfile::tempdir().expect("a directory");
        let open = |name| PreparedPath::blocking_open(dir.path().join(name));
        let runtime = Runtime::new().expect("a runtime");
        let files = FBStore::open(Plain, open("cache").expect("a cache")).expect("a store");
        let store = Arc::new(BackingStore::new(files, runtime.handle().clone()));
        let pool: Arc<FBPool<String, _>> = Arc::new(FBPool::new(store.clone(), 1));
        let root = dir.path().join("saved").display().to_string();
        let path = format!("path=\"{root}\"");

        let (tracked, lines) = traced(|| store.blocking_track_path(open("saved")?));
        let tracked = tracked.expect("it is tracked");
        assert_said(
            &lines,
            &["SPAN store", "track the persisted directory", &path],
        );

        let item = pool.insert("value".to_owned());
        let key = format!("key={}", item.key().simple());
        let file = item.key().simple().to_string();
        let (written, lines) = traced(|| item.blocking_write_now());
        written.expect("it is written");
        assert_said(&lines, &["SPAN store", "operation=\"write\"", &key]);
        assert_said(
            &lines,
            &["DEBUG", "wrote a value to its file", "path=", &file],
        );
        let (persisted, lines) = traced(|| item.blocking_persist(&tracked));
        persisted.expect("it is persisted");
        assert_said(
            &lines,
            &["SPAN store", "operation=\"persist\"", &key, &path],
        );
        let (synced, lines) = traced(|| store.blocking_sync(&tracked));
        synced.expect("it is synced");
        assert_said(&lines, &["SPAN store", "sync the persisted items", &path]);

        let (_, lines) = traced(|| item.blocking_read().map(drop));
        assert_eq!(lines, <[String; 0]>::default(), "a hit");
        let (other, lines) = traced(|| pool.insert("another".to_owned()));
        assert_said(&lines, &["DEBUG", "evicted a value", &key]);
        drop(other);
        let (_, lines) = logged(|| item.blocking_read().map(drop));
        assert_eq!(lines, <[String; 0]>::default(), "nothing to warn of");
        let mut copy = item.clone();
        let (copied, lines) = traced(|| copy.blocking_write().map(drop));
        copied.expect("it is copied");
        assert_said(&lines, &["SPAN store", "operation=\"duplicate\"", &key]);
        pool.insert("a third".to_owned())
            .blocking_write_now()
            .expect("it is written");
    });
}

/// The calls of a dataset had no span: a slow open showed only its scan.
#[cfg(feature = "dataset")]
#[test]
fn the_calls_of_a_dataset_have_spans_with_operation_and_path() {
    test(|| {
        let dir = tempfile::tempdir().expect("a directory");
        let runtime = Runtime::new().expect("a runtime");
        let files = PreparedPath::blocking_temp().and_then(|path| FBStore::open(Plain, path));
        let store = BackingStore::new(files.expect("a store"), runtime.handle().clone());
        let store = Arc::new(store);
        let path = format!("path=\"{}\"", dir.path().display());
        let saved = PreparedPath::blocking_open(dir.path()).expect("a place");
        let open = || file_backed::dataset::Dataset::<(), _>::blocking_open(&store, saved);
        let (opened, lines) = traced(open);
        opened.expect("it is opened");
        assert_said(&lines, &["SPAN store", "open the dataset", &path]);
    });
}

#[test]
fn a_miss_has_a_span_with_its_key_and_logs_the_file() {
    test(|| {
        let runtime = Runtime::new().expect("a runtime");
        let files = PreparedPath::blocking_temp().and_then(|path| FBStore::open(Plain, path));
        let store = BackingStore::new(files.expect("a store"), runtime.handle().clone());
        let pool: Arc<FBPool<String, _>> = Arc::new(FBPool::new(Arc::new(store), 0));
        let item = pool.insert("value".to_owned());
        pool.store().blocking_finished();
        let (read, lines) = traced(|| item.blocking_read().map(drop));
        read.expect("it is read");
        let key = item.key().simple().to_string();
        assert_said(&lines, &["SPAN store", "operation=\"load\"", &key]);
        assert_said(
            &lines,
            &["DEBUG", "read a value from its file", "path=", &key],
        );
    });
}

/// Each way of a value through its file adds the bytes that it took.
#[test]
fn bytes_are_counted_when_files_are_written_and_read() {
    test(|| {
        let dir = tempfile::tempdir().expect("a directory");
        let runtime = Runtime::new().expect("a runtime");
        let cache = PreparedPath::blocking_open(dir.path().join("cache"));
        let files = FBStore::open(Plain, cache.expect("a cache")).expect("a store");
        let store = Arc::new(BackingStore::new(files, runtime.handle().clone()));
        let pool: Arc<FBPool<String, _>> = Arc::new(FBPool::new(store.clone(), 1));
        let bytes = || {
            let stats = pool.stats();
            (stats.bytes_written, stats.bytes_read)
        };

        let item = pool.insert("value".repeat(1000));
        assert_eq!(bytes(), (0, 0));
        item.blocking_write_now().expect("it is written");
        let file = key_path(&dir.path().join("cache"), item.key());
        let len = file.metadata().expect("it is there").len();
        assert_eq!(bytes(), (len, 0));
        let other = pool.insert("another".to_owned());
        store.blocking_finished();
        assert!(item.try_load().is_none(), "it has left memory");
        drop(item.blocking_read().expect("it is read"));
        store.blocking_finished();
        let (written, read) = bytes();
        assert_eq!(read, len);
        let other_file = key_path(&dir.path().join("cache"), other.key());
        let other_len = other_file.metadata().expect("it is there").len();
        assert_eq!(written, len + other_len);

        // Links move no bytes.
        let saved = PreparedPath::blocking_open(dir.path().join("saved"));
        let saved = store.blocking_track_path(saved.expect("a directory"));
        let saved = saved.expect("nobody has it");
        item.blocking_persist(&saved).expect("it is persisted");
        assert_eq!(bytes(), (written, read));
    });
}
