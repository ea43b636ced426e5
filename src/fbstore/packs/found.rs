//! The packs that a scan of a directory has found.
//!
//! It reads their indexes, and keeps the packs open: their items are read also after they were
//! deleted.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use file_backed_codecs::pack::Pack;
use file_backed_codecs::printable::PrintablePath;
use file_backed_codecs::{CodecError, FrameError};
use uuid::Uuid;

use super::open::OpenPack;
use super::{PackedFile, path_of, read_index};
use crate::error::StoreError;
use crate::fbstore::directory::{Directory, at};
use crate::fbstore::manifests::Manifests;
use crate::fbstore::prepared_path::PreparedPath;
use crate::hash::HashSet;

/// The packs of one directory, as a scan has found them.
#[derive(Default)]
pub(in crate::fbstore) struct FoundPacks {
    packs: Vec<(Pack, Arc<OpenPack>)>,
    /// The items that have no file of their own, with the indexes of their packs, in ascending
    /// order.
    items: Vec<(Uuid, u32)>,
    /// The packs that could not be read because they are damaged, and why.
    damaged: Vec<(PathBuf, &'static str)>,
}

impl FoundPacks {
    /// Reads the indexes of all packs of a path. An item that has a file too is read from
    /// that.
    ///
    /// A damaged pack is left out: the others are as good as before.
    pub(in crate::fbstore) fn read(
        path: &PreparedPath,
        have_files: &[Uuid],
    ) -> Result<Self, StoreError> {
        let mut found = Self::default();
        let mut ids = Manifests::of_packs(path).parts()?;
        ids.sort_unstable();
        for id in ids {
            found.add(path.directory(), id)?;
        }
        if found.packs.is_empty() {
            return Ok(found);
        }
        let have_files: HashSet<_> = have_files.iter().copied().collect();
        for (number, (index, _)) in (0..).zip(&found.packs) {
            let keys = index.items().map(|item| Uuid::from_bytes(item.key()));
            let keys = keys.filter(|key| !have_files.contains(key));
            found.items.extend(keys.map(|key| (key, number)));
        }
        found.items.sort_unstable();
        found.items.dedup_by_key(|(key, _)| *key);
        Ok(found)
    }

    fn add(&mut self, directory: &Directory, id: Uuid) -> Result<(), StoreError> {
        let path = path_of(directory, id);
        match read_index(directory, id) {
            Ok((index, source)) => {
                let open = OpenPack::of(path, source, index.identity());
                self.packs.push((index, Arc::new(open)));
            }
            Err(error) if is_not_found(&error) => {}
            Err(error) => match error.downcast_ref() {
                Some(FrameError::DamagedPack(why)) => {
                    tracing::warn!(path = %PrintablePath(&path), %error, "a pack is damaged, and its items cannot be read");
                    self.damaged.push((path, why));
                }
                _ => return Err(at(&path, error)),
            },
        }
        Ok(())
    }

    /// The keys of the items that have no file of their own.
    pub(in crate::fbstore) fn keys(&self) -> impl Iterator<Item = Uuid> {
        self.items.iter().map(|(key, _)| *key)
    }

    pub(super) fn find(&self, key: Uuid) -> Option<PackedFile> {
        let found = self.items.binary_search_by_key(&key, |(key, _)| *key);
        let (_, pack) = self.items[found.ok()?];
        let (index, pack) = &self.packs[pack as usize];
        let item = index.find(key.as_bytes())?;
        Some(PackedFile {
            pack: pack.clone(),
            offset: item.offset(),
            footer: item.footer().clone(),
        })
    }

    /// The errors of the packs that are damaged.
    #[cfg(feature = "dataset")]
    pub(in crate::fbstore) fn damage(&self) -> impl Iterator<Item = StoreError> {
        let damage = |why| CodecError::from(FrameError::DamagedPack(why));
        let damaged = self.damaged.iter();
        damaged.map(move |(path, why)| at(path, damage(why)))
    }
}

/// Whether a pack was deleted after it was listed.
fn is_not_found(error: &CodecError) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
}

impl fmt::Debug for FoundPacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FoundPacks")
            .field("packs", &self.packs.len())
            .field("items", &self.items.len())
            .finish_non_exhaustive()
    }
}
