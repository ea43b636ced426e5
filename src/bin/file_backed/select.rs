//! Finding the item that an argument names.

use file_backed::dataset::Inspection;
use file_backed::uuid::Uuid;
use file_backed_codecs::printable::PrintablePath;

use super::{Result, output};

/// An item, by the argument that named it.
pub(crate) struct Selected {
    pub(crate) key: Uuid,
    /// The name, if the argument is one.
    pub(crate) name: Option<String>,
}

/// The item that has this name or, if there is none, this key.
pub(crate) fn item(directory: &Inspection, word: &str) -> Result<Selected> {
    if let Some(item) = directory.names().get(word) {
        return Ok(Selected {
            key: item.key::<()>().uuid(),
            name: Some(word.to_owned()),
        });
    }
    match Uuid::try_parse(word) {
        Ok(key) if directory.contains_key(key) => Ok(Selected { key, name: None }),
        _ => {
            let (word, path) = (output::name(word), PrintablePath(directory.path()));
            let text = "`file_backed ls` lists the names and keys";
            Err(format!("no item has the name or key {word} in {path}: {text}").into())
        }
    }
}
