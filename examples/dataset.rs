//! cargo run --example dataset --features=dataset,bincodec,mappedcodec,bytescodec
//!
//! A library of documents that survives restarts. Each document has a text, which is mapped
//! and read in place, and notes, which change now and then; both are found by their names.
//! Another process reads one commit while this one makes the next, and then moves on to it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use file_backed::dataset::{Committed, Dataset, Editor};
use file_backed::fbstore::{FBStore, MappedBytes, MixedCodec, PreparedPath};
use file_backed::{BackingStore, FBPool, Result as Done};

type Files = FBStore<MixedCodec>;
type Notes = Vec<String>;

/// A dataset, and a pool for each type of its items.
struct Library {
    dataset: Dataset<(), Files>,
    texts: Arc<FBPool<MappedBytes, Files>>,
    notes: Arc<FBPool<Notes, Files>>,
}

#[tokio::main]
async fn main() -> Result<()> {
    match std::env::args_os().nth(1) {
        Some(path) => read(Path::new(&path)).await,
        None => write(&tempfile::tempdir()?.path().join("library")).await,
    }
}

async fn write(path: &Path) -> Result<()> {
    println!("A new library:");
    let library = Library::open(path).await?;
    let add = |edit: &mut Editor<'_, _, _>| {
        library.add(edit, "alice", "Alice was beginning to get very tired")?;
        library.add(edit, "moby dick", "Call me Ishmael.")?;
        library.add(edit, "walden", "When I wrote the following pages")
    };
    library.edit(add).await?;
    drop(library);

    println!("\nAfter a restart:");
    let library = Library::open(path).await?;
    library.print().await?;
    let (dataset, notes) = (&library.dataset, &library.notes);
    let mut notes = dataset.get_named(notes, "walden/notes").await?;
    notes.write().await?.push("read again in winter".to_owned());
    // The changed notes are another item, which takes the name. All else is kept.
    let add = |edit: &mut Editor<'_, _, _>| {
        edit.put_named("walden/notes", &notes)?;
        library.add(edit, "emma", "Emma Woodhouse, handsome, clever, and rich")
    };
    let done = library.edit(add).await?;
    ensure!((done.linked, done.kept, done.removed) == (3, 5, 1));

    println!("\nAnother process reads while this one removes a document:");
    let mut reader = Command::new(std::env::current_exe()?)
        .arg(path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut output = BufReader::new(reader.stdout.take().context("it is piped")?);
    let mut told = String::new();
    output.read_line(&mut told)?; // the reader has opened a commit
    let remove = |edit: &mut Editor<'_, _, _>| {
        let before = edit.names_before();
        let mut alice = before.prefix("alice/");
        alice.try_for_each(|item| edit.remove_named(item.name()))
    };
    let done = library.edit(remove).await?;
    ensure!((done.removed, done.deleted, done.pinned) == (2, 0, 1));
    drop(reader.stdin.take()); // the reader may end
    output.read_to_string(&mut told)?;
    print!("{told}");
    let status = reader.wait()?;
    ensure!(status.success(), "the reader failed: {status}");

    println!("\nThe reader has ended, so the next commit deletes what was removed:");
    let done = library.edit(|_| Ok(())).await?;
    ensure!((done.deleted, done.pinned) == (2, 0));
    library.print().await
}

/// What the other process does.
async fn read(path: &Path) -> Result<()> {
    let Library { dataset, texts, .. } = Library::open_read_only(path).await?;
    println!("  reader: opened generation {}", dataset.generation());
    let next = dataset.changed().await?;
    let text = dataset.get_named(&texts, "alice/text").await?;
    let text = text.read().await?;
    let line = str::from_utf8(&text)?.lines().next().unwrap_or_default();
    let (len, mapped) = (text.len(), text.is_mapped());
    println!("  reader: still has {line:?}, {len} bytes, mapped: {mapped}");
    let latest = dataset.latest().await?;
    let gone = latest.get_named(&texts, "alice/text").await;
    let error = gone.expect_err("it was removed");
    ensure!(error.is_not_found(), "unexpected error: {error}");
    println!("  reader: opened generation {next}, without \"alice/text\"");
    // It keeps both commits pinned until the other process has seen that.
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

impl Library {
    async fn open(path: &Path) -> Result<Self> {
        let store = store().await?;
        let path = PreparedPath::open(path).await?;
        Ok(Self::of(Dataset::open(&store, path).await?))
    }

    async fn open_read_only(path: &Path) -> Result<Self> {
        let store = store().await?;
        let path = PreparedPath::open_read_only(path).await?;
        Ok(Self::of(Dataset::open_read_only(&store, path).await?))
    }

    fn of(dataset: Dataset<(), Files>) -> Self {
        // Two texts in memory at a time, and all notes.
        let texts = Arc::new(FBPool::new(dataset.store().clone(), 2));
        let notes = Arc::new(FBPool::new(dataset.store().clone(), 1000));
        Self {
            dataset,
            texts,
            notes,
        }
    }

    /// Commits the changes, all or nothing.
    async fn edit(
        &self,
        change: impl FnOnce(&mut Editor<'_, (), Files>) -> Done<()>,
    ) -> Result<Committed> {
        let ((), done) = self.dataset.edit(change).await?;
        println!(
            "  generation {}: {} new ({} bytes), {} kept, {} removed, {} files deleted, \
             {} earlier generation(s) pinned",
            done.generation,
            done.linked,
            done.linked_bytes,
            done.kept,
            done.removed,
            done.deleted,
            done.pinned
        );
        Ok(done)
    }

    /// Adds a document of many lines.
    fn add(&self, edit: &mut Editor<'_, (), Files>, name: &str, line: &str) -> Done<()> {
        let text = format!("{line}\n").repeat(10_000).into_bytes();
        let text = self.texts.insert(MappedBytes::from(text));
        edit.put_named(&format!("{name}/text"), &text)?;
        let notes = self.notes.insert(Notes::new());
        edit.put_named(&format!("{name}/notes"), &notes)?;
        Ok(())
    }

    async fn print(&self) -> Result<()> {
        for item in &self.dataset.names() {
            let name = item.name();
            if item.is_read_by(&self.texts) {
                println!("  {name}: {} bytes on the disk", item.file_len());
            } else {
                let notes = self.dataset.get(&self.notes, item.key()).await?;
                println!("  {name}: {:?}", notes.read().await?);
            }
        }
        Ok(())
    }
}

async fn store() -> Result<Arc<BackingStore<Files>>> {
    // SAFETY: the cache is a temporary directory of this process's own, and the
    // files of the library are only ever linked and unlinked.
    let codec = unsafe { MixedCodec::new() };
    Ok(BackingStore::temp(codec).await?)
}
