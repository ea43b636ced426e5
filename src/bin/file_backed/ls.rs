//! One line for each item.

use std::fmt::Write as _;

use file_backed::dataset::{Inspection, ItemFile};
use file_backed_codecs::printable::PrintablePath;
use serde_json::{Value, json};

use super::found::Found;
use super::{Result, output};

/// How many lines are written at once.
const LINES: usize = 256;

pub(crate) fn run(directory: &Inspection, as_json: bool) -> Result<Found> {
    let keys = directory.all_keys();
    if keys.is_empty() && !as_json {
        eprintln!("no items in {}", PrintablePath(directory.path()));
    }
    let mut found = Found::Whole;
    for keys in keys.chunks(LINES) {
        let mut text = String::new();
        for key in keys {
            match directory.blocking_file(*key) {
                Ok(file) if as_json => writeln!(text, "{}", output::as_json(&as_value(&file)))?,
                Ok(file) => writeln!(text, "{}", as_line(&file))?,
                Err(error) => {
                    found = found.max(Found::of(&error));
                    match as_json {
                        true => {
                            let value = json!({ "key": key.simple().to_string(), "error": error.to_string() });
                            writeln!(text, "{}", output::as_json(&value))?;
                        }
                        false => writeln!(text, "{}  {error}", key.simple())?,
                    }
                }
            }
        }
        output::text(&text)?;
    }
    Ok(found)
}

fn as_line(file: &ItemFile) -> String {
    let footer = &file.footer;
    let schema = match footer.schema() {
        0 => String::new(),
        id => format!("  schema {id:#x}"),
    };
    format!(
        "{}  {:>12}  {}{schema}",
        file.key.simple(),
        file.len,
        footer.codec()
    )
}

fn as_value(file: &ItemFile) -> Value {
    let footer = &file.footer;
    json!({
        "key": file.key.simple().to_string(),
        "path": output::path(&file.path),
        "bytes": file.len,
        "payload_bytes": footer.payload_len(),
        "codec": footer.codec().to_string(),
        "schema": footer.schema(),
    })
}
