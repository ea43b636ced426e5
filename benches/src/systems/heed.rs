//! heed (LMDB): one mapped file with a tree of pages.

use std::path::Path;
use std::sync::Mutex;

use anyhow::{Context as _, Result};
use heed::byteorder::NativeEndian;
use heed::types::{self, U32};
use heed::{Database, Env, EnvFlags, EnvOpenOptions};

use super::bytes::Bytes;

pub struct Files {
    env: Env,
    database: Database<U32<NativeEndian>, types::Bytes>,
    pending: Mutex<Vec<(u32, Vec<u8>)>>,
    /// Values that go into one transaction.
    batch: usize,
}

/// Bytes that go into one transaction.
const BATCH: usize = 32 << 20;

/// Nothing is synced unless `synced`: a cache is worth nothing after a crash.
pub fn files(dir: &Path, items: usize, bytes: usize, synced: bool) -> Result<Files> {
    let pages = items * (bytes + 4096).next_multiple_of(4096);
    let mut options = EnvOpenOptions::new();
    options.map_size((pages * 3 + (256 << 20)).next_multiple_of(4096));
    // One for each thread that reads.
    options.max_readers(2048);
    if !synced {
        // SAFETY: after a crash the files are not used again.
        unsafe { options.flags(EnvFlags::NO_SYNC) };
    }
    // SAFETY: nobody else knows the directory.
    let env = unsafe { options.open(dir) }?;
    let mut transaction = env.write_txn()?;
    let database = env.create_database(&mut transaction, None)?;
    transaction.commit()?;
    Ok(Files {
        env,
        database,
        pending: Mutex::default(),
        batch: (BATCH / bytes.max(1)).clamp(1, 4096),
    })
}

impl Files {
    /// Puts many in one transaction.
    pub fn put_all(&self, blobs: &[(u32, Vec<u8>)]) -> Result<()> {
        let mut transaction = self.env.write_txn()?;
        for (id, bytes) in blobs {
            self.database.put(&mut transaction, id, bytes)?;
        }
        Ok(transaction.commit()?)
    }
}

impl Bytes for Files {
    fn put(&self, id: usize, bytes: &[u8]) -> Result<()> {
        let mut pending = self.pending.lock().expect("no thread panics with it");
        pending.push((id as u32, bytes.to_vec()));
        if pending.len() >= self.batch {
            self.put_all(&pending)?;
            pending.clear();
        }
        Ok(())
    }

    fn finish(&self) -> Result<()> {
        let mut pending = self.pending.lock().expect("no thread panics with it");
        self.put_all(&pending)?;
        pending.clear();
        Ok(())
    }

    fn lend(&self, id: usize, look: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let transaction = self.env.read_txn()?;
        let bytes = self.database.get(&transaction, &(id as u32))?;
        look(bytes.context("it was put")?)
    }
}
