//! heed (LMDB), with values below names.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use heed::types::{Bytes, Str};
use heed::{Database, Env, EnvFlags, EnvOpenOptions};

use super::{Access, BATCH, Change, Named, fill, name_of};

/// Bytes of addresses that the file may take.
const MAP: usize = 8 << 30;

pub struct Heed {
    dir: PathBuf,
    open: Option<(Env, Database<Str, Bytes>)>,
}

impl Heed {
    pub fn new(dir: &Path, items: usize) -> Result<Self> {
        let mut set = Self {
            dir: dir.to_owned(),
            open: None,
        };
        set.open(Access::Commit)?;
        fill(&mut set, items, BATCH)?;
        Ok(set)
    }
}

impl Named for Heed {
    fn commit(&mut self, changes: Vec<Change>) -> Result<()> {
        let (env, database) = self.open.as_ref().context("it is open")?;
        let mut transaction = env.write_txn()?;
        for (id, value) in &changes {
            let bytes = bytemuck::cast_slice(value);
            database.put(&mut transaction, &name_of(*id), bytes)?;
        }
        Ok(transaction.commit()?)
    }

    fn can_open(&self, _: Access) -> bool {
        true
    }

    fn close(&mut self) -> Result<()> {
        let (env, _) = self.open.take().context("it is open")?;
        env.prepare_for_closing().wait();
        Ok(())
    }

    fn open(&mut self, access: Access) -> Result<()> {
        let mut options = EnvOpenOptions::new();
        options.map_size(MAP);
        if access == Access::Read {
            // SAFETY: the flag takes nothing of what heed relies on.
            unsafe { options.flags(EnvFlags::READ_ONLY) };
        }
        // SAFETY: nobody else knows the directory.
        let env = unsafe { options.open(&self.dir) }?;
        let database = match access {
            Access::Commit => {
                let mut transaction = env.write_txn()?;
                let database = env.create_database(&mut transaction, None)?;
                transaction.commit()?;
                database
            }
            Access::Read => {
                let transaction = env.read_txn()?;
                let database = env.open_database(&transaction, None)?;
                transaction.commit()?;
                database.context("it was made")?
            }
        };
        self.open = Some((env, database));
        Ok(())
    }
}
