//! A summary of the directory's contents.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use file_backed::Error;
use file_backed::dataset::Inspection;
use file_backed::uuid::Uuid;
use file_backed_codecs::printable::PrintablePath;
use serde_json::{Value, json};

use super::found::Found;
use super::{Result, output};

/// Items and bytes of one kind.
#[derive(Clone, Copy, Default)]
struct Sum {
    items: u64,
    bytes: u64,
}

#[derive(Default)]
struct Info {
    all: Sum,
    by_codec: BTreeMap<String, Sum>,
    by_schema: BTreeMap<u64, u64>,
    /// Counts by the power of four that bounds the size.
    sizes: BTreeMap<u32, u64>,
    /// Errors of files whose footer cannot be read.
    failed: Vec<Error>,
}

/// Width of the longest bar of the histogram, in columns.
const WIDEST: u64 = 40;

pub(crate) fn run(directory: &Inspection, as_json: bool) -> Result<Found> {
    let missing = directory.missing();
    let mut info = Info::default();
    for key in directory.all_keys() {
        if missing.binary_search(&key).is_err() {
            info.add(directory, key);
        }
    }
    if as_json {
        output::json(&info.as_value(directory, &missing))?;
    } else {
        output::text(&info.as_text(directory, &missing)?)?;
    }
    let items = info.failed.iter().map(Found::of);
    let missing = missing.iter().map(|_| Found::Damaged);
    Ok(items.chain(missing).max().unwrap_or(Found::Whole))
}

impl Info {
    fn add(&mut self, directory: &Inspection, key: Uuid) {
        let file = match directory.blocking_file(key) {
            Ok(file) => file,
            Err(error) => return self.failed.push(error),
        };
        self.all.add(file.len);
        let codec = self.by_codec.entry(file.footer.codec().to_string());
        codec.or_default().add(file.len);
        if file.footer.schema() != 0 {
            *self.by_schema.entry(file.footer.schema()).or_default() += 1;
        }
        *self.sizes.entry(power_above(file.len)).or_default() += 1;
    }

    fn as_text(&self, directory: &Inspection, missing: &[Uuid]) -> Result<String> {
        let mut text = format!("{}\n", PrintablePath(directory.path()));
        match directory.generation() {
            Some(generation) => writeln!(text, "dataset     generation {generation}")?,
            None if directory.is_cache() => writeln!(
                text,
                "dataset     none: a cache directory, whose files are worthless after a restart: \
                 give the directory that items were persisted to"
            )?,
            None => writeln!(text, "dataset     none: items persisted without a dataset")?,
        }
        let Sum { items, bytes } = self.all;
        writeln!(text, "items       {items}, {}", output::bytes(bytes))?;
        for (codec, sum) in &self.by_codec {
            writeln!(
                text,
                "  {codec}: {} items, {}",
                sum.items,
                output::bytes(sum.bytes)
            )?;
        }
        for (schema, items) in &self.by_schema {
            writeln!(text, "  schema {schema:#x}: {items} items")?;
        }
        if !self.sizes.is_empty() {
            writeln!(text, "sizes")?;
        }
        let most = self.sizes.values().max().copied().unwrap_or(1);
        for (power, items) in &self.sizes {
            let size = indicatif::BinaryBytes(4_u64.saturating_pow(*power)).to_string();
            let bar = "#".repeat((items * WIDEST).div_ceil(most) as usize);
            writeln!(text, "  up to {size:>10}  {items:>8}  {bar}")?;
        }
        let unnamed = directory.unnamed().len();
        if unnamed > 0 {
            writeln!(
                text,
                "others      {unnamed} files that the current generation does not name: they \
                 belong to an earlier generation that is pinned, to a commit in progress, or to an \
                 interrupted commit"
            )?;
        }
        for key in missing {
            writeln!(text, "MISSING     {}", key.simple())?;
        }
        for error in &self.failed {
            let found = match Found::of(error) {
                Found::Damaged => "DAMAGED",
                _ => "UNREADABLE",
            };
            writeln!(text, "{found:<10}  {error}")?;
        }
        Ok(text)
    }

    fn as_value(&self, directory: &Inspection, missing: &[Uuid]) -> Value {
        let simple = |key: &Uuid| key.simple().to_string();
        let codecs: BTreeMap<_, _> = (self.by_codec.iter())
            .map(|(codec, sum)| (codec, json!({ "items": sum.items, "bytes": sum.bytes })))
            .collect();
        let schemas: BTreeMap<_, _> = (self.by_schema.iter())
            .map(|(schema, items)| (schema.to_string(), items))
            .collect();
        let sizes: Vec<_> = (self.sizes.iter())
            .map(|(power, items)| json!({ "up_to": 4_u64.saturating_pow(*power), "items": items }))
            .collect();
        let failed = |found| -> Vec<_> {
            let errors = self.failed.iter().filter(|error| Found::of(error) == found);
            let key = |error: &Error| error.key().as_ref().map(simple);
            errors
                .map(|error| json!({ "key": key(error), "error": error.to_string() }))
                .collect()
        };
        json!({
            "path": output::path(directory.path()),
            "generation": directory.generation(),
            "cache": directory.is_cache(),
            "items": self.all.items,
            "bytes": self.all.bytes,
            "codecs": codecs,
            "schemas": schemas,
            "sizes": sizes,
            "unnamed": directory.unnamed().len(),
            "missing": missing.iter().map(simple).collect::<Vec<_>>(),
            "damaged": failed(Found::Damaged),
            "unreadable": failed(Found::Unreadable),
        })
    }
}

impl Sum {
    fn add(&mut self, bytes: u64) {
        self.items += 1;
        // A sparse file may have any length.
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// The exponent of the least power of four that is at least `bytes`.
fn power_above(bytes: u64) -> u32 {
    (0..32)
        .find(|power| 4_u64.pow(*power) >= bytes)
        .unwrap_or(32)
}
