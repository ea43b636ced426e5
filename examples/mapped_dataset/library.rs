//! The dataset: one store with two kinds of items, and the file that tells
//! where to begin after a restart.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use file_backed::backing_store::TrackedPath;
use file_backed::fbstore::{FBStore, Mapped, MixedCodec, PreparedPath};
use file_backed::uuid::Uuid;
use file_backed::{BackingStore, FBPool, Fb};
use tokio::runtime::Handle;

use crate::phase::{Phase, Total};
use crate::record::{Record, Shelf};
use crate::report::Report;

pub(crate) type Store = FBStore<MixedCodec>;
pub(crate) type RecordItem = Arc<Fb<Mapped<Record>, Store>>;
pub(crate) type ShelfItem = Arc<Fb<Shelf, Store>>;

/// The catalogue is used in order, one shelf after the other.
const SHELVES_IN_MEMORY: usize = 2;

/// Beside the two directories: the keys of the shelves, one a line.
pub(crate) const CATALOGUE: &str = "catalogue";

/// An open dataset.
pub(crate) struct Library {
    pub(crate) store: Arc<BackingStore<Store>>,
    pub(crate) records: Arc<FBPool<Mapped<Record>, Store>>,
    pub(crate) shelves: Arc<FBPool<Shelf, Store>>,
    pub(crate) saved: Arc<TrackedPath<PreparedPath>>,
    dir: PathBuf,
}

/// Handles of all items. They own the items: without them, and unless it is
/// saved, an item is gone.
#[derive(Default)]
pub(crate) struct Contents {
    pub(crate) records: Vec<RecordItem>,
    /// Names the records in their order.
    pub(crate) shelves: Vec<ShelfItem>,
    /// Size of all files, in bytes.
    pub(crate) bytes: u64,
}

impl Library {
    /// Opens the dataset in `dir`, empty or not; its pool of records keeps
    /// `items` in memory.
    pub(crate) fn open(dir: &Path, items: usize, runtime: &Handle) -> Result<Self> {
        // SAFETY: all files that this codec reads lie in `dir`, which is a
        // temporary directory of this run's own, or one that the user has set
        // aside for it. This program writes there through the library alone,
        // which never changes a file once it is written, and nobody else is to
        // write there. That it is a local file system is up to the user too.
        let codec = unsafe { MixedCodec::new() };
        let cache = PreparedPath::blocking_open(dir.join("cache"))?;
        let saved = PreparedPath::blocking_open(dir.join("saved"))?;
        let store = Arc::new(BackingStore::new(
            FBStore::open(codec, cache)?,
            runtime.clone(),
        ));
        Ok(Self {
            records: Arc::new(FBPool::new(store.clone(), items)),
            shelves: Arc::new(FBPool::new(store.clone(), SHELVES_IN_MEMORY)),
            saved: Arc::new(store.blocking_track_path(saved)?),
            store,
            dir: dir.to_owned(),
        })
    }

    /// Writes the keys of the shelves where the next start looks for them: the
    /// old list or the new one, never a part.
    pub(crate) fn write_catalogue(&self, shelves: &[ShelfItem]) -> Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.dir)?;
        for shelf in shelves {
            writeln!(file, "{}", shelf.key())?;
        }
        file.as_file().sync_all()?;
        file.persist(self.dir.join(CATALOGUE))?;
        if cfg!(unix) {
            // The new name is durable when its directory is.
            File::open(&self.dir)?.sync_all()?;
        }
        Ok(())
    }

    /// Makes handles of everything that the catalogue names. No record is
    /// loaded, so this costs a hard link each.
    pub(crate) fn register(&self, report: &mut Report) -> Result<Contents> {
        let path = self.dir.join(CATALOGUE);
        let list = std::fs::read_to_string(&path).context(path.display().to_string())?;
        let all = self.saved.all_keys().len();
        let phase = Phase::begin("register", "linking the saved files", Total::Items(all));
        let mut contents = Contents::default();
        for key in list.lines() {
            let key = Uuid::parse_str(key).context(path.display().to_string())?;
            let shelf = Arc::new(self.shelves.blocking_register(&self.saved, key)?);
            phase.advance(0)?;
            for entry in shelf.blocking_read()?.files.values() {
                let record = self.records.blocking_register(&self.saved, entry.key())?;
                contents.records.push(Arc::new(record));
                contents.bytes += entry.size;
                phase.advance(0)?;
            }
            contents.shelves.push(shelf);
        }
        report.end(phase)?;
        Ok(contents)
    }

    /// Drops everything, as the end of a process would, and waits until the
    /// cache is cleared away. What is saved stays.
    pub(crate) fn close(self, contents: Contents, report: &mut Report) -> Result<()> {
        let items = contents.records.len() + contents.shelves.len();
        let phase = Phase::begin("close", "deleting the cache", Total::Unknown);
        phase.add(items as u64, contents.bytes);
        drop(contents);
        drop(self);
        report.end(phase)
    }
}

/// Waits for the deletions in the background, so that they do not meet those of
/// whoever deletes the directory.
impl Drop for Library {
    fn drop(&mut self) {
        self.store.blocking_finished();
    }
}
