//! Deletes what no generation needs.

use std::io::ErrorKind;
use std::path::Path;

use file_backed::dataset::{Inspection, UnusedFile};
use file_backed::fbstore::PreparedPath;
use file_backed_codecs::printable::PrintablePath;
use serde_json::{Value, json};

use super::found::Found;
use super::options::Gc;
use super::writer::Writer;
use super::{Result, output};

/// How many lines are written at once.
const LINES: usize = 256;

pub(crate) fn run(options: &Gc, as_json: bool) -> Result<Found> {
    let path = &options.directory.path;
    let directory = dataset(path)?;
    let generation = directory.generation();
    let (unused, left) = match options.dry_run {
        true => (directory.blocking_unused()?, Vec::new()),
        false => {
            // It would look like a reader.
            drop(directory);
            delete(path)?
        }
    };
    let bytes = unused.iter().map(|file| file.len).sum::<u64>();
    if as_json {
        output::json(&json!({
            "path": output::path(path),
            "generation": generation,
            "dry_run": options.dry_run,
            "files": unused.iter().map(as_value).collect::<Vec<_>>(),
            "bytes": bytes,
            "not_deleted": left.iter().map(as_value).collect::<Vec<_>>(),
        }))?;
    } else {
        let (verb, summary) = match options.dry_run {
            true => ("would delete", "would be deleted"),
            false => ("deleted", "deleted"),
        };
        write_lines(verb, &unused)?;
        write_lines("could not delete", &left)?;
        let (files, bytes) = (unused.len(), output::bytes(bytes));
        output::text(&format!("{files} files, {bytes} {summary}\n"))?;
    }
    Ok(match left.is_empty() {
        true => Found::Whole,
        false => Found::Unreadable,
    })
}

fn dataset(path: &Path) -> Result<Inspection> {
    let directory = Inspection::blocking_open(path)?;
    super::check_dataset(&directory)?;
    Ok(directory)
}

/// Returns the files that were deleted, and those that could not be.
fn delete(path: &Path) -> Result<(Vec<UnusedFile>, Vec<UnusedFile>)> {
    let writer = Writer::without_files()?;
    let prepared = PreparedPath::blocking_open(path)?;
    // From here on no other process commits.
    let claim = writer.store.blocking_track_path(prepared.clone())?;
    let unused = dataset(path)?.blocking_unused()?;
    drop(writer.open(prepared)?);
    writer.store.blocking_finished();
    drop(claim);
    Ok(unused.into_iter().partition(|file| is_gone(&file.path)))
}

/// Whether nothing is there. A file that cannot be looked at is not known to be deleted.
fn is_gone(path: &Path) -> bool {
    let found = path.symlink_metadata();
    found.is_err_and(|error| error.kind() == ErrorKind::NotFound)
}

fn write_lines(verb: &str, files: &[UnusedFile]) -> Result<()> {
    for files in files.chunks(LINES) {
        let lines = files.iter().map(|file| {
            let path = PrintablePath(&file.path);
            format!("{verb}  {:>12}  {path}\n", file.len)
        });
        output::text(&lines.collect::<String>())?;
    }
    Ok(())
}

fn as_value(file: &UnusedFile) -> Value {
    json!({
        "path": output::path(&file.path),
        "bytes": file.len,
        "key": file.key.map(|key| key.simple().to_string()),
    })
}

#[cfg(all(test, unix))]
mod tests {
    use super::is_gone;

    #[test]
    fn a_file_that_cannot_be_looked_at_is_not_gone() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (there, link) = (dir.path().join("there"), dir.path().join("link"));
        std::fs::write(&there, "bytes").expect("it is written");
        std::os::unix::fs::symlink("nowhere", &link).expect("it is made");
        assert!(!is_gone(&there));
        assert!(!is_gone(&link), "the link itself is there");
        assert!(!is_gone(&there.join("below")), "it is below a file");
        assert!(is_gone(&dir.path().join("deleted")));
    }
}
