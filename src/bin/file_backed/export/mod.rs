//! Writes payloads as files.

mod file_name;
mod target;

use std::collections::HashSet;
use std::io::{self, ErrorKind};
use std::path::Path;

use file_backed::Error;
use file_backed::dataset::Inspection;
use file_backed::uuid::Uuid;
use file_backed_codecs::printable::{Printable, PrintablePath};
use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::found::Found;
use super::options::Export;
use super::{Result, output, progress, select};
use target::Target;

/// How many files that exist already are listed.
const MOST_LISTED: usize = 10;

/// An item that becomes a file.
struct Exported {
    key: Uuid,
    name: Option<String>,
    path: Vec<String>,
}

/// Why an item did not become one.
enum Failure {
    /// The item is damaged, or missing.
    Item(Error),
    /// The file could not be written.
    File(io::Error),
}

/// An item that did not become a file.
struct Failed {
    item: Exported,
    error: Error,
}

pub(crate) fn run(directory: &Inspection, options: &Export, as_json: bool) -> Result<Found> {
    check_target(&options.to)?;
    let items = exported(directory, options)?;
    let mut target = Target::create(&options.to).map_err(|error| no_target(&options.to, &error))?;
    if !options.force {
        check_none_exists(&mut target, &items)?;
    }
    let bar = progress::bar()?;
    let len = |item: &Exported| payload_len(directory, item.key);
    bar.set_length(items.iter().map(len).fold(0, u64::saturating_add));
    let (mut files, mut bytes, mut failed) = (0_u64, 0, Vec::new());
    for item in items {
        match export(directory, &mut target, &item, options.force, &bar) {
            Ok(len) => {
                files += 1;
                bytes += len;
            }
            Err(Failure::Item(error)) => failed.push(Failed { item, error }),
            Err(Failure::File(error)) => {
                bar.finish_and_clear();
                return Err(refused(&target, &item, &error).into());
            }
        }
    }
    bar.finish_and_clear();
    target.sync().map_err(|error| {
        let path = PrintablePath(&options.to);
        format!("could not make the files in {path} durable: {error}")
    })?;
    for Failed { item, error } in &failed {
        let name = match &item.name {
            Some(name) => output::name(name),
            None => item.key.simple().to_string(),
        };
        eprintln!("not exported: {name}: {error}");
    }
    match as_json {
        true => output::json(&json!({
            "path": output::path(&options.to),
            "generation": directory.generation(),
            "files": files,
            "bytes": bytes,
            "failed": failed.iter().map(as_value).collect::<Vec<_>>(),
        }))?,
        false => {
            let of_generation = directory
                .generation()
                .map(|generation| format!("generation {generation}: "))
                .unwrap_or_default();
            let bytes = output::bytes(bytes);
            let failed = match failed.len() {
                0 => String::new(),
                failed => format!("; {failed} not exported"),
            };
            output::text(&format!("{of_generation}{files} files, {bytes}{failed}\n"))?;
        }
    }
    let found = failed.iter().map(|failed| Found::of(&failed.error));
    Ok(found.max().unwrap_or(Found::Whole))
}

/// The text of the error of a directory that could not be created.
fn no_target(to: &Path, error: &io::Error) -> String {
    let path = PrintablePath(to);
    match (to.metadata(), to.symlink_metadata()) {
        (Ok(found), _) if !found.is_dir() => {
            format!("{path} is not a directory: give a directory for the files")
        }
        (Err(_), Ok(found)) if found.is_symlink() => {
            format!("{path} is a symbolic link that leads nowhere: give a directory for the files")
        }
        _ => format!("could not create the directory {path}: {error}"),
    }
}

/// Refuses a directory of the library, in which a name could be that of a manifest or an item.
fn check_target(to: &Path) -> Result<()> {
    let existing = std::path::absolute(to)?;
    let mut existing = existing.ancestors();
    let existing = existing.find_map(|path| path.canonicalize().ok());
    let existing = existing.unwrap_or_default();
    match existing.ancestors().find(|path| super::is_ours(path)) {
        None => Ok(()),
        Some(path) => {
            let path = PrintablePath(path);
            Err(
                format!("{path} is a file_backed directory: export to a directory outside of it")
                    .into(),
            )
        }
    }
}

