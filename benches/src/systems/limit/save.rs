//! The least that a durable save costs: each item is looked up among those that
//! are saved; a changed one is written, linked and synced, its directory is
//! synced, and the old name is removed.

use std::collections::HashSet;
use std::hint::black_box;
use std::path::Path;

use anyhow::Result;
use rustix::fs::fsync;

use super::directory::Directory;
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
}

pub fn new(dir: &Path, items: usize) -> Result<Set> {
    Ok(Set {
        cache: Directory::create(&dir.join("cache"))?,
        saved: Directory::create(&dir.join("saved"))?,
        names: vec![None; items],
        present: HashSet::new(),
        changed: Vec::new(),
        next: 0,
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
        let mut old = Vec::new();
        let mut shards = HashSet::new();
        for (item, bytes) in self.changed.drain(..) {
            let name = self.next;
            self.next += 1;
            self.cache.write(name, &bytes)?;
            self.cache.link(name, &self.saved)?;
            fsync(self.saved.open_file(name)?)?;
            shards.insert(self.saved.shard_number(name));
            old.extend(self.names[item].replace(name));
            self.present.insert(name);
        }
        let present = |name: &&usize| self.present.contains(name);
        black_box(self.names.iter().flatten().filter(present).count());
        for shard in shards {
            fsync(&self.saved.shards()[shard])?;
        }
        for name in old {
            self.present.remove(&name);
            self.saved.unlink(name)?;
            self.cache.unlink(name)?;
        }
        Ok(())
    }
}
