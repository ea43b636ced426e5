//! A set of items that is saved again and again.

use std::path::Path;
use std::sync::Arc;

use ancestor::backing_store::TrackedPath;
use ancestor::convenience::blocking_save;
use ancestor::fbstore::PreparedPath;
use anyhow::Result;

use super::{Form, Handle, Pool, pool};
use crate::systems::blob::Template;
use crate::systems::{User, runtime};
use crate::workloads::save::{BYTES, Saved};

/// Saves under way at a time.
const TASKS: usize = 8;

pub struct Set<F: Form> {
    items: Vec<Arc<Handle<F>>>,
    pool: Arc<Pool<F>>,
    tracked: Arc<TrackedPath<PreparedPath>>,
}

pub fn new<F: Form>(dir: &Path, items: usize) -> Set<F> {
    let pool = pool::<F>(dir, items);
    let saved = PreparedPath::blocking_new(dir.join("saved"), vec![]);
    let tracked = Arc::new(pool.store().blocking_track_path(saved));
    let mut template = Template::new(BYTES);
    let items = (0..items)
        .map(|id| Arc::new(pool.insert(F::value(template.blob(id)))))
        .collect();
    Set {
        items,
        pool,
        tracked,
    }
}

impl<F: Form> Saved for Set<F> {
    fn change(&mut self, items: &[usize], generation: usize) -> Result<()> {
        let mut template = Template::new(BYTES);
        for id in items {
            let item = Arc::get_mut(&mut self.items[*id]).expect("nobody else has the handle");
            *item.blocking_load_mut() = F::value(template.blob(id + generation));
        }
        runtime(User::Ancestor).block_on(self.pool.store().finished());
        Ok(())
    }

    fn save(&mut self) -> Result<()> {
        let items = self.items.iter().cloned();
        let store = self.pool.store();
        blocking_save(store, items, &self.tracked, TASKS, || Ok(()))
    }
}
