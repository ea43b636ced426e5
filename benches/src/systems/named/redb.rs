//! redb, with values below names.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use redb::{Database, Durability, ReadOnlyDatabase, TableDefinition};

use super::{Access, BATCH, Change, Named, fill, name_of};

const TABLE: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("items");

/// Bytes of its own cache.
const CACHE: usize = 64 << 20;

pub struct Redb {
    path: PathBuf,
    open: Option<Open>,
}

enum Open {
    Commit(Database),
    Read(#[expect(dead_code, reason = "it is only opened")] ReadOnlyDatabase),
}

impl Redb {
    pub fn new(dir: &Path, items: usize) -> Result<Self> {
        let mut set = Self {
            path: dir.join("redb"),
            open: None,
        };
        set.open(Access::Commit)?;
        fill(&mut set, items, BATCH)?;
        Ok(set)
    }
}

impl Named for Redb {
    fn commit(&mut self, changes: Vec<Change>) -> Result<()> {
        let Some(Open::Commit(database)) = &self.open else {
            anyhow::bail!("it is not open to commit");
        };
        let mut transaction = database.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        {
            let mut table = transaction.open_table(TABLE)?;
            for (id, value) in &changes {
                table.insert(&*name_of(*id), bytemuck::cast_slice(value))?;
            }
        }
        Ok(transaction.commit()?)
    }

    fn can_open(&self, _: Access) -> bool {
        true
    }

    fn close(&mut self) -> Result<()> {
        self.open.take().map(drop).context("it is open")
    }

    fn open(&mut self, access: Access) -> Result<()> {
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE);
        self.open = Some(match access {
            Access::Commit => Open::Commit(builder.create(&self.path)?),
            Access::Read => Open::Read(builder.open_read_only(&self.path)?),
        });
        Ok(())
    }
}
