//! Opens what is left of a damaged dataset, and commits it if that is asked for.

use std::fmt::Write as _;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use file_backed::Error;
use file_backed::dataset::{Committed, DamagedItem, OpenOptions, Salvaged, VerifyOptions};
use file_backed::fbstore::{PreparedPath, RESERVED};
use file_backed_codecs::printable::PrintablePath;
use serde_json::{Value, json};

use super::found::Found;
use super::options::Salvage;
use super::writer::{AnyRoot, Writer};
use super::{Result, not_ours, output, progress};

pub(crate) fn run(options: &Salvage, as_json: bool) -> Result<Found> {
    let path = &options.directory.path;
    // Opening it to commit would create it.
    if !RESERVED.iter().any(|name| path.join(name).exists()) {
        PreparedPath::blocking_open_read_only(path)?;
        return Err(not_ours(path));
    }
    let root = options.root.as_deref().map(read_root).transpose()?;
    let verify = match options.quick {
        true => VerifyOptions::some([]),
        false => VerifyOptions::all(),
    };
    let writer = Writer::without_files()?;
    let bar = progress::bar()?;
    let (dataset, salvaged) = OpenOptions::new().blocking_salvage::<AnyRoot, _>(
        &writer.store,
        PreparedPath::blocking_open(path)?,
        verify.on_progress(progress::show(&bar)),
    )?;
    bar.finish_and_clear();
    let items = dataset.all_keys().len() as u64;
    let committed = match options.commit && !salvaged.is_whole() {
        true => {
            check_root(&salvaged, root.is_some())?;
            let edited = dataset.blocking_edit(|edit| {
                if let Some(root) = root {
                    edit.set_root(root);
                }
                Ok::<_, Error>(())
            });
            Some(edited?.1)
        }
        false => None,
    };
    drop(dataset);
    writer.store.blocking_finished();
    match as_json {
        true => output::json(&as_value(path, &salvaged, items, committed))?,
        false => output::text(&as_text(&salvaged, items, committed)?)?,
    }
    Ok(match salvaged.is_whole() {
        true => Found::Whole,
        false => Found::Damaged,
    })
}

fn read_root(path: &Path) -> Result<AnyRoot> {
    let failed = |error: &dyn std::error::Error| {
        let path = PrintablePath(path);
        format!("could not read the root from {path}: {error}")
    };
    let file = File::open(path).map_err(|error| failed(&error))?;
    let root = serde_json::from_reader(BufReader::new(file));
    Ok(AnyRoot::of(root.map_err(|error| failed(&error))?))
}

/// Fails if a commit would have a root that no program expects.
fn check_root(salvaged: &Salvaged, is_given: bool) -> Result<()> {
    match salvaged.generation.is_some() || is_given {
        true => Ok(()),
        false => Err(
            "no commit could be read, so the root is lost: give one with `--root FILE`, of the \
             type that your program expects"
                .into(),
        ),
    }
}

fn as_text(salvaged: &Salvaged, items: u64, committed: Option<Committed>) -> Result<String> {
    let mut text = String::new();
    for error in &salvaged.manifests {
        writeln!(text, "{error}")?;
    }
    for item in &salvaged.damaged {
        let names: Vec<_> = item.names.iter().map(|name| output::name(name)).collect();
        match names.as_slice() {
            [] => writeln!(text, "{}", item.error)?,
            names => writeln!(text, "{}: {}", names.join(", "), item.error)?,
        }
    }
    for key in &salvaged.unnamed {
        writeln!(text, "item {} is included without a name", key.simple())?;
    }
    match (salvaged.generation, salvaged.newest) {
        (Some(read), Some(newest)) if read == newest => write!(text, "generation {read}: ")?,
        (Some(read), Some(newest)) if read > newest => write!(
            text,
            "generation {read}, whose manifest is missing (the last one there is {newest}): "
        )?,
        (Some(read), Some(newest)) => write!(
            text,
            "generation {read}, because {newest} could not be read: "
        )?,
        (Some(read), None) => write!(text, "generation {read}, whose manifest is missing: ")?,
        (None, _) => write!(text, "no generation could be read: ")?,
    }
    let (damaged, unnamed) = (salvaged.damaged.len(), salvaged.unnamed.len());
    write!(text, "{items} items left, {damaged} lost")?;
    if unnamed > 0 {
        write!(text, ", {unnamed} without a name")?;
    }
    match committed {
        Some(committed) => writeln!(
            text,
            "\ncommitted as generation {}; {} files deleted",
            committed.generation, committed.deleted
        )?,
        None if salvaged.is_whole() => writeln!(text, "\nnothing is wrong")?,
        None => writeln!(
            text,
            "\nnothing was changed: `--commit` commits what is left, and deletes the rest"
        )?,
    }
    Ok(text)
}

fn as_value(path: &Path, salvaged: &Salvaged, items: u64, committed: Option<Committed>) -> Value {
    let damaged = |item: &DamagedItem| {
        json!({
            "key": item.key.simple().to_string(),
            "names": item.names,
            "path": item.error.path().map(output::path),
            "error": item.error.to_string(),
        })
    };
    let manifest = |error: &Error| {
        json!({
            "path": error.path().map(output::path),
            "error": error.to_string(),
        })
    };
    let unnamed = salvaged.unnamed.iter();
    json!({
        "path": output::path(path),
        "generation": salvaged.generation,
        "newest": salvaged.newest,
        "manifests": salvaged.manifests.iter().map(manifest).collect::<Vec<_>>(),
        "damaged": salvaged.damaged.iter().map(damaged).collect::<Vec<_>>(),
        "unnamed": unnamed.map(|key| key.simple().to_string()).collect::<Vec<_>>(),
        "items": items,
        "committed": committed.map(|committed| committed.generation),
    })
}
