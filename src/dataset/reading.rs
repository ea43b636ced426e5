//! Reading a generation from the files that record it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use file_backed_codecs::Source;
use uuid::Uuid;

use super::cause::DatasetCause;
use super::contents::{Chain, Contents, ReadChain};
use super::manifest::{Base, Delta, FileId, Parent, Recorded, WrittenFile};
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

/// The files that record a generation, without those of its items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RecordingFiles {
    pub(super) base: Option<Uuid>,
    /// The generations whose manifests it consists of; its own is the highest.
    pub(super) manifests: BTreeSet<u64>,
}

impl RecordingFiles {
    pub(super) fn of(generation: u64, chain: Option<&Chain>) -> Self {
        let deltas = chain.into_iter().flat_map(Chain::deltas);
        let parents = deltas.map(|link| link.generation);
        Self {
            base: chain.and_then(Chain::base).map(|base| base.file.id),
            manifests: parents.chain([generation]).collect(),
        }
    }
}

impl Generation {
    /// Reads a generation, and checks everything in its files. The caller has it pinned, or
    /// is the only one to remove files.
    pub(super) fn read(files: &impl ManifestFiles, number: u64) -> Result<Self, StoreError> {
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
        let base = match delta.base {
            Some(base) => Some(Arc::new(read_base(files, base, number)?)),
            None => None,
        };
        let deltas = with_parents(files, delta, written)?;
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

    pub(super) fn files(&self) -> RecordingFiles {
        RecordingFiles::of(self.number, self.chain.as_ref())
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
    let base = Base::read(&*source).map_err(|error| at(path(), error))?;
    match base.written().file == file {
        true => Ok(base),
        false => Err(at(
            path(),
            DatasetCause::DamagedManifest("it is another base"),
        )),
    }
}

/// The deltas from the one without a parent to this one.
fn with_parents(
    files: &impl ManifestFiles,
    newest: Delta,
    written: WrittenFile,
) -> Result<Vec<(Delta, WrittenFile)>, StoreError> {
    let generation = newest.generation;
    let mut next = newest.parent;
    let mut deltas = vec![(newest, written)];
    // The generations descend, so this ends.
    while let Some(parent) = next {
        let read = read_parent(files, parent, generation)?;
        next = read.0.parent;
        deltas.push(read);
    }
    deltas.reverse();
    Ok(deltas)
}

fn read_parent(
    files: &impl ManifestFiles,
    parent: Parent,
    generation: u64,
) -> Result<(Delta, WrittenFile), StoreError> {
    let path = || files.manifest_path(parent.generation);
    let source = files.open_manifest(parent.generation);
    let source = source.map_err(|error| missing(error, path, generation))?;
    let read = Recorded::read(&*source, parent.generation);
    match read.map_err(|error| at(path(), error))? {
        Recorded::Delta(delta, written) if written.file == parent.file => Ok((delta, written)),
        _ => Err(at(
            path(),
            DatasetCause::DamagedManifest("it is another generation"),
        )),
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
