//! Datasets on real directories.

mod chains;
mod changed;
mod clean_up;
mod commit;
mod copies;
mod damage;
mod edits;
mod generations;
mod inspecting;
mod names;
mod options;
#[cfg(unix)]
mod processes;
mod readers;
mod restart;
mod retained;
mod salvage;
mod sharing;
#[cfg(unix)]
mod texts;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use file_backed::dataset::{Committed, Dataset, Key};
use file_backed::fbstore::{FBStore, PreparedPath, key_path};
use file_backed::uuid::Uuid;
use file_backed::{BackingStore, Error, FBPool, Fb, Result};
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

use crate::support::{LockedElsewhere, Plain, scratch};

/// A store of two kinds of values.
type B = FBStore<Plain>;
type Store = Arc<BackingStore<B>>;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Catalogue {
    texts: BTreeMap<String, Key<String>>,
    blobs: Vec<Key<Vec<u8>>>,
}

type Library = Dataset<Catalogue, B>;

struct Places {
    saved: PathBuf,
    runtime: Runtime,
    /// `None` where another process has made it.
    _dir: Option<tempfile::TempDir>,
}

impl Places {
    /// The lock of the directory, as another process would have it.
    fn locked_elsewhere(&self) -> LockedElsewhere {
        let mut lock = fs::File::options();
        let lock = lock.write(true).open(self.saved.join("file_backed.lock"));
        LockedElsewhere::new(lock.expect("it is there"))
    }

    fn new() -> Self {
        let dir = scratch();
        let saved = dir.path().join("saved");
        Self {
            _dir: Some(dir),
            ..Self::at(saved)
        }
    }

    /// A dataset with generation 1, which no process has open.
    fn with_empty_commit() -> Self {
        let places = Self::new();
        let user = places.user();
        user.commit_texts(&[]).expect("nothing fails");
        end(user);
        places
    }

    fn at(saved: PathBuf) -> Self {
        Self {
            saved,
            runtime: Runtime::new().expect("a runtime"),
            _dir: None,
        }
    }

    /// A store with a cache of its own, as another process has it.
    fn store(&self) -> Store {
        self.store_and_cache().0
    }

    /// The same, and the directory of its cache.
    fn store_and_cache(&self) -> (Store, PathBuf) {
        let cache = PreparedPath::blocking_temp().expect("a temporary cache");
        let directory = cache.path().to_owned();
        let files = FBStore::open(Plain, cache).expect("nobody else has it");
        let store = BackingStore::new(files, self.runtime.handle().clone());
        (Arc::new(store), directory)
    }

    fn path(&self) -> PreparedPath {
        PreparedPath::blocking_open(self.saved.clone()).expect("it is made")
    }

    fn user(&self) -> User {
        self.user_of(&self.saved)
    }

    /// A process with a dataset elsewhere.
    fn user_of(&self, saved: &Path) -> User {
        let (store, cache) = self.store_and_cache();
        let path = PreparedPath::blocking_open(saved.to_owned()).expect("it is made");
        User {
            cache,
            library: Library::blocking_open(&store, path).expect("it opens"),
            texts: Arc::new(FBPool::new(store.clone(), 10)),
            blobs: Arc::new(FBPool::new(store, 10)),
        }
    }

    fn try_user(&self) -> Result<Library> {
        Library::blocking_open(&self.store(), self.path())
    }

    fn reader(&self) -> User {
        let (store, cache) = self.store_and_cache();
        let path = PreparedPath::blocking_open_read_only(self.saved.clone());
        let path = path.expect("it is there");
        User {
            cache,
            library: Library::blocking_open_read_only(&store, path).expect("it opens"),
            texts: Arc::new(FBPool::new(store.clone(), 10)),
            blobs: Arc::new(FBPool::new(store, 10)),
        }
    }

    fn files(&self) -> Vec<Uuid> {
        files_below(&self.saved)
    }
}

/// The keys of the files in a directory, sorted.
fn files_below(path: &Path) -> Vec<Uuid> {
    let mut keys = Vec::new();
    for shard in 0..=u8::MAX {
        let shard = path.join(format!("{shard:02x}"));
        for file in fs::read_dir(shard).expect("a shard") {
            let name = file.expect("an entry").file_name();
            let name = name.to_str().expect("hex digits");
            keys.push(Uuid::try_parse(name).unwrap_or_else(|_| panic!("{name} is left over")));
        }
    }
    keys.sort_unstable();
    keys
}

/// A process with the dataset open.
struct User {
    library: Library,
    texts: Arc<FBPool<String, B>>,
    blobs: Arc<FBPool<Vec<u8>, B>>,
    /// The directory of the cache.
    cache: PathBuf,
}

impl User {
    /// Commits these texts again, and nothing else.
    fn commit_texts(&self, texts: &[(&str, &Fb<String, B>)]) -> Result<Committed> {
        self.library.blocking_commit(|saver| {
            let mut root = Catalogue::default();
            for (name, text) in texts {
                root.texts.insert((*name).to_owned(), saver.save(*text)?);
            }
            Ok(root)
        })
    }

    fn text(&self, name: &str) -> String {
        let key = self.library.root().texts[name];
        let item = self.library.blocking_get(&self.texts, key);
        let item = item.expect("it is committed");
        item.blocking_read().expect("it is whole").clone()
    }

    fn insert(&self, text: &str) -> Fb<String, B> {
        self.texts.insert(text.to_owned())
    }
}

/// Everything is done that was begun, and the process ends.
fn end(user: User) {
    let store = user.library.store().clone();
    drop(user);
    store.blocking_finished();
}

fn file_of(places: &Places, key: Uuid) -> PathBuf {
    key_path(&places.saved, key)
}

fn failed() -> Error {
    // Any error of the library's will do.
    PreparedPath::blocking_open_read_only("/nowhere").expect_err("it is not there")
}
