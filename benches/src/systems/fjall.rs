//! fjall: a log-structured merge tree, large values in files of their own.

use std::path::Path;

use anyhow::{Context as _, Result};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, KvSeparationOptions, PersistMode};

use super::blob::touch_bytes;
use super::{Blobs, Touch};

pub struct Files {
    database: Database,
    keyspace: Keyspace,
}

/// `cache` in bytes.
pub fn files(dir: &Path, cache: usize) -> Result<Files> {
    let database = Database::builder(dir.join("fjall"))
        .cache_size(cache as u64)
        .open()?;
    let keyspace = database.keyspace("blobs", || {
        KeyspaceCreateOptions::default().with_kv_separation(Some(KvSeparationOptions::default()))
    })?;
    Ok(Files { database, keyspace })
}

impl Files {
    /// Puts many at once and syncs them.
    pub fn put_all_synced(&self, blobs: &[(u32, Vec<u8>)]) -> Result<()> {
        let mut batch = self.database.batch();
        for (id, bytes) in blobs {
            batch.insert(&self.keyspace, id.to_be_bytes(), &**bytes);
        }
        batch.commit()?;
        Ok(self.database.persist(PersistMode::SyncAll)?)
    }
}

impl Blobs for Files {
    fn put(&self, id: usize, blob: &[f32]) -> Result<()> {
        let bytes: &[u8] = bytemuck::cast_slice(blob);
        Ok(self.keyspace.insert((id as u32).to_be_bytes(), bytes)?)
    }

    fn finish(&self) -> Result<()> {
        // Out of memory, into the tree's files.
        self.keyspace.rotate_memtable_and_wait()?;
        Ok(())
    }

    fn load(&self, id: usize, how: Touch) -> Result<u32> {
        let bytes = self.keyspace.get((id as u32).to_be_bytes())?;
        Ok(touch_bytes(&bytes.context("it was put")?, how))
    }
}
