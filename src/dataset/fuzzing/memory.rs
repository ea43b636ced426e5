//! The files of a generation, in memory.

use std::collections::BTreeMap;
use std::path::PathBuf;

use file_backed_codecs::Source;
use uuid::Uuid;

use crate::dataset::reading::ManifestFiles;
use crate::error::StoreError;

/// A manifest, which is taken for that of any generation, and parts by their ids.
#[derive(Clone, Default)]
pub(in crate::dataset) struct Memory {
    pub(in crate::dataset) manifest: Vec<u8>,
    pub(in crate::dataset) parts: BTreeMap<Uuid, Vec<u8>>,
}

impl ManifestFiles for Memory {
    fn open_manifest(&self, _: u64) -> Result<Box<dyn Source>, StoreError> {
        Ok(Box::new(self.manifest.clone()))
    }

    fn open_part(&self, id: Uuid) -> Result<Box<dyn Source>, StoreError> {
        match self.parts.get(&id) {
            Some(part) => Ok(Box::new(part.clone())),
            None => Err(StoreError::not_found("there is no such part")),
        }
    }

    fn manifest_path(&self, _: u64) -> Option<PathBuf> {
        None
    }

    fn part_path(&self, id: Uuid) -> Option<PathBuf> {
        Some(id.to_string().into())
    }
}
