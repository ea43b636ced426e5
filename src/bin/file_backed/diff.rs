//! Compares two generations.

use std::collections::HashSet;
use std::path::Path;
use std::process::ExitCode;

use file_backed::dataset::{Inspection, NamedItem, Names};
use file_backed::uuid::Uuid;
use file_backed_codecs::printable::Printable;
use serde_json::json;

use super::Result;
use super::options::Diff;
use super::output::{self, Lines};

/// The exit code if something differs, as that of `diff`.
const DIFFERS: u8 = 1;

/// What became of a name or an item.
#[derive(Clone, Copy)]
enum Change {
    Added,
    Removed,
    /// It has other contents.
    Changed,
    /// The name is of another item with the same contents.
    Rekeyed,
}

pub(crate) fn run(options: &Diff, as_json: bool) -> Result<ExitCode> {
    let (before, after) = both(options)?;
    let mut report = Report {
        lines: Lines::default(),
        as_json,
        found: false,
    };
    if before.root_json() != after.root_json() {
        report.root()?;
    }
    compare_names(&before, &after, &mut report)?;
    compare_unnamed(&before, &after, &mut report)?;
    report.lines.write()?;
    Ok(match report.found {
        true => DIFFERS.into(),
        false => ExitCode::SUCCESS,
    })
}

fn both(options: &Diff) -> Result<(Inspection, Inspection)> {
    let path = &options.path;
    match options.second {
        Some(second) => {
            let text = options.first.to_string_lossy();
            let first = text.parse::<u64>().map_err(|_| {
                let text = Printable(text);
                format!("\"{text}\" is no number of a generation: `file_backed info` shows the current one")
            })?;
            let first = Inspection::blocking_open_generation(path, first)?;
            Ok((first, Inspection::blocking_open_generation(path, second)?))
        }
        None => {
            let other = Path::new(&options.first);
            let is_number = options
                .first
                .to_str()
                .is_some_and(|text| text.parse::<u64>().is_ok());
            if is_number && !other.exists() {
                return Err("give two generations, or another dataset".into());
            }
            Ok((dataset(path)?, dataset(other)?))
        }
    }
}

fn dataset(path: &Path) -> Result<Inspection> {
    let directory = Inspection::blocking_open(path)?;
    super::check_dataset(&directory)?;
    Ok(directory)
}

/// Walks the names of both in order.
fn compare_names(before: &Inspection, after: &Inspection, report: &mut Report) -> Result<()> {
    let (old, new) = (before.names(), after.names());
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return Ok(()),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(old), Some(new)) => old.name().cmp(new.name()),
        };
        let old = old.next_if(|_| order.is_le());
        let new = new.next_if(|_| order.is_ge());
        let change = match (&old, &new) {
            (Some(old), Some(new)) => match change(before, old, after, new) {
                Some(change) => change,
                None => continue,
            },
            (Some(_), None) => Change::Removed,
            (None, _) => Change::Added,
        };
        report.name(change, old.as_ref(), new.as_ref())?;
    }
}

/// `None` if the name has the same item with the same file in both.
fn change(
    before: &Inspection,
    old: &NamedItem,
    after: &Inspection,
    new: &NamedItem,
) -> Option<Change> {
    let (old, new) = (uuid(old), uuid(new));
    match fingerprints_equal(before, old, after, new) {
        false => Some(Change::Changed),
        true => (old != new).then_some(Change::Rekeyed),
    }
}

fn fingerprints_equal(before: &Inspection, old: Uuid, after: &Inspection, new: Uuid) -> bool {
    let (old, new) = (before.item(old), after.item(new));
    old.map(|item| item.fingerprint()) == new.map(|item| item.fingerprint())
}

/// Compares the items that have no name, by their keys.
fn compare_unnamed(before: &Inspection, after: &Inspection, report: &mut Report) -> Result<()> {
    let (named_before, named_after) = (named(&before.names()), named(&after.names()));
    for item in before.items() {
        let key = item.key();
        // An item that has lost its names, or got some, is reported by these.
        let is_named = named_before.contains(&key) || named_after.contains(&key);
        if after.item(key).is_none() && !named_before.contains(&key) {
            report.item(Change::Removed, key)?;
        } else if after.item(key).is_some()
            && !is_named
            && !fingerprints_equal(before, key, after, key)
        {
            report.item(Change::Changed, key)?;
        }
    }
    for item in after.items() {
        let key = item.key();
        if before.item(key).is_none() && !named_after.contains(&key) {
            report.item(Change::Added, key)?;
        }
    }
    Ok(())
}

fn named(names: &Names) -> HashSet<Uuid> {
    names.iter().map(|item| uuid(&item)).collect()
}

fn uuid(item: &NamedItem) -> Uuid {
    item.key::<()>().uuid()
}

struct Report {
    lines: Lines,
    as_json: bool,
    /// Whether anything was reported.
    found: bool,
}

impl Report {
    fn root(&mut self) -> Result<()> {
        match self.as_json {
            true => self.line(&json!({ "change": "root" }).to_string()),
            false => self.line("R"),
        }
    }

    fn name(
        &mut self,
        change: Change,
        old: Option<&NamedItem>,
        new: Option<&NamedItem>,
    ) -> Result<()> {
        let name = new.or(old).map_or("", NamedItem::name);
        match self.as_json {
            true => {
                let key =
                    |item: Option<&NamedItem>| item.map(|item| uuid(item).simple().to_string());
                let bytes = |item: Option<&NamedItem>| item.map(NamedItem::file_len);
                let value = json!({
                    "change": change.word(),
                    "name": name,
                    "old_key": key(old),
                    "new_key": key(new),
                    "old_bytes": bytes(old),
                    "new_bytes": bytes(new),
                });
                self.line(&output::as_json(&value))
            }
            false => self.line(&format!("{}  {}", change.letter(), output::name(name))),
        }
    }

    /// An item without a name.
    fn item(&mut self, change: Change, key: Uuid) -> Result<()> {
        let key = key.simple();
        match self.as_json {
            true => {
                let value = json!({ "change": change.word(), "key": key.to_string() });
                self.line(&value.to_string())
            }
            false => self.line(&format!("{}  (key) {key}", change.letter())),
        }
    }

    fn line(&mut self, line: &str) -> Result<()> {
        self.found = true;
        Ok(self.lines.push(line)?)
    }
}

impl Change {
    fn letter(self) -> char {
        match self {
            Self::Added => 'A',
            Self::Removed => 'D',
            Self::Changed => 'M',
            Self::Rekeyed => 'K',
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
            Self::Rekeyed => "rekeyed",
        }
    }
}
