//! fjall, with values below names.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, KvSeparationOptions, PersistMode};

use super::{Access, BATCH, Change, Named, fill, name_of};

pub struct Fjall {
    path: PathBuf,
    open: Option<(Keyspace, Database)>,
}

impl Fjall {
    pub fn new(dir: &Path, items: usize) -> Result<Self> {
        let mut set = Self {
            path: dir.join("fjall"),
            open: None,
        };
        set.open(Access::Commit)?;
        fill(&mut set, items, BATCH)?;
        Ok(set)
    }
}

impl Named for Fjall {
    fn commit(&mut self, changes: Vec<Change>) -> Result<()> {
        let (keyspace, database) = self.open.as_ref().context("it is open")?;
        let mut batch = database.batch();
        for (id, value) in &changes {
            batch.insert(keyspace, name_of(*id), bytemuck::cast_slice(value));
        }
        batch.commit()?;
        Ok(database.persist(PersistMode::SyncAll)?)
    }

    fn can_open(&self, access: Access) -> bool {
        access == Access::Commit
    }

    fn close(&mut self) -> Result<()> {
        self.open.take().map(drop).context("it is open")
    }

    fn open(&mut self, _: Access) -> Result<()> {
        let database = Database::builder(&self.path).open()?;
        let keyspace = database.keyspace("items", || {
            let options = KeyspaceCreateOptions::default();
            options.with_kv_separation(Some(KvSeparationOptions::default()))
        })?;
        self.open = Some((keyspace, database));
        Ok(())
    }
}
