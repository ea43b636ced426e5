//! The least that putting values into files costs: threads that archive and
//! write, and do not talk to each other.

use std::path::Path;

use anyhow::Result;
use rkyv::rancor::Error;
use rkyv::util::AlignedVec;

use super::directory::Directory;
use crate::harness::threads::share;
use crate::systems::blob::Template;

pub fn archive_and_write(dir: &Path, items: usize, bytes: usize, threads: usize) -> Result<()> {
    let files = Directory::create(dir)?;
    share(threads, items, &|ids| {
        let mut template = Template::new(bytes);
        let mut buffer = AlignedVec::<16>::new();
        for id in ids {
            let blob = template.blob(id).to_vec();
            files.write(
                id,
                rkyv::api::high::to_bytes_in::<_, Error>(&blob, &mut buffer)?,
            )?;
            buffer.clear();
        }
        Ok(())
    })
}
