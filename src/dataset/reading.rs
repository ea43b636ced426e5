//! Reading a generation from the files that record it.

use std::path::PathBuf;
use std::sync::Arc;

use file_backed_codecs::Source;
use uuid::Uuid;

use super::cause::DatasetCause;
use super::contents::{Chain, Contents, ReadChain};
use super::manifest::{Base, Delta, FileId, Recorded, WrittenFile};
use crate::backing_store::ManifestStore;
use crate::error::{StoreError, at};
use crate::fbstore::Manifests;

/// Where the files of generations are read.
pub(super) trait ManifestFiles {
    fn open_manifest(&self, generation: u64) -> Result<Box<dyn Source>, StoreError>;
    fn open_part(&self, id: Uuid) -> Result<Box<dyn Source>, StoreError>;
    fn manifest_path(&self, generation: u64) -> Option<PathBuf>;
    fn part_path(&self, id: Uuid) -> Option<PathBuf>;
}

/// The files of a place of a store.
pub(super) struct StoreFiles<'a, B: ManifestStore> {
    pub(super) backing: &'a B,
    pub(super) path: &'a B::PersistPath,
}

/// A generation that was read.
#[derive(Debug)]
pub(super) struct Generation {
    pub(super) number: u64,
    /// The root, as JSON.
    pub(super) root: Arc<[u8]>,
    pub(super) contents: Contents,
    /// `None` for a manifest of version 1.
    pub(super) chain: Option<Chain>,
}

impl Generation {
    /// Reads a generation, and checks everything in its files. The caller has it pinned, or
    /// is the only one to remove files.
    pub(super) fn read(files: &impl ManifestFiles, number: u64) -> Result<Self, StoreError> {
        Self::read_after(None, files, number)
    }

    /// Reads a generation of the same dataset as `known`, whose base it may have too. Then
    /// the base is not read again.
    pub(super) fn read_after(
        known: Option<&Contents>,
        files: &impl ManifestFiles,
        number: u64,
    ) -> Result<Self, StoreError> {
        let source = files.open_manifest(number)?;
        let of_own = |error| at(files.manifest_path(number), error);
        let (delta, written) = match Recorded::read(&*source, number).map_err(of_own)? {
            Recorded::Whole(manifest) => {
                let contents = Contents::of_manifest(&manifest);
                return Ok(Self {
                    number,
                    contents: contents.map_err(|cause| of_own(cause.into()))?,
                    root: manifest.root.into(),
                    chain: None,
                });
            }
            Recorded::Delta(delta, written) => (delta, written),
        };
        Self::with_chain(known, files, delta, written, of_own)
    }

    /// Reads the generation that a part records, without the manifest of it.
    pub(super) fn read_part(files: &impl ManifestFiles, id: Uuid) -> Result<Self, StoreError> {
        let source = files.open_part(id)?;
        let of_own = |error| at(files.part_path(id), error);
        if let Ok((delta, written)) = Delta::read(&*source) {
            return Self::with_chain(None, files, delta, written, of_own);
        }
        let base = Base::read(&*source).map_err(of_own)?;
        Ok(Self {
            number: base.generation(),
            root: base.root().clone(),
            contents: Contents::of(Arc::new(base)),
            chain: None,
        })
    }

    /// Reads what a delta builds on.
    fn with_chain(
        known: Option<&Contents>,
        files: &impl ManifestFiles,
        newest: Delta,
        written: WrittenFile,
        of_own: impl FnOnce(StoreError) -> StoreError,
    ) -> Result<Self, StoreError> {
        let number = newest.generation;
        let base = match newest.base {
            Some(base) => Some(match known.and_then(|known| known.base_of(base)) {
                Some(known) => known,
                None => Arc::new(read_base(files, base, number)?),
            }),
            None => None,
        };
        let deltas = with_parents(files, newest, written)?;
        let read = Chain::read(base, deltas).map_err(|cause| of_own(cause.into()))?;
        let ReadChain {
            contents,
            root,
            chain,
        } = read;
        Ok(Self {
            number,
            root,
            contents,
            chain: Some(chain),
        })
    }

    /// The parts that its manifest needs, each after those that it builds on.
    pub(super) fn parts(&self) -> impl Iterator<Item = Uuid> {
        self.chain.iter().flat_map(Chain::parts)
    }
}

fn read_base(
    files: &impl ManifestFiles,
    file: FileId,
    generation: u64,
) -> Result<Base, StoreError> {
    let path = || files.part_path(file.id);
    let source = files.open_part(file.id);
    let source = source.map_err(|error| missing(error, path, generation))?;
    let read = Base::read(&*source);
    let base = read.map_err(|error| of_part(error, path, generation))?;
    match base.written().file == file {
        true => Ok(base),
        false => Err(another(path(), generation)),
    }
}

