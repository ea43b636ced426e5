//! mmap-sync: one value that a writer shares with readers through maps (rkyv
//! 0.7).

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use mmap_sync::synchronizer::Synchronizer;

use super::blob::touch;
use super::{Blobs, Touch};

/// A synchronizer for each blob.
pub struct Files {
    dir: PathBuf,
    validate: bool,
}

pub fn files(dir: &Path, validate: bool) -> Files {
    Files {
        dir: dir.to_owned(),
        validate,
    }
}

impl Files {
    fn synchronizer(&self, id: usize) -> Synchronizer {
        let prefix: OsString = self.dir.join(id.to_string()).into();
        Synchronizer::new(&prefix)
    }
}

impl Blobs for Files {
    fn put(&self, id: usize, blob: &[f32]) -> Result<()> {
        self.synchronizer(id)
            .write(&blob.to_vec(), Duration::from_secs(1))?;
        Ok(())
    }

    fn load_then(&self, id: usize, how: Touch, touched: &mut dyn FnMut()) -> Result<u32> {
        let mut synchronizer = self.synchronizer(id);
        // SAFETY: nobody writes any more.
        let value = unsafe { synchronizer.read::<Vec<f32>>(self.validate) }?;
        let sum = touch(value.as_slice(), how);
        touched();
        Ok(sum)
    }
}
