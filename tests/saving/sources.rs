//! Items with the same key from several directories.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use file_backed::backing_store::TrackedPath;
use file_backed::fbstore::{FBStore, PreparedPath, key_path};
use file_backed::{BackingStore, FBPool, Fb};
use uuid::Uuid;

use crate::support::{Plain, World, test};

type Pool = Arc<FBPool<String, FBStore<Plain>>>;
type Item = Fb<String, FBStore<Plain>>;
type Tracked = TrackedPath<PreparedPath>;
#[cfg(feature = "dataset")]
type Dataset =
    file_backed::dataset::Dataset<Vec<file_backed::dataset::Key<String>>, FBStore<Plain>>;

/// A pool that keeps no value, and directories that others have written.
struct Places {
    dir: tempfile::TempDir,
    pool: Pool,
}

impl Places {
    fn new(world: &World) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let cache = PreparedPath::blocking_open(dir.path().join("cache"));
        let files = FBStore::open(Plain, cache.expect("a cache")).expect("a store");
        let store = BackingStore::new(files, world.runtime().handle().clone());
        let pool = Arc::new(FBPool::new(Arc::new(store), 0));
        Self { dir, pool }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A directory in which another store has persisted a value, and its key.
    fn persisted(&self, world: &World, name: &str, value: &str) -> Uuid {
        let files = PreparedPath::blocking_temp().and_then(|path| FBStore::open(Plain, path));
        let store = BackingStore::new(files.expect("a store"), world.runtime().handle().clone());
        let pool: Pool = Arc::new(FBPool::new(Arc::new(store), 1));
        let path = PreparedPath::blocking_open(self.path(name)).expect("a directory");
        let tracked = pool.store().blocking_track_path(path).expect("tracked");
        let item = pool.insert(value.to_owned());
        item.blocking_persist(&tracked).expect("it is persisted");
        item.key()
    }

    /// The same, under this key.
    fn persisted_as(&self, world: &World, name: &str, value: &str, key: Uuid) {
        let other = self.persisted(world, name, value);
        let root = self.path(name);
        fs::rename(key_path(&root, other), key_path(&root, key)).expect("it is renamed");
    }

    fn tracked(&self, name: &str) -> Tracked {
        let path = PreparedPath::blocking_open(self.path(name)).expect("a directory");
        let tracked = self.pool.store().blocking_track_path(path);
        tracked.expect("it is tracked")
    }

    fn read_only(&self, name: &str) -> Tracked {
        let path = PreparedPath::blocking_open_read_only(self.path(name));
        self.tracked_read_only(path.expect("a directory"))
    }

    fn import(&self, name: &str) -> Tracked {
        let path = PreparedPath::blocking_open_import(self.path(name), 1 << 20);
        self.tracked_read_only(path.expect("a directory"))
    }

    fn tracked_read_only(&self, path: PreparedPath) -> Tracked {
        let tracked = self.pool.store().blocking_track_read_only(path);
        tracked.expect("it is tracked")
    }

    /// An empty dataset, opened to commit.
    #[cfg(feature = "dataset")]
    fn dataset(&self) -> Dataset {
        let path = PreparedPath::blocking_open(self.path("dataset")).expect("a directory");
        Dataset::blocking_open(self.pool.store(), path).expect("it is opened")
    }

    fn register(&self, tracked: &Tracked, key: Uuid) -> Item {
        let item = self.pool.blocking_register(tracked, key);
        item.expect("it is registered")
    }
}

#[track_caller]
fn assert_read(item: &Item, expected: &str) {
    assert_eq!(*item.blocking_read().expect("it is loaded"), expected);
}

/// Writes a file as 0.6 did, without a footer.
fn write_unframed(root: &Path, key: Uuid, value: &str) {
    let path = key_path(root, key);
    fs::create_dir_all(path.parent().expect("a shard")).expect("it is made");
    fs::write(path, value).expect("it is written");
}

/// The key table, the cache and the table of items in place went by the key alone, so an
/// item of an import served the file of a directory beside it, or the other way round.
#[test]
fn an_import_and_a_directory_with_the_same_keys_serve_their_own_values() {
    test(|| {
        let world = World::new();
        let places = Places::new(&world);
        let key = places.persisted(&world, "saved", "new");
        write_unframed(&places.path("old"), key, "old");
        let (saved, old) = (places.tracked("saved"), places.import("old"));
        for order in [[&saved, &old], [&old, &saved]] {
            let items = order.map(|tracked| places.register(tracked, key));
            let [first, second] = match std::ptr::eq(order[0], &saved) {
                true => ["new", "old"],
                false => ["old", "new"],
            };
            for _ in 0..3 {
                assert_read(&items[0], first);
                assert_read(&items[1], second);
            }
            let [one, other] = items;
            drop(one);
            places.pool.store().blocking_finished();
            assert_read(&other, second);
        }
    });
}

