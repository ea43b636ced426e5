//! Items from their creation to their end, with a restart between.

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, ensure};

use super::{OnDisk, Room};
use crate::systems::blob::Template;
use crate::workloads::lifecycle::{BYTES, Steps};

/// Items that stay in memory while many are created.
const FEW: usize = 16;

/// Creates, persists, restarts, registers and cleans up.
pub fn run<P: OnDisk>(dir: &Path, items: usize) -> Result<Steps> {
    let mut template = Template::new(BYTES);
    let mut steps = Steps::default();
    let first = P::pool(dir, Room::items(FEW))?;
    let tracked = P::track(&first, P::place(&dir.join("saved"))?)?;

    let begin = Instant::now();
    let handles = (0..items)
        .map(|id| P::insert(&first, P::value(template.blob(id))?))
        .collect::<Result<Vec<_>>>()?;
    for handle in handles.iter().rev().take(FEW) {
        P::write_now(handle)?;
    }
    P::finish(&first)?;
    steps.create = Some(begin.elapsed());

    let begin = Instant::now();
    P::persist_many(&first, &handles, &tracked)?;
    steps.persist = Some(begin.elapsed());
    drop(handles);
    P::finish(&first)?;
    drop((first, tracked));

    let second = P::pool(dir, Room::items(FEW))?;
    let saved = P::place(&dir.join("saved"))?;
    let begin = Instant::now();
    let tracked = P::track(&second, saved)?;
    let keys = P::all_keys(&tracked);
    steps.scan = Some(begin.elapsed());
    ensure!(keys.len() == items, "keys are missing");

    let begin = Instant::now();
    let handles = P::register_many(&second, &tracked, &keys)?;
    steps.register = Some(begin.elapsed());

    let begin = Instant::now();
    drop(handles);
    P::finish(&second)?;
    steps.clean_up = Some(begin.elapsed());
    Ok(steps)
}
