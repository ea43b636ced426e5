//! Contents, edits and chains, compared with maps that do the same simply.

mod chains;
mod edits;
mod model;
mod properties;

use uuid::Uuid;

use super::Edit;
use crate::dataset::cause::DatasetCause;
use crate::dataset::manifest::{ItemEntry, ItemKind, Name};
use crate::dataset::tests::samples::{fingerprint, place};

/// A key that looks random.
fn key(n: u64) -> Uuid {
    let mixed = (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Uuid::from_u64_pair(mixed, n)
}

fn entry(n: u64) -> ItemEntry {
    ItemEntry {
        fingerprint: fingerprint(n),
        kind: ItemKind {
            codec: 1,
            schema: n % 3,
            ..ItemKind::UNKNOWN
        },
        place: place(n),
    }
}

/// As `Saver::save_named` does.
fn put_named(
    edit: &mut Edit,
    name: &str,
    n: u64,
    entry: ItemEntry,
) -> Result<Option<Uuid>, DatasetCause> {
    let name = Name::new(name)?;
    edit.put(key(n), entry);
    edit.take_name(name, key(n))
}

fn texts(names: impl IntoIterator<Item = Name>) -> Vec<String> {
    let names = names.into_iter();
    names.map(|name| name.as_str().to_owned()).collect()
}
