//! A set of items that is saved again and again.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use file_backed::Error;
use file_backed::backing_store::TrackedPath;
use file_backed::convenience::blocking_save;
use file_backed::fbstore::PreparedPath;

use super::{Form, Handle, Pool, pool};
use crate::systems::blob::Template;
use crate::workloads::save::{BYTES, Saved};

/// Saves under way at a time.
const TASKS: usize = 8;

pub struct Set<F: Form> {
    items: Vec<Arc<Handle<F>>>,
    pool: Arc<Pool<F>>,
    tracked: Arc<TrackedPath<PreparedPath>>,
}

pub fn new<F: Form>(dir: &Path, items: usize) -> Result<Set<F>> {
    let pool = pool::<F>(dir, items)?;
    let saved = PreparedPath::blocking_open(dir.join("saved"), vec![])?;
    let tracked = Arc::new(pool.store().blocking_track_path(saved)?);
    let mut template = Template::new(BYTES);
    let items = (0..items)
        .map(|id| Ok(Arc::new(pool.insert(F::value(template.blob(id))?))))
        .collect::<Result<_>>()?;
    Ok(Set {
        items,
        pool,
        tracked,
    })
}

impl<F: Form> Saved for Set<F> {
    fn change(&mut self, items: &[usize], generation: usize) -> Result<()> {
        let mut template = Template::new(BYTES);
        for id in items {
            let item = Arc::get_mut(&mut self.items[*id]).expect("nobody else has the handle");
            *item.blocking_write()? = F::value(template.blob(id + generation))?;
        }
        self.pool.store().blocking_finished();
        Ok(())
    }

    fn save(&mut self) -> Result<()> {
        let items = self.items.iter().cloned();
        let store = self.pool.store();
        blocking_save(store, items, &self.tracked, TASKS, || Ok::<_, Error>(()))?;
        Ok(())
    }
}
