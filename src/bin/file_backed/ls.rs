//! One line for each item.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use file_backed::Error;
use file_backed::dataset::Inspection;
use file_backed::fbstore::{CodecId, key_path};
use file_backed::uuid::Uuid;
use file_backed_codecs::printable::PrintablePath;
use serde_json::{Value, json};

use super::found::Found;
use super::options::{Ls, Sort};
use super::{Result, output};

/// How many lines are written at once.
const LINES: usize = 256;

/// An item that is listed.
struct Listed {
    key: Uuid,
    names: Vec<String>,
}

/// What is printed of it.
struct Details {
    path: PathBuf,
    bytes: u64,
    payload_bytes: u64,
    codec: CodecId,
    schema: u64,
}

pub(crate) fn run(directory: &Inspection, options: &Ls, as_json: bool) -> Result<Found> {
    if options.prefix.is_some() {
        super::check_dataset(directory)?;
    }
    let items = listed(directory, options);
    if items.is_empty() && !as_json && options.limit != Some(0) {
        let path = PrintablePath(directory.path());
        match &options.prefix {
            Some(prefix) => eprintln!("no name begins with {} in {path}", output::name(prefix)),
            None => eprintln!("no items in {path}"),
        }
    }
    let missing = directory.missing();
    let mut found = Found::Whole;
    for items in items.chunks(LINES) {
        let mut text = String::new();
        for item in items {
            let is_missing = missing.binary_search(&item.key).is_ok();
            let details = details(directory, item.key, is_missing);
            if let Err(error) = &details {
                found = found.max(Found::of(error));
            }
            match as_json {
                true => {
                    let value = as_value(item, details);
                    writeln!(text, "{}", output::as_json(&value))?;
                }
                false => writeln!(text, "{}", as_line(item, details))?,
            }
        }
        output::text(&text)?;
    }
    Ok(found)
}

/// The items in the order that was asked for.
fn listed(directory: &Inspection, options: &Ls) -> Vec<Listed> {
    let mut items = by_name(directory, options.prefix.as_deref());
    match options.sort {
        Sort::Name => {}
        Sort::Key => items.sort_by_key(|item| item.key),
        Sort::Size => items.sort_by_cached_key(|item| (len(directory, item.key), item.key)),
    }
    if options.reverse {
        items.reverse();
    }
    items.truncate(options.limit.unwrap_or(usize::MAX));
    items
}

/// The items in the order of their first names and then, unless there is a prefix, those
/// without a name in the order of their keys.
fn by_name(directory: &Inspection, prefix: Option<&str>) -> Vec<Listed> {
    let (mut items, mut places) = (Vec::<Listed>::new(), HashMap::new());
    for named in directory.names().prefix(prefix.unwrap_or_default()) {
        let key = named.key::<()>().uuid();
        let place = *places.entry(key).or_insert(items.len());
        if place == items.len() {
            let names = Vec::new();
            items.push(Listed { key, names });
        }
        items[place].names.push(named.name().to_owned());
    }
    if prefix.is_none() {
        let mut unnamed = directory.all_keys();
        unnamed.retain(|key| !places.contains_key(key));
        let names = Vec::new;
        items.extend(unnamed.into_iter().map(|key| Listed {
            key,
            names: names(),
        }));
    }
    items
}

/// Length of the item's file; 0 if it is not known.
fn len(directory: &Inspection, key: Uuid) -> u64 {
    match directory.item(key) {
        Some(item) => item.file_len(),
        None => directory.blocking_file(key).map_or(0, |file| file.len),
    }
}

/// Opens the file only if the manifest does not say enough, or to find out why it is missing.
fn details(directory: &Inspection, key: Uuid, is_missing: bool) -> Result<Details, Error> {
    if let Some(item) = directory.item(key)
        && let (Some(codec), Some(payload_bytes)) = (item.codec(), item.payload_len())
        && !is_missing
    {
        return Ok(Details {
            path: key_path(directory.path(), key),
            bytes: item.file_len(),
            payload_bytes,
            codec,
            schema: item.schema().unwrap_or(0),
        });
    }
    let file = directory.blocking_file(key)?;
    Ok(Details {
        path: file.path,
        bytes: file.len,
        payload_bytes: file.footer.payload_len(),
        codec: file.footer.codec(),
        schema: file.footer.schema(),
    })
}

fn as_line(item: &Listed, details: Result<Details, Error>) -> String {
    let mut line = item.key.simple().to_string();
    match details {
        Ok(details) => {
            line += &format!("  {:>12}  {}", details.bytes, details.codec);
            if details.schema != 0 {
                line += &format!("  schema {:#x}", details.schema);
            }
        }
        Err(error) => line += &format!("  {error}"),
    }
    if !item.names.is_empty() {
        let names: Vec<_> = item.names.iter().map(|name| output::name(name)).collect();
        line += &format!("  {}", names.join(", "));
    }
    line
}

fn as_value(item: &Listed, details: Result<Details, Error>) -> Value {
    let key = item.key.simple().to_string();
    match details {
        Ok(details) => json!({
            "key": key,
            "names": item.names,
            "path": output::path(&details.path),
            "bytes": details.bytes,
            "payload_bytes": details.payload_bytes,
            "codec": details.codec.to_string(),
            "schema": details.schema,
        }),
        Err(error) => json!({ "key": key, "names": item.names, "error": error.to_string() }),
    }
}