fn as_value(failed: &Failed) -> Value {
    json!({
        "key": failed.item.key.simple().to_string(),
        "name": failed.item.name,
        "error": failed.error.to_string(),
    })
}

/// The items that were asked for.
fn exported(directory: &Inspection, options: &Export) -> Result<Vec<Exported>> {
    let names = directory.names();
    let of_name = |key, name: &str| Exported {
        key,
        name: Some(name.to_owned()),
        path: file_name::of_name(name, &names),
    };
    let of_key = |key| Exported {
        key,
        name: None,
        path: file_name::of_key(key, &names),
    };
    let which = &options.which;
    if !which.items.is_empty() {
        let mut items = Vec::new();
        for word in &which.items {
            let found = select::item(directory, word)?;
            items.push(match found.name {
                Some(name) => of_name(found.key, &name),
                None => of_key(found.key),
            });
        }
        // One that is given twice is exported once.
        let mut seen = HashSet::new();
        items.retain(|item| seen.insert(item.path.clone()));
        return Ok(items);
    }
    let prefix = which.prefix.as_deref().unwrap_or_default();
    let mut named = HashSet::new();
    let mut items = Vec::new();
    for item in names.prefix(prefix) {
        let key = item.key::<()>().uuid();
        named.insert(key);
        items.push(of_name(key, item.name()));
    }
    match &which.prefix {
        Some(prefix) if items.is_empty() => {
            let (prefix, path) = (output::name(prefix), PrintablePath(directory.path()));
            Err(
                format!("no name begins with {prefix} in {path}: `file_backed ls` lists the names")
                    .into(),
            )
        }
        Some(_) => Ok(items),
        None => {
            let mut unnamed = directory.all_keys();
            unnamed.retain(|key| !named.contains(key));
            items.extend(unnamed.into_iter().map(of_key));
            Ok(items)
        }
    }
}

fn check_none_exists(target: &mut Target, items: &[Exported]) -> Result<()> {
    let mut existing = Vec::new();
    for item in items {
        match target.has(&item.path) {
            Ok(false) => {}
            Ok(true) => existing.push(shown(target, item)),
            Err(error) => return Err(refused(target, item, &error).into()),
        }
    }
    let more = existing.len().saturating_sub(MOST_LISTED);
    existing.truncate(MOST_LISTED);
    if existing.is_empty() {
        return Ok(());
    }
    let more = match more {
        0 => String::new(),
        more => format!("\n  and {more} more"),
    };
    let list = existing.join("\n  ");
    Err(format!("nothing was exported, because these exist already:\n  {list}{more}\nuse --force to replace them, or another directory").into())
}

fn export(
    directory: &Inspection,
    target: &mut Target,
    item: &Exported,
    replaces: bool,
    bar: &ProgressBar,
) -> Result<u64, Failure> {
    let mut file = target.begin(&item.path)?;
    let footer = directory.blocking_read_payload(item.key, |bytes| {
        file.write(bytes)?;
        bar.inc(bytes.len() as u64);
        Ok::<_, Failure>(())
    })?;
    file.complete(&item.path, replaces)?;
    Ok(footer.payload_len())
}

/// For the progress; 0 if it is not known.
fn payload_len(directory: &Inspection, key: Uuid) -> u64 {
    let recorded = directory.item(key).and_then(|item| item.payload_len());
    recorded.unwrap_or(0)
}

fn shown(target: &Target, item: &Exported) -> String {
    PrintablePath(&target.path_of(&item.path)).to_string()
}

/// The text of an error of a file.
fn refused(target: &Target, item: &Exported, error: &io::Error) -> String {
    let path = shown(target, item);
    match error.kind() {
        ErrorKind::AlreadyExists => {
            format!(
                "{path} has come to exist meanwhile: use --force to replace it, or another directory"
            )
        }
        _ => format!("could not write {path}: {}", Printable(error)),
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Item(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}
