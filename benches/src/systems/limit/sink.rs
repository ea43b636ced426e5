//! The least that putting values into files costs: threads that archive and
//! write, and do not talk to each other.

use std::path::Path;
use std::sync::Mutex;

use anyhow::Result;
use rkyv::rancor::Error;
use rkyv::util::AlignedVec;

use super::directory::Directory;
use crate::harness::threads::together;
use crate::systems::blob::Template;

pub fn archive_and_write(dir: &Path, items: usize, bytes: usize, threads: usize) -> Result<()> {
    let files = Directory::create(dir)?;
    let failed = Mutex::new(None);
    together(threads, &|thread| {
        let mut template = Template::new(bytes);
        let mut buffer = AlignedVec::<16>::new();
        for id in (thread..items).step_by(threads) {
            let blob = template.blob(id).to_vec();
            let archived = rkyv::api::high::to_bytes_in::<_, Error>(&blob, &mut buffer);
            let written = archived
                .map_err(anyhow::Error::from)
                .and_then(|archive| files.write(id, archive));
            buffer.clear();
            if let Err(error) = written {
                *failed.lock().expect("no thread panics with it") = Some(error);
                return;
            }
        }
    });
    let failed = failed.into_inner().expect("no thread panics with it");
    failed.map_or(Ok(()), Err)
}
