//! Writes the payload of one item.

use file_backed::dataset::Inspection;

use super::found::Found;
use super::options::Cat;
use super::{Result, output, select};

pub(crate) fn run(directory: &Inspection, options: &Cat, as_json: bool) -> Result<Found> {
    if as_json {
        return Err("a payload is no JSON: `file_backed ls --json` describes the items".into());
    }
    if output::is_terminal() && !options.force {
        let text = "the payload may be binary, and a terminal would interpret it: send it to a \
                    file or a pipe, or use --force";
        return Err(text.into());
    }
    let item = select::item(directory, &options.item)?;
    // Damage is known only at the end of the payload.
    directory.blocking_read_payload(item.key, |_| Ok::<_, file_backed::Error>(()))?;
    directory.blocking_read_payload(item.key, |bytes| {
        Ok::<_, Box<dyn std::error::Error>>(output::bytes_as_they_are(bytes)?)
    })?;
    Ok(Found::Whole)
}
