//! fjall: a log-structured merge tree, large values in files of their own.

use std::path::Path;

use anyhow::{Context as _, Result};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, KvSeparationOptions, PersistMode};

use super::bytes::Bytes;

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

impl Bytes for Files {
    fn put(&self, id: usize, bytes: &[u8]) -> Result<()> {
        Ok(self.keyspace.insert((id as u32).to_be_bytes(), bytes)?)
    }

    fn finish(&self) -> Result<()> {
        // Out of memory, into the tree's files.
        self.keyspace.rotate_memtable_and_wait()?;
        Ok(())
    }

    fn lend(&self, id: usize, look: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let bytes = self.keyspace.get((id as u32).to_be_bytes())?;
        look(&bytes.context("it was put")?)
    }
}
