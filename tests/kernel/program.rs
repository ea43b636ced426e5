//! A program that saves words, in this process or in another.

use std::path::Path;
use std::sync::Arc;

use file_backed::backing_store::TrackedPath;
use file_backed::fbstore::{FBStore, PreparedPath};
use file_backed::{BackingStore, FBPool, Fb, Result};
use tokio::runtime::{Builder, Runtime};

use crate::plain::Plain;

pub(crate) type Item = Fb<String, FBStore<Plain>>;

pub(crate) struct Program {
    pub(crate) pool: Arc<FBPool<String, FBStore<Plain>>>,
    pub(crate) tracked: Arc<TrackedPath<PreparedPath>>,
    _runtime: Runtime,
}

impl Program {
    /// With `root/cache` and `root/saved`.
    pub(crate) fn open(root: &Path) -> Result<Self> {
        Self::on(&root.join("cache"), &root.join("saved"))
    }

    pub(crate) fn on(cache: &Path, saved: &Path) -> Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).build();
        let runtime = runtime.expect("a runtime");
        let open = |path: &Path| PreparedPath::blocking_open(path.to_owned());
        let files = FBStore::open(Plain, open(cache)?)?;
        let store = Arc::new(BackingStore::new(files, runtime.handle().clone()));
        let tracked = store.blocking_track_path(open(saved)?)?;
        Ok(Self {
            pool: Arc::new(FBPool::new(store, 0)),
            tracked: Arc::new(tracked),
            _runtime: runtime,
        })
    }

    pub(crate) fn sync(&self) -> Result<()> {
        self.pool.store().blocking_sync(&self.tracked)
    }

    /// Asserts that whatever is saved is whole: the word tells its own length.
    /// Damaged files are allowed where `may_be_damaged` says so.
    pub(crate) fn check_saved(&self, may_be_damaged: impl Fn(uuid::Uuid) -> bool) {
        for key in self.tracked.all_keys() {
            let item = self.pool.blocking_register(&self.tracked, key);
            match item.expect("it was found").blocking_read() {
                Ok(read) => assert!(is_word(&read), "{key} is torn, and was loaded"),
                Err(error) => assert!(error.is_damaged() && may_be_damaged(key), "{error}"),
            }
        }
        self.pool.store().blocking_finished();
    }
}

/// A word of so many letters, which can be told from a part of it.
pub(crate) fn word(len: usize) -> String {
    let mut word = format!("{len:08}");
    word.extend((word.len()..len).map(|n| char::from(b'a' + (n % 26) as u8)));
    word
}

pub(crate) fn is_word(text: &str) -> bool {
    let len = text.get(..8).and_then(|len| len.parse().ok());
    len.is_some_and(|len: usize| text == word(len))
}

/// The files below a directory of items.
pub(crate) fn files_in(directory: &Path) -> usize {
    let shards = std::fs::read_dir(directory).expect("it is read");
    shards
        .filter_map(|shard| std::fs::read_dir(shard.expect("an entry").path()).ok())
        .map(Iterator::count)
        .sum()
}
