//! Opening a dataset to commit, whatever its program is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use file_backed::BackingStore;
use file_backed::dataset::Dataset;
use file_backed::fbstore::{FBStore, PreparedPath};
use file_backed_codecs::printable::PrintablePath;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::Result;
use super::import::{self, FileBytes};

pub(crate) type Store = Arc<BackingStore<FBStore<FileBytes>>>;

/// A store, whose cache is deleted when this is dropped.
pub(crate) struct Writer {
    // The fields are dropped in this order.
    pub(crate) store: Store,
    _runtime: Runtime,
    _cache: Option<Cache>,
}

/// A directory beside the dataset, so that files can be linked from it.
struct Cache {
    path: PathBuf,
    /// The claim of the dataset, which lasts until the directory is deleted: only the process
    /// that has it uses the directory.
    _claimed: PreparedPath,
}

impl Writer {
    /// A store that writes nothing.
    pub(crate) fn without_files() -> Result<Self> {
        Self::with_cache(PreparedPath::blocking_temp()?, None)
    }

    /// A store whose files can be linked into the directory, which is claimed for this process
    /// first. If nothing can be written beside it, they are copied.
    pub(crate) fn beside(directory: &PreparedPath) -> Result<Self> {
        let fallback = Self::without_files()?;
        drop(fallback.store.blocking_track_path(directory.clone())?);
        let path = beside(directory).filter(|path| is_free(path));
        let opened = path.and_then(|path| {
            let prepared = PreparedPath::blocking_open(path.clone()).ok()?;
            let cache = Cache {
                path,
                _claimed: directory.clone(),
            };
            Some((prepared, cache))
        });
        match opened {
            Some((prepared, cache)) => Self::with_cache(prepared, Some(cache)),
            None => Ok(fallback),
        }
    }

    fn with_cache(prepared: PreparedPath, cache: Option<Cache>) -> Result<Self> {
        let runtime = Runtime::new()?;
        let files = match FBStore::open(FileBytes, prepared) {
            Ok(files) => files,
            Err(error) => {
                // It belongs to another process.
                std::mem::forget(cache);
                return Err(error.into());
            }
        };
        let store = Arc::new(BackingStore::new(files, runtime.handle().clone()));
        Ok(Self {
            store,
            _runtime: runtime,
            _cache: cache,
        })
    }

    /// Opens the dataset, or creates one.
    pub(crate) fn open(&self, path: PreparedPath) -> Result<Dataset<AnyRoot, FBStore<FileBytes>>> {
        Ok(Dataset::blocking_open(&self.store, path)?)
    }
}

/// Always the same name, so that the next import uses and deletes what a killed one has left.
fn beside(directory: &Path) -> Option<PathBuf> {
    let directory = directory.canonicalize().ok()?;
    let mut name = std::ffi::OsString::from(".");
    name.push(directory.file_name()?);
    name.push(".file_backed-import");
    Some(directory.with_file_name(name))
}

/// Whether a directory may be made and deleted there: nothing is there, or what an import made.
fn is_free(path: &Path) -> bool {
    let Ok(found) = path.symlink_metadata() else {
        return true;
    };
    let is_of_library = |entry: std::io::Result<std::fs::DirEntry>| {
        let name = entry.map(|entry| entry.file_name());
        name.is_ok_and(|name| name.to_str().is_some_and(import::is_of_library))
    };
    found.is_dir()
        && path
            .read_dir()
            .is_ok_and(|mut entries| entries.all(is_of_library))
}

impl Drop for Cache {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            let path = PrintablePath(&self.path);
            eprintln!("could not delete the directory {path}, which is not needed: {error}");
        }
    }
}

/// A root of any type. One that was read is kept as it is, and not looked at. That of a new
/// dataset is `null`.
#[derive(Default)]
pub(crate) struct AnyRoot(Value);

impl AnyRoot {
    /// A root to be committed.
    pub(crate) fn of(root: Value) -> Self {
        Self(root)
    }
}

impl Serialize for AnyRoot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for AnyRoot {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer)?;
        Ok(Self::default())
    }
}
