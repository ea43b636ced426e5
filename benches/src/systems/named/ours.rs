//! A dataset of this crate.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use file_backed::dataset::Dataset;
use file_backed::fbstore::{BinCodec, FBStore, PreparedPath};
use file_backed::{Error, FBPool};

use super::{Access, Change, Named, fill, name_of};
use crate::systems::ours;

type Store = FBStore<BinCodec>;

pub struct Ours {
    // Before the pool: its items end with it.
    dataset: Option<Dataset<(), Store>>,
    pool: Arc<FBPool<Vec<f32>, Store>>,
    path: PathBuf,
}

/// Items of which the values stay in memory: far fewer than there are.
const RESIDENT: usize = 100;

impl Ours {
    pub fn new(dir: &Path, items: usize) -> Result<Self> {
        let cache = PreparedPath::blocking_open(dir.join("cache"))?;
        let store = ours::store(FBStore::open(BinCodec, cache)?);
        let mut set = Self {
            dataset: None,
            pool: Arc::new(FBPool::new(store, RESIDENT)),
            path: dir.join("saved"),
        };
        set.open(Access::Commit)?;
        // One commit, so that all of them are in its base.
        fill(&mut set, items, items)?;
        let names = set
            .dataset
            .as_ref()
            .map_or(0, |dataset| dataset.names().len());
        ensure!(names == items as u64, "{names} of {items} items have names");
        Ok(set)
    }
}

impl Named for Ours {
    fn commit(&mut self, changes: Vec<Change>) -> Result<()> {
        let dataset = self.dataset.as_ref().context("it is open")?;
        dataset.blocking_edit(|edit| {
            for (id, value) in changes {
                edit.put_named(&name_of(id), &self.pool.insert(value))?;
            }
            Ok::<_, Error>(())
        })?;
        Ok(())
    }

    fn can_open(&self, _: Access) -> bool {
        true
    }

    fn close(&mut self) -> Result<()> {
        self.dataset = None;
        self.pool.store().blocking_finished();
        Ok(())
    }

    fn open(&mut self, access: Access) -> Result<()> {
        let store = self.pool.store();
        self.dataset = Some(match access {
            Access::Commit => {
                Dataset::blocking_open(store, PreparedPath::blocking_open(self.path.clone())?)?
            }
            Access::Read => {
                let path = PreparedPath::blocking_open_read_only(self.path.clone())?;
                Dataset::blocking_open_read_only(store, path)?
            }
        });
        Ok(())
    }
}
