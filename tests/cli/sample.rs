//! Datasets of byte items with names, some of which are hostile.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use file_backed::dataset::{Dataset, Inspection, Key};
use file_backed::fbstore::{BytesCodec, FBStore, MappedBytes, PreparedPath, key_path};
use file_backed::{BackingStore, Error, FBPool};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{Told, run, tool};

type Store = FBStore<BytesCodec>;
pub(crate) type Catalogue = Dataset<Root, Store>;

/// A root with what a terminal would interpret.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Root {
    title: String,
    counts: BTreeMap<String, u64>,
}

/// Names that are no paths, or try to be paths to elsewhere, or deceive a terminal.
pub(crate) const HOSTILE: [&str; 12] = [
    "..",
    "../../escaped",
    "/etc/escaped",
    "a",
    "a/b",
    "a/b/",
    "a//b",
    "nul\0nul",
    "line\nfile_backed: forged",
    "\u{1b}[31mred\u{202e}",
    "%=2E.",
    "comma, \"quoted\" and spaced",
];

/// A directory with a dataset `saved`, and its store.
pub(crate) struct Sample {
    pub(crate) path: PathBuf,
    pub(crate) dir: TempDir,
    store: Arc<BackingStore<Store>>,
    pool: Arc<FBPool<MappedBytes, Store>>,
    _runtime: Runtime,
}

impl Sample {
    /// Each of these names has an item with itself as its bytes. One item has no name.
    pub(crate) fn with(names: &[&str]) -> Self {
        let sample = Self::empty();
        let dataset = sample.open();
        let items: Vec<_> = names.iter().map(|name| sample.insert(name)).collect();
        let unnamed = sample.insert("unnamed");
        let edited = dataset.blocking_edit(|edit| {
            for (name, item) in names.iter().zip(&items) {
                edit.put_named(name, item)?;
            }
            edit.put(&unnamed)?;
            edit.set_root(Root {
                title: "\u{9b}31m\u{202e}".to_owned(),
                counts: BTreeMap::from([("z".to_owned(), u64::MAX)]),
            });
            Ok::<_, Error>(())
        });
        edited.expect("nothing fails");
        sample
    }

    pub(crate) fn hostile() -> Self {
        let mut names = HOSTILE.to_vec();
        let long = ["x".repeat(1024), "é/".repeat(341)];
        names.extend(long.iter().map(String::as_str));
        Self::with(&names)
    }

    /// No dataset yet.
    pub(crate) fn empty() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let runtime = Runtime::new().expect("a runtime");
        let cache = PreparedPath::blocking_temp().expect("a cache");
        let files = FBStore::open(BytesCodec::heap(), cache).expect("a store");
        let store = Arc::new(BackingStore::new(files, runtime.handle().clone()));
        Self {
            path: dir.path().join("saved"),
            pool: Arc::new(FBPool::new(store.clone(), 10)),
            dir,
            store,
            _runtime: runtime,
        }
    }

    /// Opens the dataset to commit.
    pub(crate) fn open(&self) -> Catalogue {
        self.open_with_root()
    }

    /// Opens the dataset, whose root has another type, to commit.
    pub(crate) fn open_with_root<R>(&self) -> Dataset<R, Store>
    where
        R: Serialize + DeserializeOwned + Default + Send + Sync + 'static,
    {
        let path = PreparedPath::blocking_open(self.path.clone()).expect("it is ours");
        Dataset::blocking_open(&self.store, path).expect("it opens")
    }

    pub(crate) fn insert(&self, bytes: &str) -> file_backed::Fb<MappedBytes, Store> {
        self.pool.insert(MappedBytes::from(bytes.to_owned()))
    }

    /// Commits an item under a name.
    pub(crate) fn put(&self, dataset: &Catalogue, name: &str, bytes: &str) {
        let put = dataset.blocking_put_named(name, &self.insert(bytes));
        put.expect("it is committed");
    }

    /// The bytes of the item of this name, as a program reads them.
    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        let path = PreparedPath::blocking_open_read_only(self.path.clone()).expect("it is there");
        let dataset = Dataset::<serde_json::Value, _>::blocking_open_read_only(&self.store, path);
        let item = dataset
            .expect("it opens")
            .blocking_get_named(&self.pool, name);
        let item = item.expect("it has the name");
        item.blocking_read().expect("it loads").to_vec()
    }

    pub(crate) fn inspect(&self) -> Inspection {
        Inspection::blocking_open(&self.path).expect("it is a dataset")
    }

    /// The file of the item of this name.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        let item = self.inspect().names().get(name).expect("it has the name");
        let key: Key<()> = item.key();
        key_path(&self.path, key.uuid())
    }

    pub(crate) fn tool(&self, words: &[&str]) -> Told {
        tool(words, &self.path)
    }

    /// A path beside the dataset.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn export(&self, words: &[&str]) -> Told {
        let to = self.beside("exported");
        let to = to.to_str().expect("plain");
        let words: Vec<_> = ["export", to]
            .into_iter()
            .chain(words.iter().copied())
            .collect();
        self.tool(&words)
    }
}

pub(crate) fn import(folder: &Path, directory: &Path, words: &[&str]) -> Told {
    let paths = [
        OsStr::new("import"),
        folder.as_os_str(),
        directory.as_os_str(),
    ];
    run(paths.into_iter().chain(words.iter().map(OsStr::new)))
}

/// Whether a terminal shows a text as it is.
pub(crate) fn is_harmless(text: &str) -> bool {
    !text
        .chars()
        .any(|char| char != '\n' && char.is_control() || char == '\u{202e}')
}

/// Every file below a directory with its bytes, and every symbolic link with none.
pub(crate) fn tree(path: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = super::walk(path).into_iter().filter(|path| !path.is_dir());
    let files = files.map(|file| {
        let bytes = fs::read(&file).unwrap_or_default();
        let below = file.strip_prefix(path).expect("it is below").to_owned();
        (below, bytes)
    });
    files.collect()
}