#[test]
fn an_unframed_file_is_read_through_the_import_of_its_directory_alone() {
    test(|| {
        let world = World::new();
        let places = Places::new(&world);
        let new = places.persisted(&world, "both", "new");
        let old = Uuid::new_v4();
        write_unframed(&places.path("both"), old, "old");
        let (saved, import) = (places.tracked("both"), places.import("both"));
        let imported = places.register(&import, old);
        assert_read(&imported, "old");
        assert_read(&places.register(&saved, new), "new");
        let unframed = places.register(&saved, old);
        let error = unframed.blocking_read().expect_err("it has no footer");
        assert!(error.is_damaged(), "{error}");
        assert_read(&imported, "old");
    });
}

#[test]
fn a_directory_that_is_only_read_serves_its_own_value_of_a_key() {
    test(|| {
        let world = World::new();
        let places = Places::new(&world);
        let key = places.persisted(&world, "one", "one");
        places.persisted_as(&world, "other", "other", key);
        let (one, other) = (places.tracked("one"), places.read_only("other"));
        let [one, other] = [&one, &other].map(|tracked| places.register(tracked, key));
        assert_read(&one, "one");
        assert_read(&other, "other");
    });
}

#[test]
fn a_second_directory_with_another_value_of_a_key_in_use_is_a_conflict() {
    test(|| {
        let world = World::new();
        let places = Places::new(&world);
        let key = places.persisted(&world, "one", "one");
        places.persisted_as(&world, "other", "other", key);
        let (one, other) = (places.tracked("one"), places.tracked("other"));
        let item = places.register(&one, key);
        let error = places.pool.blocking_register(&other, key);
        let error = error.expect_err("it is another value");
        let path = places.path("other");
        assert_eq!((error.key(), error.path()), (Some(key), Some(&*path)));
        assert_eq!(
            error.to_string(),
            format!(
                "could not register item {} ({}): an item with this key but different content \
                 is in use, from another directory: drop its handles first, or open one of the \
                 directories read-only, so that its items are read where they are",
                key.simple(),
                path.display()
            )
        );
        assert_read(&item, "one");
        drop(item);
        // Also while the file of the first one still waits for its deletion.
        assert_read(&places.register(&other, key), "other");
        places.pool.store().blocking_finished();
        assert_read(&places.register(&one, key), "one");
    });
}

#[test]
fn a_copy_of_a_directory_shares_its_items() {
    test(|| {
        let world = World::new();
        let places = Places::new(&world);
        let key = places.persisted(&world, "one", "one");
        let (from, to) = (places.path("one"), places.path("copy"));
        drop(places.tracked("copy"));
        fs::copy(key_path(&from, key), key_path(&to, key)).expect("it is copied");
        let (one, copy) = (places.tracked("one"), places.tracked("copy"));
        for order in [[&one, &copy], [&copy, &one]] {
            let items = order.map(|tracked| places.register(tracked, key));
            items.iter().for_each(|item| assert_read(item, "one"));
        }
    });
}

/// The persist was skipped, because the key was there.
#[test]
fn a_registered_item_is_not_persisted_over_another_file_of_its_key() {
    test(|| {
        let world = World::new();
        let places = Places::new(&world);
        let key = places.persisted(&world, "one", "one");
        places.persisted_as(&world, "other", "other", key);
        let (one, other) = (places.tracked("one"), places.tracked("other"));
        let item = places.register(&one, key);
        let error = item.blocking_persist(&other).expect_err("another is there");
        assert!(error.is_conflict(), "{error}");
        let store = places.pool.store();
        store
            .blocking_delete_persisted(&other, key)
            .expect("it is deleted");
        item.blocking_persist(&other).expect("it is linked");
        item.blocking_persist(&other).expect("it is there");
        item.blocking_persist(&one).expect("it is there");
        drop(item);
        assert_read(&places.register(&other, key), "one");
    });
}

