//! What the library says of its work through `tracing`.

mod outages;

use std::sync::Arc;

use file_backed::fbstore::{FBStore, PreparedPath};
use file_backed::{BackingStore, FBPool};
use tokio::runtime::Runtime;

use crate::support::{Words, logged, test, traced};

#[track_caller]
fn assert_said(lines: &[String], parts: &[&str]) {
    let said = |line: &String| parts.iter().all(|part| line.contains(part));
    assert!(lines.iter().any(said), "{parts:?} is not in {lines:#?}");
}

#[test]
fn work_on_files_has_spans_with_operation_key_and_path_and_a_hit_has_none() {
    test(|| {
        let dir = tempfile::tempdir().expect("a directory");
        let open = |name| PreparedPath::blocking_open(dir.path().join(name), vec![]);
        let runtime = Runtime::new().expect("a runtime");
        let files = FBStore::open(Words, open("cache").expect("a cache")).expect("a store");
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
        assert_said(&lines, &["DEBUG", "a value was written", "path=", &file]);
        let (persisted, lines) = traced(|| item.blocking_persist(&tracked));
        persisted.expect("it is persisted");
        assert_said(
            &lines,
            &["SPAN store", "operation=\"persist\"", &key, &path],
        );
        let (synced, lines) = traced(|| store.blocking_sync(tracked.path()));
        synced.expect("it is synced");
        assert_said(&lines, &["SPAN store", "make durable", &path]);

        let (_, lines) = traced(|| item.blocking_read().map(drop));
        assert_eq!(lines, <[String; 0]>::default(), "a hit");
        let (other, lines) = traced(|| pool.insert("another".to_owned()));
        assert_said(&lines, &["DEBUG", "a value leaves memory", &key]);
        drop(other);
        let (_, lines) = logged(|| item.blocking_read().map(drop));
        assert_eq!(lines, <[String; 0]>::default(), "nothing to warn of");
        pool.insert("a third".to_owned())
            .blocking_write_now()
            .expect("it is written");
    });
}

#[test]
fn a_miss_has_a_span_with_its_key_and_tells_the_file() {
    test(|| {
        let runtime = Runtime::new().expect("a runtime");
        let files = PreparedPath::blocking_temp().and_then(|path| FBStore::open(Words, path));
        let store = BackingStore::new(files.expect("a store"), runtime.handle().clone());
        let pool: Arc<FBPool<String, _>> = Arc::new(FBPool::new(Arc::new(store), 0));
        let item = pool.insert("value".to_owned());
        pool.store().blocking_finished();
        let (read, lines) = traced(|| item.blocking_read().map(drop));
        read.expect("it is read");
        let key = item.key().simple().to_string();
        assert_said(&lines, &["SPAN store", "operation=\"load\"", &key]);
        assert_said(&lines, &["DEBUG", "a value was read", "path=", &key]);
    });
}
