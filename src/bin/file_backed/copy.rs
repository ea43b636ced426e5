//! Copies a dataset, which may be committed to meanwhile.

use std::path::Path;

use file_backed::dataset::Snapshot;
use serde_json::json;

use super::{Result, output};

pub(crate) fn run(directory: &Path, to: &Path, as_json: bool) -> Result<()> {
    let copied = Snapshot::blocking_open(directory)?.blocking_copy_to(to)?;
    if as_json {
        return Ok(output::json(&json!({
            "path": to,
            "generation": copied.generation,
            "items": copied.items,
            "bytes": copied.bytes,
        }))?);
    }
    let bytes = output::bytes(copied.bytes);
    let (generation, items) = (copied.generation, copied.items);
    Ok(output::text(&format!(
        "generation {generation}: {items} items, {bytes}, copied and verified against their checksums\n"
    ))?)
}
