//! Sums up bytes by the prefixes of names.

use std::collections::HashSet;
use std::fs;

use file_backed::dataset::Inspection;
use file_backed::fbstore::key_path;
use serde_json::{Value, json};

use super::Result;
use super::found::Found;
use super::options::Du;
use super::output::{self, Lines};

#[derive(Clone, Copy, Default)]
struct Sum {
    items: u64,
    bytes: u64,
}

/// A prefix that the last name has.
struct Open {
    /// Length of the prefix in bytes, with its `/`.
    len: usize,
    sum: Sum,
}

pub(crate) fn run(directory: &Inspection, options: &Du, as_json: bool) -> Result<Found> {
    super::check_dataset(directory)?;
    let mut report = Report {
        lines: Lines::default(),
        as_json,
    };
    let named = sum_named(directory, options, &mut report)?;
    report.line("named", "(all names)", named)?;
    if options.prefix.is_empty() {
        let all = Sum {
            items: 0,
            bytes: directory
                .items()
                .fold(0, |sum: u64, item| sum.saturating_add(item.file_len())),
        };
        let unnamed = Sum {
            items: directory.items().count() as u64 - named.items,
            bytes: all.bytes.saturating_sub(named.bytes),
        };
        report.line("unnamed", "(items without a name)", unnamed)?;
        let manifests = Sum {
            items: 0,
            bytes: directory.blocking_manifest_bytes()?,
        };
        report.line("manifests", "(manifests)", manifests)?;
        let others = sum_others(directory);
        let text = "(in no current generation: pinned by a reader, or to be deleted)";
        report.line("others", text, others)?;
        let total = [named, unnamed, manifests, others];
        let total = total.iter().fold(Sum::default(), |total, sum| Sum {
            items: total.items + sum.items,
            bytes: total.bytes.saturating_add(sum.bytes),
        });
        report.line("total", "(total)", total)?;
    }
    report.lines.write()?;
    Ok(match directory.missing().is_empty() {
        true => Found::Whole,
        false => Found::Damaged,
    })
}

/// Reports each prefix after those within it, and returns the sum of all.
fn sum_named(directory: &Inspection, options: &Du, report: &mut Report) -> Result<Sum> {
    let depth = options.depth.unwrap_or(usize::MAX);
    let mut counted = HashSet::new();
    let (mut open, mut last) = (Vec::<Open>::new(), String::new());
    let mut all = Sum::default();
    let mut close = |open: &mut Vec<Open>, last: &str, shared: usize| {
        while let Some(prefix) = open.pop_if(|prefix| prefix.len > shared) {
            if let Some(parent) = open.last_mut() {
                parent.sum.add(prefix.sum);
            }
            if open.len() < depth {
                report.prefix(&last[..prefix.len], prefix.sum)?;
            }
        }
        Ok::<_, Box<dyn std::error::Error>>(())
    };
    for item in directory.names().prefix(&options.prefix) {
        let name = item.name();
        let same = last.bytes().zip(name.bytes());
        let shared = same.take_while(|(one, other)| one == other).count();
        close(&mut open, &last, shared)?;
        let known = open.last().map_or(0, |prefix| prefix.len);
        let ends = name[known..]
            .match_indices('/')
            .map(|(at, _)| known + at + 1);
        // Names that do not begin with the prefix are not counted, so a shorter one has no sum.
        let ends = ends.filter(|end| *end > options.prefix.len());
        open.extend(ends.map(|len| Open {
            len,
            sum: Sum::default(),
        }));
        let is_first = counted.insert(item.key::<()>().uuid());
        let sum = Sum {
            items: is_first.into(),
            bytes: if is_first { item.file_len() } else { 0 },
        };
        if let Some(parent) = open.last_mut() {
            parent.sum.add(sum);
        }
        all.add(sum);
        last.clear();
        last.push_str(name);
    }
    close(&mut open, &last, 0)?;
    Ok(all)
}

/// The files of items that are not in the generation.
fn sum_others(directory: &Inspection) -> Sum {
    let mut sum = Sum::default();
    for key in directory.unnamed() {
        // One that is gone by now takes no room.
        if let Ok(file) = fs::metadata(key_path(directory.path(), key)) {
            sum.add(Sum {
                items: 1,
                bytes: file.len(),
            });
        }
    }
    sum
}

struct Report {
    lines: Lines,
    as_json: bool,
}

impl Report {
    fn prefix(&mut self, prefix: &str, sum: Sum) -> Result<()> {
        match self.as_json {
            true => self.value(&json!({
                "prefix": prefix,
                "items": sum.items,
                "bytes": sum.bytes,
            })),
            false => self.row(&output::name(prefix), sum),
        }
    }

    /// What is no prefix.
    fn line(&mut self, kind: &str, text: &str, sum: Sum) -> Result<()> {
        match self.as_json {
            true => self.value(&json!({
                "sum": kind,
                "items": sum.items,
                "bytes": sum.bytes,
            })),
            false => self.row(text, sum),
        }
    }

    fn row(&mut self, text: &str, sum: Sum) -> Result<()> {
        let bytes = indicatif::BinaryBytes(sum.bytes).to_string();
        let line = format!("{:>12}  {bytes:>12}  {text}", sum.bytes);
        Ok(self.lines.push(&line)?)
    }

    fn value(&mut self, value: &Value) -> Result<()> {
        Ok(self.lines.push(&output::as_json(value))?)
    }
}

impl Sum {
    fn add(&mut self, other: Self) {
        self.items += other.items;
        // A sparse file may have any length.
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}
