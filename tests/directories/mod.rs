//! Who may use a directory and for what, and what crashed processes leave there.

mod copies;
mod deleted;
mod locks;
mod printing;
mod roles;
mod shared_tracking;
mod sweep;
mod temporary;
mod texts;
mod untrusted;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use file_backed::backing_store::TrackedPath;
use file_backed::fbstore::{FBStore, PreparedPath};
use file_backed::{BackingStore, FBPool, Result};
use tempfile::TempDir;
use uuid::Uuid;

use crate::support::{Plain, World, can_be_locked, scratch};

type Store = Arc<BackingStore<FBStore<Plain>>>;
type Pool = Arc<FBPool<String, FBStore<Plain>>>;
type Tracked = Arc<TrackedPath<PreparedPath>>;

/// Two directories for one test.
struct Places {
    _dir: TempDir,
    world: World,
    cache: PathBuf,
    saved: PathBuf,
}

impl Places {
    fn new() -> Self {
        let dir = scratch();
        Self {
            world: World::new(),
            cache: dir.path().join("cache"),
            saved: dir.path().join("saved"),
            _dir: dir,
        }
    }

    /// Opens a store on a directory.
    fn open(&self, cache: &Path) -> Result<Store> {
        let files = FBStore::open(Plain, prepared(cache))?;
        let runtime = self.world.runtime().handle().clone();
        Ok(Arc::new(BackingStore::new(files, runtime)))
    }

    fn store(&self) -> Store {
        self.open(&self.cache).expect("nobody else has it")
    }

    fn pool(&self) -> Pool {
        Arc::new(FBPool::new(self.store(), 0))
    }

    /// Persists "a" without a handle that owns it.
    fn persist_one(&self, pool: &Pool) -> Uuid {
        let tracked = track(pool.store(), &self.saved).expect("nobody has it");
        let item = pool.insert("a".to_owned());
        item.blocking_persist(&tracked).expect("it is saved");
        item.key()
    }
}

fn prepared(path: &Path) -> PreparedPath {
    PreparedPath::blocking_open(path.to_owned()).expect("it is prepared")
}

fn track(store: &Store, path: &Path) -> Result<Tracked> {
    store.blocking_track_path(prepared(path)).map(Arc::new)
}

/// Whether another process could have the directory now.
fn is_free(directory: &Path) -> bool {
    let file = File::open(directory.join("file_backed.lock")).expect("it was made");
    can_be_locked(&file)
}
