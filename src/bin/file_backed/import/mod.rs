//! Makes the files of a folder items.

mod codec;
mod folder;

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use file_backed::dataset::{Dataset, Inspection};
use file_backed::fbstore::{FBStore, PreparedPath, RESERVED};
use file_backed::{Error, FBPool, Fb};
use file_backed_codecs::printable::PrintablePath;
use indicatif::ProgressBar;
use serde_json::json;

pub(crate) use codec::FileBytes;

use super::options::Import;
use super::writer::{AnyRoot, Writer};
use super::{Result, output, progress};
use codec::{Imported, Original};
use folder::Found;

type Pool = FBPool<Imported, FBStore<FileBytes>>;
type Item = Fb<Imported, FBStore<FileBytes>>;

pub(crate) fn run(options: &Import, as_json: bool) -> Result<()> {
    let (folder, directory) = (&options.folder, &options.directory);
    check_folder(folder)?;
    check_directory(directory)?;
    check_apart(folder, directory)?;
    let files = folder::files(folder, &options.prefix)?;
    let prepared = PreparedPath::blocking_open(directory)?;
    let writer = Writer::beside(&prepared)?;
    let dataset = writer.open(prepared)?;
    // The values take no memory.
    let pool = Arc::new(Pool::new(writer.store.clone(), 1));
    let items = read_all(&pool, &files)?;
    let replaced = match files.is_empty() {
        true => 0,
        false => commit(&dataset, &files, &items)?,
    };
    let bytes = files.iter().map(|file| file.bytes).sum();
    let (generation, count) = (dataset.generation(), files.len());
    if as_json {
        return Ok(output::json(&json!({
            "path": output::path(directory),
            "generation": generation,
            "files": count,
            "bytes": bytes,
            "replaced": replaced,
        }))?);
    }
    let bytes = output::bytes(bytes);
    let replaced = match replaced {
        0 => String::new(),
        replaced => format!(", {replaced} of them in place of items of the same name"),
    };
    Ok(output::text(&format!(
        "generation {generation}: {count} files, {bytes}, imported{replaced}\n"
    ))?)
}

fn check_folder(folder: &Path) -> Result<()> {
    let shown = PrintablePath(folder);
    let metadata = fs::metadata(folder);
    let metadata = metadata.map_err(|error| format!("could not open {shown}: {error}"))?;
    if !metadata.is_dir() {
        return Err(format!("{shown} is not a directory: give the folder of the files").into());
    }
    if super::is_ours(folder) {
        let text = "to copy a dataset, use `file_backed copy`";
        return Err(format!("{shown} is itself a file_backed directory: {text}").into());
    }
    Ok(())
}

/// Refuses a directory of other files, such as the folder if the arguments were swapped.
fn check_directory(directory: &Path) -> Result<()> {
    let is_free = match fs::read_dir(directory) {
        Ok(entries) => {
            let mut names = entries.flatten().map(|entry| entry.file_name());
            names.all(|name| name.to_str().is_some_and(is_of_library))
        }
        // What else is wrong is told when it is opened.
        Err(_) => return Ok(()),
    };
    let found = Inspection::blocking_open(directory)?;
    if found.generation().is_some() || is_free && found.all_keys().is_empty() {
        return Ok(());
    }
    let shown = PrintablePath(directory);
    let text = format!(
        "{shown} has files, but no dataset: give a dataset, or a new directory (`file_backed \
         salvage` makes a dataset of persisted items)"
    );
    Err(text.into())
}

/// A name that the library makes in a directory, also if it was interrupted before it made a
/// dataset.
pub(super) fn is_of_library(name: &str) -> bool {
    let is_shard = name.len() == 2 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_shard || RESERVED.contains(&name)
}

fn check_apart(folder: &Path, directory: &Path) -> Result<()> {
    let folder_path = folder.canonicalize()?;
    let directory_path = match directory.canonicalize() {
        Ok(path) => path,
        // It does not exist: as much of it as does.
        Err(_) => std::path::absolute(directory)?
            .ancestors()
            .find_map(|path| path.canonicalize().ok())
            .unwrap_or_default(),
    };
    if !directory_path.starts_with(&folder_path) {
        return Ok(());
    }
    let (folder, directory) = (PrintablePath(folder), PrintablePath(directory));
    Err(format!("{directory} is inside of {folder}, and would be imported into itself: put the dataset elsewhere").into())
}

/// Brings the files into the store, on as many threads as there are cores.
fn read_all(pool: &Arc<Pool>, files: &[Found]) -> Result<Vec<Item>> {
    let bar = progress::bar()?;
    bar.set_length(files.iter().map(|file| file.bytes).sum());
    let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let read_some = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(file) = files.get(at) else { return };
            let item = read(pool, file, &bar);
            if item.is_err() {
                next.store(files.len(), Ordering::Relaxed);
            }
            let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
            results.push((at, item));
        }
    };
    thread::scope(|scope| {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        for _ in 1..threads.min(files.len()) {
            scope.spawn(read_some);
        }
        read_some();
    });
    bar.finish_and_clear();
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(at, _)| *at);
    let items: Result<_, String> = results.into_iter().map(|(_, item)| item).collect();
    Ok(items?)
}

fn read(pool: &Arc<Pool>, found: &Found, bar: &ProgressBar) -> Result<Item, String> {
    let shown = PrintablePath(&found.path);
    let file = File::open(&found.path);
    let file = file.map_err(|error| format!("could not read {shown}: {error}"))?;
    let bar = bar.clone();
    let item = pool.blocking_insert_archived(&Original { file, bar });
    item.map_err(|error| format!("could not import {shown}: {error}"))
}

/// Returns how many names had an item before.
fn commit(
    dataset: &Dataset<AnyRoot, FBStore<FileBytes>>,
    files: &[Found],
    items: &[Item],
) -> Result<u64> {
    let bar = progress::bar()?;
    let shown = progress::show(&bar);
    let committed = dataset.blocking_edit(|edit| {
        edit.on_progress(shown);
        let before = edit.names_before();
        let mut replaced = 0;
        for (file, item) in files.iter().zip(items) {
            replaced += u64::from(before.get(&file.name).is_some());
            edit.put_named(&file.name, item)?;
        }
        Ok::<_, Error>(replaced)
    });
    bar.finish_and_clear();
    Ok(committed?.0)
}
