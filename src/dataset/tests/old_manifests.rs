//! Datasets whose manifest is of version 1. They open, and the first commit writes the new
//! form.

use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Runtime;

use super::super::manifest::{ItemRecord, Manifest};
use super::super::reading::Generation;
use super::super::{Dataset, Inspection, Key, Snapshot, VerifyOptions};
use super::{DIRECTORY, write_old};
use crate::fbstore::{FBStore, Manifests, PreparedPath};
use crate::testing::{Plain, runtime, scratch};
use crate::{BackingStore, Error, FBPool};

type Root = Vec<Key<Vec<u8>>>;
type Library = Dataset<Root, FBStore<Plain>>;

struct User {
    library: Library,
    pool: Arc<FBPool<Vec<u8>, FBStore<Plain>>>,
}

fn store(runtime: &Runtime) -> Arc<BackingStore<FBStore<Plain>>> {
    let cache = PreparedPath::blocking_temp().expect("a temporary directory");
    let files = FBStore::open(Plain, cache).expect("nobody else has it");
    Arc::new(BackingStore::new(files, runtime.handle().clone()))
}

fn user(runtime: &Runtime, saved: &Path) -> User {
    let store = store(runtime);
    let path = PreparedPath::blocking_open(saved).expect("it is made");
    User {
        library: Library::blocking_open(&store, path).expect("it opens"),
        pool: Arc::new(FBPool::new(store, 4)),
    }
}

fn reader(runtime: &Runtime, saved: &Path) -> User {
    let store = store(runtime);
    let path = PreparedPath::blocking_open_read_only(saved).expect("it is there");
    User {
        library: Library::blocking_open_read_only(&store, path).expect("it opens"),
        pool: Arc::new(FBPool::new(store, 4)),
    }
}

impl User {
    /// Commits new values of these numbers, and keeps the first item.
    fn commit(&self, numbers: &[u8]) {
        let items = numbers.iter().map(|n| self.pool.insert(vec![*n; 100]));
        let items: Vec<_> = items.collect();
        let committed = self.library.blocking_commit(|saver| {
            let mut keys: Vec<_> = self.library.root().first().copied().into_iter().collect();
            keys.iter().try_for_each(|key| saver.keep(*key))?;
            for item in &items {
                keys.push(saver.save(item)?);
            }
            Ok::<_, Error>(keys)
        });
        committed.expect("nothing fails");
    }

    fn numbers(&self) -> Vec<u8> {
        let verified = self.library.blocking_verify(VerifyOptions::all());
        assert!(verified.expect("it reads").is_whole());
        let number = |key: &Key<Vec<u8>>| {
            let item = self.library.blocking_get(&self.pool, *key);
            item.expect("it is committed")
                .blocking_read()
                .expect("it is whole")[0]
        };
        self.library.root().iter().map(number).collect()
    }

    fn end(self) {
        let store = self.library.store().clone();
        drop(self);
        store.blocking_finished();
    }
}

/// Makes of a dataset one that a library of version 1 has written.
fn make_old(saved: &Path) {
    let path = PreparedPath::blocking_open(saved).expect("it is there");
    let generation = Manifests::of(&path)
        .generations()
        .expect("it is read")
        .pop();
    let generation = generation.expect("it has one");
    let found = Generation::read(&Manifests::of(&path), generation).expect("it is whole");
    std::fs::remove_dir_all(saved.join(DIRECTORY)).expect("it is there");
    let items = found.contents.items();
    let old = Manifest {
        generation,
        root: found.root.to_vec(),
        entries: items
            .map(|(key, entry)| ItemRecord::of(key, entry))
            .collect(),
    };
    write_old(&path, &old);
}

/// The version in each manifest, and how many bases there are.
fn versions(saved: &Path) -> (Vec<u8>, usize) {
    let path = PreparedPath::blocking_open_read_only(saved).expect("it is there");
    let manifests = Manifests::of(&path);
    let generations = manifests.generations().expect("they are listed");
    let version = |generation: &u64| {
        let bytes = std::fs::read(manifests.path_of(*generation)).expect("it is there");
        bytes[8]
    };
    let bases = manifests.parts().expect("they are listed").len();
    (generations.iter().map(version).collect(), bases)
}

#[test]
fn an_old_manifest_opens_in_each_form_and_the_first_commit_replaces_it() {
    let runtime = runtime("with old manifests");
    let dir = scratch();
    let (saved, copy) = (dir.path().join("saved"), dir.path().join("copy"));
    let first = user(&runtime, &saved);
    first.commit(&[1, 2]);
    first.end();
    make_old(&saved);
    assert_eq!(versions(&saved), (vec![1], 0));

    let found = Inspection::blocking_open(&*saved).expect("it is a dataset");
    assert_eq!((found.generation(), found.all_keys().len()), (Some(1), 2));
    drop(found);
    let snapshot = Snapshot::blocking_open(&*saved).expect("it is a dataset");
    snapshot.blocking_copy_to(&*copy).expect("it is whole");
    assert_eq!(versions(&copy), (vec![3], 1));
    assert_eq!(user(&runtime, &copy).numbers(), [1, 2]);
    drop(snapshot);

    let old_reader = reader(&runtime, &saved);
    let writer = user(&runtime, &saved);
    assert_eq!(writer.numbers(), [1, 2]);
    writer.commit(&[3]);
    assert_eq!(
        versions(&saved),
        (vec![1, 3], 1),
        "a reader has the old one"
    );
    assert_eq!(old_reader.numbers(), [1, 2]);
    assert_eq!(writer.numbers(), [1, 3]);
    writer.end();

    let writer = user(&runtime, &saved);
    assert_eq!(
        (old_reader.numbers(), writer.numbers()),
        (vec![1, 2], vec![1, 3])
    );
    old_reader.end();
    writer.commit(&[4]);
    assert_eq!(versions(&saved), (vec![3], 1));
    assert_eq!(writer.numbers(), [1, 4]);
    assert_eq!(reader(&runtime, &saved).numbers(), [1, 4]);
}
