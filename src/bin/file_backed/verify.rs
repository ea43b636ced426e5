//! Reads everything and compares it with its checksums.

use std::fmt::Write as _;

use file_backed::Error;
use file_backed::dataset::{Inspection, Verified, VerifyOptions};
use file_backed::uuid::Uuid;
use file_backed_codecs::printable::PrintablePath;
use serde_json::{Value, json};

use super::found::Found;
use super::{Result, output, progress};

pub(crate) fn run(directory: &Inspection, keys: &[Uuid], as_json: bool) -> Result<Found> {
    check_known(directory, keys)?;
    let verify = match keys {
        [] => VerifyOptions::all(),
        keys => VerifyOptions::some(keys.iter().copied()),
    };
    let bar = progress::bar()?;
    let verified = directory.blocking_verify(verify.on_progress(progress::show(&bar)));
    bar.finish_and_clear();
    match as_json {
        true => output::json(&as_value(&verified))?,
        false => output::text(&as_text(&verified)?)?,
    }
    let found = verified.damaged.iter().map(Found::of);
    Ok(found.max().unwrap_or(Found::Whole))
}

/// Fails for keys that are not in this directory, before anything is read.
fn check_known(directory: &Inspection, keys: &[Uuid]) -> Result<()> {
    match keys.iter().find(|key| !directory.contains_key(**key)) {
        None => Ok(()),
        Some(key) => {
            let (key, path) = (key.simple(), PrintablePath(directory.path()));
            Err(
                format!("there is no item {key} in {path}: `file_backed ls` lists the items")
                    .into(),
            )
        }
    }
}

/// The errors that have this result.
fn those(verified: &Verified, found: Found) -> impl Iterator<Item = &Error> {
    let errors = verified.damaged.iter();
    errors.filter(move |error| Found::of(error) == found)
}

fn as_text(verified: &Verified) -> Result<String> {
    let mut text = String::new();
    for error in &verified.damaged {
        writeln!(text, "{error}")?;
    }
    let bytes = output::bytes(verified.bytes);
    let files = verified.files;
    if verified.is_whole() {
        writeln!(text, "{files} files, {bytes}: all intact")?;
        return Ok(text);
    }
    let damaged = those(verified, Found::Damaged).count();
    write!(text, "{damaged} of {files} files damaged")?;
    match those(verified, Found::Unreadable).count() {
        0 => {}
        unreadable => write!(text, ", {unreadable} unreadable")?,
    }
    writeln!(text, "; {bytes} read")?;
    Ok(text)
}

fn as_value(verified: &Verified) -> Value {
    let as_value = |error: &Error| {
        json!({
            "key": error.key().map(|key| key.simple().to_string()),
            "path": error.path().map(output::path),
            "error": error.to_string(),
        })
    };
    let all = |found| -> Vec<_> { those(verified, found).map(as_value).collect() };
    json!({
        "files": verified.files,
        "bytes": verified.bytes,
        "damaged": all(Found::Damaged),
        "unreadable": all(Found::Unreadable),
    })
}
