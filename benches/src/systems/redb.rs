//! redb: a tree of pages in one file, with a cache of its own.

use std::path::Path;
use std::sync::Mutex;

use anyhow::{Context as _, Result};
use redb::{Database, Durability, ReadableDatabase as _, TableDefinition};

use super::bytes::Bytes;

const TABLE: TableDefinition<'_, u32, &[u8]> = TableDefinition::new("blobs");

pub struct Files {
    database: Database,
    pending: Mutex<Vec<(u32, Vec<u8>)>>,
    /// Values that go into one transaction.
    batch: usize,
}

/// Bytes that go into one transaction.
const BATCH: usize = 32 << 20;

/// `cache` in bytes.
pub fn files(dir: &Path, cache: usize, bytes: usize) -> Result<Files> {
    let database = Database::builder()
        .set_cache_size(cache)
        .create(dir.join("redb"))?;
    Ok(Files {
        database,
        pending: Mutex::default(),
        batch: (BATCH / bytes.max(1)).clamp(1, 4096),
    })
}

impl Files {
    /// Puts many in one transaction, synced or not.
    pub fn put_all(&self, blobs: &[(u32, Vec<u8>)], durability: Durability) -> Result<()> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(durability)?;
        {
            let mut table = transaction.open_table(TABLE)?;
            for (id, bytes) in blobs {
                table.insert(id, &**bytes)?;
            }
        }
        Ok(transaction.commit()?)
    }
}

impl Bytes for Files {
    fn put(&self, id: usize, bytes: &[u8]) -> Result<()> {
        let mut pending = self.pending.lock().expect("no thread panics with it");
        pending.push((id as u32, bytes.to_vec()));
        if pending.len() >= self.batch {
            self.put_all(&pending, Durability::None)?;
            pending.clear();
        }
        Ok(())
    }

    fn finish(&self) -> Result<()> {
        let mut pending = self.pending.lock().expect("no thread panics with it");
        self.put_all(&pending, Durability::None)?;
        pending.clear();
        Ok(())
    }

    fn lend(&self, id: usize, look: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let table = self.database.begin_read()?.open_table(TABLE)?;
        let bytes = table.get(id as u32)?.context("it was put")?;
        look(bytes.value())
    }
}
