//! Copies a dataset, which may be committed to meanwhile.

use file_backed::dataset::Snapshot;
use serde_json::json;

use super::options::Copy;
use super::{Result, output};

pub(crate) fn run(options: &Copy, as_json: bool) -> Result<()> {
    let snapshot = Snapshot::blocking_open(&options.directory.path)?;
    let copied = match options.link {
        true => snapshot.blocking_link_to(&options.to)?,
        false => snapshot.blocking_copy_to(&options.to)?,
    };
    if as_json {
        return Ok(output::json(&json!({
            "path": output::path(&options.to),
            "generation": copied.generation,
            "items": copied.items,
            "bytes": copied.bytes,
            "linked": copied.linked,
        }))?);
    }
    let bytes = output::bytes(copied.bytes);
    let (generation, items, linked) = (copied.generation, copied.items, copied.linked);
    let how = match (options.link, items - linked) {
        (false, _) => "copied and verified against their checksums".to_owned(),
        (true, 0) => "linked".to_owned(),
        (true, others) => format!(
            "{linked} linked, {others} copied and verified against their checksums, because they \
             cannot be linked"
        ),
    };
    Ok(output::text(&format!(
        "generation {generation}: {items} items, {bytes}, {how}\n"
    ))?)
}
