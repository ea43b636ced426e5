//! The files of a folder, and the names that they get.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use file_backed_codecs::printable::PrintablePath;

use crate::Result;

/// The longest name of an item in bytes.
const LONGEST_NAME: usize = 1024;

/// How many of the files that cannot be imported are listed.
const MOST_LISTED: usize = 20;

/// A file of the folder.
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) name: String,
    pub(super) bytes: u64,
}

/// The files of the folder, in the order of their names. Fails if there is anything else than
/// files and directories in it, or a path that cannot be a name.
pub(super) fn files(folder: &Path, prefix: &str) -> Result<Vec<Found>> {
    let (mut found, mut refused) = (Vec::new(), Vec::new());
    walk(folder, prefix.to_owned(), &mut found, &mut refused)?;
    if refused.is_empty() {
        found.sort_by(|one, other| one.name.cmp(&other.name));
        return Ok(found);
    }
    let count = refused.len();
    refused.sort();
    let mut list: Vec<_> = refused
        .iter()
        .take(MOST_LISTED)
        .map(|(path, why)| format!("\n  {}: {why}", PrintablePath(path)))
        .collect();
    if count > MOST_LISTED {
        list.push(format!("\n  and {} more", count - MOST_LISTED));
    }
    let list = list.concat();
    Err(format!(
        "nothing was imported, because these cannot be:{list}\nmove them away, or rename them"
    )
    .into())
}

/// `above` is what the names of the directory begin with.
fn walk(
    directory: &Path,
    above: String,
    found: &mut Vec<Found>,
    refused: &mut Vec<(PathBuf, String)>,
) -> Result<()> {
    let mut directories = vec![(directory.to_owned(), above)];
    while let Some((directory, above)) = directories.pop() {
        let unreadable = |error: io::Error| {
            let directory = PrintablePath(&directory);
            format!("could not read the directory {directory}: {error}")
        };
        for entry in fs::read_dir(&directory).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let path = entry.path();
            let kind = entry.file_type().map_err(unreadable)?;
            let name = entry.file_name();
            let why = match name.to_str() {
                None => "its name is not UTF-8".to_owned(),
                Some(name) if kind.is_dir() => {
                    directories.push((path, format!("{above}{name}/")));
                    continue;
                }
                Some(_) if kind.is_symlink() => "it is a symbolic link".to_owned(),
                Some(_) if !kind.is_file() => "it is neither a file nor a directory".to_owned(),
                Some(name) => {
                    let name = format!("{above}{name}");
                    match name.len() {
                        ..=LONGEST_NAME => {
                            let bytes = entry.metadata().map_err(unreadable)?.len();
                            found.push(Found { path, name, bytes });
                            continue;
                        }
                        len => format!(
                            "its name would have {len} bytes, and the longest has {LONGEST_NAME}"
                        ),
                    }
                }
            };
            refused.push((path, why));
        }
    }
    Ok(())
}
