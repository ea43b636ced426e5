//! Everything is read, and compared with its checksum.

use std::fmt::Write as _;

use file_backed::dataset::{Inspection, Verified, Verify};
use file_backed::uuid::Uuid;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::{Found, Result, output};

const BAR: &str =
    "{wide_bar} {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} left";

pub(crate) fn run(directory: &Inspection, keys: &[Uuid], as_json: bool) -> Result<Found> {
    let verify = match keys {
        [] => Verify::all(),
        keys => Verify::some(keys.iter().copied()),
    };
    // It shows itself only on a terminal.
    let bar = ProgressBar::new(0).with_style(ProgressStyle::with_template(BAR)?);
    let shown = bar.clone();
    let verified = directory.blocking_verify(verify.on_progress(move |progress| {
        shown.set_length(progress.bytes_total);
        shown.set_position(progress.bytes);
    }));
    bar.finish_and_clear();
    match as_json {
        true => output::json(&as_value(&verified))?,
        false => output::text(&as_text(&verified)?)?,
    }
    match verified.is_whole() {
        true => Ok(Found::Whole),
        false => Ok(Found::Damaged),
    }
}

fn as_text(verified: &Verified) -> Result<String> {
    let mut text = String::new();
    for error in &verified.damaged {
        writeln!(text, "{error}")?;
    }
    let bytes = output::bytes(verified.bytes);
    match verified.damaged.len() {
        0 => writeln!(text, "{} files, {bytes}: all whole", verified.files)?,
        damaged => writeln!(
            text,
            "{damaged} of {} files damaged; {bytes} read",
            verified.files
        )?,
    }
    Ok(text)
}

fn as_value(verified: &Verified) -> Value {
    let damaged: Vec<_> = (verified.damaged.iter())
        .map(|error| {
            json!({
                "key": error.key().map(|key| key.simple().to_string()),
                "path": error.path(),
                "error": error.to_string(),
            })
        })
        .collect();
    json!({ "files": verified.files, "bytes": verified.bytes, "damaged": damaged })
}