/// It was persisted again for each time that the closure named it.
#[cfg(feature = "dataset")]
#[test]
fn a_commit_counts_an_item_once_however_often_it_is_named() {
    use file_backed::Error;

    test(|| {
        let world = World::new();
        let places = Places::new(&world);
        let dataset = places.dataset();
        let item = places.pool.insert("value".to_owned());
        item.blocking_write_now().expect("it is written");
        let save = || {
            let committed = dataset.blocking_commit(|saver| {
                let keys = (0..100).map(|_| saver.save(&item));
                keys.collect::<Result<Vec<_>, Error>>()
            });
            committed.expect("it is committed")
        };
        let committed = save();
        assert_eq!(
            (committed.items, committed.linked, committed.kept),
            (1, 1, 0)
        );
        // Also if it is elsewhere too, so that it is compared.
        let other = places.tracked("other");
        item.blocking_persist(&other).expect("it is persisted");
        let committed = save();
        assert_eq!(
            (committed.items, committed.linked, committed.kept),
            (1, 0, 1)
        );
        assert_eq!(dataset.all_keys(), [item.key()]);
    });
}

/// The commit kept the earlier file under the key.
#[cfg(feature = "dataset")]
#[test]
fn a_commit_refuses_an_item_from_elsewhere_with_the_key_of_another() {
    use file_backed::Error;

    test(|| {
        let world = World::new();
        let places = Places::new(&world);
        let dataset = places.dataset();
        let item = places.pool.insert("first".to_owned());
        let key = item.key();
        let save =
            |item: &Item| dataset.blocking_commit(|saver| Ok::<_, Error>(vec![saver.save(item)?]));
        save(&item).expect("it is committed");
        places.persisted_as(&world, "other", "other", key);
        let other = places.register(&places.read_only("other"), key);
        let error = save(&other).expect_err("it is another value");
        assert!(error.is_conflict(), "{error}");
        // The same value from elsewhere is what the dataset has.
        places.persisted_as(&world, "same", "first", key);
        let same = places.register(&places.read_only("same"), key);
        let both = dataset
            .blocking_commit(|saver| Ok::<_, Error>(vec![saver.save(&same)?, saver.save(&item)?]));
        both.expect("it is committed");
        assert_eq!(dataset.all_keys(), [key]);
    });
}

#[test]
fn an_item_read_in_place_is_persisted_unless_another_has_its_key() {
    test(|| {
        let world = World::new();
        let places = Places::new(&world);
        let key = places.persisted(&world, "one", "one");
        places.persisted_as(&world, "other", "other", key);
        let (from, other, new) = (
            places.read_only("one"),
            places.tracked("other"),
            places.tracked("new"),
        );
        let item = places.register(&from, key);
        item.blocking_persist(&new).expect("it is linked");
        item.blocking_persist(&new).expect("it is there");
        let error = item.blocking_persist(&other).expect_err("another is there");
        assert!(
            error
                .to_string()
                .contains("a file with this key but different content"),
            "{error}"
        );
        drop((item, from));
        assert_read(&places.register(&new, key), "one");
        places.pool.store().blocking_finished();
        assert_read(&places.register(&other, key), "other");
    });
}

/// Its file has another form than those of the cache, so it is not moved there.
#[test]
fn an_imported_item_whose_file_is_deleted_beside_it_is_missing_and_not_damaged() {
    test(|| {
        let world = World::new();
        let places = Places::new(&world);
        places.persisted(&world, "both", "new");
        let old = Uuid::new_v4();
        write_unframed(&places.path("both"), old, "old");
        let (saved, import) = (places.tracked("both"), places.import("both"));
        let imported = places.register(&import, old);
        let deleted = (places.pool.store()).blocking_delete_persisted(&saved, old);
        deleted.expect("it is deleted");
        let error = imported.blocking_read().expect_err("its file is gone");
        assert!(error.is_not_found(), "{error}");
    });
}

/// The tracking that an item in place came from is gone when its file is deleted.
#[test]
fn an_item_in_place_keeps_its_file_after_its_tracking_is_dropped() {
    test(|| {
        let world = World::new();
        let places = Places::new(&world);
        let key = places.persisted(&world, "saved", "value");
        let item = places.register(&places.read_only("saved"), key);
        let saved = places.tracked("saved");
        let store = places.pool.store();
        let deleted = store.blocking_delete_persisted(&saved, key);
        deleted.expect("it is deleted");
        assert_read(&item, "value");
    });
}
