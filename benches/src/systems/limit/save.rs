//! The least that a durable save costs: each item is looked up among those that
//! are saved; a changed one is written, linked and synced, its directory is
//! synced, and the old name is removed.

use std::collections::HashSet;
use std::hint::black_box;
use std::path::Path;

use anyhow::Result;
use rustix::fs::{fsync, syncfs};

use super::directory::Directory;
use crate::harness::threads::share;
use crate::systems::blob::Template;
use crate::workloads::save::{BYTES, Saved};

pub struct Set {
    cache: Directory,
    saved: Directory,
    /// The name that each item has, if it is saved.
    names: Vec<Option<usize>>,
    /// All of them.
    present: HashSet<usize>,
    /// Items with the content that they are to have.
    changed: Vec<(usize, Vec<u8>)>,
    next: usize,
    threads: usize,
    sync: Sync,
}

/// How what was written becomes durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// Each file, and then each directory.
    Each,
    /// The whole file system at once: cheaper where much has changed.
    Whole,
}

pub fn new(dir: &Path, items: usize, threads: usize, sync: Sync) -> Result<Set> {
    Ok(Set {
        cache: Directory::create(&dir.join("cache"))?,
        saved: Directory::create(&dir.join("saved"))?,
        names: vec![None; items],
        present: HashSet::new(),
        changed: Vec::new(),
        next: 0,
        threads,
        sync,
    })
}

impl Saved for Set {
    fn change(&mut self, items: &[usize], generation: usize) -> Result<()> {
        let mut template = Template::new(BYTES);
        self.changed.extend(items.iter().map(|id| {
            let blob = template.blob(id + generation);
            (*id, bytemuck::cast_slice(blob).to_vec())
        }));
        Ok(())
    }

    fn save(&mut self) -> Result<()> {
        let changed = std::mem::take(&mut self.changed);
        let first = self.next;
        self.next += changed.len();
        share(self.threads, changed.len(), &|numbers| {
            for number in numbers {
                let name = first + number;
                self.cache.write(name, &changed[number].1)?;
                self.cache.link(name, &self.saved)?;
                if self.sync == Sync::Each {
                    fsync(self.saved.open_file(name)?)?;
                }
            }
            Ok(())
        })?;
        let mut old = Vec::new();
        let mut shards = HashSet::new();
        for (number, (item, _)) in changed.iter().enumerate() {
            let name = first + number;
            shards.insert(self.saved.shard_number(name));
            old.extend(self.names[*item].replace(name));
            self.present.insert(name);
        }
        let present = |name: &&usize| self.present.contains(name);
        black_box(self.names.iter().flatten().filter(present).count());
        let shards: Vec<usize> = shards.into_iter().collect();
        match self.sync {
            Sync::Each => share(self.threads, shards.len(), &|numbers| {
                for number in numbers {
                    fsync(&self.saved.shards()[shards[number]])?;
                }
                Ok(())
            })?,
            Sync::Whole if shards.is_empty() => {}
            Sync::Whole => syncfs(&self.saved.shards()[0])?,
        }
        for name in &old {
            self.present.remove(name);
        }
        share(self.threads, old.len(), &|numbers| {
            for number in numbers {
                self.saved.unlink(old[number])?;
                self.cache.unlink(old[number])?;
            }
            Ok(())
        })
    }
}
