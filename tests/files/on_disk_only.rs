//! What the directories contain.

use file_backed::fbstore::frame;

use super::conformance::saved_by_an_earlier_run;
use super::on_disk::{OnDisk, files_below};
use super::own_codec::Inverted;
use super::session::{Session, Subject as _};
use super::values::Sample as _;

/// Both names are of one file, so opening it for writing is refused in the cache and in
/// the persisted directory.
#[cfg(unix)]
#[test]
fn persisted_files_are_read_only_links_to_the_cache() {
    use std::os::unix::fs::MetadataExt as _;

    let subject = OnDisk::new(Inverted);
    let session = Session::open(&subject, 1);
    let tracked = session.track(subject.saved());
    let item = session.insert(1);
    item.blocking_persist(&tracked).unwrap();
    let saved = subject.saved_file(item.key()).metadata().unwrap();
    let cached = subject.cached_file(item.key()).metadata().unwrap();
    assert_eq!(saved.mode() & 0o777 & 0o222, 0, "{:o}", saved.mode());
    assert_eq!(saved.mode() & 0o400, 0o400, "{:o}", saved.mode());
    assert_eq!((saved.dev(), saved.ino()), (cached.dev(), cached.ino()));
    assert_eq!(saved.nlink(), 2);
    drop((item, tracked));
    session.close(&subject);
}

/// The directories hold nothing else.
#[test]
fn a_file_is_the_payload_of_its_codec_and_a_footer() {
    let subject = OnDisk::new(Inverted);
    let key = saved_by_an_earlier_run(&subject, &[3])[0];
    assert_eq!(
        files_below(&subject.saved_path()),
        [subject.saved_file(key)]
    );
    let mut expected = Vec::new();
    frame::write_file(&Inverted, &Vec::sample(3), &mut expected).unwrap();
    assert!(std::fs::read(subject.saved_file(key)).unwrap() == expected);
}

#[cfg(all(feature = "bincodec", feature = "mappedcodec"))]
#[test]
fn one_save_can_hold_serde_values_and_archives() {
    use std::sync::Arc;

    use file_backed::convenience::{Persister, blocking_save_with};
    use file_backed::fbstore::{FBStore, Mapped, MixedCodec};
    use file_backed::{BackingStore, Error, FBPool};

    use crate::files::on_disk::prepared;
    use crate::files::values::{Record, mapping};
    use crate::support::scratch;

    let dir = scratch();
    let (cache, saved) = (dir.path().join("cache"), dir.path().join("saved"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let open = || {
        let codec = MixedCodec::from(mapping());
        let files = FBStore::open(codec, prepared(cache.clone())).unwrap();
        let store = Arc::new(BackingStore::new(files, runtime.handle().clone()));
        let tracked = store.blocking_track_path(prepared(saved.clone())).unwrap();
        let records: Arc<FBPool<Record, _>> = Arc::new(FBPool::new(store.clone(), 1));
        let archives: Arc<FBPool<Mapped<Record>, _>> = Arc::new(FBPool::new(store.clone(), 1));
        (store, Arc::new(tracked), records, archives)
    };

    let (store, tracked, records, archives) = open();
    let one: Vec<_> = (0..4)
        .map(|n| Arc::new(records.insert(Record::sample(n))))
        .collect();
    let other: Vec<_> = (4..8)
        .map(|n| Arc::new(archives.insert(Mapped::sample(n))))
        .collect();
    let persist_all = |persister: &mut Persister<_>| {
        for item in &one {
            persister.persist(item);
        }
        for item in &other {
            persister.persist(item);
        }
        Ok::<_, Error>(())
    };
    blocking_save_with(&store, persist_all, &tracked, 3, || Ok(())).unwrap();
    let one: Vec<_> = one.into_iter().map(|item| item.key()).collect();
    let other: Vec<_> = other.into_iter().map(|item| item.key()).collect();
    drop((tracked, records, archives));
    store.blocking_finished();
    drop(store);

    let (store, tracked, records, archives) = open();
    assert_eq!(tracked.all_keys().len(), 8);
    for (n, key) in (0..).zip(&one) {
        let item = records.blocking_register(&tracked, *key).unwrap();
        item.blocking_read().unwrap().assert_is(n);
    }
    for (n, key) in (4..).zip(&other) {
        let item = archives.blocking_register(&tracked, *key).unwrap();
        let archive = item.blocking_read().unwrap();
        archive.assert_is(n);
        assert_eq!(archive.is_mapped(), cfg!(unix));
    }
    // The one kind is not taken for the other.
    let item = records.blocking_register(&tracked, other[0]).unwrap();
    let error = item.blocking_read().unwrap_err();
    assert!(error.is_mismatch(), "{error}");
    drop(item);
    store.blocking_finished();
    assert!(files_below(&cache).is_empty());
}