/// The deltas from the one without a parent to this one.
fn with_parents(
    files: &impl ManifestFiles,
    newest: Delta,
    written: WrittenFile,
) -> Result<Vec<(Delta, WrittenFile)>, StoreError> {
    let generation = newest.generation;
    let (mut before, mut next) = (generation, newest.parent);
    let mut deltas = vec![(newest, written)];
    while let Some(parent) = next {
        let read = read_parent(files, parent, generation)?;
        // The generations descend, so this ends. The manifest may build on a part of its own.
        let is_own = deltas.len() == 1 && read.0.generation == before;
        if read.0.generation >= before && !is_own {
            let why = "it is not of an earlier generation";
            let cause = DatasetCause::DamagedPart { generation, why };
            return Err(at(files.part_path(parent.id), cause));
        }
        (before, next) = (read.0.generation, read.0.parent);
        deltas.push(read);
    }
    deltas.reverse();
    Ok(deltas)
}

fn read_parent(
    files: &impl ManifestFiles,
    parent: FileId,
    generation: u64,
) -> Result<(Delta, WrittenFile), StoreError> {
    let path = || files.part_path(parent.id);
    let source = files.open_part(parent.id);
    let source = source.map_err(|error| missing(error, path, generation))?;
    let read = Delta::read(&*source);
    let read = read.map_err(|error| of_part(error, path, generation))?;
    match read.1.file == parent {
        true => Ok(read),
        false => Err(another(path(), generation)),
    }
}

/// Says which generation builds on a file that is missing.
fn missing(
    error: StoreError,
    path: impl FnOnce() -> Option<PathBuf>,
    generation: u64,
) -> StoreError {
    match error.is_not_found() {
        true => at(path(), DatasetCause::MissingManifest { generation }),
        false => error,
    }
}

/// An error of reading a part that a generation builds on.
fn of_part(
    error: StoreError,
    path: impl FnOnce() -> Option<PathBuf>,
    generation: u64,
) -> StoreError {
    let cause = error.get_ref().downcast_ref::<DatasetCause>();
    match cause.and_then(|cause| cause.of_part(generation)) {
        Some(cause) => at(path(), cause),
        None => at(path(), error),
    }
}

/// The error for a part that is whole, but not the one that a generation builds on.
fn another(path: Option<PathBuf>, generation: u64) -> StoreError {
    let why = "it is another file";
    at(path, DatasetCause::DamagedPart { generation, why })
}

impl<B: ManifestStore> ManifestFiles for StoreFiles<'_, B> {
    fn open_manifest(&self, generation: u64) -> Result<Box<dyn Source>, StoreError> {
        self.backing.open_manifest(self.path, generation)
    }

    fn open_part(&self, id: Uuid) -> Result<Box<dyn Source>, StoreError> {
        self.backing.open_part(self.path, id)
    }

    fn manifest_path(&self, generation: u64) -> Option<PathBuf> {
        self.backing.describe_manifest(self.path, generation)
    }

    fn part_path(&self, id: Uuid) -> Option<PathBuf> {
        self.backing.describe_part(self.path, id)
    }
}

impl ManifestFiles for Manifests<'_> {
    fn open_manifest(&self, generation: u64) -> Result<Box<dyn Source>, StoreError> {
        self.open(generation)
    }

    fn open_part(&self, id: Uuid) -> Result<Box<dyn Source>, StoreError> {
        self.open_part(id)
    }

    fn manifest_path(&self, generation: u64) -> Option<PathBuf> {
        Some(self.path_of(generation))
    }

    fn part_path(&self, id: Uuid) -> Option<PathBuf> {
        Some(self.part_path_of(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::fuzzing::Memory;
    use crate::dataset::manifest::Changes;

    fn delta(id: u128, generation: u64, parent: Option<FileId>) -> (Delta, Vec<u8>) {
        let delta = Delta {
            id: Uuid::from_u128(id),
            generation,
            base: None,
            parent,
            root: Some(b"{}".as_slice().into()),
            changes: Changes::default(),
        };
        let bytes = delta.encode().expect("it is short");
        (delta, bytes)
    }

    /// Parents refer to each other by id and checksum, so forged ones could form a ring.
    #[test]
    fn a_parent_is_of_an_earlier_generation_or_a_part_of_the_newest() {
        for (of_parents, is_whole) in [
            (&[6][..], true),
            (&[7], true),
            (&[8], false),
            (&[5, 6], true),
            (&[6, 7], true),
            (&[6, 6], false),
            (&[7, 7], false),
            (&[7, 6], false),
        ] {
            let mut files = Memory::default();
            let mut parent = None;
            for (n, generation) in (1..).zip(of_parents) {
                let (delta, bytes) = delta(n, *generation, parent);
                parent = Some(delta.written(&bytes).file);
                files.parts.insert(delta.id, bytes);
            }
            files.manifest = delta(0, 7, parent).1;
            let read = Generation::read(&files, 7);
            assert_eq!(read.is_ok(), is_whole, "{of_parents:?}");
            if let Err(error) = read {
                assert!(
                    error.to_string().contains("an earlier generation"),
                    "{error}"
                );
            }
        }
    }
}
