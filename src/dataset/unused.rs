//! The files of a dataset that no generation needs.

use std::path::PathBuf;
use std::sync::Arc;

use uuid::Uuid;

use super::Inspection;
use super::reading::Generation;
use crate::error::{Operation, StoreError};
use crate::fbstore::{Manifests, key_path, on_a_thread};
use crate::hash::HashSet;
use crate::{Error, Result};

/// A file of a dataset that no generation needs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UnusedFile {
    /// Where the file is.
    pub path: PathBuf,
    /// Length in bytes.
    pub len: u64,
    /// The key of the item, if it is the file of one. The other files are packs of which no
    /// item is needed, or record earlier generations.
    pub key: Option<Uuid>,
}

/// What the generations need that are current, later or pinned.
struct Needed {
    generations: Vec<Generation>,
    parts: HashSet<Uuid>,
}

impl Inspection {
    /// The files that neither the current generation needs nor one that a reader has pinned:
    /// the manifests of earlier generations, the parts that they consist of, and items. An
    /// interrupted commit leaves such files, and so does a reader that is gone. The next
    /// [`open`](super::Dataset::open) of the dataset deletes them.
    ///
    /// There are none if the directory is not a dataset. Nothing is changed. While a program
    /// has the dataset open to commit, the files of the commit in progress are among the
    /// result, and so is a base that is being written.
    ///
    /// # Errors
    ///
    /// If a generation cannot be read that is pinned: it may need any file.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use std::sync::Arc;
    /// use file_backed::dataset::Inspection;
    ///
    /// # #[tokio::main]
    /// # async fn main() -> file_backed::Result<()> {
    /// let found = Arc::new(Inspection::open("album").await?);
    /// let unused = found.unused().await?;
    /// let bytes: u64 = unused.iter().map(|file| file.len).sum();
    /// println!("{} files, {bytes} bytes can be deleted", unused.len());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn unused(self: &Arc<Self>) -> Result<Vec<UnusedFile>> {
        let inspection = self.clone();
        on_a_thread(move || inspection.blocking_unused()).await
    }

    /// The blocking form of [`unused`](Self::unused).
    ///
    /// # Errors
    ///
    /// Same as [`unused`](Self::unused).
    ///
    /// # Blocking
    ///
    /// Reads the manifests of the pinned generations on this thread.
    pub fn blocking_unused(&self) -> Result<Vec<UnusedFile>> {
        let unused = self.find_unused();
        unused.map_err(|error| Error::new(Operation::Inspect, error))
    }

    fn find_unused(&self) -> Result<Vec<UnusedFile>, StoreError> {
        let Some(current) = self.current() else {
            return Ok(Vec::new());
        };
        let manifests = Manifests::of(self.prepared());
        // The parts come first: those of a commit that begins later are not looked at.
        let parts = manifests.parts()?;
        let mut needed = Needed {
            generations: Vec::new(),
            parts: current.parts().collect(),
        };
        let mut unused = Vec::new();
        let others = manifests.generations()?.into_iter();
        for number in others.filter(|number| *number != current.number) {
            if number > current.number || manifests.is_pinned(number)? {
                needed.add(Generation::read(&manifests, number)?);
                continue;
            }
            let (path, len) = (manifests.path_of(number), manifests.len_of(number)?);
            unused.extend(found(path, len, None));
        }
        for part in parts
            .into_iter()
            .filter(|part| !needed.parts.contains(part))
        {
            let (path, len) = (manifests.part_path_of(part), manifests.len_of_part(part)?);
            unused.extend(found(path, len, None));
        }
        let packs = Manifests::of_packs(self.prepared());
        let needed_packs = needed.packs(current);
        for pack in packs
            .parts()?
            .into_iter()
            .filter(|pack| !needed_packs.contains(pack))
        {
            let (path, len) = (packs.part_path_of(pack), packs.len_of_part(pack)?);
            unused.extend(found(path, len, None));
        }
        let items = self.unnamed().into_iter();
        for key in items.filter(|key| !needed.has_item(*key)) {
            let path = key_path(self.path(), key);
            unused.extend(found(path, self.prepared().file_len(key)?, Some(key)));
        }
        Ok(unused)
    }

    /// Total length in bytes of the files that record generations: of the current one, and of
    /// others that are on the disk.
    ///
    /// # Errors
    ///
    /// If the directory cannot be read.
    ///
    /// # Blocking
    ///
    /// Asks for the length of each file on this thread.
    pub fn blocking_manifest_bytes(&self) -> Result<u64> {
        let manifests = Manifests::of(self.prepared());
        let sum = || {
            let mut sum = 0;
            for number in manifests.generations()? {
                sum += manifests.len_of(number)?.unwrap_or(0);
            }
            for part in manifests.parts()? {
                sum += manifests.len_of_part(part)?.unwrap_or(0);
            }
            Ok::<_, StoreError>(sum)
        };
        sum().map_err(|error| Error::new(Operation::Inspect, error))
    }
}

/// `None` if the file has been deleted since it was found.
fn found(path: PathBuf, len: Option<u64>, key: Option<Uuid>) -> Option<UnusedFile> {
    Some(UnusedFile {
        path,
        len: len?,
        key,
    })
}

impl Needed {
    fn add(&mut self, generation: Generation) {
        self.parts.extend(generation.parts());
        self.generations.push(generation);
    }

    /// The packs in which generations have items.
    fn packs(&self, current: &Generation) -> HashSet<Uuid> {
        let generations = self.generations.iter().chain([current]);
        let packs = generations.flat_map(|generation| generation.contents.packs());
        packs.map(|(pack, _)| pack.file.id).collect()
    }

    fn has_item(&self, key: Uuid) -> bool {
        let mut generations = self.generations.iter();
        generations.any(|generation| generation.contents.contains(key))
    }
}
