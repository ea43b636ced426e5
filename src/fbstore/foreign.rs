//! Items that were in a directory before it became a cache.
//!
//! They may be the only copy of a user's data: files of 0.6, or a persisted directory
//! whose mark was lost. Their keys are recorded before the directory is marked as a
//! cache, so that no later start sweeps them. All other items of a marked cache were
//! written by a store, and are worthless after a restart.

use std::io;

use file_backed_codecs::Source;
use uuid::Uuid;

use super::directory::at;
use super::file_ref::Shards;
use super::files::Files;
use super::role::write_durably;
use crate::error::{Cause, StoreError};
use crate::hash::HashSet;

/// The name of the list.
const LIST: &str = "file_backed.foreign";

/// Ends the list. A list without it is incomplete.
const END: &str = "end";

/// The library writes no list longer than this.
const MOST_BYTES: u64 = 1 << 30;

/// Bytes of a key and a line feed.
const LINE: usize = 33;

/// Records the items of a directory that is about to become a cache.
pub(super) fn write(
    files: &dyn Files,
    shards: &Shards,
    keys: &[Uuid],
) -> Result<HashSet<Uuid>, StoreError> {
    let mut text = String::with_capacity(keys.len() * LINE + END.len() + 1);
    for key in keys {
        text.push_str(key.simple().encode_lower(&mut Uuid::encode_buffer()));
        text.push('\n');
    }
    text.push_str(END);
    text.push('\n');
    if text.len() as u64 > MOST_BYTES {
        let error = io::Error::from(io::ErrorKind::FileTooLarge);
        return Err(at(&shards.beside(LIST).path(), error));
    }
    write_durably(files, shards, LIST, text.as_bytes())
        .map_err(|error| at(&shards.beside(LIST).path(), error))?;
    Ok(keys.iter().copied().collect())
}

pub(super) fn is_there(files: &dyn Files, shards: &Shards) -> bool {
    files.identity(&shards.beside(LIST)).is_ok()
}

/// Removes the list that an earlier use of the directory left.
pub(super) fn remove(files: &dyn Files, shards: &Shards) -> Result<(), StoreError> {
    let list = shards.beside(LIST);
    match files.remove(&list) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(&list.path(), error)),
        _ => Ok(()),
    }
}

/// The items that a marked cache must leave alone.
pub(super) fn read(files: &dyn Files, shards: &Shards) -> Result<HashSet<Uuid>, StoreError> {
    let list = shards.beside(LIST);
    let file = match files.open(&list) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(HashSet::default()),
        file => file.map_err(|error| at(&list.path(), error))?,
    };
    let text = read_whole(&*file).map_err(|error| at(&list.path(), error))?;
    parse(&text).ok_or_else(|| at(&list.path(), Cause::DamagedList))
}

fn read_whole(file: &dyn Source) -> io::Result<Vec<u8>> {
    let len = file.len()?;
    if len > MOST_BYTES {
        return Ok(Vec::new());
    }
    let mut bytes = vec![0; len as usize];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

fn parse(text: &[u8]) -> Option<HashSet<Uuid>> {
    let text = std::str::from_utf8(text).ok()?;
    let keys = text.strip_suffix('\n')?.strip_suffix(END)?;
    keys.lines().map(|key| Uuid::try_parse(key).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::real_files::RealFiles;
    use super::*;

    #[test]
    fn a_list_of_foreign_items_is_read_as_it_was_written() {
        let dir = tempfile::tempdir().expect("a directory");
        let shards = Shards::open(dir.path().to_owned()).expect("it is there");
        assert!(read(&RealFiles, &shards).expect("none").is_empty());
        let all: Vec<_> = (0..100).map(Uuid::from_u128).collect();
        for keys in [&all[..], &all[..1], &[]] {
            write(&RealFiles, &shards, keys).expect("it is written");
            let found = read(&RealFiles, &shards).expect("it is whole");
            assert_eq!(found, HashSet::from_iter(keys.iter().copied()));
        }
    }

    /// A cache whose list is damaged must not be swept.
    #[test]
    fn a_damaged_list_of_foreign_items_is_an_error() {
        let dir = tempfile::tempdir().expect("a directory");
        let shards = Shards::open(dir.path().to_owned()).expect("it is there");
        write(&RealFiles, &shards, &[Uuid::from_u128(7)]).expect("it is written");
        let path = dir.path().join(LIST);
        let whole = std::fs::read(&path).expect("it is there");
        std::fs::remove_file(&path).expect("it is ours");
        for len in 0..whole.len() {
            std::fs::write(&path, &whole[..len]).expect("it is written");
            read(&RealFiles, &shards).expect_err("it is not whole");
        }
        std::fs::write(&path, [b"no key\n", &whole[..]].concat()).expect("it is written");
        let error = read(&RealFiles, &shards).expect_err("it names no key");
        assert_eq!(error.path(), Some(&*path));
    }

    /// Memory for the whole list used to be allocated before the first byte was
    /// checked.
    #[test]
    fn an_oversized_list_of_foreign_items_is_an_error_and_is_not_read() {
        let dir = tempfile::tempdir().expect("a directory");
        let shards = Shards::open(dir.path().to_owned()).expect("it is there");
        let list = std::fs::File::create(dir.path().join(LIST)).expect("it is made");
        list.set_len(1 << 40).expect("it is sparse");
        let error = read(&RealFiles, &shards).expect_err("it is too long");
        let cause = error.get_ref().downcast_ref();
        assert!(matches!(cause, Some(Cause::DamagedList)), "{error}");
    }
}
