//! The least that names cost: made, linked, read and removed through open
//! directories.

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, ensure};
use rustix::fs::Dir;

use super::directory::Directory;
use crate::systems::blob::Template;
use crate::workloads::lifecycle::{BYTES, Steps};

pub fn run(dir: &Path, items: usize) -> Result<Steps> {
    let cache = Directory::create(&dir.join("cache"))?;
    let saved = Directory::create(&dir.join("saved"))?;
    let mut template = Template::new(BYTES);
    let mut steps = Steps::default();

    let begin = Instant::now();
    for id in 0..items {
        cache.write(id, bytemuck::cast_slice(template.blob(id)))?;
    }
    steps.create = begin.elapsed();

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
    let names = scan(&saved, items)?;
    steps.scan = begin.elapsed();
    ensure!(names.len() == items, "names are missing");

    let cache = Directory::open(&dir.join("cache"))?;
    let begin = Instant::now();
    for id in 0..items {
        saved.link(id, &cache)?;
    }
    steps.register = Some(begin.elapsed());

    let begin = Instant::now();
    for id in 0..items {
        cache.unlink(id)?;
    }
    steps.clean_up = begin.elapsed();
    Ok(steps)
}

/// The names in all shards, as numbers.
fn scan(files: &Directory, items: usize) -> Result<Vec<u128>> {
    let mut names = Vec::with_capacity(items);
    for shard in files.shards() {
        for entry in Dir::read_from(shard)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name.len() == 32
                && let Ok(name) = std::str::from_utf8(name)
                && let Ok(number) = u128::from_str_radix(name, 16)
            {
                names.push(number);
            }
        }
    }
    Ok(names)
}
