//! Calls that had one form only, in the other one.

use std::sync::Arc;

use file_backed::convenience;
use file_backed::fbstore::PreparedPath;
use file_backed::{Error, FBPool, Fb};

use crate::support::{Plain, test};

#[test]
fn a_blocking_program_opens_pools_and_async_code_saves_and_registers() {
    test(|| {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let handle = runtime.handle().clone();
        let pool: Arc<FBPool<String, _>> =
            FBPool::blocking_open(Plain, dir.path().join("cache"), 1, handle.clone())
                .expect("it is new");
        let saved = PreparedPath::blocking_open(dir.path().join("saved")).expect("it is new");
        let saved = Arc::new(pool.store().blocking_track_path(saved).expect("it is free"));
        let items = ["one", "two"].map(|word| Arc::new(pool.insert(word.to_owned())));
        let keys = [items[0].key(), items[1].key()];
        let store = pool.store().clone();
        let changed = runtime.block_on(convenience::save(&store, items, &saved, 2, move || {
            Ok::<_, Error>(keys)
        }));
        assert_eq!(changed.expect("nothing fails"), keys);
        let none: [Arc<Fb<String, _>>; 0] = [];
        let refused = || Err::<(), _>(anyhow::anyhow!("no"));
        let kept = runtime.block_on(convenience::save(&store, none, &saved, 2, refused));
        assert_eq!(kept.expect_err("the closure fails").to_string(), "no");
        assert_eq!(saved.all_keys().len(), 2, "the save before stands");

        let other: Arc<FBPool<String, _>> =
            FBPool::blocking_temp(Plain, 1, handle).expect("it is made");
        let path = PreparedPath::blocking_open_read_only(dir.path().join("saved"));
        let path = path.expect("it is there");
        let tracked = other.store().blocking_track_read_only(path);
        let tracked = Arc::new(tracked.expect("it is read"));
        let registered = runtime.block_on(other.store().register_all(&tracked));
        assert_eq!(registered.expect("all are there").len(), 2);
    });
}
