//! Directories for one test, and their contents.

use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use file_backed::fbstore::{Codec, FBStore, PreparedPath, RESERVED, key_path};
use file_backed::uuid::Uuid;
use tempfile::TempDir;

use super::session::Subject;
use super::values::Sample;
use crate::support::scratch;

/// A cache and two directories to save to, for values `T` through the codec `C`.
pub(crate) struct OnDisk<T, C> {
    dir: TempDir,
    pub(crate) codec: C,
    _values: PhantomData<fn(T) -> T>,
}

impl<T, C> OnDisk<T, C> {
    pub(crate) fn new(codec: C) -> Self {
        Self {
            dir: scratch(),
            codec,
            _values: PhantomData,
        }
    }

    pub(crate) fn cache_path(&self) -> PathBuf {
        self.dir.path().join("cache")
    }

    pub(crate) fn saved_path(&self) -> PathBuf {
        self.dir.path().join("saved")
    }

    /// The saved file of a key.
    pub(crate) fn saved_file(&self, key: Uuid) -> PathBuf {
        key_path(&self.saved_path(), key)
    }

    /// The file of a key in the cache.
    pub(crate) fn cached_file(&self, key: Uuid) -> PathBuf {
        key_path(&self.cache_path(), key)
    }
}

/// Every file below a directory, but for those that the library puts beside the
/// items.
pub(crate) fn files_below(path: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).into_iter().flatten() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(files_below(&entry.path()));
        } else if !RESERVED.iter().any(|name| entry.file_name() == *name) {
            found.push(entry.path());
        }
    }
    found
}

fn keys_below(path: &Path) -> Vec<Uuid> {
    let key = |file: &PathBuf| Uuid::try_parse(file.file_name()?.to_str()?).ok();
    files_below(path)
        .iter()
        .map(|file| key(file).unwrap_or_else(|| panic!("{} is no item", file.display())))
        .collect()
}

pub(crate) fn prepared(path: PathBuf) -> PreparedPath {
    PreparedPath::blocking_open(path).unwrap()
}

impl<T: Sample, C: Codec<T> + Clone> Subject for OnDisk<T, C> {
    type Value = T;
    type Store = FBStore<C>;

    const LOADS_IN_PLACE: bool = true;

    fn store(&self) -> FBStore<C> {
        FBStore::open(self.codec.clone(), prepared(self.cache_path())).unwrap()
    }

    fn saved(&self) -> PreparedPath {
        prepared(self.saved_path())
    }

    fn other(&self) -> PreparedPath {
        prepared(self.dir.path().join("other"))
    }

    fn cached_keys(&self) -> Vec<Uuid> {
        keys_below(&self.cache_path())
    }

    fn saved_keys(&self) -> Vec<Uuid> {
        keys_below(&self.saved_path())
    }
}

/// The same store behind an [`Arc`], which must forward all that it can do.
pub(crate) struct Shared<S>(pub(crate) S);

impl<S: Subject> Subject for Shared<S> {
    type Value = S::Value;
    type Store = Arc<S::Store>;

    const LOADS_IN_PLACE: bool = S::LOADS_IN_PLACE;

    fn store(&self) -> Self::Store {
        Arc::new(self.0.store())
    }

    fn saved(&self) -> super::session::PathOf<S> {
        self.0.saved()
    }

    fn other(&self) -> super::session::PathOf<S> {
        self.0.other()
    }

    fn cached_keys(&self) -> Vec<Uuid> {
        self.0.cached_keys()
    }

    fn saved_keys(&self) -> Vec<Uuid> {
        self.0.saved_keys()
    }
}
