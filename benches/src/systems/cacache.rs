//! cacache: a file for each content, named by its hash.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, ensure};
use cacache::{Algorithm, RemoveOpts, WriteOpts};

use super::blob::{Template, touch_bytes};
use super::{Blobs, Touch};
use crate::workloads::lifecycle::{BYTES, Steps};

pub struct Files {
    path: PathBuf,
}

pub fn files(dir: &Path) -> Files {
    Files {
        path: dir.join("cacache"),
    }
}

impl Blobs for Files {
    fn put(&self, id: usize, blob: &[f32]) -> Result<()> {
        let bytes: &[u8] = bytemuck::cast_slice(blob);
        // Its fastest hash, and the size in advance, so that it can map.
        let mut writer = WriteOpts::new()
            .algorithm(Algorithm::Xxh3)
            .size(bytes.len())
            .open_sync(&self.path, id.to_string())?;
        writer.write_all(bytes)?;
        writer.commit()?;
        Ok(())
    }

    fn load(&self, id: usize, how: Touch) -> Result<u32> {
        let bytes = cacache::read_sync(&self.path, id.to_string())?;
        Ok(touch_bytes(&bytes, how))
    }
}

/// Creates, lists and removes.
pub fn lifecycle(dir: &Path, items: usize) -> Result<Steps> {
    let mut template = Template::new(BYTES);
    let mut steps = Steps::default();
    let files = files(dir);

    let begin = Instant::now();
    for id in 0..items {
        files.put(id, template.blob(id))?;
    }
    steps.create = begin.elapsed();

    let begin = Instant::now();
    let mut found = 0;
    for entry in cacache::list_sync(&files.path) {
        entry?;
        found += 1;
    }
    steps.scan = begin.elapsed();
    ensure!(found == items, "entries are missing");

    let begin = Instant::now();
    for id in 0..items {
        RemoveOpts::new()
            .remove_fully(true)
            .remove_sync(&files.path, id.to_string())?;
    }
    steps.clean_up = begin.elapsed();
    Ok(steps)
}
