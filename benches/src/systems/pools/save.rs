//! A set of items that is saved again and again.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;

use super::{OnDisk, Room};
use crate::systems::blob::Template;
use crate::workloads::save::{BYTES, Saved};

/// Items under way at a time.
pub const TASKS: usize = 8;

pub struct Set<P: OnDisk> {
    // Before the pool: the handles end the items.
    items: Vec<Arc<P::Handle>>,
    tracked: P::Tracked,
    pool: P::Pool,
}

pub fn new<P: OnDisk>(dir: &Path, items: usize) -> Result<Set<P>> {
    let pool = P::pool(dir, Room::items(items))?;
    let tracked = P::track(&pool, P::place(&dir.join("saved"))?)?;
    let mut template = Template::new(BYTES);
    let items = (0..items)
        .map(|id| Ok(Arc::new(P::insert(&pool, P::value(template.blob(id))?)?)))
        .collect::<Result<_>>()?;
    Ok(Set {
        items,
        tracked,
        pool,
    })
}

impl<P: OnDisk> Saved for Set<P> {
    fn change(&mut self, items: &[usize], generation: usize) -> Result<()> {
        let mut template = Template::new(BYTES);
        for id in items {
            let item = Arc::get_mut(&mut self.items[*id]).expect("nobody else has the handle");
            P::change(item, P::value(template.blob(id + generation))?)?;
        }
        P::finish(&self.pool)
    }

    fn save(&mut self) -> Result<()> {
        P::save(&self.pool, &self.items, &self.tracked)
    }
}
