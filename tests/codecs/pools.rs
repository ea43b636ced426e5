//! The life of an item is the same with every codec.

use std::fmt::Debug;
use std::sync::Arc;

use file_backed::fbstore::{Codec, FBStore, PreparedPath};
use file_backed::{BackingStore, FBPool};

use crate::support::{Plain, World, test};

/// Inserts, evicts, loads, changes, saves and registers values of `T`.
fn goes_through_its_life<T, C>(codec: impl Fn() -> C, values: [T; 3])
where
    T: Clone + Debug + PartialEq + Send + Sync + 'static,
    C: Codec<T>,
{
    let world = World::new();
    let dir = tempfile::tempdir().expect("a directory");
    let open = |name: &str| PreparedPath::blocking_open(dir.path().join(name));
    let mut keys = Vec::new();
    for mem_size in [0, 1] {
        let files = FBStore::open(codec(), open("cache").expect("opened")).expect("a store");
        let store = Arc::new(BackingStore::new(files, world.runtime().handle().clone()));
        let pool: Arc<FBPool<T, _>> = Arc::new(FBPool::new(store.clone(), mem_size));
        let tracked = store.blocking_track_path(open("saved").expect("opened"));
        let tracked = tracked.expect("it is tracked");
        for (key, value) in keys.iter().zip(&values) {
            let item = pool.blocking_register(&tracked, *key).expect("registered");
            assert_eq!(*item.blocking_read().expect("it is loaded"), *value);
        }
        let items: Vec<_> = values
            .iter()
            .cloned()
            .map(|value| pool.insert(value))
            .collect();
        store.blocking_finished();
        let mut changed = items[0].clone();
        *changed.blocking_write().expect("it is copied") = values[1].clone();
        store.blocking_finished();
        assert_eq!(*changed.blocking_read().expect("it is loaded"), values[1]);
        for (item, value) in items.iter().zip(&values) {
            assert_eq!(*item.blocking_read().expect("it is loaded"), *value);
            item.blocking_persist(&tracked).expect("it is saved");
        }
        keys = items.iter().map(|item| item.key()).collect();
        drop((items, changed));
        store.blocking_finished();
        assert_eq!(pool.size(), 0);
    }
}

#[test]
fn a_custom_codec_carries_items_through_their_life() {
    test(|| goes_through_its_life(|| Plain, ["a", "", "long"].map(|word| word.repeat(1000))));
}

#[cfg(feature = "bincodec")]
#[test]
fn bincode_carries_items_through_their_life() {
    use file_backed::fbstore::BinCodec;
    type Value = (String, Option<Vec<u64>>);
    let values: [Value; 3] = [
        ("a".to_owned(), None),
        (String::new(), Some(vec![])),
        ("b".to_owned(), Some((0..10_000).collect())),
    ];
    test(|| goes_through_its_life(|| BinCodec, values));
}

#[cfg(feature = "prostcodec")]
#[test]
fn protobuf_carries_items_through_their_life() {
    use file_backed::fbstore::ProstCodec;
    let values = ["a", "", "long"].map(|word| word.repeat(1000));
    test(|| goes_through_its_life(|| ProstCodec, values));
}
