//! The library: a dataset, and a pool for each kind of its items.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use file_backed::dataset::{Dataset, Key};
use file_backed::fbstore::{FBStore, MappedBytes, MixedCodec, PreparedPath};
use file_backed::{BackingStore, Error, FBPool, Fb, OwnedReadGuard};
use serde::{Deserialize, Serialize};

type Files = FBStore<MixedCodec>;
type Notes = Vec<String>;

/// The root: what is there, by name.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Catalogue {
    documents: BTreeMap<String, Document>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Document {
    text: Key<MappedBytes>,
    notes: Key<Notes>,
}

/// What is to become of a document with the next commit.
enum Change {
    Added(Fb<MappedBytes, Files>, Fb<Notes, Files>),
    Noted(Fb<Notes, Files>),
    Removed,
}

pub(crate) struct Library {
    dataset: Dataset<Catalogue, Files>,
    texts: Arc<FBPool<MappedBytes, Files>>,
    notes: Arc<FBPool<Notes, Files>>,
    changes: Mutex<BTreeMap<String, Change>>,
}

impl Library {
    pub(crate) async fn open(place: &Path) -> Result<Self> {
        let store = store().await?;
        let place = PreparedPath::open(place.to_owned()).await?;
        let dataset = Dataset::open(&store, place).await?;
        Ok(Self::of(dataset, store))
    }

    pub(crate) async fn open_read_only(place: &Path) -> Result<Self> {
        let store = store().await?;
        let place = PreparedPath::open_read_only(place.to_owned()).await?;
        let dataset = Dataset::open_read_only(&store, place).await?;
        Ok(Self::of(dataset, store))
    }

    fn of(dataset: Dataset<Catalogue, Files>, store: Arc<BackingStore<Files>>) -> Self {
        Self {
            dataset,
            // Two texts in memory at a time, and all notes.
            texts: Arc::new(FBPool::new(store.clone(), 2)),
            notes: Arc::new(FBPool::new(store, 1000)),
            changes: Mutex::default(),
        }
    }

    pub(crate) fn generation(&self) -> u64 {
        self.dataset.generation()
    }

    /// Adds a document of so many lines.
    pub(crate) fn add(&self, name: &str, line: &str, lines: usize) {
        let text = format!("{line}\n").repeat(lines);
        let text = self.texts.insert(MappedBytes::from(text.into_bytes()));
        let notes = self.notes.insert(Notes::new());
        self.change(name, Change::Added(text, notes));
    }

    pub(crate) fn remove(&self, name: &str) {
        self.change(name, Change::Removed);
    }

    /// Adds a note to a document of the last commit. The changed notes are an
    /// item of their own; the commit still has the old ones.
    pub(crate) async fn note(&self, name: &str, note: &str) -> Result<()> {
        let mut notes = self
            .dataset
            .get(&self.notes, self.document(name)?.notes)
            .await?;
        notes.write().await?.push(note.to_owned());
        self.change(name, Change::Noted(notes));
        Ok(())
    }

    fn change(&self, name: &str, change: Change) {
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        changes.insert(name.to_owned(), change);
    }

    /// Makes all changes at once. What has not changed is kept by its key, and
    /// costs nothing.
    pub(crate) async fn commit(&self) -> Result<()> {
        let changes = {
            let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *changes)
        };
        let before = self.dataset.root();
        let done = self
            .dataset
            .commit(|saver| {
                let mut root = (*before).clone();
                for (name, change) in &changes {
                    match change {
                        Change::Added(text, notes) => {
                            let (text, notes) = (saver.save(text)?, saver.save(notes)?);
                            let document = Document { text, notes };
                            root.documents.insert(name.clone(), document);
                        }
                        Change::Noted(notes) => {
                            if let Some(document) = root.documents.get_mut(name) {
                                document.notes = saver.save(notes)?;
                            }
                        }
                        Change::Removed => drop(root.documents.remove(name)),
                    }
                }
                // Also what was saved just now: it is named already.
                for document in root.documents.values() {
                    saver.keep(document.text)?;
                    saver.keep(document.notes)?;
                }
                Ok::<_, Error>(root)
            })
            .await?;
        println!(
            "  generation {}: {} files new ({} bytes), {} kept, {} deleted, {} earlier generation(s) \
             pinned",
            done.generation, done.linked, done.linked_bytes, done.kept, done.deleted, done.pinned
        );
        Ok(())
    }

    pub(crate) async fn text(&self, name: &str) -> Result<OwnedReadGuard<MappedBytes, Files>> {
        let text = self
            .dataset
            .get(&self.texts, self.document(name)?.text)
            .await?;
        Ok(text.read_owned().await?)
    }

    pub(crate) async fn print(&self) -> Result<()> {
        for (name, document) in &self.dataset.root().documents {
            let notes = self.dataset.get(&self.notes, document.notes).await?;
            let length = self.text(name).await?.len();
            let notes = notes.read().await?;
            println!("  {name}: {length} bytes, notes: {notes:?}");
        }
        Ok(())
    }

    /// Ends as a program does: what was begun is finished.
    pub(crate) async fn close(self) {
        let store = self.dataset.store().clone();
        drop(self);
        store.finished().await;
    }

    fn document(&self, name: &str) -> Result<Document> {
        let root = self.dataset.root();
        let document = root.documents.get(name).cloned();
        document.with_context(|| format!("no document {name:?}"))
    }
}

async fn store() -> Result<Arc<BackingStore<Files>>> {
    // SAFETY: the cache is a temporary directory of this process's own, and the
    // files of the library are only ever linked and unlinked.
    let codec = unsafe { MixedCodec::new() };
    Ok(BackingStore::temp(codec).await?)
}
