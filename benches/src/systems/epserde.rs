//! epserde: serialized structures that are used where they lie in a map. It
//! checks a hash of the type, and does not validate the bytes.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Result;
use epserde::deser::{Deserialize as _, Flags};
use epserde::ser::Serialize as _;

use super::blob::touch;
use super::{Blobs, Touch};

/// A file for each blob.
pub struct Files {
    dir: PathBuf,
}

pub fn files(dir: &Path) -> Files {
    Files {
        dir: dir.to_owned(),
    }
}

impl Files {
    fn path(&self, id: usize) -> PathBuf {
        self.dir.join(id.to_string())
    }

    /// Makes an owned value, as a codec does.
    pub fn decode(&self, id: usize, how: Touch) -> Result<(Duration, u32)> {
        let path = self.path(id);
        let begin = Instant::now();
        // SAFETY: the file was written by `put`.
        let value = unsafe { <Vec<f32>>::load_full(path) }?;
        let sum = touch(&value, how);
        Ok((begin.elapsed(), sum))
    }
}

impl Blobs for Files {
    fn put(&self, id: usize, blob: &[f32]) -> Result<()> {
        // SAFETY: numbers have no padding.
        unsafe { blob.to_vec().store(self.path(id)) }?;
        Ok(())
    }

    fn load(&self, id: usize, how: Touch) -> Result<u32> {
        // SAFETY: the file was written by `put`, and nobody changes it.
        let value = unsafe { <Vec<f32>>::mmap(self.path(id), Flags::empty()) }?;
        Ok(touch(value.uncase(), how))
    }

    fn first_load(&self, id: usize, how: Touch) -> Result<(Duration, u32)> {
        let path = self.path(id);
        let begin = Instant::now();
        // SAFETY: the file was written by `put`, and nobody changes it.
        let value = unsafe { <Vec<f32>>::mmap(path, Flags::empty()) }?;
        let sum = touch(value.uncase(), how);
        Ok((begin.elapsed(), sum))
    }
}
