//! cacache: a file for each content, named by its hash.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, ensure};
use cacache::{Algorithm, RemoveOpts, WriteOpts};

use super::blob::Template;
use super::bytes::Bytes;
use crate::workloads::lifecycle::{BYTES, Steps};

pub struct Files {
    path: PathBuf,
}

pub fn files(dir: &Path) -> Files {
    Files {
        path: dir.join("cacache"),
    }
}

impl Bytes for Files {
    fn put(&self, id: usize, bytes: &[u8]) -> Result<()> {
        // Its fastest hash, and the size in advance, so that it can map.
        let mut writer = WriteOpts::new()
            .algorithm(Algorithm::Xxh3)
            .size(bytes.len())
            .open_sync(&self.path, id.to_string())?;
        writer.write_all(bytes)?;
        writer.commit()?;
        Ok(())
    }

    fn lend(&self, id: usize, look: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        look(&cacache::read_sync(&self.path, id.to_string())?)
    }
}

/// Creates, lists and removes.
pub fn lifecycle(dir: &Path, items: usize) -> Result<Steps> {
    let mut template = Template::new(BYTES);
    let mut steps = Steps::default();
    let files = files(dir);

    let begin = Instant::now();
    for id in 0..items {
        files.put(id, bytemuck::cast_slice(template.blob(id)))?;
    }
    steps.create = Some(begin.elapsed());

    let begin = Instant::now();
    let mut found = 0;
    for entry in cacache::list_sync(&files.path) {
        entry?;
        found += 1;
    }
    steps.scan = Some(begin.elapsed());
    ensure!(found == items, "entries are missing");

    let begin = Instant::now();
    for id in 0..items {
        RemoveOpts::new()
            .remove_fully(true)
            .remove_sync(&files.path, id.to_string())?;
    }
    steps.clean_up = Some(begin.elapsed());
    Ok(steps)
}
