//! Which name stands where.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use uuid::Uuid;

/// Names that the library puts into a directory beside the items. The published
/// 0.6 deletes names that it does not know: name these to it as ignored.
pub const RESERVED: [&str; 3] = [
    "file_backed.lock",
    "file_backed.role",
    "file_backed.manifest",
];

/// The path of the file of `key` below `root`: `root/<first two hex
/// digits>/<32 hex digits>`.
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

/// The names of the 256 shards.
pub(super) fn shards() -> impl Iterator<Item = String> {
    (0..=u8::MAX).map(|shard| format!("{shard:02x}"))
}

/// The shard that a key's file is in.
pub(super) fn shard_of(root: &Path, key: Uuid) -> PathBuf {
    root.join(format!("{:02x}", key.as_bytes()[0]))
}

/// The key whose file has this name in this shard; `None` for a foreign name.
pub(super) fn key_of(shard: &str, name: &OsStr) -> Option<Uuid> {
    let name = name.to_str()?;
    let is_ours = name.len() == 32
        && name.starts_with(shard)
        && name
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_ours.then(|| Uuid::try_parse(name).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_its_own_names_only() {
        let key = Uuid::from_u128(0xab << 120 | 5);
        let name = key.simple().to_string();
        assert_eq!(key_of("ab", name.as_ref()), Some(key));
        assert_eq!(key_of("ac", name.as_ref()), None, "another shard");
        assert_eq!(key_of("ab", name.to_uppercase().as_ref()), None);
        assert_eq!(key_of("ab", key.to_string().as_ref()), None, "with hyphens");
        assert_eq!(key_of("ab", "abc".as_ref()), None);
    }
}
