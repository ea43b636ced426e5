//! epserde: serialized structures that are used where they lie in a map. It
//! checks a hash of the type, and does not validate the bytes.

use std::path::{Path, PathBuf};

use anyhow::Result;
use epserde::deser::{Deserialize as _, Flags};
use epserde::ser::Serialize as _;

use super::blob::touch;
use super::{Blobs, Touch};

/// A file for each blob.
pub struct Files {
    dir: PathBuf,
    owned: bool,
}

/// Each load maps the file, or if `owned` makes a value of its own, as a codec
/// does.
pub fn files(dir: &Path, owned: bool) -> Files {
    Files {
        dir: dir.to_owned(),
        owned,
    }
}

impl Files {
    fn path(&self, id: usize) -> PathBuf {
        self.dir.join(id.to_string())
    }
}

impl Blobs for Files {
    fn put(&self, id: usize, blob: &[f32]) -> Result<()> {
        // SAFETY: numbers have no padding.
        unsafe { blob.to_vec().store(self.path(id)) }?;
        Ok(())
    }

    fn load_then(&self, id: usize, how: Touch, touched: &mut dyn FnMut()) -> Result<u32> {
        if self.owned {
            // SAFETY: the file was written by `put`.
            let value = unsafe { <Vec<f32>>::load_full(self.path(id)) }?;
            let sum = touch(&value, how);
            touched();
            return Ok(sum);
        }
        // SAFETY: the file was written by `put`, and nobody changes it.
        let value = unsafe { <Vec<f32>>::mmap(self.path(id), Flags::empty()) }?;
        let sum = touch(value.uncase(), how);
        touched();
        Ok(sum)
    }
}
