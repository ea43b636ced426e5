//! Takes the files into the dataset.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context as _, Result, anyhow};
use file_backed::fbstore::{FrameError, Mapped};

use crate::library::{Contents, Library};
use crate::options::Usage;
use crate::phase::{Phase, Total};
use crate::record::{Entry, Record, Shelf};
use crate::report::Report;
use crate::walk::{Found, Skipped, Tree};

/// Files on one shelf of the catalogue.
const ON_A_SHELF: usize = 1000;

/// Larger files are not even read: an archive of more than 2 GiB, less some
/// room for rkyv, cannot be made with its usual 32-bit pointers.
const MOST_BYTES: u64 = 2 << 30;

/// Makes a record of each file. One file at a time is in memory, beside those
/// that the pool keeps.
pub(crate) fn ingest(library: &Library, tree: &mut Tree, report: &mut Report) -> Result<Contents> {
    let phase = Phase::begin("ingest", "archiving the files", Total::Bytes(tree.bytes()));
    let mut contents = Contents::default();
    for found in &tree.files {
        match archive(&tree.root, found, &mut tree.skipped)? {
            Some(record) => {
                phase.advance(record.size.to_native())?;
                add(library, &mut contents, record)?;
            }
            None => phase.pass_over(found.size),
        }
    }
    if contents.records.is_empty() {
        return Err(Usage(tree.skipped.why_nothing()).into());
    }
    report.end(phase)?;
    Ok(contents)
}

/// Puts the record into its pool and its key on the last shelf.
fn add(library: &Library, contents: &mut Contents, record: Mapped<Record>) -> Result<()> {
    let (path, size) = (record.path.to_string(), record.size.to_native());
    let record = Arc::new(library.records.insert(record));
    // `insert` never waits, so that whoever is faster than the disk has to:
    // written, the record can be evicted at once.
    record.blocking_write_now()?;

    if contents.records.len().is_multiple_of(ON_A_SHELF) {
        let shelf = library.shelves.insert(Shelf::default());
        contents.shelves.push(Arc::new(shelf));
    }
    let shelf = contents.shelves.last_mut().context("there is a shelf")?;
    let entry = Entry::new(record.key(), size);
    shelf.blocking_make_write()?.files.insert(path, entry);

    contents.bytes += size;
    contents.records.push(record);
    Ok(())
}

/// Reads and archives one file; `None` if it has to be passed over.
fn archive(root: &Path, found: &Found, skipped: &mut Skipped) -> Result<Option<Mapped<Record>>> {
    if found.size > MOST_BYTES {
        skipped.too_large(&found.path, found.size);
        return Ok(None);
    }
    let record = match read(root, found) {
        Ok(record) => record,
        Err(error) => {
            skipped.unreadable(&found.path, &error);
            return Ok(None);
        }
    };
    match Mapped::new(&record) {
        Ok(archive) => Ok(Some(archive)),
        Err(error) if is_too_large(&*error) => {
            skipped.too_large(&found.path, record.size);
            Ok(None)
        }
        Err(error) => Err(anyhow!(error).context(found.path.display().to_string())),
    }
}

fn is_too_large(error: &(dyn std::error::Error + 'static)) -> bool {
    matches!(error.downcast_ref(), Some(FrameError::TooLarge { .. }))
}

fn read(root: &Path, found: &Found) -> io::Result<Record> {
    let file = File::open(&found.path)?;
    let modified = file.metadata()?.modified().map_or(0, seconds);
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(usize::try_from(found.size).map_err(io::Error::other)?)?;
    // A file that grows meanwhile does not take all of the memory.
    file.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(Record {
        path: name(found.path.strip_prefix(root).unwrap_or(&found.path)),
        size: bytes.len() as u64,
        modified,
        bytes,
    })
}

/// The path as text; bytes that are none are escaped, so that names stay apart.
fn name(path: &Path) -> String {
    match path.to_str() {
        Some(text) => text.to_owned(),
        None => path
            .as_os_str()
            .as_encoded_bytes()
            .escape_ascii()
            .to_string(),
    }
}

/// Since 1970, negative before.
fn seconds(time: SystemTime) -> i64 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => since.as_secs().cast_signed(),
        Err(before) => -before.duration().as_secs().cast_signed(),
    }
}
