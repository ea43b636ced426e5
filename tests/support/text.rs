//! Errors as a user reads them.

use std::path::Path;

use file_backed::Error;
use uuid::Uuid;

/// The whole text, with what differs from run to run by its name: the item's key
/// and shard, and the directory `root`.
pub(crate) fn told(error: &Error, root: &Path) -> String {
    let text = error.to_string().replace(&*root.to_string_lossy(), "ROOT");
    let Some(key) = key_of(error) else {
        return text;
    };
    let key = key.simple().to_string();
    text.replace(&format!("/{}/", &key[..2]), "/SHARD/")
        .replace(&key, "KEY")
}

/// The key that the text names.
fn key_of(error: &Error) -> Option<Uuid> {
    let of_path = || Uuid::try_parse(error.path()?.file_name()?.to_str()?).ok();
    let of_cause = || key_of(error.get_ref().downcast_ref()?);
    error.key().or_else(of_path).or_else(of_cause)
}
