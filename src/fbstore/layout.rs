//! The names of files and directories.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use uuid::Uuid;

/// Names that the library creates in a directory next to the items.
///
/// The published 0.6 deletes names that it does not know. Pass these to it as ignored
/// names.
pub const RESERVED: [&str; 6] = [
    "file_backed.lock",
    "file_backed.role",
    "file_backed.manifest",
    PACKS,
    "file_backed.foreign",
    "file_backed.temporary",
];

/// The name of the directory of packs.
pub(super) const PACKS: &str = "file_backed.packs";

/// The path of the file of `key` below `root`:
/// `root/<first two hex digits>/<32 hex digits>`.
///
/// # Examples
///
/// ```
/// use std::path::Path;
/// use file_backed::fbstore::key_path;
/// use uuid::uuid;
///
/// let key = uuid!("00112233-4455-6677-8899-aabbccddeeff");
/// let path = key_path(Path::new("/data"), key);
/// assert_eq!(path, Path::new("/data/00/00112233445566778899aabbccddeeff"));
/// ```
pub fn key_path(root: &Path, key: Uuid) -> PathBuf {
    let mut name = Uuid::encode_buffer();
    let name = &*key.simple().encode_lower(&mut name);
    let mut path = PathBuf::with_capacity(root.as_os_str().len() + name.len() + 4);
    path.push(root);
    path.push(&name[..2]);
    path.push(name);
    path
}

/// The path of a pack in a directory.
#[cfg(feature = "dataset")]
pub(crate) fn pack_path(root: &Path, id: Uuid) -> PathBuf {
    root.join(PACKS).join(id_name_of(id))
}

/// The name of a shard, without an allocation.
#[derive(Clone, Copy)]
pub(super) struct ShardName([u8; 2]);

pub(super) fn shard_name(shard: u8) -> ShardName {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| DIGITS[usize::from(value & 0xf)];
    ShardName([digit(shard >> 4), digit(shard)])
}

impl ShardName {
    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("hex digits are ASCII")
    }
}

/// The directory of a shard.
pub(super) fn shard_path(root: &Path, shard: u8) -> PathBuf {
    root.join(shard_name(shard).as_str())
}

/// The meaning of a name in a shard, if it is one of the library's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Item(Uuid),
    /// A file before it is renamed to its final name.
    Temporary {
        key: Uuid,
        /// Another process created it.
        is_left_over: bool,
    },
}

/// The ending of every temporary name.
const TEMPORARY: &str = ".file_backed";

/// Hex digits of a process's random number.
const PROCESS: usize = 16;

/// The length of what follows the key in a temporary name: a dot, the number of the
/// process that created it, and the ending.
pub(super) const TEMPORARY_LEN: usize = 1 + PROCESS + TEMPORARY.len();

/// The part after the key in the temporary names that this process creates.
pub(super) fn temporary_suffix() -> &'static str {
    static SUFFIX: LazyLock<String> = LazyLock::new(|| {
        let number = crate::key::random().simple().to_string();
        format!(".{}{TEMPORARY}", &number[..PROCESS])
    });
    &SUFFIX
}

/// The meaning of a name in a shard; `None` for a foreign name.
pub(super) fn name_in(shard: &str, name: &OsStr) -> Option<Name> {
    let name = name.to_str()?;
    let (key, rest) = name.split_at_checked(32)?;
    if !key.starts_with(shard) || !is_hex(key) {
        return None;
    }
    let key = Uuid::try_parse(key).ok()?;
    if rest.is_empty() {
        return Some(Name::Item(key));
    }
    let process = rest.strip_prefix('.')?.strip_suffix(TEMPORARY)?;
    let is_ours = process.len() == PROCESS && is_hex(process);
    is_ours.then(|| Name::Temporary {
        key,
        is_left_over: rest != temporary_suffix(),
    })
}

/// The name of the part of a generation, or of the pack, with this id.
pub(super) fn id_name_of(id: Uuid) -> String {
    id.simple().to_string()
}

/// The id that [`id_name_of`] has made a name of.
pub(super) fn id_of_name(name: &OsStr) -> Option<Uuid> {
    let name = name.to_str()?;
    let is_ours = name.len() == uuid::fmt::Simple::LENGTH && is_hex(name);
    is_ours.then(|| Uuid::try_parse(name).ok()).flatten()
}

/// Whether a name is that of a shard.
pub(super) fn is_shard(name: &str) -> bool {
    name.len() == 2 && is_hex(name)
}

pub(super) fn is_hex(name: &str) -> bool {
    name.bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_the_library_are_recognized() {
        let key = Uuid::from_u128(0xab << 120 | 5);
        let name = key.simple().to_string();
        let of = |shard: &str, name: &str| name_in(shard, name.as_ref());
        assert_eq!(of("ab", &name), Some(Name::Item(key)));
        assert_eq!(of("ac", &name), None, "another shard");
        assert_eq!(of("ab", &name.to_uppercase()), None);
        assert_eq!(of("ab", &key.to_string()), None, "with hyphens");
        assert_eq!(of("ab", "abc"), None);
        assert_eq!(of("ab", &format!("{name}\u{e9}")), None);
        assert_eq!(of("ab", &format!("{}\u{e9}", &name[1..])), None);
    }

    #[test]
    fn only_temporary_names_of_other_processes_are_leftovers() {
        let key = Uuid::from_u128(0xab << 120 | 5);
        let name = format!("{}{}", key.simple(), temporary_suffix());
        assert_eq!(name.len(), 32 + TEMPORARY_LEN);
        let of = |name: &str| name_in("ab", name.as_ref());
        let temporary = |is_left_over| Some(Name::Temporary { key, is_left_over });
        assert_eq!(of(&name), temporary(false));
        let other = format!("{}.{}{TEMPORARY}", key.simple(), "0".repeat(PROCESS));
        assert_eq!(of(&other), temporary(true));
        assert_eq!(of(&other.replace(".0", ".")), None);
        assert_eq!(of(&other.replace(TEMPORARY, ".tmp")), None);
        assert_eq!(of(&format!("{other}~")), None);
        assert_eq!(name_in("ac", name.as_ref()), None, "another shard");
    }
}
