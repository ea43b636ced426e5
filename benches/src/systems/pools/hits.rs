//! Items in memory.

use std::path::Path;

use anyhow::{Result, ensure};

use super::{OnDisk, Room};
use crate::systems::form::Form as _;
use crate::systems::{Hits, Touch};

pub struct InMemory<P: OnDisk> {
    // Before the pool: the handles end the items.
    items: Vec<P::Handle>,
    _pool: P::Pool,
}

/// As many items as the pool keeps.
pub fn in_memory<P: OnDisk>(dir: &Path, items: usize, blob: &[f32]) -> Result<InMemory<P>> {
    let pool = P::pool(dir, Room::items(items))?;
    let items = (0..items)
        .map(|_| P::insert(&pool, P::value(blob)?))
        .collect::<Result<_>>()?;
    Ok(InMemory { items, _pool: pool })
}

/// One item that the pool's budget has let go of, and whose map was kept.
pub fn kept<P: OnDisk>(dir: &Path, blob: &[f32]) -> Result<InMemory<P>> {
    let pool = P::pool(dir, Room::items(0))?;
    let item = P::insert(&pool, P::value(blob)?)?;
    P::finish(&pool)?;
    let expected = P::Form::touch(&P::value(blob)?, Touch::One);
    for _ in 0..2 {
        let sum = P::look(&item, |value| P::Form::touch(value, Touch::One));
        ensure!(sum == expected, "it loads something else than was put");
        P::finish(&pool)?;
    }
    ensure!(P::is_in_memory(&item), "its map was not kept");
    Ok(InMemory {
        items: vec![item],
        _pool: pool,
    })
}

impl<P: OnDisk> Hits for InMemory<P> {
    fn pass(&self, order: &[u32]) -> u32 {
        let items = order.iter().map(|item| &self.items[*item as usize]);
        P::look_at(items, |value| P::Form::touch(value, Touch::One))
    }
}
