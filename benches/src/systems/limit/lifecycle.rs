//! The least that names cost: made, linked, read and removed through open
//! directories.

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, ensure};

use super::directory::Directory;
use crate::harness::threads::share;
use crate::systems::blob::Template;
use crate::workloads::lifecycle::{BYTES, Steps};

/// With one thread: what a caller's own thread can do.
pub fn on_one_thread(dir: &Path, items: usize) -> Result<Steps> {
    run(dir, items, 1)
}

/// With two threads, as many as do the background work of a pool on two cores:
/// only the steps that a pool leaves to them.
pub fn on_two_threads(dir: &Path, items: usize) -> Result<Steps> {
    let steps = run(dir, items, 2)?;
    Ok(Steps {
        create: steps.create,
        clean_up: steps.clean_up,
        ..Steps::default()
    })
}

fn run(dir: &Path, items: usize, threads: usize) -> Result<Steps> {
    let cache = Directory::create(&dir.join("cache"))?;
    let saved = Directory::create(&dir.join("saved"))?;
    let mut steps = Steps::default();

    let begin = Instant::now();
    share(threads, items, &|ids| {
        let mut template = Template::new(BYTES);
        for id in ids {
            cache.write(id, bytemuck::cast_slice(template.blob(id)))?;
        }
        Ok(())
    })?;
    steps.create = Some(begin.elapsed());

    let begin = Instant::now();
    for id in 0..items {
        cache.link(id, &saved)?;
    }
    steps.persist = Some(begin.elapsed());
    for id in 0..items {
        cache.unlink(id)?;
    }
    drop((cache, saved));

    let begin = Instant::now();
    let saved = Directory::open(&dir.join("saved"))?;
    let names = saved.scan()?;
    steps.scan = Some(begin.elapsed());
    ensure!(names.len() == items, "names are missing");

    let cache = Directory::open(&dir.join("cache"))?;
    let begin = Instant::now();
    for id in 0..items {
        saved.link(id, &cache)?;
    }
    steps.register = Some(begin.elapsed());

    let begin = Instant::now();
    share(threads, items, &|ids| {
        for id in ids {
            cache.unlink(id)?;
        }
        Ok(())
    })?;
    steps.clean_up = Some(begin.elapsed());
    Ok(steps)
}
